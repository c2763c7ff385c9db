"""The report for GitHub Actions: workflow commands that become annotations, and the summary of the step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from syncer.model import SetsReport
from syncer.report import facts, markdown, sets
from syncer.report.findings import LEVELS, findings, of_sets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncer.model import Report
    from syncer.report.findings import Finding

SUMMARY_LIMIT: Final = 1024 * 1024
"""Bytes that GitHub takes for the summary of a step (docs.github.com, "Workflow commands", job summaries)."""

# As @actions/core has it: https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts
_DATA: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


SHOWN: Final = 10
"""Annotations of a level that GitHub shows of a step (docs.github.com, "Limits of annotations"); it drops the rest."""


def render(report: Report) -> str:
    """Write an annotation a line, the worst first and no more than GitHub shows; count the rest, and sum up."""
    return commands(findings(report)) + f"{facts.headline(report)}\n"


def render_sets(report: SetsReport) -> str:
    """Write the annotations of several sync sets as those of one, each with its set."""
    return commands(of_sets(report)) + f"{sets.headline(report)}\n"


def commands(found: Iterable[Finding]) -> str:
    """Write findings as workflow commands, one a line, as many of each level as GitHub shows; count the rest."""
    found = list(found)
    levels = {level: [finding for finding in found if finding.level == level] for level in LEVELS}
    told = [_command(finding) for of_level in levels.values() for finding in of_level[:SHOWN]]
    left_out = [f"{len(some) - SHOWN:,} more {level}s" for level, some in levels.items() if len(some) > SHOWN]
    told += [f"Not annotated: {', '.join(left_out)}."] if left_out else []
    return "".join(f"{line}\n" for line in told)


def step_summary(report: Report | SetsReport, room: int = SUMMARY_LIMIT) -> str:
    """Write Markdown for the file that `GITHUB_STEP_SUMMARY` names, in so many bytes; nothing where they are few."""
    if room < markdown.LEAST:
        return ""
    return (
        markdown.render_sets(report, limit=room)
        if isinstance(report, SetsReport)
        else markdown.render(report, limit=room)
    )


def _command(finding: Finding) -> str:
    places = {"file": finding.file, "line": finding.line, "col": finding.column}
    properties = {name: place for name, place in places.items() if place}
    about = f" ({finding.set})" if finding.set else ""
    properties["title"] = f"{finding.check} {finding.subject}".rstrip() + about
    told = ",".join(f"{name}={str(value).translate(_PROPERTY)}" for name, value in properties.items())
    return f"::{finding.level} {told}::{finding.message.translate(_DATA)}"
