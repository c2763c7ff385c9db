"""`syncer owner rename`, as users meet it."""

import json

import pytest
from world import Once, docker, tag, text_of

from syncer import imagestreamtag, sync
from syncer.cluster import held
from syncer.source import SourceSpec

APP, WEB, THEIRS = "team-a/app:v1", "team-a/web:prod", "team-b/app:v1"
FOLLOWS = {"kind": "ImageStreamTag", "name": "base:v1"}


@pytest.fixture
def world(world):
    """A cluster with two tags of demo, one that carries a copied mark, and one of another owner."""
    world.sync(tag(APP), tag("team-b/mine:v1"))
    world.sync(tag(THEIRS), owner="theirs")
    world.post(tag("team-a/copy:v1"))
    world.annotate("team-a/copy:v1", **{imagestreamtag.OWNER: f"demo {APP}"})
    world.forget()
    return world


@pytest.fixture
def rename(syncer, world, tmp_path):
    def call(*arguments, old="demo", new="new"):
        common = ["--server", world.url, "--undo-file", tmp_path / "undo.jsonl"]
        return syncer("owner", "rename", old, new, *common, *arguments)

    return call


def rename_while(world, action):
    """Rename, with something that happens after the plan and before the first write."""
    options = sync.Options(SourceSpec(""), all_namespaces=True)
    return sync.rename_owner(options, "demo", "new", world.client, stopped=Once(action))


def state(world):
    tags = world.live("team-a", "team-b").tags
    return {str(key): (live.spec, dict(live.annotations)) for key, live in tags.items()}


def owner(world, text):
    return ((world.spec(text) or {}).get("annotations") or {}).get(imagestreamtag.OWNER)


def marked(before, owners):
    """Give a state with other marks."""
    changed = json.loads(json.dumps(before))
    for text, name in owners.items():
        for place in (changed[text][0]["annotations"], changed[text][1]):
            place[imagestreamtag.OWNER] = f"{name} {text}"
    return {text: tuple(value) for text, value in changed.items()}


def test_every_tag_of_the_old_owner_becomes_one_of_the_new_and_nothing_else_changes(rename, world):
    before = state(world)
    ended = rename("-A", "-o", "json")
    assert ended.code == 0, ended.err
    assert state(world) == marked(before, {APP: "new", "team-b/mine:v1": "new"})
    report = json.loads(ended.out)
    assert {change["name"]: (change["action"], change["outcome"]) for change in report["changes"]} == {
        "app:v1": ("update", "configured"),
        "mine:v1": ("update", "configured"),
        "copy:v1": ("skip", "skipped"),
    }
    assert [change["vetoes"][0]["code"] for change in report["changes"] if change["vetoes"]] == ["copied"]
    assert {method for method, _ in world.writes()} == {"PATCH"}


def test_the_new_owner_then_finds_nothing_to_do_and_the_old_one_leaves_all_alone(rename, world):
    assert rename("-A").code == 0
    both = [tag(APP), tag("team-b/mine:v1")]
    assert world.sync(*both, owner="new").exit_code(detailed=True) == 0
    world.forget()
    run = world.sync(tag("team-a/other:v1"), namespaces=("team-a", "team-b"), owner="demo")
    assert {str(change.key): change.action for change in run.report.plan.changes} == {
        "team-a/copy:v1": "skip",
        "team-a/other:v1": "create",
    }
    assert "DELETE" not in {method for method, _ in world.writes()}


def test_only_the_namespaces_that_are_named_are_touched(rename, world):
    assert rename("-n", "team-b").code == 0
    assert (owner(world, APP), owner(world, "team-b/mine:v1")) == (f"demo {APP}", "new team-b/mine:v1")


def test_a_dry_run_writes_nothing_and_takes_no_lock(rename, world, tmp_path):
    with held(world.client.connection, "team-a", "lock"):
        world.forget()
        ended = rename("-A", "--dry-run", "--lock", "team-a/lock", "--detailed-exitcode")
    assert ended.code == 2
    assert "renamed from demo to new" in ended.out
    assert "Plan: 2 to update, 1 skipped (copied)." in ended.out
    assert {method for method, path in world.requests() if "image" in path} == {"GET"}
    assert not (tmp_path / "undo.jsonl").exists()


def test_the_lock_is_taken_before_anything_is_listed(rename, world):
    with held(world.client.connection, "team-a", "lock"):
        world.forget()
        assert rename("-A", "--lock", "team-a/lock").code == 75
        assert not [path for _, path in world.requests() if "image" in path]
    assert rename("-A", "--lock", "team-a/lock").code == 0


def test_a_restore_gives_the_marks_back_exactly(rename, syncer, world, tmp_path):
    before = state(world)
    assert rename("-A").code == 0
    redo = ["--undo-file", tmp_path / "redo.jsonl"]
    assert syncer("restore", tmp_path / "undo.jsonl", "--server", world.url, *redo, "--wait", "0s").code == 0
    assert state(world) == before


def test_a_restore_leaves_a_tag_that_somebody_changed_after_the_rename(rename, syncer, world, tmp_path):
    assert rename("-A").code == 0
    world.point(APP, "registry.example.com/by/hand:1")
    redo = ["--undo-file", tmp_path / "redo.jsonl"]
    assert syncer("restore", tmp_path / "undo.jsonl", "--server", world.url, *redo, "--wait", "0s").code == 0
    assert world.spec(APP)["from"] == docker("registry.example.com/by/hand:1")
    assert owner(world, APP) == f"new {APP}"
    assert owner(world, "team-b/mine:v1") == "demo team-b/mine:v1"


def test_a_second_rename_has_nothing_to_do(rename, world):
    assert rename("-A").code == 0
    world.forget()
    ended = rename("-A", "--detailed-exitcode", "--undo-file", "never-written.jsonl")
    assert (ended.code, world.writes()) == (0, [])


def test_a_follower_without_an_image_is_renamed_without_a_wait(rename, world):
    world.post(tag("team-a/base:v1"))
    world.post(tag(WEB, FOLLOWS))
    world.annotate(WEB, **{imagestreamtag.OWNER: f"demo {WEB}"})
    assert rename("-n", "team-a").code == 0
    assert owner(world, WEB) == f"new {WEB}"


def test_a_tag_that_another_owner_takes_meanwhile_keeps_that_mark_and_is_said(world):
    run = rename_while(world, lambda: world.annotate(APP, **{imagestreamtag.OWNER: f"rival {APP}"}))
    results = {str(key): outcome.result for key, outcome in run.report.outcomes.items()}
    assert results == {APP: "failed", "team-a/copy:v1": "skipped", "team-b/mine:v1": "configured"}
    assert run.exit_code() == 4
    assert owner(world, APP) == f"rival {APP}"


def test_a_tag_that_is_deleted_meanwhile_is_not_made_again(world):
    assert rename_while(world, lambda: world.delete(APP)).exit_code() == 4
    assert world.spec(APP) is None


def test_what_a_tag_asks_for_may_move_meanwhile_for_only_the_mark_is_written(world):
    run = rename_while(world, lambda: world.point(APP, "registry.example.com/by/hand:1"))
    assert run.exit_code() == 0
    assert (owner(world, APP), world.spec(APP)["from"]["name"]) == (f"new {APP}", "registry.example.com/by/hand:1")


@pytest.mark.parametrize(
    ("arguments", "old", "new"),
    [
        ([], "demo", "new"),
        (["-A", "-n", "team-a"], "demo", "new"),
        (["-A"], "demo", "demo"),
        (["-A"], "demo", ""),
        (["-A"], "", "new"),
        (["-A"], "demo", "a b"),
        (["-A"], "a\nb", "new"),
    ],
)
def test_64_for_what_cannot_be_renamed(rename, world, arguments, old, new):
    ended = rename(*arguments, old=old, new=new)
    assert (ended.code, world.writes()) == (64, [])
    assert ended.err.startswith("Error: ")


@pytest.mark.parametrize("option", ["--owner", "--take-from"])
@pytest.mark.parametrize("command", ["plan", "sync"])
def test_64_for_an_owner_with_a_space_or_a_line_end(syncer, world, option, command):
    for owner_given in ("a b", "a\nb", "a\u202e"):
        ended = syncer(command, "-", "--server", world.url, option, owner_given, stdin=text_of([tag(APP)]))
        assert ended.code == 64
        assert option in ended.err
    assert world.requests() == []


def test_options_come_from_the_environment_by_the_whole_name_of_the_command(rename, world, monkeypatch):
    monkeypatch.setenv("SYNCER_OWNER_RENAME_NAMESPACE", "team-b")
    assert rename().code == 0
    assert owner(world, "team-b/mine:v1") == "new team-b/mine:v1"
