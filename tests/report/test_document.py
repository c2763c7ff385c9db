import json
import subprocess
import sys
import tracemalloc

import jsonschema
import pytest
import scenes
from msgspec.structs import asdict, replace

from syncer import imagestreamtag
from syncer.model import Scope, Shard
from syncer.report import pieces, render
from syncer.report.document import document, schema


def validator():
    described = json.loads(schema())
    jsonschema.Draft202012Validator.check_schema(described)
    return jsonschema.Draft202012Validator(described)


@pytest.mark.parametrize("scene", scenes.ALL)
def test_every_document_is_valid_by_its_schema(scene):
    whole = json.loads(render("json", scenes.ALL[scene]()))
    assert [error.message for error in validator().iter_errors(whole)] == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format_version",), "2.0"),
        (("target", "listing"), "guess"),
        (("changes", 0, "action"), "delete"),
        (("changes", 0, "outcome"), "done"),
        (("changes", 0, "name"), "no-colon"),
        (("changes", 0, "fields", 0, "cause"), "fate"),
        (("changes", 0, "requests", 0, "method"), "PUT"),
        (("changes", 0, "import", "state"), "lost"),
        (("problems", 0, "severity"), "fatal"),
        (("summary", "prune"), -1),
        (("scope", "namespaces"), "team-a"),
    ],
    ids=str,
)
def test_the_schema_refuses_what_the_format_does_not_have(path, value):
    whole = document(scenes.applied())
    place = whole
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    assert not validator().is_valid(whole)


def subschemas(value, path="$"):
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "properties":
                yield from ((f"{path}.{name}", described) for name, described in inner.items())
            yield from subschemas(inner, f"{path}.{key}")


def test_the_schema_describes_every_key_that_a_document_has():
    described = json.loads(schema())
    told = document(scenes.impact())
    part = document(replace(scenes.applied(), shard=Shard(3, 8, "sha256:" + "0" * 64)))
    assert described["properties"].keys() == told.keys() | part.keys()
    assert document(scenes.applied()).keys() | {"impact"} == told.keys()
    assert validator().is_valid(part)
    kinds = described["$defs"]
    assert kinds["shard"]["properties"].keys() == part["shard"].keys()
    change = next(change for change in document(scenes.applied())["changes"] if change["fields"])
    assert kinds["change"]["properties"].keys() == change.keys() | {"resolved", "impact"}
    [resolved] = {tuple(c["resolved"]) for c in document(scenes.resolved())["changes"]}
    assert kinds["resolved"]["properties"].keys() == set(resolved)
    use = next(change for change in told["changes"] if change.get("impact"))["impact"][0]
    assert kinds["use"]["properties"].keys() == use.keys()
    assert kinds["unread"]["properties"].keys() == told["impact"]["unread"][0].keys()
    assert kinds["field"]["properties"].keys() == change["fields"][0].keys()
    assert kinds["request"]["properties"].keys() == change["requests"][0].keys()
    assert kinds["import"]["properties"].keys() == change["import"].keys()
    scope = Scope(all_namespaces=True, shard=Shard(3, 8))
    part = document(replace(scenes.applied(), plan=replace(scenes.applied().plan, scope=scope)))
    assert validator().is_valid(part)
    assert kinds["scope"]["properties"].keys() == part["scope"].keys()
    for name in ("source", "target", "summary"):
        assert kinds[name]["properties"].keys() == document(scenes.applied())[name].keys()
    for path, described_here in subschemas(described):
        target = described["$defs"].get(described_here.get("$ref", "").removeprefix("#/$defs/"), {})
        assert described_here.get("description") or target.get("description"), path


def test_requests_stand_in_the_document_exactly_as_in_the_plan():
    report = scenes.everyday()
    for change, told in zip(report.plan.changes, document(report)["changes"], strict=True):
        assert told["requests"] == [asdict(request) for request in change.requests]


def test_our_own_annotations_are_no_fields():
    report = scenes.everyday()
    change = next(change for change in report.plan.changes if change.fields)
    marks = [
        replace(change.fields[0], path=imagestreamtag.annotation_path(name))
        for name in ("syncer.dev/owner", "syncer.dev/last-applied", "syncer.dev/prune")
    ]
    plan = replace(report.plan, changes=(replace(change, fields=tuple(marks)),))
    told = document(replace(report, plan=plan))["changes"][0]
    assert [field["path"] for field in told["fields"]] == ["/metadata/annotations/syncer.dev~1prune"]


def test_a_plan_has_no_outcomes_and_a_sync_has_one_for_every_change():
    assert all("outcome" not in change for change in document(scenes.everyday())["changes"])
    told = {change["name"]: (change["outcome"], change["error"]) for change in document(scenes.applied())["changes"]}
    assert told["app:prod"] == ("failed", "the server refused: imagestreamtags is forbidden")
    assert told["app:v2"] == ("created", "")
    assert told["api:old"] == ("skipped", "changed since it was planned")
    assert told["web:theirs"] == ("skipped", "")
    assert document(scenes.applied())["summary"]["failed"] == 1


def test_a_change_that_an_interrupted_run_did_not_reach_is_skipped():
    report = replace(scenes.everyday(), applied=True)
    told = {change["name"]: (change["outcome"], change["error"]) for change in document(report)["changes"]}
    assert told["app:v2"] == ("skipped", "the run ended before it")
    assert told["web:v2"] == ("unchanged", "")


def test_the_image_after_a_wait_is_the_one_that_is_told():
    told = {change["name"]: change["import"] for change in document(scenes.applied())["changes"]}
    assert told["app:v2"] == {"state": "imported", "digest": scenes.digest("e"), "message": "", "since": ""}
    assert told["web:v1"]["since"] == "2026-03-01T08:15:00Z"


@pytest.mark.parametrize("format", ["text", "json", "jsonl", "markdown", "html", "junit", "github", "gitlab"])
def test_no_url_carries_credentials(format):  # noqa: A002 - the option's own word
    assert "hunter2" not in render(format, scenes.hostile(), width=1000)


def test_lines_hold_what_the_document_holds():
    whole = json.loads(render("json", scenes.applied()))
    lines = [json.loads(line) for line in render("jsonl", scenes.applied()).splitlines()]
    kinds = [line.pop("type") for line in lines]
    assert kinds[0] == "header"
    assert kinds[-1] == "summary"
    parts = {"changes": "change", "problems": "problem", "gates": "gate"}
    put_together = lines[0] | lines[-1]
    for key, kind in parts.items():
        put_together[key] = [line for line, of in zip(lines, kinds, strict=True) if of == kind]
    assert put_together == whole


def test_json_needs_neither_rich_nor_jinja():
    code = "import sys; from syncer.report import render, jsontext; print({'rich', 'jinja2'} & set(sys.modules))"
    code = code.replace("render, jsontext", "jsontext, markdown, junit, github, gitlab")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("scene", scenes.ALL)
def test_the_text_made_piece_by_piece_is_that_of_the_whole_document(scene):
    report = scenes.ALL[scene]()
    whole = json.dumps(document(report), sort_keys=True, indent=2).replace("\x7f", "\\u007f") + "\n"
    assert render("json", report) == whole


@pytest.mark.parametrize("format", ["json", "jsonl"])
def test_a_report_is_never_whole_in_memory_as_text(format):  # noqa: A002 - the option's own word
    report = scenes.everyday()
    many = replace(report, plan=replace(report.plan, changes=report.plan.changes * 200))
    sum(map(len, pieces(format, report)))  # what is loaded once does not count
    tracemalloc.start()
    try:
        size = sum(map(len, pieces(format, many)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size > 1_000_000
    assert peak < size / 10
