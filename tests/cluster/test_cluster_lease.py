"""The lock between runs: taken, renewed, lost, taken over and released, on a real server."""

import json
import re
import threading
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import Answer, status
from world import World, front

from syncer.cluster import ConnectionOptions, connect, held, lease_name, pod_namespace
from syncer.cluster.lease import Lease
from syncer.errors import ClusterError, ForbiddenError, LockHeldError, NotFoundError, NotSentError
from syncer.localapi import LocalAPI

FOLDER = "/apis/coordination.k8s.io/v1/namespaces/team-a/leases"
MERGE = "application/merge-patch+json"
MICRO_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"


def stamp(seconds=0):
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@pytest.fixture(scope="module")
def api():
    with LocalAPI() as local:
        yield local


@pytest.fixture
def world(api):
    world = World(api)
    world("DELETE", f"{FOLDER}/lock")
    return world


def lock(url, wait=0.0, *, name="lock", namespace="team-a", **more):
    connection = connect(ConnectionOptions(server=url), environ={})
    return held(connection, namespace, name, wait=wait, **{"duration": 1, **more})


def spec(world):
    code, body = world("GET", f"{FOLDER}/lock")
    return body["spec"] if code == 200 else None


def put(world, **fields):
    """Leave a Lease as another run, on another machine, has it."""
    body = {"holderIdentity": "other-host_1_abc", "leaseDurationSeconds": 1, "renewTime": stamp(), **fields}
    kind = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
    code, answer = world("POST", FOLDER, {**kind, "metadata": {"name": "lock"}, "spec": body})
    assert code == 201, answer


def change(world, **fields):
    code, answer = world("PATCH", f"{FOLDER}/lock", {"spec": fields}, MERGE)
    assert code == 200, answer


def test_runs_that_share_a_name_hold_it_together_and_leave_it_to_expire(world):
    with lock(world.url, shared="plan 1") as one, lock(world.url, shared="plan 1") as other:
        one()
        other()
        assert spec(world)["holderIdentity"] == "plan 1"
        with pytest.raises(LockHeldError, match="plan 1"), lock(world.url):
            pass
        with pytest.raises(LockHeldError), lock(world.url, shared="plan 2"):
            pass
    assert spec(world)["holderIdentity"] == "plan 1"
    with lock(world.url, wait=5):
        assert spec(world)["holderIdentity"] != "plan 1"


def test_of_many_that_share_it_each_renews_it_although_the_others_did_since(world):
    connection = connect(ConnectionOptions(server=world.url), environ={})
    leases = [Lease(connection, "team-a", "lock", shared="plan 1") for _ in range(8)]
    try:
        for lease in leases:
            lease.acquire(0)
        assert [lease.renew() for lease in leases * 2] == [True] * 16
    finally:
        for lease in leases:
            lease.release()


def test_a_conflict_among_those_that_share_it_is_a_renewal(world):
    def quicker(method, _path):
        if method == "PATCH":
            change(world, renewTime=stamp())

    with lock(world.url, shared="plan 1", duration=15), front(world.url, quicker) as url:
        lease = Lease(connect(ConnectionOptions(server=url), environ={}), "team-a", "lock", shared="plan 1")
        assert lease.renew()
        lease.check()


def until(condition, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def refuses(check):
    try:
        check()
    except ClusterError as error:
        return error.message
    return ""


def test_a_lease_is_made_with_the_standard_fields_and_given_back(api, world):
    with lock(api.url, duration=15) as check:
        check()
        taken = spec(world)
        assert taken["holderIdentity"]
        assert taken["leaseDurationSeconds"] == 15
        assert taken["leaseTransitions"] == 0
        assert all(re.fullmatch(MICRO_TIME, taken[name]) for name in ("acquireTime", "renewTime"))
    assert spec(world)["holderIdentity"] == ""
    with lock(api.url):
        assert spec(world)["leaseTransitions"] == 1
        assert spec(world)["holderIdentity"] != taken["holderIdentity"]


def test_one_that_is_held_is_an_error_that_names_holder_and_age_and_way_out(api, world):
    put(world, leaseDurationSeconds=60, renewTime=stamp(-20))
    began = time.monotonic()
    with pytest.raises(LockHeldError, match=r"team-a/lock is held by other-host_1_abc \(renewed 20 s ago\)") as caught:
        lock(api.url).__enter__()
    assert time.monotonic() - began < 1
    assert caught.value.exit_code == 75
    assert "--lock-timeout" in caught.value.hint
    assert spec(world)["holderIdentity"] == "other-host_1_abc"


def test_a_holder_cannot_write_to_the_terminal(api, world):
    put(world, holderIdentity="\x1b[2Jbad")
    with pytest.raises(LockHeldError, match=r"held by \\x1b\[2Jbad"):
        lock(api.url).__enter__()


def test_a_run_that_waits_gets_it_when_it_is_given_back(api, world):
    told = []
    with ExitStack() as first:
        first.enter_context(lock(api.url))
        later = threading.Timer(0.5, first.close)
        later.start()
        with lock(api.url, wait=10, tell=told.append) as check:
            check()
        later.join()
    assert len(told) == 1
    assert "waiting" in told[0]
    assert spec(world)["leaseTransitions"] == 1


def test_waiting_ends(api, world):
    with lock(api.url), pytest.raises(LockHeldError):
        lock(api.url, wait=0.5).__enter__()
    assert spec(world)["holderIdentity"] == ""


@pytest.mark.parametrize(
    ("skew", "words"), [(-3600, "renewed 36.. s ago"), (3600, "renewed 0 s ago"), (None, "does not say")]
)
def test_one_whose_holder_is_gone_is_watched_and_then_taken_over(api, world, skew, words):
    put(world, renewTime=None if skew is None else stamp(skew), leaseTransitions=6)
    told, began = [], time.monotonic()
    with lock(api.url, tell=told.append):
        assert time.monotonic() - began >= 1
        assert spec(world)["leaseTransitions"] == 7
    assert re.search(words, told[0])


@pytest.mark.parametrize("skew", [-3600, 3600])
def test_a_holder_that_renews_by_a_wrong_clock_keeps_it(api, world, skew):
    put(world, renewTime=stamp(skew))
    over = threading.Event()

    def renew():
        while not over.wait(0.3):
            change(world, renewTime=stamp(skew))

    other = threading.Thread(target=renew)
    other.start()
    try:
        with pytest.raises(LockHeldError):
            lock(api.url).__enter__()
        with pytest.raises(LockHeldError):
            lock(api.url, wait=1.5).__enter__()
    finally:
        over.set()
        other.join()


@pytest.mark.parametrize("empty", [{"holderIdentity": ""}, {"holderIdentity": None, "leaseDurationSeconds": None}])
def test_one_without_a_holder_is_free(api, world, empty):
    put(world, **empty)
    with lock(api.url) as check:
        check()


def test_it_is_renewed_for_as_long_as_it_is_held(api, world):
    with lock(api.url) as check:
        first = spec(world)
        with pytest.raises(LockHeldError):
            lock(api.url, wait=2.2).__enter__()
        check()
        now = spec(world)
        assert now["renewTime"] > first["renewTime"]
        assert {**now, "renewTime": ""} == {**first, "renewTime": ""}


def test_a_change_that_leaves_us_the_holder_is_no_loss(api, world):
    with lock(api.url) as check:
        seen = spec(world)["renewTime"]
        world("PATCH", f"{FOLDER}/lock", {"metadata": {"labels": {"a": "b"}}}, MERGE)
        until(lambda: spec(world)["renewTime"] > seen)
        time.sleep(0.7)
        check()


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (lambda world: change(world, holderIdentity="thief"), "held by thief"),
        (lambda world: change(world, holderIdentity=""), "somebody released it"),
        (lambda world: world("DELETE", f"{FOLDER}/lock"), "deleted"),
    ],
)
def test_one_that_is_lost_stops_the_writes(api, world, deed, words):
    with lock(api.url) as check:
        check()
        deed(world)
        before = spec(world)
        until(lambda: refuses(check), 0.6)
        assert words in refuses(check)
        assert "team-a/lock" in refuses(check)
        time.sleep(0.5)
        assert refuses(check)
    assert spec(world) == before  # what is another's is not released


@pytest.mark.parametrize("taken", [False, True])
def test_one_that_cannot_be_renewed_stops_the_writes_until_it_is_renewed_unless_it_was_taken(api, world, taken):
    broken = threading.Event()

    def rule(_, path):
        return (500, {"message": "etcd is on fire"}) if broken.is_set() and "leases" in path else None

    with front(api.url, rule) as url, lock(url) as check:
        broken.set()
        began = time.monotonic()
        until(lambda: refuses(check), 1.0)
        assert time.monotonic() - began < 0.8
        with pytest.raises(NotSentError, match="could not be renewed"):
            check()
        if taken:
            change(world, holderIdentity="thief")
        broken.clear()
        until(lambda: ("thief" in refuses(check)) if taken else not refuses(check))
    assert spec(world)["holderIdentity"] == ("thief" if taken else "")


@pytest.mark.usefixtures("world")
def test_a_run_that_was_asleep_does_not_write_on(api):
    connection = connect(ConnectionOptions(server=api.url), environ={})
    lease = Lease(connection, "team-a", "lock", duration=1)
    lease.acquire(0)
    lease._over.set()  # noqa: SLF001 - as if the machine had been suspended: nobody renews
    time.sleep(0.7)
    assert "could not be renewed" in refuses(lease.check)
    lease.release()


def test_it_is_given_back_when_the_run_fails_or_is_interrupted(api, world):
    for error in (ClusterError("no"), KeyboardInterrupt()):
        with pytest.raises(type(error)), lock(api.url):
            raise error
        assert spec(world)["holderIdentity"] == ""


@pytest.mark.usefixtures("world")
def test_a_release_that_fails_is_told_and_no_error(api):
    broken, told = threading.Event(), []

    def rule(method, _):
        return (403, {"message": "no longer"}) if broken.is_set() and method == "PATCH" else None

    with front(api.url, rule) as url, lock(url, tell=told.append):
        broken.set()
    assert re.search(r"team-a/lock was not released, and expires in 1 s: .*no longer", told[0])


@pytest.mark.parametrize("lost", ["POST", "PATCH"])
def test_an_answer_that_is_lost_is_looked_up(api, world, scripted, lost):
    if lost == "PATCH":
        put(world, holderIdentity="")
    cut = []

    def script(seen):
        request = urllib.request.Request(api.url + seen.path, seen.body or None, dict(seen.headers), method=seen.method)  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310 - loopback
                body, code = json.load(answer), answer.status
        except urllib.error.HTTPError as error:
            with error:
                body, code = json.load(error), error.code
        if seen.method == lost and not cut:
            cut.append(seen)
            return Answer(reset=True)
        return Answer(body, code)

    with lock(scripted(script).url) as check:
        check()
        assert spec(world)["holderIdentity"]
    assert cut
    assert spec(world)["holderIdentity"] == ""


def test_a_server_that_contradicts_itself_is_an_error_in_the_end(scripted):
    server = scripted(lambda seen: status(404, "NotFound") if seen.method == "GET" else status(409, "AlreadyExists"))
    with pytest.raises(ClusterError, match="409 AlreadyExists"):
        lock(server.url).__enter__()


def test_a_lease_that_may_not_be_read_or_made_is_an_error(api, scripted):
    with pytest.raises(ForbiddenError):
        lock(scripted(status(403, "Forbidden")).url).__enter__()
    with pytest.raises(NotFoundError, match="no-such-place"):
        lock(api.url, namespace="no-such-place").__enter__()


def test_of_many_that_compete_one_at_a_time_has_it(api, world):
    inside, most, turns = [], [], []

    def run(number):
        with lock(api.url, wait=20, duration=2) as check:
            inside.append(number)
            most.append(len(inside))
            time.sleep(0.02)
            check()
            turns.append(number)
            inside.remove(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(turns) == list(range(5))
    assert set(most) == {1}
    assert spec(world)["leaseTransitions"] == 4


@given(st.text(max_size=300), st.text(max_size=300))
def test_every_owner_has_a_lease_of_its_own_with_a_name_that_the_server_takes(one, other):
    name = lease_name(one)
    assert re.fullmatch(r"syncer-[a-z0-9]([-a-z0-9]*[a-z0-9])?", name)
    assert len(name) <= 63
    assert (name == lease_name(other)) == (one == other)


def test_the_name_of_a_lease_can_be_read():
    assert re.fullmatch(r"syncer-github-com-example-tags-[0-9a-f]{8}", lease_name("github.com/Example/tags"))
    assert lease_name("a/b") != lease_name("a-b")
    assert re.fullmatch(r"syncer-[0-9a-f]{8}", lease_name("…"))


def test_a_pod_knows_its_namespace(tmp_path):
    assert pod_namespace(tmp_path) == ""
    (tmp_path / "namespace").write_text("team-a\n")
    assert pod_namespace(tmp_path) == "team-a"
