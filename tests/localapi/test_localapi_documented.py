"""The profile `documented`: one row for each promise of the reference page, and what its words imply."""

import json
import threading
import urllib.request

import pytest
from localapi_client import JSON_PATCH, MERGE_PATCH, ROOT, STRATEGIC_PATCH, Client, docker, tag_body

from syncer.localapi import Identity, LocalAPI


@pytest.fixture(scope="module")
def book():
    with LocalAPI(profile="documented", imports=False) as server:
        yield server


@pytest.fixture
def api(book):
    client = Client(book.url)
    for namespace in ("ns", "other"):
        for name in client.streams(namespace=namespace).names:
            client("DELETE", f"~/namespaces/{namespace}/imagestreams/{name}")
    return client


def fill(api):
    for name in ("a:1", "a:2", "b:1", "b:2", "c:1"):
        api.create(name)
    api.create("z:1", namespace="other")


def paged(api, query="limit=2", path="~/namespaces/ns/imagestreamtags"):
    names, token = [], ""
    while True:
        reply = api("GET", f"{path}?{query}" + (f"&continue={token}" if token else ""))
        names += reply.names
        token = reply.body["metadata"].get("continue")
        if not token:
            return names


# Each row: the promise in the page's words, a request, and what it must answer.
PROMISES = [
    ("POST /imagestreamtags", "POST", "~/imagestreamtags", tag_body("n:1", tag=docker()), 201),
    ("POST /namespaces/$NAMESPACE/imagestreamtags", "POST", "~/namespaces/ns/imagestreamtags", tag_body("n:1"), 201),
    ("GET /namespaces/$NAMESPACE/imagestreamtags/$NAME", "GET", "~/namespaces/ns/imagestreamtags/a:1", None, "a:1"),
    (
        "GET /imagestreamtags",
        "GET",
        "~/imagestreamtags",
        None,
        ["a:1", "a:2", "b:1", "b:2", "c:1", "z:1"],
    ),
    (
        "GET /namespaces/$NAMESPACE/imagestreamtags",
        "GET",
        "~/namespaces/ns/imagestreamtags",
        None,
        ["a:1", "a:2", "b:1", "b:2", "c:1"],
    ),
    (
        "PUT /namespaces/$NAMESPACE/imagestreamtags/$NAME",
        "PUT",
        "~/namespaces/ns/imagestreamtags/a:1",
        tag_body("a:1", tag=docker("x/y:z")),
        "a:1",
    ),
    ("DELETE /namespaces/$NAMESPACE/imagestreamtags/$NAME", "DELETE", "~/namespaces/ns/imagestreamtags/a:1", None, 200),
]


@pytest.mark.parametrize(
    ("promise", "request_", "wanted"),
    [(row[0], row[1:4], row[4]) for row in PROMISES],
    ids=[row[0] for row in PROMISES],
)
def test_a_promise_of_the_page_holds(api, promise, request_, wanted):
    fill(api)
    reply = api(*request_)
    if isinstance(wanted, int):
        assert (promise, reply.status) == (promise, wanted)
    elif isinstance(wanted, str):
        assert reply.body["metadata"]["name"] == wanted
    else:
        assert reply.names == wanted


def test_patch_is_promised_with_json_patch_and_knows_the_other_kinds(api):
    fill(api)
    reply = api.patch("a:1", [{"op": "add", "path": "/metadata/annotations", "value": {"k": "v"}}], JSON_PATCH)
    assert (reply.status, reply.body["tag"]["annotations"]) == (200, {"k": "v"})
    for kind in (MERGE_PATCH, STRATEGIC_PATCH):
        reply = api.patch("a:1", {"metadata": {"annotations": {"k": kind[:30]}}}, kind)
        assert reply.body["tag"]["annotations"] == {"k": kind[:30]}


EVERYWHERE = ["a:1", "a:2", "b:1", "b:2", "c:1"]
# Each row: a parameter of both lists, what it must give in the namespace, and what in all namespaces.
PARAMETERS = [
    ("", EVERYWHERE, [*EVERYWHERE, "z:1"]),
    ("?pretty=true", EVERYWHERE, [*EVERYWHERE, "z:1"]),
    ("?fieldSelector=", EVERYWHERE, [*EVERYWHERE, "z:1"]),
    ("?fieldSelector=metadata.name%3Db%3A1", ["b:1"], ["b:1"]),
    ("?fieldSelector=metadata.name!%3Db%3A1", ["a:1", "a:2", "b:2", "c:1"], ["a:1", "a:2", "b:2", "c:1", "z:1"]),
    ("?fieldSelector=metadata.namespace%3Dother", [], ["z:1"]),
    ("?includeUninitialized=true", EVERYWHERE, [*EVERYWHERE, "z:1"]),
    ("?labelSelector=tier%3Dweb", ["a:1", "a:2"], ["a:1", "a:2"]),
    ("?labelSelector=!tier", ["b:1", "b:2", "c:1"], ["b:1", "b:2", "c:1", "z:1"]),
    ("?limit=3", ["a:1", "a:2", "b:1"], ["a:1", "a:2", "b:1"]),
    ("?limit=0", EVERYWHERE, [*EVERYWHERE, "z:1"]),
    ("?resourceVersion=", EVERYWHERE, [*EVERYWHERE, "z:1"]),
    ("?resourceVersion=0", EVERYWHERE, [*EVERYWHERE, "z:1"]),
    ("?resourceVersion=7", EVERYWHERE, [*EVERYWHERE, "z:1"]),
    ("?timeoutSeconds=5", EVERYWHERE, [*EVERYWHERE, "z:1"]),
    ("?watch=false", EVERYWHERE, [*EVERYWHERE, "z:1"]),
]


@pytest.mark.parametrize(("query", "here", "everywhere"), PARAMETERS)
def test_a_parameter_does_what_the_page_says_on_both_lists(api, query, here, everywhere):
    fill(api)
    api.patch("a", {"metadata": {"labels": {"tier": "web"}}}, MERGE_PATCH, resource="imagestreams")
    assert api.tags(query).names == here
    assert api("GET", f"~/imagestreamtags{query}").names == everywhere


@pytest.mark.parametrize("query", ["limit=x", "timeoutSeconds=x", "labelSelector=!!", "fieldSelector=x", "continue=x"])
def test_a_parameter_of_a_wrong_type_is_refused_on_both_lists(api, query):
    assert {api.tags(f"?{query}").status, api("GET", f"~/imagestreamtags?{query}").status} == {400}


def test_a_list_is_at_least_as_fresh_as_its_version(api):
    fill(api)
    version = int(api.tags().body["metadata"]["resourceVersion"])
    api.create("d:1")
    assert api.tags(f"?resourceVersion={version}").names == [*EVERYWHERE, "d:1"]
    assert api.tags(f"?resourceVersion={version + 9999}").status == 504


OWNER = {"apiVersion": "v1", "kind": "Pod", "name": "n", "uid": "u", "blockOwnerDeletion": True, "controller": True}
META = {"annotations": {"k": "v"}, "labels": {"k": "v"}, "ownerReferences": [OWNER], "uid": "u", "resourceVersion": "1"}
IMAGE = {
    "apiVersion": "v1",
    "kind": "Image",
    "dockerImageConfig": "c",
    "dockerImageLayers": [{"mediaType": "m", "name": "n", "size": 1}],
    "dockerImageManifest": "m",
    "dockerImageManifestMediaType": "m",
    "dockerImageMetadata": {"Id": "i"},
    "dockerImageMetadataVersion": "2.0",
    "dockerImageReference": "x/y:z",
    "dockerImageSignatures": ["cw=="],
    "metadata": META,
    "signatures": [
        {
            "conditions": [{"lastProbeTime": None, "message": "m", "reason": "r", "status": "True", "type": "t"}],
            "content": "cw==",
            "issuedBy": {"commonName": "c", "organization": "o"},
            "issuedTo": {"commonName": "c", "organization": "o", "publicKeyID": "i"},
            "imageIdentity": "i",
            "metadata": META,
            "signedClaims": {"k": "v"},
            "type": "t",
        }
    ],
}
STATUS = {"status": "Failure", "reason": "r", "message": "m", "code": 1, "details": {"causes": [{"field": "f"}]}}
CONDITION = {
    "generation": 1,
    "lastTransitionTime": "2026-01-01T00:00:00Z",
    "message": "m",
    "reason": "r",
    "status": "True",
    "type": "ImportSuccess",
}
KEPT, IGNORED, UNKNOWN = "kept", "ignored", "unknown to today's servers: taken with a warning, refused where strict"
# Each row: a field of the page's schema, a value, and what becomes of it, as on the server.
SCHEMA = [
    ("apiVersion", "image.openshift.io/v1", KEPT),
    ("kind", "ImageStreamTag", KEPT),
    ("conditions", [CONDITION], IGNORED),
    ("generation", 7, IGNORED),
    *((f"image.{name}", value, IGNORED) for name, value in IMAGE.items()),
    ("lookupPolicy.local", True, IGNORED),
    ("metadata.annotations", {"k": "v"}, IGNORED),
    ("metadata.clusterName", "c", UNKNOWN),
    ("metadata.creationTimestamp", "2020-01-01T00:00:00Z", IGNORED),
    ("metadata.deletionGracePeriodSeconds", 5, IGNORED),
    ("metadata.deletionTimestamp", "2020-01-01T00:00:00Z", IGNORED),
    ("metadata.finalizers", ["a/b"], IGNORED),
    ("metadata.generateName", "g-", IGNORED),
    ("metadata.generation", 7, IGNORED),
    ("metadata.initializers", {"pending": [{"name": "n"}], "result": STATUS}, UNKNOWN),
    ("metadata.labels", {"k": "v"}, IGNORED),
    ("metadata.name", "n:1", KEPT),
    ("metadata.namespace", "ns", KEPT),
    ("metadata.ownerReferences", [OWNER], IGNORED),
    ("metadata.resourceVersion", "1", IGNORED),
    ("metadata.selfLink", "/x", IGNORED),
    ("metadata.uid", "11111111-2222-3333-4444-555555555555", IGNORED),
    ("tag.annotations", {"k": "v"}, KEPT),
    ("tag.from", {"kind": "DockerImage", "name": "x/y:z", "apiVersion": "v1", "fieldPath": "f", "uid": "u"}, KEPT),
    ("tag.from", {"kind": "ImageStreamTag", "name": "n:0", "namespace": "ns", "resourceVersion": "1"}, KEPT),
    ("tag.generation", 7, IGNORED),
    ("tag.importPolicy.insecure", True, KEPT),
    ("tag.importPolicy.scheduled", True, KEPT),
    ("tag.name", "other", IGNORED),
    ("tag.reference", True, KEPT),
    ("tag.referencePolicy.type", "Local", KEPT),
]


def at(doc, path):
    for name in path.split("."):
        doc = (doc or {}).get(name)
    return doc


@pytest.mark.parametrize(("path", "value", "outcome"), SCHEMA, ids=[row[0] for row in SCHEMA])
def test_a_field_of_the_schema_is_kept_or_ignored_as_on_the_server(api, path, value, outcome):
    body = tag_body("n:1", tag=docker())
    *parents, last = path.split(".")
    place = body
    for name in parents:
        place = place.setdefault(name, {})
    place[last] = value
    if path == "tag.annotations":
        body["metadata"]["annotations"] = value
    reply = api("POST", "~/namespaces/ns/imagestreamtags", body)
    assert (reply.status, len(reply.warnings)) == (201, outcome is UNKNOWN)
    assert (at(reply.body, path) == value) is (outcome is KEPT)
    strict = api("POST", "~/namespaces/ns/imagestreamtags?dryRun=All&fieldValidation=Strict", body)
    assert strict.status == (400 if outcome is UNKNOWN else 409)


def test_pretty_prints_prettily(api):
    fill(api)
    assert b'\n  "kind"' in api.tags("?pretty=true").raw
    assert b"\n" not in api.tags().raw


def test_pages_cut_through_streams_and_lose_nothing(api):
    fill(api)
    assert paged(api) == ["a:1", "a:2", "b:1", "b:2", "c:1"]
    assert paged(api, "limit=1") == paged(api, "limit=4")
    assert paged(api, "limit=4", "~/imagestreamtags")[-1] == "z:1"


def test_a_page_says_how_many_are_left_and_its_version(api):
    fill(api)
    meta = api.tags("?limit=2").body["metadata"]
    assert meta["remainingItemCount"] == 3
    assert int(meta["resourceVersion"]) > 0


def test_a_page_with_a_selector_does_not_say_how_many_are_left(api):
    fill(api)
    assert "remainingItemCount" not in api.tags("?limit=1&fieldSelector=metadata.namespace%3Dns").body["metadata"]


def test_later_pages_show_the_state_of_the_first(api):
    fill(api)
    first = api.tags("?limit=2")
    api.delete("b:1")
    api.create("b:0")
    api.put("c:1", tag=docker("moved/away:1"))
    second = api.tags(f"?limit=2&continue={first.body['metadata']['continue']}")
    third = api.tags(f"?limit=2&continue={second.body['metadata']['continue']}")
    assert second.names + third.names == ["b:1", "b:2", "c:1"]
    assert third.body["items"][0]["tag"]["from"]["name"] == "registry.invalid/team/app:v1"
    assert {page.body["metadata"]["resourceVersion"] for page in (first, second, third)} == {
        first.body["metadata"]["resourceVersion"]
    }


@pytest.mark.parametrize(
    "query", ["limit=3", "limit=2&labelSelector=x", "limit=2&fieldSelector=metadata.namespace%3Dns"]
)
def test_a_token_is_refused_with_other_parameters(api, query):
    fill(api)
    token = api.tags("?limit=2").body["metadata"]["continue"]
    assert api.tags(f"?{query}&continue={token}").status == 400


@pytest.mark.parametrize("token", ["nonsense", "bm9uc2Vuc2U", "e30", "*"])
def test_a_token_that_is_none_is_refused(api, token):
    assert api.tags(f"?limit=2&continue={token}").status == 400


def test_an_expired_token_is_410_with_a_token_for_the_remainder(api, book):
    fill(api)
    token = api.tags("?limit=2").body["metadata"]["continue"]
    api.create("b:0")
    book.expire()
    gone = api.tags(f"?limit=2&continue={token}")
    assert (gone.status, gone.body["reason"]) == (410, "Expired")
    rest = api.tags(f"?limit=2&continue={gone.body['metadata']['continue']}")
    assert rest.names == ["b:0", "b:1"]


def test_tokens_expire_with_their_lifetime():
    with LocalAPI(profile="documented", imports=False, history_seconds=0) as server:
        api = Client(server.url)
        fill(api)
        token = api.tags("?limit=2").body["metadata"]["continue"]
        api.create("d:1")
        assert api.tags(f"?limit=2&continue={token}").status == 410


def test_continue_is_not_supported_with_watch(api):
    assert api.tags("?watch=true&continue=abc").status == 400


def watch(api, query, act=lambda: None):
    """Return the events of a watch of one second, as (type, name); `act` runs once it has begun."""
    url = f"{api.url}{ROOT}/namespaces/ns/imagestreamtags?watch=true&timeoutSeconds=1{query}"
    with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - loopback
        threading.Thread(target=act).start()
        return [json.loads(line) for line in response]


def named(events):
    return [(event["type"], event["object"]["metadata"]["name"]) for event in events]


def test_a_watch_tells_of_adding_updating_and_removing_and_ends_with_its_timeout(api):
    fill(api)
    version = api.tags().body["metadata"]["resourceVersion"]

    def act():
        api.create("a:3")
        api.patch("a:3", {"tag": {"from": {"name": "x/y:z"}}}, MERGE_PATCH)
        api.delete("a:3")

    events = named(watch(api, f"&resourceVersion={version}", act))
    assert events == [("ADDED", "a:3"), ("MODIFIED", "a:3"), ("DELETED", "a:3")]


def test_a_watch_from_an_earlier_version_misses_nothing(api):
    version = api.tags().body["metadata"]["resourceVersion"]
    api.create("a:1")
    api.create("a:2")
    assert named(watch(api, f"&resourceVersion={version}")) == [("ADDED", "a:1"), ("ADDED", "a:2")]


def test_a_watch_without_a_version_begins_with_everything(api):
    fill(api)
    assert named(watch(api, ""))[:2] == [("ADDED", "a:1"), ("ADDED", "a:2")]


def test_a_watch_from_too_long_ago_is_410(api, book):
    fill(api)
    book.expire()
    (event,) = watch(api, "&resourceVersion=1")
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)


def test_a_tag_without_an_image_is_read_and_listed(api):
    api.create("a:1")
    assert (api.get("a:1").status, api.tags().names) == (200, ["a:1"])
    assert api.get("a:2").status == 404


def test_a_post_without_any_namespace_is_refused(api):
    body = tag_body("n:1", tag=docker())
    del body["metadata"]["namespace"]
    assert api("POST", "~/imagestreamtags", body).status == 400


def test_a_cluster_wide_post_needs_the_right_in_the_namespace_of_the_body():
    tokens = {"t": Identity("editor", "edit", ("ns",))}
    with LocalAPI(profile="documented", imports=False, tokens=tokens) as server:
        api = Client(server.url, "t")
        assert api("POST", "~/imagestreamtags", tag_body("n:1", tag=docker())).status == 201
        assert api("POST", "~/imagestreamtags", tag_body("n:1", "elsewhere", tag=docker())).status == 403
