"""A run that fails as a whole: each output that was asked for has its report, the terminal has the error."""

import json

import jsonschema
import pytest
from world import tag, text_of

from syncer.report.document import schema

GOOD = text_of([tag("team-a/app:v1")])
FORMATS = ("json", "text", "markdown", "html", "junit", "github", "gitlab")
GONE = "http://127.0.0.1:9"


@pytest.mark.parametrize("command", ["plan", "sync"])
def test_a_server_that_cannot_be_reached_leaves_a_report_in_every_format_that_was_asked_for(syncer, tmp_path, command):
    asked = [
        f"-o{name}={tmp_path / name}" for name in ("json", "text", "markdown", "html", "junit", "github", "gitlab")
    ]
    ended = syncer(command, "-", "--owner", "me", "--server", GONE, "--request-timeout", "1s", *asked, stdin=GOOD)
    assert (ended.code, ended.err.startswith("Error: ")) == (1, True)
    document = json.loads((tmp_path / "json").read_text())
    jsonschema.validate(document, json.loads(schema()))
    (problem,) = document["problems"]
    assert (document["complete"], problem["code"], problem["severity"]) == (False, "run-failed", "error")
    assert problem["message"] in ended.err
    assert (document["owner"], document["target"]["server"], document["changes"]) == ("me", GONE, [])
    for name in FORMATS:
        assert "cannot connect" in (tmp_path / name).read_text(), name


def test_the_document_goes_to_stdout_where_that_was_asked_for_and_no_text_does(syncer, world):
    source = "https://ann:s3cret@127.0.0.1:9/tags.git"
    ended = syncer("plan", source, "--server", world.url, "-o", "json")
    document = json.loads(ended.out)
    assert (ended.code, document["source"]["url"]) == (1, "https://127.0.0.1:9/tags.git")
    assert "s3cret" not in ended.out + ended.err
    ended = syncer("plan", source, "--server", world.url)
    assert (ended.code, ended.out) == (1, "")


def test_a_document_of_a_failed_run_is_no_plan_to_apply(syncer, world, tmp_path):
    path = tmp_path / "plan.json"
    syncer("plan", tmp_path / "absent", "--server", world.url, "--owner", "me", "-o", f"json={path}")
    ended = syncer("apply", path, "--server", world.url)
    assert (ended.code, "the plan is incomplete" in ended.err) == (1, True)


def test_wrong_usage_leaves_no_report(syncer, world, tmp_path):
    path = tmp_path / "report.json"
    ended = syncer("plan", "ftp://example.com/x", "--server", world.url, "-o", f"json={path}")
    assert (ended.code, path.exists()) == (64, False)
