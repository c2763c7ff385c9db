"""The impact of a plan in words: from the line in git to the tag to who uses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from syncer.report.values import sentence, visible

if TYPE_CHECKING:
    from syncer.model import Change, Json, Report, Use

SHOWN: Final = 10
"""Users of one tag that people are shown; any more are counted."""


@dataclass(frozen=True, slots=True)
class Chain:
    """One tag and who uses it: where git says so, and a line a user, as many as are shown; printable."""

    where: str
    tag: str
    users: tuple[str, ...]


def chains(report: Report) -> list[Chain]:
    """Tell who uses each tag that changes or goes, in plan order; a tag that nobody uses is left out."""
    used = ((change, users_of(report, change)) for change in report.plan.changes)
    return [Chain(_where(change), visible(str(change.key)), users) for change, users in used if users]


def users_of(report: Report, change: Change, most: int = SHOWN) -> tuple[str, ...]:
    """Tell who uses a tag, a line each, at most so many; any more are counted."""
    uses = report.plan.impact.uses.get(change.key, ()) if report.plan.impact else ()
    passed = {(place.namespace, place.name) for use in uses for place in use.via}
    told = [_chain(use) for use in uses if use.kind != "ImageStreamTag" or (use.namespace, use.name) not in passed]
    more = (f"and {len(told) - most:,} more",) if len(told) > most else ()
    return (*told[:most], *more)


def remarks(report: Report) -> list[str]:
    """Say what the impact does not say: that there is none, and where nobody looked."""
    impact, scope = report.plan.impact, report.plan.scope
    if impact is None:
        return []
    told = [] if any(impact.uses.values()) else ["Nothing was found that uses a tag which changes or goes."]
    elsewhere = "Workloads in namespaces out of scope were not looked at; -A looks at all."
    return told + ([] if scope.all_namespaces else [elsewhere])


def impact_of(report: Report, change: Change) -> dict[str, Json]:
    """Give a change's `impact`, as the document has it; nothing where nobody looked."""
    impact = report.plan.impact
    if impact is None or change.key not in impact.uses:
        return {}
    return {"impact": [_use(use) for use in impact.uses[change.key]]}


def unread_of(report: Report) -> dict[str, Json]:
    """Give the document's `impact`: what could not be looked at; nothing where nobody looked."""
    impact = report.plan.impact
    if impact is None:
        return {}
    unread = [{"kind": one.kind, "namespace": one.namespace, "message": one.message} for one in impact.unread]
    return {"impact": {"complete": not unread, "unread": unread}}


def _where(change: Change) -> str:
    return sentence(f"{change.origin.file}:{change.origin.line}" if change.origin else change.reason)


def _chain(use: Use) -> str:
    return " → ".join(visible(str(part)) for part in (*use.via, use))


def _use(use: Use) -> dict[str, Json]:
    return {
        "kind": use.kind,
        "namespace": use.namespace,
        "name": use.name,
        "how": use.how,
        "containers": list(use.containers),
        "paused": use.paused,
        "pods": use.pods,
        "via": [str(key) for key in use.via],
    }
