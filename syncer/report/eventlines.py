"""Events as JSON Lines, each written while the run goes on; the last ones are the lines of the report.

The key `type` says what a line is; `#/$defs/line` of the schema describes each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, assert_never

from msgspec.structs import asdict

from syncer.events import (
    Applied,
    ImportMoved,
    Progress,
    RunEnded,
    RunFailed,
    SetsEnded,
    StageBegan,
    StageEnded,
    Waiting,
)
from syncer.report.document import import_of
from syncer.report.jsontext import line, lines, sets_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from syncer.errors import SyncerError
    from syncer.events import Event
    from syncer.model import Json, ObjectKey


def event_lines(event: Event, now: datetime, of_set: str = "") -> Iterator[str]:
    """Yield what an event says as lines, `now` being the time that it is told at, `of_set` the one set of several.

    The end of a run is an `error`, where it has one, and then all lines of its report.
    """
    time = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    named = {"set": of_set} if of_set else {}
    match event:
        case RunEnded(report, _, refusal):
            if refusal:
                yield line({**_error(refusal), "time": time, **named})
            yield from lines(report, **named)
        case SetsEnded(report):
            yield sets_line(report)
        case _:
            yield line({**_entry(event), "time": time, **named})


def _entry(event: StageBegan | Progress | StageEnded | Applied | ImportMoved | Waiting | RunFailed) -> dict[str, Json]:
    match event:
        case Applied(outcome):
            return {"type": "outcome", **_named(outcome.key), "outcome": outcome.result, "error": outcome.error}
        case ImportMoved(key, image):
            return {"type": "import", **_named(key), "import": import_of(image)}
        case RunFailed(error):
            return _error(error)
        case StageBegan() | Progress() | StageEnded() | Waiting():
            return {"type": _TYPES[type(event)], **asdict(event)}
        case _:
            assert_never(event)


_TYPES: Final = {StageBegan: "stage_began", Progress: "progress", StageEnded: "stage_ended", Waiting: "waiting"}


def _named(key: ObjectKey) -> dict[str, Json]:
    return {"namespace": key.namespace, "name": key.name}


def _error(error: SyncerError) -> dict[str, Json]:
    return {"type": "error", "message": error.message, "hint": error.hint, "exit_code": error.exit_code}
