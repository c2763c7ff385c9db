"""Vetoes: why a tag stays as it is. One small function a condition, each with a code that scripts can rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from syncer import imagestreamtag
from syncer.model import Veto

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from syncer.model import Json, Live, ObjectKey, Scope


class PruneContext(Struct, frozen=True):
    """What a prune must be proven against. `forbidden` maps namespaces that could not be listed to why."""

    owner: str
    scope: Scope
    parsed: bool
    narrowed: bool
    prune: bool
    forbidden: Mapping[str, str]


def _not_ours(live: Live, context: PruneContext) -> Veto | None:
    owner = imagestreamtag.owner_of(live)
    if owner is None or owner[0] != context.owner:
        return Veto("not-owned", f"it is not marked as owned by {context.owner}")
    return None


def _copied(live: Live, context: PruneContext) -> Veto | None:
    owner = imagestreamtag.owner_of(live)
    return copied_veto(live) if owner is not None and owner[0] == context.owner and not owner[1] else None


def _out_of_scope(live: Live, context: PruneContext) -> Veto | None:
    if not context.scope.covers(live.key.namespace):
        return Veto("out-of-scope", f"namespace {live.key.namespace} is not in scope")
    return None


def _forbidden(live: Live, context: PruneContext) -> Veto | None:
    if live.key.namespace in context.forbidden:
        return Veto("forbidden", f"namespace {live.key.namespace} could not be listed")
    return None


def _unparsed(_: Live, context: PruneContext) -> Veto | None:
    return None if context.parsed else Veto("unparsed", "a manifest did not parse, and might name it")


def _narrowed(_: Live, context: PruneContext) -> Veto | None:
    if context.narrowed:
        return Veto("narrowed", "the source was narrowed (--path, --exclude), and a file left out might name it")
    return None


def _switched_off(_: Live, context: PruneContext) -> Veto | None:
    return None if context.prune else Veto("no-prune", "--no-prune was given")


def _protected(live: Live, _: PruneContext) -> Veto | None:
    return protected_veto(live)


PRUNE_VETOES: tuple[Callable[[Live, PruneContext], Veto | None], ...] = (
    _not_ours,
    _copied,
    _out_of_scope,
    _forbidden,
    _unparsed,
    _narrowed,
    _switched_off,
    _protected,
)


def prune_vetoes(live: Live, context: PruneContext) -> tuple[Veto, ...]:
    """List every reason why a tag that git does not name must not be pruned."""
    return tuple(veto for rule in PRUNE_VETOES if (veto := rule(live, context)))


def copied_veto(live: Live) -> Veto:
    """Say which tag a mark was made for that stands on another one."""
    mark = live.annotations[imagestreamtag.OWNER].rpartition(" ")[2]
    return Veto("copied", f"its owner mark was made for {mark} and copied here, which proves nothing")


def protected_veto(live: Live) -> Veto | None:
    """Say which mark protects a tag."""
    mark = imagestreamtag.protection_of(live)
    return Veto("protected", f"it is protected by {mark}") if mark else None


def followed_veto(follower: ObjectKey) -> Veto:
    """Say that a tag stays because another one, which stays, follows it (fact 8)."""
    return Veto("followed", f"{follower}, which stays, follows it")


def _changed(planned: Live | None, fresh: Live, tags: Mapping[ObjectKey, Live]) -> Veto | None:
    same = planned is not None and _identity(fresh) == _identity(planned) and _has_its_image(planned, fresh, tags)
    return None if same else Veto("changed", "changed since it was planned")


def _identity(live: Live) -> tuple[Json, ...]:
    """Give what must not have moved, besides its image: the stream, what the tag asks for, its annotations."""
    spec = {name: value for name, value in (live.spec or {}).items() if name != "generation"}
    return (live.uid, spec, dict(live.annotations))


def _has_its_image(planned: Live, fresh: Live, tags: Mapping[ObjectKey, Live]) -> bool:
    """Whether a tag has the image that it had, or has moved along with the sibling that it follows.

    The run itself may have moved that one: a tag and its follower change in one commit.
    """
    if fresh.image.digest == planned.image.digest:
        return True
    followed = tags.get(imagestreamtag.followed_by(fresh.key, imagestreamtag.live_fields(fresh)) or fresh.key)
    return followed is not None and followed.key != fresh.key and followed.image.digest == fresh.image.digest


def _protected_now(_: Live | None, fresh: Live, __: Mapping[ObjectKey, Live]) -> Veto | None:
    return protected_veto(fresh)


def _followed_now(_: Live | None, fresh: Live, tags: Mapping[ObjectKey, Live]) -> Veto | None:
    for key, live in sorted(tags.items()):
        if key != fresh.key and imagestreamtag.followed_by(key, imagestreamtag.live_fields(live)) == fresh.key:
            return followed_veto(key)
    return None


LATE_VETOES: tuple[Callable[[Live | None, Live, Mapping[ObjectKey, Live]], Veto | None], ...] = (
    _changed,
    _protected_now,
    _followed_now,
)


def late_vetoes(planned: Live | None, fresh: Live, tags: Mapping[ObjectKey, Live]) -> tuple[Veto, ...]:
    """List every reason why a prune that was right when it was planned must not be carried out.

    `fresh` is the tag, `tags` are those of its stream, as they were read just before the delete.
    """
    return tuple(veto for rule in LATE_VETOES if (veto := rule(planned, fresh, tags)))


def write_veto(live: Live, owner: str, *, take_from: str, adopt_pushed: bool) -> Veto | None:
    """Say why a tag that git names must not be written: it is another sync set's, or only a push made it."""
    mark = imagestreamtag.owner_of(live)
    if mark and mark[1] and mark[0] not in (owner, take_from):
        return Veto("owned", f"it is owned by {mark[0]}; --take-from {mark[0]} hands it over")
    if live.spec is None and not adopt_pushed:
        return Veto("pushed", "only a push made it, nothing asked for it; --adopt-pushed takes it")
    return None
