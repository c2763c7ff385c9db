"""The server itself: starting, stopping, loading, pushing, imports, users, leases, discovery."""

import http.client
import json
import signal
import subprocess
import sys
import threading
import time
import urllib.parse

import pytest
from localapi_client import MERGE_PATCH, STRATEGIC_PATCH, Client, docker, follows, tag_body

from syncer.localapi import Identity, LocalAPI, load_tokens

LEASES = "/apis/coordination.k8s.io/v1/namespaces/ns/leases"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
SERVE = """
import sys
from syncer.localapi import run
run(port=0, on_listen=lambda url: print(url, flush=True))
print("stopped")
"""


def eventually(probe, seconds=5.0):
    """Return what the probe returns as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not (found := probe()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return found


def test_the_server_stops_with_its_context():
    before = threading.active_count()
    with LocalAPI() as server:
        assert Client(server.url)("GET", "/healthz").raw == b"ok"
    assert threading.active_count() == before
    with pytest.raises(OSError, match="refused"):
        Client(server.url)("GET", "/healthz")


def test_the_server_stops_though_somebody_watches():
    with LocalAPI(imports=False) as server:
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.url).netloc, timeout=10)
        connection.request("GET", "/apis/image.openshift.io/v1/imagestreams?watch=true")
        response = connection.getresponse()
        start = time.monotonic()
    assert response.read() == b""
    assert time.monotonic() - start < 5
    connection.close()


def test_a_port_that_is_taken_is_an_error():
    with LocalAPI() as server, pytest.raises(OSError, match="in use"):
        LocalAPI(port=int(server.url.rpartition(":")[2])).__enter__()


def test_requests_are_remembered_with_their_query():
    with LocalAPI() as server:
        Client(server.url).tags("?limit=1")
        path = "/apis/image.openshift.io/v1/namespaces/ns/imagestreamtags"
        assert server.requests() == [("GET", f"{path}?limit=1")]


def test_a_connection_is_kept_alive(server):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.url).netloc, timeout=5)
    for _ in range(2):
        connection.request("GET", "/version")
        response = connection.getresponse()
        response.read()
        assert not response.will_close
    connection.close()


def test_an_answer_on_a_kept_connection_does_not_wait_for_acknowledgements(server):
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(server.url).netloc, timeout=5)
    start = time.monotonic()
    for _ in range(50):
        connection.request("GET", "/version")
        connection.getresponse().read()
    connection.close()
    assert time.monotonic() - start < 50 * 0.04


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serving_in_the_foreground_ends_with_a_signal(number):
    process = subprocess.Popen([sys.executable, "-c", SERVE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    url = process.stdout.readline().strip()
    assert Client(url)("GET", "/readyz").status == 200
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "stopped\n", "")


def test_streams_are_loaded_as_they_are():
    event = {
        "created": "2026-01-01T00:00:00Z",
        "dockerImageReference": "x/y@sha256:1",
        "image": "sha256:1",
        "generation": 2,
    }
    stream = {
        "metadata": {"name": "a", "namespace": "ns", "generation": 2, "uid": "u-1", "labels": {"x": "y"}},
        "spec": {"tags": [{"name": "v1", **docker(generation=2)}]},
        "status": {"tags": [{"tag": "v1", "items": [event]}]},
    }
    server = LocalAPI(imports=False)
    server.load([stream])
    with server:
        server.load([{"metadata": {"name": "b", "namespace": "ns"}}])
        api = Client(server.url)
        tag = api.get("a:v1").body
        assert (tag["metadata"]["uid"], tag["tag"]["generation"], tag["generation"]) == ("u-1", 2, 2)
        assert api.streams().names == ["a", "b"]


def test_ten_thousand_tags_are_listed_in_pages():
    tags = [{"name": f"v{n}", **docker(generation=1)} for n in range(10)]
    streams = ({"metadata": {"name": f"s{n:05}", "namespace": "ns"}, "spec": {"tags": tags}} for n in range(1000))
    with LocalAPI(imports=False) as server:
        server.load(streams)
        api, seen, token = Client(server.url), [], ""
        while token is not None:
            page = api.streams(f"?limit=100&continue={token}").body
            seen += [
                f"{item['metadata']['name']}:{tag['name']}" for item in page["items"] for tag in item["spec"]["tags"]
            ]
            token = page["metadata"].get("continue")
        assert len(set(seen)) == len(seen) == 10_000


def test_a_push_leaves_an_image_and_no_spec(server, api):
    server.push("ns", "a", "v1")
    server.push("ns", "a", "v2", f"sha256:{'2' * 64}")
    tag = api.get("a:v2").body
    assert (tag["tag"], tag["image"]["metadata"]["name"]) == (None, f"sha256:{'2' * 64}")
    assert api.tags().names == ["a:v1", "a:v2"]


def test_a_push_moves_the_followers_in_its_stream(server, api):
    server.push("ns", "a", "v1", f"sha256:{'1' * 64}")
    api.create("a:stable", tag=follows("v1"))
    server.push("ns", "a", "v1", f"sha256:{'2' * 64}")
    assert api.get("a:stable").body["image"]["metadata"]["name"] == f"sha256:{'2' * 64}"


@pytest.fixture
def importing():
    with LocalAPI(import_delay=0.01) as server:
        yield Client(server.url)


def imported(api, name):
    return eventually(lambda: (reply := api.get(name)).status == 200 and reply.body)


def test_an_import_gives_the_same_digest_for_the_same_pull_spec(importing):
    importing.create("a:v1", "r.example/x:1")
    importing.create("b:v1", "r.example/x:1")
    importing.create("c:v1", "r.example/x:2")
    digests = [imported(importing, f"{name}:v1")["image"]["metadata"]["name"] for name in "abc"]
    assert digests[0] == digests[1] != digests[2]


def test_a_pull_spec_by_digest_keeps_it(importing):
    digest = f"sha256:{'d' * 64}"
    importing.create("a:v1", f"r.example/x@{digest}")
    assert imported(importing, "a:v1")["image"]["metadata"]["name"] == digest


def test_a_failed_import_leaves_its_reason_in_the_stream(importing):
    importing.create("a:v1")
    (entry,) = eventually(lambda: importing.stream("a").body["status"].get("tags"))
    condition = entry["conditions"][0]
    assert (entry["items"], condition["type"], condition["status"]) == (None, "ImportSuccess", "False")
    assert "no such host" in condition["message"]
    assert condition["generation"] == importing.stream("a").body["spec"]["tags"][0]["generation"]


def test_a_failure_that_repeats_itself_word_for_word_is_not_written_again(importing):
    importing.create("a:v1")
    eventually(lambda: importing.stream("a").body["status"].get("tags"))
    (before,) = importing.stream("a").body["status"]["tags"][0]["conditions"]
    importing.patch("a:v1", {"tag": {"generation": 0}}, MERGE_PATCH)
    # The controller looks at all tags of a stream together: once the sibling is there, this one was tried again, too.
    importing.create("a:sibling", "r.example/x:1")
    imported(importing, "a:sibling")
    stream = importing.stream("a").body
    (after,) = next(entry["conditions"] for entry in stream["status"]["tags"] if entry["tag"] == "v1")
    asked = next(tag["generation"] for tag in stream["spec"]["tags"] if tag["name"] == "v1")
    assert after == before
    assert asked > after["generation"]


def test_a_failure_goes_when_an_import_succeeds(importing):
    importing.create("a:v1")
    eventually(lambda: importing.stream("a").body["status"].get("tags"))
    importing.patch("a:v1", {"tag": {"from": {"name": "r.example/x:1"}}}, MERGE_PATCH)
    assert "conditions" not in imported(importing, "a:v1")


def test_generation_zero_imports_again(importing):
    importing.create("a:v1", "r.example/x:1")
    before = imported(importing, "a:v1")["generation"]
    importing.patch("a:v1", {"tag": {"generation": 0}}, MERGE_PATCH)
    assert eventually(lambda: importing.get("a:v1").body["generation"] > before)


def test_a_reference_tag_is_not_imported(importing):
    importing.create("a:ref", "r.example/x:1", tag={"reference": True})
    importing.create("b:v1", "r.example/x:1")
    imported(importing, "b:v1")
    assert importing.get("a:ref").status == 404


def test_tags_of_a_stream_are_imported_in_one_write(importing):
    tags = [{"name": name, **docker(f"r.example/x:{name}")} for name in ("1", "2")]
    importing("POST", "~/namespaces/ns/imagestreams", {"metadata": {"name": "a"}, "spec": {"tags": tags}})
    one = imported(importing, "a:1")
    two = imported(importing, "a:2")
    assert one["metadata"]["resourceVersion"] == two["metadata"]["resourceVersion"]


def test_making_a_follower_gives_its_generation_to_the_image_it_follows(importing):
    importing.create("a:v1", "r.example/x:1")
    assert imported(importing, "a:v1")["generation"] == 2
    importing.create("a:stable", tag=follows("v1"))
    assert importing.get("a:v1").body["generation"] == 3


TOKENS = {
    "admin": Identity("ada", "admin"),
    "view": Identity("vera", "view"),
    "edit": Identity("ed", "edit", ("ns",)),
    "none": Identity("nemo"),
}


@pytest.fixture(scope="module")
def guarded():
    with LocalAPI(imports=False, tokens=TOKENS) as server:
        Client(server.url, "admin").create("a:v1", namespace="other")
        yield lambda token: Client(server.url, token)


@pytest.mark.parametrize(
    ("token", "reads", "writes"),
    [
        ("admin", (200, 200), (201, 201)),
        ("view", (200, 200), (403, 403)),
        ("edit", (200, 403), (201, 403)),
        ("none", (403, 403), (403, 403)),
        ("wrong", (401, 401), (401, 401)),
        ("", (403, 403), (403, 403)),
    ],
)
def test_a_role_allows_what_it_allows(guarded, token, reads, writes):
    api = guarded(token)
    assert (api.tags().status, api("GET", "~/imagestreamtags").status) == reads
    made = [api.create("n:v1", namespace=namespace, query="?dryRun=All").status for namespace in ("ns", "other")]
    assert tuple(made) == writes


def test_a_reference_into_a_namespace_one_may_not_pull_from_is_refused(guarded):
    source = {"kind": "ImageStreamTag", "name": "a:v1", "namespace": "other"}
    reply = guarded("edit").create("b:v1", tag={"from": source})
    assert reply.status == 422
    assert "spec.tags[v1].from: Forbidden: other/a" in reply.body["message"]
    assert guarded("admin").create("b:v1", tag={"from": source}).status == 201


def test_a_forbidden_list_of_one_name_names_it(guarded):
    body = guarded("none").tags("?fieldSelector=metadata.name%3Dapp").body
    assert body["details"] == {"name": "app", "group": "image.openshift.io", "kind": "imagestreamtags"}


@pytest.mark.parametrize(
    ("token", "verb", "namespace", "allowed"),
    [
        ("admin", "delete", "", True),
        ("view", "patch", "ns", False),
        ("edit", "patch", "ns", True),
        ("edit", "list", "", False),
    ],
)
def test_a_review_tells_what_one_may(guarded, token, verb, namespace, allowed):
    attributes = {"verb": verb, "namespace": namespace, "group": "image.openshift.io", "resource": "imagestreamtags"}
    reply = guarded(token)("POST", REVIEWS, {"spec": {"resourceAttributes": attributes}})
    assert (reply.status, reply.body["status"]["allowed"]) == (201, allowed)


@pytest.mark.parametrize(("token", "status"), [("", 403), ("none", 200), ("wrong", 401)])
def test_discovery_is_for_those_who_are_known(guarded, token, status):
    assert guarded(token)("GET", "/apis/image.openshift.io/v1").status == status


@pytest.mark.parametrize("path", ["/version", "/healthz", "/livez", "/readyz"])
def test_health_and_version_are_for_everybody(guarded, path):
    assert guarded("")("GET", path).status == 200


def test_tokens_are_read_from_yaml(tmp_path):
    file = tmp_path / "tokens.yaml"
    file.write_text("t: {user: ed, role: edit, namespaces: [ns]}\nu: {user: nemo}\n")
    assert load_tokens(file) == {"t": Identity("ed", "edit", ("ns",)), "u": Identity("nemo")}


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "s3cret: x",
        "s3cret: {}",
        "s3cret: {user: u, role: king}",
        "s3cret: {user: u, namespaces: ns}",
        "{",
        "s3cret: {user: u, x: 1}",
    ],
)
def test_a_bad_tokens_file_is_refused_without_telling_a_token(tmp_path, text):
    file = tmp_path / "tokens.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"tokens\.yaml") as caught:
        load_tokens(file)
    assert "s3cret" not in str(caught.value)


def lease(**metadata):
    spec = {"holderIdentity": "me", "leaseDurationSeconds": 15}
    return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}


def test_a_lease_lives_under_optimistic_locking(api):
    made = api("POST", LEASES, lease(name="lock")).body
    assert api("POST", LEASES, lease(name="lock")).status == 409
    made["spec"]["holderIdentity"] = "you"
    taken = api("PUT", f"{LEASES}/lock", made)
    assert (taken.status, taken.body["spec"]["holderIdentity"]) == (200, "you")
    assert api("PUT", f"{LEASES}/lock", made).status == 409
    patch = {"spec": {"holderIdentity": "her"}, "metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}}
    for kind in (MERGE_PATCH, STRATEGIC_PATCH):
        assert api("PATCH", f"{LEASES}/lock", patch, {"Content-Type": kind}).status == 409
    assert [item["metadata"]["name"] for item in api("GET", LEASES).body["items"]] == ["lock"]
    stale = {"preconditions": {"resourceVersion": "1"}}
    assert api("DELETE", f"{LEASES}/lock", stale).status == 409
    assert api("DELETE", f"{LEASES}/lock").status == 200
    assert api("GET", f"{LEASES}/lock").body["details"]["group"] == "coordination.k8s.io"


def test_namespaces_are_there_without_being_made(api):
    assert api("GET", "/api/v1/namespaces/anything").body["status"]["phase"] == "Active"
    assert api("GET", "/api/v1/namespaces/no-such-thing").status == 404
    api.create("a:v1")
    assert "ns" in api("GET", "/api/v1/namespaces").names
    made = api("POST", "/api/v1/namespaces", {"metadata": {"name": "made"}})
    assert (made.status, made.body["metadata"]["labels"]) == (201, {"kubernetes.io/metadata.name": "made"})
    assert api("POST", "/api/v1/namespaces", {"metadata": {"name": "made"}}).status == 409


def test_the_profile_openshift_knows_its_version(api):
    version = api("GET", "/apis/config.openshift.io/v1/clusterversions/version").body
    assert version["status"]["history"][0]["version"].startswith("4.22")
    with LocalAPI(profile="documented") as server:
        assert Client(server.url)("GET", "/apis/config.openshift.io/v1/clusterversions/version").status == 404


def test_every_resource_that_discovery_names_is_served(api):
    for group in ("/apis/image.openshift.io/v1", "/apis/coordination.k8s.io/v1"):
        for resource in api("GET", group).body["resources"]:
            if "list" in resource["verbs"]:
                assert api("GET", f"{group}/namespaces/ns/{resource['name']}").status == 200


@pytest.mark.parametrize("path", ["/", "/metrics", "/apis/nosuch.example/v1", "/favicon.ico"])
def test_what_the_server_does_not_know_is_not_found(api, path):
    assert api("GET", path).status == 404


def test_aggregated_discovery_is_spoken(api):
    accept = {"Accept": "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"}
    reply = api("GET", "/apis", headers=accept)
    assert reply.body["kind"] == "APIGroupDiscoveryList"
    assert "as=APIGroupDiscoveryList" in reply.headers["content-type"]


def test_the_types_are_described(api):
    index = api("GET", "/openapi/v3").body["paths"]
    document = api("GET", index["apis/image.openshift.io/v1"]["serverRelativeURL"]).body
    path = "/apis/image.openshift.io/v1/namespaces/{namespace}/imagestreamtags/{name}"
    assert "fieldValidation" in [p["name"] for p in document["paths"][path]["patch"]["parameters"]]
    schema = document["components"]["schemas"]["com.github.openshift.api.image.v1.ImageStreamTag"]
    assert "from" in schema["properties"]["tag"]["properties"]


def test_a_mapping_is_judged(api):
    path = "~/namespaces/ns/imagestreammappings"
    body = {
        "metadata": {"name": "a"},
        "tag": "v1",
        "image": {"metadata": {"name": "sha256:1"}, "dockerImageReference": "x/y"},
    }
    assert api("POST", path, body).status == 404
    api("POST", "~/namespaces/ns/imagestreams", {"metadata": {"name": "a"}})
    assert api("POST", f"{path}?dryRun=All", body).status == 201
    assert api.tags().names == []
    assert api("POST", path, body).status == 201
    assert api("POST", path, {**body, "image": {}}).causes == [
        ("image.metadata.name", "FieldValueRequired"),
        ("image.dockerImageReference", "FieldValueRequired"),
    ]
    assert api.tags().names == ["a:v1"]


def test_json_is_compact_and_utf8(api):
    api.create("a:v1", metadata={"annotations": {"k": "ä"}}, tag={"annotations": {"k": "ä"}})
    assert "ä".encode() in api.stream("a").raw
    assert json.loads(api.stream("a").raw)["spec"]["tags"][0]["annotations"] == {"k": "ä"}


def test_a_tag_body_may_carry_what_a_get_returned(server, api):
    server.push("ns", "a", "v1")
    api.put("a:v1", tag=docker())
    assert api("PUT", "~/namespaces/ns/imagestreamtags/a:v1", api.get("a:v1").body).status == 200
    assert api("PUT", "~/namespaces/ns/imagestreamtags/a:v1", tag_body("a:v1")).status == 200


def test_a_docker_image_that_becomes_a_reference_loses_its_image(importing):
    importing.create("a:v1", "r.example/x:1")
    imported(importing, "a:v1")
    importing.patch("a:v1", {"tag": {"reference": True}}, MERGE_PATCH)
    assert importing.get("a:v1").status == 404
    importing.patch("a:v1", {"tag": {"reference": False}}, MERGE_PATCH)
    assert imported(importing, "a:v1")
