"""How the resource is read and written, as tables."""

import json

import pytest
from builders import DIGEST, IMAGE, desired, follows, key, live

from syncer import imagestreamtag as ist
from syncer.errors import ClusterError
from syncer.model import Import, ImportState


def stream(spec=None, status=None, **metadata):
    return {
        "metadata": {"namespace": "team-a", "name": "app", "uid": "u", "resourceVersion": "5", **metadata},
        "spec": {"tags": spec or []},
        "status": {"tags": status or []},
    }


def only(spec=None, status=None):
    (tag,) = ist.live_tags(stream([spec] if spec else [], [status] if status else []))
    return tag


SPEC = {"name": "v1", "from": IMAGE, "generation": 2, "annotations": None}
ITEM = {"image": DIGEST, "generation": 2, "dockerImageReference": "quay.io/example/app@" + DIGEST}
FAILED = {
    "type": "ImportSuccess",
    "status": "False",
    "generation": 2,
    "message": "no such host",
    "lastTransitionTime": "T",
}


def test_fields_hold_what_is_there_and_nothing_else():
    tag = {"from": IMAGE, "importPolicy": {"scheduled": True}, "generation": 3, "name": "v1", "referencePolicy": None}
    assert ist.fields_of({"a/b~c": "x"}, tag) == {
        "/tag/from": IMAGE,
        "/tag/importPolicy/scheduled": True,
        "/metadata/annotations/a~1b~0c": "x",
    }


def test_every_managed_field_is_read():
    fields = {**ist.DEFAULTS, "/tag/from": IMAGE}
    assert fields.keys() == set(ist.MANAGED)
    assert ist.fields_of({}, ist.manifest_of(fields)["tag"]) == fields


def test_records_of_what_was_applied_are_no_fields():
    annotations = {
        ist.OWNER: "x",
        ist.LAST_APPLIED: "{}",
        ist.KUBECTL_LAST_APPLIED: "{}",
        "syncer.dev/prune": "disabled",
    }
    assert ist.fields_of(annotations, {}) == {"/metadata/annotations/syncer.dev~1prune": "disabled"}


def test_a_record_reads_back_as_the_fields_that_it_was_made_of():
    fields = {"/tag/from": IMAGE, "/tag/reference": True, "/metadata/annotations/a~1b": "x"}
    tag = live(annotations={ist.LAST_APPLIED: ist.record(fields)})
    assert ist.base_of(tag) == fields


def test_kubectls_record_is_the_base_where_ours_is_absent():
    record = {"metadata": {"annotations": {"a": "b"}, "name": "app:v1"}, "tag": {"from": IMAGE}}
    tag = live(annotations={ist.KUBECTL_LAST_APPLIED: json.dumps(record)})
    assert ist.base_of(tag) == {"/tag/from": IMAGE, "/metadata/annotations/a": "b"}


@pytest.mark.parametrize(
    "record", ["", "{", "[]", "7", '"x"', '{"tag": 3}', '{"metadata": []}', '{"tag": {"importPolicy": 1}}']
)
def test_a_record_that_cannot_be_read_is_none(record):
    assert ist.base_of(live(annotations={ist.LAST_APPLIED: record})) is None


def test_a_new_object_holds_the_annotations_in_both_places():
    body = ist.new_object(key(), desired(fields={"/tag/importPolicy/scheduled": True}).fields, {"a": "b"})
    assert body["metadata"]["annotations"] == body["tag"]["annotations"] == {"a": "b"}
    assert body["tag"] == {"from": IMAGE, "importPolicy": {"scheduled": True}, "annotations": {"a": "b"}}


@pytest.mark.parametrize(
    ("mark", "owner"),
    [
        ("demo team-a/app:v1", ("demo", True)),
        ("demo team-b/app:v1", ("demo", False)),
        ("an owner with spaces team-a/app:v1", ("an owner with spaces", True)),
        ("demo", None),
        ("", None),
    ],
)
def test_an_owner_mark_names_its_very_tag(mark, owner):
    assert ist.owner_of(live(annotations={ist.OWNER: mark})) == owner


@pytest.mark.parametrize(
    ("annotations", "protected"),
    [
        ({"syncer.dev/prune": "disabled"}, True),
        ({"syncer.dev/prune": "enabled"}, False),
        ({"argocd.argoproj.io/sync-options": "Validate=false, Prune=false"}, True),
        ({"argocd.argoproj.io/sync-options": "PruneLast=true"}, False),
        ({"kustomize.toolkit.fluxcd.io/prune": "Disabled"}, True),
        ({"helm.sh/resource-policy": "keep"}, True),
        ({"release.openshift.io/keep": "true"}, True),
        ({"release.openshift.io/keep": ""}, True),
        ({"kapp.k14s.io/delete-strategy": "orphan"}, True),
        ({"kluctl.io/skip-delete": "true"}, True),
        ({"kluctl.io/skip-delete": "false"}, False),
        ({}, False),
    ],
)
def test_marks_protect_a_tag_on_itself_or_on_its_stream(annotations, protected):
    assert bool(ist.protection_of(live(annotations=annotations))) is protected
    assert bool(ist.protection_of(live(stream_annotations=annotations))) is protected


@pytest.mark.parametrize(
    ("reference", "followed"),
    [
        (follows("v1"), "team-a/app:v1"),
        (follows("base:v1"), "team-a/base:v1"),
        (follows("base:v1", "team-b"), "team-b/base:v1"),
        (IMAGE, None),
        ({"kind": "ImageStreamImage", "name": "base@" + DIGEST}, None),
        (None, None),
    ],
)
def test_a_tag_follows_another_one_by_from(reference, followed):
    expected = key(followed) if followed else None
    assert ist.followed_by(key("team-a/app:stable"), {"/tag/from": reference}) == expected


@pytest.mark.parametrize(
    ("spec", "status", "image"),
    [
        (SPEC, {"items": [ITEM]}, Import(ImportState.IMPORTED, DIGEST)),
        (SPEC, None, Import(ImportState.PENDING)),
        (SPEC, {"items": None, "conditions": [FAILED]}, Import(ImportState.FAILED, "", "no such host", "T")),
        (SPEC, {"items": [{**ITEM, "generation": 1}]}, Import(ImportState.PENDING, DIGEST)),
        (SPEC, {"items": [ITEM], "conditions": [FAILED]}, Import(ImportState.FAILED, DIGEST, "no such host", "T")),
        (SPEC, {"items": [ITEM], "conditions": [{**FAILED, "generation": 1}]}, Import(ImportState.IMPORTED, DIGEST)),
        (
            SPEC,
            {"items": None, "conditions": [{**FAILED, "generation": 1}]},
            Import(ImportState.FAILED, "", f"no such host{ist.ASKED_AGAIN}", "T", asked_again=True),
        ),
        (
            SPEC,
            {"items": [{**ITEM, "generation": 1}], "conditions": [{**FAILED, "generation": 1}]},
            Import(ImportState.FAILED, DIGEST, f"no such host{ist.ASKED_AGAIN}", "T", asked_again=True),
        ),
        (SPEC, {"items": [ITEM], "conditions": [{**FAILED, "status": "True"}]}, Import(ImportState.IMPORTED, DIGEST)),
        ({**SPEC, "reference": True}, None, Import(ImportState.NONE)),
        ({**SPEC, "from": follows("base:v1")}, None, Import(ImportState.NONE)),
        (
            {**SPEC, "from": follows("base:v1")},
            {"items": [{**ITEM, "generation": 1}]},
            Import(ImportState.IMPORTED, DIGEST),
        ),
        (None, {"items": [ITEM]}, Import(ImportState.IMPORTED, DIGEST)),
    ],
)
def test_an_import_stands_where_generation_and_conditions_say(spec, status, image):
    assert only(spec, status and {"tag": "v1", **status}).image == image


def test_a_stream_gives_its_spec_only_and_its_pushed_tags():
    tags = {tag.key.tag: tag for tag in ist.live_tags(stream([SPEC], [{"tag": "pushed", "items": [ITEM]}]))}
    assert tags["v1"].spec == SPEC
    assert tags["pushed"].spec is None


def test_a_tag_list_item_reads_like_the_same_tag_of_a_stream():
    item = {
        "metadata": {"namespace": "team-a", "name": "app:v1", "uid": "u", "resourceVersion": "5"},
        "tag": SPEC,
        "generation": 2,
        "image": {"metadata": {"name": DIGEST}},
    }
    assert ist.live_tag(item) == only(SPEC, {"tag": "v1", "items": [ITEM]})


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"metadata": {"name": "app"}},
        stream(["v1"]),
        stream([{"from": IMAGE}]),
        stream([{**SPEC, "from": "quay.io/x"}]),
        stream([{**SPEC, "importPolicy": [1]}]),
        stream([SPEC], [{"tag": "v1", "items": 7}]),
        stream([SPEC], [{"tag": "v1", "conditions": ["x"]}]),
        {**stream(), "spec": "x"},
    ],
)
def test_a_stream_that_has_not_the_shape_of_one_is_a_clear_error(broken):
    with pytest.raises(ClusterError, match="has not the shape of one"):
        list(ist.live_tags(broken))


def test_paths_quote_what_a_url_cannot_hold():
    assert ist.tag_path(key("team-a/app:v1")) == "/apis/image.openshift.io/v1/namespaces/team-a/imagestreamtags/app:v1"
    assert ist.stream_path("a", "b/../c").endswith("/namespaces/a/imagestreams/b%2F..%2Fc")
