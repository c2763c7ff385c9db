"""What every run has: a lock, a stopwatch, and what it came to."""

from __future__ import annotations

import threading
import time
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from syncer.events import Applied, ImportMoved, Progress, StageBegan, StageEnded, nobody
from syncer.model import ImportState, Severity
from syncer.report.facts import imports_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from syncer.errors import SyncerError
    from syncer.events import Event, Stage, Tell
    from syncer.model import Report

    Lock = Callable[[str], AbstractContextManager[Callable[[], None]]]
    """Takes the lock of an owner for as long as the context lasts; gives what raises ClusterError once it is lost."""


T = TypeVar("T")

PAUSE: Final = 0.1
"""Seconds between two events that say how far a stage is."""


def no_lock(_owner: str) -> AbstractContextManager[Callable[[], None]]:
    """Let a run go on without a lock between runs."""
    return nullcontext(lambda: None)


@dataclass(frozen=True, slots=True)
class Run:
    """What a run came to: the report, and the refusal where it stopped before its first write."""

    report: Report
    refusal: SyncerError | None = None
    import_failures: Literal["warn", "error"] = "warn"

    def exit_code(self, *, detailed: bool = False) -> int:
        """Give the exit code (design: 0, 1, 2, 3, 4)."""
        report = self.report
        if self.refusal:
            return self.refusal.exit_code
        if any(outcome.error for outcome in report.outcomes.values()):
            return 4
        if self.import_failures == "error" and imports_in(report, ImportState.FAILED):
            return 4
        if any(problem.severity is Severity.ERROR for problem in report.plan.problems):
            return 4 if report.applied else 1
        changes = any(change.requests for change in report.plan.changes)
        return 2 if detailed and changes else 0


@dataclass(slots=True)
class Running:
    """One stage while it runs: counts what is done, and tells of it, a few times a second and no more."""

    stage: Stage
    tell: Tell
    total: int | None = None
    done: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    _told: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, number: int = 1) -> None:
        """Count what was done; threads may share it."""
        with self._lock:
            self.done += number
            now = time.monotonic()
            if now - self._told < PAUSE and self.done != self.total:
                return
            self._told = now
            progress = Progress(self.stage, self.done, self.total)
        self.tell(progress)

    def each(self, things: Iterable[T]) -> Iterator[T]:
        """Hand things on, and count each one once it has been dealt with."""
        for thing in things:
            yield thing
            self.add()

    def hear(self, event: Event) -> None:
        """Pass an event on, and count what it says is over."""
        self.tell(event)
        if isinstance(event, Applied | ImportMoved):
            self.add()


@dataclass(slots=True)
class Stopwatch:
    """Tells when each stage begins and ends; keeps the seconds, for the report's `timings`."""

    tell: Tell = nobody
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: Stage, total: int | None = None) -> Iterator[Running]:
        """Time one stage. `total` is how much it has to do, None where that is not known."""
        began = time.perf_counter()
        running = Running(name, self.tell, total)
        self.tell(StageBegan(name, total))
        try:
            yield running
        finally:
            seconds = round(time.perf_counter() - began, 3)
            self.seconds[name] = round(self.seconds.get(name, 0.0) + seconds, 3)
            self.tell(StageEnded(name, seconds, running.counts))
