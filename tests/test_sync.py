"""The story of a run: what refuses it before the first write, in which order, and what the report holds."""

import pytest
from builders import key
from world import Once, World, tag

from syncer.errors import GateError, ManifestError, SourceError, UsageError
from syncer.localapi import LocalAPI
from syncer.source import SourceSpec

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
    run = world.sync(tag(APP), tag("team-a/web:v1"), on_outcome=told.append)
    assert sorted(outcome.key for outcome in told) == [key(APP), key("team-a/web:v1")]
    assert {outcome.key: outcome for outcome in told} == dict(run.report.outcomes)


def test_with_a_wait_the_outcomes_know_their_images(world):
    outcome = world.sync(tag(APP), wait=5.0).report.outcomes[key(APP)]
    assert [outcome.image.digest] == world.items(APP)
    assert world.sync(tag("team-a/web:v1")).report.outcomes[key("team-a/web:v1")].image is None
