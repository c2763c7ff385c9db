"""The order of writes: a followed tag before its followers, and on the way out the followers first; what they leave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer import imagestreamtag
from syncer.model import Create, Prune, Update
from syncer.plan import requests

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from syncer.model import Change, Json, Live, LiveState, ObjectKey


def followed_keys(fields: Mapping[ObjectKey, Mapping[str, Json]]) -> dict[ObjectKey, ObjectKey]:
    """Map each tag that follows another one to it, whether that one is among the given or not."""
    followed = ((key, imagestreamtag.followed_by(key, managed)) for key, managed in fields.items())
    return {key: target for key, target in followed if target is not None}


def fields_after(tags: Mapping[ObjectKey, Live], changes: Iterable[Change]) -> dict[ObjectKey, Mapping[str, Json]]:
    """Give the managed fields of each tag as they will be: what git says counts only where the run writes it."""
    after: dict[ObjectKey, Mapping[str, Json]] = {key: imagestreamtag.live_fields(tag) for key, tag in tags.items()}
    return after | {
        change.key: change.desired.fields
        for change in changes
        if change.desired and (change.live is None or requests.sets(change.requests, requests.FROM))
    }


def depths(keys: Iterable[ObjectKey], followed: Mapping[ObjectKey, ObjectKey]) -> dict[ObjectKey, int]:
    """Count, for each tag, how many tags it follows one behind the other: 0 for one that follows none.

    A circle, which the server accepts, is cut where it closes.
    """
    known: dict[ObjectKey, int] = {}
    for key in keys:
        chain: dict[ObjectKey, None] = {}
        here: ObjectKey | None = key
        while here is not None and here not in known and here not in chain:
            chain[here] = None
            here = followed.get(here)
        depth = known.get(here, -1) if here is not None else -1
        for link in reversed(chain):
            depth += 1
            known[link] = depth
    return known


def waves(changes: Iterable[Change]) -> list[list[Change]]:
    """Split what is to be written into waves, to be carried out one after the other.

    Within a wave the changes are in key order and independent of each other across streams. Prunes come last: a tag is
    pruned after the followers of it that are pruned, too.
    """
    changes = list(changes)
    wanted = followed_keys({c.key: c.desired.fields for c in changes if c.desired})
    gone = followed_keys(
        {c.key: imagestreamtag.live_fields(c.live) for c in changes if isinstance(c, Prune) and c.live}
    )
    forward = depths([c.key for c in changes], _awaited(changes) | wanted)
    backward = depths(gone, gone)
    deepest = max(backward.values(), default=0)
    after = max(forward.values(), default=0) + 1
    by_wave: dict[int, list[Change]] = {}
    for change in sorted(changes, key=lambda change: change.key):
        if isinstance(change, Create | Update):
            by_wave.setdefault(forward[change.key], []).append(change)
        elif isinstance(change, Prune):
            by_wave.setdefault(after + deepest - backward.get(change.key, 0), []).append(change)
    return [by_wave[number] for number in sorted(by_wave)]


def _awaited(changes: Iterable[Change]) -> dict[ObjectKey, ObjectKey]:
    """Map each tag that takes an image of a stream by digest to one that an import may bring it with; any will do.

    Imported tags are in the first wave, all of them, for they follow none.
    """
    written = {c.key: c.desired.fields for c in changes if isinstance(c, Create | Update) and c.desired}
    imported = {(key.namespace, key.stream): key for key, fields in written.items() if not _is_taken(fields)}
    pins = ((key, imagestreamtag.pinned_to(key, fields)) for key, fields in written.items())
    return {key: imported[pin[:2]] for key, pin in pins if pin and pin[:2] in imported}


def _is_taken(fields: Mapping[str, Json]) -> bool:
    """Whether a tag takes its image from a stream, and not from a registry."""
    return bool((fields.get("/tag/from") or {}).get("kind") != "DockerImage")


def emptied_streams(live: LiveState, changes: Iterable[Change]) -> list[tuple[str, str]]:
    """List the streams, as (namespace, name), whose last tags go with these changes and that get no new one."""
    changes = list(changes)
    pruned = {change.key for change in changes if isinstance(change, Prune)}
    if not pruned:
        return []
    touched = {(key.namespace, key.stream) for key in pruned}
    kept = {(tag.key.namespace, tag.key.stream) for tag in live.everyone() if tag.key not in pruned}
    made = {(change.key.namespace, change.key.stream) for change in changes if isinstance(change, Create)}
    return sorted(touched - kept - made)
