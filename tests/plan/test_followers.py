"""Followers that cannot get an image are warned of in the plan, before a sync fails on them."""

import pytest
from builders import desired, follows, live, live_state, manifests, policy, synced
from msgspec.structs import replace

from syncer.model import ImportState, Scope, Shard
from syncer.plan import make_plan

FOLLOWER = desired("team-a/app:stable", from_=follows("base:v1"), file="tags/app.yaml", line=7)
BASE = desired("team-a/base:v1")


def warned(*wanted, tags=(), outside=(), scope=None, **more):
    scope = scope or Scope(all_namespaces=True)
    made = make_plan(
        manifests(*wanted), live_state(*tags, **more), policy(scope=scope), {tag.key: tag for tag in outside}
    )
    return [problem for problem in made.problems if problem.code.startswith("followed-")]


def test_a_follower_of_a_tag_that_is_nowhere_is_warned_of_with_both_names_and_its_place():
    (problem,) = warned(FOLLOWER)
    assert (problem.severity, problem.code) == ("warning", "followed-missing")
    assert (problem.file, problem.line, problem.namespace, problem.name) == ("tags/app.yaml", 7, "team-a", "app:stable")
    assert problem.message == "it follows team-a/base:v1, which is neither in git nor on the cluster"
    assert problem.hint == "correct tag.from, or add base:v1 to git"


@pytest.mark.parametrize(
    "more",
    [
        {"tags": [live("team-a/base:v1", digest="", state=ImportState.PENDING)]},
        {"outside": [live("team-a/base:v1")], "scope": Scope(namespaces=("team-b",))},
        {"tags": [synced(FOLLOWER)]},
    ],
    ids=["on the cluster", "beyond the scope", "it has its image already"],
)
def test_a_follower_that_has_what_it_needs_is_not_warned_of(more):
    assert warned(FOLLOWER, **more) == []
    assert warned(FOLLOWER, BASE) == []


def test_one_that_stays_empty_is_warned_of_by_every_plan():
    assert len(warned(FOLLOWER, tags=[synced(FOLLOWER, digest="", state=ImportState.NONE)])) == 1


@pytest.mark.parametrize(
    "more", [{"scope": Scope(namespaces=("team-a",))}, {"forbidden": {"team-b": "403"}}], ids=["beyond", "forbidden"]
)
def test_what_may_not_be_read_is_said_to_be_not_known(more):
    (problem,) = warned(desired("team-a/app:stable", from_=follows("base:v1", "team-b")), **more)
    assert problem.message.endswith("team-b/base:v1, which is neither in git nor on the cluster, or may not be read")


def test_followers_in_a_circle_are_warned_of_each():
    one, other = desired("team-a/a:v1", from_=follows("b:v1")), desired("team-a/b:v1", from_=follows("a:v1"))
    problems = warned(one, other, desired("team-a/c:v1", from_=follows("a:v1")))
    assert [(problem.code, problem.name) for problem in problems] == [
        ("followed-circle", "a:v1"),
        ("followed-circle", "b:v1"),
    ]
    what = "it follows team-a/b:v1, which follows it in a circle: none of these tags ever gets an image"
    assert (problems[0].message, problems[0].hint) == (what, "let one of them point to a DockerImage")
    (alone,) = warned(desired("team-a/a:v1", from_=follows("v1")))
    assert alone.code == "followed-circle"


def test_a_circle_that_closes_on_the_cluster_is_seen():
    there = live("team-a/b:v1", spec={"from": follows("a:v1")}, digest="", state=ImportState.NONE)
    (problem,) = warned(desired("team-a/a:v1", from_=follows("b:v1")), tags=[there])
    assert problem.code == "followed-circle"


def test_what_is_left_to_another_part_is_for_that_part_to_warn_of():
    everywhere = Scope(all_namespaces=True)
    theirs = next(f"team-{n}" for n in range(99) if not Shard(0, 2).holds(f"team-{n}"))
    ours = next(f"team-{n}" for n in range(99) if Shard(0, 2).holds(f"team-{n}"))
    wanted = [
        desired(f"{ours}/app:a", from_=follows("base:v1", theirs)),
        desired(f"{ours}/app:b", from_=follows("base:v1", ours)),
    ]
    assert [problem.name for problem in warned(*wanted, scope=replace(everywhere, shard=Shard(0, 2)))] == ["app:b"]
    assert [problem.name for problem in warned(*wanted)] == ["app:a", "app:b"]
