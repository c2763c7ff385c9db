"""`syncer export`: the cluster's tags as files, over what is there and into what is not."""

import json
import re
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from world import World, tag

from syncer.cli import run
from syncer.localapi import LocalAPI, load_tokens

EXAMPLE = Path(__file__).parents[2] / "manifests-example"


def git(folder, *arguments):
    author = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *author, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


@contextmanager
def synced():
    """The cluster of the demo: the example repository, synced and imported."""
    with LocalAPI(import_delay=0.0) as api:
        options = ["--owner", "acme", "--allow-dirty", "--wait", "30s", "-q"]
        assert run(["sync", str(EXAMPLE), "--server", api.url, *options]) == 0
        yield World(api)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        with synced() as world:
            yield world


@pytest.fixture
def tags(tmp_path):
    """A repository that holds the example."""
    folder = tmp_path / "tags"
    shutil.copytree(EXAMPLE, folder)
    git(folder, "init", "--initial-branch=main")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "the example")
    return folder


def changed(folder):
    """Give the lines that a diff takes away and adds."""
    lines = git(folder, "diff", "--unified=0", "--no-renames").splitlines()
    return [line for line in lines if re.match(r"[-+](?![-+]{2} )", line)]


def test_an_export_of_the_demo_over_its_repository_leaves_no_difference(syncer, demo, tags):
    ended = syncer("export", tags, "--server", demo.url)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "Export: 0 written, 0 edited, 26 tags as they were\n"
    assert git(tags, "status", "--porcelain") == ""


MUTATIONS = {
    "acme-web/storefront/stable.yaml": ("name: storefront:1.5.0", "name: storefront:1.4.2"),
    "acme-platform/oauth-proxy.yaml": ("What new routes use", "What old routes use"),
    "acme-payments/reports.yaml": ("    scheduled: true\n", ""),
    "acme-platform/postgresql/15.yaml": ('"2027-11-11"', '"2028-01-01"'),
    "acme-platform/ubi9/9.4.yaml": ("tag:\n", "tag:\n  reference: true\n"),
}


def test_an_export_over_a_mutated_copy_shows_just_the_mutations(syncer, demo, tags):
    for name, (old, new) in MUTATIONS.items():
        text = (tags / name).read_text()
        assert text.count(old) == 1
        (tags / name).write_text(text.replace(old, new))
    (tags / "acme-web/storefront/canary.yaml").unlink()
    git(tags, "commit", "--all", "-m", "mutations")
    ended = syncer("export", tags, "--server", demo.url)
    assert ended.code == 0
    assert ended.out.splitlines()[-1] == "Export: 1 written, 5 edited, 20 tags as they were"
    assert len(changed(tags)) == 8
    git(tags, "add", "--all")
    assert git(tags, "diff", "--cached", "HEAD~1") == ""


def test_what_somebody_changed_on_the_cluster_is_what_the_diff_shows(syncer, tags):
    with synced() as world:
        world.point("acme-web/storefront:1.4.2", "registry.example.com/web/storefront:hotfix")
        world.annotate("acme-platform/ubi9:9.5", **{"acme.example.com/certified": "2026-10-01"})
        world.delete("acme-payments/api:test")
        world.post(tag("acme-web/storefront:2.0.0-rc1", "registry.example.com/web/storefront:2.0.0-rc1"))
        ended = syncer("export", tags, "--server", world.url)
    assert ended.code == 0
    [old, new] = [line for line in changed(tags) if "name:" in line]
    assert re.fullmatch(r"-    name: registry.example.com/web/storefront@sha256:1fba28e5[0-9a-f]{56}  # 1.4.2", old)
    assert new == "+    name: registry.example.com/web/storefront:hotfix  # 1.4.2"
    assert [line for line in changed(tags) if "name:" not in line] == [
        '-    acme.example.com/certified: "2026-09-14"',
        '+    acme.example.com/certified: "2026-10-01"',
    ]
    new_files = [
        line for line in git(tags, "status", "--porcelain", "--untracked-files=all").splitlines() if "?" in line
    ]
    assert new_files == ["?? acme-web/storefront/2.0.0-rc1.yaml"]
    assert "acme-payments/api:test is not on the cluster; the file was kept" in ended.out
    assert (tags / "acme-payments/api/test.yaml").exists()


@pytest.fixture
def team(world):
    """Three tags of two namespaces, that nobody owns."""
    for one in ("team-a/app:v1", "team-a/app:v2", "team-b/app:v1"):
        world.post(tag(one))
    world.annotate("team-a/app:v1", note="on")
    world.forget()
    return world


def test_namespaces_are_exported_into_a_new_folder_and_a_plan_shows_nothing_but_adoption(syncer, team, tmp_path):
    folder = tmp_path / "new" / "tags"
    ended = syncer("export", folder, "-n", "team-a", "-n", "team-b", "--server", team.url)
    assert ended.code == 0
    assert (
        ended.out
        == """\
+ team-a/app/v1.yaml  team-a/app:v1
+ team-a/app/v2.yaml  team-a/app:v2
+ team-b/app/v1.yaml  team-b/app:v1
Export: 3 written, 0 edited, 0 tags as they were
"""
    )
    assert '    note: "on"\n' in (folder / "team-a/app/v1.yaml").read_text()
    assert team.writes() == []
    planned = json.loads(syncer("plan", folder, "--owner", "me", "--server", team.url, "-o", "json").out)
    assert {(c["action"], len(c["fields"])) for c in planned["changes"]} == {("update", 0)}
    assert all(change["reason"].startswith("adopted") for change in planned["changes"])
    assert syncer("export", folder, "--server", team.url).out == "Export: 0 written, 0 edited, 3 tags as they were\n"


def test_a_server_that_lists_tags_as_its_reference_promises_is_exported_alike(syncer, team, tmp_path):
    syncer("export", tmp_path / "streams", "-A", "--server", team.url)
    with LocalAPI(profile="documented", imports=False) as api:
        world = World(api)
        for text in ("team-a/app:v1", "team-a/app:v2", "team-b/app:v1"):
            world.post(tag(text))
        world.annotate("team-a/app:v1", note="on")
        assert syncer("export", tmp_path / "tags", "-A", "--server", api.url).code == 0
    for file in (tmp_path / "streams").rglob("*.yaml"):
        assert (tmp_path / "tags" / file.relative_to(tmp_path / "streams")).read_text() == file.read_text()
    assert len(list((tmp_path / "tags").rglob("*.yaml"))) == 3


def test_a_namespace_that_may_not_be_listed_is_an_error(syncer, tmp_path):
    (tmp_path / "tokens.yaml").write_text("t: {user: ann, role: edit, namespaces: [team-a]}\n")
    (tmp_path / "token").write_text("t")
    with LocalAPI(imports=False, tokens=load_tokens(tmp_path / "tokens.yaml")) as api:
        arguments = ("export", tmp_path / "x", "-n", "team-a", "-n", "team-b", "--server", api.url)
        ended = syncer(*arguments, "--token-file", tmp_path / "token")
    assert ended.code == 1
    assert "grant get and list on imagestreams in team-b" in ended.out


def test_all_namespaces_and_json(syncer, team, tmp_path):
    ended = syncer("export", tmp_path / "all", "-A", "--server", team.url, "-o", "json")
    document = json.loads(ended.out)
    assert document["summary"] == {"written": 3, "edited": 0, "unchanged": 0, "gone": 0, "pushed": 0}
    assert document["files"][0] == {"path": "team-a/app/v1.yaml", "action": "written", "tags": ["team-a/app:v1"]}
    assert document["scope"]["all_namespaces"] is True
    assert document["adoption"] is None


def test_adopt_marks_what_was_exported_and_writes_its_way_back_first(syncer, team, tmp_path):
    undo = tmp_path / "undo.jsonl"
    arguments = ("export", tmp_path / "tags", "-n", "team-a", "--server", team.url)
    ended = syncer(*arguments, "--adopt", "--owner", "me", "--undo-file", undo, "--lock", "team-a/tags")
    assert ended.code == 0
    assert "Sync: 2 configured" in ended.out.splitlines()[-1]
    for name in ("v1", "v2"):
        assert team.spec(f"team-a/app:{name}")["annotations"]["syncer.dev/owner"] == f"me team-a/app:{name}"
    assert "syncer.dev/owner" not in (team.spec("team-b/app:v1").get("annotations") or {})
    assert {method for method, path in team.writes() if "imagestreamtags" in path} == {"PATCH"}
    assert any("leases" in path for _, path in team.writes())
    assert json.loads(undo.read_text().splitlines()[0])["changes"] == 2
    planned = syncer("plan", tmp_path / "tags", "--owner", "me", "--server", team.url, "--detailed-exitcode")
    assert planned.code == 0
    assert syncer("restore", undo, "--server", team.url, "--wait", "0s").code == 0
    assert team.spec("team-a/app:v1")["annotations"] == {"note": "on"}


def test_adopt_creates_and_prunes_nothing_whatever_the_folder_says(syncer, team, tmp_path):
    folder = tmp_path / "tags"
    syncer(
        "export",
        folder,
        "-n",
        "team-a",
        "--server",
        team.url,
        "--adopt",
        "--owner",
        "me",
        "--undo-file",
        tmp_path / "1",
    )
    (folder / "team-a/app/v3.yaml").write_text((folder / "team-a/app/v2.yaml").read_text().replace("v2", "v3"))
    (folder / "team-a/app/v2.yaml").unlink()
    team.forget()
    ended = syncer("export", folder, "-n", "team-a", "--server", team.url, "--adopt", "--owner", "me", "-o", "json")
    document = json.loads(ended.out)
    assert document["summary"] == {"written": 1, "edited": 0, "unchanged": 1, "gone": 1, "pushed": 0}
    assert [change["action"] for change in document["adoption"]["changes"]] == ["unchanged", "unchanged"]
    assert team.writes() == []


def test_a_tag_of_another_owner_is_exported_and_not_adopted(syncer, team, tmp_path):
    team.annotate("team-a/app:v1", **{"syncer.dev/owner": "they team-a/app:v1"})
    ended = syncer(
        "export", tmp_path / "t", "-n", "team-a", "--server", team.url, "--adopt", "--owner", "me", "-o", "json"
    )
    changes = json.loads(ended.out)["adoption"]["changes"]
    assert [(change["name"], change["outcome"]) for change in changes] == [
        ("app:v1", "skipped"),
        ("app:v2", "configured"),
    ]
    assert "syncer.dev" not in (tmp_path / "t/team-a/app/v1.yaml").read_text()


def test_what_a_push_made_is_named_and_left_out(syncer, team, tmp_path):
    mapping = {
        "apiVersion": "image.openshift.io/v1",
        "kind": "ImageStreamMapping",
        "metadata": {"name": "app", "namespace": "team-a"},
        "image": {
            "metadata": {"name": "sha256:" + "1" * 64},
            "dockerImageReference": "registry.example.com/app@sha256:" + "1" * 64,
        },
        "tag": "pushed",
    }
    assert team("POST", "team-a/imagestreammappings", mapping)[0] in (200, 201)
    ended = syncer("export", tmp_path / "t", "-n", "team-a", "--server", team.url)
    assert "team-a/app:pushed is there by a push only, nothing asks for it: left out" in ended.out
    assert ended.code == 0


def test_a_file_that_git_ignores_is_told_since_no_plan_would_see_it(syncer, team, checkout):
    (checkout / ".gitignore").write_text("team-a/\n")
    ended = syncer("export", checkout, "-n", "team-a", "--server", team.url)
    assert "team-a/app/v2.yaml was written, and is left out by git or --exclude" in ended.out


def test_files_below_a_folder_of_a_repository_are_written_there(syncer, team, checkout):
    syncer("export", checkout / "sub", "-n", "team-b", "--server", team.url)
    (checkout / "sub/keep.yaml").write_text("kind: Other\n")
    ended = syncer("export", checkout / "sub", "-n", "team-a", "-n", "team-b", "--server", team.url)
    assert "+ sub/team-a/app/v1.yaml  team-a/app:v1" in ended.out
    assert (checkout / "sub/team-a/app/v1.yaml").exists()
    assert "2 written, 0 edited, 1 tag as they were" in ended.out


def test_no_link_is_followed_and_the_rest_is_written(syncer, team, tmp_path):
    folder, outside = tmp_path / "tags", tmp_path / "outside"
    (folder / "team-a").mkdir(parents=True)
    for place in (outside, folder / "elsewhere"):
        place.mkdir()
    (folder / "team-a" / "app").symlink_to(outside)
    ended = syncer("export", folder, "-A", "--server", team.url)
    assert (ended.code, list(outside.iterdir())) == (1, [])
    assert "team-a/app:1:1: it is a symbolic link" in ended.err
    (folder / "team-a" / "app").unlink()
    (folder / "team-a" / "app").symlink_to(folder / "elsewhere")
    ended = syncer("export", folder, "-A", "--server", team.url)
    assert (ended.code, list((folder / "elsewhere").iterdir())) == (1, [])
    assert ended.out.count("error: team-a/app/v") == 2
    assert ended.out.endswith("Export: 1 written, 0 edited, 0 tags as they were\n")
    assert (folder / "team-b/app/v1.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("new",), 64, "say what to export: -n NAMESPACE, or -A"),
        (("new", "-A", "-n", "team-a"), 64, "exclude each other"),
        (("new", "-A", "--adopt"), 64, "give --owner NAME"),
        (("new", "-A", "--adopt", "--owner", "a b"), 64, "an owner holds no space"),
        (("file.yaml", "-A"), 64, "is no folder"),
        (("-", "-A"), 64, "is no folder"),
        (("https://example.com/x", "-A"), 64, "is no folder"),
        (("broken", "-A"), 1, "broken/a.yaml"),
        (("new", "-A", "-o", "html"), 64, "of text, json"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(  # noqa: PLR0913, PLR0917 - fixtures and a table
    syncer, team, tmp_path, monkeypatch, arguments, code, told
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file.yaml").write_text("")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "a.yaml").write_text("a: [\n")
    ended = syncer("export", *arguments, "--server", team.url)
    assert ended.code == code
    assert told.replace("broken/a.yaml", "a.yaml:2:1") in ended.err
    assert not (tmp_path / "new").exists()
    assert team.writes() == []
