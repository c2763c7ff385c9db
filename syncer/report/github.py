"""The report for GitHub Actions: workflow commands that become annotations, and the summary of the step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from syncer.report import facts, markdown
from syncer.report.findings import findings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncer.model import Report
    from syncer.report.findings import Finding

SUMMARY_LIMIT: Final = 1024 * 1024
"""Bytes that GitHub takes for the summary of a step (docs.github.com, "Workflow commands", job summaries)."""

# As @actions/core has it: https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts
_DATA: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def render(report: Report) -> str:
    """Write an annotation a line, and at last the summary line.

    What is worst comes first, since GitHub shows ten annotations of a level and step.
    """
    return commands(findings(report)) + f"{facts.headline(report)}\n"


def commands(found: Iterable[Finding]) -> str:
    """Write findings as workflow commands, one a line."""
    return "".join(f"{_command(finding)}\n" for finding in found)


def step_summary(report: Report) -> str:
    """Write Markdown for the file that `GITHUB_STEP_SUMMARY` names, within GitHub's limit."""
    return markdown.render(report, limit=SUMMARY_LIMIT)


def _command(finding: Finding) -> str:
    places = {"file": finding.file, "line": finding.line, "col": finding.column}
    properties = {name: place for name, place in places.items() if place}
    properties["title"] = f"{finding.check} {finding.subject}".rstrip()
    told = ",".join(f"{name}={str(value).translate(_PROPERTY)}" for name, value in properties.items())
    return f"::{finding.level} {told}::{finding.message.translate(_DATA)}"
