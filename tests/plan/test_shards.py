"""The parts of a plan: each change in one of them, and what must be written in an order together."""

from collections import Counter
from itertools import pairwise

import pytest
from builders import desired, follows, key, live_state, manifests, policy, synced
from hypothesis import given
from hypothesis import strategies as st

from syncer import imagestreamtag
from syncer.model import Prune, Shard
from syncer.plan import make_plan, waves
from syncer.plan.shards import part_of

DIGEST = "sha256:" + "0" * 64


def made(wanted, present=()):
    return make_plan(manifests(*wanted), live_state(*present), policy(allow_empty=True)).changes


def together(wanted, present=()):
    """Give the groups of tags that are in one part, of so many parts that else each stream would be alone."""
    changes = made(wanted, present)
    parts = (part_of(changes, Shard(index, 997)) for index in range(997))
    return sorted([str(change.key) for change in part] for part in parts if part)


def test_a_part_is_the_same_on_each_machine_and_in_each_release():
    places = [[i for i in range(8) if Shard(i, 8).holds("team-a", f"app-{n}")] for n in range(6)]
    assert places == [[7], [5], [2], [4], [4], [5]]
    assert Shard(0, 1).holds("team-a", "app")


def test_all_tags_of_a_stream_are_in_one_part():
    assert together([desired("n/a:1"), desired("n/a:2"), desired("n/b:1"), desired("m/a:1")]) == [
        ["m/a:1"],
        ["n/a:1", "n/a:2"],
        ["n/b:1"],
    ]


BASE, LINK = desired("n/base:v1"), desired("n/base:stable", from_=follows("v1"))
OTHER = desired("n/link:v1", from_=follows("base:v1"))
PINNED = desired("n/app:v1", from_={"kind": "ImageStreamImage", "name": f"base@{DIGEST}"})
MOVED = synced(desired("n/app:v1", from_=follows("base:v1")))


@pytest.mark.parametrize(
    ("wanted", "present", "groups"),
    [
        ([BASE, desired("n/app:v1", from_=follows("base:v1"))], [], [["n/app:v1", "n/base:v1"]]),
        ([BASE, desired("n/app:v1", from_=follows("base:v1"))], [synced(BASE)], [["n/app:v1"], ["n/base:v1"]]),
        (
            [BASE, OTHER, desired("n/app:v1", from_=follows("link:v1"))],
            [synced(OTHER, digest="")],
            [["n/app:v1", "n/base:v1", "n/link:v1"]],
        ),
        (
            [BASE, LINK, desired("n/app:v1", from_=follows("base:stable"))],
            [synced(LINK)],
            [["n/app:v1", "n/base:stable", "n/base:v1"]],
        ),
        ([BASE, PINNED], [], [["n/app:v1", "n/base:v1"]]),
        ([PINNED], [synced(BASE)], [["n/app:v1", "n/base:v1"]]),
        ([], [synced(BASE), MOVED], [["n/app:v1", "n/base:v1"]]),
        ([desired("n/app:v1")], [synced(BASE), MOVED], [["n/app:v1", "n/base:v1"]]),
    ],
    ids=[
        "a follower is with what it follows",
        "a followed tag that stays as it is binds nobody",
        "also where another tag is between them",
        "also where one that stays as it is is between them",
        "one that takes an image by digest is with the imports of that stream",
        "and with its prunes",
        "a tag that goes is with its followers that go",
        "and with those that are pointed elsewhere",
    ],
)
def test_streams_that_are_written_in_an_order_are_in_one_part(wanted, present, groups):
    assert together(wanted, present) == groups


keys = st.sampled_from([key(f"n/s{stream}:{tag}") for stream in range(5) for tag in range(2)])
tags = st.dictionaries(keys, st.none() | keys, max_size=8)


def described(followed):
    return [
        desired(str(each), **({"from_": follows(target.name)} if target else {})) for each, target in followed.items()
    ]


@given(tags, tags, st.integers(1, 5))
def test_the_parts_are_the_plan_and_keep_its_order(wanted, present, count):
    changes = made(described(wanted), map(synced, described(present)))
    parts = [part_of(changes, Shard(index, count)) for index in range(count)]
    assert Counter(change.key for part in parts for change in part) == Counter(change.key for change in changes)
    where = {change.key: index for index, part in enumerate(parts) for change in part}
    for one, other in pairwise(sorted(where)):
        assert one[:2] != other[:2] or where[one] == where[other]
    position = {change.key: number for number, wave in enumerate(waves(changes)) for change in wave}
    for change in changes:
        if change.key in position:
            for awaited in awaits(change, changes, position):
                assert where[awaited] == where[change.key]
                order = {each.key: number for number, wave in enumerate(waves(parts[where[awaited]])) for each in wave}
                before, after = position[awaited] - position[change.key], order[awaited] - order[change.key]
                assert (before > 0, before < 0) == (after > 0, after < 0)


def awaits(change, changes, written):
    """Name the written tags that a change comes after: what it follows, and where that stays what that follows, so on;

    and, of a tag that goes, those that follow it until then.
    """
    by_key = {each.key: each for each in changes}
    here, seen = change, set()
    while here and here.desired and here.key not in seen:
        seen.add(here.key)
        target = imagestreamtag.followed_by(here.key, here.desired.fields)
        if target in written:
            yield target
            break
        here = by_key.get(target)
    leaving = (each for each in changes if each.key in written and each.live) if isinstance(change, Prune) else ()
    for each in leaving:
        if imagestreamtag.followed_by(each.key, imagestreamtag.live_fields(each.live)) == change.key:
            yield each.key
