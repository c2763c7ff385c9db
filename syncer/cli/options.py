"""Options that commands share, and what they become."""

from __future__ import annotations

import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncer.cli import candidates
from syncer.cli.command import put_into
from syncer.cli.log import LOG, LOG_FORMAT
from syncer.cli.types import Amount, Duration, Location, Namespace, Output, Owner, Part
from syncer.errors import UsageError
from syncer.report import FORMATS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from syncer.cluster import Client, ConnectionOptions
    from syncer.source import SourceSpec
    from syncer.sync import Cache, Options


def namespaces(help_: str) -> Callable[..., Any]:
    """Give `-n`, which means something else to each command."""
    return click.option(
        "-n",
        "--namespace",
        "namespaces",
        type=Namespace(),
        multiple=True,
        shell_complete=candidates.namespaces,
        help=help_,
    )


def _together(group: str, options: list[Callable[..., Any]]) -> Callable[..., Any]:
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
            put_into(group, function)
        return function

    return decorate


SOURCE_OPTIONS = _together(
    "Source",
    [
        click.option(
            "--ref",
            default="",
            shell_complete=candidates.refs,
            help="Branch, tag or commit to read, from the object database.",
        ),
        click.option("--path", "paths", multiple=True, help="Read only this folder of SOURCE; repeatable."),
        click.option("--exclude", "excludes", multiple=True, metavar="GLOB", help="Leave these files out; repeatable."),
        click.option(
            "--verify-commit",
            "signers",
            type=click.Path(),
            default="",
            metavar="FILE",
            help="Read only a commit signed by one of these: SSH allowed signers, or OpenPGP public keys.",
        ),
    ],
)


NARROWED = _together(
    "Source",
    [
        click.option("--path", "paths", multiple=True, help="Only files in this folder of DIR; repeatable."),
        click.option("--exclude", "excludes", multiple=True, metavar="GLOB", help="Leave these files out; repeatable."),
        namespaces("A namespace that a sync would be given; one alone is the default for manifests without one."),
    ],
)

SINCE = click.option(
    "--since", default="", metavar="COMMIT", help="Touch only tags that files name, or named, which changed since then."
)

SOURCE = _together("Source", [click.argument("source", type=Location()), SOURCE_OPTIONS, SINCE])

PROFILE = _together(
    "Output",
    [click.option("--profile", is_flag=True, help="Tell on stderr where the time went, by stage and by function.")],
)

SCOPE = _together(
    "Scope",
    [
        click.option("-A", "--all-namespaces", is_flag=True, help="List, and prune in, every namespace."),
        namespaces("A namespace to list and prune in; repeatable. One alone is the default for manifests without one."),
        click.option(
            "--owner",
            type=Owner(),
            default="",
            help="Id of this sync set. Default: the URL of origin, and SOURCE's path in it.",
        ),
    ],
)

SHARD = _together(
    "Scope",
    [
        click.option(
            "--shard",
            type=Part(),
            metavar="INDEX/COUNT",
            help="Only the namespaces of this part, of COUNT; INDEX counts from 0. Default of INDEX: "
            "$JOB_COMPLETION_INDEX.",
        )
    ],
)

POLICY = _together(
    "Policy",
    [
        click.option("--no-prune", is_flag=True, help="Prune nothing."),
        click.option(
            "--max-prune", type=Amount(), metavar="N|N%", help="Stop above this many prunes. Default: 10 and 30 %."
        ),
        click.option(
            "--max-change",
            type=Amount(),
            metavar="N|N%",
            help="Stop above this many changed tags. Default: 10 and 30 %.",
        ),
        click.option(
            "--on-drift",
            type=click.Choice(["revert", "report", "fail"]),
            default="revert",
            show_default=True,
            help="What to do about a field that somebody changed on the cluster.",
        ),
        click.option("--allow-empty", is_flag=True, help="Go on although SOURCE holds no manifest."),
        click.option("--adopt-pushed", is_flag=True, help="Take tags, too, that only a push made."),
        click.option("--impact", is_flag=True, help="Read who uses the tags that change or go, and keep those in use."),
        click.option("--prune-used", is_flag=True, help="Prune what is in use, too; goes with --impact."),
        click.option("--retry-imports", is_flag=True, help="Ask for images again whose import failed."),
        click.option(
            "--take-from", type=Owner(), default="", metavar="OWNER", help="Take over the tags of another sync set."
        ),
    ],
)

CLUSTER = _together(
    "Cluster",
    [
        click.option(
            "--kubeconfig",
            type=click.Path(),
            default="",
            help="Path of the kubeconfig. Default: $KUBECONFIG, ~/.kube/config, the pod's.",
        ),
        click.option(
            "--context", default="", shell_complete=candidates.contexts, help="The kubeconfig's context to use."
        ),
        click.option("--server", default="", metavar="URL", help="URL of the API server."),
        click.option(
            "--token-file", type=click.Path(), default="", help="File with a bearer token; read again when it changes."
        ),
        click.option(
            "--certificate-authority",
            type=click.Path(),
            default="",
            help="File with the server's certificate authority.",
        ),
        click.option("--insecure-skip-tls-verify", is_flag=True, help="Do not verify the server's certificate."),
        click.option("--as", "impersonate", default="", metavar="USER", help="User to impersonate."),
        click.option(
            "--request-timeout", type=Duration(), default="30s", show_default=True, help="Longest wait for an answer."
        ),
        click.option(
            "--page-size", type=click.IntRange(1), default=500, show_default=True, help="Objects a page of a list."
        ),
        click.option(
            "--concurrency", type=click.IntRange(1, 64), default=8, show_default=True, help="Streams at a time."
        ),
    ],
)


def _output(formats: Sequence[str]) -> Callable[..., Any]:
    return click.option(
        "-o",
        "--output",
        "outputs",
        type=Output(formats),
        multiple=True,
        metavar="FORMAT[=PATH]",
        help=f"Report as {', '.join(formats[:-1])} or {formats[-1]}; repeatable. No PATH: stdout.",
    )


NO_COLOR = click.option("--no-color", is_flag=True, help="Print without colour; so does $NO_COLOR.")

OUTPUT = _together(
    "Output",
    [
        _output(FORMATS),
        click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 if there are changes."),
        click.option("-q", "--quiet", is_flag=True, help="Print no text report, and no progress."),
        click.option("-v", "--verbose", is_flag=True, help="Show unchanged tags, too."),
        click.option("--no-progress", is_flag=True, help="Show no progress on stderr."),
        NO_COLOR,
        LOG_FORMAT,
    ],
)


def told_as(*formats: str) -> Callable[..., Any]:
    """Give the options of a command that reports in formats of its own."""
    return _together(
        "Output",
        [
            _output(formats),
            click.option("-q", "--quiet", is_flag=True, help="Print no text; the exit code tells."),
            NO_COLOR,
        ],
    )


RESOLVE = click.option(
    "--resolve",
    is_flag=True,
    help="Have the cluster look up each new image, and import none: from which digest to which, does it exist. Sends "
    "ImageStreamImports with `import: false`, which change nothing.",
)

NO_CACHE = _together(
    "Output",
    [
        click.option(
            "--no-cache",
            is_flag=True,
            help="Plan anew although nothing moved since the last run, and keep nothing for the next one.",
        )
    ],
)

UNDO_FILE = click.option(
    "--undo-file",
    type=click.Path(),
    default="",
    metavar="PATH",
    help="File to write the way back to, before the first write. Default: a new one in $XDG_STATE_HOME/syncer.",
)


def undo_file(given: dict[str, Any]) -> Path:
    """Give the path of the run's undo file: as given, else a new name in the user's state folder (XDG).

    The name says which part of a plan it belongs to, or which set of several: each of them, and each of its runs, has
    a file of its own.
    """
    if given["undo_file"]:
        return Path(given["undo_file"])
    try:
        state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    except RuntimeError as error:  # no $HOME, and a user id that has no name: a pod
        hint = "name a file on a volume by --undo-file, or a folder by $XDG_STATE_HOME"
        raise UsageError("there is no home folder to keep the undo file in", hint=hint) from error
    shard = given.get("shard")
    part = f"-part-{shard.index}-of-{shard.count}" if shard else ""
    part += f"-set-{given['set']}" if "set" in given else ""
    now, host = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}", socket.gethostname()
    return state / "syncer" / f"undo-{now}-{host}-{os.getpid()}{part}.jsonl"


def cache_of(given: dict[str, Any]) -> Cache:
    """Give where runs are kept that had nothing to do: the user's folder for caches (XDG), if there is one."""
    from syncer.sync import Cache  # noqa: PLC0415 - `--help` pays for no import it does not need

    if given["no_cache"]:
        return Cache()
    named = os.environ.get("XDG_CACHE_HOME", "")
    try:
        # A path that is not absolute counts for nothing (XDG Base Directory Specification).
        folder = Path(named) if named.startswith("/") else Path.home() / ".cache"
    except RuntimeError:  # no $HOME, and a user id that has no name: a pod
        return Cache()
    of_set = {"set": given["set"]} if "set" in given else {}

    def say(text: str) -> None:
        if given["verbose"]:
            LOG.say("info", text[:1].upper() + text[1:], **of_set)

    return Cache(folder / "syncer", say)


def source_of(given: dict[str, Any]) -> SourceSpec:
    """Turn SOURCE and its options into what is to be read."""
    from syncer.source import SourceSpec  # noqa: PLC0415 - `--help` pays for no import it does not need

    return SourceSpec(
        given["source"], given["ref"], given["paths"], given["excludes"], given.get("since", ""), given["signers"]
    )


def run_options(given: dict[str, Any]) -> Options:
    """Turn the options of `plan` and `sync` into what the run is asked to do. Raises UsageError."""
    from syncer.plan import Limit  # noqa: PLC0415 - `--help` pays for no import it does not need
    from syncer.sync import Options  # noqa: PLC0415 - likewise

    if given["prune_used"] and not given["impact"]:
        raise UsageError("--prune-used goes with --impact: without it nobody looks what is in use", hint="give both")

    def limit(name: str) -> Limit | None:
        return Limit.parse(given[name]) if given[name] else None

    return Options(
        source=source_of(given),
        namespaces=given["namespaces"],
        all_namespaces=given["all_namespaces"],
        owner=given["owner"],
        shard=given.get("shard"),
        page_size=given["page_size"],
        concurrency=given["concurrency"],
        prune=not given["no_prune"],
        max_prune=limit("max_prune"),
        max_change=limit("max_change"),
        on_drift=given["on_drift"],
        allow_empty=given["allow_empty"],
        adopt_pushed=given["adopt_pushed"],
        take_from=given["take_from"],
        impact=given["impact"],
        prune_used=given["prune_used"],
        allow_dirty=given.get("allow_dirty", False),
        wait=given.get("wait"),
        retry_imports=given["retry_imports"],
        import_failures=given.get("import_failures", "warn"),
        undo_file=undo_file(given) if "undo_file" in given else None,
        resolve=given.get("resolve", False),
    )


def tell(text: str) -> None:
    """Say on stderr, as a sentence, why nothing seems to happen."""
    LOG.say("info", text[:1].upper() + text[1:])


def client_of(
    given: dict[str, Any], tell: Callable[[str], None] = tell, sleep: Callable[[float], None] = time.sleep
) -> Client:
    """Connect to the cluster that the options name, as kubectl would. Raises UsageError, ClusterError.

    `tell` is given a sentence where the server keeps the run waiting; `sleep` waits between two attempts.
    """
    from syncer.cluster import Client, connect  # noqa: PLC0415 - `--help` pays for no import

    connection = connect(_connection_options(given), environ=os.environ)
    return Client(connection, pool_size=given["concurrency"], tell=tell, sleep=sleep)


def located(given: dict[str, Any]) -> str:
    """Give the URL of the server that the options name, without logging in. Raises UsageError, ClusterError."""
    from syncer.cluster.connection import locate  # noqa: PLC0415 - `--help` pays for no import

    return locate(_connection_options(given), environ=os.environ)


def _connection_options(given: dict[str, Any]) -> ConnectionOptions:
    from syncer.cluster import ConnectionOptions  # noqa: PLC0415 - `--help` pays for no import

    for name in ("kubeconfig", "token_file", "certificate_authority"):
        if given[name] and not Path(given[name]).is_file():
            raise UsageError(f"--{name.replace('_', '-')}: there is no file {given[name]}")
    return ConnectionOptions(
        kubeconfig=given["kubeconfig"],
        context=given["context"],
        server=given["server"],
        token_file=given["token_file"],
        certificate_authority=given["certificate_authority"],
        insecure_skip_tls_verify=given["insecure_skip_tls_verify"],
        impersonate=given["impersonate"],
        request_timeout=given["request_timeout"],
    )
