"""Requests that a client should not send: each is answered as the real server's source says it is.

The rows are read from openshift-apiserver and the libraries that it is made of (k8s.io/apiserver, json-patch); what is
recorded is not here.
"""

import pytest
from localapi_client import JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, Client, docker, tag_body

from syncer.localapi import Identity, LocalAPI

TAGS = "~/namespaces/ns/imagestreamtags"
STREAMS = "~/namespaces/ns/imagestreams"
APP = f"{TAGS}/app:v1"
MANY, ONE = "as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", "as=PartialObjectMetadata;v=v1;g=meta.k8s.io"


@pytest.fixture(autouse=True)
def app(api):
    api.create("app:v1", metadata={"annotations": {"a": "b"}}, tag={"annotations": {"a": "b"}})


def shape(text):
    return {"Accept": f"application/json;{text}"}


# The request; the status; the reason, or None where the server gives none.
READS = [
    (f"{APP}?resourceVersion=abc", {}, 500, None),
    (f"{TAGS}/nosuch:v1", {"Accept": "text/html"}, 406, "NotAcceptable"),
    (f"{STREAMS}?timeout=abc", {}, 400, "BadRequest"),
    (f"{STREAMS}?timeout=1m30s", {}, 200, None),
    (f"{STREAMS}?timeout=0", {}, 200, None),
    (f"{STREAMS}?sendInitialEvents=true", {}, 422, "Invalid"),
    (f"{TAGS}?watch=1&sendInitialEvents=true", {}, 422, "Invalid"),
    (f"{TAGS}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan", {}, 405, "MethodNotAllowed"),
    (f"{TAGS}?watch=1&resourceVersionMatch=Exact", {}, 422, "Invalid"),
    (f"{STREAMS}/app", shape(MANY), 406, "NotAcceptable"),
    (f"{STREAMS}/app", shape(ONE), 200, None),
    (STREAMS, shape(ONE), 406, "NotAcceptable"),
    (STREAMS, shape(MANY), 200, None),
    (STREAMS, shape("as=PartialObjectMetadataList"), 406, "NotAcceptable"),
    (f"{STREAMS}?includeObject=X", shape("as=Table;v=v1;g=meta.k8s.io"), 400, "BadRequest"),
    ("~/nosuch", {}, 404, "NotFound"),
    ("~/namespaces/ns/nosuch/app", {}, 404, "NotFound"),
    (f"{APP}/status", {}, 404, "NotFound"),
]


@pytest.mark.parametrize(("path", "headers", "status", "reason"), READS)
def test_an_odd_read(api, path, headers, status, reason):
    reply = api("GET", path, headers=headers)
    assert (reply.status, reply.body.get("reason")) == (status, reason)


@pytest.mark.parametrize("path", ["/apis/nosuch.io/v1/things", "/apis/image.openshift.io/v2/imagestreams", "/apis/x/y"])
def test_a_group_or_version_that_nobody_serves_is_not_found_in_plain_text(api, path):
    reply = api("GET", path)
    assert (reply.status, reply.raw) == (404, b"404 page not found\n")


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_a_shape_has_the_version_that_was_asked_for(api, version):
    table = api("GET", STREAMS, headers=shape(f"as=Table;v={version};g=meta.k8s.io")).body
    metadata = api("GET", f"{STREAMS}/app", headers=shape(f"as=PartialObjectMetadata;v={version};g=meta.k8s.io")).body
    found = {table["apiVersion"], table["rows"][0]["object"]["apiVersion"], metadata["apiVersion"]}
    assert found == {f"meta.k8s.io/{version}"}


YAML = {"Content-Type": "application/yaml"}
HEAD = "kind: ImageStreamTag\napiVersion: image.openshift.io/v1\n"
CREATES = [
    ("", f"{HEAD}metadata: {{name: 'y:1'}}\n---\nkind: Second\n", 201),
    ("", f"{HEAD}metadata: {{name: 'y:2', name: 'y:3'}}\n", 201),
    ("?fieldValidation=Strict", f"{HEAD}metadata: {{name: 'y:2', name: 'y:3'}}\n", 400),
    ("", f"{HEAD}metadata: {{name: 'y:4', annotations: {{n: .nan}}}}\n", 400),
    ("", f"{HEAD}metadata: {{name: 'y:5', annotations: {{on: 2026-01-01}}}}\n", 201),
    ("", f"{HEAD}metadata: {{name: 'y:6', annotations: {{on: 5}}}}\n", 400),
    ("", "- a\n", 400),
    ("", "a: b: c\n", 400),
]


@pytest.mark.parametrize(("query", "text", "status"), CREATES)
def test_an_odd_yaml_body(api, query, text, status):
    assert api("POST", TAGS + query, text.encode(), YAML).status == status


SOURCES = [
    ({"kind": "ImageStreamTag", "name": ":v1"}, 422),
    ({"kind": "ImageStreamTag", "name": "app:"}, 201),
    ({"kind": "ImageStreamTag", "name": "a:b:c"}, 422),
    ({"kind": "ImageStreamTag", "name": "app:v1", "namespace": "elsewhere"}, 422),
    ({"kind": "ImageStreamImage", "name": "app"}, 422),
    ({"kind": "DockerImage", "name": "x/y", "namespace": "elsewhere"}, 422),
    ({}, 422),
]


@pytest.mark.parametrize(("source", "status"), SOURCES)
def test_an_odd_source(api, source, status):
    assert api("POST", TAGS, tag_body("odd:v1", tag={"from": source})).status == status


TRACKED = {"manager": "m", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {}}
PATCHES = [
    (MERGE_PATCH, b"null", 400),
    (STRATEGIC_PATCH, b"null", 200),
    (JSON_PATCH, b"null", 200),
    (MERGE_PATCH, {"kind": "Other"}, 422),
    (STRATEGIC_PATCH, {"kind": "Other"}, 200),
    (MERGE_PATCH, {"kind": None}, 200),
    (MERGE_PATCH, {"metadata": {"managedFields": [{}]}}, 200),
    (MERGE_PATCH, {"metadata": {"managedFields": [{**TRACKED, "fieldsType": "FieldsV2"}]}}, 200),
    (MERGE_PATCH, {"metadata": {"managedFields": [TRACKED]}}, 422),
    (MERGE_PATCH, {"metadata": {"finalizers": ["a/b"]}}, 422),
    (MERGE_PATCH, {"metadata": {"selfLink": "/x", "generation": 7, "creationTimestamp": None}}, 200),
    (STRATEGIC_PATCH, {"$patch": "sideways"}, 500),
    (STRATEGIC_PATCH, {"$patch": "delete"}, 400),
    (STRATEGIC_PATCH, {"metadata": {"annotations": {"$retainKeys": ["x"], "z": "w"}}}, 422),
    (STRATEGIC_PATCH, {"metadata": {"annotations": {"$retainKeys": "x"}}}, 400),
    (JSON_PATCH, [{"op": "replace", "path": "", "value": {}}], 400),
    (JSON_PATCH, [{"op": "add", "path": "", "value": {}}], 422),
]


@pytest.mark.parametrize(("kind", "patch", "status"), PATCHES)
def test_an_odd_patch(api, kind, patch, status):
    assert api.patch("app:v1", patch, kind).status == status


@pytest.mark.parametrize(
    ("kind", "patch", "warn", "ignore"),
    [
        (JSON_PATCH, [{"op": 5, "path": "/tag"}], 400, 422),
        (JSON_PATCH, [{"op": "add", "path": 5, "value": 1}], 400, 422),
        (JSON_PATCH, [5], 400, 400),
        (MERGE_PATCH, [], 400, 422),
        (MERGE_PATCH, 5, 400, 400),
        (STRATEGIC_PATCH, [], 400, 400),
    ],
)
def test_nonsense_is_found_on_decoding_or_only_on_applying(api, kind, patch, warn, ignore):
    found = [api.patch("app:v1", patch, kind, query=f"?fieldValidation={how}").status for how in ("Warn", "Ignore")]
    assert found == [warn, ignore]


@pytest.mark.parametrize(
    ("annotations", "wanted"),
    [
        ({"$retainKeys": ["z"], "z": "w"}, {"z": "w"}),
        ({"$patch": "replace", "z": "w"}, {"z": "w"}),
        ({"$patch": "merge", "z": "w"}, {"a": "b", "z": "w"}),
        ({"$patch": "delete"}, {}),
    ],
)
def test_the_directives_of_a_strategic_merge_are_carried_out(api, annotations, wanted):
    reply = api.patch("app:v1", {"metadata": {"annotations": annotations}}, STRATEGIC_PATCH)
    assert reply.body["metadata"].get("annotations", {}) == wanted


def test_finalizers_are_taken_from_a_stream_one_by_one(api):
    api.patch("app", {"metadata": {"finalizers": ["a/b", "c/d"]}}, MERGE_PATCH, resource="imagestreams")
    patch = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a/b"]}}
    reply = api.patch("app", patch, STRATEGIC_PATCH, resource="imagestreams")
    assert reply.body["metadata"]["finalizers"] == ["c/d"]


def test_with_a_body_a_delete_does_not_look_at_its_query(api):
    assert api.delete("app:v1", {"dryRun": ["All"]}, query="?gracePeriodSeconds=abc").status == 200
    assert api.delete("app:v1", query="?gracePeriodSeconds=abc").status == 400
    assert api.delete("app:v1", query="?propagationPolicy=Orphan&orphanDependents=0").status == 422


FORBIDDEN = [
    ("GET", f"{STREAMS}/app/status", 'get resource "imagestreams/status"', "app"),
    ("PUT", f"{STREAMS}/app/status", 'update resource "imagestreams/status"', "app"),
    ("GET", f"{STREAMS}/app/layers", 'get resource "imagestreams/layers"', "app"),
    ("OPTIONS", TAGS, 'cannot  resource "imagestreamtags"', None),
    ("DELETE", TAGS, 'deletecollection resource "imagestreamtags"', None),
    ("GET", f"{TAGS}?watch=1", 'watch resource "imagestreamtags"', None),
    ("POST", f"{TAGS}/app:v1", 'create resource "imagestreamtags"', "app:v1"),
    ("GET", "/api/v1/namespaces/ns", 'get resource "namespaces" in API group "" in the namespace "ns"', "ns"),
    ("GET", "/apis/nosuch.io/v1/namespaces/ns/things/x", 'get resource "things" in API group "nosuch.io"', "x"),
]


@pytest.mark.parametrize(("method", "path", "words", "name"), FORBIDDEN)
def test_what_is_forbidden_is_named(method, path, words, name):
    with LocalAPI(imports=False, tokens={"n": Identity("nobody")}) as server:
        reply = Client(server.url, "n")(method, path, headers={"Accept": "text/html"})
    assert (reply.status, reply.body["details"].get("name")) == (403, name)
    assert words in reply.body["message"]


def test_head_is_no_method_but_counts_as_reading():
    with LocalAPI(imports=False, tokens={"v": Identity("viewer", "view"), "n": Identity("nobody")}) as server:
        path = "~/namespaces/ns/imagestreamtags/a:1"
        assert [Client(server.url, token)("HEAD", path).status for token in "vn"] == [405, 403]


def test_a_follower_may_not_name_what_cannot_be_a_stream(api):
    body = tag_body("odd:v1", tag={"from": {"kind": "ImageStreamTag", "name": ":v1"}})
    assert "unable to retrieve image stream: Name parameter required." in api("POST", TAGS, body).body["message"]


def test_a_tag_may_be_put_with_what_no_server_would_track(api):
    body = tag_body("app:v1", tag=docker("moved/to:1"), metadata={"managedFields": [{}]})
    assert api("PUT", APP, body).status == 200


def piece(number, value):
    return bytes([number << 3 | 2, len(value)]) + value


REVIEW = b"k8s\x00" + piece(1, piece(1, b"authorization.k8s.io/v1") + piece(2, b"SelfSubjectAccessReview"))
SPEC = piece(2, piece(2, piece(1, piece(2, b"no") + b"\x40\x96\x01")))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (REVIEW + SPEC, 201),
        (REVIEW + SPEC[:-1], 415),
        (REVIEW.replace(b"SelfSubject", b"SalfSubject"), 415),
        (b"k8s\x00\xff", 415),
        (b"k8s\x00", 415),
        (b"x", 400),
    ],
    ids=["a review", "cut off", "another kind", "cut off at once", "empty", "no protobuf"],
)
def test_protobuf_is_read_for_what_kubectl_sends_and_refused_otherwise(api, body, status):
    headers = {"Content-Type": "application/vnd.kubernetes.protobuf"}
    reply = api("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body, headers)
    assert reply.status == status
    if status == 201:
        assert (reply.body["spec"], reply.body["status"]["allowed"]) == ({"resourceAttributes": {"verb": "no"}}, False)


def test_a_tag_is_not_read_from_protobuf(api):
    headers = {"Content-Type": "application/vnd.kubernetes.protobuf"}
    assert api("POST", TAGS, b"k8s\x00\n\x04\x12\x02no", headers).status == 415
