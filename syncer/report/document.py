"""The JSON document of a report, which is also the plan file. Its schema is `schema.json`."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from msgspec.structs import asdict

from syncer import __version__, imagestreamtag
from syncer.plan.saved import checksum
from syncer.report import facts, impact

if TYPE_CHECKING:
    from syncer.model import Change, Import, Json, Origin, Report, Scope


def document(report: Report) -> dict[str, Json]:
    """Give a report as plain JSON values: the same report gives the same document, timings included.

    Changes come in plan order. No URL in it carries credentials. `syncer.plan.saved` reads it back.
    """
    whole = frame_of(report) | {"changes": [change_of(report, change) for change in report.plan.changes]}
    return whole | {"checksum": checksum(whole)}


def frame_of(report: Report) -> dict[str, Json]:
    """Give all of the document but its changes, which may be a million, and its checksum, which is of them, too."""
    source, target, plan = report.source, report.target, report.plan
    result = {
        "format_version": facts.FORMAT_VERSION,
        "syncer_version": __version__,
        "source": {**asdict(source), "url": facts.without_userinfo(source.url)},
        "target": {**asdict(target), "server": facts.without_userinfo(target.server)},
        "owner": plan.owner,
        "scope": scope_of(plan.scope),
        "complete": plan.complete,
        "applied": report.applied,
        "interrupted": report.interrupted,
        "undo_file": report.undo_file,
        "summary": facts.summary(report),
        "problems": [{**asdict(problem), "severity": str(problem.severity)} for problem in plan.problems],
        "gates": [asdict(gate) for gate in plan.gates],
        "notes": list(report.notes),
        **impact.unread_of(report),
        "timings": {stage: round(seconds, 3) for stage, seconds in report.timings.items()},
    }
    if report.shard:
        result["shard"] = asdict(report.shard)
    return result


def scope_of(scope: Scope) -> dict[str, Json]:
    """Give a scope as the document has it; the part of it that is planned is there only where there is one."""
    told = {**asdict(scope), "namespaces": list(scope.namespaces)}
    shard = told.pop("shard")
    return told | ({"shard": {"index": shard.index, "count": shard.count}} if shard else {})


def schema() -> str:
    """Give the JSON Schema (draft 2020-12) of the document, as text."""
    return files("syncer.report").joinpath("schema.json").read_text(encoding="utf-8")


def change_of(report: Report, change: Change) -> dict[str, Json]:
    """Give one change as the document has it."""
    origin = change.origin
    result = {
        "namespace": change.key.namespace,
        "name": change.key.name,
        "action": change.action,
        "reason": change.reason,
        "origin": _origin(origin) if origin else None,
        "fields": [
            {"path": f.path, "cause": str(f.cause), "base": f.base, "live": f.live, "desired": f.desired}
            for f in facts.fields_of(change)
        ],
        "requests": [
            {"method": r.method, "path": r.path, "content_type": r.content_type, "body": r.body}
            for r in change.requests
        ],
        "vetoes": [{"code": veto.code, "message": veto.message} for veto in change.vetoes],
        "import": import_of(facts.image_of(report, change)),
        "observed": _observed(change),
        **impact.impact_of(report, change),
    }
    if change.resolved:
        follows = change.resolved.follows
        named = {"namespace": follows.namespace, "name": follows.name} if follows else None
        resolved = {**asdict(change.resolved), "state": str(change.resolved.state), "follows": named}
        result["resolved"] = resolved
    outcome = facts.outcome_of(report, change)
    return result | {"outcome": outcome.result, "error": outcome.error} if outcome else result


def _origin(origin: Origin) -> dict[str, Json]:
    commit = {"commit": asdict(origin.commit)} if origin.commit else {}
    return {"file": origin.file, "line": origin.line, **commit}


def _observed(change: Change) -> dict[str, Json] | None:
    """Give what a saved plan is held against, and where a follower that stays as it is stands in the order."""
    live = change.live
    if live is None or not (change.requests or imagestreamtag.followed_by(live.key, imagestreamtag.live_fields(live))):
        return None
    annotations = dict(live.annotations)
    return {"spec": live.spec, "annotations": annotations, "uid": live.uid, "digest": live.image.digest}


def import_of(image: Import) -> dict[str, Json]:
    """Give where an image stands, as the document has it."""
    return {"state": str(image.state), "digest": image.digest, "message": image.message, "since": image.since}
