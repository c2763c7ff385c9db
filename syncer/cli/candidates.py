"""What may stand after an option: contexts, namespaces, tags, refs. Fast, and silent whatever happens.

Each is a `shell_complete` of Click: (context, parameter, what was typed so far) → values.
"""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import suppress
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import click

PATIENCE: Final = 1.5
"""Seconds that a person waits for the cluster, or for files to be looked through, at most."""

_NAMESPACE: Final = re.compile(rb"""(?m)^[^#\n]*?(?<![\w/-])["']?namespace["']?:[ \t]*["']?([a-z0-9][a-z0-9-]{0,62})""")


def contexts(ctx: click.Context, _param: click.Parameter, typed: str) -> list[str]:
    """Give the contexts of the kubeconfig: the one that is named, else those of $KUBECONFIG, else the user's."""
    import yaml  # type: ignore[import-untyped] # noqa: PLC0415 - its stubs are a package of their own; `--help` needs none

    named = ctx.params.get("kubeconfig") or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    found: list[str] = []
    for path in named.split(os.pathsep):
        try:
            config = yaml.load(Path(path).read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - either is safe
            found += [str(context["name"]) for context in config["contexts"]]
        except (OSError, yaml.YAMLError, KeyError, TypeError):
            continue
    return _those(found, typed)


def namespaces(ctx: click.Context, _param: click.Parameter, typed: str) -> list[str]:
    """Give the namespaces that the cluster lets this user see, else those that manifests here name."""
    found = _in_time(lambda: _on_the_cluster(ctx.params), PATIENCE)
    return _those(found or _in_manifests(Path(_folder(ctx))), typed)


def tags(ctx: click.Context, _param: click.Parameter, typed: str) -> list[str]:
    """Give the tags that manifests here describe, as NAMESPACE/STREAM:TAG."""
    return _those(_in_time(lambda: _described(Path(_folder(ctx))), PATIENCE), typed)


def refs(ctx: click.Context, _param: click.Parameter, typed: str) -> list[str]:
    """Give the branches and tags of SOURCE, where it is a directory."""
    # Not GitPython: it takes longer to import than a person waits for a key.
    command = ["git", "-C", _folder(ctx), "for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 - no shell
    except (OSError, subprocess.SubprocessError):
        return []
    return _those(done.stdout.split(), typed)


def _those(values: list[str], typed: str) -> list[str]:
    return [value for value in dict.fromkeys(values) if value.startswith(typed)]


def _folder(ctx: click.Context) -> str:
    """Give SOURCE where it is a directory; Click leaves it among the arguments while an option lacks its value."""
    return next((each for each in (ctx.params.get("source"), *ctx.args) if each and Path(each).is_dir()), ".")


def _in_time(ask: Callable[[], list[str]], seconds: float) -> list[str]:
    """Give the answer if it comes in time, else nothing; whoever still asks then ends with the process."""
    answer: list[str] = []
    asking = Thread(target=lambda: answer.extend(ask()), daemon=True)
    asking.start()
    asking.join(seconds)
    return list(answer)


def _on_the_cluster(given: dict[str, Any]) -> list[str]:
    """List the projects that OpenShift shows this user, or all namespaces where that is allowed."""
    from syncer.cli.options import client_of  # noqa: PLC0415 - `--help` pays for no import it does not need
    from syncer.errors import SyncerError  # noqa: PLC0415 - likewise

    try:
        client = client_of({**given, "request_timeout": PATIENCE, "concurrency": 1})
        for path in ("/apis/project.openshift.io/v1/projects", "/api/v1/namespaces"):
            try:
                return [item["metadata"]["name"] for item in client.get(path)["items"]]
            except (SyncerError, LookupError, TypeError):
                continue
    except Exception:  # noqa: BLE001, S110 - a key was pressed: no cluster, then
        pass
    return []


def _in_manifests(folder: Path) -> list[str]:
    """Look through the files below a folder, for as long as a person waits."""
    found: dict[str, None] = {}
    ends = monotonic() + PATIENCE
    for path in _files(folder):
        if monotonic() > ends:
            break
        try:
            found |= {name.decode(): None for name in _NAMESPACE.findall(path.read_bytes())}
        except OSError:
            continue
    return sorted(found)


def _described(folder: Path) -> list[str]:
    from syncer.manifests import parse_manifests  # noqa: PLC0415 - `--help` pays for no import it does not need
    from syncer.model import Blob  # noqa: PLC0415 - likewise

    blobs = []
    for path in _files(folder):
        with suppress(OSError):
            blobs.append(Blob(str(path), path.read_bytes()))
    return sorted(map(str, parse_manifests(blobs).desired))


def _files(folder: Path) -> Iterator[Path]:
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".git"]
        yield from (Path(where, name) for name in names if name.endswith((".yaml", ".yml", ".json")))
