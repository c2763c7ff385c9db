"""docs/safety.md and docs/security.md: every promise names the tests that hold it; those without a better place."""

import ast
import os
import re
from pathlib import Path

import pytest
from builders import desired, follows, key, live, live_state, manifests, policy, synced
from world import Once, World, front, tag

from syncer import imagestreamtag as ist
from syncer import sync
from syncer.apply import undo
from syncer.errors import ClusterError
from syncer.localapi import LocalAPI
from syncer.model import Prune
from syncer.plan import make_plan

ROOT = Path(__file__).parents[1]
APP, NEW = "team-a/app:v1", "registry.example.com/team/app:v2"
KUBECTL = ist.KUBECTL_LAST_APPLIED


@pytest.fixture(scope="module")
def server():
    with LocalAPI(import_delay=0.01) as api:
        yield api


@pytest.fixture
def world(server):
    world = World(server)
    world.clear()
    return world


def written(tests):
    """Names of all test functions."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in tests.rglob("test_*.py")]
    return {node.name for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(("page", "least"), [("safety.md", 40), ("security.md", 5)])
def test_every_promise_names_tests_and_each_of_them_exists(page, least):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    rows = re.findall(r"^\| (?!Promise|---)(.+?) \| (.+) \|$", text, re.MULTILINE)
    assert len(rows) > least
    there = written(ROOT / "tests")
    for promise, cell in rows:
        named = re.findall(r"`(test_\w+)`", cell)
        assert named, f"no test is named for: {promise}"
        assert set(named) <= there, (promise, set(named) - there)
    assert len(rows) == len({promise for promise, _ in rows})


# ------------------------------------------------------------------------------------------------ what is left on a tag


def test_last_applied_is_compact_sorted_json_of_what_git_names(world):
    world.sync(tag(APP, annotations={"b": "1", "a": "ü"}, importPolicy={"scheduled": True}))
    record = world.spec(APP)["annotations"][ist.LAST_APPLIED]
    assert record == (
        '{"metadata":{"annotations":{"a":"ü","b":"1"}},"tag":{"from":{"kind":"DockerImage",'
        '"name":"registry.example.com/team/app:v1"},"importPolicy":{"scheduled":true}}}'
    )


def test_kubectls_record_is_never_written(world):
    world.sync(tag(APP, annotations={KUBECTL: '{"tag":{}}'}))
    assert KUBECTL not in world.spec(APP)["annotations"]
    world.annotate(APP, **{KUBECTL: '{"tag":{}}', ist.LAST_APPLIED: None, ist.OWNER: None})
    world.sync(tag(APP, NEW, annotations={KUBECTL: "other"}))
    assert world.spec(APP)["from"]["name"] == NEW
    assert world.spec(APP)["annotations"][KUBECTL] == '{"tag":{}}'


# ----------------------------------------------------------------------------------------------------------- a dry run


def test_no_dry_run_flag_reaches_what_plans_or_applies():
    for part in ("plan", "apply", "manifests", "report"):
        for path in (ROOT / "syncer" / part).glob("*.py"):
            names = {node.arg for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.arg)}
            assert not [name for name in names if "dry" in name], path


# ------------------------------------------------------------------------------------------------------------ the lists


def test_a_list_that_breaks_after_its_first_page_is_no_state_and_nothing_is_written(world):
    world.sync(*[tag(f"team-a/s{number}:v1") for number in range(6)])
    world.forget()

    def rule(_method, path):
        return (500, {"kind": "Status", "message": "broken"}) if "continue=" in path else None

    with front(world.url, rule) as url:
        broken = World(world.api, url=url, attempts=2)
        with pytest.raises(ClusterError):
            broken.sync(tag("team-a/s0:v1"), page_size=2)
    assert world.writes() == []
    run = world.sync(tag("team-a/s0:v1"), page_size=2)
    assert {outcome.result for outcome in run.report.outcomes.values()} == {"pruned", "unchanged"}


# ---------------------------------------------------------------------------------------------------------------- proof


def test_tags_of_one_stream_share_its_uid_and_are_told_apart():
    kept, gone = desired("team-a/app:kept"), desired("team-a/app:gone")
    plan = make_plan(manifests(kept), live_state(synced(kept), synced(gone), live("team-a/app:theirs")), policy())
    assert len({change.live.uid for change in plan.changes}) == 1
    assert [str(change.key) for change in plan.changes if isinstance(change, Prune)] == ["team-a/app:gone"]


def test_the_round_trip_that_is_left_before_a_delete_is_admitted():
    told = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")))
    assert "One round trip" in told


# ------------------------------------------------------------------------------------------------------------- the undo


def test_the_undo_file_and_its_folder_are_flushed_to_disk_before_the_first_write(world, tmp_path, monkeypatch):
    flushed, fsync = [], os.fsync

    def spy(number):
        flushed.append((str(Path(f"/proc/self/fd/{number}").readlink()), len(world.writes())))
        fsync(number)

    monkeypatch.setattr(undo.os, "fsync", spy)
    path = tmp_path / "undo.jsonl"
    assert world.sync(tag(APP), undo_file=path).exit_code() == 0
    assert flushed == [(str(path), 0), (str(tmp_path), 0)]
    assert len(world.writes()) == 1


def test_a_restore_says_where_the_registry_has_moved_on(world, tmp_path):
    world.sync(tag(APP), wait=5.0)
    moved = "sha256:" + "7" * 64
    world.api.push("team-a", "app", "v1", moved)
    path = tmp_path / "undo.jsonl"
    world.sync(tag(APP, NEW), wait=5.0, undo_file=path)
    run = sync.restore(sync.RestoreOptions(path, wait=5.0), world.client)
    (problem,) = run.report.plan.problems
    assert problem.code == "image-moved"
    assert moved in problem.message
    assert problem.hint.startswith("--pin ")
    assert world.spec(APP)["from"]["name"] == "registry.example.com/team/app:v1"


def test_a_restore_leaves_a_tag_that_the_run_made_and_somebody_moved(world, tmp_path):
    path = tmp_path / "undo.jsonl"
    world.sync(tag(APP), undo_file=path)
    world.point(APP, NEW)
    run = sync.restore(sync.RestoreOptions(path, wait=0), world.client)
    assert [veto.code for veto in run.report.plan.changes[0].vetoes] == ["moved"]
    assert world.spec(APP)["from"]["name"] == NEW


# ----------------------------------------------------------------------------------------------------------- the writes


def test_from_is_one_value_and_never_merged_field_by_field():
    wanted = desired(from_=follows("base:v1", "team-b"))
    (change,) = make_plan(manifests(wanted), live_state(synced(desired())), policy()).changes
    assert [field.path for field in change.fields] == ["/tag/from"]
    writes = [op for op in change.requests[0].body if op["op"] != "test" and op["path"].startswith("/tag")]
    assert writes == [{"op": "replace", "path": "/tag/from", "value": wanted.fields["/tag/from"]}]


def test_a_run_that_is_refused_has_its_report_too(world):
    world.sync(tag(APP))
    run = world.sync(namespaces=("team-a",))
    assert run.refusal
    assert (run.report.applied, [str(change.key) for change in run.report.plan.changes]) == (False, [APP])
    assert [gate.name for gate in run.report.plan.gates] == ["empty"]


@pytest.mark.parametrize("follower", ["team-a/base:prod", "team-a/web:prod"], ids=["sibling", "another-stream"])
def test_a_restore_removes_nothing_that_a_staying_tag_follows(world, tmp_path, follower):
    path, base = tmp_path / "undo.jsonl", "team-a/base:v1"
    world.sync(tag(base), wait=5.0, undo_file=path)
    world.post(tag(follower, {"kind": "ImageStreamTag", "name": "base:v1"}))
    run = sync.restore(sync.RestoreOptions(path, wait=0), world.client)
    assert run.report.outcomes[key(base)].result == "skipped"
    (change,) = run.report.plan.changes
    assert [veto.message for veto in change.vetoes] == [f"{follower}, which stays, follows it"]
    assert world.spec(base)


def test_a_restore_removes_a_tag_along_with_its_followers(world, tmp_path):
    path = tmp_path / "undo.jsonl"
    base, follower = tag("team-a/base:v1"), tag("team-a/web:prod", {"kind": "ImageStreamTag", "name": "base:v1"})
    world.sync(base, follower, wait=5.0, undo_file=path)
    world.forget()
    run = sync.restore(sync.RestoreOptions(path, wait=0, page_size=1), world.client)
    assert {outcome.result for outcome in run.report.outcomes.values()} == {"pruned"}
    assert [path for _, path in world.requests() if "/imagestreams?limit=1&continue=" in path]


def test_a_gate_holds_for_what_is_there_when_it_is_checked(world):
    names = [f"team-a/app:v{number}" for number in range(12)]
    world.sync(*map(tag, names))
    asked = Once(lambda: None)
    run = world.sync(tag(names[0]), stopped=asked)
    assert run.exit_code() == 3
    assert not asked.called
