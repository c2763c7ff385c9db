"""A report as findings, the shape that CI systems show: what stopped or failed first, then what changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from syncer.model import ImportState, Severity, Skip
from syncer.report import facts, impact
from syncer.report.values import Values, sentence, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from syncer.model import Change, Problem, Report, SetsReport

Level = Literal["error", "warning", "notice"]
LEVELS: Final[tuple[Level, ...]] = ("error", "warning", "notice")
_ACTIONS = ("prune", "update", "create", "unchanged")
_USERS: Final = 5
"""Users of a tag that one line has room for."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to show. `check` is a word that scripts can rely on; `subject` the tag, namespace or gate it is about.

    `file` is relative to the repository and may be empty; `line` and `column` count from 1, 0 where there is none. All
    texts are printable and on one line. `set` is the sync set that it is of, where a report has several.
    """

    level: Level
    check: str
    subject: str
    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    set: str = ""


def of_sets(report: SetsReport) -> list[Finding]:
    """List what the reports of several sync sets find, each with the set that it is of."""
    found = [replace(finding, set=each.name) for each in report.sets for finding in findings(each.report)]
    return worst_first(found)


def findings(report: Report) -> list[Finding]:
    """List what a report finds: errors, warnings, notices; within these prunes before updates before creates."""
    found = [*_gates(report), *map(of_problem, report.plan.problems), *_changes(report)]
    return worst_first(found)


def worst_first(found: Iterable[Finding]) -> list[Finding]:
    """Sort errors before warnings before notices; within these the order stays."""
    return sorted(found, key=lambda finding: LEVELS.index(finding.level))


def described(report: Report, change: Change, values: Values) -> str:
    """Tell a change in one line: what became of it, why, and each field from what to what."""
    outcome = facts.outcome_of(report, change)
    told = [f"{outcome.result}: {sentence(outcome.error)}" if outcome.error else outcome.result] if outcome else []
    told.append(sentence(facts.why(change)))
    told += [f"{visible(veto.code)}: {sentence(veto.message)}" for veto in change.vetoes]
    told += [f"{visible(facts.field_name(p))} {values.one(value)}" for p, value in facts.asked_for(change).items()]
    for field in facts.fields_of(change):
        old, new = values.pair(field.live, field.desired)
        told.append(f"{visible(facts.field_name(field.path))} {old} → {new}")
    resolved = facts.resolved_words(change, values.digest)
    told += [f"image {resolved}"] if resolved else []
    users = impact.users_of(report, change, _USERS)
    told += [f"used by {'; '.join(users)}"] if users and not any(veto.code == "used" for veto in change.vetoes) else []
    return "; ".join(told)


def _gates(report: Report) -> Iterator[Finding]:
    for gate in report.plan.gates:
        if gate.stopped:
            way = f" ({visible(gate.option)} lets it pass)" if gate.option else ""
            yield Finding("error", "gate", visible(gate.name), f"{sentence(gate.message)}{way}")


def of_problem(problem: Problem) -> Finding:
    """Turn a problem into a finding, its hint in brackets."""
    hint = f" ({sentence(problem.hint)})" if problem.hint else ""
    return Finding(
        level="error" if problem.severity is Severity.ERROR else "warning",
        check=visible(problem.code),
        subject=visible("/".join(part for part in (problem.namespace, problem.name) if part)),
        message=f"{sentence(problem.message)}{hint}",
        file=visible(problem.file),
        line=problem.line,
        column=problem.column,
    )


def _changes(report: Report) -> Iterator[Finding]:
    values = Values.of(report)
    for change, image in facts.imports_in(report, ImportState.FAILED):
        since = f" since {visible(image.since)}" if image.since else ""
        yield _of_change("warning", "import-failed", change, f"the import fails{since}: {sentence(image.message)}")
    changed = facts.shown(report)
    order = {action: number for number, action in enumerate(_ACTIONS)}
    for change in sorted(changed, key=lambda change: order.get(change.action, -1)):
        status = facts.status_of(report, change)
        level: Level = "error" if status == "failed" else "warning" if isinstance(change, Skip) else "notice"
        yield _of_change(level, status, change, described(report, change, values))


def _of_change(level: Level, check: str, change: Change, message: str) -> Finding:
    origin = change.origin
    file, line = (visible(origin.file), origin.line) if origin else ("", 0)
    return Finding(level, check, visible(str(change.key)), message, file, line)
