"""The report of a run that failed as a whole: there is one either way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from syncer.model import Plan, Problem, Report, Severity

if TYPE_CHECKING:
    from syncer.errors import SyncerError
    from syncer.model import Scope, Shard, SourceInfo, Target

RUN_FAILED: Final = "run-failed"
"""The code of the problem that ended the run."""


def has_failed(report: Report) -> bool:
    """Whether a report is that of a run that failed as a whole."""
    return any(problem.code == RUN_FAILED for problem in report.plan.problems)


def failed(  # noqa: PLR0913, PLR0917 - what a report says of a run before it came to a plan
    error: SyncerError, source: SourceInfo, target: Target, owner: str, scope: Scope, shard: Shard | None = None
) -> Report:
    """Build the report of a run that an error ended before it came to a plan: incomplete, the error its one problem.

    `source`, `target`, `owner`, `scope` and `shard` are what the run was asked for; not all of it may be known.
    """
    problem = Problem(Severity.ERROR, RUN_FAILED, error.message, error.hint)
    return Report(source, target, Plan(owner, scope, (), (), (problem,), complete=False), shard=shard)
