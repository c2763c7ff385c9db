"""The exact requests of each change, word for word: what stands here is what is sent."""

import json

import pytest
from builders import IMAGE, OWNER, desired, follows, key, live, synced

from syncer import imagestreamtag as ist
from syncer.diff import apply_patch
from syncer.model import Cause, FieldChange, Live, Request
from syncer.plan import requests

TAGS = "/apis/image.openshift.io/v1/namespaces/team-a/imagestreamtags"
MARK, RECORD = "/metadata/annotations/syncer.dev~1owner", "/metadata/annotations/syncer.dev~1last-applied"
NEW = {"kind": "DockerImage", "name": "q/x:2"}


def recorded(**tag):
    return json.dumps({"tag": {"from": IMAGE, **tag}}, sort_keys=True, separators=(",", ":"))


def updated(tag, *fields, marks=None, refollow=False, reimport=False):
    return requests.update_requests(tag, fields, marks or {}, refollow=refollow, reimport=reimport)


def change(path, now, want):
    return FieldChange(path, Cause.GIT, now, now, want)


def op(name, path, value):
    return {"op": name, "path": path, "value": value}


def test_a_create_is_one_post_with_the_same_annotations_in_both_places():
    wanted = desired(fields={"/metadata/annotations/a~1b": "c", "/tag/reference": True})
    record = '{"metadata":{"annotations":{"a/b":"c"}},' + recorded(reference=True)[1:]
    annotations = {"a/b": "c", "syncer.dev/owner": "demo team-a/app:v1", "syncer.dev/last-applied": record}
    body = {
        "apiVersion": "image.openshift.io/v1",
        "kind": "ImageStreamTag",
        "metadata": {"name": "app:v1", "namespace": "team-a", "annotations": annotations},
        "tag": {"from": IMAGE, "reference": True, "annotations": annotations},
    }
    assert requests.create_request(OWNER, wanted) == Request("POST", TAGS, "application/json", body)
    assert requests.own_annotations(OWNER, wanted) == dict(list(annotations.items())[1:])


def test_an_update_is_one_patch_that_tests_all_that_it_rests_on_and_sets_what_differs():
    tag = synced(desired(fields={"/metadata/annotations/a": "b"}))
    (request,) = updated(
        tag, change("/tag/from", IMAGE, NEW), change("/metadata/annotations/a", "b", None), marks={"m": "1"}
    )
    assert (request.method, request.path) == ("PATCH", f"{TAGS}/app:v1")
    assert request.content_type == "application/json-patch+json"
    assert request.body == [
        op("test", "/tag/from", IMAGE),
        op("test", "/metadata/annotations/a", "b"),
        op("test", MARK, "demo team-a/app:v1"),
        op("replace", "/tag/from", NEW),
        {"op": "remove", "path": "/metadata/annotations/a"},
        op("add", "/metadata/annotations/m", "1"),
    ]


def test_a_mark_that_is_as_it_should_be_is_not_written_again():
    tag = synced(desired())
    (request,) = updated(tag, marks={ist.OWNER: tag.annotations[ist.OWNER], ist.LAST_APPLIED: "new"})
    assert request.body[2:] == [op("replace", RECORD, "new")]


def test_an_image_is_asked_for_again_by_generation_zero_guarded_by_the_one_that_was_seen():
    (request,) = updated(synced(desired()), reimport=True)
    assert request.body == [
        op("test", "/tag/from", IMAGE),
        op("test", MARK, "demo team-a/app:v1"),
        op("test", "/tag/generation", 2),
        op("replace", "/tag/generation", 0),
    ]


@pytest.mark.parametrize(
    ("mode", "other"),
    [("Legacy", "PreserveOriginal"), ("PreserveOriginal", "Legacy"), (None, "PreserveOriginal")],
)
def test_a_follower_is_cured_by_the_other_import_mode_and_back_and_its_record_says_so_meanwhile(mode, other):
    source = follows("base:v1")
    wanted = desired(from_=source)
    policy = {"importMode": mode} if mode else {}
    tag = synced(wanted, spec={"importPolicy": policy})
    marks = requests.own_annotations(OWNER, wanted)
    away, back = updated(tag, marks=marks, refollow=True)
    record = recorded(**{"from": source})
    between = recorded(**{"from": source, "importPolicy": {"importMode": mode or "Legacy"}})
    assert (back.method, back.path, back.content_type) == (away.method, away.path, away.content_type)
    assert (away.method, away.path) == ("PATCH", f"{TAGS}/app:v1")
    assert away.body == [
        op("test", "/tag/from", source),
        op("test", MARK, "demo team-a/app:v1"),
        op("test", "/tag/importPolicy/importMode", mode),
        op("replace" if mode else "add", "/tag/importPolicy/importMode", other),
        op("replace", RECORD, between),
    ]
    assert back.body == [
        op("test", "/tag/importPolicy/importMode", other),
        op("replace", "/tag/importPolicy/importMode", mode or "Legacy"),
        op("replace", RECORD, record),
    ]
    after = apply_patch(apply_patch(ist.document_of(tag), away.body), back.body)
    assert after["metadata"]["annotations"] == dict(tag.annotations)


def test_a_cure_alone_is_told_from_an_update_that_changes_something_too():
    wanted = desired(from_=follows("base:v1"))
    tag, marks = synced(wanted), requests.own_annotations(OWNER, wanted)
    alone = updated(tag, marks=marks, refollow=True)
    assert requests.only_refollows(alone, tag)
    assert not requests.only_refollows(alone[1:], tag)
    assert not requests.only_refollows(
        updated(tag, change("/tag/reference", None, want=True), marks=marks, refollow=True), tag
    )
    assert not requests.only_refollows(updated(tag, marks={**marks, ist.OWNER: "demo x/y:z"}, refollow=True), tag)
    assert not requests.only_refollows(updated(tag, marks={**marks, ist.LAST_APPLIED: "{}"}, refollow=True), tag)
    assert not requests.only_refollows(updated(tag, marks=marks), tag)


def test_a_mark_is_set_by_a_patch_that_tests_the_source_and_the_mark_before():
    tag = live()
    request = requests.mark_request(tag, {ist.OWNER: "new team-a/app:v1"})
    body = [
        op("test", "/tag/from", IMAGE),
        op("test", "/metadata/annotations", None),
        op("add", "/metadata/annotations", {}),
        op("add", MARK, "new team-a/app:v1"),
    ]
    assert request == Request("PATCH", f"{TAGS}/app:v1", "application/json-patch+json", body)


def test_a_prune_is_one_delete_with_the_uid_of_the_stream():
    body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": "uid-1"}}
    assert requests.prune_request(live()) == Request("DELETE", f"{TAGS}/app:v1", "application/json", body)


def test_what_only_a_push_made_is_guarded_by_the_absence_of_a_spec():
    tag = live()
    pushed = Live(key(), None, {}, tag.uid, tag.resource_version, tag.image)
    (request,) = updated(pushed, change("/tag/from", None, IMAGE))
    assert request.body[:1] == [op("test", "/tag", None)]


@pytest.mark.parametrize(
    ("method", "body", "sets"),
    [
        ("PATCH", [op("replace", "/tag/from", NEW)], True),
        ("PATCH", [op("add", "/tag/from", NEW)], True),
        ("PATCH", [op("test", "/tag/from", NEW)], False),
        ("PATCH", [op("replace", "/tag/importPolicy/importMode", "Legacy")], False),
        ("POST", {"tag": {"from": NEW}}, False),
        ("DELETE", {}, False),
    ],
)
def test_a_path_is_set_by_a_patch_that_writes_it_and_not_by_a_test_of_it(method, body, sets):
    assert requests.sets([Request(method, TAGS, "", body)], "/tag/from") is sets
    other = Request("PATCH", TAGS, "", [op("add", "/tag/reference", "x")])
    assert requests.sets([other, Request(method, TAGS, "", body)], "/tag/from") is sets
