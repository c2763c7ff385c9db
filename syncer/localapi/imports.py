"""The simulated import controller: some time after a tag asks for an image, the stream is given it, or a reason.

It decides as the real controller does: a `DockerImage` tag that is no reference wants an import when its generation
is newer than the newest that its status knows. All such tags of a stream are imported together, in one write.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.localapi.imagestreams import Call, ImageStreams
from syncer.localapi.registry import Found, look_up
from syncer.localapi.statuses import StatusError
from syncer.localapi.streams import Stream
from syncer.localapi.tagevents import add_event
from syncer.localapi.values import Doc, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncer.localapi.images import Images
    from syncer.localapi.store import Event

CHECKED = "openshift.io/image.dockerRepositoryCheck"


def pending(stream: Stream) -> list[str]:
    """Return the tags of a stream that wait for an import, sorted."""
    return [name for name in sorted(stream.tags) if _wants_import(stream, name)]


def _wants_import(stream: Stream, name: str) -> bool:
    tag = stream.tags[name]
    if (tag.get("from") or {}).get("kind") != "DockerImage" or tag.get("reference"):
        return False
    return tag["generation"] is None or tag["generation"] > _observed(stream, name)


def _observed(stream: Stream, name: str) -> int:
    """Return the newest generation that the tag's status speaks of: of its image, or of a failure."""
    items = stream.history.get(name, {}).get("items") or ()
    generations = [item["generation"] for item in items[:1]]
    generations += [c["generation"] for c in stream.conditions(name) if c["type"] == "ImportSuccess"][:1]
    return max(generations, default=0)


def run_imports(streams: ImageStreams, images: Images, namespace: str, name: str, now: float) -> None:
    """Import what is pending in a stream, if anything: the images, or the conditions of those that failed."""
    stream = streams.find(namespace, name)
    waiting = pending(stream) if stream else []
    if stream is None or not waiting:
        return
    before = stream.doc()
    generation = stream.generation + 1
    for tag in waiting:
        found = look_up(stream.tags[tag]["from"]["name"])
        if isinstance(found, StatusError):
            record_failure(stream, tag, found, generation, now)
        else:
            _succeed(stream, images, tag, found, generation, now)
    annotations = stream.meta.get("annotations") or {}
    if CHECKED in annotations and stream.doc() == before:
        return
    stream.meta["annotations"] = {**annotations, CHECKED: timestamp(now)}
    streams.update(stream, Call(now), internal=True)


def _succeed(  # noqa: PLR0913, PLR0917 - the parts of one import
    stream: Stream, images: Images, tag: str, found: Found, generation: int, now: float
) -> None:
    images.ensure(found.digest, found.image(), now)
    stream.tags[tag]["from"] = {"kind": "DockerImage", "name": stream.tags[tag]["from"]["name"]}
    # Generation 0 makes the update count as one: the tag gets the stream's next generation.
    stream.tags[tag]["generation"] = 0
    add_event(stream.history, tag, found.event(generation, now))
    stream.history[tag].pop("conditions", None)


def record_failure(stream: Stream, tag: str, failure: StatusError, generation: int, now: float) -> None:
    """Give a tag the condition of an import that failed; a failure that repeats itself stays as it was."""
    condition: Doc = {
        "type": "ImportSuccess",
        "status": "False",
        "lastTransitionTime": timestamp(now),
        "reason": failure.document["reason"],
        "message": failure.document["message"],
        "generation": generation,
    }
    entry = stream.history.setdefault(tag, {"tag": tag, "items": None})
    if entry.get("conditions") and _alike(entry["conditions"][0], condition):
        # The server keeps a failure that repeats itself as it was, its generation included.
        return
    entry["conditions"] = [condition]
    if tag in stream.tags:
        stream.tags[tag]["generation"] = 0


def _alike(one: Doc, other: Doc) -> bool:
    return all(one.get(key) == other.get(key) for key in ("type", "status", "reason", "message"))


class Importer:
    """Starts an import a while after a stream's change left something pending; `later` is the timer."""

    def __init__(
        self,
        streams: ImageStreams,
        images: Images,
        later: Callable[[Callable[[], None]], object],
        clock: Callable[[], float],
    ) -> None:
        self._streams = streams
        self._images = images
        self._later = later
        self._clock = clock
        self._waiting: set[tuple[str, str]] = set()

    def on_event(self, event: Event) -> None:
        """Look at a change in the store."""
        if event.resource != "imagestreams" or event.after is None:
            return
        meta = event.after["metadata"]
        key = (meta["namespace"], meta["name"])
        if key not in self._waiting and pending(Stream.of(event.after)):
            self._waiting.add(key)
            self._later(lambda: self._run(key))

    def _run(self, key: tuple[str, str]) -> None:
        self._waiting.discard(key)
        run_imports(self._streams, self._images, *key, self._clock())
