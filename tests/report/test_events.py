"""What a run changed as Events: one for each stream and result, of the shape that the server takes."""

from datetime import UTC, datetime

import kubernetes_validate
import pytest
import scenes

from syncer.report import facts
from syncer.report.events import events_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("scene", [scenes.applied, scenes.hostile, scenes.nothing_to_do])
def test_each_is_an_event_by_kubernetes_own_schema(scene):
    for request in events_of(scene(), NOW):
        assert request.path == f"/api/v1/namespaces/{request.body['involvedObject']['namespace']}/events"
        named = {**request.body, "metadata": {"name": "the-server-makes-it", **request.body["metadata"]}}
        kubernetes_validate.validate(named, "1.36", strict=True)
        assert len(request.body["message"].encode()) <= 1024


def test_each_tag_that_changed_or_failed_is_in_one_and_no_other_tag():
    report = scenes.applied()
    wanted = {
        (change.key.namespace, change.key.stream, outcome.result)
        for change in report.plan.changes
        if (outcome := facts.outcome_of(report, change)).result in ("created", "configured", "pruned", "failed")
    }
    bodies = [request.body for request in events_of(report, NOW)]
    reasons = {"TagsCreated": "created", "TagsConfigured": "configured", "TagsPruned": "pruned", "TagsFailed": "failed"}
    found = [(b["involvedObject"]["namespace"], b["involvedObject"]["name"], reasons[b["reason"]]) for b in bodies]
    assert set(found) == wanted
    assert len(found) == len(wanted) > 0
    assert {body["type"] for body in bodies if body["reason"] == "TagsFailed"} == {"Warning"}


def test_a_plan_that_was_not_applied_has_none():
    assert events_of(scenes.everyday(), NOW) == []
