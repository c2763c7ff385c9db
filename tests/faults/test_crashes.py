"""A run that is killed at any write, or asked to stop: what it leaves, and that the next run makes it right."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from faultproxy import FaultProxy
from world import World, make_client, tag, text_of

from syncer import sync
from syncer.apply import read_undo
from syncer.localapi import LocalAPI

OWNER = "syncer.dev/owner"
NEW = "registry.example.com/team/app:v2"
APART = {"kind": "ImageStreamTag", "name": "base:v1", "namespace": "team-b"}
BEFORE = [
    tag("team-a/app:v1"),
    tag("team-a/app:old"),
    tag("team-a/old:v1"),
    tag("team-a/old:alias", {"kind": "ImageStreamTag", "name": "v1"}),
    tag("team-a/web:v1", APART),
    tag("team-b/base:v1"),
    tag("team-b/same:v1"),
]
WANTED = [
    tag("team-a/app:v1", annotations={"note": "x"}),
    tag("team-a/app:v2", NEW),
    tag("team-a/new:v1"),
    tag("team-a/web:v1", APART),
    tag("team-b/base:v1", NEW),
    tag("team-b/same:v1"),
]
WRITES = 9
"""Two are created, two changed, one takes its image anew by two patches, and three are pruned."""
LOCK = "team-a/sync"


@pytest.fixture(scope="module")
def proxy():
    with LocalAPI(import_delay=0) as api, FaultProxy(api.url) as proxy:
        proxy.api = api
        yield proxy


@pytest.fixture
def world(proxy):
    world = World(proxy.api)
    world.clear()
    assert world.sync(*BEFORE, wait=5.0).exit_code() == 0
    world.settle("team-a/web:v1")
    world.forget()
    return world


def state(world):
    """Give spec and annotations of all tags, without what only the server counts."""
    return {
        str(live.key): ({**live.spec, "generation": None, "annotations": None}, dict(live.annotations))
        for live in world.live("team-a", "team-b").tags.values()
    }


class Started:
    """A run in a process of its own; `act` happens once, at the write of a number, before or after it is forwarded."""

    def __init__(self, proxy, folder, number, when, act, *options):
        self.undo, self.report = folder / "undo.jsonl", folder / "report.json"
        self._number, self._when, self._act, self._ready = number, when, act, threading.Event()
        proxy.begin(around=self._around)
        self._count = proxy.count
        command = [sys.executable, "-m", "syncer", "sync", "-", "--owner", "demo", "--server", proxy.url]
        more = ["--concurrency", "1", "--undo-file", self.undo, "-o", f"json={self.report}", "--max-prune", "9"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen([*command, *more, *options], **pipes)
        self._ready.set()
        self.out, self.err = self.process.communicate(text_of(WANTED).encode(), timeout=40)

    @contextlib.contextmanager
    def _around(self, seen):
        if not seen.is_write or "leases" in seen.path or self._count("write") != self._number:
            yield
            return
        self._ready.wait(10)
        if self._when == "before":
            self._act(self.process)
        yield
        if self._when == "after":
            self._act(self.process)


def kill(process):
    process.kill()
    process.wait(10)
    raise ConnectionError  # nobody is there to be answered, and what was not sent on is not sent


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(WRITES))
def test_a_run_that_is_killed_at_any_write_leaves_its_way_back_and_the_next_run_ends_its_work(
    proxy, world, tmp_path, number, when
):
    before = state(world)
    run = Started(proxy, tmp_path, number, when, kill)
    assert run.process.returncode == -signal.SIGKILL
    done = [exchange.seen.tag for exchange in proxy.log if exchange.took_effect]
    assert len(done) == number + (when == "after")
    _check_undo(run.undo, before, done)
    if when == "after":
        _check_restore(world, proxy, run.undo, before)
    again = world.sync(*WANTED, wait=5.0)
    assert again.exit_code() == 0, again.report.outcomes
    _check_equal(world)


def _check_undo(path, before, done):
    """The undo file holds every tag as it was, and says of none that it was written which was not."""
    entries = {str(entry.key): entry for entry in read_undo(path).entries}
    assert len(entries) == WRITES - 1  # one tag takes two
    for text, entry in entries.items():
        was = before.get(text)
        assert (entry.before is None) is (was is None)
        if was:
            assert entry.before.spec["from"] == was[0]["from"]
            assert dict(entry.before.annotations) == was[1]
        assert entry.wrote != "yes" or text in done
        assert entry.wrote != "no" or text not in done


def _check_restore(world, proxy, path, before):
    """It leads back; only what it cannot prove that the run made stays, and is named."""
    proxy.begin()
    options = sync.RestoreOptions(path, wait=5.0, undo_file=path.with_name("undo-2.jsonl"))
    back = sync.restore(options, make_client(proxy.url))
    now = state(world)
    left = {text for text in {*before, *now} if before.get(text) != now.get(text)}
    skipped = {str(change.key) for change in back.report.plan.changes if change.vetoes}
    assert left <= skipped
    assert all(text not in before for text in left), left


def _check_equal(world):
    now = state(world)
    assert {text: spec["from"] for text, (spec, _) in now.items()} == {
        f"{each['metadata']['namespace']}/{each['metadata']['name']}": each["tag"]["from"] for each in WANTED
    }
    assert all(annotations[OWNER] == f"demo {text}" for text, (_, annotations) in now.items())
    assert world.items("team-a/web:v1")[0] == world.items("team-b/base:v1")[0]
    assert {change.action for change in world.plan(*WANTED).report.plan.changes} == {"unchanged"}


@pytest.mark.parametrize("number", [0, 4, WRITES - 1])
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_asked_to_stop_ends_its_write_tells_the_truth_and_gives_the_lock_back(
    proxy, world, tmp_path, number, signum
):
    def ask(process):
        os.kill(process.pid, signum)
        time.sleep(0.3)  # until it has heard

    before = state(world)
    run = Started(proxy, tmp_path, number, "before", ask, "--lock", LOCK)
    assert (run.process.returncode, b"Traceback" in run.err) == (128 + signum, False)
    done = [exchange.seen.tag for exchange in proxy.log if exchange.took_effect and "leases" not in exchange.seen.path]
    outcomes = {f"{c['namespace']}/{c['name']}": c["outcome"] for c in json.loads(run.report.read_text())["changes"]}
    wrote = {text for text, outcome in outcomes.items() if outcome in ("created", "configured", "pruned")}
    assert wrote == set(done)
    assert ("skipped" in outcomes.values()) is (number < WRITES - 1)
    _check_undo(run.undo, before, done)
    namespace, name = LOCK.split("/")
    _, lease = world("GET", f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}")
    assert lease["spec"].get("holderIdentity", "") == ""
    assert world.sync(*WANTED, wait=5.0).exit_code() == 0
    _check_equal(world)
