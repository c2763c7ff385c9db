"""`--since`: a run that touches only what changed in git, and prunes nothing beyond it."""

import subprocess

import pytest
from world import World, tag, text_of

from syncer import sync
from syncer.localapi import LocalAPI
from syncer.source import SourceSpec

CHANGED, GONE, KEPT, NEIGHBOUR, MOVED = (
    f"team-a/app:{name}" for name in ("changed", "gone", "kept", "neighbour", "moved")
)


@pytest.fixture(scope="module")
def server():
    with LocalAPI(imports=False) as api:
        yield api


@pytest.fixture
def world(server):
    world = World(server)
    world.clear()
    return world


@pytest.fixture
def folder(tmp_path):
    """A repository whose only commit names five tags, in four files."""
    folder = tmp_path / "tags"
    folder.mkdir()
    git(folder, "init", "--quiet", "-b", "main")
    write(folder, "both", tag(CHANGED), tag(NEIGHBOUR))
    for name in (GONE, KEPT, MOVED):
        write(folder, name.rpartition(":")[2], tag(name))
    commit(folder)
    return folder


def git(folder, *arguments):
    author = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *author, *arguments], cwd=folder, check=True, capture_output=True)


def write(folder, name, *manifests):
    (folder / f"{name}.yaml").write_text(text_of(manifests))


def commit(folder):
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "tags")


def run(world, folder, since="", **options):
    asked = world.options(source=SourceSpec(str(folder), since=since), **options)
    return sync.sync(asked, world.client, None)


def actions(ran):
    return {str(change.key): change.action for change in ran.report.plan.changes}


def edit(folder):
    """Change one tag, delete the file of another, and move a third from its file to a new one."""
    write(folder, "both", tag(CHANGED, "registry.example.com/team/app:v2"), tag(NEIGHBOUR))
    (folder / "gone.yaml").unlink()
    (folder / "moved.yaml").unlink()
    write(folder, "elsewhere", tag(MOVED))
    commit(folder)


def test_tags_of_changed_files_are_planned_and_those_that_left_them_pruned(world, folder):
    run(world, folder)
    edit(folder)
    ran = run(world, folder, since="HEAD~1")
    expected = {CHANGED: "update", GONE: "prune", MOVED: "unchanged", NEIGHBOUR: "unchanged"}
    assert actions(ran) == expected
    assert (world.spec(GONE), world.spec(KEPT) is not None) == (None, True)


def test_what_drifted_or_left_git_elsewhere_is_left_for_a_whole_run(world, folder):
    run(world, folder)
    (folder / "kept.yaml").unlink()
    commit(folder)
    edit(folder)
    world.point(MOVED, "registry.example.com/drifted:v1")
    (folder / "added.yaml").write_text(text_of([tag("team-a/app:added")]))
    commit(folder)
    assert actions(run(world, folder, since="HEAD~1")) == {"team-a/app:added": "create"}
    assert world.spec(KEPT) is not None
    assert actions(run(world, folder))[KEPT] == "prune"


def test_a_tag_stays_that_another_one_beyond_the_run_follows_though_a_whole_run_would_prune_both(world, folder):
    follower = "team-a/app:follower"
    write(folder, "follower", tag(follower, {"kind": "ImageStreamTag", "name": "gone"}))
    commit(folder)
    run(world, folder)
    (folder / "follower.yaml").unlink()
    commit(folder)
    (folder / "gone.yaml").unlink()
    commit(folder)
    (left,) = run(world, folder, since="HEAD~1").report.plan.changes
    assert (str(left.key), left.action, [veto.code for veto in left.vetoes]) == (GONE, "skip", ["followed"])


def test_a_file_that_does_not_parse_forbids_each_prune_wherever_it_is(world, folder):
    run(world, folder)
    (folder / "broken.yaml").write_text("kind: [")
    commit(folder)
    (folder / "gone.yaml").unlink()
    commit(folder)
    (left,) = run(world, folder, since="HEAD~1").report.plan.changes
    assert [veto.code for veto in left.vetoes] == ["unparsed"]


def test_nothing_changed_is_nothing_to_do(world, folder):
    run(world, folder)
    assert actions(run(world, folder, since="HEAD")) == {}
