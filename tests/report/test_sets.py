"""The report of several sync sets: of each what its own says, and what all came to."""

import json
import re
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import referencing
import scenes
from msgspec.structs import replace

from syncer.model import SetReport, SetsReport
from syncer.report import markdown, render, sets
from syncer.report.document import document, schema
from syncer.report.github import step_summary

WHOLE = json.loads(schema())
REGISTRY = referencing.Registry().with_resource(WHOLE["$id"], referencing.Resource.from_contents(WHOLE))


def validator(name):
    return jsonschema.Draft202012Validator({"$ref": f"{WHOLE['$id']}#/$defs/{name}"}, registry=REGISTRY)


def several(*reports, code=0):
    return SetsReport(tuple(SetReport(f"s{number}", each, 0) for number, each in enumerate(reports)), code)


@pytest.mark.parametrize("scene", scenes.SEVERAL)
def test_the_json_is_valid_and_holds_of_each_set_the_very_document_that_it_has_alone(scene):
    report = scenes.SEVERAL[scene]()
    text = render("json", report)
    told = json.loads(text)
    assert text == json.dumps(told, sort_keys=True, indent=2).replace("\x7f", "\\u007f") + "\n"
    assert [error.message for error in validator("sets").iter_errors(told)] == []
    assert told.keys() == WHOLE["$defs"]["sets"]["properties"].keys()
    of_set = WHOLE["$defs"]["sets"]["properties"]["sets"]["items"]["properties"]
    for each, entry in zip(report.sets, told["sets"], strict=True):
        assert entry.keys() == of_set.keys()
        assert entry["report"] == json.loads(render("json", each.report)) == document(each.report)


def test_what_is_no_document_of_sets_is_refused():
    told = json.loads(render("json", scenes.of_several()))
    for wrong in ({"sets": None}, {"sets": [{"name": "a"}]}, {"summary": {}}, {"complete": "yes"}):
        assert not validator("sets").is_valid({**told, **wrong})
    told["sets"][0]["report"].pop("changes")
    assert not validator("sets").is_valid(told)


@pytest.mark.parametrize("scene", scenes.SEVERAL)
def test_each_json_line_names_its_set_and_the_last_one_is_about_all(scene):
    report = scenes.SEVERAL[scene]()
    lines = [json.loads(line) for line in render("jsonl", report).splitlines()]
    for line in lines:
        assert [error.message for error in validator("line").iter_errors(line)] == []
    assert {line.get("set") for line in lines[:-1]} == {each.name for each in report.sets}
    whole = json.loads(render("json", report))
    for entry in whole["sets"]:
        del entry["report"]
    assert lines[-1] == {"type": "sets", **whole}


def test_the_summary_counts_the_changes_of_all_sets_and_complete_is_said_of_all_of_them():
    report = several(scenes.everyday(), scenes.everyday())
    one = document(scenes.everyday())["summary"]
    assert sets.summary(report) == {action: 2 * number for action, number in one.items()}
    assert sets.complete(report)
    assert not sets.complete(several(scenes.everyday(), scenes.broken()))


def test_the_headline_names_how_sets_ended_that_did_not_end_as_they_should():
    assert sets.headline(several(scenes.nothing_to_do())) == "Plan of 1 set: nothing to do, 3 unchanged."
    ended = [
        SetReport(f"s{number}", scenes.nothing_to_do(), code) for number, code in enumerate((1, 1, 1, 1, 1, 3, 75))
    ]
    told = sets.headline(SetsReport(tuple(ended), 1))
    assert told.endswith("; failed: s0, s1, s2 and 2 more; stopped by a gate: s5; locked by another run: s6.")


def test_a_set_that_was_interrupted_says_so_once():
    gone = replace(scenes.of_several().sets[2], exit_code=130, error="interrupted", hint="")
    assert sets.line(gone) == "interrupted"


def test_a_set_that_came_to_a_plan_and_yet_failed_says_why_in_its_line_save_for_a_gate_which_is_told_already():
    ended = SetReport("a", scenes.nothing_to_do(), 1, "a.json cannot be written: No space left on device")
    assert sets.line(ended).endswith("unchanged. Failed: a.json cannot be written: No space left on device.")
    assert sets.line(scenes.of_several().sets[1]).endswith("to prune. Stopped by a gate.")


def test_junit_has_a_suite_a_set_and_one_that_was_stopped_fails():
    root = ET.fromstring(render("junit", scenes.of_several()).partition("\n")[2])  # noqa: S314 - our own
    assert [suite.attrib["name"] for suite in root] == ["prod", "test", "dr"]
    cases = [(case.attrib["classname"], case.attrib["name"]) for case in root.iter("testcase")]
    assert len(cases) == len(set(cases))
    ends = {case.attrib["classname"]: len(case) for case in root.iter("testcase") if case.attrib["name"] == "run"}
    assert ends == {"prod.syncer": 1, "test.syncer": 1, "dr.syncer": 1}
    fine = ET.fromstring(render("junit", several(scenes.everyday())).partition("\n")[2])  # noqa: S314 - our own
    assert fine.attrib["failures"] == "0"


def test_gitlab_tells_the_findings_of_two_sets_apart_by_fingerprint():
    entries = json.loads(render("gitlab", several(scenes.everyday(), scenes.everyday())))
    alone = json.loads(render("gitlab", scenes.everyday()))
    prints = [entry["fingerprint"] for entry in entries]
    assert (len(entries), len(set(prints))) == (2 * len(alone), 2 * len(alone))


def test_no_two_elements_of_the_page_have_one_id_and_every_link_leads_to_one():
    page = render("html", several(scenes.everyday(), scenes.stopped(), scenes.broken()))
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


@pytest.mark.parametrize("limit", [5_000, 20_000, 65_536])
@pytest.mark.parametrize("number", [2, 9, 700])
def test_markdown_stays_within_its_limit_and_says_what_is_left_out(limit, number):
    report = several(*[scenes.everyday()] * number)
    text = markdown.render_sets(report, limit=limit)
    assert len(text.encode()) < limit
    assert "left out" in text or text.count("#### Set") == number


def test_markdown_has_one_comment_for_these_sets_whatever_they_come_to():
    first = render("markdown", scenes.of_several()).partition("\n")[0]
    other = replace(scenes.of_several(), exit_code=0)
    assert first == render("markdown", other).partition("\n")[0] == "<!-- syncer:report sets%20prod%20test%20dr -->"


def test_the_summary_of_a_step_is_the_same_markdown_in_the_room_that_is_left():
    report = scenes.of_several()
    assert step_summary(report) == markdown.render_sets(report, limit=1024 * 1024)
    assert step_summary(report, 100) == ""
