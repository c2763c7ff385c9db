"""What every run has: a lock, a stopwatch, and what it came to."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from syncer.model import ImportState, Severity
from syncer.report.facts import imports_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from syncer.errors import SyncerError
    from syncer.model import Report

    Lock = Callable[[str], AbstractContextManager[Callable[[], None]]]
    """Takes the lock of an owner for as long as the context lasts; gives what raises ClusterError once it is lost."""


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
class Stopwatch:
    """Seconds by stage, for the report's `timings`."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(time.perf_counter() - began, 3)
