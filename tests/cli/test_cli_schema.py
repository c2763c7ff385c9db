"""`syncer schema`: it describes what each command prints as JSON, with every key."""

import json

import jsonschema
import pytest
import referencing
from world import tag

from syncer.report.document import schema

WHOLE = json.loads(schema())
REGISTRY = referencing.Registry().with_resource(WHOLE["$id"], referencing.Resource.from_contents(WHOLE))


def wrong(name, told):
    """Give what the schema's part of that name has against a document, and the keys that it does not describe."""
    validator = jsonschema.Draft202012Validator({"$ref": f"{WHOLE['$id']}#/$defs/{name}"}, registry=REGISTRY)
    undescribed = told.keys() - WHOLE["$defs"][name]["properties"].keys()
    return [error.message for error in validator.iter_errors(told)] + sorted(undescribed)


@pytest.fixture
def told(syncer):
    def call(*arguments):
        return json.loads(syncer(*arguments, "-o", "json").out)

    return call


def test_a_validation_is_valid(told, checkout):
    (checkout / "wrong.yaml").write_text("a: [")
    (checkout / "link.yaml").symlink_to("/etc/hostname")
    document = told("validate", checkout)
    assert len(document["problems"]) == 2
    assert wrong("validation", document) == []


@pytest.mark.parametrize("options", [(), ("--adopt", "--owner", "me")])
def test_an_export_is_valid(told, world, checkout, options):
    world.post(tag("team-a/app:v2"))
    world.post(tag("team-b/app:v1"))
    document = told("export", checkout, "-A", "--server", world.url, *options)
    assert [len(document[key]) for key in ("files", "gone")] == [2, 1]
    assert bool(document["adoption"]) == bool(options)
    assert wrong("export", document) == []


def test_what_a_pin_and_a_promotion_print_is_valid(told, world, checkout):
    scheduled = tag("team-a/app:nightly", importPolicy={"scheduled": True})
    (checkout / "more.json").write_text(json.dumps(scheduled))
    document = told("pin", checkout, "--server", world.url)
    assert [len(document[key]) for key in ("edits", "left")] == [1, 1]
    assert wrong("repointed", document) == []
    world.api.push("team-b", "app", "v1")
    document = told("promote", "team-b/app:v1", "team-a/app:v1", checkout, "--server", world.url)
    assert [len(document[key]) for key in ("edits", "notes")] == [1, 1]
    assert wrong("repointed", document) == []


def test_a_diagnosis_is_valid(told, world, checkout):
    document = told("doctor", checkout, "--server", world.url)
    assert document["permissions"]
    assert wrong("diagnosis", document) == []


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("validation", {"format_version": "1.0"}),
        ("export", {"format_version": "1.0", "files": [{"path": "a.yaml"}]}),
        ("repointed", {"format_version": "1.0", "edits": [{"tag": "a/b:c"}]}),
        ("diagnosis", {"format_version": "1.0", "checks": [{"status": "fine"}]}),
    ],
)
def test_what_is_no_such_document_is_refused(name, document):
    assert wrong(name, document)
