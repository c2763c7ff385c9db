"""Warns of followers that cannot get an image: their tag is nowhere, or they follow each other in a circle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.imagestreamtag import followed_by, in_circle, live_fields
from syncer.model import Create, Problem, Severity, Update

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from syncer.model import Change, Desired, Live, LiveState, ObjectKey, Scope


def follower_problems(
    changes: Mapping[ObjectKey, Change],
    followed_in_git: Mapping[ObjectKey, ObjectKey],
    live: LiveState,
    outside: Mapping[ObjectKey, Live],
    scope: Scope,
) -> Iterator[Problem]:
    """Yield a warning for each tag in git that follows what is neither in git nor on the cluster, or in a circle.

    `outside` are followed tags beyond the scope. A follower that has its image already keeps it, and is not warned of.
    """
    wanted = {key: change.desired for key, change in changes.items() if change.desired}

    def followed(key: ObjectKey) -> ObjectKey | None:
        if key in wanted:
            return followed_in_git.get(key)
        return followed_by(key, live_fields(live.tags[key])) if key in live.tags else None

    for key in sorted(wanted.keys() & followed_in_git.keys()):
        target = followed_in_git[key]
        if scope.leaves(target.namespace):
            continue
        if in_circle(key, followed):
            what = f"it follows {target}, which follows it in a circle: none of these tags ever gets an image"
            yield _warning("followed-circle", wanted[key], what, "let one of them point to a DockerImage")
        elif not (target in wanted or live.get(target) or target in outside) and _needs_it(changes[key]):
            known = scope.covers(target.namespace) and target.namespace not in live.forbidden
            where = "" if known else ", or may not be read"
            what = f"it follows {target}, which is neither in git nor on the cluster{where}"
            yield _warning("followed-missing", wanted[key], what, f"correct tag.from, or add {target.name} to git")


def _needs_it(change: Change) -> bool:
    return isinstance(change, Create | Update) or not change.image.digest


def _warning(code: str, desired: Desired, message: str, hint: str) -> Problem:
    key, origin = desired.key, desired.origin
    return Problem(
        Severity.WARNING, code, message, hint, origin.file, origin.line, namespace=key.namespace, name=key.name
    )
