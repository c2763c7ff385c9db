"""What happens while a run goes on, as frozen data: one stream of events, told to one listener.

A stage is StageBegan, Progress a few times a second, StageEnded; between them come Applied, ImportMoved and Waiting.
The last event is RunEnded, or RunFailed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from syncer.errors import SyncerError
    from syncer.model import Import, ObjectKey, Outcome, Report

Stage = Literal["source", "manifests", "live", "plan", "history", "validate", "write", "apply", "wait"]
"""Reading SOURCE, parsing it, listing the cluster, planning, finding commits, a server dry run, applying, waiting."""


@dataclass(frozen=True, slots=True)
class StageBegan:
    """A stage began. `total` is how much it has to do, None where that is not known."""

    stage: Stage
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is: `done` files, tags, changes or imports, of `total` where that is known."""

    stage: Stage
    done: int
    total: int | None = None


@dataclass(frozen=True, slots=True)
class StageEnded:
    """A stage ended, after `seconds`; `counts` says what it came to, such as files or tags."""

    stage: Stage
    seconds: float
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Applied:
    """A create, an update or a prune has its outcome."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class ImportMoved:
    """The import that the run waits for came to a state."""

    key: ObjectKey
    image: Import


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something keeps the run waiting, or makes it try again; `seconds` where it is known for how long."""

    message: str
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class RunEnded:
    """The run ended, and this is its report; `refusal` where it stopped before its first write."""

    report: Report
    exit_code: int
    refusal: SyncerError | None = None


@dataclass(frozen=True, slots=True)
class RunFailed:
    """The run ended by an error, without a report."""

    error: SyncerError


Event = StageBegan | Progress | StageEnded | Applied | ImportMoved | Waiting | RunEnded | RunFailed

Tell = Callable[[Event], None]
"""Where events go. It is called from any thread, and must neither raise nor take long."""


def nobody(_: Event) -> None:
    """Listen to nothing."""
