"""`syncer pin`: digests in place of tags; only what it must change changes, and all files or none."""

import json

import pytest
from world import World, docker, tag

from syncer.localapi import Identity, LocalAPI
from syncer.source import writing

PLAIN = """\
# Why this tag is here.
apiVersion: image.openshift.io/v1
kind: ImageStreamTag
metadata:
  name: app:v1
  namespace: team-a
tag:
  from:
    kind: DockerImage
    name: r.example/team/app:1.0   # old-word
  importPolicy: {insecure: true}
"""
OTHERS = """\
kind: ImageStream
apiVersion: image.openshift.io/v1
metadata: {name: web, namespace: team-b}
spec:
  tags:
  - name: quoted
    from: {kind: DockerImage, name: 'r.example:5000/web'}
  - name: said   # its own comment
    from:
      kind: DockerImage
      name: "r.example:5000/web:2"  # do not touch before May
  - name: pinned
    from: {kind: DockerImage, name: r.example/web@sha256:%s}
  - name: nightly
    from: {kind: DockerImage, name: r.example/web:nightly}
    importPolicy: {scheduled: true}
  - name: follower
    from: {kind: ImageStreamTag, name: said}
""" % ("a" * 64)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "pins"
    folder.mkdir()
    (folder / "app.yaml").write_text(PLAIN)
    (folder / "web.yaml").write_text(OTHERS)
    return folder


def digest_of(world, spec):
    """Ask the local API as anybody would."""
    body = {"metadata": {"name": "x"}, "spec": {"import": False, "images": [{"from": docker(spec)}]}}
    return world("POST", "team-a/imagestreamimports", body)[1]["status"]["images"][0]["image"]["metadata"]["name"]


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_each_pull_spec_gets_its_digest_and_every_other_byte_stays(syncer, world, folder):
    ended = syncer("pin", folder, "--server", world.url)
    assert (ended.code, ended.err) == (0, "")
    app, bare, said = (digest_of(world, f"r.example{name}") for name in ("/team/app:1.0", ":5000/web", ":5000/web:2"))
    assert contents(folder) == {
        "app.yaml": PLAIN.replace("app:1.0   # old-word", f"app@{app}   # 1.0"),
        "web.yaml": OTHERS.replace("'r.example:5000/web'", f"'r.example:5000/web@{bare}'").replace(
            '"r.example:5000/web:2"', f'"r.example:5000/web@{said}"'
        ),
    }
    assert ended.out.splitlines()[-1] == "Pin: 3 pinned, 1 pinned before, 1 left"
    assert "= web.yaml:14  team-b/web:nightly is left: it is scheduled, to follow what it names" in ended.out
    assert f"~ app.yaml:2  team-a/app:v1  r.example/team/app:1.0 → {app[:19]}… (built 2025-" in ended.out


def test_what_is_pinned_stays_and_a_plan_of_it_moves_nothing(syncer, folder):
    with LocalAPI(import_delay=0.0) as api:
        world = World(api)
        sync = ["sync", folder, "--server", api.url, "--owner", "demo", "--allow-dirty", "--wait", "20s"]
        assert syncer(*sync).code == 0
        syncer("pin", folder, "--server", api.url)
        before = contents(folder)
        again = syncer("pin", folder, "--server", api.url)
        assert (again.out.splitlines()[-1], contents(folder)) == ("Pin: 4 pinned before, 1 left", before)
        plan = syncer("plan", folder, "--server", api.url, "--owner", "demo", "--resolve", "-o", "json")
        states = {c["name"]: c["resolved"]["state"] for c in json.loads(plan.out)["changes"] if "resolved" in c}
        assert states == dict.fromkeys(("app:v1", "web:quoted", "web:said"), "same")
        images = world.items("team-a/app:v1")
        assert syncer(*sync).code == 0
        world.settle("team-a/app:v1")
        assert world.items("team-a/app:v1") == images


def test_nothing_is_written_to_the_cluster(syncer, world, folder):
    syncer("pin", folder, "--server", world.url)
    assert {path.rpartition("/")[2] for _, path in world.writes()} == {"imagestreamimports"}
    assert [world.stream(text) for text in ("team-a/app:v1", "team-b/web:said")] == [None, None]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("r.example/team/app:no-such-1", ("image-missing", "does not exist")),
        ("r.example/no-access-x/app:1.0", ("image-denied", "cannot be pulled")),
        ("r.invalid/app:1.0", ("image-failed", "could not be resolved")),
    ],
)
def test_where_one_image_is_not_found_every_file_is_left(syncer, world, folder, spec, expected):
    code, words = expected
    (folder / "app.yaml").write_text(PLAIN.replace("r.example/team/app:1.0", spec))
    before = contents(folder)
    ended = syncer("pin", folder, "--server", world.url)
    assert (ended.code, contents(folder)) == (1, before)
    assert f"error: app.yaml:2, team-a/app:v1: {spec} {words}" in ended.out
    assert ended.out.splitlines()[-1] == "Pin: 1 error, every file was left as it was"
    told = json.loads(syncer("pin", folder, "--server", world.url, "-o", "json").out)
    assert ([p["code"] for p in told["problems"]], told["written"]) == ([code], False)


def test_whoever_may_not_ask_is_told_so(syncer, folder, tmp_path):
    (tmp_path / "token").write_text("eve")
    with LocalAPI(imports=False, tokens={"eve": Identity("eve", "view")}) as api:
        ended = syncer("pin", folder, "--server", api.url, "--token-file", tmp_path / "token", "--tag", "team-a/app:v1")
    assert ended.code == 1
    assert "may not be looked up" in ended.out
    assert 'cannot create resource "imagestreamimports"' in ended.out
    assert "grant create on imagestreamimports in team-a; the role edit has it" in ended.out
    assert contents(folder)["app.yaml"] == PLAIN


def test_a_server_that_is_not_there_is_no_fault_of_the_manifest(syncer, folder):
    ended = syncer("pin", folder, "--server", "http://127.0.0.1:9", "--tag", "team-a/app:v1")
    assert (ended.code, contents(folder)["app.yaml"]) == (1, PLAIN)
    assert "check the server and the registry, and try again" in ended.out
    assert "correct it" not in ended.out


def test_a_dry_run_tells_and_writes_no_file(syncer, world, folder):
    before = contents(folder)
    ended = syncer("pin", folder, "--server", world.url, "--dry-run")
    assert (ended.out.splitlines()[-1], contents(folder)) == ("Pin: 3 to pin, 1 pinned before, 1 left", before)


def test_only_the_tags_and_the_files_that_are_asked_for_are_touched(syncer, world, folder):
    syncer("pin", folder, "--server", world.url, "--tag", "team-b/web:said")
    assert contents(folder)["app.yaml"] == PLAIN
    assert contents(folder)["web.yaml"].count("@sha256:") == 2
    (folder / "sub").mkdir()
    (folder / "sub" / "more.yaml").write_text(PLAIN.replace("app:v1", "app:v2"))
    ended = syncer("pin", folder, "--server", world.url, "--path", "sub")
    assert ended.out.splitlines()[-1] == "Pin: 1 pinned"
    assert (folder / "app.yaml").read_text() == PLAIN


def test_a_manifest_without_a_namespace_takes_the_one_that_is_given(syncer, world, folder):
    (folder / "app.yaml").write_text(PLAIN.replace("  namespace: team-a\n", ""))
    assert syncer("pin", folder, "--server", world.url).code == 1
    ended = syncer("pin", folder, "--server", world.url, "-n", "team-x", "--tag", "team-x/app:v1")
    assert (ended.code, ended.out.splitlines()[-1]) == (0, "Pin: 1 pinned")


def test_json_is_edited_too_and_has_no_comment(syncer, world, tmp_path):
    (tmp_path / "only").mkdir()
    file = tmp_path / "only" / "app.json"
    file.write_text(json.dumps(tag("team-a/app:v1", "r.example/x:1"), indent=2))
    assert syncer("pin", file.parent, "--server", world.url).code == 0
    assert json.loads(file.read_text())["tag"]["from"]["name"] == f"r.example/x@{digest_of(world, 'r.example/x:1')}"


def test_a_value_that_an_alias_shares_is_an_error_and_nothing_is_written(syncer, world, folder):
    said = 'from:\n      kind: DockerImage\n      name: "r.example:5000/web:2"  # do not touch before May'
    shared = OTHERS.replace(said, "from: &one {kind: DockerImage, name: r.example/x}")
    (folder / "web.yaml").write_text(shared.replace("{kind: ImageStreamTag, name: said}", "*one"))
    before = contents(folder)
    ended = syncer("pin", folder, "--server", world.url, "--tag", "team-b/web:said")
    assert (ended.code, contents(folder)) == (1, before)
    assert "cannot be edited without changing others" in ended.out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["https://git.example.com/x.git"], (64, "is no folder")),
        (["-"], (64, "is no folder")),
        ([".", "--tag", "app:v1"], (64, "names no tag")),
        ([".", "--tag", "team-a/app:v9"], (1, "names team-a/app:v9")),
        ([".", "-o", "markdown"], (64, "of text, json")),
    ],
)
def test_what_cannot_be_pinned_is_said(syncer, folder, monkeypatch, arguments, expected):
    monkeypatch.chdir(folder)
    ended = syncer("pin", *arguments, "--server", "http://127.0.0.1:9")
    assert (ended.code, expected[1] in ended.err) == (expected[0], True)


def test_a_folder_that_cannot_be_read_is_not_edited(syncer, world, folder):
    (folder / "bad.yaml").write_text("kind: [")
    ended = syncer("pin", folder, "--server", world.url)
    assert (ended.code, "nothing was written" in ended.err) == (1, True)


def test_a_file_that_cannot_be_written_leaves_all_as_they_were(syncer, world, folder, monkeypatch):
    before, write, calls = contents(folder), writing.write_file, []

    def second_fails(root, path, data, *, before):
        calls.append(path)
        if len(calls) == 2:
            raise writing.ChangedError(f"{path} was changed while it was read", hint="run it again")
        write(root, path, data, before=before)

    monkeypatch.setattr(writing, "write_file", second_fails)
    ended = syncer("pin", folder, "--server", world.url)
    assert (ended.code, contents(folder)) == (1, before)
    assert "no file was changed" in ended.err
