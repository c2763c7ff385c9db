"""Waits for images: for the tag that a follower in another stream needs, and for the imports that a run began."""

from __future__ import annotations

import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from syncer import imagestreamtag
from syncer.errors import ClusterError
from syncer.model import Import, ImportState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from syncer.apply.writer import Writer
    from syncer.model import Live, ObjectKey, Outcome

FOLLOWER_PATIENCE: Final = 60.0
"""Seconds that a follower in another stream waits for the image of its tag, unless `--wait` says otherwise."""
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 2.0


def wait_for_image(
    writer: Writer, key: ObjectKey, patience: float, stopped: Callable[[], bool] = bool
) -> Import | None:
    """Read a tag until its import is over, by generation and not by time, or until patience (seconds) runs out.

    A tag that follows another one of its own stream moves along with it, so that one is looked at (fact 10). None means
    that there is no such tag. Once `stopped` holds the wait is over, too.
    """
    deadline, pause = time.monotonic() + patience, FIRST_PAUSE
    while True:
        tags = writer.read_stream(key.namespace, key.stream) or {}
        live = tags.get(_root(key, tags))
        over = live is None or live.image.state is not ImportState.PENDING
        if over or stopped() or time.monotonic() + pause > deadline:
            return live.image if live else None
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


def follow_imports(  # noqa: PLR0913 - the last two are the caller's ears, and have names
    writer: Writer,
    outcomes: Iterable[Outcome],
    patience: float,
    *,
    concurrency: int,
    stopped: Callable[[], bool] = bool,
    on_progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> dict[ObjectKey, Outcome]:
    """Give the outcomes of written tags with the state of their imports, once all are over or patience runs out.

    `patience` is in seconds, `concurrency` the number of streams that are read at a time. `on_progress` hears how many
    imports, of how many, are over. An error ends the wait and no more: what was written needs its report.
    """
    written = {outcome.key: outcome for outcome in outcomes if outcome.result in ("created", "configured")}
    deadline, pause = time.monotonic() + patience, FIRST_PAUSE
    pending = sorted(written)
    while pending:
        streams = sorted({(key.namespace, key.stream) for key in pending})
        try:
            tags = _read_streams(writer, streams, concurrency)
        except ClusterError:
            break  # what was written is written: a report without these states beats none
        for key in pending:
            image = tags[key].image if key in tags else Import(ImportState.NONE)
            written[key] = dataclasses.replace(written[key], image=image)
        pending = [key for key in pending if _is_pending(written[key])]
        on_progress(len(written) - len(pending), len(written))
        if stopped() or time.monotonic() + pause > deadline:
            break
        if pending:
            time.sleep(pause)
            pause = min(pause * 1.5, LONGEST_PAUSE)
    return written


def _read_streams(writer: Writer, streams: Iterable[tuple[str, str]], concurrency: int) -> dict[ObjectKey, Live]:
    with ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="imports") as pool:
        read = pool.map(writer.read_stream, *zip(*streams, strict=True))
        return {key: live for tags in read for key, live in (tags or {}).items()}


def _is_pending(outcome: Outcome) -> bool:
    return outcome.image is not None and outcome.image.state is ImportState.PENDING


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
