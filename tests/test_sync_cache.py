"""Runs that are kept: what one that had nothing to do lets the next one say, and all that must have it plan anew."""

import dataclasses
import itertools
import os
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from test_sync_since import commit, git, write
from world import MERGE_PATCH, World, front, make_client, tag

from syncer import sync
from syncer.localapi import Identity, LocalAPI
from syncer.model import Shard
from syncer.plan import Limit
from syncer.report import FORMATS, render
from syncer.source import SourceSpec
from syncer.sync import Cache, Options
from syncer.sync.cache import LONGEST

APP, OTHER, FOLLOWER = "team-a/app:v1", "team-a/other:v1", "team-a/app:stable"
FOLLOWS = {"kind": "ImageStreamTag", "name": "v1"}
NEXT = "registry.example.com/team/app:v2"


@pytest.fixture(scope="module")
def server():
    with LocalAPI(import_delay=0) as api:
        yield api


@pytest.fixture
def world(server):
    world = World(server)
    world.clear()
    return world


@pytest.fixture
def folder(tmp_path):
    return repository(tmp_path / "tags")


def repository(folder):
    """Make a repository whose only commit names three tags, one of which follows another."""
    folder.mkdir()
    git(folder, "init", "--quiet", "-b", "main")
    write(folder, "app", tag(APP, annotations={"note": "ä"}))
    write(folder, "stable", tag(FOLLOWER, FOLLOWS))
    write(folder, "other", tag(OTHER))
    commit(folder)
    return folder


class Runs:
    """Runs of one repository, with a cache and without; `clock` is the time in seconds."""

    def __init__(self, world, folder):
        self.world, self.folder, self.clock, self.told = world, folder, 1_000_000.0, []
        self.cache = Cache(folder.parent / "cache", self.told.append, lambda: self.clock)
        self.client = world.client

    def options(self, **more):
        spec = more.pop("spec", {})
        source = SourceSpec(str(self.folder), **spec)
        return Options(**{"source": source, "owner": "demo", "namespaces": ("team-a",), **more})

    def plan(self, **more):
        return sync.plan(self.options(**more), self.client, None, cache=self.cache)

    def anew(self, **more):
        return sync.plan(self.options(**more), self.client, None)

    def sync(self, **more):
        return sync.sync(self.options(**more), self.client, None, cache=self.cache)

    def at_rest(self, **more):
        """Have all that git says on the cluster, and a run kept."""
        sync.sync(self.options(), self.world.client, None)
        self.world.settle(APP, OTHER, FOLLOWER)
        assert not is_quick(self.plan(**more))
        assert is_quick(self.plan(**more))
        return self

    @property
    def file(self):
        [file] = self.cache.folder.iterdir()
        return file


@pytest.fixture
def runs(world, folder):
    return Runs(world, folder)


def is_quick(run):
    return bool(run.report.unmoved_since)


def shown(run, formats=("json", "text")):
    """Give a report, all tags in it, but for what may differ: the note, and how long it took."""
    report = msgspec.structs.replace(run.report, unmoved_since="", timings={})
    return [render(name, report, verbose=True) for name in formats], run.exit_code(detailed=True)


# ------------------------------------------------------------------------------------------- nothing moved


def test_a_run_that_finds_nothing_moved_says_so_in_the_report_of_a_run_in_full(runs):
    runs.at_rest()
    quick = runs.plan()
    assert is_quick(quick)
    assert quick.report.timings.keys() == {"source", "live"}
    assert shown(quick, FORMATS) == shown(runs.anew(), FORMATS)
    assert "Neither git nor the cluster moved since the run at 1970-01-12T13:46:40Z" in render("text", quick.report)


def test_the_lists_are_read_to_their_end_each_time_and_nothing_is_written(runs):
    runs.at_rest()
    runs.world.forget()
    assert is_quick(runs.sync())
    full = runs.world.requests()
    assert runs.world.writes() == []
    runs.world.forget()
    runs.anew()
    assert runs.world.requests() == full


def test_a_sync_profits_from_a_plan_and_a_plan_from_a_sync(runs):
    runs.at_rest()
    synced = runs.sync()
    assert is_quick(synced)
    assert synced.report.applied
    assert shown(synced) == shown(sync.sync(runs.options(), runs.client, None))
    runs.clock += LONGEST + 1
    assert not is_quick(runs.sync())
    assert is_quick(runs.plan())


def test_a_run_that_moved_something_is_not_kept_but_the_next_is(runs):
    ran = runs.sync()
    runs.world.settle(APP, OTHER, FOLLOWER)
    following = [is_quick(runs.sync()) for _ in range(3)]
    assert (is_quick(ran), following) == (False, [False, True, True])


def test_all_that_was_listed_is_read_in_full_once_where_something_moved(runs):
    runs.at_rest()
    runs.world.point(OTHER, NEXT)
    runs.world.settle(OTHER)
    runs.world.forget()
    moved = runs.plan()
    with_cache = runs.world.requests()
    assert {str(c.key): c.action for c in moved.report.plan.changes}[OTHER] == "update"
    runs.world.forget()
    assert shown(moved) == shown(runs.anew())
    assert runs.world.requests() == with_cache


def test_impact_of_nothing_is_told_as_in_a_run_in_full(runs):
    runs.at_rest(impact=True)
    quick = runs.plan(impact=True)
    assert is_quick(quick)
    assert shown(quick) == shown(runs.anew(impact=True))


def test_all_namespaces_may_be_listed(runs):
    everything = {"namespaces": (), "all_namespaces": True, "owner": "demo"}
    runs.at_rest(**everything)
    runs.world.post(tag("team-z/new:v1"))
    assert not is_quick(runs.plan(**everything))


@pytest.mark.parametrize("spec", [{"location": "file://{}"}, {"ref": "main"}, {"location": "{}/.git"}])
def test_a_url_a_ref_and_a_bare_repository_may_be_read(runs, spec):
    location = spec.get("location", "{}").format(runs.folder)
    more = {"source": SourceSpec(location, spec.get("ref", "")), "owner": "demo"}
    runs.at_rest(**more)
    assert shown(runs.plan(**more)) == shown(runs.anew(**more))
    elsewhere(runs, lambda: write(runs.folder, "other", tag(OTHER, NEXT)))
    assert not is_quick(runs.plan(**more))


def test_the_lock_is_taken_as_ever(runs):
    taken = []

    def lock(owner):
        taken.append(owner)
        return sync.no_lock(owner)

    runs.at_rest()
    assert is_quick(sync.sync(runs.options(), runs.client, None, lock=lock, cache=runs.cache))
    assert taken == ["demo"]


# ------------------------------------------------------------------------------------------- what voids it


def elsewhere(runs, change):
    """Do something in git, and commit it."""
    change()
    git(runs.folder, "add", "--all")
    git(runs.folder, "commit", "--allow-empty", "-qm", "tags")


MOVES = {
    "a commit that changes a manifest": lambda r: elsewhere(r, lambda: write(r.folder, "other", tag(OTHER, NEXT))),
    "a commit that removes a manifest": lambda r: elsewhere(r, (r.folder / "other.yaml").unlink),
    "a commit that changes no manifest": lambda r: elsewhere(r, lambda: (r.folder / "README").write_text("x")),
    "an empty commit": lambda r: git(r.folder, "commit", "--allow-empty", "-qm", "x"),
    "an edit that is not committed": lambda r: write(r.folder, "other", tag(OTHER, NEXT)),
    "a new file that is not committed": lambda r: write(r.folder, "new", tag("team-a/new:v1")),
    "an edit that git was told to overlook": lambda r: (
        git(r.folder, "update-index", "--assume-unchanged", "other.yaml"),
        write(r.folder, "other", tag(OTHER, NEXT)),
    ),
    "another branch at the same commit": lambda r: git(r.folder, "checkout", "-q", "-b", "topic"),
    "another origin": lambda r: git(r.folder, "remote", "add", "origin", "https://git.example.com/x.git"),
    "a tag that was pointed elsewhere": lambda r: r.world.point(OTHER, NEXT),
    "an annotation of a tag": lambda r: r.world.annotate(OTHER, note="x"),
    "a tag that was deleted": lambda r: r.world.delete(OTHER),
    "a tag of nobody": lambda r: r.world.post(tag("team-a/app:nobody")),
    "an annotation of a stream": lambda r: r.world(
        "PATCH", "team-a/imagestreams/other", {"metadata": {"annotations": {"x": "y"}}}, MERGE_PATCH
    ),
    "a new stream": lambda r: r.world.post(tag("team-a/new:v1")),
    "a new stream without a tag": lambda r: r.world(
        "POST", "team-a/imagestreams", {"kind": "ImageStream", "metadata": {"name": "empty"}}
    ),
    "a stream that was deleted": lambda r: r.world.delete_stream(OTHER),
    "a stream that was deleted and made anew, the very same": lambda r: made_anew(r.world, OTHER),
}


def made_anew(world, text):
    stream = world.stream(text)
    world.delete_stream(text)
    for name in ("uid", "resourceVersion", "creationTimestamp"):
        stream["metadata"].pop(name, None)
    status, _ = world("POST", f"{text.partition('/')[0]}/imagestreams", stream)
    assert status == 201


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_what_moves_in_git_or_on_the_cluster_has_the_run_plan_anew(runs, move):
    runs.at_rest()
    move(runs)
    moved = runs.plan()
    assert not is_quick(moved)
    assert shown(moved) == shown(runs.anew())


def test_what_another_namespace_holds_does_not_matter(runs):
    runs.at_rest()
    runs.world.post(tag("team-z/new:v1"))
    assert is_quick(runs.plan())


OPTIONS = {
    "source": [
        {"spec": {"ref": "main"}},
        {"spec": {"ref": "HEAD"}},
        {"spec": {"paths": (".",)}},
        {"spec": {"excludes": ("*.json",)}},
        {"spec": {"since": "HEAD"}},
    ],
    "namespaces": [{"namespaces": ("team-a", "team-b")}, {"namespaces": ()}],
    "all_namespaces": [{"all_namespaces": True, "namespaces": ()}],
    "owner": [{"owner": "rival"}],
    "page_size": [{"page_size": 1}],
    "concurrency": [{"concurrency": 1}],
    "prune": [{"prune": False}],
    "max_prune": [{"max_prune": Limit.parse("1")}],
    "max_change": [{"max_change": Limit.parse("1%")}],
    "on_drift": [{"on_drift": "report"}, {"on_drift": "fail"}],
    "allow_empty": [{"allow_empty": True}],
    "allow_dirty": [{"allow_dirty": True}],
    "adopt_pushed": [{"adopt_pushed": True}],
    "take_from": [{"take_from": "rival"}],
    "impact": [{"impact": True}],
    "prune_used": [{"prune_used": True, "impact": True}],
    "wait": [{"wait": 1.0}],
    "retry_imports": [{"retry_imports": True}],
    "import_failures": [{"import_failures": "error"}],
    "resolve": [{"resolve": True}],
    "shard": [{"shard": Shard(0, 1)}],
}


def test_every_option_has_its_row():
    assert OPTIONS.keys() == {field.name for field in dataclasses.fields(Options)} - {"undo_file"}


def test_a_run_with_another_option_plans_anew(runs):
    runs.at_rest()
    assert is_quick(runs.plan(undo_file=Path("elsewhere")))
    for more in itertools.chain.from_iterable(OPTIONS.values()):
        run = runs.plan(**more)
        assert not is_quick(run), more


def test_another_server_at_which_the_same_is_to_be_seen_is_another_one(runs):
    runs.at_rest()
    with front(runs.world.url, lambda *_: None) as url:
        runs.client = make_client(url)
        assert not is_quick(runs.plan())


def test_another_version_of_syncer_believes_nothing(runs, monkeypatch):
    runs.at_rest()
    for name, value in (("__version__", "0.0.0"), ("FORMAT", 0)):
        with monkeypatch.context() as patch:
            patch.setattr(f"syncer.sync.cache.{name}", value)
            assert not is_quick(runs.plan())


def test_other_credentials_see_for_themselves(world, folder, tmp_path):
    tokens = {"all": Identity("ann", "admin", ()), "some": Identity("bob", "view", ("team-b",))}
    scope = {"namespaces": ("team-a", "team-b")}
    with LocalAPI(import_delay=0, tokens=tokens) as api:
        clients = {}
        for name in tokens:
            (tmp_path / name).write_text(name)
            clients[name] = make_client(api.url, token_file=tmp_path / name)
        runs = Runs(world, folder)
        runs.client = clients["all"]
        sync.sync(runs.options(**scope), runs.client, None)
        wait_until(lambda: runs.anew(**scope).report.plan.changes[0].image.state != "pending")
        wait_until(lambda: is_quick(runs.plan(**scope)))
        runs.client = clients["some"]
        blind = runs.plan(**scope)
        assert (is_quick(blind), blind.report.plan.complete) == (False, False)
        assert shown(blind) == shown(runs.anew(**scope))


def wait_until(holds):
    for _ in range(100):
        if holds():
            return
    raise AssertionError


def test_an_hour_later_a_run_is_in_full_and_so_is_one_before_its_time(runs):
    runs.at_rest()
    began = runs.clock
    for seconds, quick in ((LONGEST - 1, True), (LONGEST + 1, False)):
        runs.clock = began + seconds
        file = runs.file.read_bytes()
        assert is_quick(runs.plan()) is quick
        runs.file.write_bytes(file)
    runs.clock = began - 1
    assert not is_quick(runs.plan())


def test_the_hour_counts_from_the_run_in_full(runs):
    runs.at_rest()
    for _ in range(3):
        runs.clock += LONGEST / 3
        assert is_quick(runs.plan())
    runs.clock += 1
    assert not is_quick(runs.plan())


# ------------------------------------------------------------------------------------------- the file

SPOILT = {
    "cut off": lambda file: file.write_bytes(file.read_bytes()[:-1]),
    "cut in half": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]),
    "with more at its end": lambda file: file.write_bytes(file.read_bytes() + b"\x01"),
    "huge": lambda file: os.truncate(file, 3 << 40),
    "empty": lambda file: file.write_bytes(b""),
    "not one of ours": lambda file: file.write_text('{"a": 1}'),
    "of the wrong shape": lambda file: file.write_bytes(msgspec.msgpack.encode([1, 2, 3])),
    "of another run": lambda file: file.write_bytes(changed(file, 0, "0" * 64)),
    "with tags that are none": lambda file: file.write_bytes(changed(file, -1, [["a"]])),
    "a symbolic link": lambda file: file.symlink_to(file.rename(file.with_name("elsewhere"))),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
    "a pipe": lambda file: (file.unlink(), os.mkfifo(file)),
    "writable by everybody": lambda file: file.chmod(0o602),
    "gone": lambda file: file.unlink(),
}


def changed(file, place, value):
    parts = msgspec.msgpack.decode(file.read_bytes())
    parts[place] = value
    return msgspec.msgpack.encode(parts)


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_file_that_is_not_just_as_it_was_left_is_not_believed(runs, spoil):
    runs.at_rest()
    spoil(runs.file)
    run = runs.plan()
    assert not is_quick(run)
    assert shown(run) == shown(runs.anew())


def test_a_file_of_another_user_is_not_believed(runs, monkeypatch):
    runs.at_rest()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert not is_quick(runs.plan())


def test_a_file_that_the_group_may_write_is_believed_for_such_are_those_on_a_pods_volume(runs):
    runs.at_rest()
    runs.file.chmod(0o660)
    assert is_quick(runs.plan())


def test_files_are_for_their_owner_alone_and_hold_no_secret(runs, tmp_path):
    (tmp_path / "token").write_text("secret-token")
    runs.client = make_client(runs.world.url, token_file=tmp_path / "token")
    runs.at_rest()
    assert runs.file.stat().st_mode & 0o777 == 0o600
    assert runs.cache.folder.stat().st_mode & 0o777 == 0o700
    assert b"secret-token" not in runs.file.read_bytes() + runs.file.name.encode()


def test_no_more_than_so_many_files_are_kept_and_the_latest_stays(runs, monkeypatch):
    monkeypatch.setattr("syncer.sync.cache.MOST_FILES", 3)
    runs.at_rest()
    for number in range(5):
        assert not is_quick(runs.plan(page_size=number + 1))
    assert len(list(runs.cache.folder.iterdir())) == 3
    assert is_quick(runs.plan(page_size=5))


def test_where_no_file_can_be_written_the_run_goes_on_and_says_so_to_who_listens(runs):
    runs.cache = replace(runs.cache, folder=Path(os.devnull) / "syncer")
    sync.sync(runs.options(), runs.client, None)
    runs.world.settle(APP, OTHER, FOLLOWER)
    assert [runs.plan().exit_code() for _ in range(2)] == [0, 0]
    assert runs.told == ["the run is not kept for the next one: /dev/null/syncer: Not a directory"] * 2


# ------------------------------------------------------------------------------------------- what is not kept


def _dirty(runs):
    write(runs.folder, "new", tag("team-a/app:new"))
    sync.sync(runs.options(allow_dirty=True), runs.client, None)


def _settled(runs):
    sync.sync(runs.options(), runs.client, None)


def _followed_outside(runs):
    runs.world.post(tag("team-b/base:v1"))
    runs.world.settle("team-b/base:v1")
    follows = {"kind": "ImageStreamTag", "name": "base:v1", "namespace": "team-b"}
    elsewhere(runs, lambda: write(runs.folder, "other", tag(OTHER, follows)))
    _settled(runs)


def _committed(*manifests):
    def prepare(runs):
        elsewhere(runs, lambda: write(runs.folder, "more", *manifests))
        _settled(runs)

    return prepare


NOT_KEPT = {
    "something is to be done": lambda _: None,
    "a tag in git is out of scope": _committed(tag("team-b/app:v1")),
    "a tag that left git stays": lambda r: (
        _settled(r),
        r.world.annotate(OTHER, **{"syncer.dev/prune": "disabled"}),
        elsewhere(r, (r.folder / "other.yaml").unlink),
    ),
    "it is dirty": _dirty,
    "a tag outside the scope is followed": _followed_outside,
}


@pytest.mark.parametrize("prepare", NOT_KEPT.values(), ids=NOT_KEPT)
def test_a_run_is_not_kept_where(runs, prepare):
    prepare(runs)
    runs.world.settle(APP, OTHER, FOLLOWER)
    for _ in range(2):
        run = runs.plan(allow_dirty=True)
        assert not is_quick(run)
        assert shown(run) == shown(runs.anew(allow_dirty=True))
    assert not runs.cache.folder.exists()


# ------------------------------------------------------------------------------------------- what is told again

TOLD = {
    "a failed import": (tag("team-a/bad:v1", "registry.invalid/x:v1"),),
    "a warning": (
        tag("team-a/app:one", {"kind": "ImageStreamTag", "name": "two"}),
        tag("team-a/app:two", {"kind": "ImageStreamTag", "name": "one"}),
    ),
}


@pytest.mark.parametrize(("word", "manifests"), TOLD.items(), ids=TOLD)
def test_what_is_wrong_and_does_not_move_is_told_again_in_every_format(runs, word, manifests):
    _committed(*manifests)(runs)
    runs.world.settle(APP, OTHER, FOLLOWER, "team-a/bad:v1")
    more = {"import_failures": "error"}
    expected, first, quick = runs.anew(**more), runs.plan(**more), runs.plan(**more)
    assert (is_quick(first), is_quick(quick)) == (False, True)
    assert shown(quick, FORMATS) == shown(expected, FORMATS)
    assert word.split()[-1] in render("text", quick.report).lower()
    assert quick.exit_code() == expected.exit_code()


def test_an_import_that_is_under_way_is_told_again_until_it_ends(folder):
    with LocalAPI(imports=False) as api:
        runs = Runs(World(api), folder)
        _settled(runs)
        assert [is_quick(runs.plan()) for _ in range(2)] == [False, True]
        assert shown(runs.plan()) == shown(runs.anew())
        api.push("team-a", "other", "v1")
        assert not is_quick(runs.plan())


def test_a_sync_that_nothing_names_an_owner_for_is_refused_as_ever(runs):
    sync.sync(runs.options(owner=f"local/{runs.folder}"), runs.client, None)
    runs.world.settle(APP, OTHER, FOLLOWER)
    assert [is_quick(runs.plan(owner="")) for _ in range(2)] == [False, True]
    assert runs.sync(owner="").exit_code() == 64


# ------------------------------------------------------------------------------------------- the law

TEXTS = [APP, OTHER, FOLLOWER, "team-a/app:v2", "team-b/app:v1"]
FILES = {APP: "app", OTHER: "other", FOLLOWER: "stable"}
texts, sources = st.sampled_from(TEXTS), st.sampled_from([tag(APP)["tag"]["from"]["name"], NEXT, FOLLOWS])
edits = st.one_of(
    st.tuples(st.just("git"), texts, st.one_of(sources, st.none())),
    st.tuples(st.sampled_from(["point", "post"]), texts, sources),
    st.tuples(st.sampled_from(["delete", "delete_stream", "annotate", "made_anew"]), texts, st.none()),
)
rounds = st.tuples(st.one_of(st.just([]), st.lists(edits, max_size=2)), st.sampled_from(["plan", "sync"]))


def test_whatever_happens_a_run_with_a_cache_reports_and_does_what_one_without_does(tmp_path_factory, server):
    world, options, quick = World(server), {"namespaces": ("team-a", "team-b")}, []

    @settings(max_examples=6, phases=[Phase.generate])  # to shrink them takes minutes
    @given(history=st.lists(rounds, min_size=1, max_size=4))
    def law(history):
        world.clear()
        runs = Runs(world, repository(tmp_path_factory.mktemp("law") / "tags"))
        for edited, run in [([], "sync"), ([], "plan"), *history, ([], "plan")]:
            for edit in edited:
                _take(runs, *edit)
            world.settle(*TEXTS)
            expected, planned = runs.anew(**options), runs.plan(**options)
            assert shown(planned) == shown(expected)
            quick.append(is_quick(planned))
            if run == "sync":
                world.forget()
                ran = runs.sync(**options)
                requests = [(r.method, r.path) for c in expected.report.plan.changes for r in c.requests]
                assert sorted(world.writes()) == ([] if ran.refusal else sorted(requests))

    law()
    assert set(quick) == {True, False}


def _take(runs, step, text, source):
    """Do one thing, in git or on the cluster, as far as it can be done."""
    world, name = runs.world, FILES.get(text) or text.replace("/", "-").replace(":", "-")
    if source == FOLLOWS and text != FOLLOWER:  # it would follow itself, or nothing
        source = NEXT
    match step:
        case "git" if source:
            elsewhere(runs, lambda: write(runs.folder, name, tag(text, source)))
        case "git":
            (runs.folder / f"{name}.yaml").unlink(missing_ok=True)
            git(runs.folder, "commit", "--allow-empty", "-aqm", "x")
        case "post" if world.spec(text) is None:
            world("POST", f"{text.partition('/')[0]}/imagestreamtags", tag(text, source))
        case "point" if world.spec(text) and isinstance(source, str):
            world.point(text, source)
        case "annotate" if world.spec(text):
            world.annotate(text, note=str(runs.clock))
        case "delete" if world.spec(text):
            world.delete(text)
        case "delete_stream" if world.stream(text):
            world.delete_stream(text)
        case "made_anew" if world.stream(text):
            made_anew(world, text)
