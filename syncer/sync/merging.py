"""What the parts of one plan came to, as one run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.errors import GateError, StalePlanError
from syncer.plan.saved import AGAIN, load_report
from syncer.report.failures import has_failed
from syncer.report.merging import merge
from syncer.sync.run import Run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    from syncer.errors import SyncerError
    from syncer.model import Report


def merged(files: Mapping[str, bytes], *, import_failures: Literal["warn", "error"] = "warn") -> Run:
    """Fold the JSON reports of all parts into one run, by the name of each file. Raises SourceError.

    Its exit code is that of the whole: applied in part as soon as one part was, and another was not or failed.
    """
    parts = {name: load_report(data, name) for name, data in files.items()}
    report, asked = merge(parts), any(part.shard and not has_failed(part) for part in parts.values())
    refusal = None if report.applied or not asked else _refusal(report)
    return Run(report, refusal, import_failures)


def _refusal(report: Report) -> SyncerError | None:
    """Say why no part was applied."""
    if any(problem.code == "stale" for problem in report.plan.problems):
        return StalePlanError("the plan is stale, no part of it was applied", hint=AGAIN)
    if report.plan.gates:
        messages = "; ".join(f"{gate.message} ({gate.option} lets it pass)" for gate in report.plan.gates)
        return GateError(f"stopped, no part was applied: {messages}")
    return None
