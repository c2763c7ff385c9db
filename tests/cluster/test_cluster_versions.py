"""Lists that are read by versions: to their end, by the same checks, and once."""

import json

import pytest
from scripted import Answer
from test_cluster_reader import EVERYTHING, PROBE, page, stream

from syncer import errors
from syncer.cluster import read_live, skim_live
from syncer.cluster.answers import decode
from syncer.cluster.versions import Pages, digest, skim, version_of
from syncer.localapi import LocalAPI
from syncer.model import Scope, Shard

LIMITS = {"page_size": 2, "concurrency": 4}
SOME = Scope(namespaces=("a", "b", "no-such-place"))


@pytest.fixture(params=["openshift", "documented"])
def api(request):
    with LocalAPI(profile=request.param, imports=False) as api:
        api.load(stream("a", f"app-{number}", "v1", "v2") for number in range(5))
        api.load([stream("b", "app", "v1"), stream("b", "empty")])
        yield api


@pytest.mark.parametrize("scope", [EVERYTHING, SOME], ids=["all namespaces", "some"])
def test_skimmed_lists_have_the_versions_of_the_live_state(api, make_client, scope):
    client = make_client(api.url)
    assert skim_live(client, scope, **LIMITS).versions == read_live(client, scope, **LIMITS).versions != ""


@pytest.mark.parametrize("scope", [EVERYTHING, SOME], ids=["all namespaces", "some"])
def test_what_was_skimmed_is_read_in_full_without_asking_for_a_page_again(api, make_client, scope):
    client = make_client(api.url)
    whole = read_live(client, scope, **LIMITS)
    skimmed, before = skim_live(client, scope, **LIMITS), len(api.requests())
    assert read_live(client, scope, skimmed=skimmed, **LIMITS) == whole
    again = [path for _, path in api.requests()[before:] if "image" in path]
    assert again == []


def test_pages_for_which_there_was_no_room_are_asked_for_again(api, make_client, monkeypatch):
    client = make_client(api.url)
    whole = read_live(client, EVERYTHING, **LIMITS)
    monkeypatch.setattr(Pages.__init__, "__defaults__", (3000,))
    skimmed, before = skim_live(client, EVERYTHING, **LIMITS), len(api.requests())
    assert read_live(client, EVERYTHING, skimmed=skimmed, **LIMITS) == whole
    assert 0 < len(api.requests()) - before < len(whole.tags) / 2


def test_a_list_that_expires_while_it_is_skimmed_is_skimmed_and_kept_anew(api, make_client):
    client, asked = make_client(api.url), []
    whole = read_live(client, EVERYTHING, **LIMITS)
    get = client.get

    def expiring(path, query=None, **more):
        asked.append(path)
        if len(asked) == 3:
            api.expire()
        return get(path, query, **more)

    client.get = expiring
    skimmed = skim_live(client, EVERYTHING, **LIMITS)
    assert skimmed.versions == whole.versions
    count = len(asked)
    assert read_live(client, EVERYTHING, skimmed=skimmed, **LIMITS) == whole
    assert len(asked) == count


def test_the_versions_do_not_hang_on_the_size_of_the_pages_or_the_way_of_listing(api, make_client):
    client = make_client(api.url)
    small = read_live(client, EVERYTHING, page_size=1, concurrency=1)
    assert read_live(client, Scope(namespaces=("b", "a")), page_size=500, concurrency=1).versions == small.versions


def test_a_part_has_the_versions_of_its_namespaces_alone(api, make_client):
    client = make_client(api.url)
    parts = [Scope(all_namespaces=True, shard=Shard(index, 2)) for index in range(2)]
    assert {part.leaves("a") for part in parts} == {part.leaves("b") for part in parts} == {True, False}
    before = [read_live(client, part, **LIMITS).versions for part in parts]
    assert before == [skim_live(client, part, **LIMITS).versions for part in parts]
    api.load([stream("a", "more", "v1")])
    moved = [old != read_live(client, part, **LIMITS).versions for old, part in zip(before, parts, strict=True)]
    assert moved == [not part.leaves("a") for part in parts]


def named(namespace="a", name="app", **more):
    return {"metadata": {"namespace": namespace, "name": name, **more}}


WRONG = {
    "not JSON": b"<html>",
    "no object": b"[]",
    "another kind": page(kind="PodList"),
    "items that are no list": {"kind": "ImageStreamList", "items": {}},
    "an item that is no object": page("x"),
    "an item without metadata": page({}),
    "metadata that is no object": page({"metadata": "x"}),
    "an item without a name": page(named(name="")),
    "an item of another namespace": page(named("b")),
    "the same object twice": page(named(), named()),
    "objects remaining": page(named(), remainingItemCount=3),
    "a full page without a version": page(named(), named(name="other"), version=""),
    "metadata of the list that is none": {"kind": "ImageStreamList", "metadata": "x", "items": []},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_list_that_is_not_whole_is_refused_in_the_same_words(scripted, make_client, wrong):
    answer = wrong if isinstance(wrong, Answer) else Answer(wrong)
    told = []
    for read in (skim_live, read_live):
        with pytest.raises(errors.ClusterError) as caught:
            read(make_client(scripted(PROBE, answer).url), Scope(namespaces=("a",)), **LIMITS)
        told.append((caught.value.message, caught.value.hint))
    assert told[0] == told[1]


@pytest.mark.parametrize("metadata", [{}, {"uid": "u"}, {"resourceVersion": "1"}, {"uid": 1, "resourceVersion": 2}])
def test_objects_without_a_version_have_none_that_could_be_known(metadata):
    item = {"metadata": {"namespace": "a", "name": "app", **metadata}}
    assert digest("streams", {("a", "app"): version_of(item), ("a", "x"): ("u", "1")}, ()) == ""


def test_each_part_of_what_is_listed_counts():
    versions = {("a", "app"): ("u1", "1"), ("a", "b"): ("u2", "2")}
    sums = [
        digest("streams", versions, ()),
        digest("tags", versions, ()),
        digest("streams", versions, ("a",)),
        digest("streams", {}, ()),
        *(
            digest("streams", versions | {name: version}, ())
            for name, version in [
                (("a", "app"), ("u1", "2")),
                (("a", "app"), ("u2", "1")),
                (("a", "c"), ("u1", "1")),
                (("b", "app"), ("u1", "1")),
            ]
        ),
    ]
    assert len(set(sums)) == len(sums)
    assert digest("streams", dict(reversed(versions.items())), ()) == sums[0]


def test_skimming_reads_names_and_versions_and_nothing_else():
    item = stream("a", "app", "v1")
    item["metadata"] |= {"uid": "u", "resourceVersion": "1", "annotations": {"x": "y"}}
    data = json.dumps({"kind": "ImageStreamList", "metadata": {"continue": "t"}, "items": [item]}).encode()
    kept = {"namespace": "a", "name": "app", "uid": "u", "resourceVersion": "1"}
    assert skim(data, "GET x") == {
        "kind": "ImageStreamList",
        "metadata": {"continue": "t"},
        "items": [{"metadata": kept}],
    }
    odd = b'{"kind": 1, "items": null}'
    assert skim(odd, "GET x") == decode(odd, "GET x")
