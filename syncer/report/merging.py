"""Folds the reports of all parts of one plan into the report of the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from msgspec.structs import replace

from syncer.errors import SourceError
from syncer.model import Impact, Outcome, Plan, Report, Scope
from syncer.report.facts import way_back
from syncer.report.failures import RUN_FAILED, has_failed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from syncer.model import ObjectKey, Problem, Shard

T = TypeVar("T")

_PARTS: Final = "give what `-o json=FILE` of each part wrote: the same --shard COUNT, the same plan or commit"


def merge(parts: Mapping[str, Report]) -> Report:
    """Make one report of those of all parts, by the name of each one's file. Raises SourceError.

    Where a part was not applied while others were, the whole is applied in part, and each tag that it left says so.
    """
    known = _checked(parts)
    whole = next((report for report in known.values() if not has_failed(report)), next(iter(known.values())))
    applied = any(report.applied for report in known.values())
    plans = [report.plan for report in known.values()]
    return Report(
        whole.source,
        whole.target,
        Plan(
            owner=whole.plan.owner,
            scope=_scope(known, whole),
            changes=tuple(sorted((change for plan in plans for change in plan.changes), key=lambda change: change.key)),
            gates=_each_once(gate for plan in plans for gate in plan.gates),
            problems=_each_once(problem for shard, report in known.items() for problem in _problems(shard, report)),
            complete=all(plan.complete for plan in plans),
            impact=_impact([plan.impact for plan in plans if plan.impact]),
        ),
        outcomes={key: told for shard, report in known.items() for key, told in _outcomes(shard, report) if applied},
        applied=applied,
        interrupted=any(report.interrupted for report in known.values()),
        notes=_each_once(note for report in known.values() for note in (*report.notes, *way_back(report))),
        timings=_slowest(known.values()),
    )


def _checked(parts: Mapping[str, Report]) -> dict[Shard, Report]:
    """Give the reports in the order of their parts: all of one plan, none missing, none twice. Raises SourceError."""
    files: dict[int, str] = {}
    known: dict[Shard, Report] = {}
    for name, report in parts.items():
        shard = report.shard or report.plan.scope.shard
        if shard is None:
            raise SourceError(f"{name} is no report of a part: its run had no --shard", hint=_PARTS)
        if shard.index in files:
            raise SourceError(f"{files[shard.index]} and {name} are both part {shard}", hint="give each part once")
        for other, its_report in known.items():
            if shard.count != other.count or not _of_one_plan(report, its_report):
                raise SourceError(f"{files[other.index]} and {name} are parts of different plans", hint=_PARTS)
        files[shard.index] = name
        known[shard] = report
    count = next(iter(known)).count
    missing = [str(index) for index in range(count) if index not in files]
    if missing:
        those = (
            f"part {missing[0]} of {count} is" if len(missing) == 1 else f"parts {', '.join(missing)} of {count} are"
        )
        raise SourceError(f"{those} missing", hint=_PARTS)
    return {shard: known[shard] for shard in sorted(known, key=lambda shard: shard.index)}


def _of_one_plan(one: Report, other: Report) -> bool:
    """Whether two reports are of one plan, or of plans of one commit for one cluster; one that failed may be of any."""

    def identity(report: Report) -> tuple[object, ...]:
        plan, source = report.plan, report.source
        part_of = report.shard.plan if report.shard else ""
        return part_of, plan.owner, plan.scope.all_namespaces, source.url, source.commit, report.target.server

    return has_failed(one) or has_failed(other) or identity(one) == identity(other)


def _scope(known: Mapping[Shard, Report], whole: Report) -> Scope:
    """Give the scope of the whole: that of its plan, or of the parts' plans together."""
    scope = whole.plan.scope
    if whole.shard and whole.shard.plan:
        return scope
    named = {name for report in known.values() for name in report.plan.scope.namespaces}
    return Scope(scope.all_namespaces, tuple(sorted(named)), scope.derived)


def _impact(parts: Sequence[Impact]) -> Impact | None:
    """Join what each part found of its tags; what one could not look at, the whole did not."""
    if not parts:
        return None
    uses = {key: found for part in parts for key, found in part.uses.items()}
    return Impact(uses, _each_once(unread for part in parts for unread in part.unread))


def _problems(shard: Shard, report: Report) -> Iterator[Problem]:
    """Yield the problems of a part; what made it fail as a whole is told with its number."""
    for problem in report.plan.problems:
        told = f"part {shard}: {problem.message}" if problem.code == RUN_FAILED else problem.message
        yield replace(problem, message=told)


def _outcomes(shard: Shard, report: Report) -> Iterator[tuple[ObjectKey, Outcome]]:
    yield from report.outcomes.items()
    if not report.applied:
        for change in report.plan.changes:
            if change.requests:
                yield change.key, Outcome(change.key, "skipped", f"part {shard} was not applied")


def _slowest(reports: Iterable[Report]) -> dict[str, float]:
    """Give, of each stage, the longest: parts run side by side."""
    seconds: dict[str, float] = {}
    for report in reports:
        for stage, took in report.timings.items():
            seconds[stage] = max(took, seconds.get(stage, 0.0))
    return seconds


def _each_once(things: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(things))
