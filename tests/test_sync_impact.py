"""Whole runs that read who uses the tags they change: what is told, what is vetoed, what could not be looked at."""

import json

import pytest
from msgspec.structs import replace
from workloads_of import REGISTRY, named, pod, reference, template, triggered
from world import World, front, tag

from syncer import sync
from syncer.errors import ClusterError
from syncer.localapi import Identity, LocalAPI
from syncer.model import Prune, Skip
from syncer.plan.saved import load
from syncer.report import render

READER = "imagestreams", "imagestreamtags", "imagestreams/layers"


def follower(name, target):
    return tag(name, {"kind": "ImageStreamTag", "name": target})


PROD, LIVE, OLD = (
    tag("team-a/app:prod"),
    follower("team-a/app:live", "app:prod"),
    tag("team-a/app:old", "r.example/x:9"),
)
MOVED = tag("team-a/app:prod", "r.example/x:2")


@pytest.fixture
def world():
    with LocalAPI(import_delay=0) as api:
        found = World(api)
        found.sync(PROD, LIVE, OLD, allow_dirty=True)
        found.settle("team-a/app:prod", "team-a/app:old")
        found.forget()
        yield found


def uses(run, name="team-a/app:prod"):
    found = {str(key): [str(use) for use in uses] for key, uses in run.report.plan.impact.uses.items()}
    return found.get(name)


def change(run, name):
    return next(one for one in run.report.plan.changes if str(one.key) == name)


def codes(run, name):
    return [veto.code for veto in change(run, name).vetoes]


def test_a_plan_tells_who_follows_a_tag_that_moves_and_its_followers(world):
    world.put(
        triggered("team-a/web", "app:prod"),
        triggered("team-a/db", "app:live", kind="StatefulSet", container="db"),
        triggered("team-a/other", "app:old"),
        *(pod(f"team-a/web-5d-{n}", owner=("ReplicaSet", "web-5d"), made_of="5d") for n in range(3)),
        pod("team-a/web-5d-gone", owner=("ReplicaSet", "web-5d"), made_of="5d", phase="Failed"),
    )
    world.forget()
    run = world.plan(MOVED, LIVE, OLD, impact=True)
    assert uses(run) == [
        "Deployment team-a/web (container web), 3 Pods",
        "team-a/app:live",
        "StatefulSet team-a/db (container db)",
    ]
    assert uses(run, "team-a/app:old") is None
    assert [str(place) for place in run.report.plan.impact.uses[change(run, "team-a/app:prod").key][2].via] == [
        "team-a/app:live"
    ]
    assert world.writes() == []


def test_nothing_is_read_without_impact_nor_where_nothing_changes(world):
    world.plan(MOVED, LIVE, OLD)
    run = world.plan(PROD, LIVE, OLD, impact=True)
    assert run.report.plan.impact.uses == {}
    assert [path for _, path in world.requests() if "deployments" in path or "pods" in path] == []


def test_a_change_of_annotations_alone_reads_nothing(world):
    noted = tag("team-a/app:prod", annotations={"note": "x"})
    assert world.plan(noted, LIVE, OLD, impact=True).report.plan.impact.uses == {}


def test_a_tag_that_is_in_use_is_not_pruned_and_every_kind_of_user_says_so(world):
    image = f"{REGISTRY}/team-a/app:old"
    build = {"output": {"to": reference("app:old")}}
    world.put(
        triggered("team-a/web", "app:old", paused=True),
        named("CronJob", "team-a/report", spec={"jobTemplate": {"spec": template(job=image)}}),
        named("BuildConfig", "team-a/app", spec=build),
        pod("team-a/by-hand", image=image),
    )
    world.forget()
    run = world.sync(PROD, LIVE, impact=True, allow_dirty=True)
    assert isinstance(change(run, "team-a/app:old"), Skip)
    [veto] = change(run, "team-a/app:old").vetoes
    assert veto.code == "used"
    assert veto.message == (
        "it is used by BuildConfig team-a/app (pushes to it), CronJob team-a/report (container job, names it as "
        "image), Deployment team-a/web (container web, paused) and 1 more; --prune-used prunes it all the same"
    )
    assert world.spec("team-a/app:old") is not None
    assert world.writes() == []


def test_prune_used_prunes_what_is_in_use_and_tells_who_uses_it(world):
    world.put(triggered("team-a/web", "app:old"))
    world.forget()
    run = world.sync(PROD, LIVE, impact=True, prune_used=True, allow_dirty=True)
    assert isinstance(change(run, "team-a/app:old"), Prune)
    assert uses(run, "team-a/app:old") == ["Deployment team-a/web (container web)"]
    assert world.spec("team-a/app:old") is None


def test_without_impact_a_tag_in_use_is_pruned_as_before(world):
    world.put(triggered("team-a/web", "app:old"))
    world.sync(PROD, LIVE, allow_dirty=True)
    assert world.spec("team-a/app:old") is None


def test_a_pod_that_runs_the_image_keeps_its_tag_only_where_no_other_tag_of_the_stream_has_it(world):
    digest = world.items("team-a/app:old")[0]
    world.put(pod("team-a/p", image="r.example/x:9", image_id=f"r.example/x@{digest}"))
    assert codes(world.plan(PROD, LIVE, impact=True), "team-a/app:old") == ["used"]
    twin = tag("team-a/app:twin", f"r.example/x@{digest}")
    world.sync(PROD, LIVE, OLD, twin, allow_dirty=True)
    world.settle("team-a/app:twin")
    run = world.plan(PROD, LIVE, twin, impact=True)
    assert isinstance(change(run, "team-a/app:old"), Prune)
    assert uses(run, "team-a/app:old") == ["Pod team-a/p (container main, runs its image)"]


def test_what_a_follower_in_use_follows_stays_too(world):
    world.put(triggered("team-a/web", "app:live"))
    run = world.plan(OLD, impact=True)
    assert codes(run, "team-a/app:live") == ["used"]
    assert codes(run, "team-a/app:prod") == ["followed"]


def test_a_follower_in_another_stream_keeps_its_image_unless_this_run_moves_it(world):
    copy = follower("team-a/copy:prod", "app:prod")
    world.sync(PROD, LIVE, OLD, copy, allow_dirty=True)
    world.put(triggered("team-a/web", "copy:prod"))
    moved = world.plan(MOVED, LIVE, OLD, copy, impact=True)
    assert uses(moved)[-1] == "Deployment team-a/web (container web)"
    left = world.plan(MOVED, LIVE, OLD, impact=True, prune=False)
    assert uses(left) == ["team-a/app:live", "team-a/copy:prod (keeps its image)"]


def test_only_namespaces_in_scope_are_looked_at_and_the_report_says_so(world):
    world.put(triggered("team-b/web", "app:prod", namespace="team-a"))
    run = world.plan(MOVED, LIVE, OLD, impact=True)
    assert uses(run) == ["team-a/app:live"]
    assert "Workloads in namespaces out of scope were not looked at; -A looks at all." in render("text", run.report)
    run = world.plan(MOVED, LIVE, OLD, impact=True, all_namespaces=True)
    assert "Deployment team-b/web (container web)" in uses(run)
    assert "out of scope" not in render("text", run.report)


def test_lists_are_read_in_pages_to_the_last_one(world):
    world.put(*(triggered(f"team-a/web-{n}", "app:prod") for n in range(7)))
    run = world.plan(MOVED, LIVE, OLD, impact=True, page_size=3)
    assert len(uses(run)) == 8
    assert len([path for _, path in world.requests("GET") if "deployments" in path]) == 3


def test_a_large_fan_out_is_counted_for_people_and_told_in_full_as_json(world):
    world.put(*(triggered(f"team-a/web-{n:03}", "app:prod") for n in range(250)))
    run = world.plan(MOVED, LIVE, OLD, impact=True)
    assert "and 241 more" in render("text", run.report)
    told = next(one for one in json.loads(render("json", run.report))["changes"] if one["name"] == "app:prod")
    assert len(told["impact"]) == 251


# ----------------------------------------------------------------------------------------------- what fails


@pytest.fixture
def narrow(tmp_path):
    """A world, and another one of the same cluster, whose user may list tags and Deployments and nothing else."""
    some = Identity("narrow", "edit", (), (*READER, "namespaces", "deployments"))
    tokens = {"all": Identity("admin", "admin"), "some": some}
    files = {name: tmp_path / name for name in tokens}
    for name, file in files.items():
        file.write_text(name)
    with LocalAPI(import_delay=0, tokens=tokens) as api:
        whole = World(api, token_file=files["all"])
        whole.sync(PROD, LIVE, OLD, allow_dirty=True)
        whole.settle("team-a/app:prod", "team-a/app:old")
        yield whole, World(api, token_file=files["some"])


def test_kinds_that_may_not_be_listed_are_named_and_keep_what_is_to_be_pruned(narrow):
    _, world = narrow
    run = world.plan(MOVED, LIVE, impact=True)
    [problem] = [one for one in run.report.plan.problems if one.code == "impact-unread"]
    kinds = "Pods, StatefulSets, DaemonSets, CronJobs, DeploymentConfigs and BuildConfigs"
    assert problem.message == f"not allowed to list {kinds}: the impact is incomplete"
    assert (problem.severity, problem.namespace) == ("warning", "team-a")
    [veto] = change(run, "team-a/app:old").vetoes
    assert (veto.code, veto.message) == (
        "use-unknown",
        f"{kinds} in team-a may not be listed, and may use it; --prune-used prunes it all the same",
    )
    told = json.loads(render("json", run.report))["impact"]
    assert told["complete"] is False
    assert {"kind": "Pod", "namespace": "team-a"}.items() <= told["unread"][0].items()
    assert 'cannot list resource "pods"' in told["unread"][0]["message"]


def test_prune_used_prunes_also_where_nobody_could_look(narrow):
    whole, world = narrow
    world.sync(PROD, LIVE, impact=True, prune_used=True, allow_dirty=True)
    assert whole.live().tags.keys() == {change(world.plan(PROD, LIVE), f"team-a/app:{n}").key for n in ("prod", "live")}


def test_all_namespaces_that_may_not_be_listed_keep_what_is_to_be_pruned_in_each(narrow):
    _, world = narrow
    run = world.plan(PROD, LIVE, impact=True, all_namespaces=True)
    [veto] = change(run, "team-a/app:old").vetoes
    assert (veto.code, "BuildConfigs in all namespaces may not be listed" in veto.message) == ("use-unknown", True)


def test_a_kind_that_the_cluster_does_not_have_is_no_loss(world):
    def rule(_method, path):
        absent = "/deploymentconfigs" in path
        return (404, {"kind": "Status", "code": 404, "reason": "NotFound", "message": "not found"}) if absent else None

    world.put(triggered("team-a/web", "app:prod"))
    with front(world.url, rule) as url:
        run = World(world.api, url=url).plan(MOVED, LIVE, impact=True)
    assert run.report.plan.impact.unread == ()
    assert "Deployment team-a/web (container web)" in uses(run)
    assert isinstance(change(run, "team-a/app:old"), Prune)


def test_an_api_that_the_cluster_does_not_have_by_its_own_list_is_no_loss(world):
    groups = {"kind": "APIGroupList", "groups": [{"name": "apps"}, {"name": "batch"}, {"name": "build.openshift.io"}]}

    def rule(_method, path):
        if path == "/apis":
            return 200, groups
        return (404, b"404 page not found\n") if "/deploymentconfigs" in path else None

    with front(world.url, rule) as url:
        run = World(world.api, url=url).plan(MOVED, LIVE, impact=True)
    assert run.report.plan.impact.unread == ()
    assert isinstance(change(run, "team-a/app:old"), Prune)


@pytest.mark.parametrize("plural", ["pods", "deployments", "deploymentconfigs"])
def test_a_404_of_a_load_balancer_does_not_pass_for_a_kind_that_is_not_there(world, plural):
    page = (404, b"<html>no backend</html>")
    with front(world.url, lambda _, path: page if f"/{plural}" in path else None) as url:
        narrow = World(world.api, url=url)
        with pytest.raises(ClusterError):
            narrow.sync(PROD, LIVE, impact=True, allow_dirty=True)
    assert world.writes() == []


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((500, {"kind": "Status", "code": 500, "message": "boom"}), "boom"),
        ((200, {"kind": "DeploymentList", "metadata": {"remainingItemCount": 3}, "items": []}), "3 objects remaining"),
        ((200, {"kind": "Status"}), "expected an DeploymentList"),
    ],
)
def test_a_list_that_does_not_come_to_its_end_ends_the_run_before_any_write(world, answer, told):
    with front(world.url, lambda _, path: answer if "/deployments" in path else None) as url:
        narrow = World(world.api, url=url)
        with pytest.raises(ClusterError, match=told):
            narrow.sync(PROD, LIVE, impact=True, allow_dirty=True)
    assert world.writes() == []


def test_a_list_that_expires_starts_again_and_is_told_whole(world):
    world.put(*(triggered(f"team-a/web-{n}", "app:prod") for n in range(5)))
    expired = []

    def rule(_method, path):
        if "/deployments" in path and "continue=" in path and not expired:
            expired.append(path)
            return 410, {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
        return None

    with front(world.url, rule) as url:
        run = World(world.api, url=url).plan(MOVED, LIVE, OLD, impact=True, page_size=2)
    assert expired
    assert len(uses(run)) == 6


# ------------------------------------------------------------------------------------------- saved plans


def test_a_saved_plan_keeps_its_impact_and_vetoes_and_reads_nothing_anew(world):
    world.put(triggered("team-a/web", "app:old"), triggered("team-a/api", "app:prod"))
    planned = world.plan(MOVED, LIVE, impact=True)
    text = render("json", planned.report)
    saved = load(text.encode(), "plan.json")
    assert saved.plan.impact == planned.report.plan.impact
    world.forget()
    run = sync.apply_saved(world.options(allow_dirty=True), saved, world.client)
    assert world.spec("team-a/app:old") is not None
    assert world.spec("team-a/app:prod")["from"]["name"] == "r.example/x:2"
    assert [path for _, path in world.requests() if "/apps/" in path] == []
    applied = json.loads(render("json", run.report))["changes"]
    before = json.loads(text)["changes"]
    assert [one.get("impact") for one in applied] == [one.get("impact") for one in before]


def test_the_registry_may_have_names_of_its_own(world):
    stream = world.stream("team-a/app")
    outside = "apps.example.com/team-a/app"
    stream["status"]["publicDockerImageRepository"] = outside
    world.put(named("Deployment", "team-a/web", spec=template(web=f"{outside}:old")))
    with front(world.url, lambda _, path: (200, stream) if path.endswith("/imagestreams/app") else None) as url:
        run = World(world.api, url=url).plan(PROD, LIVE, impact=True)
    assert codes(run, "team-a/app:old") == ["used"]


def test_the_plan_is_otherwise_the_same(world):
    world.put(triggered("team-a/web", "app:old"), triggered("team-a/api", "app:prod"))
    plain = world.plan(MOVED, LIVE, impact=False).report.plan
    told = world.plan(MOVED, LIVE, impact=True, prune_used=True).report.plan
    assert replace(told, impact=None) == plain
