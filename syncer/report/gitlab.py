"""The report for GitLab: a code quality report, which merge requests show (docs.gitlab.com, "Code Quality")."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final

from syncer.report.findings import findings, of_sets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncer.model import Json, Report, SetsReport
    from syncer.report.findings import Finding

_SEVERITIES: Final = {"error": "critical", "warning": "minor", "notice": "info"}


def render(report: Report) -> str:
    """Write what a report finds as a JSON array; a stopped gate is a `blocker`."""
    return code_quality(findings(report))


def render_sets(report: SetsReport) -> str:
    """Write what the reports of several sync sets find as one JSON array."""
    return code_quality(of_sets(report))


def code_quality(found: Iterable[Finding]) -> str:
    """Write findings as a JSON array.

    A fingerprint stays the same as long as the check, its subject and its file do, wherever the line moves to.
    """
    entries, seen = [], dict[str, int]()
    for finding in found:
        named = [finding.set] if finding.set else []
        identity = json.dumps([finding.check, finding.subject, finding.file, *named])
        seen[identity] = seen.get(identity, 0) + 1
        entries.append(_entry(finding, f"{identity} {seen[identity]}"))
    return json.dumps(entries, sort_keys=True, indent=2).replace("\x7f", "\\u007f") + "\n"


def _entry(finding: Finding, identity: str) -> dict[str, Json]:
    about = "".join(f"{text}: " for text in (finding.set, finding.subject) if text)
    return {
        "description": f"{about}{finding.message}",
        "check_name": f"syncer-{finding.check}",
        "fingerprint": hashlib.sha256(identity.encode()).hexdigest(),
        "severity": "blocker" if finding.check == "gate" else _SEVERITIES[finding.level],
        "location": {"path": finding.file or _pseudo_path(finding), "lines": {"begin": max(finding.line, 1)}},
    }


def _pseudo_path(finding: Finding) -> str:
    """Give what no file names the path where `syncer export` would write it; GitLab wants one."""
    stream = finding.subject.replace(":", "/")
    return f"{stream}.yaml" if "/" in stream and ".." not in stream else "."
