"""Lists in the profile `openshift`: streams page truthfully, tags do not; selectors, versions, tables, media types."""

import base64
import json

import pytest
import yaml
from localapi_client import Client, docker

from syncer.localapi import LocalAPI

TABLE = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
STREAMS = {
    "a": {"tier": "db", "size": "1"},
    "b": {"tier": "web", "size": "5"},
    "c": {"tier": "web"},
    "d": {},
    "e": {"tier": "db"},
}


@pytest.fixture(scope="module")
def listed():
    """A server with five streams of two pushed tags each, and a tag that has no image; nobody writes to it."""
    with LocalAPI(imports=False) as server:
        server.load({"metadata": {"name": n, "namespace": "ns", "labels": labels}} for n, labels in STREAMS.items())
        for name in STREAMS:
            for tag in ("1", "2"):
                server.push("ns", name, tag)
        client = Client(server.url)
        client.create("a:3")
        client.create("z:1", namespace="other")
        yield client


def pages(api, query, namespace="ns"):
    names, token = [], ""
    while True:
        body = api.streams(f"?{query}" + (f"&continue={token}" if token else ""), namespace).body
        names.append([item["metadata"]["name"] for item in body["items"]])
        token = body["metadata"].get("continue")
        if not token:
            return names


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("limit=2", [["a", "b"], ["c", "d"], ["e"]]),
        ("limit=5", [["a", "b", "c", "d", "e"]]),
        ("limit=0", [["a", "b", "c", "d", "e"]]),
        ("limit=-3", [["a", "b", "c", "d", "e"]]),
        ("limit=1&labelSelector=tier%3Ddb", [["a"], ["e"]]),
        ("limit=1&labelSelector=tier%3Dweb", [["b"], ["c"], []]),
    ],
)
def test_streams_page_truthfully(listed, query, wanted):
    assert pages(listed, query) == wanted


def test_a_page_of_streams_counts_what_is_left(listed):
    meta = listed.streams("?limit=2").body["metadata"]
    assert meta["remainingItemCount"] == 3
    assert "remainingItemCount" not in listed.streams("?limit=1&labelSelector=tier").body["metadata"]


def test_a_tag_list_stops_after_its_streams_without_a_word(listed):
    reply = listed.tags("?limit=2")
    assert (reply.names, reply.body["metadata"]) == (["a:1", "a:2", "b:1", "b:2"], {})


@pytest.mark.parametrize(
    ("selector", "wanted"),
    [
        ("tier=db", "ae"),
        ("tier==db", "ae"),
        ("tier!=db", "bcd"),
        ("tier in (db, web)", "abce"),
        ("tier notin (db)", "bcd"),
        ("tier", "abce"),
        ("!tier", "d"),
        ("tier,tier!=web", "ae"),
        ("size>1", "b"),
        ("size<5", "a"),
        ("tier in ()", ""),
        ("tier=", ""),
        ("", "abcde"),
        ("example.com/x=y", ""),
    ],
)
def test_a_label_selector_picks(listed, selector, wanted):
    query = f"?labelSelector={selector.replace(' ', '+').replace('=', '%3D').replace('!', '%21')}"
    assert "".join(listed.streams(query).names) == wanted
    assert {name.partition(":")[0] for name in listed.tags(query).names} == set(wanted)


@pytest.mark.parametrize(
    "selector",
    ["!!x", "a b", "x in", "x in (", "x in (a b)", "=x", "a,", "a in (b),", "x>y", "-x", "x=a/b", "a/b/c", "("],
)
def test_a_label_selector_that_is_none_is_refused(listed, selector):
    query = f"?labelSelector={selector.replace(' ', '+')}"
    assert listed.streams(query).status == 400


@pytest.mark.parametrize(
    ("selector", "streams", "tags"),
    [
        ("metadata.name=a", "a", 0),
        ("metadata.name!=a", "bcde", 8),
        ("metadata.name=a:1", "", 0),
        ("metadata.namespace=ns", "abcde", 10),
        ("metadata.namespace=other", "", 0),
        ("metadata.name==a,metadata.namespace=ns", "a", 0),
        ("", "abcde", 10),
    ],
)
def test_a_field_selector_picks_streams_first_and_tags_then(listed, selector, streams, tags):
    query = f"?fieldSelector={selector.replace('=', '%3D')}"
    assert "".join(listed.streams(query).names) == streams
    assert len(listed.tags(query).names) == tags


@pytest.mark.parametrize("selector", ["spec.nosuch=1", "nonsense", "metadata.name", "tag.name=x"])
def test_a_field_selector_that_is_none_is_refused(listed, selector):
    assert listed.tags(f"?fieldSelector={selector.replace('=', '%3D')}").status == 400


def token(**parts):
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("continue=nonsense", 400),
        (f"continue={token(v='meta.k8s.io/v2', rv=1, start='/a')}", 400),
        (f"continue={token(v='meta.k8s.io/v1', rv=0, start='/a')}", 400),
        (f"continue={token(v='meta.k8s.io/v1', rv=1)}", 400),
        (f"continue={token(v='meta.k8s.io/v1', rv=1, start='/../a')}", 400),
        (f"continue={token(v='meta.k8s.io/v1', rv=-1, start='/d')}", 200),
        (f"continue={token(v='meta.k8s.io/v1', rv=-1, start='/d')}&resourceVersion=5", 400),
        ("limit=abc", 400),
        ("limit=", 400),
        ("limit=99999999999999999999", 400),
        ("timeoutSeconds=x", 400),
        ("resourceVersion=abc", 400),
        ("resourceVersion=-1", 400),
        ("resourceVersion=0", 200),
        ("resourceVersion=1", 200),
        ("resourceVersion=999999999", 504),
        ("resourceVersionMatch=Exact", 422),
        ("resourceVersionMatch=Nonsense&resourceVersion=1", 422),
        ("resourceVersionMatch=Exact&resourceVersion=0", 422),
        ("resourceVersionMatch=NotOlderThan&resourceVersion=1", 200),
    ],
)
def test_the_parameters_of_a_list_are_judged(listed, query, status):
    assert listed.streams(f"?{query}").status == status
    assert listed.tags(f"?{query}").status == status


def test_a_token_shows_the_state_of_the_first_page(api):
    for name in ("a:1", "b:1", "c:1"):
        api.create(name)
    first = api.streams("?limit=1").body["metadata"]
    api("DELETE", "~/namespaces/ns/imagestreams/c")
    api.create("bb:1")
    rest = api.streams(f"?limit=5&continue={first['continue']}")
    assert (rest.names, rest.body["metadata"]["resourceVersion"]) == (["b", "c"], first["resourceVersion"])


def test_an_expired_token_is_410_and_offers_the_inconsistent_remainder(server, api):
    for name in ("a:1", "b:1"):
        api.create(name)
    meta = api.streams("?limit=1").body["metadata"]
    api.create("c:1")
    server.expire()
    gone = api.streams(f"?limit=1&continue={meta['continue']}")
    assert (gone.status, gone.body["reason"], gone.body["code"]) == (410, "Expired", 410)
    assert api.streams(f"?continue={gone.body['metadata']['continue']}").names == ["b", "c"]
    assert api.tags(f"?limit=1&continue={meta['continue']}").status == 410


def test_a_table_has_the_columns_of_oc(listed):
    body = listed("GET", "~/namespaces/ns/imagestreamtags?limit=1", headers=TABLE).body
    assert [column["name"] for column in body["columnDefinitions"]] == [
        "Name",
        "Image Reference",
        "Updated",
        "Image Name",
    ]
    assert [row["cells"][0] for row in body["rows"]] == ["a:1", "a:2"]
    assert body["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    streams = listed("GET", "~/namespaces/ns/imagestreams?limit=1", headers=TABLE).body
    assert [column["name"] for column in streams["columnDefinitions"]] == [
        "Name",
        "Image Repository",
        "Tags",
        "Updated",
    ]
    assert streams["rows"][0]["cells"][2] in ("1,2", "2,1")
    assert streams["metadata"]["remainingItemCount"] == 4


@pytest.mark.parametrize(("include", "kind"), [("Object", None), ("Metadata", "PartialObjectMetadata")])
def test_a_row_carries_what_is_asked_for(listed, include, kind):
    body = listed("GET", f"~/namespaces/ns/imagestreamtags?includeObject={include}", headers=TABLE).body
    assert body["rows"][0]["object"].get("kind") == kind
    assert listed("GET", "~/namespaces/ns/imagestreamtags?includeObject=X", headers=TABLE).status == 400
    assert (
        listed("GET", "~/namespaces/ns/imagestreamtags?includeObject=None", headers=TABLE).body["rows"][0]["object"]
        is None
    )


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/json", 200),
        ("*/*", 200),
        ("application/vnd.kubernetes.protobuf,application/json", 200),
        ("text/html;q=0.9, application/json;q=0.1", 200),
        ("text/html", 406),
        ("application/vnd.kubernetes.protobuf", 406),
        ("application/json;as=Sculpture;v=v1;g=meta.k8s.io", 406),
    ],
)
def test_accept_is_negotiated(listed, accept, status):
    assert listed("GET", "~/namespaces/ns/imagestreamtags", headers={"Accept": accept}).status == status


def test_yaml_is_spoken(listed):
    reply = listed("GET", "~/namespaces/ns/imagestreamtags/a:1", headers={"Accept": "application/yaml"})
    assert yaml.safe_load(reply.raw)["metadata"]["name"] == "a:1"


def test_metadata_alone_is_given(listed):
    accept = {"Accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"}
    body = listed("GET", "~/namespaces/ns/imagestreams", headers=accept).body
    assert (body["kind"], set(body["items"][0])) == ("PartialObjectMetadataList", {"kind", "apiVersion", "metadata"})


def test_streams_are_watched(api):
    version = api.streams().body["metadata"]["resourceVersion"]
    api.create("a:1")
    api.create("a:2")
    api("DELETE", "~/namespaces/ns/imagestreams/a")
    query = f"~/namespaces/ns/imagestreams?watch=1&timeoutSeconds=1&resourceVersion={version}"
    events = [json.loads(line)["type"] for line in api("GET", query).raw.splitlines()]
    assert events == ["ADDED", "MODIFIED", "DELETED"]


def test_tags_are_not_watched(listed):
    assert listed.tags("?watch=true").status == 405


def test_an_update_of_a_stream_needs_its_version(api):
    stream = {"metadata": {"name": "a"}, "spec": {"tags": [{"name": "v1", **docker()}]}}
    made = api("POST", "~/namespaces/ns/imagestreams", stream).body
    path = "~/namespaces/ns/imagestreams/a"
    assert api("PUT", path, stream).causes == [("metadata.resourceVersion", "FieldValueInvalid")]
    api.create("a:v2")
    assert api("PUT", path, made).status == 409
    fresh = api("GET", path).body
    fresh["spec"]["tags"][0]["from"]["name"] = "x/y:z"
    fresh["status"] = {"dockerImageRepository": "", "tags": []}
    changed = api("PUT", path, fresh).body
    assert (changed["metadata"]["generation"], changed["spec"]["tags"][0]["generation"]) == (3, 3)
    assert changed["spec"]["tags"][1]["generation"] == 2


def test_a_stream_is_patched_tag_by_tag(api):
    api.create("a:v1")
    patch = {"spec": {"tags": [{"name": "v2", "from": {"kind": "DockerImage", "name": "x/y:z"}}]}}
    kind = "application/strategic-merge-patch+json"
    body = api.patch("a", patch, kind, resource="imagestreams").body
    assert [tag["name"] for tag in body["spec"]["tags"]] == ["v1", "v2"]
    patch = {"spec": {"tags": [{"name": "v1", "$patch": "delete"}]}}
    body = api.patch("a", patch, kind, resource="imagestreams").body
    assert [tag["name"] for tag in body["spec"]["tags"]] == ["v2"]
    assert api("PUT", "~/namespaces/ns/imagestreams/nosuch", {"metadata": {"name": "nosuch"}}).status == 404


@pytest.mark.parametrize(("precondition", "status"), [({"uid": "x"}, 409), ({"resourceVersion": "1"}, 409), ({}, 200)])
def test_a_stream_is_deleted_under_preconditions(api, precondition, status):
    api.create("a:v1")
    reply = api("DELETE", "~/namespaces/ns/imagestreams/a", {"preconditions": precondition})
    assert reply.status == status
    assert api.stream("a").status == (404 if status == 200 else 200)


def test_the_status_of_a_stream_is_updated_alone(api):
    api.create("a:v1")
    stream = api.stream("a").body
    event = {
        "created": "2026-01-01T00:00:00Z",
        "dockerImageReference": "x/y@sha256:1",
        "image": "sha256:1",
        "generation": 0,
    }
    stream["status"]["tags"] = [{"tag": "v1", "items": [event]}]
    stream["spec"] = {}
    reply = api("PUT", "~/namespaces/ns/imagestreams/a/status", stream)
    assert (reply.status, len(reply.body["spec"]["tags"])) == (200, 1)
    assert api.tags().names == ["a:v1"]


def test_streams_are_deleted_by_selector(api):
    for name in ("a", "b"):
        api("POST", "~/namespaces/ns/imagestreams", {"metadata": {"name": name, "labels": {"x": name}}})
    assert api("DELETE", "~/namespaces/ns/imagestreams?labelSelector=x%3Da&dryRun=All").names == ["a"]
    assert api("DELETE", "~/namespaces/ns/imagestreams?labelSelector=x%3Da").names == ["a"]
    assert api.streams().names == ["b"]
    assert api("DELETE", "~/imagestreams").status == 405
