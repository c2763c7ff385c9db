"""The live state → which files of a repository would say it: new ones, and edits of those that are there."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from syncer.imagestreamtag import live_fields
from syncer.manifests import parse_manifests
from syncer.manifests.editing import edited
from syncer.manifests.writing import manifest_text, significant
from syncer.model import Blob, Problem, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from syncer.model import Desired, Json, LiveState, Manifests, ObjectKey, Scope

_SAFE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?<!\.)")
_LONGEST: Final = 200
"""Characters of a file's name that every file system takes, with room for a suffix."""
_DEVICES: Final = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices."""


@dataclass(frozen=True, slots=True)
class File:
    """A file to write: `before` is what is in it now, None where it is new. `tags` are those that it says anew."""

    path: str
    data: bytes
    before: bytes | None
    tags: tuple[ObjectKey, ...]


@dataclass(frozen=True, slots=True)
class Export:
    """What an export comes to.

    `unchanged` tags are said rightly already; `gone` are described and not on the cluster, whose manifests stay;
    `pushed` only a push made, so that nothing asks for them: they are left out.
    """

    files: tuple[File, ...]
    unchanged: tuple[ObjectKey, ...]
    gone: tuple[Desired, ...]
    pushed: tuple[ObjectKey, ...]
    problems: tuple[Problem, ...] = ()


def export(  # noqa: PLR0913 - what is there, and where it goes
    manifests: Manifests,
    blobs: Iterable[Blob],
    live: LiveState,
    scope: Scope,
    is_taken: Callable[[str], bool],
    *,
    folder: str = "",
    default_namespace: str = "",
) -> Export:
    """Decide what to write so that a plan of the files shows nothing but adoption.

    A tag that a manifest describes is corrected where it stands; any other one gets a file of its own, below `folder`.
    `is_taken` tells whether there is a file of some name, in any case. What no manifest can say is a problem, and left
    out.
    """
    spoken = {key: tag for key, tag in sorted(live.tags.items()) if tag.spec is not None}
    differing: dict[str, dict[ObjectKey, Mapping[str, Json]]] = defaultdict(dict)
    new: dict[ObjectKey, Mapping[str, Json]] = {}
    unchanged: list[ObjectKey] = []
    for key, tag in spoken.items():
        desired, fields = manifests.desired.get(key), significant(live_fields(tag))
        if desired is None:
            new[key] = fields
        elif significant(desired.fields) == fields:
            unchanged.append(key)
        else:
            differing[desired.origin.file][key] = fields
    files, problems = _edits(differing, blobs, default_namespace)
    more_files, more_problems = _new_files(new, is_taken, folder)
    listed = (desired for key, desired in sorted(manifests.desired.items()) if scope.covers(key.namespace))
    return Export(
        files=(*files, *more_files),
        unchanged=tuple(unchanged),
        gone=tuple(d for d in listed if d.key not in live.tags and d.key.namespace not in live.forbidden),
        pushed=tuple(sorted(key for key, tag in live.tags.items() if tag.spec is None)),
        problems=(*problems, *more_problems),
    )


def file_path(key: ObjectKey, is_taken: Callable[[str], bool], folder: str = "") -> str:
    """Name the file of a tag: `NAMESPACE/STREAM/TAG.yaml`. Where that is unsafe or taken, a hash tells it apart.

    The content says which tag it is; the name needs only be safe, unique and the same the next time.
    """
    start = f"{folder}/" if folder else ""
    start += f"{_safe(key.namespace)}/{_safe(key.stream)}/"
    plain = f"{start}{_safe(key.tag)}.yaml"
    return f"{start}{_hashed(key.tag)}.yaml" if is_taken(plain) else plain


def _safe(name: str) -> str:
    """Give a name that no file system takes for anything else; the name itself where it is such a one."""
    fit = len(name) <= _LONGEST and _SAFE.fullmatch(name) and not _DEVICES.fullmatch(name)
    return name if fit else _hashed(name)


def _hashed(name: str) -> str:
    readable = re.sub(r"[^A-Za-z0-9_-]", "_", name).strip("-")[:100] or "_"
    return f"{readable}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:10]}"


def _edits(
    differing: Mapping[str, Mapping[ObjectKey, Mapping[str, Json]]], blobs: Iterable[Blob], default_namespace: str
) -> tuple[list[File], list[Problem]]:
    files, problems = list[File](), list[Problem]()
    for blob in blobs:
        wanted = differing.get(blob.path)
        if wanted is None:
            continue
        data = edited(blob, wanted, default_namespace=default_namespace)
        if data is not None:
            files.append(File(blob.path, data, blob.data, tuple(wanted)))
            continue
        hint = "edit it by hand; a value that YAML aliases share cannot be changed for one tag"
        for key in wanted:
            message = f"{key} differs on the cluster, and its manifest cannot be edited without changing others"
            problems.append(_problem("not-edited", message, hint, key, blob.path))
    return files, problems


def _new_files(
    new: Mapping[ObjectKey, Mapping[str, Json]], is_taken: Callable[[str], bool], folder: str
) -> tuple[list[File], list[Problem]]:
    files, problems, given = list[File](), list[Problem](), set[str]()
    for key, fields in new.items():
        path = file_path(key, lambda path: path.casefold() in given or is_taken(path), folder)
        data = manifest_text(key, fields).encode("utf-8", "surrogatepass")
        read = parse_manifests([Blob(path, data)])
        if read.parsed and {k: significant(d.fields) for k, d in read.desired.items()} == {key: fields}:
            given.add(path.casefold())
            files.append(File(path, data, None, (key,)))
            continue
        said = read.problems[0].message if read.problems else "it is read differently"
        message = f"{key} cannot be said by a manifest, and is left out: {said}"
        problems.append(_problem("not-exportable", message, "change it on the cluster, or leave it to others", key))
    return files, problems


def _problem(code: str, message: str, hint: str, key: ObjectKey, file: str = "") -> Problem:
    severity = Severity.ERROR if file else Severity.WARNING
    return Problem(severity, code, message, hint, file, namespace=key.namespace, name=key.name)
