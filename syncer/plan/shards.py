"""One plan, applied in parts: which changes are in which part.

All changes of a stream are in one part. So are those of several streams where an order holds among their writes, for
parts are applied side by side and wait for each other no more than two machines do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer import imagestreamtag
from syncer.model import Create, Prune, Update
from syncer.plan.order import followed_keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from syncer.model import Change, ObjectKey, Shard

    Stream = tuple[str, str]


def part_of(changes: Sequence[Change], shard: Shard) -> tuple[Change, ...]:
    """Give the changes of one part, in the order given; each change of a plan is in exactly one of its parts."""
    first = _first_of_each_group(changes)
    return tuple(change for change in changes if shard.holds(*first.get(_stream(change.key), _stream(change.key))))


def _first_of_each_group(changes: Sequence[Change]) -> dict[Stream, Stream]:
    """Map each stream that is bound to others to the first of them, by name: that one decides where all of them go."""
    leader: dict[Stream, Stream] = {}

    def find(stream: Stream) -> Stream:
        while (above := leader.get(stream, stream)) != stream:
            leader[stream] = leader.get(above, above)
            stream = above
        return stream

    for one, other in _bonds(changes):
        low, high = sorted((find(one), find(other)))
        leader[high] = low
    return {stream: find(stream) for stream in leader}


def _bonds(changes: Sequence[Change]) -> Iterator[tuple[Stream, Stream]]:
    """Yield pairs of streams that must be written in an order (rule 7): what `waves` and `apply_plan` wait for.

    A follower comes after the tag that it follows, also where those between the two stay as they are; a tag that goes
    comes after those that follow it; one that takes an image by digest comes after the imports of that stream, and
    before its prunes.
    """
    written = {change.key: change for change in changes if isinstance(change, Create | Update | Prune)}
    streams = {_stream(key) for key in written}
    wanted = followed_keys({c.key: c.desired.fields for c in changes if c.desired})
    now = followed_keys({c.key: imagestreamtag.live_fields(c.live) for c in written.values() if c.live})
    going = {key for key, change in written.items() if isinstance(change, Prune)}
    for key, change in written.items():
        target, seen = wanted.get(key), {key}
        while target is not None and target not in seen and target not in written:
            seen.add(target)
            target = wanted.get(target)
        if target in written:
            yield _stream(key), _stream(target)
        if (left := now.get(key)) in going:
            yield _stream(key), _stream(left)
        pin = imagestreamtag.pinned_to(key, change.desired.fields) if change.desired else None
        if pin and pin[:2] in streams:
            yield _stream(key), pin[:2]


def _stream(key: ObjectKey) -> Stream:
    return key.namespace, key.stream
