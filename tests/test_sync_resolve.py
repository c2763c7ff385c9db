"""A plan that has images looked up: what it tells, what it sends, and that nothing changes by it."""

import json

import pytest
from world import World, front, make_client, tag

from syncer.cli import run
from syncer.localapi import Identity, LocalAPI
from syncer.model import Resolution

APP, PROD, WEB = "team-a/app:v1", "team-a/app:prod", "team-b/web:prod"
ONE, TWO = "registry.example.com/team/app:1", "registry.example.com/team/app:2"


def follower(text, name="app:v1", namespace="team-a"):
    return tag(text, {"kind": "ImageStreamTag", "name": name, "namespace": namespace})


@pytest.fixture(scope="module")
def server():
    with LocalAPI(import_delay=0.02) as api:
        yield api


@pytest.fixture
def world(server):
    world = World(server)
    world.clear()
    return world


def states(run):
    return {str(c.key): str(c.resolved.state) for c in run.report.plan.changes if c.resolved}


def test_a_plan_tells_from_which_image_to_which_and_a_sync_keeps_the_word(world):
    world.sync(tag(APP, ONE), follower(PROD), follower(WEB), wait=5.0)
    planned = world.plan(tag(APP, TWO), follower(PROD), follower(WEB), resolve=True)
    assert states(planned) == dict.fromkeys((APP, PROD, WEB), "moves")
    [resolved] = {(c.resolved.digest, c.resolved.built, c.resolved.live_built) for c in planned.report.plan.changes}
    world.sync(tag(APP, TWO), follower(PROD), follower(WEB), wait=5.0)
    for text in (APP, PROD, WEB):
        assert world.items(text)[0] == resolved[0]
        assert world.get(text)[1]["image"]["dockerImageMetadata"]["Created"] == resolved[1]
    assert resolved[1] != resolved[2] != ""


def test_nothing_changes_on_the_cluster(world):
    world.sync(tag(APP, ONE), wait=5.0)
    before = world.stream(APP)
    world.forget()
    world.plan(tag(APP, TWO), tag("team-a/new:v1"), resolve=True)
    assert world.stream(APP) == before
    assert world.stream("team-a/new:v1") is None
    assert {path.rpartition("/")[2] for _, path in world.writes()} == {"imagestreamimports"}


def test_a_plan_that_is_not_asked_sends_no_write_verb(world):
    world.plan(tag(APP, ONE))
    assert world.writes() == []


def test_an_image_that_does_not_exist_is_a_warning_and_the_exit_code_stays(world):
    missing, denied = "r.example.com/app:no-such-1", "r.example.com/no-access-team/app:1"
    planned = world.plan(
        tag(APP, missing), tag("team-a/app:v2", denied), tag("team-a/app:v3", "r.invalid/x:1"), resolve=True
    )
    assert states(planned) == {APP: "missing", "team-a/app:v2": "denied", "team-a/app:v3": "failed"}
    codes = [(problem.code, problem.file, problem.line) for problem in planned.report.plan.problems]
    assert codes == [
        ("image-missing", "<stdin>", 1),
        ("image-denied", "<stdin>", 3),
        ("image-unresolved", "<stdin>", 5),
    ]
    assert (planned.exit_code(), planned.exit_code(detailed=True), planned.report.plan.complete) == (0, 2, True)


def test_where_a_user_may_not_ask_the_plan_goes_on(tmp_path):
    tokens = {"ann": Identity("ann", "edit", ("team-a",)), "eve": Identity("eve", "view")}
    with LocalAPI(imports=False, tokens=tokens) as api:
        (tmp_path / "ann").write_text("ann")
        (tmp_path / "eve").write_text("eve")
        world = World(api)
        world.client = make_client(api.url, token_file=tmp_path / "eve")
        planned = world.plan(tag(APP), tag("team-a/app:v2"), tag("team-b/app:v1"), resolve=True)
        assert set(states(planned).values()) == {str(Resolution.FORBIDDEN)}
        problems = [(p.code, p.namespace) for p in planned.report.plan.problems]
        assert problems == [("resolve-forbidden", "team-a"), ("resolve-forbidden", "team-b")]
        world.client = make_client(api.url, token_file=tmp_path / "ann")
        assert states(world.plan(tag(APP), namespaces=("team-a",), resolve=True)) == {APP: "new"}


def test_a_date_that_may_not_be_read_is_left_out(world):
    world.sync(tag(APP, ONE), wait=5.0)
    refused = {"kind": "Status", "status": "Failure", "code": 403, "reason": "Forbidden", "message": "no"}
    with front(world.url, lambda _, path: (403, refused) if "imagestreamimages" in path else None) as url:
        world.client = make_client(url)
        [change] = world.plan(tag(APP, TWO), resolve=True).report.plan.changes
    assert (change.resolved.state, change.resolved.live_built) == (Resolution.MOVES, "")
    assert change.resolved.built


def test_a_sync_that_is_asked_tells_what_it_moved(world):
    world.sync(tag(APP, ONE), wait=5.0)
    run = world.sync(tag(APP, TWO), wait=5.0, resolve=True)
    [change] = run.report.plan.changes
    assert (change.resolved.live_digest, change.resolved.digest) == tuple(reversed(world.items(APP)))


def test_by_the_command_line_every_report_has_it_and_a_saved_plan_applies(world, tmp_path):
    folder = tmp_path / "tags"
    folder.mkdir()
    (folder / "app.yaml").write_text(json.dumps(tag(APP, ONE)))
    plan, page = tmp_path / "plan.json", tmp_path / "plan.md"
    common = ["--server", world.url, "-q"]
    asked = ["plan", str(folder), "--owner", "demo", "--resolve", "-o", f"json={plan}", "-o", f"markdown={page}"]
    assert run([*asked, *common]) == 0
    [change] = json.loads(plan.read_text())["changes"]
    assert (change["resolved"]["state"], change["resolved"]["follows"]) == ("new", None)
    assert "gets sha256:" in page.read_text()
    undo = ["--allow-dirty", "--undo-file", str(tmp_path / "undo")]
    assert run(["apply", str(plan), *common, *undo]) == 0
    world.settle(APP)
    assert world.items(APP) == [change["resolved"]["digest"]]
