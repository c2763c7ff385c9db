"""What a run does not touch is dropped as it is listed, and no plan is another one for it."""

import json
import tracemalloc

import pytest
from builders import OWNER, desired, follows, image, key, live, live_state, manifests, policy, synced
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from test_laws import impacts, names, worlds

from benchmarks import world as bench
from syncer import imagestreamtag
from syncer.manifests import parse_manifests
from syncer.model import Blob, Bystander, ImportState, Live, LiveState, Unchanged
from syncer.plan import make_plan
from syncer.plan.bystanders import beside_manifests, beside_plan
from syncer.plan.gates import Limit
from syncer.plan.impact import Reach
from syncer.plan.order import emptied_streams
from syncer.plan.resolving import Answer, asks_of, pins_of, resolve
from syncer.plan.staleness import gates_again, held_against

APP = desired("a/s:1")
OTHER = {"from": image("quay.io/example/other:v1")}


@pytest.mark.parametrize(
    ("tag", "owned"),
    [
        (synced(APP), True),
        (synced(APP, state=ImportState.FAILED), True),
        (live("a/s:2"), False),
        (synced(desired("a/s:2"), owner="theirs"), False),
    ],
    ids=["as git says", "as git says, not imported", "nobody's, not in git", "another owner's, not in git"],
)
def test_what_is_as_git_says_or_none_of_ours_stands_by(tag, owned):
    assert beside_manifests(manifests(APP), policy())(tag) == Bystander(tag.key, tag.image, owned)


@pytest.mark.parametrize(
    ("tag", "owned"),
    [
        (synced(APP), True),
        (live("a/s:2"), False),
        (synced(desired("a/s:2"), owner="theirs"), False),
        (live("a/s:2", annotations={imagestreamtag.OWNER: f"{OWNER} a/s:1"}), False),
    ],
    ids=["ours", "nobody's", "another owner's", "copied"],
)
def test_what_a_saved_plan_does_not_write_stands_by(tag, owned):
    plan = make_plan(manifests(APP), live_state(synced(APP)), policy())
    assert beside_plan(plan)(tag) == Bystander(tag.key, tag.image, owned)


@pytest.mark.parametrize(
    "tag",
    [
        live("a/s:1"),
        synced(APP, spec=OTHER),
        synced(APP, owner="theirs"),
        synced(desired("a/s:2")),
        synced(APP, annotations={imagestreamtag.OWNER: f"{OWNER} a/s:2"}),
        live("a/s:2", spec={"from": follows("s:1")}),
    ],
    ids=["to adopt", "drifted", "another owner's, in git", "gone from git", "with a copied mark", "a follower"],
)
def test_what_a_run_may_touch_and_what_follows_is_kept_whole(tag):
    assert beside_manifests(manifests(APP), policy())(tag) is tag


def reduced(state, kept):
    parts = [kept(tag) for tag in state.tags.values()]
    bystanders = {tag.key: tag for tag in parts if isinstance(tag, Bystander)}
    return replace(state, tags={tag.key: tag for tag in parts if isinstance(tag, Live)}, bystanders=bystanders)


@st.composite
def settled_worlds(draw):
    """Worlds in which some tags are as git says."""
    git, cluster, rules = draw(worlds())
    chosen = draw(st.sets(names.map(key)))
    tags = {one: synced(wanted) for one, wanted in git.desired.items() if one in chosen}
    return git, replace(cluster, tags={**cluster.tags, **tags}), rules


def told(plan, state):
    """Give all of a plan but the live objects that were dropped."""
    changes = tuple(replace(change, live=None) if change.key in state.bystanders else change for change in plan.changes)
    return replace(plan, changes=changes)


@settings(max_examples=80)
@given(settled_worlds(), st.none() | impacts())
def test_the_plan_of_what_is_kept_is_the_plan_of_all(world, impact):
    git, cluster, rules = world
    few = reduced(cluster, beside_manifests(git, rules))
    plan, again = make_plan(git, cluster, rules, impact=impact), make_plan(git, few, rules, impact=impact)
    assert again == told(plan, few)
    assert emptied_streams(few, again.changes) == emptied_streams(cluster, plan.changes)
    assert (Reach.of(again, few).followers, Reach.of(again, few).digests) == (
        Reach.of(plan, cluster).followers,
        Reach.of(plan, cluster).digests,
    )
    answers = {ask.key: Answer("sha256:" + "3" * 64) for ask in asks_of(plan.changes)}
    known = {**few.bystanders, **few.tags}
    assert pins_of(again.changes, known) == pins_of(plan.changes, cluster.tags)
    assert resolve(again.changes, known, answers, {}) == resolve(plan.changes, cluster.tags, answers, {})


@settings(max_examples=40)
@given(settled_worlds(), worlds())
def test_a_saved_plan_is_held_against_what_is_kept_as_against_all(world, later):
    git, cluster, rules = world
    plan, now = make_plan(git, cluster, rules), later[1]
    limits = Limit(count=0), Limit(count=0)
    for state in (cluster, now):
        few = reduced(state, beside_plan(plan))
        assert held_against(plan, plan.changes, few, again=True) == held_against(plan, plan.changes, state, again=True)
        assert gates_again(plan, few, *limits) == gates_again(plan, state, *limits)


def test_a_tag_that_is_as_git_says_costs_less_than_a_kilobyte_and_a_half():
    count = 2_000
    files = [
        Blob(f"{tags[0].stream}.yaml", "---\n".join(tag.manifest() for tag in tags).encode())
        for tags in bench.streams(count)
    ]
    pages = [json.loads(page)["items"] for page in bench.pages(count).values()]
    rules = policy(owner=bench.OWNER)
    tracemalloc.start()
    try:
        git = parse_manifests(files)
        kept = beside_manifests(git, rules)
        tags = [kept(tag) for page in pages for stream in page for tag in imagestreamtag.live_tags(stream)]
        plan = make_plan(git, LiveState({}, "streams", bystanders={tag.key: tag for tag in tags}), rules)
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert {type(change) for change in plan.changes} == {Unchanged}
    assert held / count < 1_500


def test_what_stands_by_is_found_like_any_tag():
    state = reduced(live_state(live("a/s:1"), synced(desired("a/s:2"))), beside_manifests(manifests(), policy()))
    assert {tag.key for tag in state.everyone()} == {key("a/s:1"), key("a/s:2")}
    assert [type(state.get(key(name))) for name in ("a/s:1", "a/s:2", "a/s:3")] == [Bystander, Live, type(None)]
