"""Waits for images: for the tag that a follower in another stream needs, and for the imports that a run began."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from syncer import imagestreamtag
from syncer.errors import ClusterError
from syncer.events import ImportMoved, nobody
from syncer.model import Import, ImportState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from syncer.apply.writer import Writer
    from syncer.events import Tell
    from syncer.model import Live, ObjectKey, Outcome

FOLLOWER_PATIENCE: Final = 60.0
"""Seconds that a follower in another stream waits for the image of its tag, unless `--wait` says otherwise."""
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 2.0
SILENCE: Final = 30.0
"""Seconds without news after which an import that was asked for again counts as failed again: a failure that repeats
the last one word for word leaves no trace on the server."""


def wait_for_image(
    writer: Writer, key: ObjectKey, patience: float, stopped: Callable[[], bool] = bool
) -> Import | None:
    """Read a tag until its import is over, by generation and not by time, or until patience (seconds) runs out.

    A tag that follows another one of its own stream moves along with it, so that one is looked at (fact 10). None means
    that there is no such tag. Once `stopped` holds the wait is over, too; so it is after `SILENCE` where an import that
    was asked for again shows nothing but its earlier failure.
    """
    began, pause = time.monotonic(), FIRST_PAUSE
    while True:
        tags = writer.read_stream(key.namespace, key.stream) or {}
        live = tags.get(_root(key, tags))
        if live is None:
            return None
        longest = min(patience, SILENCE) if live.image.asked_again else patience
        if not is_open(live.image) or stopped() or time.monotonic() + pause > began + longest:
            return live.image
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


def wait_for_digest(  # noqa: PLR0913, PLR0917 - what names an image, and how long
    writer: Writer,
    namespace: str,
    stream: str,
    digest: str,
    patience: float,
    stopped: Callable[[], bool] = bool,
) -> None:
    """Read a stream until a tag has an image, or no import of it is under way, or patience (seconds) runs out."""
    began, pause = time.monotonic(), FIRST_PAUSE
    while True:
        images = [live.image for live in (writer.read_stream(namespace, stream) or {}).values()]
        there = any(image.digest == digest for image in images)
        if there or not any(image.state is ImportState.PENDING for image in images):
            return
        if stopped() or time.monotonic() + pause > began + patience:
            return
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


def follow_imports(  # noqa: PLR0913 - the last two are the caller's ears, and have names
    writer: Writer,
    outcomes: Iterable[Outcome],
    patience: float,
    *,
    concurrency: int,
    stopped: Callable[[], bool] = bool,
    tell: Tell = nobody,
) -> dict[ObjectKey, Outcome]:
    """Give the outcomes of written tags with the state of their imports, once all are over or patience runs out.

    `patience` is in seconds, `concurrency` the number of streams that are read at a time. `tell` hears of each import
    that is over. An error ends the wait and no more: what was written needs its report. Imports that were asked for
    again, and show nothing but their earlier failure, are waited for until nothing moved for `SILENCE`.
    """
    written = {outcome.key: outcome for outcome in outcomes if outcome.result in ("created", "configured")}
    moved, pause = time.monotonic(), FIRST_PAUSE
    deadline, pending = moved + patience, sorted(written)
    while pending:
        streams = sorted({(key.namespace, key.stream) for key in pending})
        try:
            tags = _read_streams(writer, streams, concurrency)
        except ClusterError:
            break  # what was written is written: a report without these states beats none
        for key in pending:
            image = tags[key].image if key in tags else Import(ImportState.NONE)
            written[key] = replace(written[key], image=image)
            if not is_open(image):
                tell(ImportMoved(key, image))
        before, pending = len(pending), [key for key in pending if is_open(written[key].image)]
        moved = time.monotonic() if len(pending) < before else moved
        silent = all(_asked_again(written[key].image) for key in pending) and time.monotonic() > moved + SILENCE
        if silent or stopped() or time.monotonic() + pause > deadline:
            break
        if pending:
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)
    return written


def _read_streams(writer: Writer, streams: Iterable[tuple[str, str]], concurrency: int) -> dict[ObjectKey, Live]:
    with ThreadPoolExecutor(max_workers=concurrency) as pool:
        read = pool.map(writer.read_stream, *zip(*streams, strict=True))
        return {key: live for tags in read for key, live in (tags or {}).items()}


def is_open(image: Import | None) -> bool:
    """Whether an import may still be under way."""
    return image is not None and (image.state is ImportState.PENDING or image.asked_again)


def _asked_again(image: Import | None) -> bool:
    return image is not None and image.asked_again


def _root(key: ObjectKey, tags: Mapping[ObjectKey, Live]) -> ObjectKey:
    """Find the tag whose import a chain of followers within one stream waits for."""
    seen: set[ObjectKey] = set()
    while key in tags and key not in seen:
        seen.add(key)
        target = imagestreamtag.followed_by(key, imagestreamtag.live_fields(tags[key]))
        if target is None or target not in tags:
            break
        key = target
    return key
