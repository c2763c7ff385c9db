"""The story of a run: what refuses it before the first write, in which order, and what the report holds."""

import itertools
import re
import time
from collections import Counter

import pytest
from builders import key
from world import Once, World, front, tag

from syncer.errors import GateError, ManifestError, SourceError, UsageError
from syncer.events import Applied, ImportMoved, Progress, StageBegan, StageEnded
from syncer.localapi import LocalAPI
from syncer.plan import Limit
from syncer.source import SourceSpec
from syncer.sync.run import Running

APP = "team-a/app:v1"


@pytest.fixture(scope="module")
def server():
    with LocalAPI(import_delay=0.05) as api:
        yield api


@pytest.fixture
def world(server):
    world = World(server)
    world.clear()
    return world


@pytest.fixture
def folder(tmp_path):
    """A folder outside git, with nothing in it."""
    path = tmp_path / "tags"
    path.mkdir()
    return path


def test_a_run_is_refused_for_the_most_basic_reason_first(world, folder):
    source = SourceSpec(str(folder))
    (folder / "bad.yaml").write_text("kind: [")
    common = {"source": source, "namespaces": ("team-a",)}
    steps = [
        (ManifestError, (folder / "bad.yaml").unlink, {"owner": ""}),
        (SourceError, lambda: None, {"owner": ""}),
        (UsageError, lambda: None, {"owner": "", "allow_dirty": True}),
        (GateError, lambda: None, {"owner": "demo", "allow_dirty": True}),
    ]
    for refusal, cure, options in steps:
        run = world.sync(**common, **options)
        assert type(run.refusal) is refusal
        assert (run.exit_code(), run.report.applied) == (refusal.exit_code, False)
        cure()
    assert world.writes() == []
    done = world.sync(**common, owner="demo", allow_dirty=True, allow_empty=True)
    assert (done.refusal, done.exit_code(), done.report.applied) == (None, 0, True)


def test_a_refused_run_never_asks_whether_to_stop_for_no_write_was_near(world):
    asked = Once(lambda: None)
    world.sync(stopped=asked, namespaces=("team-a",))
    assert not asked.called


def test_the_report_times_each_stage(world):
    assert set(world.plan(tag(APP)).report.timings) == {"source", "manifests", "live", "plan"}
    assert {"apply", "wait"} <= set(world.sync(tag(APP), wait=5.0).report.timings)


def test_the_scope_is_what_the_manifests_name_unless_it_is_given(world):
    scope = world.plan(tag("team-b/app:v1"), tag(APP)).report.plan.scope
    assert (scope.namespaces, scope.derived) == (("team-a", "team-b"), True)
    given = world.plan(tag("team-b/app:v1"), tag(APP), namespaces=("team-a",)).report.plan
    assert (given.scope.namespaces, given.scope.derived) == (("team-a",), False)
    assert {str(change.key): change.action for change in given.changes} == {APP: "create", "team-b/app:v1": "skip"}


def test_a_tag_that_goes_while_the_one_that_it_follows_moves_is_pruned_by_the_same_run():
    base, follower = "team-a/app:v1", tag("team-a/app:prod", {"kind": "ImageStreamTag", "name": "v1"})
    with LocalAPI(import_delay=0) as api:
        world = World(api)
        world.sync(tag(base), follower)
        world.settle(base, "team-a/app:prod")
        run = world.sync(tag(base, "registry.example.com/team/app:v9"), max_prune=Limit(count=1))
    assert {str(key): outcome.result for key, outcome in run.report.outcomes.items()} == {
        "team-a/app:prod": "pruned",
        base: "configured",
    }


def test_a_tag_beyond_the_scope_that_is_followed_is_read_and_never_written(world):
    world.post(tag("team-b/base:v1"))
    world.settle("team-b/base:v1")
    world.forget()
    follower = tag("team-a/web:prod", {"kind": "ImageStreamTag", "name": "base:v1", "namespace": "team-b"})
    world.sync(follower)
    world.point("team-b/base:v1", "registry.example.com/team/app:v2")
    world.settle("team-b/base:v1")
    world.forget()
    run = world.sync(follower)
    assert run.report.plan.changes[0].reason == "follower behind"
    assert world.items("team-a/web:prod")[0] == world.items("team-b/base:v1")[0]
    assert [path for _, path in world.writes() if "team-b" in path] == []


def test_each_outcome_is_told_as_it_comes_and_kept_in_the_report(world):
    told = []
    run = world.sync(tag(APP), tag("team-a/web:v1"), tell=told.append)
    outcomes = [event.outcome for event in told if isinstance(event, Applied)]
    assert sorted(outcome.key for outcome in outcomes) == [key(APP), key("team-a/web:v1")]
    assert {outcome.key: outcome for outcome in outcomes} == dict(run.report.outcomes)


def test_a_run_tells_its_stages_in_order_and_what_each_came_to(world):
    told = []
    world.sync(tag(APP), tag("team-a/web:v1"), wait=5.0, tell=told.append)
    stages = ["source", "manifests", "live", "plan", "apply", "wait"]
    assert [event.stage for event in told if isinstance(event, StageBegan)] == stages
    ended = {event.stage: event.counts for event in told if isinstance(event, StageEnded)}
    assert list(ended) == stages
    assert ended["manifests"] == {"files": 1, "tags": 2, "problems": 0}
    assert (ended["plan"], ended["apply"], ended["wait"]) == ({"create": 2}, {"created": 2}, {"imported": 2})
    moved = [event for event in told if isinstance(event, ImportMoved)]
    assert {(event.key, event.image.state) for event in moved} == {
        (key(APP), "imported"),
        (key("team-a/web:v1"), "imported"),
    }


def test_progress_comes_to_its_total(world):
    told = []
    world.sync(*(tag(f"team-a/app:v{number}") for number in range(5)), wait=5.0, tell=told.append)
    last = {event.stage: (event.done, event.total) for event in told if isinstance(event, Progress)}
    assert (last["manifests"], last["apply"], last["wait"]) == ((1, 1), (5, 5), (5, 5))


def test_a_plan_and_a_run_with_nothing_to_do_tell_no_outcome(world):
    told = []
    world.sync(tag(APP))
    world.sync(tag(APP), tell=told.append)
    assert [event for event in told if isinstance(event, Applied)] == []
    assert [event.total for event in told if isinstance(event, StageBegan) and event.stage == "apply"] == [0]


def test_progress_is_told_a_few_times_a_second_and_at_the_end():
    told, running = [], Running("live", lambda event: told.append(event.done), 1000)
    for _ in running.each(range(1000)):
        pass
    assert told[0] == 1
    assert told[-1] == 1000
    assert len(told) < 20


def away(methods, *, after=0, times=10**9):
    """Answer 503 to these methods on tags, and to reads of one stream, after so many of them and so many times."""
    count = itertools.count()

    def rule(method, path):
        reads = method == "GET" and re.search(r"/imagestreams/\w", path)
        if not (method in methods or reads) or not after <= next(count) < after + times:
            return None
        return 503, {"kind": "Status", "reason": "ServiceUnavailable", "message": "no endpoints available"}

    return rule


def test_a_server_that_is_gone_for_good_fails_what_is_left_at_once_and_there_is_a_report(world):
    told = []
    wanted = [tag(f"team-a/s{number:03}:v1") for number in range(300)]
    with front(world.url, away({"POST"}, after=3)) as url:
        far = World(world.api, url=url, outage=0.3)
        far.client.tell = told.append
        began = time.monotonic()
        run = far.sync(*wanted, concurrency=2, wait=30.0)
    assert time.monotonic() - began < 20
    errors = Counter(outcome.error for outcome in run.report.outcomes.values())
    assert (len(run.report.outcomes), errors[""], run.exit_code()) == (300, 3, 4)
    assert errors["the server stopped answering; not tried"] >= 290
    assert any("503" in error and "not known whether it took effect" in error for error in errors)
    assert told[-1] == "the server stopped answering; the rest is not tried"


def test_a_server_that_comes_back_is_waited_for_and_nothing_is_lost(world):
    told = []
    wanted = [tag(f"team-a/s{number:03}:v1") for number in range(20)]
    with front(world.url, away({"POST"}, after=3, times=25)) as url:
        far = World(world.api, url=url, outage=30.0)
        far.client.tell = told.append
        run = far.sync(*wanted, concurrency=2)
    assert {outcome.result for outcome in run.report.outcomes.values()} == {"created"}
    assert run.exit_code() == 0
    assert told[-1] == "the server answers again"


def test_with_a_wait_the_outcomes_know_their_images(world):
    outcome = world.sync(tag(APP), wait=5.0).report.outcomes[key(APP)]
    assert [outcome.image.digest] == world.items(APP)
    assert world.sync(tag("team-a/web:v1")).report.outcomes[key("team-a/web:v1")].image is None


def test_a_stream_that_a_prune_leaves_without_a_tag_is_told_and_not_removed(world):
    before = [tag(APP), tag("team-a/old:v1"), tag("team-a/old:v2"), tag("team-a/web:v1"), tag("team-a/web:v2")]
    world.sync(*before, wait=20)  # an import that ends between plan and prune would keep its tag
    left = [tag(APP), tag("team-a/web:v1")]
    note = ("ImageStream team-a/old is left without a tag; it is not removed (oc delete imagestream old -n team-a)",)
    assert world.plan(*left).report.notes == note
    world.forget()
    assert world.sync(*left).report.notes == note
    assert world.stream("team-a/old")["spec"].get("tags") is None
    assert not [path for _, path in world.writes() if "imagestreams/" in path]
    assert world.sync(*left).report.notes == ()


def test_a_stream_that_keeps_a_tag_after_all_is_not_told_to_be_empty(world):
    world.sync(tag(APP), tag("team-a/old:v1"))
    run = world.sync(tag(APP), stopped=Once(lambda: world.point("team-a/old:v1", "registry.example.com/by/hand:1")))
    assert run.report.outcomes[key("team-a/old:v1")].result == "skipped"
    assert run.report.notes == ()
