"""`syncer plan --shard`: the planning split by namespace; each part as if the others' namespaces were not there."""

import json
from collections import Counter

import pytest
from world import tag, text_of

from syncer.localapi import LocalAPI
from syncer.model import Prune, Shard

COUNT = 3
TEAMS = [f"team-{letter}" for letter in "abcdef"]
FOLLOWS = {"kind": "ImageStreamTag", "namespace": "team-a", "name": "base:v1"}


@pytest.fixture(scope="module", params=["openshift", "documented"])
def server(request):
    with LocalAPI(profile=request.param, imports=False) as api:
        yield api


@pytest.fixture
def wanted(world):
    """In each namespace a tag that is new, one that git changes, one that stays, and one that left git."""
    before = [tag(f"{team}/app:{name}") for team in TEAMS for name in ("changes", "stays", "goes")]
    world.sync(*before, all_namespaces=True)
    world.forget()
    new = [tag(f"{team}/web:new") for team in TEAMS]
    changed = [tag(f"{team}/app:changes", "registry.example.com/team/app:v2") for team in TEAMS]
    return [*new, *changed, *(tag(f"{team}/app:stays") for team in TEAMS)]


SCOPES = [{"all_namespaces": True}, {"namespaces": tuple(TEAMS)}, {}]


@pytest.mark.parametrize("scope", SCOPES, ids=["all", "named", "derived"])
def test_the_parts_together_are_the_plan(world, wanted, scope):
    whole = world.plan(*wanted, **scope).report.plan
    parts = [world.plan(*wanted, **scope, shard=Shard(index, COUNT)).report.plan for index in range(COUNT)]
    changes = {change.key: change for part in parts for change in part.changes}
    assert changes == {change.key: change for change in whole.changes}
    assert sum(len(part.changes) for part in parts) == len(whole.changes)
    assert Counter(change.action for change in whole.changes) == dict.fromkeys(
        ("create", "update", "unchanged", "prune"), len(TEAMS)
    )


def test_a_part_lists_and_prunes_in_its_own_namespaces_only(world, wanted):
    shard = Shard(1, COUNT)
    ours = {team for team in TEAMS if shard.holds(team)}
    assert 0 < len(ours) < len(TEAMS)
    plan = world.plan(*wanted, namespaces=tuple(TEAMS), shard=shard).report.plan
    listed = {path.split("/namespaces/")[1].split("/")[0] for _, path in world.requests() if "/namespaces/" in path}
    assert listed == ours
    assert {change.key.namespace for change in plan.changes if isinstance(change, Prune)} == ours
    without = [each for each in wanted if each["metadata"]["namespace"] in ours]
    plan = world.plan(*without, all_namespaces=True, shard=shard).report.plan
    assert {change.key.namespace for change in plan.changes} == ours


def test_a_part_without_a_manifest_is_no_empty_source(world):
    world.sync(tag("team-a/app:v1"))
    parts = [world.plan(tag("team-a/app:v1"), all_namespaces=True, shard=Shard(n, COUNT)) for n in range(COUNT)]
    assert [part.report.plan.gates for part in parts] == [()] * COUNT
    empty = [world.plan(all_namespaces=True, shard=Shard(n, COUNT)).report.plan.gates for n in range(COUNT)]
    assert [[gate.name for gate in gates] for gates in empty] == [["empty"]] * COUNT


def test_a_manifest_that_is_wrong_keeps_every_part_from_pruning(world, wanted):
    wrong = {**wanted[0], "tag": {}}
    for index in range(COUNT):
        plan = world.plan(*wanted, wrong, all_namespaces=True, shard=Shard(index, COUNT)).report.plan
        assert not plan.complete
        assert not any(isinstance(change, Prune) for change in plan.changes)


def test_gates_are_held_against_each_namespace_and_the_report_says_so(world):
    few, many = "team-a", "team-b"
    keep = [tag(f"{many}/app:{number}") for number in range(40)]
    go = [tag(f"{few}/app:{number}") for number in range(12)]
    world.sync(*keep, *go)
    part = world.plan(*keep, all_namespaces=True, shard=Shard(0, 1)).report
    (gate,) = part.plan.gates
    assert "would prune 12 of 12 owned tags (100 %) in namespace team-a" in gate.message
    assert any("gates are held against each namespace" in note for note in part.notes)
    whole = world.plan(*keep, all_namespaces=True).report
    assert [gate.message for gate in whole.plan.gates] == [gate.message]  # 12 of 52 are few, all of a namespace is not
    assert not any("gates are held" in note for note in whole.notes)
    gates = world.plan(*keep[:30], all_namespaces=True, shard=Shard(0, 1)).report.plan.gates
    assert [gate.message.partition(" (")[0] for gate in gates] == ["would prune 12 of 12 owned tags"]
    gates = world.plan(*keep[:30], all_namespaces=True).report.plan.gates
    assert gates[0].message.startswith("would prune 22 of 52 owned tags")


def test_a_follower_of_a_tag_in_another_parts_namespace_is_not_said_to_follow_nothing(world):
    base = tag("team-a/base:v1")
    other = next(team for team in TEAMS if Shard(0, COUNT).holds(team) != Shard(0, COUNT).holds("team-a"))
    follower = tag(f"{other}/app:v1", FOLLOWS)
    for index in range(COUNT):
        plan = world.plan(base, follower, all_namespaces=True, shard=Shard(index, COUNT)).report.plan
        assert plan.problems == ()


def test_parts_that_were_planned_are_applied_and_merged(world, wanted, syncer, tmp_path):
    plans = [tmp_path / f"plan-{index}.json" for index in range(COUNT)]
    done = [tmp_path / f"part-{index}.json" for index in range(COUNT)]
    asked = ["plan", "-", "--owner", "demo", "-A", "--server", world.url, "-q"]
    for index, plan in enumerate(plans):
        ended = syncer(*asked, "--shard", f"{index}/{COUNT}", "-o", f"json={plan}", stdin=text_of(wanted))
        assert ended.code == 0, ended.err
    merged = syncer("report", "merge", *plans, "-o", "json", "--detailed-exitcode")
    whole = json.loads(syncer(*asked, "-o", "json", stdin=text_of(wanted)).out)
    told = json.loads(merged.out)
    assert merged.code == 2
    assert [told[key] for key in ("changes", "scope", "summary")] == [
        whole[key] for key in ("changes", "scope", "summary")
    ]
    for index, (plan, report) in enumerate(zip(plans, done, strict=True)):
        undo = ["--undo-file", tmp_path / f"undo-parts-{index}"]
        ended = syncer("apply", plan, "--server", world.url, "--allow-dirty", *undo, "-q", "-o", f"json={report}")
        assert ended.code == 0, ended.err
    merged = syncer("report", "merge", *done)
    assert merged.code == 0, merged.err
    assert "6 created, 6 configured, 6 pruned, 6 unchanged" in merged.out
    assert {change.action for change in world.plan(*wanted, all_namespaces=True).report.plan.changes} == {"unchanged"}
    mixed = syncer("report", "merge", plans[0], *done[1:])
    assert mixed.code == 4  # of one part there is only the plan


def test_a_plan_that_a_gate_stops_is_still_only_a_plan_when_it_is_merged(world, syncer, tmp_path):
    world.sync(*(tag(f"team-a/app:{number}") for number in range(12)), all_namespaces=True)
    plans = [tmp_path / f"plan-{index}.json" for index in range(2)]
    asked = ["plan", "-", "--owner", "demo", "-A", "--server", world.url, "-q"]
    for index, plan in enumerate(plans):
        assert (
            syncer(*asked, "--shard", f"{index}/2", "-o", f"json={plan}", stdin=text_of([tag("team-b/x:1")])).code == 0
        )
    assert syncer("report", "merge", *plans, "-q").code == 0
    undo = ["--undo-file", tmp_path / "undo-parts"]
    applied = [tmp_path / f"part-{index}.json" for index in range(2)]
    codes = [
        syncer("apply", plan, "--server", world.url, *undo, "-q", "-o", f"json={report}", "--max-change", "1").code
        for plan, report in zip(plans, applied, strict=True)
    ]
    assert sorted(codes) == [0, 3]


def test_a_tag_stays_for_a_follower_in_another_parts_namespace(world):
    other = next(team for team in TEAMS if Shard(0, COUNT).holds(team) != Shard(0, COUNT).holds("team-a"))
    world.sync(tag("team-a/base:v1"), tag("team-a/base:v2"), all_namespaces=True)
    world.post(tag(f"{other}/app:v1", FOLLOWS))
    wanted = tag(f"{other}/web:v1")
    parts = [world.plan(wanted, all_namespaces=True, shard=Shard(index, COUNT)).report.plan for index in range(COUNT)]
    whole = world.plan(wanted, all_namespaces=True).report.plan
    assert {change.key: change for part in parts for change in part.changes} == {
        change.key: change for change in whole.changes
    }
    vetoes = {str(change.key): [veto.code for veto in change.vetoes] for change in whole.changes}
    assert vetoes == {"team-a/base:v1": ["followed"], "team-a/base:v2": [], f"{other}/web:v1": []}
