"""What the report of several sync sets says beside what it says of each: told once, for every format."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from syncer import __version__
from syncer.report import facts
from syncer.report.failures import has_failed
from syncer.report.values import sentence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncer.model import Json, SetReport, SetsReport

ENDS: Final[Mapping[int, str]] = {
    1: "failed",
    3: "stopped by a gate",
    4: "applied in part",
    5: "stale",
    64: "used wrongly",
    75: "locked by another run",
    130: "interrupted",
    143: "interrupted",
}
"""How a set ended that is not as it should be, by its exit code."""
_NAMED: Final = 3
"""Sets that a line has room for."""


def document(report: SetsReport) -> dict[str, Json]:
    """Give the report as plain JSON values, but for the sets' own documents, which stand at `sets[].report`."""
    return {
        "format_version": facts.FORMAT_VERSION,
        "syncer_version": __version__,
        "complete": complete(report),
        "interrupted": report.interrupted,
        "exit_code": report.exit_code,
        "summary": summary(report),
        "sets": [
            {"name": each.name, "exit_code": each.exit_code, "error": each.error, "hint": each.hint}
            for each in report.sets
        ],
    }


def complete(report: SetsReport) -> bool:
    """Whether every list of every set ended, and every file parsed."""
    return all(each.report.plan.complete for each in report.sets)


def summary(report: SetsReport) -> dict[str, int]:
    """Count the changes of all sets by action, and those whose apply failed."""
    counts = Counter[str]()
    for each in report.sets:
        counts.update(facts.summary(each.report))
    return {name: counts[name] for name in (*facts.ACTIONS, "failed")}


def headline(report: SetsReport) -> str:
    """Sum up in one line: what all sets together would do, or did, and which did not end as they should."""
    counts = _counts(report)
    words = [f"{number:,} {word}" for word, number in counts.items()]
    if not counts.keys() - {"unchanged"} and complete(report):
        words.insert(0, "nothing to do")
    ends: dict[str, list[str]] = {}
    for each in report.sets:
        if each.exit_code in ENDS:
            ends.setdefault(ENDS[each.exit_code], []).append(each.name)
    told = [", ".join(words), *(f"{end}: {_names(names)}" for end, names in ends.items())]
    did = "Sync" if any(each.report.applied for each in report.sets) else "Plan"
    number = len(report.sets)
    return f"{did} of {number:,} set{'s' * (number != 1)}: {'; '.join(filter(None, told))}."


def _counts(report: SetsReport) -> dict[str, int]:
    """Count tags by what became of them, where a set was applied, else by what is planned; in words, and none of 0."""
    counts = Counter[str]()
    for each in report.sets:
        if each.report.applied:
            counts.update(facts.results(each.report))
        else:
            planned = facts.summary(each.report)
            counts.update({word: planned[action] for action, word in facts.PLANNED.items()})
    words = dict.fromkeys((*facts.RESULTS, *facts.PLANNED.values()))
    return {word: counts[word] for word in words if counts[word]}


def _names(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED:,} more" if len(names) > _NAMED else shown


def failed(each: SetReport) -> bool:
    """Whether a set came to no plan at all, so that there is nothing to show of it but why."""
    return has_failed(each.report)


def line(each: SetReport) -> str:
    """Say in one line what a set came to."""
    end = ENDS.get(each.exit_code, "")
    if failed(each):
        return end if each.error == end else f"{end}: {sentence(each.error)}"
    why = f": {sentence(each.error)}" if each.error and not each.report.plan.gates else ""  # a gate has its own section
    return facts.headline(each.report) + (f" {end[0].upper()}{end[1:]}{why}." if end else "")


def where(each: SetReport) -> str:
    """Say which cluster a set is for."""
    target = each.report.target
    context = f"context {target.context}" if target.context else ""
    return ", ".join(filter(None, (facts.without_userinfo(target.server), context))) or "its cluster is not known"
