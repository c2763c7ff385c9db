"""Looking images up: together for a stream, alone where that fails, and every trouble an answer."""

import json

import pytest
from builders import key
from scripted import Answer as Sent
from scripted import status

from syncer.cluster.client import Patience
from syncer.cluster.resolver import MOST, look_up, read_images
from syncer.plan.resolving import Answer, Ask, Place

DIGEST = "sha256:" + "a" * 64
BUILT = "2026-05-03T10:00:00Z"
ONCE = Patience(attempts=1)


def ask(text="team-a/app:v1", spec="r.example/app:1", **policy):
    return Ask(key(text), spec, policy, {"type": "Source"})


def image(digest=DIGEST, created=BUILT, **more):
    return {"metadata": {"name": digest}, "dockerImageMetadata": {"Created": created}, **more}


def found(**more):
    return {"status": {"status": "Success"}, "image": image(), **more}


def failed(code, reason, message="told"):
    return {"status": {"status": "Failure", "code": code, "reason": reason, "message": message}}


def told(*images):
    return Sent({"kind": "ImageStreamImport", "status": {"images": list(images)}}, 201)


def echoing(seen):
    return told(*(found() for _ in json.loads(seen.body)["spec"]["images"]))


def test_the_images_of_a_stream_are_asked_for_together_and_none_is_imported(scripted, make_client):
    server = scripted(told(found(), found()))
    asks = [ask(insecure=True, importMode="PreserveOriginal"), ask("team-a/app:v2", "r.example/app:2")]
    answers = look_up(make_client(server.url), asks, concurrency=2)
    assert answers == {one.key: Answer(DIGEST, BUILT) for one in asks}
    [seen] = server.seen
    assert (seen.method, seen.path.rpartition("/")[2]) == ("POST", "imagestreamimports")
    body = json.loads(seen.body)
    assert (body["metadata"], body["spec"]["import"]) == ({"namespace": "team-a", "name": "app"}, False)
    assert body["spec"]["images"][0] == {
        "from": {"kind": "DockerImage", "name": "r.example/app:1"},
        "to": {"name": "v1"},
        "importPolicy": {"insecure": True, "importMode": "PreserveOriginal"},
        "referencePolicy": {"type": "Source"},
    }


def test_many_images_are_asked_for_in_several_requests_and_each_is_counted(scripted, make_client):
    server, heard = scripted(echoing), []
    asks = [ask(f"team-a/app:v{n}") for n in range(2 * MOST + 1)]
    assert len(look_up(make_client(server.url), asks, concurrency=1, tell=heard.append)) == len(asks)
    assert heard == [MOST, MOST, 1]


@pytest.mark.parametrize(
    ("reason", "fault"),
    [
        ("NotFound", "missing"),
        ("Unauthorized", "denied"),
        ("Forbidden", "denied"),
        ("InternalError", "failed"),
        ("", "failed"),
    ],
)
def test_each_image_has_an_answer_of_its_own(scripted, make_client, reason, fault):
    server = scripted(told(failed(500, reason, "Internal error\x1b[31m"), found()))
    asks = [ask(), ask("team-a/app:v2")]
    one, two = look_up(make_client(server.url), asks, concurrency=1).values()
    assert (one.fault, one.message, two.digest) == (fault, "Internal error\\x1b[31m", DIGEST)


def test_where_it_may_not_ask_it_asks_once_and_goes_on_elsewhere(scripted, make_client):
    def script(seen):
        return status(403, "Forbidden", "no") if "/team-a/" in seen.path else echoing(seen)

    server = scripted(script)
    asks = [ask("team-a/app:v1"), ask("team-a/web:v1"), ask("team-b/app:v1")]
    answers = look_up(make_client(server.url), asks, concurrency=1)
    assert [answer.fault for answer in answers.values()] == ["forbidden", "forbidden", ""]
    assert "no" in answers[key("team-a/web:v1")].message
    assert [seen.path.split("/")[5] for seen in server.seen] == ["team-a", "team-b"]


@pytest.mark.parametrize(
    "trouble",
    [status(422, "Invalid", "forbidden registry"), status(504, "Timeout"), Sent({"status": {}}, 201), Sent(b"<html>")],
)
def test_one_image_that_spoils_a_request_costs_only_its_own_answer(scripted, make_client, trouble):
    def script(seen):
        return trouble if b"bad" in seen.body else echoing(seen)

    asks = [ask(), ask("team-a/app:v2", "r.example/bad"), ask("team-a/app:v3")]
    answers = look_up(make_client(scripted(script).url, patience=ONCE), asks, concurrency=1)
    assert [answer.fault for answer in answers.values()] == ["", "failed", ""]


def test_a_server_that_is_busy_for_a_moment_is_asked_again(scripted, make_client):
    server = scripted(status(503), told(found()))
    assert look_up(make_client(server.url), [ask()], concurrency=1)[key()].digest == DIGEST


def test_a_server_that_is_not_there_is_an_answer_and_not_asked_stream_by_stream(make_client, pauses):
    asks = [ask(f"team-a/app{n}:v1") for n in range(9)]
    client = make_client("http://127.0.0.1:1", patience=Patience(attempts=2))
    answers = look_up(client, asks, concurrency=1)
    assert {answer.fault for answer in answers.values()} == {"failed"}
    assert len(pauses) == 1


def test_a_list_of_manifests_was_built_when_its_last_image_was(scripted, make_client):
    parts = [image(created="2026-01-01T00:00:00Z"), image(created="2026-02-01T00:00:00Z")]
    of_list = image(created="2026-11-24T00:00:00Z", dockerImageManifests=[{}, {}])
    server = scripted(told({**found(), "image": of_list, "manifests": parts}))
    assert look_up(make_client(server.url), [ask()], concurrency=1)[key()].built == "2026-02-01T00:00:00Z"


@pytest.mark.parametrize("odd", [{"image": {}}, {"image": {"metadata": {"name": 7}}}, {"image": None}, {"status": []}])
def test_a_success_without_an_image_is_none(scripted, make_client, odd):
    assert look_up(make_client(scripted(told({**found(), **odd})).url), [ask()], concurrency=1)[key()].fault == "failed"


def test_an_image_of_a_stream_is_read_by_its_digest(scripted, make_client):
    def script(seen):
        place = {"ok": Sent({"image": image()}), "none": status(404, "NotFound"), "no": status(403, "Forbidden")}
        place["page"] = Sent(b"<html>404</html>", 404)
        return place.get(seen.path.rpartition("/")[2].partition("@")[0], status(400))

    places = [Place("team-a", stream, DIGEST) for stream in ("none", "no", "odd", "page", "ok")]
    server = scripted(script)
    answers = read_images(make_client(server.url), places, concurrency=1)
    assert [answers[place].fault for place in places] == ["missing", "forbidden", "failed", "failed", ""]
    assert answers[places[-1]] == Answer(DIGEST, BUILT)
    assert answers[places[0]].message == "no tag of team-a/none has it, or has had it"
    assert server.seen[0].path.endswith(f"/namespaces/team-a/imagestreamimages/no@{DIGEST}")
