"""Explains one tag: what git, the last sync and the cluster say of it, and what a sync would make of that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from syncer import imagestreamtag
from syncer.cluster import read_stream
from syncer.errors import ClusterError, ForbiddenError, SyncerError
from syncer.events import nobody
from syncer.model import Explanation, LiveState, Report, Scope, Target
from syncer.plan import Policy, make_plan
from syncer.source import commits_of
from syncer.sync.run import Stopwatch
from syncer.sync.story import read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import BinaryIO

    from syncer.cluster import Client
    from syncer.events import Tell
    from syncer.model import Change, Commit, Live, Manifests, ObjectKey
    from syncer.sync.story import Options


@dataclass(frozen=True, slots=True)
class ExplainOptions:
    """Which tag is asked about, and the options of the run that is asked about."""

    key: ObjectKey
    run: Options


def explain(options: ExplainOptions, client: Client, stdin: BinaryIO, *, tell: Tell = nobody) -> Explanation:
    """Say all there is to say of one tag. Reads its stream and those of what it follows; writes nothing.

    Of a tag that git does not name, the streams of its followers are read, too, for these may keep it.

    Raises SyncerError where neither git nor the cluster has the tag.
    """
    key, watch = options.key, Stopwatch(tell)
    wanted = read(options.run, stdin, watch)
    with watch.stage("live"):
        reading = _Streams(client, wanted.manifests)
        live = reading.tag(key)
        followed = dict(reading.followed(key))
        desired = wanted.manifests.desired.get(key)
        if desired is None:
            reading.read_followers(key)
    if live is None and desired is None:
        raise SyncerError(f"neither {wanted.source.info.url} nor the cluster has {key}", hint=_near(key, reading))
    scope = Scope(namespaces=tuple(sorted({place[0] for place in reading.streams})))
    policy = Policy(wanted.owner, scope, narrowed=wanted.source.narrowed)
    seen = {one: two for one, two in wanted.manifests.desired.items() if (one.namespace, one.stream) in reading.streams}
    made = make_plan(
        replace(wanted.manifests, desired=seen),
        LiveState(reading.tags, "streams", reading.forbidden),
        policy,
    )
    target = Target(client.connection.server, client.connection.context)
    location, file = options.run.source.location, desired.origin.file if desired else ""
    commits, lacking = commits_of(location, wanted.source.info, file) if file else ((), "")
    changes = tuple(_with_commit(change, commits) for change in made.changes if change.key == key)
    made = replace(made, changes=changes, gates=())
    return Explanation(
        key=key,
        report=Report(wanted.source.info, target, made, timings=watch.seconds),
        live=live,
        desired=desired,
        commits=commits,
        lacking=lacking,
        followed=followed,
        followers=tuple(sorted(reading.followers(key))),
    )


def _with_commit(change: Change, commits: Sequence[Commit]) -> Change:
    if not commits or change.origin is None:
        return change
    return replace(change, origin=replace(change.origin, commit=commits[0]))


class _Streams:
    """Reads streams as they are asked for, each once."""

    def __init__(self, client: Client, manifests: Manifests) -> None:
        self._client = client
        self._desired = manifests.desired
        self.streams: dict[tuple[str, str], Mapping[ObjectKey, Live]] = {}
        self.forbidden: dict[str, str] = {}

    @property
    def tags(self) -> dict[ObjectKey, Live]:
        return {key: live for tags in self.streams.values() for key, live in tags.items()}

    def tag(self, key: ObjectKey) -> Live | None:
        place = (key.namespace, key.stream)
        if place not in self.streams:
            self.streams[place] = read_stream(self._client, *place) or {}
        return self.streams[place].get(key)

    def followed(self, key: ObjectKey) -> Iterator[tuple[ObjectKey, Live | None]]:
        """Yield the tags that one follows, one behind the other; the last may be one that may not be read."""
        seen: set[ObjectKey] = set()
        here: ObjectKey | None = key
        while here is not None and here not in seen:
            seen.add(here)
            try:
                live = self.tag(here)
            except ClusterError:
                live = None
            if here != key:
                yield here, live
            desired = self._desired.get(here)
            fields = desired.fields if desired else imagestreamtag.live_fields(live) if live else {}
            here = imagestreamtag.followed_by(here, fields)

    def read_followers(self, key: ObjectKey) -> None:
        """Read the streams of what follows a tag, directly or not: it may go only if they do."""
        waiting, seen = [key], {key}
        while waiting:
            for other in sorted(self.followers(waiting.pop()) - seen):
                seen.add(other)
                waiting.append(other)
                try:
                    self.tag(other)
                except ForbiddenError as error:
                    self.streams[other.namespace, other.stream] = {}
                    self.forbidden[other.namespace] = str(error)

    def followers(self, key: ObjectKey) -> set[ObjectKey]:
        """Find what follows a tag in git and, for tags that git does not name, in the streams that were read."""
        live = {other: imagestreamtag.live_fields(tag) for other, tag in self.tags.items()}
        fields = {**live, **{other: desired.fields for other, desired in self._desired.items()}}
        return {other for other, managed in fields.items() if imagestreamtag.followed_by(other, managed) == key}

    def near(self, key: ObjectKey) -> list[ObjectKey]:
        """List the tags of a stream that git or the cluster has."""
        return sorted(
            other
            for other in {*self.tags, *self._desired}
            if (other.namespace, other.stream) == (key.namespace, key.stream)
        )


def _near(key: ObjectKey, reading: _Streams) -> str:
    """Say which tags of the stream there are, for the name may be misspelt."""
    tags = [other.tag for other in reading.near(key)]
    if not tags:
        return f"there is no stream {key.stream} in {key.namespace}, in git or on the cluster; check the name"
    return f"{key.namespace}/{key.stream} has {', '.join(tags[:8])}{', …' if len(tags) > 8 else ''}"  # noqa: PLR2004 - enough to look
