"""Watches: what happens to a resource after a resource version, as a stream of JSON lines."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from syncer.localapi import statuses
from syncer.localapi.documented import tag_changes
from syncer.localapi.lists import ListOptions, check_version
from syncer.localapi.store import Compacted, Event
from syncer.localapi.tables import table
from syncer.localapi.values import IMAGE_API, Doc
from syncer.localapi.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from syncer.localapi.requests import WatchAnswer
    from syncer.localapi.responses import Form
    from syncer.localapi.world import World

_LONGEST = 1800
_GLANCE = 0.2
"""How often a watch looks whether the server is being stopped, in seconds."""

_KINDS = {
    "imagestreams": ("ImageStream", IMAGE_API),
    "imagestreamtags": ("ImageStreamTag", IMAGE_API),
    "leases": ("Lease", "coordination.k8s.io/v1"),
    "namespaces": ("Namespace", "v1"),
    **{each.plural: (each.kind, each.api_version) for each in WORKLOADS},
}


_SOURCES = {"imagestreamtags": "imagestreams"}


def change_of(before: Doc | None, after: Doc | None, options: ListOptions) -> tuple[str, Doc] | None:
    """Return an event's type and object for a watcher with these selectors; None when it does not concern them."""
    was = before is not None and options.selects(before)
    if after is not None and options.selects(after):
        return ("MODIFIED" if was else "ADDED"), after
    return ("DELETED", before) if was and before is not None else None


async def open_watch(world: World, wanted: WatchAnswer, form: Form | None, now: float) -> AsyncIterator[bytes]:
    """Yield the events as JSON lines until the timeout (seconds; 0 is half an hour), the first ones at once."""
    queue: asyncio.Queue[Event] = asyncio.Queue()
    stop = world.store.listen(queue.put_nowait)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + (wanted.options.timeout or _LONGEST)
    try:
        for line in _first_lines(world, wanted, form, now):
            yield line
        while (left := deadline - loop.time()) > 0 and not world.closing:
            try:
                event = await asyncio.wait_for(queue.get(), min(left, _GLANCE))
            except TimeoutError:
                continue
            for line in _lines(event, wanted, form, now):
                yield line
    except Compacted:
        oldest = world.store.compacted
        yield _line("ERROR", statuses.expired(f"too old resource version: ({oldest})").document)
    finally:
        stop()


def _first_lines(world: World, wanted: WatchAnswer, form: Form | None, now: float) -> list[bytes]:
    """Return what a watcher is told at once: what happened since their version, or all there is without one.

    Raises `Compacted` when their version is no longer kept.
    """
    version = check_version(wanted.options.version)
    if version:
        events = world.store.events_after(version)
        return [line for event in events for line in _lines(event, wanted, form, now)]
    source = _SOURCES.get(wanted.resource, wanted.resource)
    prefix = f"{wanted.namespace}/" if wanted.namespace else ""
    return [
        line
        for _, found in world.store.table(source).snapshot(prefix)
        for line in _lines(Event(found.revision, source, None, found.doc), wanted, form, now)
    ]


def _lines(event: Event, wanted: WatchAnswer, form: Form | None, now: float) -> list[bytes]:
    if event.resource != _SOURCES.get(wanted.resource, wanted.resource):
        return []
    some = event.after or event.before or {"metadata": {}}
    if wanted.namespace and some["metadata"].get("namespace") != wanted.namespace:
        return []
    pairs = tag_changes(event) if wanted.resource in _SOURCES else [(event.before, event.after)]
    changes = [change_of(before, after, wanted.options) for before, after in pairs]
    return [_change_line(change, event.revision, wanted, form, now) for change in changes if change is not None]


def _change_line(change: tuple[str, Doc], revision: int, wanted: WatchAnswer, form: Form | None, now: float) -> bytes:
    kind, api_version = _KINDS[wanted.resource]
    doc = {"kind": kind, "apiVersion": api_version, **change[1]}
    if change[0] == "DELETED":
        doc["metadata"] = {**doc["metadata"], "resourceVersion": str(revision)}
    if form is not None and form.shape == "Table":
        doc = table(kind, [doc], {"resourceVersion": doc["metadata"]["resourceVersion"]}, "", now)
    return _line(change[0], doc)


def _line(kind: str, doc: Doc) -> bytes:
    return f"{json.dumps({'type': kind, 'object': doc}, separators=(',', ':'))}\n".encode()
