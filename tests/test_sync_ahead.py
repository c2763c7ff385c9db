"""Pages are asked for before git is read and parsed, and nothing else is different: requests, plans, errors."""

import io
import subprocess
import threading
import time
from collections import Counter
from contextlib import contextmanager

import pytest
from world import World, front, tag, text_of

from syncer import sync
from syncer.cluster import ReadAhead, ahead
from syncer.errors import ClusterError, SourceError, UsageError
from syncer.events import Progress
from syncer.localapi import LocalAPI
from syncer.source import SourceSpec
from syncer.sync.cache import Cache
from syncer.sync.run import Stopwatch
from syncer.sync.story import prepare, read

TAGS = [tag("team-a/app:v1"), tag("team-b/app:v1"), tag("team-c/app:v1")]
SCOPES = [{"all_namespaces": True}, {"namespaces": ("team-b", "team-a", "no-such-team")}, {}]
scopes = pytest.mark.parametrize("scope", SCOPES, ids=["all", "given", "derived"])


@pytest.fixture(scope="module", params=["openshift", "documented"])
def server(request):
    with LocalAPI(profile=request.param, imports=False) as api:
        yield api


@pytest.fixture
def world(server):
    world = World(server)
    world.clear()
    for manifest in TAGS[:2]:
        world.post(manifest)
    world.forget()
    return world


class Waits(io.BytesIO):
    """Manifests on stdin that come once something holds."""

    def __init__(self, manifests, holds):
        super().__init__(text_of(manifests).encode())
        self.holds = holds

    def read(self, *size):
        until(self.holds)
        return super().read(*size)


def until(holds):
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@contextmanager
def no_thread_stays():
    yield
    until(lambda: "background" not in {thread.name for thread in threading.enumerate()})


def stdin():
    return io.BytesIO(text_of(TAGS).encode())


@pytest.mark.parametrize("scope", SCOPES[:2], ids=["all", "given"])
def test_where_the_scope_is_given_pages_come_before_git_is_read(world, scope):
    with no_thread_stays():
        run = sync.plan(world.options(**scope), world.client, Waits(TAGS, lambda: len(world.requests("GET")) >= 2))
    assert run.report.plan.complete


def test_where_the_manifests_say_it_a_namespace_is_asked_for_while_others_are_parsed(world, tmp_path):
    for number, manifest in enumerate(TAGS):
        (tmp_path / f"{number}.yaml").write_text(text_of([manifest]))

    def tell(event):
        if isinstance(event, Progress) and event.stage == "manifests" and event.done == 1:
            until(lambda: [path for _, path in world.requests("GET") if "team-a/imagestream" in path])

    options = world.options(source=SourceSpec(str(tmp_path)))
    scope = sync.plan(options, world.client, io.BytesIO(), tell=tell).report.plan.scope
    assert (scope.namespaces, scope.derived) == (("team-a", "team-b", "team-c"), True)


@scopes
@pytest.mark.parametrize("page_size", [1, 500])
def test_the_requests_and_the_plan_are_those_of_one_after_the_other(world, scope, page_size):
    for number in range(5):
        world.post(tag(f"team-a/more{number}:v1"))
    world.forget()
    options, watch = world.options(**scope, page_size=page_size), Stopwatch()
    one_by_one = prepare(options, world.client, read(options, stdin(), watch), watch)
    wanted = Counter(world.requests())
    world.forget()
    with no_thread_stays():
        beside = sync.plan(options, world.client, stdin())
    assert Counter(world.requests()) == wanted
    assert (beside.report.plan, set(beside.report.timings)) == (one_by_one.plan, set(watch.seconds))


def test_a_namespace_that_only_a_tag_described_twice_names_is_not_in_scope(world):
    run = world.plan(TAGS[0], TAGS[1], TAGS[1])
    assert run.report.plan.scope.namespaces == ("team-a",)
    assert {str(change.key) for change in run.report.plan.changes} == {"team-a/app:v1"}


@scopes
def test_an_error_of_the_source_comes_first_whatever_the_server_says(world, scope, tmp_path):
    gone = World(world.api, url="http://127.0.0.1:9", outage=0.0, attempts=1)
    options = world.options(source=SourceSpec(str(tmp_path / "nowhere")), **scope)
    with no_thread_stays(), pytest.raises(SourceError, match="does not exist"):
        sync.plan(options, gone.client, io.BytesIO())
    with no_thread_stays(), pytest.raises(ClusterError, match="cannot connect"):
        gone.plan(*TAGS, **scope)
    both = world.options(all_namespaces=True, namespaces=("team-a",))
    with no_thread_stays(), pytest.raises(UsageError, match="exclude each other"):
        sync.plan(both, gone.client, stdin())


def test_an_error_of_the_source_waits_for_no_page_and_no_further_one_is_asked_for(world):
    holds, came = threading.Event(), threading.Event()

    def rule(_, path):
        if "/imagestream" in path:
            came.set()
            holds.wait(20)

    class Broken(io.BytesIO):
        def read(self, *_):
            assert came.wait(20)
            raise SourceError("stdin broke")

    with front(world.url, rule) as url, no_thread_stays():
        far = World(world.api, url=url)
        with pytest.raises(SourceError, match="stdin broke"):
            sync.plan(world.options(all_namespaces=True, page_size=1), far.client, Broken())
        assert not holds.is_set()
        holds.set()
    assert len(world.requests("GET")) <= 1


@scopes
def test_a_page_that_failed_ahead_is_asked_for_again_and_what_comes_of_that_counts(world, scope):
    failed = []

    def rule(_, path):
        if path not in failed and "imagestream" in path:
            failed.append(path)
            return 500, {"kind": "Status", "reason": "InternalError", "message": "once"}
        return None

    with front(world.url, rule) as url:
        run = World(world.api, url=url).plan(*TAGS, **scope)
    assert failed
    assert run.report.plan == world.plan(*TAGS, **scope).report.plan


def test_a_sync_asks_for_nothing_before_it_holds_its_lock(world):
    asked = []

    @contextmanager
    def lock(owner):
        asked.append((owner, world.requests()))
        yield lambda: None

    source = io.BytesIO(text_of(TAGS[:2]).encode())
    run = sync.sync(world.options(all_namespaces=True), world.client, source, lock=lock)
    assert (asked, run.exit_code()) == ([("demo", [])], 0)


def test_no_more_is_read_ahead_than_there_is_room_for(world, monkeypatch):
    monkeypatch.setattr(ahead, "MOST_AHEAD", 1)
    for number in range(4):
        world.post(tag(f"team-a/s{number}:v1"))
    world.forget()
    options = world.options(all_namespaces=True, page_size=1)
    seen = []

    def holds():
        if len(world.requests("GET")) < 2:
            return False
        time.sleep(0.2)  # time enough to ask for more
        seen.extend(world.requests("GET"))
        return True

    run = sync.plan(options, world.client, Waits(TAGS, holds))
    assert len(seen) == 2  # which list there is, and its first page
    assert len(run.report.plan.changes) == 3
    assert len(world.requests("GET")) > 6


def test_what_was_never_begun_has_nothing(world):
    with ReadAhead(world.client, page_size=500, concurrency=2) as reading:
        assert reading.finish() is None
        reading.begin("team-a")
    assert world.requests() == []


def test_where_a_run_is_kept_its_lists_are_skimmed_from_the_pages_that_came(world, tmp_path):
    repository = tmp_path / "tags"
    repository.mkdir()
    git = ["git", "-C", str(repository), "-c", "user.name=Ann", "-c", "user.email=ann@example.com"]
    (repository / "tags.yaml").write_text(text_of(TAGS[:2]))
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "tags"]):
        subprocess.run([*git, *command], check=True)
    options = world.options(source=SourceSpec(str(repository)), all_namespaces=True, page_size=1)
    kept = Cache(tmp_path / "cache")
    asked = [0]
    for namespace in ("team-a", "team-b"):
        world.api.push(namespace, "app", "v1")
    for moved in (True, True, False):
        world.forget()
        run = sync.sync(options, world.client, io.BytesIO(), cache=kept)
        assert (run.exit_code(), "manifests" in run.report.timings) == (0, moved)
        asked.append(len(world.requests("GET")))
    assert asked[2] == asked[3]
