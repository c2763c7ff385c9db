"""`syncer apply --shard`: one plan in parts, side by side, killed and run again."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack, contextmanager

import pytest
from world import World, tag, text_of

from benchmarks.world import pages, write_repository
from syncer.localapi import LocalAPI
from syncer.model import Shard
from syncer.plan import waves
from syncer.plan.saved import load
from syncer.plan.shards import part_of

NEW = "registry.example.com/team/app:v2"
APP, GONE = "team-a/app:v1", "team-a/old:v1"
FOLLOWS = {"kind": "ImageStreamTag", "name": "app:v1"}
COUNT = 8
TAGS = 20_000


def listed(count, image):
    """Give the ImageStreams of a cluster of so many tags."""
    return [stream for page in pages(count, image).values() for stream in json.loads(page)["items"]]


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A cluster, and the plan of a repository of 20,000 tags: 300 to create, 1,000 to update, and 300 to prune."""
    folder = tmp_path_factory.mktemp("many")
    write_repository(folder / "tags", TAGS)
    now, before = listed(TAGS + 300, "v1"), listed(1_000, "v0")
    with LocalAPI(imports=False) as api:
        api.load([*before, *now[100 : TAGS // 10 - 30], *now[TAGS // 10 :]])
        world = World(api)
        with running(*planning(world, folder), "-o", f"json={folder / 'plan.json'}", folder=folder) as process:
            assert process.wait() == 0, (folder / "stderr").read_text()
        yield world, folder


def planning(world, folder):
    return ["plan", folder / "tags", "--ref", "main", "-A", "--server", world.url, "-q"]


@contextmanager
def running(*arguments, folder, **environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SYNCER_", "KUBE"))}
    more = {"XDG_STATE_HOME": str(folder / "state"), "KUBECONFIG": os.devnull, **environment}
    command = [sys.executable, "-m", "syncer", *map(str, arguments)]
    with (folder / "stderr").open("ab") as told:
        process = subprocess.Popen(command, env=kept | more, stderr=told)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def apply(world, folder, index, *options):
    """Start what the pod of an Indexed Job runs; the index comes by its environment."""
    plan = ["apply", folder / "plan.json", "--shard", f"/{COUNT}", "--server", world.url, "-q", *options]
    written = ["-o", f"json={folder / f'part-{index}.json'}"]
    return running(*plan, *written, folder=folder, JOB_COMPLETION_INDEX=str(index))


@pytest.mark.timeout(500)  # half a minute of CPU; a busy machine takes longer
def test_eight_processes_handle_each_of_20000_tags_once_although_one_is_killed_midway(many, syncer):
    world, folder = many
    plan = load((folder / "plan.json").read_bytes(), "plan").plan
    counted = Counter(change.action for change in plan.changes)
    assert counted == {"create": 300, "update": 1_000, "prune": 300, "unchanged": 18_700}
    world.forget()
    with apply(world, folder, 3, "--concurrency", "1") as process:
        while len(world.writes()) < 25:
            assert process.poll() is None, (folder / "stderr").read_text()
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    under_way = Counter(world.writes()[-1:])  # perhaps cut off before its body: then it is sent again
    assert not (folder / "part-3.json").exists()
    with ExitStack() as pods:
        processes = [pods.enter_context(apply(world, folder, index)) for index in range(COUNT)]
        assert [process.wait() for process in processes] == [0] * COUNT, (folder / "stderr").read_text()
    asked = Counter((request.method, request.path) for change in plan.changes for request in change.requests)
    sent = Counter(world.writes())
    assert sent in (asked, asked + under_way)
    parts = [folder / f"part-{index}.json" for index in range(COUNT)]
    ended = syncer("report", "merge", *parts, "-o", "json")
    report = json.loads(ended.out)
    assert (ended.code, report["applied"], report["complete"]) == (0, True, True), ended.err
    done = [(change["namespace"], change["name"], change["action"]) for change in report["changes"]]
    assert done == [(change.key.namespace, change.key.name, change.action) for change in plan.changes]
    outcomes = Counter(change["outcome"] for change in report["changes"])
    killed = outcomes.total() - 18_700 - outcomes["created"] - outcomes["configured"] - outcomes["pruned"]
    assert killed >= 25  # what the killed process wrote is as the plan wants it, and nobody's to write again
    assert outcomes["unchanged"] == 18_700 + killed
    with running(*planning(world, folder), "-o", f"json={folder / 'after.json'}", folder=folder) as process:
        assert process.wait() == 0
    assert json.loads((folder / "after.json").read_text())["summary"]["unchanged"] == TAGS


# ------------------------------------------------------------------------------------------------------- small ones


@pytest.fixture
def saved(world, syncer, tmp_path):
    """Save a plan of all kinds of change, and give what applies a part of it."""
    world.sync(tag(APP), tag(GONE), tag("team-a/web:v1"))
    world.post(tag("team-a/web:adopted"))
    world.point("team-a/web:v1", "registry.example.com/by/hand:1")
    wanted = [tag(APP, NEW), tag("team-a/app:v2"), tag("team-a/app:prod", FOLLOWS), tag("team-a/web:v1")]
    common = ["--owner", "demo", "-n", "team-a", "--server", world.url, "-q", "-o", f"json={tmp_path / 'plan.json'}"]
    ended = syncer("plan", "-", *common, stdin=text_of([*wanted, tag("team-a/web:adopted")]))
    assert ended.code == 0, ended.err
    world.forget()
    numbers = itertools.count()

    def apply(part, *options):
        undo = ["--undo-file", tmp_path / f"undo-part-{next(numbers)}.jsonl"]
        server = [] if "--server" in options else ["--server", world.url]
        return syncer("apply", tmp_path / "plan.json", "--shard", part, *server, *undo, *options)

    apply.plan = load((tmp_path / "plan.json").read_bytes(), "plan").plan
    return apply


def in_order(plan):
    return [request for wave in waves(plan.changes) for change in wave for request in change.requests]


def send(world, request):
    path, kind = request.path, request.content_type
    code, body = world(request.method, path, request.body, kind)
    assert code in (200, 201), body


@pytest.mark.parametrize("number", range(7))
def test_a_part_goes_on_where_it_was_killed_whatever_it_had_sent(world, saved, number):
    requests = in_order(saved.plan)
    assert len(requests) == 6
    for request in requests[:number]:
        send(world, request)
    ended = saved("0/1", "-o", "json")
    report = json.loads(ended.out)
    assert ended.code == 0, ended.err
    sent = [(request.method, request.path) for request in requests]
    assert sorted(world.writes()) == sorted(sent)
    outcomes = Counter(change["outcome"] for change in report["changes"])
    assert outcomes["unchanged"] == number
    assert saved("0/1", "-q").code == 0
    assert sorted(world.writes()) == sorted(sent)


def test_the_headline_says_which_part_it_is(saved, syncer, tmp_path):
    files = [tmp_path / f"part-{index}.json" for index in range(2)]
    told = [saved(f"{index}/2", "-o", f"json={file}", "-o", "text") for index, file in enumerate(files)]
    assert [f"Sync, part {index}/2: " in ended.out for index, ended in enumerate(told)] == [True, True]
    assert "Sync: 2 created, " in syncer("report", "merge", *files).out


def test_what_somebody_else_did_meanwhile_makes_its_part_stale_and_no_other(world, saved):
    parts = {index: part_of(saved.plan.changes, Shard(index, 8)) for index in range(8)}
    (stale,) = (index for index, part in parts.items() if any(str(change.key) == APP for change in part))
    world.point(APP, "registry.example.com/by/hand:2")
    world.forget()
    codes = {index: saved(f"{index}/8", "-q").code for index in range(8)}
    assert codes == {index: 5 if index == stale else 0 for index in range(8)}
    assert len(world.writes()) == sum(bool(c.requests) for i, part in parts.items() if i != stale for c in part)


def test_gates_are_held_against_the_whole_plan_in_each_part(world, syncer, tmp_path):
    tags = [tag(f"team-a/app-{number}:v1") for number in range(40)]
    world.sync(*tags)
    plan = tmp_path / "plan.json"
    common = ["--owner", "demo", "-n", "team-a", "--server", world.url, "-q"]
    assert syncer("plan", "-", *common, "-o", f"json={plan}", stdin=text_of(tags[:28])).code == 0
    apply = ["apply", plan, "--server", world.url, "-q", "--undo-file"]
    codes = [syncer(*apply, tmp_path / f"undo-{index}", "--shard", f"{index}/4").code for index in range(4)]
    assert codes == [0] * 4  # 12 of 40 may go; that the first parts' are gone already makes the share no larger
    world.sync(*tags)
    assert syncer("plan", "-", *common, "-o", f"json={plan}", stdin=text_of(tags[:27])).code == 0
    world.forget()
    codes = [syncer(*apply, tmp_path / f"again-{index}", "--shard", f"{index}/4").code for index in range(4)]
    assert (codes, world.writes()) == ([3] * 4, [])


def test_a_cure_of_a_follower_goes_on_where_it_was_killed_between_its_two_patches(syncer, tmp_path):
    plan, follower = tmp_path / "plan.json", tag("team-a/web:prod", FOLLOWS)
    with LocalAPI(import_delay=0.02) as api:
        world = World(api)
        world.sync(tag(APP), follower, wait=10)
        world.point(APP, NEW)
        world.settle(APP)
        common = ["--server", world.url, "-q"]
        asked = ["plan", "-", "--owner", "demo", "-o", f"json={plan}", *common]
        assert syncer(*asked, stdin=text_of([tag(APP, NEW), follower])).code == 0
        (cure,) = (c for c in load(plan.read_bytes(), "").plan.changes if c.reason == "follower behind")
        assert len(cure.requests) == 2
        send(world, cure.requests[0])
        apply = ["apply", plan, *common, "--shard", "0/1", "--undo-file"]
        assert [syncer(*apply, tmp_path / f"undo-{number}").code for number in range(2)] == [0, 0]
        patched = [path for method, path in world.writes() if path.endswith("/web:prod") and method == "PATCH"]
        assert len(patched) == 2
        assert world.items("team-a/web:prod")[0] == world.items(APP)[0]
        assert "importMode" not in world.plan(tag(APP, NEW), follower).report.plan.changes[0].reason
        assert {c.action for c in world.plan(tag(APP, NEW), follower).report.plan.changes} == {"unchanged"}


@pytest.mark.parametrize("part", ["8/8", "-1/8", "3", "x/8", "0/0", "/8", ""])
def test_a_part_that_cannot_be_is_wrong_usage(saved, world, part):
    ended = saved(part)
    assert (ended.code, world.requests()) == (64, [])
    assert "INDEX" in ended.err


def test_the_pod_of_an_indexed_job_says_which_part_it_is(saved, monkeypatch):
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "2")
    assert json.loads(saved("/4", "-o", "json").out)["shard"].items() >= {"index": 2, "count": 4}.items()
    assert saved("/2").code == 64  # there is no part 2 of 2


def test_each_part_that_writes_has_an_undo_file_of_its_own_that_names_it(saved, world, syncer, tmp_path, home):
    plan = tmp_path / "plan.json"
    parts = [part_of(saved.plan.changes, Shard(index, 2)) for index in range(2)]
    codes = [syncer("apply", plan, "--server", world.url, "-q", "--shard", f"{index}/2").code for index in range(2)]
    files = sorted((home / "state" / "syncer").iterdir())
    assert codes == [0, 0]
    named = [f"{index}-of-2.jsonl" for index, part in enumerate(parts) if any(change.requests for change in part)]
    assert named
    assert sorted(file.name.partition("-part-")[2] for file in files) == named


def test_parts_hold_the_lock_together_and_a_sync_waits_for_them(saved, world, syncer):
    lease = ["--lock", "team-a/lock"]
    assert saved("0/2", *lease, "-q").code == 0
    assert saved("1/2", *lease, "-q").code == 0
    other = syncer("sync", "-", "--owner", "demo", "--server", world.url, *lease, stdin=text_of([tag(APP)]))
    assert (other.code, "plan sha256:" in other.err) == (75, True)
