"""What is wrong only in view of all manifests together, or of what a repository asks of itself."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from syncer.imagestreamtag import followed_by, in_circle
from syncer.manifests import described
from syncer.manifests.scene import guess
from syncer.model import ObjectKey, Problem, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from syncer.manifests.document import Path
    from syncer.manifests.objects import Found
    from syncer.model import Blob, Desired, Manifests


class Rules(Struct, frozen=True):
    """What is asked of the manifests of a source.

    `namespaces` are those that a sync would be given, none where it takes those that the manifests name. `whole`: no
    option left files out, so that a tag that no manifest describes is in no file.
    """

    namespaces: tuple[str, ...] = ()
    require_digests: bool = False
    whole: bool = True


class _Suspect(Struct, frozen=True):
    """A tag that breaks a rule, and by which of its fields: `from.name`, or the object's namespace."""

    desired: Desired
    field: Literal["from", "namespace"]
    severity: Severity
    code: str
    message: str
    hint: str


def check(manifests: Manifests, blobs: Iterable[Blob], rules: Rules) -> tuple[Problem, ...]:
    """Hold manifests against rules; gives their own problems and the new ones, sorted by file, line and column.

    `blobs` are the files that the manifests were read from: places are looked up there once something is wrong.
    """
    suspects = [
        *_out_of_scope(manifests, rules),
        *_follows_nothing(manifests, rules),
        *_follows_in_a_circle(manifests),
        *_floating(manifests, rules),
    ]
    found = [*manifests.problems, *_placed(suspects, blobs, rules)]
    return tuple(sorted(found, key=lambda problem: (problem.file, problem.line, problem.column, problem.code)))


def default_namespace(namespaces: tuple[str, ...]) -> str:
    """Give the namespace of manifests that name none: the one that was given, if it is one alone."""
    return namespaces[0] if len(namespaces) == 1 else ""


def _out_of_scope(manifests: Manifests, rules: Rules) -> Iterator[_Suspect]:
    for key, desired in manifests.desired.items():
        if rules.namespaces and key.namespace not in rules.namespaces:
            message = f"{key} is out of scope: a sync of {', '.join(rules.namespaces)} leaves it alone"
            hint = f"add -n {key.namespace}, or correct the namespace"
            yield _Suspect(desired, "namespace", Severity.WARNING, "out-of-scope", message, hint)


def _follows_nothing(manifests: Manifests, rules: Rules) -> Iterator[_Suspect]:
    """Find followers of a tag that is nowhere, though its namespace is described.

    A tag with errors of its own is somewhere. Where a file cannot be read, the tag may stand in it.
    """
    unread = any(problem.severity is Severity.ERROR and not problem.name for problem in manifests.problems)
    if unread or not rules.whole:
        return
    flawed = {(problem.namespace, problem.name) for problem in manifests.problems}
    tags: dict[str, list[ObjectKey]] = defaultdict(list)
    for key in manifests.desired:
        tags[key.namespace].append(key)
    for key, desired in manifests.desired.items():
        target = followed_by(key, desired.fields)
        if target is None or target in manifests.desired or (target.namespace, target.name) in flawed:
            continue
        if target.namespace in tags:
            alike = [one.name for one in tags[target.namespace] if target.stream == one.stream or target.tag == one.tag]
            hint = guess(target.name, [name for name in alike if name != key.name])
            message = f"{key} follows {target}, which no manifest describes"
            yield _Suspect(desired, "from", Severity.WARNING, "follows-nothing", message, hint)


def _follows_in_a_circle(manifests: Manifests) -> Iterator[_Suspect]:
    followed = {
        key: target for key, one in manifests.desired.items() if (target := followed_by(key, one.fields)) is not None
    }
    for key, target in followed.items():
        if in_circle(key, followed.get):
            message = f"{key} follows {target}, which follows it in a circle: none of these tags ever gets an image"
            hint = "let one of them point to a DockerImage"
            yield _Suspect(manifests.desired[key], "from", Severity.WARNING, "followed-circle", message, hint)


def _floating(manifests: Manifests, rules: Rules) -> Iterator[_Suspect]:
    for key, desired in manifests.desired.items():
        source = desired.fields["/tag/from"]
        if rules.require_digests and source["kind"] == "DockerImage" and "@" not in source["name"]:
            message = f"{key} points to {source['name']}, which can move: digests are required"
            hint = "`syncer pin` writes the digest, and in a comment what it was called"
            yield _Suspect(desired, "from", Severity.ERROR, "floating-tag", message, hint)


def _placed(suspects: Iterable[_Suspect], blobs: Iterable[Blob], rules: Rules) -> Iterator[Problem]:
    """Turn suspects into problems, each with its line and column."""
    by_file: dict[str, list[_Suspect]] = defaultdict(list)
    for suspect in suspects:
        by_file[suspect.desired.origin.file].append(suspect)
    for blob in blobs:
        if blob.path in by_file:
            found = {
                each.desired.key: each
                for each in described(blob, default_namespace=default_namespace(rules.namespaces))
            }
            yield from (_problem(suspect, found) for suspect in by_file[blob.path])


def _problem(suspect: _Suspect, found: Mapping[ObjectKey, Found]) -> Problem:
    key, origin = suspect.desired.key, suspect.desired.origin
    tag = found[key]
    path: Path = (*tag.stanza, "from", "name") if suspect.field == "from" else (*tag.metadata, "namespace")
    line, column = tag.name.document.place(path)
    return Problem(
        suspect.severity,
        suspect.code,
        suspect.message,
        suspect.hint,
        origin.file,
        line,
        column,
        key.namespace,
        key.name,
    )
