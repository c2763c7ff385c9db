"""Saved plans held against the cluster as it is now: what has moved since, and what is let pass again."""

import dataclasses

import pytest
from builders import DIGEST, IMAGE, OWNER, desired, follows, image, key, live, live_state, manifests, policy, synced
from msgspec.structs import replace

from syncer import imagestreamtag as ist
from syncer.errors import ManifestError, StalePlanError
from syncer.model import Gate, ImportState, Request, Scope, Skip, SourceInfo, Target, Unchanged
from syncer.plan import Limit, Planner, make_plan
from syncer.plan.saved import AGAIN, Saved
from syncer.plan.staleness import (
    FOLLOWED,
    Exactly,
    Move,
    followed_now,
    gates_again,
    held_against,
    landed,
    left_of,
    moved,
    unfit,
)

APP = key()
NEW = image("quay.io/example/app:v2")
OTHER_DIGEST = "sha256:" + "2" * 64


def one(wanted, tag, **more):
    (change,) = make_plan(
        manifests(*([wanted] if wanted else [])),
        live_state(*([tag] if tag else [])),
        policy(allow_empty=True, **more),
    ).changes
    return change


def test_a_plan_is_for_its_own_server_and_whole():
    plan = make_plan(manifests(desired()), live_state(), policy())
    saved = Saved(SourceInfo("x"), Target("https://a"), plan)
    assert unfit(saved, "https://a") is None
    other = unfit(saved, "https://b")
    assert (type(other), other.message, other.hint) == (
        StalePlanError,
        "the plan was made for https://a, this is https://b; nothing was written",
        "give the cluster that it was made for",
    )
    cut = unfit(dataclasses.replace(saved, plan=replace(plan, complete=False)), "https://a")
    assert (type(cut), cut.message, cut.hint) == (
        ManifestError,
        "the plan is incomplete: not every file parsed, or not every list ended; nothing was written",
        f"mend what its problems name, and {AGAIN}",
    )


def test_what_writes_nothing_never_moves():
    assert moved(one(desired(), synced(desired())), None) == ()


def test_a_tag_that_came_or_went_is_one_move_of_the_tag_itself():
    tag, fields = synced(desired()), {"/tag/from": IMAGE, "/tag/importPolicy/importMode": "Legacy"}
    fields["/tag/referencePolicy/type"] = "Source"
    create = one(desired(), None)
    assert moved(create, None) == ()
    assert moved(create, tag) == (Move(APP, "", None, fields),)
    update = one(desired(from_=NEW), tag)
    assert moved(update, None) == (Move(APP, "", fields, None),)


def test_every_field_and_annotation_that_moved_is_told_in_path_order():
    change = one(desired(from_=NEW), synced(desired(), annotations={"a": "1"}))
    fresh = synced(desired(), spec={"from": image("q/x:9"), "reference": True}, annotations={"z/y": "2"})
    assert moved(change, change.live) == ()
    assert moved(change, fresh) == (
        Move(APP, "/metadata/annotations/a", "1", None),
        Move(APP, "/metadata/annotations/z~1y", None, "2"),
        Move(APP, "/tag/from", IMAGE, image("q/x:9")),
        Move(APP, "/tag/reference", was=False, now=True),
    )


def test_the_servers_defaults_and_counters_are_no_move_of_an_update():
    tag = synced(desired())
    spec = {name: value for name, value in tag.spec.items() if name != "referencePolicy"}
    fresh = replace(tag, spec={**spec, "generation": 9, "importPolicy": None}, uid="other")
    assert moved(one(desired(from_=NEW), tag), fresh) == ()


def test_a_prune_is_of_this_stream_and_this_image():
    change = one(None, synced(desired()))
    fresh = replace(change.live, uid="uid-2", image=replace(change.live.image, digest="other"))
    assert moved(change, fresh) == (Move(APP, "/image", DIGEST, "other"), Move(APP, "/metadata/uid", "uid-1", "uid-2"))


@pytest.mark.parametrize("kind", ["retried", "behind"])
def test_the_generation_counts_where_an_image_is_asked_for_again(kind):
    if kind == "retried":
        tag = synced(desired(), state=ImportState.FAILED)
        change = one(desired(), tag, retry_imports=True)
    else:
        wanted = desired(from_=follows("base:v1", "team-b"))
        tag, base = synced(wanted), synced(desired("team-b/base:v1"), digest=OTHER_DIGEST)
        plan = make_plan(manifests(wanted, desired("team-b/base:v1")), live_state(tag, base), policy())
        change = {change.key: change for change in plan.changes}[APP]
    fresh = replace(tag, spec={**tag.spec, "generation": 3})
    assert moved(change, fresh) == (Move(APP, "/tag/generation", 2, 3),)


def test_a_prune_that_a_tag_follows_by_now_is_told():
    plan = make_plan(manifests(), live_state(synced(desired())), policy(allow_empty=True))
    late = live("team-b/web:v1", spec={"from": follows("app:v1", "team-a")})
    assert followed_now(plan, live_state(synced(desired()))) == ()
    assert followed_now(plan, live_state(synced(desired()), late)) == (
        Move(APP, FOLLOWED, None, "team-b/web:v1, which stays, follows it"),
    )


def test_limits_are_checked_by_what_is_owned_now_and_other_gates_stay_as_they_were():
    gone = [synced(desired(f"team-a/app:v{number}")) for number in range(12)]
    plan = make_plan(manifests(), live_state(*gone), policy())
    assert [(gate.name, gate.option) for gate in plan.gates] == [
        ("empty", "--allow-empty"),
        ("prune", "--max-prune 12"),
    ]
    theirs = synced(desired("team-a/app:x"), owner="other")
    again = gates_again(plan, live_state(*gone, theirs), None, None)
    assert again[0] == replace(plan.gates[0], option="a new plan with --allow-empty")
    assert again[1:] == plan.gates[1:]
    assert gates_again(plan, live_state(*gone), Limit.parse("12"), None) == again[:1]
    moving = make_plan(manifests(*(desired(str(tag.key), from_=NEW) for tag in gone)), live_state(*gone), policy())
    kept = replace(moving, gates=(Gate("change", stopped=True, message="old", option="--max-change 1"),))
    assert [gate.option for gate in gates_again(kept, live_state(*gone), None, None)] == ["--max-change 12"]
    assert gates_again(kept, live_state(*gone), None, Limit.parse("100%")) == ()


def test_a_saved_change_is_done_or_the_very_same_or_left_alone():
    tag, wanted = synced(desired()), desired(from_=NEW)
    state = live_state(tag)
    plan = make_plan(manifests(desired("team-a/aaa:v1"), wanted), state, policy())
    exactly = Exactly(plan, Planner(policy(), state, {}))
    saved = plan.changes[1]
    assert exactly.change(wanted, tag).requests == saved.requests
    assert isinstance(exactly.change(wanted, synced(wanted)), Unchanged)
    drifted = synced(desired(), spec={"from": image("q/x:9")})
    assert exactly.change(wanted, drifted) == Skip(
        APP, "no longer as it was planned", wanted.origin, live=drifted, desired=wanted
    )


def test_the_owner_of_a_plan_is_whom_its_limits_are_for():
    plan = make_plan(manifests(), live_state(synced(desired(), owner=OWNER)), policy(allow_empty=True))
    copied = live("team-a/app:copy", annotations={ist.OWNER: f"{OWNER} team-a/app:v1"})
    owned = live_state(synced(desired()), copied)
    message = "would prune 1 of 1 owned tags (100 %); the limit is more than 0"
    assert [gate.message for gate in gates_again(plan, owned, Limit.parse("0"), None)] == [message]
    assert plan.scope == Scope(all_namespaces=True)


def test_a_prune_whose_tag_asks_for_something_else_by_now_has_moved():
    change = one(None, synced(desired()))
    assert moved(change, synced(desired(), spec={"from": NEW})) == (Move(APP, "/tag/from", IMAGE, NEW),)


def three(server_side=()):
    """A plan that creates, updates and prunes; and the cluster that it was made for, with some of it done already."""
    update, prune = desired("team-a/app:u"), desired("team-a/app:p")
    wanted = [desired("team-a/app:c"), desired("team-a/app:u", from_=NEW)]
    plan = make_plan(manifests(*wanted), live_state(synced(update), synced(prune)), policy())
    assert [change.action for change in plan.changes] == ["create", "prune", "update"]
    after = {"create": synced(wanted[0]), "update": synced(wanted[1]), "prune": None}
    before = {"create": None, "update": synced(update), "prune": synced(prune)}
    tags = [(after if action in server_side else before)[action] for action in before]
    return plan, live_state(*filter(None, tags))


@pytest.mark.parametrize("done", [(), ("create",), ("update",), ("prune",), ("create", "update", "prune")])
def test_what_an_earlier_run_of_a_part_did_is_counted_and_has_not_moved(done):
    plan, state = three(done)
    by_action = {change.action: change.key for change in plan.changes}
    counted = {by_action[action]: 1 for action in done}
    assert held_against(plan, plan.changes, state, again=True) == (counted, ())
    left = left_of(plan, counted)
    assert left.changes == tuple(change for change in plan.changes if change.action not in done)
    assert replace(left, changes=()) == replace(plan, changes=())
    first, moves = held_against(plan, plan.changes, state, again=False)
    assert (first, {move.key for move in moves}) == ({}, set(counted))


def test_what_else_moved_is_told_of_the_parts_own_tags():
    plan, _ = three()
    create, prune, update = plan.changes
    elsewhere = synced(desired("team-a/app:u"), spec={"from": image("q/x:9")})
    late = live("team-b/web:v1", spec={"from": follows("app:p", "team-a")})
    state = live_state(elsewhere, synced(desired("team-a/app:p")), late)
    drifted = Move(update.key, "/tag/from", IMAGE, image("q/x:9"))
    followed = Move(prune.key, FOLLOWED, None, "team-b/web:v1, which stays, follows it")
    assert held_against(plan, plan.changes, state, again=True) == ({}, (drifted, followed))
    assert held_against(plan, [create, update], state, again=True) == ({}, (drifted,))
    assert held_against(plan, [prune], state, again=False) == ({}, (followed,))


def test_half_of_a_cure_that_landed_leaves_the_other_half():
    wanted = desired(from_=follows("base:v1", "team-b"))
    tag, base = synced(wanted), synced(desired("team-b/base:v1"), digest=OTHER_DIGEST)
    still = desired("team-a/zoo:v1")
    plan = make_plan(
        manifests(wanted, desired("team-b/base:v1"), still), live_state(tag, base, synced(still)), policy()
    )
    assert [len(change.requests) for change in plan.changes] == [2, 0, 0]
    left = left_of(plan, {APP: 1})
    assert left.changes == (replace(plan.changes[0], requests=plan.changes[0].requests[1:]), *plan.changes[1:])
    assert left_of(plan, {APP: 2}).changes == plan.changes[1:]
    assert left_of(plan, {}) is plan


def test_an_update_has_landed_although_what_it_tests_is_no_longer_there():
    tag, wanted = synced(desired()), desired(from_=NEW)
    change = one(wanted, tag)
    assert landed(change, synced(wanted)) == 1
    away = Request(
        "PATCH", "x", "", [{"op": "test", "path": "/tag/from", "value": "other"}, *change.requests[0].body[2:]]
    )
    assert landed(replace(change, requests=(away,)), synced(wanted)) == 1
    broken = Request("PATCH", "x", "", [{"op": "remove", "path": "/tag/nothing"}])
    assert landed(replace(change, requests=(broken,)), synced(wanted)) == 0
