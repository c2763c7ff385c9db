"""A whole plan: its order, what runs side by side, and an outcome for every change."""

import threading

import pytest
from builders import desired, follows, image, key, live_state, manifests, policy, synced
from hypothesis import given, settings
from hypothesis import strategies as st
from meddling import Meddled, applied, planned
from msgspec.structs import replace
from world import World, tag

from syncer import imagestreamtag
from syncer.apply import Applier, apply_plan
from syncer.cluster import ClusterWriter
from syncer.events import Applied
from syncer.localapi import LocalAPI
from syncer.model import Outcome, Prune, Unchanged
from syncer.plan import make_plan

NEW = "registry.example.com/team/app:v2"


def stream_of(request):
    name = request.body["metadata"]["name"] if request.method == "POST" else request.path.rpartition("/")[2]
    return name.partition(":")[0]


def test_the_tags_of_one_stream_are_written_one_after_the_other_in_key_order(world):
    busy, overlaps = set(), []

    def enter(_, request):
        if stream_of(request) in busy:
            overlaps.append(request.path)
        busy.add(stream_of(request))

    def leave(_, request):
        busy.discard(stream_of(request))

    writer = Meddled(world.client, before=enter, after=leave)
    names = [f"team-a/{stream}:v{number}" for stream in ("api", "app", "web") for number in range(5)]
    applied(world, *map(desired, names), writer=writer, concurrency=8)
    assert overlaps == []
    for stream in ("api", "app", "web"):
        assert [name for _, name in writer.names if name.startswith(stream)] == [f"{stream}:v{n}" for n in range(5)]


def test_streams_are_written_side_by_side(world):
    together = threading.Barrier(3, timeout=10)
    writer = Meddled(world.client, before=lambda *_: together.wait())
    wanted = [desired(f"team-a/{stream}:v1") for stream in ("api", "app", "web")]
    outcomes = applied(world, *wanted, writer=writer, concurrency=3)
    assert {outcome.result for outcome in outcomes.values()} == {"created"}


def test_no_more_streams_are_written_at_a_time_than_asked_for(world):
    busy, most, lock = 0, 0, threading.Lock()

    def enter(*_):
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)

    def leave(*_):
        nonlocal busy
        with lock:
            busy -= 1

    wanted = [desired(f"team-a/s{number}:v1") for number in range(12)]
    applied(world, *wanted, writer=Meddled(world.client, before=enter, after=leave), concurrency=2)
    assert 1 <= most <= 2


def test_followed_tags_come_first_and_prunes_last_the_followers_first(importing):
    gone = [tag("team-a/aaa:v1"), tag("team-a/bbb:v1", {"kind": "ImageStreamTag", "name": "aaa:v1"})]
    importing.sync(*gone)
    wanted = [
        desired("team-a/app:v1", from_=follows("web:v1")),
        desired("team-a/web:v1", from_=follows("zoo:v1")),
        desired("team-a/zoo:v1"),
    ]
    writer = Meddled(importing.client)
    outcomes = applied(importing, *wanted, writer=writer)
    assert {outcome.error for outcome in outcomes.values()} == {""}
    assert writer.names == [
        ("POST", "zoo:v1"),
        ("POST", "web:v1"),
        ("POST", "app:v1"),
        ("DELETE", "bbb:v1"),
        ("DELETE", "aaa:v1"),
    ]


def test_a_tag_that_fails_does_not_stop_the_others(world):
    names = ["no-such-team/app:v1", "team-a/app:v1", "team-b/app:v1"]
    outcomes = applied(world, *map(desired, names))
    assert {name: outcome.result for name, outcome in outcomes.items()} == dict(
        zip(names, ["failed", "created", "created"], strict=True)
    )


def test_a_follower_of_a_tag_that_failed_fails_too_and_says_why(importing):
    wanted = [
        desired("team-a/base:v1", from_=image("no pull spec!")),
        desired("team-a/web:v1", from_=follows("base:v1")),
    ]
    outcomes = applied(importing, *wanted)
    assert outcomes["team-a/base:v1"].result == "failed"
    assert outcomes["team-a/web:v1"].error == "it follows team-a/base:v1, which does not exist"


FOLLOWS_BASE = {"kind": "ImageStreamTag", "name": "base:v1"}


@pytest.mark.parametrize("wanted", [[], [desired("team-a/web:v1")]], ids=["gone from git", "pointed elsewhere"])
def test_a_tag_whose_follower_was_to_go_and_stays_is_not_pruned(importing, wanted):
    importing.sync(tag("team-a/base:v1"), tag("team-a/web:v1", FOLLOWS_BASE))
    plan, replan = planned(importing, *wanted)
    importing.annotate("team-a/web:v1", **{imagestreamtag.OWNER: "rival team-a/web:v1"})
    noted = []
    applier = Applier(ClusterWriter(importing.client), replan, note=noted.append)
    outcomes = apply_plan(plan, applier, concurrency=1)
    outcome = outcomes[key("team-a/base:v1")]
    assert {each.key: each.wrote for each in noted}[outcome.key] == "no"  # and so the undo file has it
    assert (outcome.result, outcome.error) == ("skipped", "team-a/web:v1, which stays, follows it")
    assert importing.spec("team-a/base:v1")
    assert importing.spec("team-a/web:v1")["from"] == FOLLOWS_BASE


def test_a_circle_of_followers_that_left_git_is_pruned(world):
    world.sync(tag("team-a/aaa:v1"), tag("team-a/bbb:v1"))
    for one, other in (("aaa:v1", "bbb:v1"), ("bbb:v1", "aaa:v1")):
        around = {"kind": "ImageStreamTag", "name": other}
        world.patch(f"team-a/{one}", [{"op": "replace", "path": "/tag/from", "value": around}])
    outcomes = applied(world)
    assert {outcome.result for outcome in outcomes.values()} == {"pruned"}
    assert world.spec("team-a/aaa:v1") is world.spec("team-a/bbb:v1") is None


@pytest.mark.parametrize("writes", [0, 1, 3])
def test_an_interrupted_run_finishes_the_write_under_way_and_begins_no_other(world, writes):
    world.sync(tag("team-a/app:keep"), tag("team-a/app:z"), owner="demo")
    writer = Meddled(world.client)
    wanted = [desired("team-a/app:keep", from_=image(tag("a/b:c")["tag"]["from"]["name"]))]
    wanted += [desired(f"team-a/app:v{number}") for number in range(4)]
    outcomes = applied(world, *wanted, writer=writer, stopped=lambda: len(writer.sent) >= writes)
    assert len(writer.sent) == writes
    assert outcomes["team-a/app:keep"].result == "unchanged"
    found = [outcomes[f"team-a/app:{name}"] for name in ("v0", "v1", "v2", "v3", "z")]
    assert [outcome.result for outcome in found] == ["created"] * writes + ["skipped"] * (5 - writes)
    assert {outcome.error for outcome in found[writes:]} == {"interrupted before it was written"}


def test_each_write_is_told_once_as_soon_as_it_is_done(world):
    world.sync(tag("team-a/app:old"))
    plan, replan = planned(world, *(desired(f"team-a/s{number}:v1") for number in range(5)))
    told = []
    outcomes = apply_plan(plan, Applier(ClusterWriter(world.client), replan), concurrency=3, tell=told.append)
    assert sorted(event.outcome.key for event in told) == sorted(outcomes)


class Told:
    """Says what is to become of each tag; `applied` and `left` are those that it was asked for."""

    def __init__(self, **results):
        self.results, self.applied, self.left = results, [], []

    def apply(self, change):
        self.applied.append(change.key.stream)
        return Outcome(change.key, self.results.get(change.key.stream, "unchanged"))

    def leave(self, change, why):
        self.left.append(change.key.stream)
        return Outcome(change.key, "skipped", why)


def tag_of(stream, target=""):
    from_ = follows(f"{target}:v1") if target else image(NEW)
    return synced(desired(f"team-a/{stream}:v1", from_=from_))


def plan_of(wanted, *tags):
    return make_plan(manifests(*wanted), live_state(*tags), policy(allow_empty=True))


@pytest.mark.parametrize("result", ["configured", "failed", "skipped", "unchanged"])
def test_a_tag_is_pruned_once_the_follower_that_was_pointed_elsewhere_is(result):
    plan = plan_of([desired("team-a/web:v1")], tag_of("base"), tag_of("web", "base"))
    applier = Told(web=result, base="pruned")
    outcomes = apply_plan(plan, applier, concurrency=1)
    assert list(outcomes) == [change.key for change in plan.changes]
    pruned, left = Outcome(key("team-a/base:v1"), "pruned"), "team-a/web:v1, which stays, follows it"
    kept = Outcome(key("team-a/base:v1"), "skipped", left)
    assert outcomes[key("team-a/base:v1")] == (pruned if result == "configured" else kept)
    assert (applier.applied, applier.left) == ((["web", "base"], []) if result == "configured" else (["web"], ["base"]))


def test_a_tag_that_is_only_updated_does_not_wait_for_its_followers_to_leave():
    wanted = [desired("team-a/zoo:v1"), desired("team-a/base:v1", from_=follows("zoo:v1")), desired("team-a/web:v1")]
    plan = plan_of(wanted, tag_of("base"), tag_of("web", "base"))
    applier = Told(zoo="created", base="configured", web="failed")
    outcomes = apply_plan(plan, applier, concurrency=1)
    assert outcomes[key("team-a/base:v1")] == Outcome(key("team-a/base:v1"), "configured")
    assert applier.left == []


def test_a_prune_that_does_not_say_what_was_seen_and_what_needs_no_write_have_outcomes_too():
    unseen, still = Prune(key("team-a/gone:v1")), Unchanged(key("team-a/app:v1"), live=tag_of("app", "gone"))
    plan = replace(plan_of([]), changes=(still, unseen))
    told = []
    outcomes = apply_plan(plan, Told(gone="pruned"), concurrency=1, tell=told.append)
    assert outcomes == {still.key: Outcome(still.key, "unchanged"), unseen.key: Outcome(unseen.key, "pruned")}
    assert told == [Applied(outcomes[unseen.key])]


TAGS = st.sampled_from(["team-a/app:v1", "team-a/app:v2", "team-a/web:v1", "team-b/app:v1", "team-b/app:v2"])
SOURCES = st.sampled_from([None, "registry.example.com/team/app:v1", NEW])


@pytest.fixture(scope="module")
def law():
    with LocalAPI(imports=False) as api:
        yield World(api)


@settings(max_examples=25)
@given(before=st.dictionaries(TAGS, SOURCES), after=st.dictionaries(TAGS, SOURCES), limit=st.integers(0, 8))
def test_every_change_has_an_outcome_and_another_run_ends_what_was_interrupted(law, before, after, limit):
    law.clear()
    first = [desired(name, from_=image(source)) for name, source in before.items() if source]
    wanted = [desired(name, from_=image(source)) for name, source in after.items() if source]
    applied(law, *first)
    writer = Meddled(law.client)
    applied(law, *wanted, writer=writer, stopped=lambda: len(writer.sent) >= limit)
    applied(law, *wanted)
    found = {str(key): live.spec["from"]["name"] for key, live in law.live("team-a", "team-b").tags.items()}
    assert found == {name: source for name, source in after.items() if source}
    assert all(outcome.result == "unchanged" for outcome in applied(law, *wanted).values())
