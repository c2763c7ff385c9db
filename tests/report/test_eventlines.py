"""Events as JSON lines: each one is what the schema says, and the last ones are the report."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import jsonschema
import pytest
import scenes

from syncer.errors import GateError, SourceError
from syncer.events import Applied, ImportMoved, Progress, RunEnded, RunFailed, Stage, StageBegan, StageEnded, Waiting
from syncer.model import Import, ImportState, Outcome
from syncer.report.document import schema
from syncer.report.eventlines import event_lines
from syncer.report.jsontext import lines

NOW = datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC)
KEY = scenes.key("team-a/app:v1")
EVENTS = [
    StageBegan("live"),
    Progress("live", 500),
    StageEnded("live", 1.25, {"tags": 912}),
    StageBegan("apply", 2),
    Applied(Outcome(KEY, "created")),
    Applied(Outcome(KEY, "failed", "the server refused")),
    Progress("apply", 2, 2),
    ImportMoved(KEY, Import(ImportState.FAILED, "", "no such host", "2026-03-01T12:00:00Z")),
    Waiting("the lock is held by another run", 5.0),
    Waiting("the server does not answer"),
    RunFailed(SourceError("there is no branch 'x'", hint="check --ref")),
]


def line_schema():
    return jsonschema.Draft202012Validator({"$ref": "#/$defs/line", "$defs": json.loads(schema())["$defs"]})


def told(event):
    return [json.loads(line) for line in event_lines(event, NOW)]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_each_event_is_one_line_that_the_schema_knows(event):
    [line] = told(event)
    assert [error.message for error in line_schema().iter_errors(line)] == []
    assert line["time"] == "2026-03-01T12:00:00.250Z"


def test_the_schema_names_each_stage_that_a_run_has():
    assert set(json.loads(schema())["$defs"]["stage"]["enum"]) == set(get_args(Stage))


@pytest.mark.parametrize("scene", scenes.ALL)
def test_the_last_lines_are_those_of_the_report_and_the_schema_knows_each(scene):
    report = scenes.ALL[scene]()
    assert list(event_lines(RunEnded(report, 0), NOW)) == list(lines(report))
    for line in told(RunEnded(report, 0)):
        assert [error.message for error in line_schema().iter_errors(line)] == []


def test_a_refused_run_says_why_before_its_report():
    first, *rest = told(RunEnded(scenes.stopped(), 3, GateError("stopped, nothing was written")))
    assert (first["type"], first["exit_code"], first["message"]) == ("error", 3, "stopped, nothing was written")
    assert [rest[0]["type"], rest[-1]["type"]] == ["header", "summary"]


@pytest.mark.parametrize("line", [{}, {"type": "fate"}, {"type": "progress"}, {"type": "outcome", "outcome": "done"}])
def test_the_schema_refuses_a_line_that_is_none(line):
    assert not line_schema().is_valid(line)


def test_the_lines_read_as_they_are_kept():
    kept = Path(__file__).parent / "golden" / "events.jsonl"
    assert "".join(line for event in EVENTS for line in event_lines(event, NOW)) == kept.read_text(encoding="utf-8")
