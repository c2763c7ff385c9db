"""What `oc` sends beyond kubectl: `oc tag` writes tags by PUT, without a version, and takes them away by DELETE."""

import pytest
from localapi_client import tag_body

POLICIES = {"importPolicy": {}, "referencePolicy": {"type": "Source"}}


def oc_tag(api, name, kind, source, **more):
    """Send what `oc tag SOURCE NAME` sends; a pull spec is always imported anew."""
    again = {"generation": 0} if kind == "DockerImage" else {"generation": None}
    origin = {"kind": kind, "name": source, **more}
    tag = {"name": "", "annotations": None, "from": origin, **again, **POLICIES}
    body = tag_body(name, tag=tag, generation=0, lookupPolicy={"local": False}, metadata={"creationTimestamp": None})
    return api("PUT", f"~/namespaces/ns/imagestreamtags/{name}", body)


def test_oc_tag_of_a_pull_spec_makes_stream_and_tag_and_asks_again_each_time(api):
    assert oc_tag(api, "app:v1", "DockerImage", "r.example/x:1").status == 201
    again = oc_tag(api, "app:v1", "DockerImage", "r.example/x:1")
    assert (again.status, again.body["tag"]["generation"], again.warnings) == (200, 2, [])


@pytest.mark.parametrize(("kind", "source"), [("ImageStreamTag", "app:v1"), ("ImageStreamImage", "app@sha256:{}")])
def test_oc_tag_of_a_tag_points_to_it_or_to_the_image_it_has(server, api, kind, source):
    digest = "a" * 64
    server.push("ns", "app", "v1", f"sha256:{digest}")
    reply = oc_tag(api, "other:stable", kind, source.format(digest), namespace="ns")
    assert (reply.status, reply.body["image"]["metadata"]["name"]) == (201, f"sha256:{digest}")
    assert api.get("other:stable").body["tag"]["from"]["kind"] == kind


def test_oc_tag_d_takes_the_tag_away_once(api):
    oc_tag(api, "app:v1", "DockerImage", "r.example/x:1")
    assert [api.delete("app:v1").status for _ in range(2)] == [200, 404]


def test_oc_looks_at_the_stream_for_what_a_tag_points_to(api):
    oc_tag(api, "app:v1", "DockerImage", "r.example/x:1")
    assert api.stream("app").body["spec"]["tags"][0]["from"] == {"kind": "DockerImage", "name": "r.example/x:1"}
