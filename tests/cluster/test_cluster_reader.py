"""The reader: every page of every list, or an error; against the local API, and servers that misbehave."""

import time
from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from scripted import Answer, status

from syncer import errors
from syncer.cluster.client import Patience
from syncer.cluster.reader import read_live, read_stream, server_version
from syncer.cluster.writer import ClusterWriter
from syncer.imagestreamtag import new_object, streams_path, tags_path
from syncer.localapi import Identity, LocalAPI
from syncer.model import Bystander, ImportState, ObjectKey, Request, Scope, Shard

EVERYTHING = Scope(all_namespaces=True)
IMAGE = {"kind": "DockerImage", "name": "registry.example/app:1"}


def stream(namespace, name, *tags):
    return {
        "kind": "ImageStream",
        "apiVersion": "image.openshift.io/v1",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"tags": [{"name": tag, "from": IMAGE} for tag in tags]},
    }


def page(*items, after=None, kind="ImageStreamList", version="7", **metadata):
    metadata |= {"continue": after} if after else {}
    metadata |= {"resourceVersion": version} if version else {}
    return Answer({"kind": kind, "metadata": metadata, "items": list(items)})


PROBE = page(kind="ImageStreamTagList", version="")
"""What a real server's tag list looks like: nothing says that it can page."""


def listing(client, scope=Scope(namespaces=("a",)), page_size=2):  # noqa: B008  (frozen)
    return read_live(client, scope, page_size=page_size, concurrency=4)


@pytest.fixture(params=["openshift", "documented"])
def api(request):
    with LocalAPI(profile=request.param, imports=False) as api:
        yield api


# -------------------------------------------------------------------------------------------------- local API


def test_every_tag_of_many_pages_is_seen(api, make_client):
    api.load(stream(f"team-{number % 7}", f"app-{number:04}", "v1", "v2") for number in range(1203))
    pages = []
    state = read_live(make_client(api.url), EVERYTHING, page_size=100, concurrency=4, on_page=pages.append)
    assert len(state.tags) == sum(pages) == 2406
    assert len(pages) == (13 if state.listing == "streams" else 25)
    namespaces = tuple(f"team-{number}" for number in range(7))
    again = read_live(make_client(api.url), Scope(namespaces=namespaces), page_size=50, concurrency=4)
    assert again == state


def test_tags_without_an_image_are_seen_as_the_list_would_hide_them(api, make_client):
    api.load([stream("a", "app", "pending")])
    api.push("a", "app", "pushed")
    state = listing(make_client(api.url))
    assert state.listing == ("streams" if api._world.profile == "openshift" else "tags")  # noqa: SLF001  (which server)
    assert {key.tag: live.image.state for key, live in state.tags.items()} == {
        "pending": ImportState.PENDING,
        "pushed": ImportState.IMPORTED,
    }


def test_a_namespace_that_does_not_exist_is_told_from_an_empty_one(api, make_client):
    api.load([stream("a", "app", "v1"), stream("b", "empty")])
    state = listing(make_client(api.url), Scope(namespaces=("a", "b", "no-such-place", "b")))
    assert state.missing == {"no-such-place"}
    assert set(state.tags) == {ObjectKey("a", "app", "v1")}


def test_a_scope_without_namespaces_asks_nothing(api, make_client):
    assert listing(make_client(api.url), Scope(derived=True)).tags == {}
    assert api.requests() == []


def test_a_list_that_expires_between_pages_is_read_anew(api, make_client):
    api.load(stream("a", f"app-{number}", "v1") for number in range(9))
    pages = []

    def on_page(count):
        pages.append(count)
        if len(pages) == 2:
            api.expire()

    state = read_live(make_client(api.url), EVERYTHING, page_size=4, concurrency=1, on_page=on_page)
    assert len(state.tags) == 9
    assert pages == [4, 4, 4, 4, 1]


def test_a_forbidden_namespace_is_named_and_the_others_are_read(make_client, tmp_path):
    (tmp_path / "token").write_text("t1")
    tokens = {"t1": Identity("ann", "view", ("b",))}
    with LocalAPI(imports=False, tokens=tokens) as api:
        api.load([stream("a", "app", "v1"), stream("b", "app", "v1")])
        client = make_client(api.url, token_file=str(tmp_path / "token"))
        state = listing(client, Scope(namespaces=("a", "b")))
        assert set(state.tags) == {ObjectKey("b", "app", "v1")}
        assert list(state.forbidden) == ["a"]
        assert "403 Forbidden: imagestreams.image.openshift.io is forbidden" in state.forbidden["a"]
        with pytest.raises(errors.ForbiddenError) as caught:
            listing(client, EVERYTHING)
        assert "-n/--namespace" in caught.value.hint
        (tmp_path / "token").write_text("wrong")
        with pytest.raises(errors.UnauthorizedError):
            listing(client)


def test_one_stream_is_read_afresh(api, make_client):
    api.load([stream("a", "app", "v1", "v2")])
    client = make_client(api.url)
    writer = ClusterWriter(client)
    assert {key.tag for key in writer.read_stream("a", "app")} == {"v1", "v2"}
    assert writer.read_stream("a", "other") is None
    key = ObjectKey("a", "app", "v3")
    writer.send(Request("POST", tags_path("a"), "application/json", new_object(key, {"/tag/from": IMAGE}, {})))
    assert key in writer.read_stream("a", "app")
    with pytest.raises(errors.AlreadyExistsError):
        writer.send(Request("POST", tags_path("a"), "application/json", new_object(key, {"/tag/from": IMAGE}, {})))


# -------------------------------------------------------------------------------------------------- other servers


def test_only_the_api_server_itself_can_say_that_a_stream_or_a_namespace_is_not_there(scripted, make_client):
    lost = Answer(b"<html>default backend - 404</html>", 404)
    with pytest.raises(errors.NotFoundError):
        read_stream(make_client(scripted(lost).url), "a", "app")
    assert read_stream(make_client(scripted(status(404, "NotFound")).url), "a", "app") is None
    for answer, missing in ((lost, set()), (status(404, "NotFound"), {"a"})):
        state = listing(make_client(scripted(PROBE, page(), answer).url))
        assert state.missing == missing


def test_a_server_that_goes_away_in_the_middle_of_a_list_is_waited_for(scripted, make_client):
    away = [status(503)] * 3  # more often than one read is tried
    server = scripted(PROBE, page(stream("a", "s"), after="x"), *away, page(stream("a", "t", "v1")))
    client = make_client(server.url, patience=Patience(attempts=2, pause=0.001))
    assert [key.stream for key in listing(client).tags] == ["t"]
    assert [parse_qs(urlsplit(seen.path).query).get("continue") for seen in server.seen[2:]] == [["x"]] * 4


def test_a_server_that_never_answered_is_not_waited_for(scripted, make_client):
    server = scripted(status(503))
    with pytest.raises(errors.ClusterError, match="503"):
        listing(make_client(server.url, patience=Patience(attempts=2, pause=0.001)))
    assert len(server.seen) == 2


def test_lists_of_other_namespaces_do_not_wait_for_a_server_once_one_has_failed(scripted, make_client):
    def answer(seen):
        if "imagestreamtags" in seen.path:
            return PROBE
        return status(503) if "/b/" in seen.path else replace(status(401, "Unauthorized"), wait=0.2)

    client = make_client(scripted(answer).url, patience=Patience(attempts=1, pause=0.001))
    began = time.monotonic()
    with pytest.raises(errors.UnauthorizedError):
        listing(client, Scope(namespaces=("a", "b")))
    assert time.monotonic() - began < 20


def test_the_inconsistent_token_of_a_410_is_never_used(scripted, make_client):
    def answer(seen):
        if "imagestreamtags" in seen.path:
            return PROBE
        match parse_qs(urlsplit(seen.path).query).get("continue"):
            case None:
                return page(stream("a", "app", "v1"), after="next")
            case ["next"]:
                return status(410, "Expired", "too old", metadata={"continue": "inconsistent"})
            case _:
                return page(stream("a", "half", "v1"))

    server = scripted(answer)
    with pytest.raises(errors.ExpiredError, match="the list was started 4 times") as caught:
        listing(make_client(server.url))
    assert "--page-size" in caught.value.hint
    assert not [seen for seen in server.seen if "inconsistent" in seen.path]
    assert len(server.seen) == 1 + 4 * 2


def test_a_list_is_whole_once_it_starts_again(scripted, make_client):
    server = scripted(
        PROBE,
        page(stream("a", "gone", "v1"), after="t1"),
        status(410, "Expired"),
        page(stream("a", "app", "v1"), after="t2"),
        page(stream("a", "app2", "v1")),
    )
    assert {key.stream for key in listing(make_client(server.url)).tags} == {"app", "app2"}


def repeats_tokens(number):
    return page(stream("a", f"app-{number}"), after="same")


def repeats_pages(number):
    return page(stream("a", "app", "v1"), after=f"t{number}")


def sends_empty_pages(number):
    return page(after=f"t{number}")


@pytest.mark.parametrize("pages", [repeats_tokens, repeats_pages, sends_empty_pages])
def test_a_list_without_an_end_is_an_error(scripted, make_client, pages):
    asked = iter(range(1000))
    server = scripted(lambda seen: PROBE if "imagestreamtags" in seen.path else pages(next(asked)))
    with pytest.raises(errors.ClusterError, match=r"has no end|same object twice"):
        listing(make_client(server.url))
    assert len(server.seen) < 20


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer({"kind": "Status"}), "expected an ImageStreamList, got kind 'Status'"),
        (Answer({"kind": "ImageStreamList", "items": {}}), "items must be a list"),
        (Answer({"kind": "ImageStreamList", "items": [], "metadata": []}), "metadata an object"),
        (page("text"), "item 0 is no ImageStream but 'text'"),
        (page(stream("a", "app"), {"metadata": {"name": 7}}), "item 1 has no namespace and name"),
        (page(stream("b", "app")), "item 0 is of another namespace: 'b'"),
        (page(stream("a", "app"), stream("a", "app")), "same object twice"),
        (page(after=["t"]), "metadata.continue is no string"),
        (page(stream("a", "app"), remainingItemCount=3), "ended with 3 objects remaining"),
        (page(stream("a", "x"), stream("a", "y"), version=""), "no resourceVersion: it may be cut"),
        (page({**stream("a", "app"), "spec": {"tags": [7]}}), "'app'"),
        (page({**stream("a", "app"), "spec": {"tags": [{"name": "v1", "from": "x"}]}}), "'app'"),
        (Answer(b'{"kind": "ImageStreamList", "items": [{'), "not JSON"),
    ],
)
def test_a_list_that_is_not_what_it_should_be_is_an_error(scripted, make_client, answer, told):
    with pytest.raises(errors.ClusterError) as caught:
        listing(make_client(scripted(PROBE, answer).url))
    assert told in caught.value.message


def test_an_empty_list_may_be_null(scripted, make_client):
    empty = Answer({"kind": "ImageStreamList", "metadata": None, "items": None})
    server = scripted(PROBE, empty, status(403, "Forbidden"))
    state = listing(make_client(server.url))
    assert (state.tags, state.missing) == ({}, frozenset())


def test_the_listing_is_decided_by_the_first_namespace_that_may_be_read(scripted, make_client):
    def answer(seen):
        if "/b/" not in seen.path:
            return status(403, "Forbidden")
        return page(kind="ImageStreamTagList") if "imagestreamtags" in seen.path else Answer({})

    server = scripted(answer)
    state = listing(make_client(server.url), Scope(namespaces=("a", "b")))
    assert state.listing == "tags"
    assert list(state.forbidden) == ["a"]


def test_one_namespace_that_fails_fails_the_run(scripted, make_client):
    def answer(seen):
        if "imagestreamtags" in seen.path:
            return PROBE
        return status(400, "BadRequest", "broken") if "/b/" in seen.path else page()

    with pytest.raises(errors.ClusterError, match="400 BadRequest: broken"):
        listing(make_client(scripted(answer).url), Scope(namespaces=("a", "b", "c")))


def test_a_server_that_is_no_openshift_is_told(scripted, make_client):
    with pytest.raises(errors.NotFoundError) as caught:
        listing(make_client(scripted(Answer(b"404 page not found", 404)).url))
    assert "OpenShift" in caught.value.hint


@pytest.mark.parametrize(
    "body", [{}, {"kind": "ImageStream", "metadata": []}, stream("a", "other"), {**stream("a", "app"), "kind": "List"}]
)
def test_an_answer_that_is_not_the_stream_asked_for_is_an_error(scripted, make_client, body):
    with pytest.raises(errors.ClusterError, match="the answer is not that ImageStream"):
        read_stream(make_client(scripted(Answer(body)).url), "a", "app")


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        (
            Answer(
                {
                    "status": {
                        "history": [
                            {"state": "Partial", "version": "4.17.1"},
                            {"state": "Completed", "version": "4.16.3"},
                            {"state": "Completed", "version": "4.15.0"},
                        ]
                    }
                }
            ),
            "4.16.3",
        ),
        (Answer({"status": {"history": None}}), ""),
        (Answer({"status": []}), ""),
        (Answer({"status": {"history": ["x", {"state": "Completed"}]}}), ""),
        (status(404, "NotFound"), ""),
        (status(403, "Forbidden"), ""),
    ],
)
def test_the_version_is_the_newest_that_was_completed(scripted, make_client, answer, version):
    assert server_version(make_client(scripted(answer).url)) == version


# ------------------------------------------------------------------------------------------- a client that is told


class Told:
    """A client whose answers are told by path; it remembers what it was asked."""

    outage = SimpleNamespace(through=lambda call, again, stopped: call())  # noqa: ARG005 - it never goes away

    def __init__(self, **answers):
        self.answers = {tags_path(): {}, **answers.pop("paths", {})}
        self.asked = []

    def get(self, path, query=None, **_):
        self.asked.append((path, query))
        answer = self.answers.get(path, errors.NotFoundError("404", reason="NotFound"))
        if isinstance(answer, Exception):
            raise answer
        return answer


def listed(*items, kind="ImageStreamList", **metadata):
    return {"kind": kind, "items": list(items), "metadata": {"resourceVersion": "7", **metadata}}


def namespace_path(name):
    return f"/api/v1/namespaces/{name}"


def read_told(client, scope=EVERYTHING, **more):
    return read_live(client, scope, **{"page_size": 5, "concurrency": 1, **more})


def test_all_namespaces_are_one_list_and_of_those_to_be_written_the_unseen_are_looked_for():
    answers = {streams_path(): listed(stream("a", "app", "v1")), namespace_path("there"): {}}
    client = Told(paths=answers)
    state = read_told(client, named=["there", "a", "gone/", "gone"])
    assert set(state.tags) == {ObjectKey("a", "app", "v1")}
    assert (state.missing, state.listing) == ({"gone", "gone/"}, "streams")
    assert client.asked == [
        (tags_path(), {"limit": 1}),
        (streams_path(), {"limit": 5}),
        *((namespace_path(name), None) for name in ("gone", "gone%2F", "there")),
    ]


def test_namespaces_that_are_left_to_another_part_are_not_looked_for_and_their_tags_are_dropped():
    scope = Scope(all_namespaces=True, shard=Shard(0, 2))
    ours, theirs = (next(f"n{n}" for n in range(99) if Shard(i, 2).holds(f"n{n}")) for i in (0, 1))
    client = Told(paths={streams_path(): listed(stream(ours, "app", "v1"), stream(theirs, "app", "v1"))})
    state = read_told(client, scope, named=[theirs])
    assert set(state.tags) == {ObjectKey(ours, "app", "v1")}
    assert (state.missing, len(client.asked)) == (frozenset(), 2)


def test_what_is_kept_of_a_tag_is_asked_as_it_comes():
    client = Told(paths={streams_path(): listed(stream("a", "app", "v1", "v2"))})

    def kept(live):
        return Bystander(live.key, live.image, owned=False) if live.key.tag == "v2" else live

    state = read_told(client, kept=kept)
    assert set(state.tags) == {ObjectKey("a", "app", "v1")}
    assert set(state.bystanders) == {ObjectKey("a", "app", "v2")}


def test_a_tag_list_that_can_page_is_read_itself():
    item = {"metadata": {"namespace": "a", "name": "app:v1"}, "tag": {"name": "v1", "from": IMAGE}}
    tags = listed(item, kind="ImageStreamTagList")
    client = Told(paths={tags_path(): tags})
    state = read_told(client)
    assert (set(state.tags), state.listing) == ({ObjectKey("a", "app", "v1")}, "tags")
    assert client.asked == [(tags_path(), {"limit": 1}), (tags_path(), {"limit": 5})]


def test_what_is_read_of_no_namespace_or_only_of_forbidden_ones_is_of_streams():
    denied = errors.ForbiddenError("403: no", status=403, reason="Forbidden")
    assert read_told(Told(), Scope()).listing == "streams"
    client = Told(paths={tags_path("a"): denied, streams_path("a"): denied})
    state = read_told(client, Scope(namespaces=("a",)))
    assert (state.listing, state.forbidden, state.missing) == ("streams", {"a": "403: no"}, frozenset())


@pytest.mark.parametrize(
    ("paths", "error"),
    [
        (
            {streams_path(): errors.ForbiddenError("403: no", status=403, reason="Forbidden")},
            ("403: no", "name the namespaces that you may list with -n/--namespace instead of -A", 403, "Forbidden"),
        ),
        (
            {tags_path(): errors.NotFoundError("404: no", status=404, reason="NotFound")},
            (
                "404: no",
                "the server does not serve image.openshift.io/v1: is it an OpenShift cluster?",
                404,
                "NotFound",
            ),
        ),
    ],
    ids=["forbidden", "no OpenShift"],
)
def test_what_ends_the_run_keeps_the_servers_words_and_says_what_to_do(paths, error):
    with pytest.raises(errors.ClusterError) as caught:
        read_told(Told(paths=paths))
    found = caught.value
    assert (found.message, found.hint, found.status, found.reason) == error
    assert type(found) is type(next(iter(paths.values())))


def test_namespaces_are_listed_no_more_at_a_time_than_asked_for_and_at_least_one_is():
    names = tuple("abcdef")
    busy, most = [], []

    class Slow(Told):
        def get(self, path, query=None, **more):
            busy.append(path)
            most.append(len(busy))
            time.sleep(0.01)
            busy.remove(path)
            return super().get(path, query, **more)

    paths = {streams_path(name): listed(stream(name, "app", "v1")) for name in names} | {tags_path("a"): {}}
    for concurrency, limit in [(0, 1), (1, 1), (2, 2)]:
        most.clear()
        state = read_told(Slow(paths=paths), Scope(namespaces=names), concurrency=concurrency)
        assert len(state.tags) == 6
        assert max(most) <= limit
