"""Keeps objects in memory as etcd does: one revision counter, every version of every object, and compaction.

Objects are documents that nobody changes once they are stored; a writer clones first. That makes a list at an old
revision, and so a consistent list in pages, a matter of looking up versions. There is no clock: `now` comes in.
"""

from __future__ import annotations

import bisect
import json
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from syncer.localapi.values import Doc

_SNAPSHOTS = 8


@dataclass
class Version:
    """One version of one object; `doc` is None where it was deleted."""

    revision: int
    doc: Doc | None
    _encoded: str | None = field(default=None, repr=False)

    def encoded(self) -> str:
        """Return the document as compact JSON, encoded once."""
        if self._encoded is None:
            self._encoded = json.dumps(self.doc, separators=(",", ":"), ensure_ascii=False)
        return self._encoded


@dataclass(frozen=True)
class Event:
    """What happened at a revision: the object before and after, None where there was none."""

    revision: int
    resource: str
    before: Doc | None
    after: Doc | None


class Compacted(Exception):  # noqa: N818 - etcd's word for it
    """The revision is older than what is kept."""


class Table:
    """The objects of one resource, by `namespace/name`."""

    def __init__(self, store: Store, resource: str) -> None:
        self._store = store
        self._resource = resource
        self._keys: list[str] = []
        self._versions: dict[str, list[Version]] = {}
        self._snapshots: dict[tuple[str, int], list[tuple[str, Version]]] = {}

    def get(self, namespace: str, name: str) -> Doc | None:
        """Return the object as it is now, or None. Not to be changed."""
        versions = self._versions.get(f"{namespace}/{name}")
        return versions[-1].doc if versions else None

    def put(self, doc: Doc, now: float) -> Doc:
        """Store a new version, with its resourceVersion and, when it is new, a uid. Takes the document over."""
        meta = doc["metadata"]
        before = self.get(meta.get("namespace", ""), meta["name"])
        revision = self._store.advance(now)
        meta["resourceVersion"] = str(revision)
        meta.setdefault("uid", str(uuid.uuid4()))
        self._append(f"{meta.get('namespace', '')}/{meta['name']}", Version(revision, doc))
        self._store.note(Event(revision, self._resource, before, doc))
        return doc

    def delete(self, namespace: str, name: str, now: float) -> None:
        """Remove the object, which has to be there; its versions stay readable until they are compacted."""
        before = self.get(namespace, name)
        revision = self._store.advance(now)
        self._append(f"{namespace}/{name}", Version(revision, None))
        self._store.note(Event(revision, self._resource, before, None))

    def _append(self, key: str, version: Version) -> None:
        versions = self._versions.get(key)
        if versions is None:
            bisect.insort(self._keys, key)
            self._versions[key] = [version]
            return
        versions.append(version)
        keep = max(0, bisect.bisect_right([v.revision for v in versions], self._store.compacted) - 1)
        if keep:
            del versions[:keep]

    def snapshot(self, prefix: str = "", at: int | None = None) -> list[tuple[str, Version]]:
        """Return `(key, version)` of the objects whose key has the prefix, sorted, as they were at a revision.

        The latest ones are remembered, so that the pages of one list cost no more than one list. Not to be changed.
        Raises `Compacted` when the revision is no longer kept.
        """
        if at is not None and at < self._store.compacted:
            raise Compacted
        wanted = (prefix, self._store.revision if at is None else at)
        if wanted not in self._snapshots:
            while len(self._snapshots) >= _SNAPSHOTS:
                self._snapshots.pop(next(iter(self._snapshots)))
            self._snapshots[wanted] = list(self._scan(prefix, at))
        return self._snapshots[wanted]

    def _scan(self, prefix: str, at: int | None) -> Iterator[tuple[str, Version]]:
        for index in range(bisect.bisect_left(self._keys, prefix), len(self._keys)):
            key = self._keys[index]
            if not key.startswith(prefix):
                return
            version = self._version(key, at)
            if version is not None and version.doc is not None:
                yield key, version

    def _version(self, key: str, at: int | None) -> Version | None:
        versions = self._versions[key]
        if at is None or versions[-1].revision <= at:
            return versions[-1]
        index = bisect.bisect_right([v.revision for v in versions], at)
        return versions[index - 1] if index else None


class Store:
    """All tables, the one revision counter, and the history that watches read."""

    def __init__(self, lifetime: float = 300.0) -> None:
        self.revision = 1000
        self.compacted = 0
        self.lifetime = lifetime
        self._times: deque[tuple[float, int]] = deque()
        self._events: list[Event] = []
        self._listeners: list[Callable[[Event], None]] = []
        self._tables: dict[str, Table] = {}

    def table(self, resource: str) -> Table:
        """Return the table of a resource, made when first asked for."""
        if resource not in self._tables:
            self._tables[resource] = Table(self, resource)
        return self._tables[resource]

    def advance(self, now: float) -> int:
        """Count one write; return its revision."""
        self.revision += 1
        self._times.append((now, self.revision))
        return self.revision

    def age(self, now: float) -> None:
        """Forget the states that were replaced longer than the lifetime ago (seconds)."""
        while self._times and self._times[0][0] <= now - self.lifetime:
            self.compact(self._times.popleft()[1])

    def compact(self, revision: int) -> None:
        """Make every revision before this one unreadable, for lists and watches alike."""
        if revision > self.compacted:
            self.compacted = revision
            keep = bisect.bisect_right([event.revision for event in self._events], revision)
            del self._events[:keep]

    def events_after(self, revision: int) -> list[Event]:
        """Return what happened after a revision. Raises `Compacted`."""
        if revision < self.compacted:
            raise Compacted
        return self._events[bisect.bisect_right([event.revision for event in self._events], revision) :]

    def note(self, event: Event) -> None:
        """Remember an event and tell it to the listeners."""
        self._events.append(event)
        for listener in list(self._listeners):
            listener(event)

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call `listener` with every event from now on; return what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)
