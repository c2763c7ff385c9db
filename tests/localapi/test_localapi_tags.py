"""ImageStreamTags over HTTP in the profile `openshift`: what the recordings leave open, by the server's own logic."""

import pytest
from localapi_client import APPLY_PATCH, JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, docker, follows, tag_body

NOT_THE_FIELDS = ("metadata", "FieldValueInvalid")
LABELS = ("metadata.labels", "FieldValueInvalid")
NOTES = ("metadata.annotations", "FieldValueInvalid")


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("a:v1", 201, None),
        ("a:V_1.x-y", 201, None),
        ("a:b:c", 201, None),
        ("a:", 201, None),
        ("a:v 1", 201, None),
        ("a.b-c_d:v1", 201, None),
        ("a", 500, None),
        (":v1", 400, "BadRequest"),
        ("A:v1", 422, "Invalid"),
        ("-a:v1", 422, "Invalid"),
        ("a--b:v1", 422, "Invalid"),
        ("a/b:v1", 422, "Invalid"),
        ("a%b:v1", 422, "Invalid"),
        ("..", 422, "Invalid"),
        ("x" * 300 + ":v1", 422, "Invalid"),
    ],
)
def test_a_name_is_judged_on_create(api, name, status, reason):
    reply = api.create(name)
    assert (reply.status, reply.body.get("reason")) == (status, reason)


@pytest.mark.parametrize("name", ["a", "a:b:c", "a:", ":b", "a@sha256:00", ":"])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_name_has_exactly_one_colon_to_be_read_or_deleted(api, method, name):
    assert api(method, f"~/namespaces/ns/imagestreamtags/{name}").status == 400


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("busybox", 201),
        ("library/busybox:1.36", 201),
        ("Registry.Example:5000/team/app:v1", 201),
        (f"r.invalid/app@sha256:{'a' * 64}", 201),
        (f"r.invalid/app:v1@sha256:{'a' * 64}", 201),
        ("r.invalid/Team/app", 422),
        ("r.invalid/app@sha256:abc", 422),
        (f"r.invalid/app@sha256:{'a' * 40}", 422),
        ("r.invalid/app:", 422),
        ("https://r.invalid/app", 422),
        ("r.invalid/app:v1 ", 422),
        (f"r.invalid/{'a' * 300}", 422),
        (f"r.invalid/app:{'a' * 129}", 422),
    ],
)
def test_a_pull_spec_is_judged(api, source, status):
    assert api.create("a:v1", source).status == status


@pytest.mark.parametrize(
    ("tag", "causes"),
    [
        ({"from": {}}, ["tag.from.name", "tag.from.kind"]),
        ({"from": {"kind": "ImageStreamTag"}}, ["tag.from.name"]),
        ({"from": {"kind": "DockerImage", "name": "!"}, "referencePolicy": {"type": "X"}}, None),
        (docker(importPolicy={"importMode": "x"}, referencePolicy={"type": "y"}), None),
    ],
)
@pytest.mark.parametrize("verb", ["create", "put"])
def test_every_cause_of_an_invalid_tag_is_named(api, verb, tag, causes):
    api.create("a:v0")
    reply = getattr(api, verb)("a:v1", tag=tag) if verb == "put" else api.create("a:v1", tag={"from": None, **tag})
    assert reply.status == 422
    assert [field for field, _ in reply.causes] == causes if causes else len(reply.causes) == 2


@pytest.mark.parametrize(
    "body",
    [
        {"tag": "text"},
        {"tag": {"from": "text"}},
        {"tag": {"from": {"kind": 1}}},
        {"tag": []},
        {"tag": {"generation": "1"}},
        {"tag": {"generation": 1.5}},
        {"tag": {"generation": 10**30}},
        {"tag": {"reference": "true"}},
        {"tag": {"importPolicy": {"scheduled": 1}}},
        {"tag": {"annotations": {"a": 1}}},
        {"tag": {"annotations": ["a"]}},
        {"metadata": "text"},
        {"metadata": {"labels": {"a": True}}},
        {"metadata": {"creationTimestamp": "yesterday"}},
        {"kind": 1},
        {"kind": "Pod"},
        {"apiVersion": "apps/v1"},
        {"apiVersion": "v1"},
    ],
)
def test_a_value_of_the_wrong_type_is_a_bad_request(api, body):
    reply = api("POST", "~/namespaces/ns/imagestreamtags", {**tag_body("a:v1"), **body})
    assert (reply.status, reply.body["reason"]) == (400, "BadRequest")


@pytest.mark.parametrize("body", [b"", b"{", b"nonsense", b"[]", b'"text"', b"\xff\xfe", b'{"a":1}{'])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_garbled_body_is_a_bad_request(api, method, body):
    path = "~/namespaces/ns/imagestreamtags" + ("/a:v1" if method == "PUT" else "")
    assert api(method, path, body).status == 400


def test_kind_and_apiversion_may_be_left_out(api):
    assert api("POST", "~/namespaces/ns/imagestreamtags", {"metadata": {"name": "a:v1"}, "tag": docker()}).status == 201


def test_a_body_too_long_is_refused(api):
    assert api.create("a:v1", metadata={"annotations": {"a": "x" * 4_000_000}}).status == 413


def test_annotations_too_long_are_refused(api):
    notes = {"a": "x" * 300_000}
    reply = api.create("a:v1", tag={"annotations": notes}, metadata={"annotations": notes})
    assert reply.causes == [("metadata.annotations", "FieldValueTooLong")]


@pytest.mark.parametrize(
    ("query", "status", "warnings"),
    [
        ("", 201, ['299 - "unknown field \\"tag.extra\\""', '299 - "unknown field \\"zzz\\""']),
        ("?fieldValidation=Warn", 201, ['299 - "unknown field \\"tag.extra\\""', '299 - "unknown field \\"zzz\\""']),
        ("?fieldValidation=Ignore", 201, []),
        ("?fieldValidation=Strict", 400, []),
        ("?fieldValidation=Nonsense", 422, []),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_unknown_fields_are_warned_of_refused_or_ignored(api, method, query, status, warnings):
    body = tag_body("a:v1", tag=docker(extra=1), zzz=2)
    path = "~/namespaces/ns/imagestreamtags" + ("/a:v1" if method == "PUT" else "")
    reply = api(method, path + query, body)
    assert (reply.status, reply.warnings) == (status, warnings)


def test_a_field_given_twice_is_warned_of(api):
    body = b'{"metadata":{"name":"a:v1","name":"a:v1"},"tag":{}}'
    reply = api("POST", "~/namespaces/ns/imagestreamtags", body)
    assert reply.warnings == ['299 - "duplicate field \\"metadata.name\\""']


@pytest.mark.parametrize(
    ("changes", "causes"),
    [
        ({"labels": {"a": "b"}}, [NOT_THE_FIELDS]),
        ({"labels": {"a b": "c"}}, [LABELS, LABELS, LABELS, NOT_THE_FIELDS]),
        ({"annotations": {"a b": "c"}}, [NOTES, NOTES, NOTES]),
        ({"finalizers": ["x/y"]}, [NOT_THE_FIELDS]),
        ({"ownerReferences": [{"apiVersion": "v1", "kind": "K", "name": "n", "uid": "u"}]}, [NOT_THE_FIELDS]),
        ({"generateName": "x"}, [NOT_THE_FIELDS]),
        (
            {"deletionGracePeriodSeconds": 5},
            [("metadata.deletionGracePeriodSeconds", "FieldValueInvalid")] * 2 + [NOT_THE_FIELDS],
        ),
    ],
)
@pytest.mark.parametrize("verb", ["put", "merge", "strategic"])
def test_an_update_may_change_no_metadata_but_annotations(api, verb, changes, causes):
    api.create("a:v1")
    if verb == "put":
        reply = api.put("a:v1", metadata=changes, tag=docker())
    else:
        reply = api.patch("a:v1", {"metadata": changes}, MERGE_PATCH if verb == "merge" else STRATEGIC_PATCH)
    assert (reply.status, reply.causes) == (422, causes)


@pytest.mark.parametrize("key", ["generation", "creationTimestamp", "selfLink"])
def test_what_the_server_sets_is_ignored_in_an_update(api, key):
    api.create("a:v1")
    value = 7 if key == "generation" else "2020-01-01T00:00:00Z"
    assert api.put("a:v1", metadata={key: value}, tag=docker()).status == 200


def test_the_labels_of_the_stream_may_be_left_out_or_repeated(api):
    stream = {"metadata": {"name": "a", "labels": {"x": "y"}}, "spec": {"tags": [{"name": "v1", **docker()}]}}
    assert api("POST", "~/namespaces/ns/imagestreams", stream).status == 201
    assert api.put("a:v1", tag=docker()).status == 200
    assert api.put("a:v1", metadata={"labels": {"x": "y"}}, tag=docker()).body["metadata"]["labels"] == {"x": "y"}
    assert api.put("a:v1", metadata={"labels": {"x": "z"}}, tag=docker()).status == 422


@pytest.mark.parametrize(
    ("on_meta", "on_tag", "status", "kept"),
    [
        (None, None, 201, None),
        ({"a": "1"}, None, 201, {"a": "1"}),
        (None, {"a": "1"}, 422, None),
        ({"a": "1"}, {"a": "1"}, 201, {"a": "1"}),
        ({"a": "1"}, {"a": "2"}, 422, None),
    ],
)
def test_a_put_of_a_tag_without_a_stream_judges_as_create_and_keeps_as_update(api, on_meta, on_tag, status, kept):
    reply = api.put("new:v1", metadata={"annotations": on_meta}, tag=docker(annotations=on_tag))
    assert reply.status == status
    if status == 201:
        assert reply.body["tag"]["annotations"] == kept


@pytest.mark.parametrize("verb", ["put", "merge", "json", "strategic"])
def test_annotations_on_the_metadata_win_in_every_update(api, verb):
    api.create("a:v1")
    both = {"metadata": {"annotations": {"k": "meta"}}, "tag": {"annotations": {"k": "tag"}}}
    if verb == "put":
        reply = api.put("a:v1", metadata=both["metadata"], tag=docker(**both["tag"]))
    elif verb == "json":
        patch = [
            {"op": "add", "path": "/metadata/annotations", "value": {"k": "meta"}},
            {"op": "add", "path": "/tag/annotations", "value": {"k": "tag"}},
        ]
        reply = api.patch("a:v1", patch)
    else:
        reply = api.patch("a:v1", both, MERGE_PATCH if verb == "merge" else STRATEGIC_PATCH)
    assert (reply.body["metadata"]["annotations"], reply.body["tag"]["annotations"]) == ({"k": "meta"}, {"k": "meta"})


def test_empty_annotations_are_none(api):
    assert api.create("a:v1", metadata={"annotations": {}}, tag={"annotations": {}}).body["tag"]["annotations"] is None


@pytest.mark.parametrize("kind", [JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH])
def test_a_patch_makes_an_absent_tag_and_stream(api, kind):
    source = docker()["from"]
    patch = (
        [{"op": "add", "path": "/tag", "value": {"from": source}}] if kind == JSON_PATCH else {"tag": {"from": source}}
    )
    assert api.patch("fresh:v1", patch, kind).status == 201
    assert api.patch("fresh:v2", patch, kind).status == 201
    assert api.patch("fresh:v2", patch, kind).status == 200


def test_a_patch_without_a_tag_makes_nothing(api):
    assert api.patch("fresh:v1", [], JSON_PATCH).status == 400
    assert api.stream("fresh").status == 404


@pytest.mark.parametrize(
    ("patch", "status"),
    [
        ([{"op": "test", "path": "/tag/from", "value": docker()["from"]}], 200),
        ([{"op": "test", "path": "/tag/from", "value": {"name": "registry.invalid/team/app:v1"}}], 422),
        ([{"op": "test", "path": "/tag/generation", "value": 1}], 200),
        ([{"op": "test", "path": "/tag/generation", "value": "1"}], 422),
        ([{"op": "test", "path": "/tag/generation", "value": True}], 422),
        ([{"op": "test", "path": "/tag/annotations", "value": None}], 200),
        ([{"op": "test", "path": "/tag/annotations/k", "value": None}], 422),
        ([{"op": "test", "path": "/metadata/annotations", "value": None}], 200),
        ([{"op": "test", "path": "/metadata/name", "value": None}], 422),
        ([{"op": "test", "path": "no-slash", "value": None}], 422),
        ([{"op": "replace", "path": "/tag/reference", "value": True}], 200),
        ([{"op": "add", "path": "/metadata/annotations/k", "value": "v"}], 422),
        ([{"op": "remove", "path": "/metadata/annotations"}], 422),
        ([{"op": "copy", "from": "/metadata/name", "path": "/tag/from/name"}], 200),
        ([{"op": "move", "from": "/tag/from/name", "path": "/tag/from/uid"}], 422),
        ([{"op": "move", "from": "/tag/nosuch/x", "path": "/tag/from/uid"}], 422),
        ([{"op": "add"}], 422),
        ([{"path": "/tag"}], 422),
        ([{"op": 1, "path": "/tag"}], 400),
        (["text"], 400),
        ({"op": "add"}, 400),
        (b"[", 400),
        (b"", 400),
        ([{"op": "replace", "path": "/tag/generation", "value": "x"}], 422),
        ([{"op": "replace", "path": "", "value": {}}], 400),
        ([{"op": "replace", "path": "/metadata/namespace", "value": "elsewhere"}], 400),
        ([{"op": "replace", "path": "/kind", "value": "ImageStream"}], 422),
    ],
)
def test_a_json_patch_is_applied_or_refused(api, patch, status):
    api.create("a:v1")
    assert api.patch("a:v1", patch).status == status


@pytest.mark.parametrize(
    ("written", "status"),
    [
        (b'"a\\u0026b \xc3\xa4"', 200),
        (b'"a&b \xc3\xa4"', 422),
        (b'"a\\u0026b \\u00e4"', 422),
        (b'"a\\u0026b \xc3\xa4 "', 422),
    ],
)
def test_a_json_patch_tests_texts_as_they_are_written_and_not_what_they_mean(api, written, status):
    api.create("a:v1", tag={"annotations": {"note": "a&b ä"}}, metadata={"annotations": {"note": "a&b ä"}})
    patch = b'[{"op": "test", "path": "/tag/annotations/note", "value": ' + written + b"}]"
    assert api.patch("a:v1", patch).status == status
    changed = b'[{"op": "add", "path": "/tag/annotations/note", "value": ' + written + b"}, " + patch[1:]
    assert api.patch("a:v1", changed).status == 200


def test_a_patch_that_cannot_be_applied_says_nothing(api):
    api.create("a:v1")
    body = api.patch("a:v1", [{"op": "test", "path": "/tag/from/name", "value": "x"}]).body
    assert (body["reason"], body["details"]) == ("Invalid", {})


@pytest.mark.parametrize(
    ("query", "status", "warned"),
    [("", 200, 2), ("?fieldValidation=Ignore", 200, 0), ("?fieldValidation=Strict", 422, 0)],
)
def test_unknown_fields_in_and_through_a_patch(api, query, status, warned):
    api.create("a:v1")
    patch = [{"op": "add", "path": "/tag/extra", "value": 1, "surplus": 1}]
    reply = api.patch("a:v1", patch, query=query)
    assert (reply.status, len(reply.warnings)) == (status, warned)


@pytest.mark.parametrize("patch", [[], "text", b"{", 1])
@pytest.mark.parametrize("kind", [MERGE_PATCH, STRATEGIC_PATCH])
def test_a_merge_patch_that_is_no_object_is_refused(api, kind, patch):
    api.create("a:v1")
    assert api.patch("a:v1", patch, kind).status == 400


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/yaml", ""])
def test_a_patch_of_an_unknown_kind_is_refused(api, kind):
    api.create("a:v1")
    assert api.patch("a:v1", {}, kind).status == 415


def test_server_side_apply_needs_a_manager_and_no_stream(api):
    api.create("a:v1")
    body = tag_body("a:v2", tag=docker())
    assert api.patch("a:v2", body, APPLY_PATCH).status == 422
    assert api.patch("a:v2", body, APPLY_PATCH, query="?fieldManager=x").causes == [NOT_THE_FIELDS]
    assert api.patch("b:v1", tag_body("b:v1", tag=docker()), APPLY_PATCH, query="?fieldManager=x").status == 201


def test_force_is_for_apply_alone(api):
    assert api.patch("a:v1", [], query="?force=true").causes == [("force", "FieldValueForbidden")]


@pytest.mark.parametrize("verb", ["create", "put", "patch", "delete"])
def test_a_dry_run_changes_nothing(api, verb):
    api.create("a:v1")
    before = api.stream("a").body
    if verb == "create":
        reply = api.create("a:v2", query="?dryRun=All")
    elif verb == "put":
        reply = api.put("a:v1", query="?dryRun=All", tag=docker("x/y:z"))
    elif verb == "patch":
        reply = api.patch("a:v1", {"tag": {"reference": True}}, MERGE_PATCH, query="?dryRun=All")
    else:
        reply = api.delete("a:v1", query="?dryRun=All")
    assert reply.status in (200, 201)
    assert api.stream("a").body == before


@pytest.mark.parametrize(
    ("verb", "kind"),
    [("POST", "CreateOptions"), ("PUT", "UpdateOptions"), ("PATCH", "PatchOptions"), ("DELETE", "DeleteOptions")],
)
def test_an_unknown_dry_run_is_invalid_on_every_verb(api, verb, kind):
    path = "~/namespaces/ns/imagestreamtags" + ("" if verb == "POST" else "/a:v1")
    headers = {"Content-Type": JSON_PATCH} if verb == "PATCH" else {}
    reply = api(verb, f"{path}?dryRun=Some", None if verb == "DELETE" else tag_body("a:v1"), headers)
    assert (reply.status, reply.body["details"]["kind"]) == (422, kind)


def test_dry_run_in_the_body_of_a_delete_counts(api):
    api.create("a:v1")
    assert api.delete("a:v1", {"dryRun": ["All"]}).status == 200
    assert api.delete("a:v1", {"propagationPolicy": "Background"}).status == 200
    assert api.delete("a:v1").status == 404


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"preconditions": {"uid": "11111111-2222-3333-4444-555555555555"}}, 409),
        ({"preconditions": {"resourceVersion": "1"}}, 200),
        ({"preconditions": {"uid": ""}}, 409),
        ({"preconditions": {"uid": 5}}, 500),
        ({"propagationPolicy": "Sideways"}, 422),
        ({"propagationPolicy": "Orphan", "orphanDependents": False}, 422),
        ({"orphanDependents": True, "gracePeriodSeconds": 0, "unknown": 1}, 200),
        ({"gracePeriodSeconds": "0"}, 500),
        ({"dryRun": "All"}, 500),
        ({"kind": "DeleteOptions", "apiVersion": "image.openshift.io/v1"}, 200),
        ({"kind": "Pod"}, 500),
        (b"{", 500),
    ],
)
def test_the_options_of_a_delete_are_judged(api, options, status):
    api.create("a:v1")
    assert api.delete("a:v1", options).status == status


@pytest.mark.parametrize(
    ("change", "bumped"),
    [
        ({"from": {"kind": "DockerImage", "name": "x/y:z"}}, True),
        ({"reference": True}, True),
        ({"importPolicy": {"importMode": "PreserveOriginal"}}, True),
        ({"generation": 0}, True),
        ({"generation": 9}, False),
        ({"importPolicy": {"insecure": True}}, False),
        ({"importPolicy": {"scheduled": True}}, False),
        ({"referencePolicy": {"type": "Local"}}, False),
        ({"from": {"kind": "ImageStreamTag", "name": "registry.invalid/team/app:v1"}}, False),
        ({}, False),
    ],
)
def test_the_generation_of_a_tag_counts_what_asks_for_another_image(api, change, bumped):
    api.create("a:v1")
    reply = api.patch("a:v1", {"tag": change}, MERGE_PATCH)
    assert reply.body["tag"]["generation"] == (2 if bumped else 1)


def test_an_update_that_changes_nothing_keeps_the_version(api):
    version = api.create("a:v1").body["metadata"]["resourceVersion"]
    assert api.put("a:v1", tag=docker()).body["metadata"]["resourceVersion"] == version
    assert api.stream("a").body["metadata"]["generation"] == 1


def test_the_version_is_the_streams(api):
    version = api.create("a:v1").body["metadata"]["resourceVersion"]
    api.create("a:v2")
    assert api.put("a:v1", metadata={"resourceVersion": version}, tag=docker()).status == 409
    assert api.patch("a:v1", {"metadata": {"resourceVersion": version}}, MERGE_PATCH).status == 409


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ({"kind": "ImageStreamTag", "name": "v1"}, 201),
        ({"kind": "ImageStreamTag", "name": "a:v1"}, 201),
        ({"kind": "ImageStreamTag", "name": "a:v1:x"}, 422),
        ({"kind": "ImageStreamTag", "name": "nosuch:v1"}, 422),
        ({"kind": "ImageStreamTag", "name": "a:v1", "namespace": "ns"}, 201),
        ({"kind": "ImageStreamTag", "name": "a:v1", "namespace": "elsewhere"}, 422),
        ({"kind": "ImageStreamImage", "name": "a@sha256:00"}, 422),
        ({"kind": "ImageStreamImage", "name": "nosuch@sha256:00"}, 422),
        ({"kind": "DockerImage", "name": "x/y:z", "namespace": "elsewhere"}, 422),
    ],
)
def test_a_reference_is_followed_or_refused(api, source, status):
    api.create("a:v1")
    assert api.create("a:v2", tag={"from": source}).status == status


def test_a_namespace_that_is_none_cannot_be_written_to(api):
    for namespace in ("no-such-thing", "UPPER"):
        assert api.create("a:v1", namespace=namespace).body["details"] == {"name": namespace, "kind": "namespaces"}
        assert api.put("a:v1", namespace=namespace, tag=docker()).body["details"]["kind"] == "namespaces"
        assert api.tags(namespace=namespace).names == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "~/namespaces/ns/imagestreamtags"),
        ("PATCH", "~/namespaces/ns/imagestreamtags"),
        ("DELETE", "~/namespaces/ns/imagestreamtags"),
        ("POST", "~/namespaces/ns/imagestreamtags/a:v1"),
        ("POST", "~/imagestreamtags"),
        ("OPTIONS", "~/namespaces/ns/imagestreamtags"),
        ("HEAD", "~/namespaces/ns/imagestreamtags"),
    ],
)
def test_a_method_without_a_meaning_is_not_allowed(api, method, path):
    assert api(method, path, b"{}" if method in ("PUT", "PATCH", "POST") else None).status == 405


@pytest.mark.parametrize(
    "path", ["~/nosuch", "~/namespaces/ns/imagestreamtags/a:v1/status", "~/namespaces/ns/nosuch/x"]
)
def test_what_is_not_served_is_not_found(api, path):
    assert api("GET", path).status == 404


def test_a_reference_tag_has_no_image_and_keeps_its_pull_spec_in_the_stream(api):
    api.create("a:v1", tag={"reference": True})
    assert api.get("a:v1").status == 404
    (entry,) = api.stream("a").body["status"]["tags"]
    assert entry["items"][0] | {"created": ""} == {
        "created": "",
        "dockerImageReference": "registry.invalid/team/app:v1",
        "image": "",
        "generation": 1,
    }


def test_a_follower_names_what_it_follows_in_the_answer(api):
    api.create("a:v1")
    assert api.create("b:v1", tag=follows("a:v1")).body["tag"]["from"] == {"kind": "ImageStreamTag", "name": "a:v1"}


def test_a_yaml_body_keeps_times_as_texts(api):
    metadata = b"metadata: {name: 'a:v1', creationTimestamp: 2026-01-01T00:00:00Z}"
    body = metadata + b"\ntag: {from: {kind: DockerImage, name: x/y}}\n"
    assert api("POST", "~/namespaces/ns/imagestreamtags", body, {"Content-Type": "application/yaml"}).status == 201


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json; charset=utf-8", b'{"metadata":{"name":"a:v1"}}', 201),
        ("application/vnd.kubernetes.protobuf", b"k8s\x00...", 415),
        ("application/vnd.kubernetes.protobuf", b"{}", 400),
        ("application/xml", b"<a/>", 415),
    ],
)
def test_the_content_type_of_a_body_is_judged(api, kind, body, status):
    assert api("POST", "~/namespaces/ns/imagestreamtags", body, {"Content-Type": kind}).status == status


@pytest.mark.parametrize(
    ("kind", "patch", "status"),
    [
        (STRATEGIC_PATCH, {"metadata": {"finalizers": [{}]}}, 422),
        (STRATEGIC_PATCH, {"metadata": {"ownerReferences": ["x"]}}, 422),
        (MERGE_PATCH, {"metadata": "x"}, 422),
        (MERGE_PATCH, {"tag": {"from": "x"}}, 422),
        (APPLY_PATCH, {"apiVersion": "image.openshift.io/v1", "kind": "ImageStreamTag", "metadata": "x"}, 500),
        (APPLY_PATCH, {"apiVersion": "image.openshift.io/v1", "kind": "ImageStreamTag", "extra": 1}, 500),
        (APPLY_PATCH, {"kind": "ImageStreamTag"}, 400),
        (APPLY_PATCH, b"a: b: c", 400),
    ],
)
def test_a_patch_to_a_wrong_type_is_refused_in_the_way_of_its_kind(api, kind, patch, status):
    api.create("a:v1")
    query = "?fieldManager=x" if kind == APPLY_PATCH else ""
    reply = api.patch("a:v1", patch, kind, query=query)
    assert (reply.status, "bug" in reply.body["message"]) == (status, False)
