"""Undo files and restore: sync followed by restore gives the state before."""

import dataclasses
import io
import json
from functools import partial

import pytest
from builders import desired, key, live_state, manifests, policy, synced
from hypothesis import given, settings
from hypothesis import strategies as st
from world import Once

from syncer import __version__, sync
from syncer.apply import read_undo
from syncer.apply import undo as undo_module
from syncer.apply.undo import Before, Entry, Undo, undo_file
from syncer.cluster import Client, ConnectionOptions, connect, read_stream
from syncer.errors import SyncerError, UsageError
from syncer.imagestreamtag import live_fields
from syncer.localapi import LocalAPI
from syncer.model import ObjectKey, Outcome, SourceInfo
from syncer.plan import make_plan
from syncer.source import SourceSpec

NAMESPACE = "team-a"


def manifest(tag, image, annotations=None, **policy):
    return json.dumps(
        {
            "apiVersion": "image.openshift.io/v1",
            "kind": "ImageStreamTag",
            "metadata": {"name": f"app:{tag}", "namespace": NAMESPACE, "annotations": annotations or {}},
            "tag": {"from": {"kind": "DockerImage", "name": f"quay.io/example/app:{image}"}, **policy},
        }
    )


@pytest.fixture(scope="module")
def api():
    with LocalAPI(imports=False) as running:
        yield running


@pytest.fixture
def cluster(api):
    client = Client(connect(ConnectionOptions(server=api.url), environ={}), pool_size=2)
    return Cluster(client)


class Cluster:
    """A client, and the steps that the tests below are told in."""

    def __init__(self, client):
        self.client = client

    def sync(self, files, folder, undo=None, stopped=bool, **more):
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for number, text in enumerate(files):
            (folder / f"{number}.json").write_text(text)
        more = {"namespaces": (NAMESPACE,), "owner": "demo", "allow_dirty": True, "allow_empty": True, **more}
        options = sync.Options(SourceSpec(str(folder)), undo_file=undo, **more)
        run = sync.sync(options, self.client, io.BytesIO(), stopped=stopped)
        assert run.exit_code() == 0, (run.refusal, run.report.outcomes)
        return run

    def restore(self, undo, **more):
        run = sync.restore(sync.RestoreOptions(undo, wait=0, **more), self.client)
        return run, {str(key): outcome.result for key, outcome in run.report.outcomes.items()}

    def state(self):
        tags = read_stream(self.client, NAMESPACE, "app") or {}
        return {str(key): (live_fields(tag), dict(tag.annotations)) for key, tag in tags.items()}


BEFORE = [manifest("v1", "1", {"a": "b"}), manifest("v2", "2", importPolicy={"scheduled": True}), manifest("gone", "3")]
AFTER = [manifest("v1", "9"), manifest("v2", "2", {"c": "d"}), manifest("new", "4")]


@pytest.fixture
def changed(cluster, tmp_path):
    """A cluster on which a run has created, changed and pruned, and that run's undo file."""
    cluster.sync([], tmp_path / "git")
    cluster.sync(BEFORE, tmp_path / "git")
    cluster.before = cluster.state()
    cluster.undo = tmp_path / "undo.jsonl"
    cluster.sync(AFTER, tmp_path / "git", cluster.undo)
    return cluster


def test_restore_gives_the_state_before_spec_and_annotations_exactly(changed):
    assert changed.state() != changed.before
    run, results = changed.restore(changed.undo)
    assert changed.state() == changed.before
    assert results == {
        "team-a/app:gone": "created",
        "team-a/app:new": "pruned",
        "team-a/app:v1": "configured",
        "team-a/app:v2": "configured",
    }
    assert [problem.code for problem in run.report.plan.problems] == ["history-lost"]


def test_a_second_restore_finds_nothing_to_do(changed):
    changed.restore(changed.undo)
    _, results = changed.restore(changed.undo)
    assert set(results.values()) == {"unchanged"}


def test_a_restore_can_be_undone_too(changed, tmp_path):
    after = changed.state()
    changed.restore(changed.undo, undo_file=tmp_path / "redo.jsonl")
    changed.restore(tmp_path / "redo.jsonl")
    assert changed.state() == after


def test_a_dry_run_writes_nothing(changed, api):
    state, sent = changed.state(), len(api.requests())
    run, _ = changed.restore(changed.undo, dry_run=True)
    assert {change.action for change in run.report.plan.changes} == {"create", "update", "prune"}
    assert {method for method, _ in api.requests()[sent:]} == {"GET"}
    assert changed.state() == state


def test_what_moved_since_the_run_is_left_alone(changed, tmp_path):
    moved = [manifest("v1", "later"), *AFTER[1:2], manifest("new", "later")]
    changed.sync(moved, tmp_path / "git")
    run, results = changed.restore(changed.undo)
    assert results["team-a/app:v1"] == results["team-a/app:new"] == "skipped"
    assert results["team-a/app:v2"] == "configured"
    codes = {veto.code for change in run.report.plan.changes for veto in change.vetoes}
    assert codes == {"moved"}


def test_pin_puts_back_the_digest_itself(tmp_path):
    with LocalAPI(import_delay=0.01) as api:
        cluster = Cluster(Client(connect(ConnectionOptions(server=api.url), environ={}), pool_size=2))
        undo = tmp_path / "undo.jsonl"
        cluster.sync([manifest("v1", "1")], tmp_path / "git", wait=5.0)
        digest = next(iter(read_stream(cluster.client, NAMESPACE, "app").values())).image.digest
        cluster.sync([manifest("v1", "2")], tmp_path / "git", undo, wait=5.0)
        cluster.restore(undo, pin=True)
        (fields, _) = cluster.state()["team-a/app:v1"]
        assert fields["/tag/from"]["name"] == f"quay.io/example/app@{digest}"


def test_the_undo_file_is_there_before_the_first_write(cluster, tmp_path, api):
    cluster.sync([], tmp_path / "git")
    (tmp_path / "file").write_text("")
    sent = len(api.requests())
    folder = tmp_path / "git"
    (folder / "0.json").write_text(manifest("v1", "1"))
    options = sync.Options(
        SourceSpec(str(folder)), owner="demo", allow_dirty=True, undo_file=tmp_path / "file" / "undo.jsonl"
    )
    with pytest.raises(SyncerError, match="nothing was written to the cluster"):
        sync.sync(options, cluster.client, io.BytesIO())
    assert {method for method, _ in api.requests()[sent:]} == {"GET"}


def test_an_undo_file_is_never_overwritten(changed, tmp_path):
    with pytest.raises(SyncerError, match="cannot be written"):
        changed.sync([manifest("v1", "10")], tmp_path / "git", changed.undo)


def test_an_undo_file_cut_off_at_any_byte_can_be_read(changed, tmp_path):
    text = changed.undo.read_bytes()
    whole = read_undo(changed.undo).entries
    assert [entry.wrote for entry in whole] == ["yes"] * 4
    cut, known = tmp_path / "cut.jsonl", 0
    for length in range(len(text)):
        cut.write_bytes(text[:length])
        entries = read_undo(cut).entries
        assert [_untold(entry) for entry in entries] == [_untold(entry) for entry in whole[: len(entries)]]
        told = [entry.wrote for entry in entries].count("yes")
        assert told == 0 or len(entries) == len(whole)
        assert {entry.wrote for entry in entries} <= {"yes", "unknown"}
        assert told >= known
        known = told
    assert known == 3


def _untold(entry):
    return dataclasses.replace(entry, wrote="unknown")


def test_a_run_that_was_cut_off_is_put_back_but_nothing_is_deleted_without_proof(changed):
    lines = changed.undo.read_text().splitlines(keepends=True)
    changed.undo.write_text("".join(line for line in lines if '"wrote"' not in line))
    run, results = changed.restore(changed.undo)
    assert results == {
        "team-a/app:gone": "created",
        "team-a/app:new": "skipped",
        "team-a/app:v1": "configured",
        "team-a/app:v2": "configured",
    }
    (veto,) = (veto for change in run.report.plan.changes for veto in change.vetoes)
    assert veto.code == "unproven"
    assert changed.state().keys() == {*changed.before, "team-a/app:new"}


@pytest.mark.parametrize("name", ["gone", "new", "v1"])
def test_what_the_run_did_not_write_is_not_put_back(changed, name):
    after = changed.state()
    text = changed.undo.read_text()
    told = [json.loads(line) for line in text.splitlines()]
    others = [{**line, "wrote": "no"} for line in told if "wrote" in line and line["name"] == f"app:{name}"]
    changed.undo.write_text(text + "".join(json.dumps(line) + "\n" for line in others))
    _, results = changed.restore(changed.undo)
    assert results[f"team-a/app:{name}"] == "unchanged"
    assert changed.state().get(f"team-a/app:{name}") == after.get(f"team-a/app:{name}")


def test_two_runs_at_once_and_the_restore_of_the_slower_one_deletes_nothing(cluster, tmp_path):
    cluster.sync([], tmp_path / "git")
    quicker = partial(cluster.sync, [manifest("v1", "1")], tmp_path / "other")
    undo = tmp_path / "undo.jsonl"
    run = cluster.sync([manifest("v1", "1")], tmp_path / "git", undo, stopped=Once(quicker))
    assert [outcome.result for outcome in run.report.outcomes.values()] == ["unchanged"]
    _, results = cluster.restore(undo)
    assert results == {"team-a/app:v1": "unchanged"}
    assert set(cluster.state()) == {"team-a/app:v1"}


def test_a_disk_that_is_full_later_on_ends_neither_the_run_nor_the_way_back(cluster, tmp_path, monkeypatch):
    cluster.sync([], tmp_path / "git")
    cluster.sync([manifest("v1", "1")], tmp_path / "git")
    before, full = cluster.state(), OSError(28, "No space left on device")

    class Full(io.FileIO):
        def write(self, _):
            raise full

    monkeypatch.setattr(undo_module, "FileIO", Full)
    cluster.sync([manifest("v1", "2")], tmp_path / "git", tmp_path / "undo.jsonl")
    _, results = cluster.restore(tmp_path / "undo.jsonl")
    assert (results, cluster.state()) == ({"team-a/app:v1": "configured"}, before)


@pytest.mark.parametrize(
    "line", ["x", "[]", "7", "{}", '{"name": "a:b", "namespace": "n", "before": 3, "after": null}']
)
def test_a_line_that_was_changed_is_an_error_with_its_place(changed, tmp_path, line):
    spoiled = tmp_path / "spoiled.jsonl"
    header = changed.undo.read_text().splitlines()[0]
    spoiled.write_text(f"{header}\n{line}\n")
    with pytest.raises(SyncerError, match=r"spoiled\.jsonl:2: this line"):
        read_undo(spoiled)


def test_what_is_no_undo_file_is_said_to_be_none(tmp_path):
    other = tmp_path / "report.json"
    other.write_text('{"format_version": "1.0"}\n')
    with pytest.raises(SyncerError, match="no undo file"):
        read_undo(other)


def test_an_undo_file_of_another_cluster_is_refused(changed, tmp_path):
    other = tmp_path / "other.jsonl"
    other.write_text(changed.undo.read_text().replace("127.0.0.1", "127.0.0.2"))
    with pytest.raises(UsageError, match="is of a run on"):
        changed.restore(other)


# ------------------------------------------------------------------------------------------------- the file itself


SOURCE = SourceInfo("https://git.example.com/tags", "main", "3f2a91c", "tags", dirty=False)
HEADER = {
    "changes": 2,
    "owner": "demo",
    "server": "https://c",
    "source": {"commit": "3f2a91c", "url": "https://git.example.com/tags"},
    "syncer_undo": "1.0",
    "syncer_version": __version__,
}
OLD = synced(desired("team-a/app:old", fields={"/metadata/annotations/note": "größer"}))
NEW = desired("team-a/app:new")
STILL = desired("team-a/app:still")


def plan_of(wanted, *present):
    return make_plan(manifests(*wanted), live_state(*present), policy(allow_empty=True))


PLAN = plan_of([NEW, STILL], OLD, synced(STILL))


def lines_of(*records):
    return "".join(json.dumps(record, sort_keys=True, ensure_ascii=False) + "\n" for record in records).encode()


def test_an_undo_file_holds_what_each_written_tag_was_and_is_to_be_and_what_came_of_it(tmp_path):
    path = tmp_path / "state" / "syncer" / "undo.jsonl"
    made = {"action": "create", "after": dict(NEW.fields), "before": None, "name": "app:new", "namespace": "team-a"}
    seen = {"annotations": dict(OLD.annotations), "digest": OLD.image.digest, "spec": OLD.spec}
    gone = {"action": "prune", "after": None, "before": seen, "name": "app:old", "namespace": "team-a"}
    before = lines_of(HEADER, made, gone)
    with undo_file(path, PLAN, SOURCE, "https://c") as note:
        assert path.read_bytes() == before
        note(Outcome(NEW.key, "created", wrote="yes"))
        note(Outcome(OLD.key, "failed", wrote="unknown"))
    written = [
        {"name": "app:new", "namespace": "team-a", "wrote": "yes"},
        {"name": "app:old", "namespace": "team-a", "wrote": "unknown"},
    ]
    assert path.read_bytes() == before + lines_of(*written)
    assert "größer" in path.read_text(encoding="utf-8")
    assert [parent.stat().st_mode & 0o777 for parent in (path.parent,)] == [0o700]
    assert read_undo(path) == Undo(
        "https://c",
        "demo",
        (
            Entry(NEW.key, None, dict(NEW.fields), 2, "yes"),
            Entry(OLD.key, Before(OLD.spec, dict(OLD.annotations), OLD.image.digest), None, 3, "unknown"),
        ),
    )


@pytest.mark.parametrize("path", [None, "undo.jsonl"])
def test_where_nothing_is_to_be_written_or_no_path_is_given_there_is_no_file(tmp_path, path):
    plan = PLAN if path is None else plan_of([STILL], synced(STILL))
    with undo_file(path and tmp_path / path, plan, SOURCE, "https://c") as note:
        note(Outcome(NEW.key, "created", wrote="yes"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_or_read_says_why_and_what_to_do(tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "undo.jsonl"
    with pytest.raises(SyncerError) as caught, undo_file(path, PLAN, SOURCE, "https://c"):
        pytest.fail("nothing is applied without it")
    why = f"the undo file {path} cannot be written (File exists); nothing was written to the cluster"
    assert (caught.value.message, caught.value.hint) == (why, "give another path: --undo-file PATH")
    with pytest.raises(SyncerError) as caught:
        read_undo(tmp_path / "absent")
    assert caught.value.message == f"{tmp_path / 'absent'} cannot be read: No such file or directory"


class Short:
    """A file that takes this many bytes of each line, or fails with an error."""

    def __init__(self, *takes):
        self.takes, self.got = list(takes), []

    def write(self, line):
        self.got.append(json.loads(line)["name"])
        take = self.takes.pop(0)
        if isinstance(take, Exception):
            raise take
        return len(line) if take is None else take


@pytest.mark.parametrize("first", [OSError(28, "full"), 3, None])
def test_nothing_follows_what_could_not_be_written_whole(first):
    file = Short(first, None)
    outcomes = undo_module._Outcomes(file)  # noqa: SLF001 - a disk that is full is nothing that a test can make
    for name in ("a:1", "b:2"):
        outcomes.note(Outcome(key(f"n/{name}"), "created", wrote="yes"))
    assert file.got == (["a:1", "b:2"] if first is None else ["a:1"])


TAG = {"name": "a:b", "namespace": "n", "before": None, "after": None}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"x", "is no JSON"),
        (b'{"a": "\\ud800"}', "is no JSON"),
        (b'"\xff"', "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "is no JSON object"),
        *(
            (json.dumps({**TAG, **more}).encode(), "lacks what an undo file holds")
            for more in (
                {"namespace": ""},
                {"namespace": "./."},
                {"namespace": 7},
                {"name": ":b"},
                {"name": "..:b"},
                {"name": "a:"},
                {"name": "a:/"},
                {"name": "a"},
                {"name": "./:.."},
                {"name": None},
                {"after": []},
                {"after": [1]},
                {"before": {}},
                {"before": {"spec": None, "annotations": {}}},
                {"before": {"spec": None, "annotations": [1], "digest": ""}},
                {"before": {"spec": None, "annotations": {"a": 1}, "digest": ""}},
                {"before": {"spec": {"from": "x"}, "annotations": {}, "digest": ""}},
                {"before": {"spec": None, "annotations": {}, "digest": 7}},
                {"wrote": "yes", "name": "other:b"},
            )
        ),
    ],
    ids=str,
)
def test_a_line_that_no_run_wrote_is_an_error_with_its_place_and_why(tmp_path, line, why):
    path = tmp_path / "undo.jsonl"
    path.write_bytes(lines_of(HEADER, {**TAG, "name": "first:1"}) + line + b"\n")
    with pytest.raises(SyncerError) as caught:
        read_undo(path)
    assert caught.value.message == f"{path}:3: this line {why}: the file was changed"


def test_what_a_file_holds_is_read_as_it_is_and_what_it_lacks_is_empty(tmp_path):
    path = tmp_path / "undo.jsonl"
    path.write_bytes(b"")
    assert read_undo(path) == Undo("", "", ())
    path.write_bytes(lines_of({"syncer_undo": "1.0"}, {**TAG, "namespace": "X", "name": "XX:a:X"}))
    assert read_undo(path) == Undo("", "", (Entry(ObjectKey("X", "XX", "a:X"), None, None, 2, "unknown"),))
    for told, wrote in [("yes", "yes"), ("no", "no"), ("unknown", "unknown"), ("maybe", "unknown"), (None, "unknown")]:
        path.write_bytes(lines_of(HEADER, TAG, {"name": "a:b", "namespace": "n", "wrote": told}))
        assert [entry.wrote for entry in read_undo(path).entries] == [wrote]
    path.write_bytes(lines_of({**HEADER, "syncer_undo": "2.0"}))
    with pytest.raises(SyncerError) as caught:
        read_undo(path)
    assert caught.value.message == f"{path}:1: this is no undo file of syncer, or one of another version"


tags = st.sampled_from(["v1", "v2", "v3"])
images = st.sampled_from(["1", "2"])
notes = st.dictionaries(st.sampled_from(["a", "b/c"]), st.sampled_from(["x", "y"]))
repositories = st.dictionaries(tags, st.builds(lambda image, note: (image, note), images, notes))


@settings(max_examples=25)
@given(first=repositories, second=repositories)
def test_sync_followed_by_restore_gives_the_state_before(api, tmp_path_factory, first, second):
    folder = tmp_path_factory.mktemp("law")
    cluster = Cluster(Client(connect(ConnectionOptions(server=api.url), environ={}), pool_size=1))
    cluster.sync([manifest(tag, *what) for tag, what in first.items()], folder / "git")
    before = cluster.state()
    cluster.sync([manifest(tag, *what) for tag, what in second.items()], folder / "git", folder / "undo.jsonl")
    if (folder / "undo.jsonl").exists():
        cluster.restore(folder / "undo.jsonl")
    assert cluster.state() == before
