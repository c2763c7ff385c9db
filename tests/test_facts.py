"""What syncer does about each of the facts that docs/facts.md tells of a real server's ImageStreamTags.

Whole runs against the local API, in both of its profiles where the fact makes sense there: what holds for a server that
is as odd as the real one must hold, too, for one that does as its reference page promises.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from builders import key
from world import IMAGE, ROOT, Once, World, docker, front, tag, text_of

from syncer import imagestreamtag
from syncer.apply import images
from syncer.errors import ForbiddenError, UsageError
from syncer.localapi import Identity, LocalAPI, registry
from syncer.model import ImportState
from syncer.report import facts

APP = "team-a/app:v1"
NEW = "registry.example.com/team/app:v2"
ABSENT = "registry.invalid/team/app:v1"
DOCUMENT = Path(__file__).parents[1] / "docs" / "facts.md"
PROFILES = ("openshift", "documented")

both = pytest.mark.parametrize("profile", PROFILES)
as_recorded = pytest.mark.parametrize("profile", ["openshift"])


@pytest.fixture(scope="module")
def servers():
    started = {}

    def server(profile, *, imports, delay=0.05):
        if (profile, imports, delay) not in started:
            api = LocalAPI(profile=profile, imports=imports, import_delay=delay)
            started[profile, imports, delay] = api.__enter__()
        return started[profile, imports, delay]

    yield server
    for api in started.values():
        api.__exit__(None, None, None)


@pytest.fixture
def world(servers, profile):
    """A cluster that imports nothing: what is not imported stays pending."""
    world = World(servers(profile, imports=False))
    world.clear()
    return world


@pytest.fixture
def importing(servers, profile):
    """A cluster whose import controller runs."""
    world = World(servers(profile, imports=True))
    world.clear()
    return world


@pytest.fixture
def importing_slowly(servers, profile):
    """A cluster whose imports are still pending when they are listed, also where the machine is busy."""
    world = World(servers(profile, imports=True, delay=3))
    world.clear()
    return world


def actions(run):
    return {str(change.key): change.action for change in run.report.plan.changes}


def results(run):
    return {str(outcome.key): outcome.result for outcome in run.report.outcomes.values()}


def only(run):
    (change,) = run.report.plan.changes
    return change


def error_of(run, text=APP):
    return run.report.outcomes[key(text)].error


def synced_stream(number):
    """An ImageStream of two tags as a sync left it, and the manifests of the two."""
    manifests = [tag(f"team-a/s{number:04}:{name}", IMAGE) for name in ("a", "b")]
    specs = []
    for manifest in manifests:
        fields = {"/tag/from": manifest["tag"]["from"]}
        mine = key(f"team-a/{manifest['metadata']['name']}")
        marks = {
            imagestreamtag.OWNER: imagestreamtag.owner_mark("demo", mine),
            imagestreamtag.LAST_APPLIED: imagestreamtag.record(fields),
        }
        specs.append({"name": mine.tag, "annotations": marks, **manifest["tag"]})
    metadata = {"name": f"s{number:04}", "namespace": "team-a"}
    stream = {"apiVersion": "image.openshift.io/v1", "kind": "ImageStream", "metadata": metadata}
    return stream | {"spec": {"tags": specs}}, manifests


# ------------------------------------------------------------------------------------------------------------ 1


@both
def test_fact_1_the_tag_list_that_lies_about_paging_loses_no_tag(world):
    made = [synced_stream(number) for number in range(1203)]
    world.api.load(stream for stream, _ in made)
    wanted = [manifest for _, manifests in made for manifest in manifests]
    for scope in ({"all_namespaces": True}, {"namespaces": ("team-a",)}):
        run = world.plan(*wanted, page_size=100, **scope)
        assert set(actions(run).values()) == {"unchanged"}
        assert len(run.report.plan.changes) == 2406
        assert run.report.plan.complete
    assert world.writes() == []


@as_recorded
def test_fact_1_the_tag_list_of_a_real_server_is_never_trusted(world):
    world.post(tag(APP))
    run = world.plan(tag(APP), page_size=2)
    lists = [path for _, path in world.requests("GET") if "/imagestreamtags?" in path]
    assert run.report.target.listing == "streams"
    assert all(path.endswith("?limit=1") for path in lists), lists


@both
def test_fact_1_what_a_short_list_would_hide_is_not_pruned_and_the_rest_is(world):
    names = [f"team-a/s{number}:{name}" for number in range(7) for name in ("a", "b")]
    world.sync(*map(tag, names), page_size=2)
    run = world.sync(*map(tag, names[:-1]), page_size=2)
    assert results(run) == dict.fromkeys(names[:-1], "unchanged") | {names[-1]: "pruned"}


# ------------------------------------------------------------------------------------------------------------ 2


@both
@pytest.mark.parametrize(
    "case",
    [(IMAGE, {}, "pending"), (ABSENT, {}, "failed"), (IMAGE, {"reference": True}, "none")],
    ids=["pending", "failed", "reference"],
)
def test_fact_2_a_tag_without_an_image_is_seen_compared_and_patched(world, importing, case, profile):
    source, stanza, state = case
    where = importing if state == "failed" else world
    assert results(where.sync(tag(APP, source, **stanza))) == {APP: "created"}
    where.settle(*[APP][: state == "failed"])
    assert where.get(APP)[0] == (404 if profile == "openshift" else 200)
    where.forget()
    again = where.sync(tag(APP, source, **stanza))
    assert (results(again), only(again).image.state) == ({APP: "unchanged"}, state)
    changed = where.sync(tag(APP, ABSENT + "-2", **stanza))
    assert (only(changed).action, results(changed)) == ("update", {APP: "configured"})
    assert where.spec(APP)["from"]["name"] == ABSENT + "-2"
    assert [method for method, _ in where.writes()] == ["PATCH"]


@both
def test_fact_2_a_tag_without_an_image_that_left_git_is_pruned(world):
    world.sync(tag(APP), tag("team-a/app:v2"))
    assert results(world.sync(tag("team-a/app:v2"))) == {APP: "pruned", "team-a/app:v2": "unchanged"}
    assert world.spec(APP) is None


@both
def test_fact_2_why_an_import_failed_is_told(importing):
    run = importing.sync(tag(APP, ABSENT), wait=5.0)
    image = run.report.outcomes[key()].image
    assert (image.state, "no such host" in image.message) == (ImportState.FAILED, True)


# ------------------------------------------------------------------------------------------------------------ 3


@both
@pytest.mark.parametrize("gone", ["tag", "stream"])
def test_fact_3_an_update_does_not_make_a_deleted_tag_again(world, gone):
    world.sync(tag(APP))
    vanish = {"tag": world.delete, "stream": world.delete_stream}[gone]
    run = world.sync(tag(APP, NEW), stopped=Once(lambda: vanish(APP)))
    assert results(run) == {APP: "failed"}
    assert "changed since it was planned" in error_of(run)
    assert world.spec(APP) is None


@both
def test_fact_3_every_patch_begins_with_a_test_of_what_was_seen(world):
    world.sync(tag(APP))
    (request,) = only(world.plan(tag(APP, NEW))).requests
    assert request.body[0] == {"op": "test", "path": "/tag/from", "value": docker(IMAGE)}
    owner = imagestreamtag.annotation_path(imagestreamtag.OWNER)
    assert {"op": "test", "path": owner, "value": f"demo {APP}"} in request.body


# ------------------------------------------------------------------------------------------------------------ 4


@both
def test_fact_4_annotations_are_stored_and_survive_an_update(world):
    world.sync(tag(APP, annotations={"team": "a"}))
    assert world.spec(APP)["annotations"]["team"] == "a"
    world.annotate(APP, theirs="kept")
    world.sync(tag(APP, NEW, annotations={"team": "a"}))
    stored = world.spec(APP)["annotations"]
    assert (stored["team"], stored["theirs"]) == ("a", "kept")
    assert stored[imagestreamtag.OWNER] == f"demo {APP}"
    assert only(world.plan(tag(APP, NEW, annotations={"team": "a"}))).action == "unchanged"


@both
def test_fact_4_a_create_says_annotations_in_both_places(world):
    (request,) = only(world.plan(tag(APP, annotations={"team": "a"}))).requests
    assert request.body["metadata"]["annotations"] == request.body["tag"]["annotations"]
    assert request.body["tag"]["annotations"]["team"] == "a"


@both
@pytest.mark.parametrize("place", ["metadata", "tag"])
def test_fact_4_annotations_may_be_given_in_either_place(world, place):
    manifest = tag(APP, **({"annotations": {"team": "a"}} if place == "metadata" else {}))
    if place == "tag":
        manifest["tag"]["annotations"] = {"team": "a"}
    world.sync(manifest)
    assert world.spec(APP)["annotations"]["team"] == "a"
    assert only(world.plan(manifest)).action == "unchanged"


@both
def test_fact_4_an_annotation_that_left_git_goes_and_others_stay(world):
    world.sync(tag(APP, annotations={"team": "a", "tier": "1"}))
    world.annotate(APP, theirs="kept")
    world.sync(tag(APP, annotations={"tier": "2"}))
    stored = {name: value for name, value in world.spec(APP)["annotations"].items() if "/" not in name}
    assert stored == {"tier": "2", "theirs": "kept"}


# ------------------------------------------------------------------------------------------------------------ 5


@both
@pytest.mark.parametrize(
    ("extra", "cure"),
    [
        ({"metadata": {"labels": {"tier": "web"}}}, "oc label imagestream app tier=web -n team-a"),
        ({"top": {"lookupPolicy": {"local": True}}}, "oc set image-lookup app -n team-a"),
    ],
    ids=["labels", "lookupPolicy"],
)
def test_fact_5_what_belongs_to_the_stream_warns_with_the_cure_and_never_differs(world, extra, cure):
    first = world.sync(tag(APP, **extra))
    (problem,) = first.report.plan.problems
    assert (problem.severity, cure in problem.hint) == ("warning", True)
    assert (first.exit_code(), results(first)) == (0, {APP: "created"})
    assert only(world.plan(tag(APP, **extra))).action == "unchanged"
    moved = world.sync(tag(APP, NEW, **extra))
    assert results(moved) == {APP: "configured"}


# ------------------------------------------------------------------------------------------------------------ 6


DEFAULTS = {
    "reference": False,
    "importPolicy": {"importMode": "Legacy", "insecure": False, "scheduled": False},
    "referencePolicy": {"type": "Source"},
}


@both
@pytest.mark.parametrize("stanza", [{}, DEFAULTS], ids=["left out", "written out"])
def test_fact_6_defaults_never_show(world, stanza):
    world.sync(tag(APP, **stanza))
    run = world.plan(tag(APP, **stanza))
    assert (only(run).action, only(run).fields) == ("unchanged", ())


@both
@pytest.mark.parametrize(("before", "after"), [({}, DEFAULTS), (DEFAULTS, {})], ids=["added", "removed"])
def test_fact_6_a_default_that_git_begins_or_ceases_to_name_changes_no_field(world, before, after):
    world.sync(tag(APP, **before))
    generation = world.spec(APP)["generation"]
    assert only(world.plan(tag(APP, **after))).fields == ()
    world.sync(tag(APP, **after))
    assert world.spec(APP)["generation"] == generation
    assert only(world.plan(tag(APP, **after))).action == "unchanged"


@both
def test_fact_6_a_field_that_left_git_goes_back_to_its_default(world):
    world.sync(tag(APP, importPolicy={"scheduled": True, "importMode": "PreserveOriginal"}))
    world.sync(tag(APP))
    assert world.spec(APP)["importPolicy"] == {"importMode": "Legacy"}
    assert only(world.plan(tag(APP))).action == "unchanged"


# ------------------------------------------------------------------------------------------------------------ 7


@both
def test_fact_7_a_change_of_a_sibling_between_plan_and_write_does_not_matter(world):
    world.sync(tag(APP))
    world.post(tag("team-a/app:other"))
    run = world.sync(tag(APP, NEW), stopped=Once(lambda: world.point("team-a/app:other", NEW)))
    assert results(run) == {APP: "configured"}
    assert world.spec(APP)["from"]["name"] == NEW


@both
def test_fact_7_an_import_between_plan_and_write_does_not_matter(importing_slowly):
    importing_slowly.sync(tag(APP))
    run = importing_slowly.sync(tag(APP, NEW), stopped=Once(lambda: importing_slowly.settle(APP)))
    assert only(run).image.state is ImportState.PENDING
    assert results(run) == {APP: "configured"}
    assert importing_slowly.spec(APP)["from"]["name"] == NEW


@both
def test_fact_7_a_change_of_the_tag_between_plan_and_write_fails_that_tag_alone(world):
    world.sync(tag(APP), tag("team-a/web:v1"))
    hotfix = "registry.example.com/team/app:hotfix"
    run = world.sync(tag(APP, NEW), tag("team-a/web:v1", NEW), stopped=Once(lambda: world.point(APP, hotfix)))
    assert results(run) == {APP: "failed", "team-a/web:v1": "configured"}
    assert "changed since it was planned" in error_of(run)
    assert run.exit_code() == 4
    assert world.spec(APP)["from"]["name"] == hotfix


@both
def test_fact_7_an_annotation_that_somebody_adds_to_an_unmarked_tag_meanwhile_is_kept(world):
    world.post(tag(APP))
    run = world.sync(tag(APP), stopped=Once(lambda: world.annotate(APP, theirs="kept")))
    assert (only(run).adopts, results(run)) == (True, {APP: "configured"})
    stored = world.spec(APP)["annotations"]
    assert (stored["theirs"], stored[imagestreamtag.OWNER]) == ("kept", f"demo {APP}")


@both
def test_fact_7_texts_that_json_can_write_in_two_ways_are_guarded_as_the_server_writes_them(world):
    notes = {"note": "R&D <Größe> \u2028", "other": "💡"}
    world.sync(tag(APP, annotations=notes))
    run = world.sync(tag(APP, NEW, annotations={**notes, "note": "R&D <größer>"}))
    assert results(run) == {APP: "configured"}
    assert world.spec(APP)["annotations"]["note"] == "R&D <größer>"
    run = world.sync(tag(APP, NEW, annotations={"other": "💡"}))
    assert results(run) == {APP: "configured"}


@both
def test_fact_7_an_owner_that_took_the_tag_meanwhile_keeps_it(world):
    world.sync(tag(APP))
    rival = {imagestreamtag.OWNER: f"rival {APP}"}
    run = world.sync(tag(APP, NEW), stopped=Once(lambda: world.annotate(APP, **rival)))
    assert results(run) == {APP: "failed"}
    assert world.spec(APP)["from"]["name"] == IMAGE


# ------------------------------------------------------------------------------------------------------------ 8


@both
def test_fact_8_a_delete_carries_the_uid_of_the_stream(world):
    world.sync(tag(APP), tag("team-a/app:v2"))
    run = world.sync(tag("team-a/app:v2"))
    (request,) = run.report.plan.changes[0].requests
    assert request.body["preconditions"] == {"uid": world.stream(APP)["metadata"]["uid"]}
    assert results(run)[APP] == "pruned"


@both
def test_fact_8_a_stream_that_was_deleted_and_made_anew_is_not_touched(world):
    world.sync(tag(APP))
    marks = world.spec(APP)["annotations"]

    def renew():
        world.delete_stream(APP)
        world.post(tag(APP, annotations=marks) | {"tag": {"from": docker(), "annotations": marks}})

    run = world.sync(stopped=Once(renew), namespaces=("team-a",), allow_empty=True)
    assert (only(run).action, results(run)) == ("prune", {APP: "skipped"})
    assert world.spec(APP)["from"]["name"] == IMAGE
    assert world.requests("DELETE") == [("DELETE", f"{ROOT}/namespaces/team-a/imagestreams/app")]


@both
def test_fact_8_a_tag_that_changed_after_planning_is_not_pruned(world):
    world.sync(tag(APP))
    run = world.sync(stopped=Once(lambda: world.point(APP, NEW)), namespaces=("team-a",), allow_empty=True)
    assert (results(run), error_of(run)) == ({APP: "skipped"}, "changed since it was planned")
    assert world.spec(APP)["from"]["name"] == NEW


# ------------------------------------------------------------------------------------------------------------ 9


@as_recorded
@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_fact_9_sync_works_where_kubectl_apply_fails(world, tmp_path):
    def apply(*options):
        command = ["kubectl", "--server", world.url, "--cache-dir", str(tmp_path), "apply", "-f", "-", *options]
        environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "KUBECONFIG": "/dev/null"}
        text = text_of([tag(APP)])
        return subprocess.run(
            command, input=text, capture_output=True, text=True, env=environment, timeout=30, check=False
        )

    assert results(world.sync(tag(APP))) == {APP: "created"}
    client_side, server_side = apply(), apply("--server-side")
    assert (client_side.returncode, "AlreadyExists" in client_side.stderr) == (1, True)
    assert (server_side.returncode, "may not update fields" in server_side.stderr) == (1, True)
    assert results(world.sync(tag(APP))) == {APP: "unchanged"}
    assert results(world.sync(tag(APP, NEW))) == {APP: "configured"}


@both
def test_fact_9_a_second_run_over_tags_that_are_not_imported_writes_nothing(world):
    wanted = [tag(f"team-a/app:v{number}") for number in range(4)]
    world.sync(*wanted)
    world.forget()
    assert set(results(world.sync(*wanted)).values()) == {"unchanged"}
    assert world.writes() == []


# ----------------------------------------------------------------------------------------------------------- 10


BASE = "team-a/base:v1"
FOLLOWER = "team-a/web:prod"
FOLLOWS_BASE = {"kind": "ImageStreamTag", "name": "base:v1"}


@both
def test_fact_10_a_follower_in_another_stream_is_made_after_the_image_is_there(importing):
    run = importing.sync(tag(FOLLOWER, FOLLOWS_BASE), tag(BASE))
    assert results(run) == {BASE: "created", FOLLOWER: "created"}
    assert importing.items(FOLLOWER) == importing.items(BASE) != []
    assert set(actions(importing.plan(tag(FOLLOWER, FOLLOWS_BASE), tag(BASE))).values()) == {"unchanged"}


@both
def test_fact_10_a_follower_that_is_behind_is_cured_and_keeps_its_history(importing):
    importing.sync(tag(FOLLOWER, FOLLOWS_BASE), tag(BASE))
    (old,) = importing.items(FOLLOWER)
    importing.point(BASE, NEW)
    importing.settle(BASE)
    assert importing.items(FOLLOWER) == [old]
    plan = importing.plan(tag(FOLLOWER, FOLLOWS_BASE), tag(BASE, NEW))
    assert (
        next(change.reason for change in plan.report.plan.changes if change.key == key(FOLLOWER)) == "follower behind"
    )
    importing.sync(tag(FOLLOWER, FOLLOWS_BASE), tag(BASE, NEW))
    assert importing.items(FOLLOWER) == [importing.items(BASE)[0], old]
    assert importing.spec(FOLLOWER)["importPolicy"] == {"importMode": "Legacy"}


@both
@pytest.mark.parametrize("name", ["team-a/base:a", "team-a/app:v1"], ids=["in-its-stream", "from-another"])
def test_a_tag_that_takes_an_image_by_digest_is_made_in_the_run_that_imports_it(importing, name):
    importing.sync(tag("team-a/probe:v1"), wait=10.0, owner="probe")
    (digest,) = importing.items("team-a/probe:v1")
    wanted = [tag(name, {"kind": "ImageStreamImage", "name": f"base@{digest}"}), tag(BASE)]
    assert results(importing.sync(*wanted)) == {BASE: "created", name: "created"}
    assert importing.items(name) == [digest]
    assert set(actions(importing.plan(*wanted)).values()) == {"unchanged"}


@both
def test_fact_10_one_run_moves_a_tag_and_its_follower(importing):
    importing.sync(tag(FOLLOWER, FOLLOWS_BASE), tag(BASE))
    run = importing.sync(tag(FOLLOWER, FOLLOWS_BASE), tag(BASE, NEW))
    assert results(run) == {BASE: "configured", FOLLOWER: "configured"}
    assert importing.items(FOLLOWER)[0] == importing.items(BASE)[0]
    assert len(importing.items(FOLLOWER)) == 2
    assert set(actions(importing.plan(tag(FOLLOWER, FOLLOWS_BASE), tag(BASE, NEW))).values()) == {"unchanged"}


@both
def test_fact_10_a_follower_that_stayed_empty_is_cured(importing):
    importing.post(tag("team-a/base:other"))
    importing.post(tag(FOLLOWER, FOLLOWS_BASE))
    importing.sync(tag(BASE), wait=5.0)
    assert importing.items(FOLLOWER) == []
    run = importing.sync(tag(FOLLOWER, FOLLOWS_BASE), tag(BASE))
    assert results(run) == {BASE: "unchanged", FOLLOWER: "configured"}
    assert importing.items(FOLLOWER) == importing.items(BASE)


@both
def test_fact_10_a_follower_within_its_stream_moves_along_and_never_differs(importing):
    latest = "team-a/base:latest"
    wanted = [tag(BASE), tag(latest, {"kind": "ImageStreamTag", "name": "v1"})]
    importing.sync(*wanted, wait=5.0)
    importing.point(BASE, NEW)
    importing.settle(BASE)
    assert importing.items(latest)[0] == importing.items(BASE)[0]
    assert actions(importing.plan(tag(BASE, NEW), wanted[1]))[latest] == "unchanged"


@both
@pytest.mark.parametrize(
    ("base", "why"), [([tag(BASE, ABSENT)], "import failed"), ([], "does not exist")], ids=["failed", "absent"]
)
def test_fact_10_a_follower_without_an_image_to_take_is_not_made(importing, base, why):
    run = importing.sync(tag(FOLLOWER, FOLLOWS_BASE), *base)
    assert results(run)[FOLLOWER] == "failed"
    assert why in error_of(run, FOLLOWER)
    assert importing.spec(FOLLOWER) is None


@both
def test_fact_10_a_tag_that_another_one_follows_is_not_pruned(world):
    world.api.push("team-a", "base", "pushed")
    world.sync(tag(BASE), tag("team-a/base:latest", {"kind": "ImageStreamTag", "name": "v1"}))
    run = world.sync(tag("team-a/base:latest", {"kind": "ImageStreamTag", "name": "v1"}))
    (veto,) = next(change for change in run.report.plan.changes if change.key == key(BASE)).vetoes
    assert (veto.code, results(run)[BASE]) == ("followed", "skipped")
    assert world.spec(BASE) is not None


@both
def test_fact_10_followers_are_pruned_before_what_they_follow(importing):
    importing.sync(tag(FOLLOWER, FOLLOWS_BASE), tag(BASE))
    importing.sync(namespaces=("team-a",), allow_empty=True)
    assert [path.rpartition("/")[2] for _, path in importing.requests("DELETE")] == ["web:prod", "base:v1"]


# ----------------------------------------------------------------------------------------------------------- 11


@both
def test_fact_11_an_import_is_told_by_generation_and_not_by_an_older_image(importing):
    importing.sync(tag(APP), wait=5.0)
    (digest,) = importing.items(APP)
    failed = importing.sync(tag(APP, ABSENT), wait=5.0).report.outcomes[key()].image
    assert (failed.state, failed.digest) == (ImportState.FAILED, digest)
    assert only(importing.plan(tag(APP, ABSENT))).image == failed
    healed = importing.sync(tag(APP, NEW), wait=5.0).report.outcomes[key()].image
    assert (healed.state, healed.digest == digest) == (ImportState.IMPORTED, False)


@both
def test_fact_11_a_tag_whose_import_is_under_way_is_pending_although_an_image_is_there(world):
    world.api.push("team-a", "app", "v1")
    (digest,) = world.items(APP)
    world.sync(tag(APP), adopt_pushed=True)
    world.patch(APP, [{"op": "add", "path": "/tag/from", "value": docker(NEW)}])
    image = only(world.plan(tag(APP, NEW))).image
    assert (image.state, image.digest) == (ImportState.PENDING, digest)


@both
def test_fact_11_what_the_server_counts_is_never_a_difference(world):
    world.sync(tag(APP))
    world.patch(APP, [{"op": "add", "path": "/tag/generation", "value": 0}])
    assert only(world.plan(tag(APP))).action == "unchanged"


@both
def test_fact_11_an_import_that_fails_again_as_before_is_failed_in_this_run_and_in_later_ones(importing, monkeypatch):
    monkeypatch.setattr(images, "SILENCE", 0.2)
    importing.sync(tag(APP, ABSENT), wait=5.0)
    strict = {"retry_imports": True, "import_failures": "error"}
    again = importing.sync(tag(APP, ABSENT), wait=10.0, **strict)
    assert (results(again), again.exit_code()) == ({APP: "configured"}, 4)
    assert again.report.outcomes[key()].image.state is ImportState.FAILED
    unwaited = importing.sync(tag(APP, ABSENT), **strict)
    assert (results(unwaited), unwaited.exit_code()) == ({APP: "configured"}, 4)
    later = importing.sync(tag(APP, ABSENT), import_failures="error")
    assert (results(later), later.exit_code()) == ({APP: "unchanged"}, 4)
    image = only(later).image
    assert (image.state, "no such host" in image.message) == (ImportState.FAILED, True)
    assert "asked for again" in image.message


@both
def test_fact_11_a_retried_import_whose_registry_is_back_is_imported(importing, monkeypatch):
    importing.sync(tag(APP, ABSENT), wait=5.0)
    monkeypatch.setattr(registry, "unreachable", lambda _: False)
    again = importing.sync(tag(APP, ABSENT), wait=10.0, retry_imports=True, import_failures="error")
    assert (again.report.outcomes[key()].image.state, again.exit_code()) == (ImportState.IMPORTED, 0)


@both
def test_fact_11_a_failed_import_whose_source_git_mended_is_no_longer_failed(importing):
    importing.sync(tag(APP, ABSENT), wait=5.0)
    mended = importing.sync(tag(APP, NEW), import_failures="error")
    assert (mended.report.outcomes[key()].image.state, mended.exit_code()) == (ImportState.PENDING, 0)


@both
def test_fact_11_a_tag_that_goes_has_no_failed_import(importing):
    importing.sync(tag(APP, ABSENT), tag("team-a/app:v2"), wait=5.0)
    plan = importing.plan(tag("team-a/app:v2"))
    assert (actions(plan)[APP], facts.imports_in(plan.report, ImportState.FAILED)) == ("prune", [])
    kept = importing.sync(tag("team-a/app:v2"), import_failures="error", prune=False)
    assert (results(kept)[APP], kept.exit_code()) == ("skipped", 4)
    gone = importing.sync(tag("team-a/app:v2"), import_failures="error")
    assert (results(gone)[APP], gone.exit_code()) == ("pruned", 0)
    assert facts.imports_in(gone.report, ImportState.FAILED) == []


# ----------------------------------------------------------------------------------------------------------- 12


@both
def test_fact_12_no_run_watches_or_deletes_a_collection_or_creates_cluster_wide(importing):
    importing.sync(tag(APP), tag("team-b/app:v1"), tag(FOLLOWER, FOLLOWS_BASE), tag(BASE), wait=5.0)
    importing.sync(tag(APP, NEW), tag("team-b/app:v1"), all_namespaces=True, wait=5.0)
    sent = importing.requests()
    assert {method for method, _ in sent} == {"GET", "POST", "PATCH", "DELETE"}
    assert [path for _, path in sent if "watch" in path] == []
    for method, path in importing.writes():
        one = r"/imagestreamtags" if method == "POST" else r"/imagestreamtags/[^/]+:[^/]+"
        assert re.fullmatch(rf"{ROOT}/namespaces/team-[ab]{one}", path), (method, path)


@both
def test_fact_12_a_plan_sends_only_gets(importing):
    importing.sync(tag(APP), tag("team-a/app:gone"), tag(BASE))
    importing.point(APP, NEW)
    importing.forget()
    run = importing.plan(tag(APP), tag("team-a/app:new"), tag(FOLLOWER, FOLLOWS_BASE), tag(BASE))
    assert sorted(actions(run).values()) == ["create", "create", "prune", "unchanged", "update"]
    assert {method for method, _ in importing.requests()} == {"GET"}


# ----------------------------------------------------------------------------------------------------------- 13


@both
@pytest.mark.parametrize("name", ["a:b:c", "a:", "a", ":b", ":", "A:1", "a:-1", "a/b:1", "a..:1", "a:b c", "a:%2e"])
def test_fact_13_a_name_that_the_server_would_bend_is_an_error_and_nothing_is_written(world, name):
    run = world.sync(tag(APP), tag(APP, metadata={"name": name}))
    assert run.exit_code() == 1
    (problem,) = run.report.plan.problems
    assert (problem.severity, problem.code, problem.line > 0) == ("error", "name", True)
    assert world.writes() == []


@both
def test_fact_13_a_manifest_without_a_tag_stanza_is_an_error(world):
    manifest = tag(APP)
    del manifest["tag"]
    assert world.sync(manifest).exit_code() == 1
    assert world.stream(APP) is None


@both
@pytest.mark.parametrize("name", ["a.b_c-d:V1", "app:1.0_x-Y.", "app:_", "app:latest", f"app:{'x' * 128}"])
def test_fact_13_an_unusual_name_is_made_changed_and_pruned(world, name):
    text = f"team-a/{name}"
    assert results(world.sync(tag(text))) == {text: "created"}
    assert results(world.sync(tag(text, NEW))) == {text: "configured"}
    assert results(world.sync(namespaces=("team-a",), allow_empty=True)) == {text: "pruned"}


# ----------------------------------------------------------------------------------------------------------- 14


def cluster_version(version):
    """Answer as a cluster of this version; None as one that has no ClusterVersion."""

    def rule(_, path):
        if "clusterversions" not in path:
            return None
        history = [{"state": "Partial", "version": "9.9.9"}, {"state": "Completed", "version": version}]
        status = {"kind": "Status", "status": "Failure", "reason": "NotFound", "message": "not found", "code": 404}
        return (404, status) if version is None else (200, {"kind": "ClusterVersion", "status": {"history": history}})

    return rule


@both
@pytest.mark.parametrize("version", [None, "", "4.15.9", "4.16.3", "4.19.30", "4.2.1", "latest", "3.11.0"])
def test_fact_14_a_server_dry_run_is_refused_unless_the_version_is_known_to_be_safe(world, version):
    with front(world.url, cluster_version(version)) as url:
        guarded = World(world.api, url=url)
        with pytest.raises(UsageError, match="may really write") as caught:
            guarded.validate_on_server(tag(APP))
    assert caught.value.exit_code == 64
    assert world.writes() == []


@both
@pytest.mark.parametrize("version", ["4.20.0", "4.22.0", "5.0.1"])
def test_fact_14_a_server_dry_run_of_a_safe_version_validates_and_writes_nothing(world, version):
    world.sync(tag(APP), tag("team-a/app:gone"))
    before = world.stream(APP)
    world.forget()
    with front(world.url, cluster_version(version)) as url:
        run = World(world.api, url=url).validate_on_server(tag(APP, NEW), tag("team-a/web:v1"))
    assert (run.exit_code(), sorted(actions(run).values())) == (0, ["create", "prune", "update"])
    assert sorted(method for method, path in world.writes() if path.endswith("?dryRun=All")) == [
        "DELETE",
        "PATCH",
        "POST",
    ]
    assert len(world.writes()) == 3
    assert (world.stream(APP), world.stream("team-a/web:v1")) == (before, None)


@as_recorded
def test_fact_14_what_the_server_refuses_in_a_dry_run_is_a_problem(world):
    run = world.validate_on_server(tag(APP), tag("no-such-team/app:v1"))
    refused = [problem for problem in run.report.plan.problems if problem.code == "refused"]
    assert [(problem.namespace, problem.name) for problem in refused] == [("no-such-team", "app:v1")]
    assert (run.exit_code(), world.stream(APP)) == (1, None)


# ----------------------------------------------------------------------------------------------------------- 15


@both
@pytest.mark.parametrize("everywhere", [False, True], ids=["named", "all-namespaces"])
def test_fact_15_a_namespace_that_does_not_exist_is_told_before_and_fails_alone(world, everywhere):
    wanted = [tag(APP), tag("no-such-team/app:v1")]
    (problem,) = world.plan(*wanted, all_namespaces=everywhere).report.plan.problems
    assert (problem.severity, problem.code, problem.namespace) == ("warning", "no-such-namespace", "no-such-team")
    run = world.sync(*wanted, all_namespaces=everywhere)
    assert results(run) == {APP: "created", "no-such-team/app:v1": "failed"}
    assert "no-such-team" in error_of(run, "no-such-team/app:v1")
    assert run.exit_code() == 4


@both
def test_fact_15_an_empty_namespace_is_not_a_missing_one(world):
    assert world.plan(tag(APP)).report.plan.problems == ()


TOKENS = {
    "editor-token": Identity("editor", "edit", ("team-a",)),
    "viewer-token": Identity("viewer", "view"),
    "admin-token": Identity("admin", "admin"),
}


@pytest.fixture
def guarded(profile, tmp_path):
    """A cluster that asks for tokens, with team-a/app:v1 and team-b/app:v1 synced; gives a world for each token."""
    with LocalAPI(profile=profile, imports=False, tokens=TOKENS) as api:

        def as_(user):
            path = tmp_path / user
            path.write_text(f"{user}-token")
            return World(api, token_file=path)

        as_("admin").sync(tag(APP), tag("team-b/app:v1"))
        yield as_


@both
def test_fact_15_a_namespace_that_may_not_be_listed_is_named_and_left_alone(guarded):
    editor = guarded("editor")
    run = editor.sync(tag(APP, NEW), tag("team-b/app:v1", NEW))
    assert results(run) == {APP: "configured", "team-b/app:v1": "skipped"}
    (problem,) = run.report.plan.problems
    assert (problem.severity, problem.code, problem.namespace) == ("error", "forbidden", "team-b")
    assert (run.report.plan.complete, run.exit_code()) == (False, 4)
    assert [path for _, path in editor.writes() if "team-b" in path] == []


@both
def test_fact_15_nothing_is_pruned_where_nothing_could_be_listed(guarded):
    run = guarded("editor").sync(tag(APP), namespaces=("team-a", "team-b"))
    assert actions(run) == {APP: "unchanged"}
    assert set(guarded("admin").live("team-a", "team-b").tags) == {key(APP), key("team-b/app:v1")}


@both
def test_fact_15_all_namespaces_without_the_right_to_list_them_is_an_error_with_a_hint(guarded):
    with pytest.raises(ForbiddenError) as caught:
        guarded("editor").plan(tag(APP), all_namespaces=True)
    assert "-n/--namespace" in caught.value.hint


@both
def test_fact_15_a_write_that_is_forbidden_fails_that_tag_and_tells_why(guarded):
    run = guarded("viewer").sync(tag(APP, NEW), tag("team-a/app:v2"))
    assert results(run) == {APP: "failed", "team-a/app:v2": "failed"}
    assert "viewer" in error_of(run)
    assert run.exit_code() == 4


# --------------------------------------------------------------------------------------------------- the document


def test_every_fact_has_a_row_in_the_document_and_each_test_that_it_names_exists():
    rows = re.findall(r"^\| (\d+) \|.*\| (.*) \|$", DOCUMENT.read_text(), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 16))
    for number, cell in rows:
        named = re.findall(r"`(\w+)`", cell)
        assert named, f"fact {number} names no test"
        for name in named:
            assert name.startswith(f"test_fact_{number}_"), name
            assert callable(globals().get(name)), name
