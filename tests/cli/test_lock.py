"""The lock between runs, as users meet it: `--lock`, the pod's default, two syncs at the same time."""

import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest
from world import Once, World, front, make_client, stdin, tag, text_of

from syncer import sync
from syncer.cli.lock import lock_of
from syncer.cluster import Client, held, lease_name
from syncer.errors import NotFoundError
from syncer.localapi import LocalAPI
from syncer.localapi.auth import Identity

FOLDER = "/apis/coordination.k8s.io/v1/namespaces/team-a/leases"
APP = tag("team-a/app:v1")


@pytest.fixture
def world(world):
    for item in world("GET", FOLDER)[1]["items"] or ():
        world("DELETE", f"{FOLDER}/{item['metadata']['name']}")
    world.forget()
    return world


@pytest.fixture
def call(syncer, world):
    def run(*arguments, command="sync"):
        return syncer(command, "-", "--owner", "demo", "--server", world.url, *arguments, stdin=text_of([APP]))

    return run


def holder(world, name="lock"):
    return world("GET", f"{FOLDER}/{name}")[1]["spec"]["holderIdentity"]


def started(url, manifests, *options, owner="demo"):
    command = [sys.executable, "-m", "syncer", "sync", "-", "--owner", owner, "--server", url, *options]
    run = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    run.stdin.write(text_of(manifests).encode())
    run.stdin.close()
    run.stdin = None
    return run


def test_a_run_that_finds_the_lock_held_exits_with_75_and_writes_nothing(call, world):
    with held(world.client.connection, "team-a", "lock"):
        theirs = holder(world)
        world.forget()
        ended = call("--lock", "team-a/lock")
        assert ended.code == 75
        assert re.search(rf"Error: the lock team-a/lock is held by {theirs} \(renewed \d s ago\); nothing", ended.err)
        assert "--lock-timeout" in ended.err
        assert world.writes() == []
        assert not [path for _, path in world.requests() if "image" in path]  # not even listed: it would be stale
    assert call("--lock", "team-a/lock").code == 0
    assert world.spec("team-a/app:v1")
    assert holder(world) == ""


def test_a_run_waits_for_the_lock_as_long_as_it_is_told(call, world):
    with held(world.client.connection, "team-a", "lock") as check:
        assert call("--lock", "team-a/lock", "--lock-timeout", "300ms").code == 75
        check()
    lease = held(world.client.connection, "team-a", "lock")
    lease.__enter__()
    later = threading.Timer(0.5, lease.__exit__, (None, None, None))
    later.start()
    ended = call("--lock", "team-a/lock", "--lock-timeout", "20s")
    later.join()
    assert ended.code == 0
    assert ended.err.startswith("The lock team-a/lock is held by ")


@pytest.mark.parametrize("more", [["plan"], ["sync", "--dry-run"]])
def test_a_plan_takes_no_lock(call, world, more):
    options = ["--lock", "team-a/lock"] if more[0] == "sync" else []
    with held(world.client.connection, "team-a", "lock"):
        world.forget()
        assert call(*more[1:], *options, command=more[0]).code == 0
        assert not [path for _, path in world.requests() if "leases" in path]


def test_a_restore_takes_the_lock_too_and_its_dry_run_does_not(call, syncer, world, tmp_path):
    undo = tmp_path / "way-back.jsonl"
    assert call("--undo-file", undo).code == 0
    restore = ["restore", undo, "--server", world.url, "--undo-file", tmp_path / "redo.jsonl", "--lock", "team-a/lock"]
    with held(world.client.connection, "team-a", "lock"):
        assert syncer(*restore).code == 75
        assert syncer(*restore, "--dry-run").code == 0
        assert world.spec("team-a/app:v1")
    assert syncer(*restore).code == 0
    assert world.stream("team-a/app") is None or world.spec("team-a/app:v1") is None


@pytest.mark.parametrize(
    "text", ["lock", "team-a/", "/lock", "team-a/a/b", "team-a/..", "Team/lock", "team-a/a?b", "/"]
)
def test_a_lock_is_named_by_namespace_and_name(call, world, text):
    ended = call("--lock", text)
    assert (ended.code, world.requests()) == (64, [])
    assert "NAMESPACE/NAME" in ended.err


def test_waiting_for_no_lock_is_wrong_usage(call, world):
    assert call("--lock-timeout", "5m").code == 64
    assert world.writes() == []


def test_a_refusal_gives_the_lock_back(syncer, world):
    ended = syncer("sync", "-", "--owner", "demo", "--server", world.url, "--lock", "team-a/lock", stdin="# nothing")
    assert ended.code == 3
    assert holder(world) == ""


def test_an_interrupted_run_gives_the_lock_back(world):
    came = threading.Event()

    def rule(method, path):
        if method == "POST" and "imagestreamtags" in path:
            came.set()
            time.sleep(0.3)

    with front(world.url, rule) as url:
        run = started(url, [tag(f"team-a/app:v{number}") for number in range(9)], "--lock", "team-a/lock")
        assert came.wait(20)
        assert holder(world)
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=20)
    assert run.returncode == 143
    assert holder(world) == ""


def test_a_run_whose_lock_is_lost_writes_no_more_and_exits_with_4(world):
    def steal():
        theft = {"spec": {"holderIdentity": "thief"}}
        assert world("PATCH", f"{FOLDER}/lock", theft, "application/merge-patch+json")[0] == 200
        time.sleep(0.6)

    run = sync.sync(
        world.options(),
        world.client,
        stdin([APP, tag("team-a/app:v2")]),
        lock=lambda _: held(world.client.connection, "team-a", "lock", duration=1),
        stopped=Once(steal),
    )
    assert run.exit_code() == 4
    assert [outcome.result for outcome in run.report.outcomes.values()] == ["failed", "failed"]
    for outcome in run.report.outcomes.values():
        assert "not written, for the lock team-a/lock was lost: it is held by thief" in outcome.error
    assert world.stream("team-a/app") is None
    assert holder(world) == "thief"


# ------------------------------------------------------------------------------------ the default, and permissions


TOKENS = {
    "edit-all": Identity("edit-all", "edit"),
    "edit-team-b": Identity("edit-team-b", "edit", ("team-b",)),
}


@pytest.fixture(scope="module")
def guarded():
    with LocalAPI(imports=False, tokens=TOKENS) as api:
        yield api


@pytest.fixture
def pod(tmp_path):
    folder = tmp_path / "serviceaccount"
    folder.mkdir()
    (folder / "namespace").write_text("team-a")
    return folder


def run_in_pod(guarded, pod, token, given=None, manifest=None):
    file = pod / "token"
    file.write_text(token)
    client = make_client(guarded.url, token_file=file)
    world = World(guarded, token_file=file)
    lock = lock_of({"lock": "", "lock_timeout": 0.0, **(given or {})}, client, service_account=pod)
    return sync.sync(world.options(owner="git.example.com/tags"), client, stdin([manifest or APP]), lock=lock)


def test_in_a_pod_the_lock_is_named_after_the_owner_in_the_pods_namespace(guarded, pod):
    began = len(guarded.requests())
    assert run_in_pod(guarded, pod, "edit-all").exit_code() == 0
    leases = [request for request in guarded.requests()[began:] if "leases" in request[1]]
    path = f"{FOLDER}/{lease_name('git.example.com/tags')}"
    assert leases == [("GET", path), ("POST", FOLDER), ("GET", path), ("PATCH", path)]


@pytest.mark.parametrize("namespace", ["team-a", "no-such-place"])
def test_in_a_pod_that_may_take_no_lock_a_warning_says_so(guarded, pod, capsys, namespace):
    (pod / "namespace").write_text(namespace)
    token = "edit-all" if namespace == "no-such-place" else "edit-team-b"
    assert run_in_pod(guarded, pod, token, manifest=tag("team-b/app:v1")).exit_code() == 0
    warning = capsys.readouterr().err
    assert re.match(r"Warning: going on without a lock between runs: .*40[34]", warning)
    assert token not in warning.replace(f'User "{token}"', "")


def test_in_a_pod_the_404_page_of_a_load_balancer_is_no_leave_to_go_on_without_a_lock(guarded, pod, monkeypatch):
    once = Client._once  # noqa: SLF001 - one request, below all that judges its answer

    def behind_a_load_balancer(client, method, target, *more):
        answer = once(client, method, target, *more)
        return replace(answer, status=404, data=b"<html>404</html>") if "/leases" in target else answer

    monkeypatch.setattr(Client, "_once", behind_a_load_balancer)
    began = len(guarded.requests())
    with pytest.raises(NotFoundError, match="404"):
        run_in_pod(guarded, pod, "edit-all")
    assert not [path for _, path in guarded.requests()[began:] if "image" in path]


def test_a_lock_that_was_asked_for_and_may_not_be_taken_is_an_error(syncer, guarded, pod):
    (pod / "token").write_text("edit-team-b")
    began = len(guarded.requests())
    options = ["--server", guarded.url, "--token-file", pod / "token", "--lock", "team-a/lock", "-n", "team-b"]
    ended = syncer("sync", "-", "--owner", "demo", *options, stdin=text_of([tag("team-b/other:v1")]))
    assert ended.code == 1
    assert "403 Forbidden" in ended.err
    assert "get, create and patch of leases.coordination.k8s.io in team-a" in ended.err
    assert not [path for _, path in guarded.requests()[began:] if "image" in path]


# ---------------------------------------------------------------------------------------------- two at the same time


def both(url, first, second):
    """Run two syncs at the same time to their ends; `first` and `second` are (owner, manifests)."""
    options = ("--lock", "team-a/lock", "--lock-timeout", "30s", "--concurrency", "2")
    runs = [started(url, manifests, *options, owner=owner) for owner, manifests in (first, second)]
    for run in runs:
        out, err = run.communicate(timeout=40)
        assert run.returncode == 0, (out, err)


def test_two_syncs_at_the_same_time_never_interleave_their_writes(world):
    sets = {name: [tag(f"team-a/{name}:v{number}") for number in range(30)] for name in ("one", "two")}
    # Tags that are there already are adopted by PATCH, whose path says which run it is of.
    world.api.load(
        {
            "metadata": {"namespace": "team-a", "name": name},
            "spec": {"tags": [{"name": each["metadata"]["name"].split(":")[1], **each["tag"]} for each in tags]},
        }
        for name, tags in sets.items()
    )
    written = []

    def rule(method, path):
        if method == "PATCH" and (found := re.search(r"imagestreamtags/(one|two):", path)):
            written.append(found[1])
            time.sleep(0.02)  # a run takes longer than the start of two processes can differ

    with front(world.url, rule) as url:
        both(url, ("one", sets["one"]), ("two", sets["two"]))
    assert sorted(written) == ["one"] * 30 + ["two"] * 30
    assert written in (["one"] * 30 + ["two"] * 30, ["two"] * 30 + ["one"] * 30)


def test_the_second_of_two_like_runs_sees_all_that_the_first_did(world):
    manifests = [tag(f"team-a/s{number % 5}:v{number}") for number in range(30)]

    def rule(method, path):
        if method == "POST" and "imagestreamtags" in path:
            time.sleep(0.02)

    with front(world.url, rule) as url:
        both(url, ("demo", manifests), ("demo", manifests))
    posts = [path for method, path in world.writes() if "imagestreamtags" in path and method == "POST"]
    others = [path for method, path in world.writes() if "imagestreamtags" in path and method != "POST"]
    assert (len(posts), others) == (30, [])
