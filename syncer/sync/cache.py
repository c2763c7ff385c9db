"""Keeps a run that had nothing to do, so that the next one can say so quickly where nothing moved.

It is believed only where this syncer is asked the same of the same server, the source has the same files at the same
commit, and the lists, read to their end anew, hold the same objects in the same versions. Credentials have no part in
it, for what they may list is listed by them each time. A file is the user's own, or it is not looked at.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from syncer import __version__, imagestreamtag
from syncer.model import (
    Impact,
    Import,
    ImportState,
    Listing,
    Live,
    ObjectKey,
    Origin,
    Plan,
    Problem,
    Scope,
    Severity,
    Unchanged,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from syncer.cluster import Connection
    from syncer.model import Change, Source
    from syncer.sync.story import Options, Prepared

FORMAT: Final = 1
"""Of the files; raised with each change of what they hold, or of what a plan depends on."""

LONGEST: Final = 3600.0
"""Seconds that a run is believed: what no version tells, such as an upgraded server that shows other defaults, is seen
then."""

LARGEST: Final = 1 << 30
"""Bytes of a file; 100,000 tags have 14 MB. A larger one is none of ours."""

MOST_FILES: Final = 64
"""The oldest beyond these are removed."""


class _Failure(Struct, array_like=True, frozen=True, gc=False):
    """What the registry said last of a tag's image."""

    message: str
    since: str
    asked_again: bool


class _Follower(Struct, array_like=True, frozen=True, gc=False):
    """What a report shows of a tag that follows another one."""

    spec: dict[str, Any] | None
    annotations: dict[str, str]
    uid: str


class _Tag(Struct, array_like=True, frozen=True, gc=False):
    """One unchanged tag."""

    namespace: str
    stream: str
    tag: str
    reason: str
    file: str
    line: int
    image: ImportState
    digest: str
    failure: _Failure | None
    follower: _Follower | None


class _Head(Struct, array_like=True, frozen=True, gc=False):
    """What a file begins with. `listed` counts all tags that were listed."""

    key: str
    time: float
    source: str
    versions: str
    listing: Listing
    owner: str
    scope: Scope
    listed: int
    problems: tuple[Problem, ...]


class _File(_Head, array_like=True, frozen=True, gc=False):
    """A file as it is written: msgpack."""

    tags: list[_Tag]


class _Found(_Head, array_like=True, frozen=True, gc=False):
    """A file as it is read: the tags only once they are needed."""

    tags: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Seen:
    """What a run is asked of whom, and what it read: a digest of each; and the file where it is kept."""

    path: Path
    key: str
    source: str
    impact: bool


@dataclass(frozen=True, slots=True)
class Last:
    """The last run of the same source; what it found holds as long as the lists have the same `versions`."""

    versions: str
    scope: Scope
    listing: Listing
    listed: int
    time: str
    _found: _Found
    _impact: Impact | None

    def plan(self) -> Plan | None:
        """Give the plan that the run made: all of it unchanged. None where the file does not hold one."""
        try:
            tags = msgspec.msgpack.decode(self._found.tags, type=list[_Tag])
        except (ValueError, RecursionError):
            return None
        changes = tuple(map(_change, tags))
        found = self._found
        return Plan(found.owner, self.scope, changes, (), found.problems, complete=True, impact=self._impact)


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder of files that runs left; where it is None, nothing is kept and nothing is looked for.

    `tell` is given a sentence where a run could not be kept, for it goes on all the same. `now` gives seconds since the
    epoch.
    """

    folder: Path | None = None
    tell: Callable[[str], None] = lambda _: None
    now: Callable[[], float] = time.time

    def seen(self, options: Options, source: Source, connection: Connection) -> Seen | None:
        """Sum up what a run is asked, and what it read; None where it could not be kept anyhow."""
        if self.folder is None or not _can_recur(options, source):
            return None
        key = _key(options, connection)
        return Seen(self.folder / f"run-{key[:32]}", key, _digest(source), impact=options.impact)

    def last(self, seen: Seen) -> Last | None:
        """Find the last run that was asked the same and read the same, if it is one that had nothing to do."""
        found = _read(seen.path)
        if found is None or (found.key, found.source) != (seen.key, seen.source):
            return None
        if not 0 <= self.now() - found.time <= LONGEST:
            return None
        told = datetime.fromtimestamp(found.time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        impact = Impact({}) if seen.impact else None
        return Last(found.versions, found.scope, found.listing, found.listed, told, found, impact)

    def keep(self, seen: Seen, prepared: Prepared) -> None:
        """Keep a run, where it is one that had nothing to do."""
        live, made, path = prepared.live, prepared.plan, seen.path
        if not (live.versions and _at_rest(made)):
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = _File(
                key=seen.key,
                time=self.now(),
                source=seen.source,
                versions=live.versions,
                listing=live.listing,
                owner=made.owner,
                scope=made.scope,
                listed=sum(1 for _ in live.everyone()),
                problems=tuple(made.problems),
                tags=[_tag(change) for change in made.changes],
            )
            _write(path, msgspec.msgpack.encode(file))
        except OSError as error:
            self.tell(f"the run is not kept for the next one: {error.filename}: {error.strerror}")


NO_CACHE: Final = Cache()


def _can_recur(options: Options, source: Source) -> bool:
    """Whether all that such a run says hangs on a commit and on what is listed, and on nothing that it asks besides."""
    clean = source.info.commit and not source.info.dirty and not source.problems
    return bool(clean and not options.resolve and source.since is None)


def _at_rest(made: Plan) -> bool:
    """Whether each tag is as git says, and nothing is wrong; a warning, or a failed import, is no more than told."""
    if not made.complete or made.gates or any(problem.severity is Severity.ERROR for problem in made.problems):
        return False
    return all(_is_settled(change, made.scope) for change in made.changes)


def _is_settled(change: Change, scope: Scope) -> bool:
    """Whether a tag is as git says, by the lists alone: one that it follows outside the scope is in none."""
    if not isinstance(change, Unchanged):
        return False
    target = imagestreamtag.followed_by(change.key, change.desired.fields) if change.desired else None
    return target is None or scope.all_namespaces or scope.covers(target.namespace)


def _key(options: Options, connection: Connection) -> str:
    """Name what is asked of whom. Every option counts, a new one too, but for where the undo file goes."""
    asked = msgspec.json.encode(replace(options, undo_file=None), enc_hook=repr)
    whom = (connection.server, connection.context)
    return hashlib.sha256(msgspec.json.encode([FORMAT, __version__, whom, asked.decode()])).hexdigest()


def _digest(source: Source) -> str:
    """Sum up a source: its files as they were read, not only the commit that they are said to be of."""
    summed = hashlib.sha256(msgspec.json.encode([source.info, source.owner, source.narrowed]))
    for blob in source.blobs:
        summed.update(f"\n{blob.path}\0{len(blob.data)}\0".encode(errors="surrogateescape"))
        summed.update(blob.data)
    return summed.hexdigest()


# ------------------------------------------------------------------------------------------------------- the file


def _tag(change: Change) -> _Tag:
    key, live, image, failure, follower = change.key, change.live, change.image, None, None
    file, line = (change.origin.file, change.origin.line) if change.origin else ("", 0)
    if live and change.desired and imagestreamtag.followed_by(key, change.desired.fields):
        follower = _Follower(dict(live.spec or {}), dict(live.annotations), live.uid)
    if image.message or image.since:
        failure = _Failure(image.message, image.since, image.asked_again)
    return _Tag(*key, change.reason, file, line, image.state, image.digest, failure, follower)


def _change(tag: _Tag) -> Unchanged:
    key, live, failure = ObjectKey(tag.namespace, tag.stream, tag.tag), None, tag.failure
    told = (failure.message, failure.since, failure.asked_again) if failure else ()
    image = Import(tag.image, tag.digest, *told)
    if tag.follower:
        live = Live(key, tag.follower.spec, tag.follower.annotations, tag.follower.uid, "", image)
    return Unchanged(key, tag.reason, Origin(tag.file, tag.line), image, live=live)


def _read(path: Path) -> _Found | None:
    """Read a file that nobody else can have written; None for any other, and for what is none of ours.

    The group may be able to: that is what a pod's volume gives it (fsGroup).
    """
    try:
        with open(path, "rb", opener=_open_plain) as file:
            status = os.fstat(file.fileno())
            own = stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & stat.S_IWOTH
            fits = status.st_size <= LARGEST
            return msgspec.msgpack.decode(file.read(), type=_Found) if own and fits else None
    except (OSError, ValueError, RecursionError):
        return None


def _open_plain(name: str, flags: int) -> int:
    """Follow no symbolic link, and wait for no writer of a pipe."""
    return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _write(path: Path, data: bytes) -> None:
    """Write a file as a whole or not at all, for its owner alone, and remove what there is too much of."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix="run-", delete=False) as file:
        try:
            file.write(data)
            file.close()
            os.replace(file.name, path)  # noqa: PTH105 - its error names the file, as those of the others do
        except BaseException:
            with suppress(OSError):
                os.unlink(file.name)  # noqa: PTH108 - likewise
            raise
    with suppress(OSError):  # another run may tidy up, too
        kept = sorted(path.parent.glob("run-*"), key=lambda each: each.lstat().st_mtime, reverse=True)
        for old in kept[MOST_FILES:]:
            old.unlink()
