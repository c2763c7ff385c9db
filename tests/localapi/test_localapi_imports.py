"""ImageStreamImports: an answer at once for each image; stored where `spec.import` says so, and nowhere else."""

import time

import pytest
from localapi_client import Client, docker

from syncer.localapi import Identity, LocalAPI

FIRST = "spec.images[0]"
GOOD = "registry.example.com/team/app:v1"


def imported(api, *images, really=False, name="app", query="", **more):
    spec = {"import": really, "images": list(images), **more.pop("spec", {})}
    body = {
        "apiVersion": "image.openshift.io/v1",
        "kind": "ImageStreamImport",
        "metadata": {"name": name, "namespace": "ns", **more},
        "spec": spec,
    }
    return api("POST", f"~/namespaces/ns/imagestreamimports{query}", body)


def image(source=GOOD, to="v1", **more):
    return docker(source, **({"to": {"name": to}} if to else {}), **more)


def test_an_image_is_told_with_its_digest_and_the_date_it_was_built_on(api):
    answer = imported(api, image())
    assert answer.status == 201
    [told] = answer.body["status"]["images"]
    assert told["status"] == {"metadata": {}, "status": "Success"}
    assert told["tag"] == "v1"
    assert told["image"]["metadata"]["name"].startswith("sha256:")
    assert told["image"]["dockerImageReference"] == f"registry.example.com/team/app@{told['image']['metadata']['name']}"
    assert told["image"]["dockerImageMetadata"]["Created"].startswith("2025-")


def test_without_import_nothing_is_stored(api):
    before = api.stream("app").status
    answer = imported(api, image())
    assert (before, api.stream("app").status, "import" in answer.body["status"]) == (404, 404, False)
    api.create("app:v1", GOOD)
    whole = api.stream("app").body
    imported(api, image("registry.example.com/team/app:v2"))
    assert api.stream("app").body == whole


@pytest.mark.parametrize(
    ("source", "code", "reason", "words"),
    [
        ("registry.invalid/team/app:v1", 500, "InternalError", "no such host"),
        ("r.example/team/app:no-such-tag", 404, "NotFound", '"r.example/team/app:no-such-tag" not found'),
        ("r.example/team/no-such-app", 404, "NotFound", '"r.example/team/no-such-app:latest" not found'),
        ("r.example/no-access-team/app:v1", 401, "Unauthorized", "you may not have access"),
    ],
)
def test_each_image_has_its_own_status(api, source, code, reason, words):
    failed, fine = imported(api, image(source), image()).body["status"]["images"]
    assert (failed["status"]["code"], failed["status"]["reason"]) == (code, reason)
    assert words in failed["status"]["message"]
    assert "image" not in failed
    assert fine["status"]["status"] == "Success"


def test_an_import_gives_the_tags_their_images_at_once_and_makes_the_stream(api):
    answer = imported(api, image(), image("registry.invalid/x:1", "broken"), really=True)
    stream = answer.body["status"]["import"]
    assert stream["metadata"]["uid"] == api.stream("app").body["metadata"]["uid"]
    tags = {entry["tag"]: entry for entry in api.stream("app").body["status"]["tags"]}
    assert tags["v1"]["items"][0]["image"] == answer.body["status"]["images"][0]["image"]["metadata"]["name"]
    assert tags["broken"]["conditions"][0]["reason"] == "InternalError"
    assert api.get("app:v1").body["tag"]["from"] == {"kind": "DockerImage", "name": GOOD}


def test_an_import_moves_a_tag_and_what_follows_it_and_keeps_its_reference_policy(api):
    imported(api, image(), really=True)
    api.patch("app:v1", [{"op": "add", "path": "/tag/referencePolicy", "value": {"type": "Local"}}])
    api.put("app:prod", tag={"from": {"kind": "ImageStreamTag", "name": "app:v1"}})
    imported(api, image("registry.example.com/team/app:v2", importPolicy={"scheduled": True}), really=True)
    tag, follower = api.get("app:v1").body, api.get("app:prod").body
    assert (tag["tag"]["from"]["name"][-2:], tag["tag"]["referencePolicy"]["type"]) == ("v2", "Local")
    assert tag["tag"]["importPolicy"]["scheduled"] is True
    assert follower["image"]["metadata"]["name"] == tag["image"]["metadata"]["name"]
    history = {entry["tag"]: len(entry["items"]) for entry in api.stream("app").body["status"]["tags"]}
    assert history == {"v1": 2, "prod": 2}


def test_an_import_that_brings_nothing_new_writes_nothing(api):
    imported(api, image(), really=True)
    before = api.stream("app").body
    imported(api, image(), really=True)
    assert api.stream("app").body == before


def test_a_dry_run_of_an_import_writes_as_on_a_real_server(api):
    imported(api, image(), really=True, query="?dryRun=All")
    assert api.get("app:v1").status == 200


def test_an_image_without_a_target_goes_to_the_tag_that_it_is_pulled_by(api):
    imported(api, image(to=""), image(f"r.example/x@sha256:{'a' * 64}", ""), really=True)
    assert [entry["tag"] for entry in api.stream("app").body["status"]["tags"]] == ["v1"]


@pytest.mark.parametrize(
    ("more", "field", "reason"),
    [
        ({"spec": {"images": []}}, "spec.images", "FieldValueInvalid"),
        ({"spec": {"images": [{"from": {"kind": "ImageStreamTag", "name": "a:b"}}]}}, f"{FIRST}.from.kind", None),
        ({"spec": {"images": [image("r.example/UPPER")]}}, f"{FIRST}.from.name", None),
        ({"spec": {"images": [image("")]}}, f"{FIRST}.from.name", "FieldValueRequired"),
        ({"spec": {"images": [docker(GOOD, to={"name": ""})]}}, f"{FIRST}.to.name", None),
        (
            {"spec": {"images": [image(importPolicy={"importMode": "x"})]}},
            f"{FIRST}.importPolicy.importMode",
            None,
        ),
        ({"spec": {"images": [], "repository": docker("r.example/x:1")}}, "spec.repository.from.name", None),
        ({"name": "Bad Name"}, "metadata.name", None),
    ],
)
def test_what_is_no_import_is_refused_as_a_whole(api, more, field, reason):
    answer = imported(api, image(), **more)
    assert answer.status == 422
    assert answer.causes[0] == (field, reason or "FieldValueInvalid")


def test_a_whole_repository_is_not_simulated_and_says_so(api):
    answer = imported(api, spec={"images": [], "repository": docker("r.example/team/app")})
    assert "knows no list of tags" in answer.body["status"]["repository"]["status"]["message"]


def test_the_stream_must_be_the_one_that_is_meant(api):
    assert imported(api, image(), uid="other").status == 404
    api.create("app:v1", GOOD)
    assert imported(api, image(), resourceVersion="1").status == 409
    assert imported(api, image(), uid="other").status == 404
    assert imported(api, image(), resourceVersion=api.stream("app").body["metadata"]["resourceVersion"]).status == 201


def test_a_namespace_that_does_not_exist_is_named(api):
    body = {"metadata": {"name": "app"}, "spec": {"import": False, "images": [image()]}}
    answer = api("POST", "~/namespaces/no-such-team/imagestreamimports", body)
    assert (answer.status, answer.body["details"]["name"]) == (404, "no-such-team")


def test_who_may_only_look_may_not_ask():
    tokens = {"v": Identity("viewer", "view"), "e": Identity("editor", "edit", ("ns",))}
    with LocalAPI(imports=False, tokens=tokens) as server:
        viewer, editor = (Client(server.url, token) for token in tokens)
        assert imported(editor, image()).status == 201
        refused = imported(viewer, image())
    assert refused.status == 403
    assert 'cannot create resource "imagestreamimports"' in refused.body["message"]


@pytest.mark.parametrize("source", ["r.example/team/no-such-app:v1", "r.example/no-access-x/app:v1"])
def test_the_import_controller_meets_the_same_registry(source):
    with LocalAPI(import_delay=0) as server:
        api = Client(server.url)
        api.create("app:v1", source)
        deadline = time.monotonic() + 10
        while not (tags := api.stream("app").body["status"].get("tags")):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    asked = tags[0]["conditions"][0]
    assert (asked["type"], asked["status"]) == ("ImportSuccess", "False")
    assert asked["reason"] in ("NotFound", "Unauthorized")
