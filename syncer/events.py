"""What happens while a run goes on, as frozen data: one stream of events, told to one listener.

A stage is StageBegan, Progress a few times a second, StageEnded; between them come Applied, ImportMoved and Waiting.
The last event is RunEnded, or RunFailed; that of several sync sets is SetsEnded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field

if TYPE_CHECKING:
    from syncer.errors import SyncerError
    from syncer.model import Import, ObjectKey, Outcome, Report, SetsReport

Stage = Literal[
    "source", "manifests", "live", "plan", "impact", "history", "resolve", "validate", "write", "apply", "wait"
]
"""What a run does: reading SOURCE, parsing it, listing tags, planning, listing workloads, finding commits, asking for
images, a server dry run, writing files, applying, waiting."""


class StageBegan(Struct, frozen=True, gc=False):
    """A stage began. `total` is how much it has to do, None where that is not known."""

    stage: Stage
    total: int | None = None


class Progress(Struct, frozen=True, gc=False):
    """How far a stage is: `done` files, tags, changes or imports, of `total` where that is known."""

    stage: Stage
    done: int
    total: int | None = None


class StageEnded(Struct, frozen=True, gc=False):
    """A stage ended, after `seconds`; `counts` says what it came to, such as files or tags."""

    stage: Stage
    seconds: float
    counts: Mapping[str, int] = field(default_factory=dict)


class Applied(Struct, frozen=True, gc=False):
    """A create, an update or a prune has its outcome."""

    outcome: Outcome


class ImportMoved(Struct, frozen=True, gc=False):
    """The import that the run waits for came to a state."""

    key: ObjectKey
    image: Import


class Waiting(Struct, frozen=True, gc=False):
    """Something keeps the run waiting, or makes it try again; `seconds` where it is known for how long."""

    message: str
    seconds: float | None = None


class RunEnded(Struct, frozen=True, gc=False):
    """The run ended, and this is its report; `refusal` where it stopped before its first write."""

    report: Report
    exit_code: int
    refusal: SyncerError | None = None


class RunFailed(Struct, frozen=True, gc=False):
    """The run ended by an error, without a report."""

    error: SyncerError


class SetsEnded(Struct, frozen=True, gc=False):
    """A run of several sync sets ended, each of which told of its own end before."""

    report: SetsReport


Event = StageBegan | Progress | StageEnded | Applied | ImportMoved | Waiting | RunEnded | RunFailed | SetsEnded

Tell = Callable[[Event], None]
"""Where events go. It is called from any thread, and must neither take long nor raise, save to end a run that reads."""


def nobody(_: Event) -> None:
    """Listen to nothing."""
