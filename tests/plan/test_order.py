"""The order of writes."""

import pytest
from builders import desired, follows, key, live_state, manifests, policy, synced
from builders import live as live_tag
from hypothesis import given
from hypothesis import strategies as st

from syncer.model import Create, Prune
from syncer.plan import make_plan, waves
from syncer.plan.order import depths, emptied_streams


def in_waves(wanted, present=()):
    plan = make_plan(manifests(*wanted), live_state(*present), policy(allow_empty=True))
    return [[str(change.key) for change in wave] for wave in waves(plan.changes)]


def test_a_followed_tag_is_made_before_its_followers():
    a, b, c = desired("n/a:1", from_=follows("b:1")), desired("n/b:1", from_=follows("c:1")), desired("n/c:1")
    assert in_waves([a, b, c]) == [["n/c:1"], ["n/b:1"], ["n/a:1"]]


def test_a_follower_waits_also_where_what_is_between_stays_as_it_is():
    moved, link = desired("n/base:v1"), desired("n/base:stable", from_=follows("v1"))
    follower = desired("n/app:v1", from_=follows("base:stable"))
    assert in_waves([moved, link, follower], [synced(link)]) == [["n/base:v1"], ["n/app:v1"]]


PINNED = {"kind": "ImageStreamImage", "name": "base@sha256:" + "0" * 64}


def test_a_tag_that_takes_an_image_by_digest_comes_after_the_imports_of_that_stream():
    a, z = desired("n/app:v1", from_=PINNED), desired("n/base:v1")
    follower = desired("n/a:1", from_=follows("app:v1"))
    for own in ("n/base:a", "n/base:z"):
        wanted = [a, desired(own, from_=PINNED), z, follower]
        assert in_waves(wanted) == [["n/base:v1"], ["n/app:v1", own], ["n/a:1"]]


def test_a_tag_that_takes_an_image_by_digest_waits_for_none_where_that_stream_is_left_as_it_is():
    a, base, other = desired("n/app:v1", from_=PINNED), desired("n/base:v1"), desired("n/other:v1")
    assert in_waves([a, base, other], [synced(base)]) == [["n/app:v1", "n/other:v1"]]


def test_prunes_come_last_and_followers_go_first():
    base, follower = desired("n/base:v1"), desired("n/app:v1", from_=follows("base:v1"))
    new = desired("n/new:v1")
    assert in_waves([new], [synced(base), synced(follower)]) == [["n/new:v1"], ["n/app:v1"], ["n/base:v1"]]
    other, last = desired("n/zoo:v1"), desired("n/web:v1", from_=follows("app:v1"))
    gone = map(synced, (base, follower, other, last))
    assert in_waves([], gone) == [["n/web:v1"], ["n/app:v1"], ["n/base:v1", "n/zoo:v1"]]


def test_a_prune_that_does_not_say_what_was_seen_has_its_place_too():
    assert waves([Prune(key("n/a:1"))]) == [[Prune(key("n/a:1"))]]


def test_a_circle_is_cut():
    a, b = desired("n/a:1", from_=follows("b:1")), desired("n/b:1", from_=follows("a:1"))
    assert sorted(name for wave in in_waves([a, b]) for name in wave) == ["n/a:1", "n/b:1"]
    assert in_waves([desired("n/self:1", from_=follows("self:1"))]) == [["n/self:1"]]


@pytest.mark.parametrize(
    ("followed", "found"),
    [
        ({}, {"a": 0, "b": 0, "c": 0}),
        ({"a": "b", "b": "c"}, {"a": 2, "b": 1, "c": 0}),
        ({"c": "b", "b": "a"}, {"a": 0, "b": 1, "c": 2}),
        ({"b": "a", "c": "a"}, {"a": 0, "b": 1, "c": 1}),
        ({"a": "x"}, {"x": 0, "a": 1, "b": 0, "c": 0}),
        ({"a": "b", "b": "a", "c": "a"}, {"b": 0, "a": 1, "c": 2}),
        ({"a": "a"}, {"a": 0, "b": 0, "c": 0}),
    ],
    ids=str,
)
def test_a_depth_counts_the_tags_that_one_follows_one_behind_the_other(followed, found):
    assert depths("abc", followed) == found


names = st.sampled_from([key(f"n/s:{n}") for n in range(7)])


@given(st.dictionaries(names, names))
def test_every_tag_has_a_depth_and_is_deeper_than_what_it_follows_unless_in_a_circle(followed):
    found = depths(sorted(followed), followed)
    assert set(followed) <= set(found)
    for follower, target in followed.items():
        chain, here = set(), target
        while here in followed and here not in chain:
            chain.add(here)
            here = followed[here]
        if here not in chain:
            assert found[follower] > found[target]


@pytest.mark.parametrize(
    ("live", "pruned", "created", "emptied"),
    [
        (["a/s:1", "a/s:2"], ["a/s:1", "a/s:2"], [], [("a", "s")]),
        (["a/s:1", "a/s:2"], ["a/s:1"], [], []),
        (["a/s:1"], ["a/s:1"], ["a/s:2"], []),
        (["a/s:1", "b/s:1"], ["a/s:1"], ["b/s:2"], [("a", "s")]),
        (["b/s:1", "a/t:1", "a/s:1"], ["b/s:1", "a/t:1", "a/s:1"], [], [("a", "s"), ("a", "t"), ("b", "s")]),
        (["a/s:1"], [], [], []),
    ],
)
def test_a_stream_is_emptied_when_its_last_tags_go_and_no_new_one_comes(live, pruned, created, emptied):
    changes = [*(Prune(key(text)) for text in pruned), *(Create(key(text)) for text in created)]
    assert emptied_streams(live_state(*map(live_tag, live)), changes) == emptied
