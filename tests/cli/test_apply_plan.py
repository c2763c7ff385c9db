"""`syncer apply` of saved plans, against the local API in both of its profiles."""

import json
from contextlib import contextmanager

import pytest
from world import IMAGE, Once, World, docker, front, tag, text_of

from syncer import sync
from syncer.localapi import LocalAPI
from syncer.plan.saved import checksum, load

NEW = "registry.example.com/team/app:v2"
APP, OTHER, GONE = "team-a/app:v1", "team-a/app:v2", "team-a/old:v1"
FOLLOWS = {"kind": "ImageStreamTag", "name": "app:v1"}


@pytest.fixture(scope="module", params=["openshift", "documented"])
def server(request):
    with LocalAPI(profile=request.param, imports=False) as api:
        yield api


@pytest.fixture
def planned(world, syncer, tmp_path):
    """Save a plan, and give a function that applies it."""
    path, numbers = tmp_path / "plan.json", iter(range(99))

    def plan(*manifests, options=()):
        common = ["--owner", "demo", "-n", "team-a", "--server", world.url]
        ended = syncer("plan", "-", *common, *options, "-q", "-o", f"json={path}", stdin=text_of(manifests))
        assert ended.code == 0, ended.err

        def apply(*more, stdin=b"", file=path):
            undo = tmp_path / f"undo-apply-{next(numbers)}.jsonl"
            return syncer("apply", file, "--server", world.url, "--undo-file", undo, *more, stdin=stdin)

        apply.path = path
        world.forget()
        return apply

    return plan


def before(world):
    """What a cluster held, and what git says now: a create, an update, adoption, drift, a prune, a follower."""
    world.sync(tag(APP), tag(GONE), tag("team-a/web:v1"), tag("team-a/web:latest"))
    world.post(tag("team-a/web:adopted"))
    world.point("team-a/web:v1", "registry.example.com/by/hand:1")
    return [
        tag(APP, NEW),
        tag(OTHER, annotations={"a/b": "c"}),
        tag("team-a/app:prod", FOLLOWS),
        tag("team-a/web:v1"),
        tag("team-a/web:latest"),
        tag("team-a/web:adopted"),
    ]


def streams(world):
    """Give what each tag asks for, without what differs from stream to stream anyway."""
    return {str(key): (live.spec, dict(live.annotations)) for key, live in world.live().tags.items()}


def document(ended):
    return json.loads(ended.out)


def stale(ended):
    return [f"{p['name']}: {p['message']}" for p in document(ended)["problems"] if p["code"] == "stale"]


def test_a_plan_that_is_applied_does_what_a_sync_does(world, planned):
    wanted = before(world)
    world.sync(*wanted)
    synced = streams(world)
    world.clear()
    apply = planned(*before(world))
    ended = apply("-o", "json")
    assert ended.code == 0, ended.err
    assert streams(world) == synced
    outcomes = {change["name"]: change["outcome"] for change in document(ended)["changes"]}
    assert outcomes == {
        "app:prod": "created",
        "app:v1": "configured",
        "app:v2": "created",
        "old:v1": "pruned",
        "web:adopted": "configured",
        "web:latest": "unchanged",
        "web:v1": "configured",
    }
    assert world.sync(*wanted).exit_code(detailed=True) == 0


def test_exactly_the_planned_requests_are_sent(world, planned):
    apply = planned(*before(world))
    saved = json.loads(apply.path.read_text())
    asked = [(r["method"], r["path"]) for change in saved["changes"] for r in change["requests"]]
    assert apply("-q").code == 0
    assert sorted(world.writes()) == sorted(asked)


def test_the_report_tells_what_was_planned_and_what_came_of_it(world, planned):
    apply = planned(*before(world))
    saved, done = json.loads(apply.path.read_text()), document(apply("-o", "json"))
    for key in ("source", "owner", "scope", "complete", "gates"):
        assert done[key] == saved[key]
    for was, now in zip(saved["changes"], done["changes"], strict=True):
        gone = {"import": {**was["import"], "state": "none"}} if was["action"] == "prune" else {}
        assert {key: now[key] for key in was} == was | gone


def test_the_way_back_is_written_before_the_first_write(world, planned, syncer, tmp_path):
    wanted = before(world)
    earlier = streams(world)
    assert planned(*wanted)("-q").code == 0
    undo = tmp_path / "undo-apply-0.jsonl"
    ended = syncer("restore", undo, "--server", world.url, "--undo-file", tmp_path / "back.jsonl", "-q", "--wait", "0s")
    assert ended.code == 0, ended.err
    assert {key: spec["from"] for key, (spec, _) in streams(world).items()} == {
        key: spec["from"] for key, (spec, _) in earlier.items()
    }


def test_the_same_plan_a_second_time_is_stale(world, planned):
    apply = planned(*before(world))
    assert apply("-q").code == 0
    world.forget()
    ended = apply("-o", "json")
    assert ended.code == 5
    assert "the plan is stale, nothing was written; moved since: team-a/app:prod, team-a/app:v1, " in ended.err
    assert "app:v1: tag.from was DockerImage registry.example.com/team/app:v1 when planned, is " in str(stale(ended))
    assert "old:v1: was there when planned (tag.from DockerImage registry.example.com/team/app:v1), is gone" in stale(
        ended
    )
    assert world.writes() == []


@pytest.mark.parametrize(
    ("move", "told"),
    [
        (
            lambda world: world.point(APP, "registry.example.com/x:3"),
            f"app:v1: tag.from was DockerImage {IMAGE} when planned, is DockerImage registry.example.com/x:3",
        ),
        (
            lambda world: world.annotate(APP, **{"example.com/team": "b"}),
            "app:v1: annotations[example.com/team] was (absent) when planned, is b",
        ),
        (
            lambda world: world.annotate(APP, **{"syncer.dev/owner": "other team-a/app:v1"}),
            'app:v1: annotations[syncer.dev/owner] was "demo team-a/app:v1" when planned, is "other team-a/app:v1"',
        ),
        (
            lambda world: world.delete(APP),
            "app:v1: was there when planned (tag.from DockerImage registry.example.com/team/app:v1), is gone",
        ),
        (
            lambda world: world.post(tag(OTHER, NEW)),
            "app:v2: was not there when planned, is there now (tag.from DockerImage registry.example.com/team/app:v2)",
        ),
        (
            lambda world: world.annotate(GONE, a="b"),
            "old:v1: annotations[a] was (absent) when planned, is b",
        ),
        (
            lambda world: world.post(tag("team-a/theirs:v1", {"kind": "ImageStreamTag", "name": "old:v1"})),
            "old:v1: was followed by no tag that stays when planned; now team-a/theirs:v1, which stays, follows it",
        ),
    ],
    ids=["from", "annotation", "owner", "deleted", "created", "pruned", "followed"],
)
def test_what_has_moved_since_is_told_and_nothing_is_written(world, planned, move, told):
    apply = planned(*before(world))
    move(world)
    world.forget()
    ended = apply("-o", "json")
    assert ended.code == 5
    assert stale(ended) == [told]
    assert "Hint: make a new one: syncer plan" in ended.err
    assert world.writes() == []


def test_a_stream_that_was_made_anew_makes_its_prune_stale(world, planned):
    apply = planned(*before(world))
    world.delete_stream(GONE)
    world.sync(tag(GONE), prune=False)
    world.forget()
    ended = apply("-o", "json")
    assert ended.code == 5
    assert [line.partition(" was ")[0] for line in stale(ended)] == ["old:v1: metadata.uid"]
    assert world.writes() == []


def test_a_sibling_that_moved_does_not_matter(world, planned):
    world.sync(tag(APP), tag("team-a/app:theirs"))
    apply = planned(tag(APP, NEW), tag("team-a/app:theirs"))
    world.point("team-a/app:theirs", "registry.example.com/x:3")
    world.post(tag("team-a/app:brand-new"))
    assert apply("-q").code == 0
    assert world.spec(APP)["from"] == docker(NEW)
    assert world.spec("team-a/app:theirs")["from"] == docker("registry.example.com/x:3")


def test_a_request_that_was_edited_by_hand_is_noticed(world, planned):
    apply = planned(*before(world))
    apply.path.write_text(apply.path.read_text().replace("app:v2", "app:v9"))
    ended = apply()
    assert ended.code == 1
    assert ended.err.startswith(f"Error: {apply.path} is not as it was written: its checksum does not match")
    assert world.requests() == []


def test_a_plan_is_applied_to_the_server_that_it_was_made_for_only(world, planned, server):
    apply = planned(*before(world))
    with LocalAPI(imports=False) as other:
        elsewhere = World(other)
        ended = apply("--server", elsewhere.url, "-q")
        assert elsewhere.requests() == []
    assert ended.code == 5
    assert f"the plan was made for {server.url}, this is {elsewhere.url}; nothing was written" in ended.err


def test_gates_are_checked_again_by_the_limits_that_the_apply_is_given(world, planned):
    world.sync(*(tag(f"team-a/app:v{number}") for number in range(12)))
    apply = planned(tag("team-a/app:v0"), options=["--max-prune", "95%"])
    assert json.loads(apply.path.read_text())["gates"] == []
    ended = apply("-q")
    assert ended.code == 3
    assert "would prune 11 of 12 owned tags (92 %)" in ended.err
    assert world.writes() == []
    assert apply("-q", "--max-prune", "11").code == 0
    assert list(streams(world)) == ["team-a/app:v0"]


def test_a_gate_that_stopped_the_plan_by_its_limit_can_be_passed_by_the_apply(world, planned):
    world.sync(*(tag(f"team-a/app:v{number}") for number in range(12)))
    apply = planned(tag("team-a/app:v0"))
    assert json.loads(apply.path.read_text())["gates"]
    ended = apply("-o", "json", "--max-prune", "11")
    assert (ended.code, document(ended)["gates"]) == (0, [])


def test_a_plan_of_an_empty_source_asks_for_a_new_one(world, planned):
    world.sync(tag(APP))
    ended = planned()("-q")
    assert ended.code == 3
    assert "(a new plan with --allow-empty lets it pass)" in ended.err
    assert world.writes() == []


def edit(path, **more):
    """Change a saved plan as syncer itself would have written it."""
    whole = json.loads(path.read_text())
    for key, value in more.items():
        whole[key] = {**whole[key], **value} if isinstance(value, dict) else value
    path.write_text(json.dumps({**whole, "checksum": checksum(whole)}))


def test_an_incomplete_plan_is_refused(world, planned):
    apply = planned(*before(world))
    edit(apply.path, complete=False)
    ended = apply("-q", "--allow-dirty")
    assert (ended.code, world.writes()) == (1, [])
    assert "the plan is incomplete" in ended.err


def test_a_plan_of_a_dirty_source_is_refused_unless_it_is_allowed(world, planned):
    apply = planned(*before(world))
    edit(apply.path, source={"dirty": True})
    ended = apply("-q")
    assert (ended.code, world.writes()) == (1, [])
    assert "is dirty: it holds what is in no commit; nothing was written" in ended.err
    assert apply("-q", "--allow-dirty").code == 0


def test_a_plan_without_an_owner_is_refused_as_a_sync_is(world, syncer, tmp_path):
    path = tmp_path / "plan.json"
    planned = syncer("plan", "-", "--server", world.url, "-q", "-o", f"json={path}", stdin=text_of([tag(APP)]))
    assert planned.code == 0
    ended = syncer("apply", path, "--server", world.url, "-q")
    assert ended.code == 64
    assert "give --owner NAME" in ended.err
    assert world.writes() == []


def test_a_plan_comes_by_stdin_too(world, planned):
    apply = planned(tag(APP))
    assert apply("-q", file="-", stdin=apply.path.read_bytes()).code == 0
    assert world.spec(APP)["from"] == docker()


@pytest.mark.parametrize("content", [None, b"", b"apiVersion: v1\n", b"{}"])
def test_what_is_no_plan_is_an_error_before_any_request(world, syncer, tmp_path, content):
    path = tmp_path / "plan.json"
    if content is not None:
        path.write_bytes(content)
    world.forget()
    ended = syncer("apply", path, "--server", world.url)
    assert ended.code == 1
    assert ended.err.startswith(f"Error: {path}")
    assert "Hint: " in ended.err
    assert world.requests() == []


def test_a_follower_is_written_after_the_tag_that_it_follows(world, planned):
    apply = planned(tag("team-a/a:prod", {"kind": "ImageStreamTag", "name": "a:z"}), tag("team-a/a:z"))
    assert [change["name"] for change in json.loads(apply.path.read_text())["changes"]] == ["a:prod", "a:z"]
    assert apply("-q").code == 0
    written = sorted(world.stream("team-a/a")["spec"]["tags"], key=lambda entry: entry["generation"])
    assert [entry["name"] for entry in written] == ["z", "prod"]


def test_a_tag_that_moves_at_the_last_moment_fails_and_is_left_alone(world, planned):
    apply = planned(*before(world))
    saved = load(apply.path.read_bytes(), "plan.json")
    meddle = Once(lambda: world.point(APP, "registry.example.com/x:3"))
    run = sync.apply_saved(world.options(), saved, world.client, stopped=meddle)
    assert run.exit_code() == 4
    failed = {str(key): outcome.error for key, outcome in run.report.outcomes.items() if outcome.error}
    assert list(failed) == [APP]
    assert failed[APP].startswith("changed since it was planned, left alone")
    assert world.spec(APP)["from"] == docker("registry.example.com/x:3")


def test_a_namespace_that_may_no_longer_be_listed_is_an_error(world, planned):
    apply = planned(*before(world))
    forbidden = {
        "kind": "Status",
        "status": "Failure",
        "code": 403,
        "reason": "Forbidden",
        "message": "no list for you",
    }
    with front(world.url, lambda method, _: (403, forbidden) if method == "GET" else None) as url:
        edit(apply.path, target={"server": url})
        ended = apply("--server", url, "-q")
    assert ended.code == 1
    assert "no list for you" in ended.err
    assert world.writes() == []


def test_the_lock_of_the_plans_owner_is_held_from_before_the_first_read(world, planned):
    apply = planned(tag(APP))
    saved = load(apply.path.read_bytes(), "plan.json")
    taken = []

    @contextmanager
    def lock(owner):
        taken.append((owner, world.requests()))
        yield lambda: taken.append("before a write")

    assert sync.apply_saved(world.options(), saved, world.client, lock=lock).exit_code() == 0
    assert taken == [("demo", []), "before a write"]


def test_a_follower_that_was_behind_is_cured_once(syncer, tmp_path):
    plan, follower = tmp_path / "plan.json", tag("team-a/web:prod", FOLLOWS)
    with LocalAPI(import_delay=0.02) as api:
        world = World(api)
        world.sync(tag(APP), follower, wait=10)
        world.point(APP, NEW)
        world.settle(APP)
        common = ["--server", world.url, "-q"]
        asked = ["plan", "-", "--owner", "demo", "-o", f"json={plan}", *common]
        assert syncer(*asked, stdin=text_of([tag(APP, NEW), follower])).code == 0
        changes = {change["name"]: change for change in json.loads(plan.read_text())["changes"]}
        assert changes["web:prod"]["reason"] == "follower behind"
        codes = [syncer("apply", plan, *common, "--undo-file", tmp_path / f"undo-{n}.jsonl").code for n in range(2)]
        assert codes == [0, 5]
        assert world.items("team-a/web:prod")[0] == world.items(APP)[0]
