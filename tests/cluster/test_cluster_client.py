"""The client: what it sends, what it retries, and what it makes of every sort of answer."""

import gzip
import json
import resource
import socket
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from scripted import Answer, status

from syncer import __version__, errors
from syncer.cluster.client import Patience, encoded
from syncer.model import Request

PATH = "/apis/image.openshift.io/v1/namespaces/a/imagestreams"
POST = Request("POST", PATH, "application/json", {"kind": "ImageStreamTag"})
GOOD = Answer({"kind": "Good"})


def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_a_read_says_who_asks_and_what_it_takes(scripted, make_client):
    server = scripted(GOOD)
    assert make_client(server.url, impersonate="jörg").get(PATH, {"limit": 5, "continue": "a b/="}) == {"kind": "Good"}
    [seen] = server.seen
    assert seen.path == f"{PATH}?limit=5&continue=a+b%2F%3D"
    assert seen.headers["Accept"] == "application/json"
    assert seen.headers["Accept-Encoding"] == "gzip"
    assert seen.headers["User-Agent"] == f"syncer/{__version__}"
    assert seen.headers["Impersonate-User"].encode("latin-1").decode() == "jörg"
    assert "Authorization" not in seen.headers


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("a&b", '"a\\u0026b"'),
        ("<x>", '"\\u003cx\\u003e"'),
        ("Größe 🐙", '"Größe 🐙"'),
        ("a\u2028b", '"a\\u2028b"'),
        ('a"\\/\n\x1f\x7f', '"a\\"\\\\/\\n\\u001f\x7f"'),
        ("\ud800", '"\\ud800"'),
    ],
)
def test_a_text_is_written_as_the_server_writes_it_for_a_patch_compares_it_so(text, sent):
    body = encoded({"value": text})
    assert body.decode() == f'{{"value": {sent}}}'
    assert json.loads(body) == {"value": text}


def test_a_server_with_a_path_keeps_it(scripted, make_client):
    server = scripted(GOOD)
    make_client(server.url + "/k8s/clusters/c1/").get(PATH)
    assert server.seen[0].path == f"/k8s/clusters/c1{PATH}"


def test_connections_are_kept_and_shared_by_threads(scripted, make_client):
    peers = set()
    server = scripted(GOOD)
    accept = server.get_request

    def counted():
        connection, address = accept()
        peers.add(address)
        return connection, address

    server.get_request = counted
    client = make_client(server.url, pool_size=3)
    threads = [threading.Thread(target=lambda: [client.get(PATH) for _ in range(10)]) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.seen) == 60
    assert 1 <= len(peers) <= 3


def test_a_gzipped_body_is_read(scripted, make_client):
    body = gzip.compress(json.dumps({"kind": "Small"}).encode())
    server = scripted(Answer(body, headers={"Content-Encoding": "gzip"}))
    assert make_client(server.url).get(PATH) == {"kind": "Small"}


def test_a_write_sends_the_request_as_it_is_planned(scripted, make_client):
    server = scripted(GOOD)
    client = make_client(server.url)
    client.send(Request("PATCH", PATH + "/x", "application/json-patch+json", [{"op": "test"}]))
    client.send(Request("DELETE", PATH + "/x"), dry_run_server=True)
    patch, delete = server.seen
    assert (patch.method, patch.path, json.loads(patch.body)) == ("PATCH", PATH + "/x", [{"op": "test"}])
    assert patch.headers["Content-Type"] == "application/json-patch+json"
    assert (delete.method, delete.path, delete.body) == ("DELETE", PATH + "/x?dryRun=All", b"")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (status(401, "Unauthorized"), errors.UnauthorizedError),
        (status(403, "Forbidden"), errors.ForbiddenError),
        (status(404, "NotFound"), errors.NotFoundError),
        (status(409, "AlreadyExists"), errors.AlreadyExistsError),
        (status(409, "Conflict"), errors.ConflictError),
        (status(410, "Expired"), errors.ExpiredError),
        (status(422, "Invalid"), errors.InvalidError),
        (status(405, "MethodNotAllowed"), errors.ClusterError),
    ],
)
def test_each_refusal_is_an_error_of_its_own(scripted, make_client, answer, kind):
    client = make_client(scripted(answer).url)
    for ask in (lambda: client.get(PATH), lambda: client.send(POST)):
        with pytest.raises(errors.ClusterError) as caught:
            ask()
        assert type(caught.value) is kind
        assert (caught.value.status, caught.value.reason) == (answer.status, answer.body["reason"])
        assert f"{PATH}: {answer.status} {answer.body['reason']}: told" in caught.value.message


def test_a_write_that_ends_with_500_may_have_taken_effect(scripted, make_client):
    """What etcd does not answer in time is told so, whatever becomes of it then."""
    server = scripted(status(500, "InternalError"))
    with pytest.raises(errors.UnreachableError, match="not known whether it took effect") as caught:
        make_client(server.url).send(POST)
    assert (caught.value.status, len(server.seen)) == (500, 1)


@pytest.mark.parametrize("code", [500, 503])
def test_a_dry_run_that_fails_is_not_said_to_have_taken_effect_perhaps(scripted, make_client, code):
    with pytest.raises(errors.ClusterError) as caught:
        make_client(scripted(status(code, "InternalError")).url).send(POST, dry_run_server=True)
    assert (type(caught.value), "took effect" in caught.value.message) == (errors.ClusterError, False)


def test_an_empty_message_is_made_up_for_by_the_causes(scripted, make_client):
    details = {"causes": [{"field": "tag.from", "message": "Required"}, {"message": "odd"}]}
    client = make_client(scripted(status(422, "Invalid", "", details=details), status(422, "Invalid", "")).url)
    with pytest.raises(errors.InvalidError, match=r"tag\.from: Required; odd$"):
        client.get(PATH)
    with pytest.raises(errors.InvalidError, match="the server gave no message"):
        client.get(PATH)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "not JSON but empty"),
        (b'{"kind": "Lis', r"""not JSON but '{"kind": "Lis'"""),
        (b"\x1f\x8b\x00\xff", "not JSON but"),
        (b"[1, 2]", "not a JSON object but '[1, 2]'"),
        (b"<html>\x1b[31m" + b"x" * 9000, r"not JSON but '<html>\x1b[31m" + "x" * 69 + "…'"),
        (b"[" * 200_000, "not JSON but"),
    ],
)
def test_a_body_that_is_no_object_is_shown(scripted, make_client, body, told):
    with pytest.raises(errors.ClusterError) as caught:
        make_client(scripted(Answer(body)).url).get(PATH)
    assert told in caught.value.message
    assert len(caught.value.message) < 300
    assert caught.value.message.isprintable()


def test_an_error_page_in_html_is_shown_not_parsed(scripted, make_client):
    with pytest.raises(errors.ClusterError, match="404: the server answered '<html>") as caught:
        make_client(scripted(Answer(b"<html>\r\n" + b"y" * 999, 404)).url).get(PATH)
    assert isinstance(caught.value, errors.NotFoundError)
    assert caught.value.message.isprintable()


def test_control_characters_of_a_message_are_escaped(scripted, make_client):
    with pytest.raises(errors.ClusterError) as caught:
        make_client(scripted(status(403, "For\x07bidden", "no\n\x1b[2Jway\u202e")).url).get(PATH)
    assert caught.value.message.isprintable()


def test_a_body_that_is_too_large_is_not_taken(scripted, make_client):
    server = scripted(Answer(b" " * (3 << 20)))
    with pytest.raises(errors.ClusterError, match="larger than 2 MiB"):
        make_client(server.url, patience=Patience(largest_body=2 << 20)).get(PATH)
    bomb = scripted(Answer(gzip.compress(b" " * (3 << 20)), headers={"Content-Encoding": "gzip"}))
    with pytest.raises(errors.ClusterError, match="larger than 2 MiB"):
        make_client(bomb.url, patience=Patience(largest_body=2 << 20)).get(PATH)


@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip"])
def test_a_bomb_takes_no_more_memory_than_the_limit(scripted, make_client, encoding):
    bomb = gzip.compress(b" " * (8 << 20)) * 100
    for _ in encoding.split(",")[1:]:
        bomb = gzip.compress(bomb)
    server = scripted(Answer(bomb, headers={"Content-Encoding": encoding}))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(errors.ClusterError, match="larger than 64 MiB"):
        make_client(server.url, patience=Patience(largest_body=64 << 20)).get(PATH)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_read_is_retried_until_the_server_has_recovered(scripted, make_client, pauses, code):
    server = scripted(status(code), status(code), GOOD)
    assert make_client(server.url).get(PATH) == {"kind": "Good"}
    assert len(server.seen) == 3
    assert 0.125 <= pauses[0] <= 0.25
    assert 0.25 <= pauses[1] <= 0.5


def test_reads_give_up(scripted, make_client, pauses):
    server = scripted(status(503, "ServiceUnavailable"))
    with pytest.raises(errors.ClusterError, match="503 ServiceUnavailable: told"):
        make_client(server.url).get(PATH)
    assert (len(server.seen), len(pauses)) == (5, 4)


@pytest.mark.parametrize("answer", [Answer(reset=True), Answer({"a": "b" * 99}, cut=True)], ids=["reset", "cut"])
def test_a_read_that_broke_is_read_again(scripted, make_client, answer):
    assert make_client(scripted(answer, GOOD).url).get(PATH) == {"kind": "Good"}
    with pytest.raises(errors.UnreachableError, match=f"GET {PATH}: the connection to .* broke"):
        make_client(scripted(answer).url).get(PATH)


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("7", 7),
        ("999999999", 60),
        ("1" * 400, 60),
        (format_datetime(datetime.now(UTC) + timedelta(days=900), usegmt=True), 60),
        (format_datetime(datetime.now(UTC) - timedelta(days=900), usegmt=True), 0.2),
        ("9" * 5000, 0.2),
        ("-5", 0.2),
        ("soon", 0.2),
    ],
    ids=["seconds", "absurd", "digits", "date to come", "date gone by", "too many digits", "negative", "words"],
)
def test_retry_after_is_honoured_within_reason(scripted, make_client, pauses, header, wait):
    server = scripted(Answer({}, 503, {"Retry-After": header}), GOOD)
    make_client(server.url).get(PATH)
    assert pauses == [pytest.approx(wait, abs=0.1)]


def test_a_write_is_sent_again_only_where_the_server_turned_it_away(scripted, make_client, pauses):
    server = scripted(Answer({}, 429, {"Retry-After": "1"}), GOOD)
    make_client(server.url).send(POST)
    assert (len(server.seen), pauses) == (2, [1])
    server = scripted(status(429, "TooManyRequests"))
    with pytest.raises(errors.ClusterError, match="429 TooManyRequests"):
        make_client(server.url).send(POST)
    assert len(server.seen) == 1


def test_a_write_waits_for_a_server_that_is_not_listening_yet(make_client, pauses):
    with pytest.raises(errors.UnreachableError, match=r"cannot connect to .*: Connection refused"):
        make_client(f"http://127.0.0.1:{closed_port()}").send(POST)
    assert len(pauses) == 4


@pytest.mark.parametrize(
    "answer",
    [
        Answer(reset=True),
        Answer({"a": "b" * 99}, cut=True),
        Answer(b"<html>", 200),
        status(502),
        status(503),
        status(504, "Timeout"),
    ],
    ids=["reset", "cut", "html", "502", "503", "504"],
)
def test_a_write_whose_effect_is_not_known_is_sent_once(scripted, make_client, answer):
    server = scripted(answer)
    with pytest.raises(errors.UnreachableError):
        make_client(server.url).send(POST)
    assert len(server.seen) == 1


def test_a_server_that_does_not_answer_is_given_up(scripted, make_client):
    server = scripted(Answer({}, wait=0.5))
    with pytest.raises(errors.UnreachableError, match=r"no answer from .* in 0\.05 s") as caught:
        make_client(server.url, request_timeout=0.05).send(POST)
    assert "--request-timeout" in caught.value.hint
    assert make_client(server.url, request_timeout=0).get(PATH) == {}


def test_a_redirect_is_not_followed(scripted, make_client, tmp_path):
    (tmp_path / "token").write_text("secret-token")
    elsewhere = scripted(GOOD)
    location = elsewhere.url.replace("127.0.0.1", "user:pass@localhost") + "/login?ticket=t1"
    server = scripted(Answer(b"moved", 307, {"Location": location}))
    client = make_client(server.url, token_file=str(tmp_path / "token"))
    for ask in (lambda: client.get(PATH), lambda: client.send(POST)):
        with pytest.raises(errors.ClusterError, match="307: the server redirects to localhost, which is not") as caught:
            ask()
        assert "pass" not in str(caught.value)
        assert "ticket" not in str(caught.value)
    assert elsewhere.seen == []


def test_a_redirect_that_names_no_host_is_not_followed_either(scripted, make_client):
    server = scripted(Answer(b"", 302, {"Location": "http://[bad"}))
    with pytest.raises(errors.ClusterError, match="redirects to another path"):
        make_client(server.url).get(PATH)


def test_a_rotated_token_is_noticed(scripted, make_client, tmp_path):
    token = tmp_path / "token"
    token.write_text("first\n")
    server = scripted(GOOD)
    client = make_client(server.url, token_file=str(token))
    client.get(PATH)
    token.write_text("second-one\n")
    client.get(PATH)
    token.unlink()
    client.get(PATH)
    assert [seen.headers["Authorization"] for seen in server.seen] == [
        "Bearer first",
        "Bearer second-one",
        "Bearer second-one",
    ]


def test_after_a_401_a_renewed_token_is_tried_once(scripted, make_client, tmp_path):
    token = tmp_path / "token"
    token.write_text("stale")

    def answer(seen):
        if seen.headers["Authorization"] == "Bearer fresh":
            return GOOD
        token.write_text("fresh")  # as the kubelet does, at any time
        return status(401, "Unauthorized")

    server = scripted(answer)
    make_client(server.url, token_file=str(token)).send(POST)
    assert len(server.seen) == 2

    server = scripted(status(401, "Unauthorized"))
    with pytest.raises(errors.UnauthorizedError, match="401 Unauthorized") as caught:
        make_client(server.url, token_file=str(token)).get(PATH)
    assert len(server.seen) == 1
    assert "fresh" not in str(caught.value)


def test_a_name_that_climbs_out_of_its_path_is_refused(scripted, make_client):
    server = scripted(GOOD)
    with pytest.raises(errors.ClusterError, match="must not hold"):
        make_client(server.url).get("/apis/image.openshift.io/v1/namespaces/../imagestreams")
    assert server.seen == []
