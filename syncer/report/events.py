"""What a run changed as Kubernetes Events: one a stream and result, so that `oc describe` of the stream shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from syncer import imagestreamtag
from syncer.model import Request
from syncer.report import facts
from syncer.report.values import sentence, visible

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from syncer.model import Change, Report, Result

_REASONS: Final[dict[Result, str]] = {
    "created": "TagsCreated",
    "configured": "TagsConfigured",
    "pruned": "TagsPruned",
    "failed": "TagsFailed",
}
_LONGEST: Final = 1024
"""Bytes that the server takes as an Event's message (core/v1)."""


def events_of(report: Report, now: datetime) -> list[Request]:
    """Make the requests that write the Events of a run that was applied, in plan order."""
    groups: dict[tuple[str, str, Result], list[Change]] = {}
    for change in report.plan.changes:
        outcome = facts.outcome_of(report, change)
        if outcome and outcome.result in _REASONS:
            groups.setdefault((change.key.namespace, change.key.stream, outcome.result), []).append(change)
    return [_event(report, result, changes, now) for (_, _, result), changes in groups.items()]


def _event(report: Report, result: Result, changes: Sequence[Change], now: datetime) -> Request:
    """Write the Event of changes of one stream that came to the same."""
    namespace, stream = changes[0].key.namespace, changes[0].key.stream
    told = "; ".join(_tag(report, change) for change in changes)
    commit = f" (git {report.source.commit[:12]})" if report.source.commit else ""
    uid = next((change.live.uid for change in changes if change.live), "")
    time = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    body = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{stream[:200]}.", "namespace": namespace},
        "involvedObject": {
            "apiVersion": imagestreamtag.API_VERSION,
            "kind": "ImageStream",
            "namespace": namespace,
            "name": stream,
            **({"uid": uid} if uid else {}),
        },
        "type": "Warning" if result == "failed" else "Normal",
        "reason": _REASONS[result],
        "message": _cut(f"{result} by {visible(report.plan.owner)}{commit}: {told}"),
        "source": {"component": "syncer"},
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    }
    return Request("POST", f"/api/v1/namespaces/{namespace}/events", "application/json", body)


def _tag(report: Report, change: Change) -> str:
    outcome = facts.outcome_of(report, change)
    why = outcome.error if outcome and outcome.error else change.reason
    return f"{visible(change.key.tag)}: {sentence(why)}" if why else visible(change.key.tag)


def _cut(text: str) -> str:
    data = text.encode()
    return text if len(data) <= _LONGEST else data[: _LONGEST - 4].decode(errors="ignore") + " …"
