"""JUnit, GitHub and GitLab: what CI systems read."""

import json
import re
from xml.etree import ElementTree as ET

import pytest
import scenes

from syncer.model import Severity
from syncer.report import github, gitlab, junit

COMMAND = re.compile(r"::(error|warning|notice) ((?:(?:file|line|col|title)=[^:,\n]*,?)+)::([^\r\n]*)")


def commands(report):
    lines = github.render(report).split("\n")
    assert lines.pop() == ""
    assert lines.pop().startswith(("Plan: ", "Sync: "))
    if lines and lines[-1].startswith("Not annotated: "):
        lines.pop()
    matches = [COMMAND.fullmatch(line) for line in lines]
    assert None not in matches
    return [(match[1], dict(part.split("=", 1) for part in match[2].split(",")), match[3]) for match in matches]


@pytest.mark.parametrize("scene", scenes.ALL)
def test_every_line_is_one_workflow_command(scene):
    commands(scenes.ALL[scene]())


def test_annotations_stand_where_the_source_says_and_the_worst_comes_first():
    found = commands(scenes.broken())
    assert [level for level, _, _ in found] == ["error", "error", "warning", "warning"]
    place = {"file": "tags/team-a/app.yaml", "line": "12", "col": "9", "title": "yaml"}
    assert found[0] == ("error", place, "mapping values are not allowed here (indent the key, or quote the value)")


def test_data_cannot_begin_a_command_or_a_property():
    [error, *_] = [found for found in commands(scenes.hostile()) if found[1].get("file", "").startswith("tags/")]
    assert "%3A%3Aerror%3A%3Ainjected" in error[1]["file"]
    assert "%2Cx%3Ay.yaml" in error[1]["file"]
    assert "%250A" in error[2]


def test_prunes_are_annotated_before_updates_and_creates():
    titles = [properties["title"] for level, properties, _ in commands(scenes.everyday()) if level == "notice"]
    assert [title.split()[0] for title in titles] == ["prune"] + ["update"] * 4 + ["create"] * 2


def test_no_more_annotations_are_written_than_github_shows_and_the_rest_is_counted():
    text = github.render(scenes.huge(1000))
    counts = {
        level: text.count(f"\n::{level} ") + text.startswith(f"::{level} ") for level in ("error", "warning", "notice")
    }
    assert counts == {"error": 0, "warning": 10, "notice": 10}
    assert text.splitlines()[-2] == "Not annotated: 90 more warnings, 690 more notices."


@pytest.mark.parametrize("scene", scenes.ALL)
def test_gitlab_gets_what_its_schema_asks_for(scene):
    entries = json.loads(gitlab.render(scenes.ALL[scene]()))
    for entry in entries:
        assert entry.keys() == {"description", "check_name", "fingerprint", "severity", "location"}
        assert entry["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert re.fullmatch("[0-9a-f]{64}", entry["fingerprint"])
        assert entry["location"]["path"]
        assert entry["location"]["lines"]["begin"] >= 1
    assert len({entry["fingerprint"] for entry in entries}) == len(entries)


def test_a_fingerprint_outlives_a_line_that_moves():
    def fingerprints(line):
        wanted = [scenes.desired("team-a/app:v1", line=line)]
        return [entry["fingerprint"] for entry in json.loads(gitlab.render(scenes.report(scenes.plan(wanted))))]

    assert fingerprints(1) == fingerprints(99)


def test_what_no_file_names_stands_where_an_export_would_write_it():
    entries = {entry["check_name"]: entry for entry in json.loads(gitlab.render(scenes.everyday()))}
    assert entries["syncer-prune"]["location"]["path"] == "team-b/api/old.yaml"
    stopped = json.loads(gitlab.render(scenes.stopped()))
    assert [entry["severity"] for entry in stopped][:2] == ["blocker", "blocker"]


@pytest.mark.parametrize("scene", scenes.ALL)
def test_junit_is_well_formed_and_counts_what_it_holds(scene):
    report = scenes.ALL[scene]()
    root = ET.fromstring(junit.render(report).encode())  # noqa: S314 - our own text
    for element in (root, *root.iter("testsuite")):
        assert int(element.get("tests")) == len(list(element.iter("testcase")))
        assert int(element.get("failures")) == len(list(element.iter("failure")))
        assert int(element.get("errors")) == len(list(element.iter("error")))
        assert int(element.get("skipped")) == len(list(element.iter("skipped")))
    assert int(root.get("tests")) == len(report.plan.changes) + 2


def cases(report):
    root = ET.fromstring(junit.render(report))  # noqa: S314 - our own text
    return {case.get("name"): {child.tag: child for child in case} for case in root.iter("testcase")}


def test_failures_errors_and_skips_are_what_junit_calls_them():
    applied = cases(scenes.applied())
    assert applied["app:prod"]["failure"].get("message") == "the server refused: imagestreamtags is forbidden"
    assert applied["api:kept"]["skipped"].get("message").startswith("it is protected by")
    assert "import failed: Internal error" in applied["web:v1"]["system-out"].text
    assert "create: " not in applied["app:v2"]["system-out"].text
    assert cases(scenes.everyday())["app:v2"]["system-out"].text.startswith("create: not on the cluster")
    assert applied["web:v2"] == {}
    broken = cases(scenes.broken())
    errors = [problem for problem in scenes.broken().plan.problems if problem.severity is Severity.ERROR]
    assert len(broken["manifests"]["error"].text.splitlines()) == len(errors)
    assert len(cases(scenes.stopped())["gates"]["failure"].text.splitlines()) == 2


def test_cdata_and_control_characters_come_through_as_text():
    text = "".join(child.text or "" for case in cases(scenes.hostile()).values() for child in case.values())
    assert "]]>" in text
    assert "\\x1b[31mred" in text
