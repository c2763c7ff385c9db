"""Saved plans, without a cluster: what is read back, what is refused, what counts as moved."""

import copy
import hashlib
import json
from contextlib import suppress

import pytest
from builders import follows, live_state
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from report import scenes

from syncer.errors import SourceError
from syncer.imagestreamtag import LAST_APPLIED, annotation_path, live_fields
from syncer.model import Desired, Live, ObjectKey, Origin, Prune, Scope, Shard, Skip, Target
from syncer.plan import Limit
from syncer.plan.saved import AGAIN, checksum, load, load_report
from syncer.plan.staleness import Exactly, gates_again, landed, moved
from syncer.report import render
from syncer.report.document import document

PLANS = ("empty", "nothing_to_do", "everyday", "stopped", "broken", "resolved", "impact")


def written(report):
    return render("json", report).encode()


def signed(whole):
    """Give an edited document as a file, with a checksum that somebody computed anew."""
    return json.dumps({**whole, "checksum": checksum(whole)}).encode()


def refusal(data):
    with pytest.raises(SourceError) as caught:
        load(data, "plan.json")
    assert caught.value.hint.endswith(AGAIN)
    return caught.value.message


def leaves(value, path=()):
    match value:
        case dict():
            for name, inner in value.items():
                yield from leaves(inner, (*path, name))
        case list():
            for number, inner in enumerate(value):
                yield from leaves(inner, (*path, number))
        case _:
            yield path


def edited(whole, path, value):
    result = copy.deepcopy(whole)
    place = result
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return result


def everyday():
    return document(scenes.everyday())


def change_named(name, plan=None):
    return next(change for change in (plan or scenes.everyday().plan).changes if change.key.name == name)


# ------------------------------------------------------------------------------------------------------ round trip


@pytest.mark.parametrize("scene", PLANS)
def test_a_plan_that_was_saved_and_read_is_the_plan_again(scene):
    report = getattr(scenes, scene)()
    saved = load(written(report), "plan.json")
    again = replace(report, source=saved.source, target=saved.target, plan=saved.plan)
    assert written(again) == written(report)
    for was, now in zip(report.plan.changes, saved.plan.changes, strict=True):
        assert (was.key, was.action, was.requests) == (now.key, now.action, now.requests)
        assert getattr(was, "adopts", None) == getattr(now, "adopts", None)


@pytest.mark.parametrize("scene", [*PLANS, "applied"])
def test_what_a_plan_was_made_of_and_for_comes_back_whole(scene):
    report = getattr(scenes, scene)()
    saved = load(written(report), "plan.json")
    assert (saved.source, saved.target, saved.checksum) == (report.source, report.target, document(report)["checksum"])
    plan, again = report.plan, saved.plan
    assert (again.owner, again.scope, again.complete) == (plan.owner, plan.scope, plan.complete)
    assert (again.gates, again.problems, again.impact) == (plan.gates, plan.problems, plan.impact)
    for was, now in zip(plan.changes, again.changes, strict=True):
        assert (now.key, now.reason, now.origin, now.vetoes) == (was.key, was.reason, was.origin, was.vetoes)
        assert (now.fields, now.requests, now.resolved) == (was.fields, was.requests, was.resolved)
        if now.live:
            assert now.live == replace(was.live, resource_version="", stream_annotations={}, image=now.live.image)
            assert now.live.image == replace(now.image, digest=was.live.image.digest)


def test_a_name_is_parted_at_its_first_colon_and_a_namespace_at_the_first_slash():
    odd = Skip(ObjectKey("n", "a/b", "c:d"), "odd")
    report = scenes.empty()
    saved = load(written(replace(report, plan=replace(report.plan, changes=(odd,)))), "plan.json")
    assert [change.key for change in saved.plan.changes] == [odd.key]


def test_a_cure_of_two_patches_comes_back():
    one = scenes.desired("team-a/app:v1")
    other = scenes.desired("team-a/web:prod", fields={"/tag/from": follows("app:v1")})
    behind = scenes.live("team-a/web:prod", applied=other, spec={"from": follows("app:v1")}, digest=scenes.digest("9"))
    plan = scenes.plan([one, other], [scenes.live("team-a/app:v1", applied=one), behind])
    change = change_named("web:prod", plan)
    assert [request.method for request in change.requests] == ["PATCH", "PATCH"]
    again = change_named("web:prod", load(written(scenes.report(plan)), "plan.json").plan)
    assert (again.requests, again.desired) == (change.requests, change.desired)


def test_a_follower_that_left_git_and_stays_has_what_it_follows_and_no_place_in_git():
    gone = scenes.desired("team-a/web:prod", fields={"/tag/from": follows("app:v1")})
    there = scenes.live("team-a/web:prod", applied=gone, spec={"from": follows("app:v1")})
    plan = scenes.plan([scenes.desired("team-a/app:v1")], [there], prune=False)
    again = change_named("web:prod", load(written(scenes.report(plan)), "plan.json").plan)
    assert (again.action, again.origin) == ("skip", None)
    assert again.desired == Desired(again.key, live_fields(there), Origin("", 0))


def test_the_image_that_was_observed_is_the_live_one_whatever_came_of_the_import():
    observed = edited(everyday(), ("changes", UPDATE, "observed", "digest"), scenes.digest("9"))
    assert load(signed(observed), "plan.json").plan.changes[UPDATE].live.image.digest == scenes.digest("9")


def test_a_test_of_the_record_is_not_taken_for_the_record():
    whole = everyday()
    change = whole["changes"][UPDATE]
    path = annotation_path(LAST_APPLIED)
    body = [*change["requests"][0]["body"], {"op": "test", "path": path, "value": "{}"}]
    plan = load(signed(edited(whole, ("changes", UPDATE, "requests", 0, "body"), body)), "plan.json").plan
    assert plan.changes[UPDATE].desired == load(signed(whole), "plan.json").plan.changes[UPDATE].desired


@pytest.mark.parametrize("listing", ["tags", "streams"])
@pytest.mark.parametrize(
    "scope",
    [
        Scope(all_namespaces=True),
        Scope(namespaces=("a", "b")),
        Scope(namespaces=("a",), derived=True),
        Scope(all_namespaces=True, shard=Shard(0, 3)),
    ],
    ids=str,
)
def test_the_listing_and_each_kind_of_scope_come_back(listing, scope):
    report = scenes.empty()
    report = replace(report, target=Target("https://c", "prod", listing), plan=replace(report.plan, scope=scope))
    saved = load(written(report), "plan.json")
    assert (saved.target, saved.plan.scope) == (report.target, scope)


# ---------------------------------------------------------------------------------------- what came of a run


def applied(**more):
    return replace(scenes.applied(), **more)


@pytest.mark.parametrize(
    "report",
    [
        applied(),
        applied(interrupted=True, undo_file="/var/undo.jsonl", notes=("one", "two")),
        applied(timings={"live": 1.25, "apply": 0.5}, shard=Shard(1, 4, "sha256:1")),
        applied(shard=Shard(0, 1)),
        scenes.everyday(),
    ],
    ids=["applied", "interrupted", "a part", "the only part", "a plan"],
)
def test_the_report_of_a_run_comes_back_with_what_came_of_each_tag(report):
    again = load_report(written(report), "run.json")
    told = {key: (outcome.result, outcome.error) for key, outcome in again.outcomes.items()}
    assert told == {key: (outcome.result, outcome.error) for key, outcome in report.outcomes.items()}
    assert all(key == outcome.key for key, outcome in again.outcomes.items())
    assert (again.source, again.target) == (report.source, report.target)
    assert (again.applied, again.interrupted, again.undo_file) == (report.applied, report.interrupted, report.undo_file)
    assert (again.notes, again.timings, again.shard) == (report.notes, report.timings, report.shard)
    assert [change.key for change in again.plan.changes] == [change.key for change in report.plan.changes]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("applied",), "yes", "applied is no bool"),
        (("interrupted",), 1, "interrupted is no bool"),
        (("undo_file",), None, "undo_file is no str"),
        (("notes",), [1], "notes[0] is no str"),
        (("timings",), [], "timings is no dict"),
        (("timings", "live"), "long", "timings.live is no float"),
        (("changes", 0, "outcome"), "lost", "changes[0].outcome is 'lost'"),
        (("changes", 0, "error"), None, "changes[0].error is no str"),
        (("shard", "index"), 4, "shard is part 4 of 4"),
        (("shard", "index"), -1, "shard is part -1 of 4"),
        (("shard", "index"), "1", "shard.index is no int"),
        (("shard", "count"), None, "shard.count is no int"),
        (("shard", "plan"), 7, "shard.plan is no str"),
    ],
    ids=str,
)
def test_what_no_run_reports_is_refused_by_its_place(path, value, message):
    whole = document(applied(timings={"live": 1.25}, shard=Shard(1, 4, "sha256:1")))
    with pytest.raises(SourceError) as caught:
        load_report(signed(edited(whole, path, value)), "run.json")
    assert caught.value.message == f"run.json is no plan that can be applied: {message}"
    assert caught.value.hint == AGAIN


def test_what_git_asked_for_comes_back_where_it_is_written():
    report = scenes.everyday()
    saved = load(written(report), "plan.json")
    for was, now in zip(report.plan.changes, saved.plan.changes, strict=True):
        if was.requests and was.desired:
            assert now.desired == was.desired


def test_a_follower_that_stays_as_it_is_keeps_its_place_in_the_order():
    one = scenes.desired("team-a/app:v1")
    other = scenes.desired("team-a/app:prod", fields={"/tag/from": follows("app:v1")})
    live = scenes.live("team-a/app:prod", applied=other, spec={"from": follows("app:v1")})
    report = scenes.report(scenes.plan([one, other], [live]))
    assert change_named("app:prod", report.plan).action == "unchanged"
    saved = load(written(report), "plan.json")
    assert change_named("app:prod", saved.plan).desired.fields["/tag/from"] == follows("app:v1")


def test_a_newer_minor_version_is_read_for_it_only_adds():
    whole = everyday() | {"format_version": "1.7", "colour": "blue"}
    assert load(signed(whole), "plan.json").plan.owner == scenes.OWNER


def test_timings_and_the_version_of_syncer_bind_nothing():
    whole = everyday()
    assert checksum(whole) == checksum(whole | {"timings": {"live": 9.9}, "syncer_version": "99"})


def test_the_checksum_is_that_of_the_sorted_compact_json():
    text = b'{"a":{"x":[1,2],"y":"\\u00e9"},"b":null,"c":[{"k":1,"l":2},3,[]],"d":[]}'
    whole = {"b": None, "a": {"y": "\u00e9", "x": [1, 2]}, "c": [{"l": 2, "k": 1}, 3, []], "d": []}
    whole |= {"checksum": "old", "timings": {}, "syncer_version": "1"}
    assert checksum(whole) == "sha256:" + hashlib.sha256(text).hexdigest()


def test_half_of_a_surrogate_pair_is_no_text_and_a_whole_one_is():
    whole = everyday()
    note = edited(whole, ("changes", 0, "reason"), "\U0001f600")
    assert load(signed(note), "plan.json").plan.changes[0].reason == "\U0001f600"
    assert b"\\ud83d\\ude00" in signed(note)
    assert refusal(signed(edited(whole, ("changes", 0, "reason"), "\ud83d"))) == "plan.json is not JSON"


# --------------------------------------------------------------------------------------------------- what is refused


@given(st.data())
def test_an_edit_of_any_leaf_of_the_changes_is_noticed(data):
    whole = json.loads(written(scenes.everyday()))
    path = data.draw(st.sampled_from(sorted(leaves(whole["changes"]), key=str)))
    was = whole["changes"]
    for part in path:
        was = was[part]
    value = data.draw(
        (st.none() | st.booleans() | st.integers() | st.text()).filter(lambda new: repr(new) != repr(was))
    )
    other = edited(whole, ("changes", *path), value)
    assert "its checksum does not match" in refusal(json.dumps(other).encode())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("source", "commit"), "0" * 40),
        (("source", "dirty"), True),
        (("target", "server"), "https://api.other.example.com:6443"),
        (("owner",), "somebody"),
        (("scope", "all_namespaces"), True),
        (("complete",), False),
        (("gates",), [{}]),
        (("changes",), []),
        (("checksum",), "sha256:" + "0" * 64),
        (("checksum",), None),
    ],
    ids=str,
)
def test_an_edit_of_what_binds_is_noticed(path, value):
    message = refusal(json.dumps(edited(everyday(), path, value)).encode())
    assert message == "plan.json is not as it was written: its checksum does not match, so it was edited or damaged"


def test_a_file_that_was_formatted_anew_is_the_same_plan():
    report = scenes.everyday()
    compact = json.dumps(json.loads(written(report)), ensure_ascii=False).encode()
    assert load(compact, "plan.json") == load(written(report), "plan.json")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "plan.json:1:1: not JSON: Expecting value"),
        (b'{\n "a": }', "plan.json:2:7: not JSON: Expecting value"),
        (b"\xff\xfe\xfa", "plan.json is not JSON"),
        (b'{"a": NaN}', "plan.json is not JSON"),
        (b"[" * 100_000, "plan.json is not JSON"),
        (b'{"a": ' + b"1" * 5000 + b"}", "plan.json is not JSON"),
        (b"[]", "plan.json is no saved plan: it has no format_version"),
        (b'{"name": "x"}', "plan.json is no saved plan: it has no format_version"),
        (b'{"format_version": 1}', "plan.json is no saved plan: it has no format_version"),
        (b'{"format_version": "2.0"}', "plan.json has format_version '2.0'; this syncer reads 1.x"),
        (b'{"format_version": "1.0"}', "plan.json is no saved plan: it has no checksum"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_plan_is_refused_with_its_reason(data, message):
    assert refusal(data) == message


CREATE, UPDATE, PRUNE = (
    [change["action"] for change in everyday()["changes"]].index(action) for action in ("create", "update", "prune")
)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("owner",), 5, "owner is no str"),
        (("complete",), "yes", "complete is no bool"),
        (("target", "listing"), "guess", "target.listing is 'guess'"),
        (("scope", "namespaces"), ["a", 5], "scope.namespaces[1] is no str"),
        (("problems", 0, "line"), True, "problems[0].line is no int"),
        (("source",), [], "source is no object"),
        (("changes",), {}, "changes is no list"),
        (("changes", 0, "action"), "delete", "changes[0].action is 'delete'"),
        (("changes", 0, "name"), "no-colon", "changes[0] has no namespace, or no name of the form STREAM:TAG"),
        (("changes", 1), everyday()["changes"][0], "changes name a tag twice"),
        (("changes", 0, "import", "state"), "lost", "changes[0].import.state is 'lost'"),
        (
            ("changes", UPDATE, "observed", "annotations"),
            {"a": 1},
            f"changes[{UPDATE}].observed.annotations hold what is no str",
        ),
        (("changes", UPDATE, "observed"), None, f"changes[{UPDATE}] does not say what was observed"),
        (("changes", UPDATE, "requests"), [], f"changes[{UPDATE}] has requests that are none of update"),
        (("changes", CREATE, "action"), "unchanged", f"changes[{CREATE}] has requests that are none of unchanged"),
        (
            ("changes", PRUNE, "observed", "annotations"),
            {},
            f"changes[{PRUNE}] prunes a tag that is not marked as owned by {scenes.OWNER}",
        ),
        (
            ("changes", PRUNE, "requests", 0, "path"),
            "/api/v1/namespaces/kube-system",
            f"changes[{PRUNE}].requests[0] is no request for team-b/api:old",
        ),
        (
            ("changes", CREATE, "requests", 0, "body", "metadata", "annotations"),
            {},
            f"changes[{CREATE}] records no syncer.dev/last-applied",
        ),
    ],
    ids=str,
)
def test_what_no_planner_makes_is_refused_even_with_a_right_checksum(path, value, message):
    assert refusal(signed(edited(everyday(), path, value))) == f"plan.json is no plan that can be applied: {message}"


@pytest.mark.parametrize(
    ("which", "path", "value"),
    [
        (CREATE, ("method",), "PUT"),
        (CREATE, ("path",), "/api/v1/namespaces"),
        (CREATE, ("body", "metadata", "name"), "other:v1"),
        (CREATE, ("body", "metadata", "namespace"), "kube-system"),
        (CREATE, ("body", "tag"), None),
        (CREATE, ("body",), []),
        (UPDATE, ("path",), "/api/v1/namespaces"),
        (UPDATE, ("body",), {}),
        (UPDATE, ("body", 0), "op"),
        (UPDATE, ("body", 0), {"op": "test", "path": 1}),
        (UPDATE, ("body", 0), {"op": None, "path": "/tag/from"}),
        (UPDATE, ("body", 0), {"op": "test"}),
        (UPDATE, ("body", 0), {"path": "/tag/from"}),
        (PRUNE, ("body", "preconditions"), {}),
        (PRUNE, ("body", "preconditions", "uid"), 7),
        (PRUNE, ("body",), None),
    ],
    ids=str,
)
def test_a_request_that_is_none_for_its_tag_is_refused(which, path, value):
    whole = everyday()
    change = whole["changes"][which]
    tag = f"{change['namespace']}/{change['name']}"
    message = refusal(signed(edited(whole, ("changes", which, "requests", 0, *path), value)))
    refused = f"changes[{which}].requests[0] is no request for {tag}"
    assert message == f"plan.json is no plan that can be applied: {refused}"


@pytest.mark.parametrize(
    "path", [("gates",), ("scope", "derived"), ("changes", 0, "reason"), ("changes", 0, "observed")]
)
def test_a_key_that_is_missing_is_named(path):
    whole = everyday()
    place = whole
    for part in path[:-1]:
        place = place[part]
    del place[path[-1]]
    where = "it" if len(path) == 1 else {"derived": "scope"}.get(path[-1], "changes[0]")
    assert refusal(signed(whole)) == f"plan.json is no plan that can be applied: {where} has no {path[-1]}"


def test_a_report_of_several_sync_sets_is_refused_with_the_way_to_one_of_them():
    with pytest.raises(SourceError) as caught:
        load(json.dumps({"format_version": "1.0", "sets": []}).encode(), "all.json")
    assert caught.value.message == "all.json is the report of several sync sets, and what is asked for is that of one"
    assert caught.value.hint == (
        "take one out: jq '.sets[] | select(.name == \"NAME\") | .report' all.json > one.json; "
        "or plan one alone: syncer plan --set NAME -o json=PLAN"
    )


def test_what_to_do_about_an_edited_plan_is_to_change_the_manifests():
    with pytest.raises(SourceError) as caught:
        load(json.dumps(everyday() | {"owner": "me"}).encode(), "plan.json")
    assert caught.value.hint == f"change the manifests instead, and {AGAIN}"


@given(st.data())
def test_a_value_of_another_type_is_never_a_traceback(data):
    whole = json.loads(written(scenes.everyday()))
    path = data.draw(st.sampled_from(sorted(leaves(whole), key=str)))
    value = data.draw(st.sampled_from([None, 7, True, "x", [], {}, [None], {"x": None}]))
    with suppress(SourceError):
        assert load(signed(edited(whole, path, value)), "plan.json")


# --------------------------------------------------------------------------------------------------------- staleness


def with_spec(live, **spec):
    return replace(live, spec={**live.spec, **spec})


def with_annotation(live, name, value):
    return replace(live, annotations={**live.annotations, name: value})


def with_digest(live):
    return replace(live, image=replace(live.image, digest=scenes.digest("9")))


UPDATED, PRUNED = change_named("app:prod"), change_named("api:old")


@pytest.mark.parametrize(
    ("change", "now", "paths"),
    [
        (UPDATED, UPDATED.live, []),
        (UPDATED, with_spec(UPDATED.live, **{"from": scenes.docker("x:9")}), ["/tag/from"]),
        (UPDATED, with_spec(UPDATED.live, reference=True), ["/tag/reference"]),
        (UPDATED, with_spec(UPDATED.live, importPolicy={}), []),
        (UPDATED, with_spec(UPDATED.live, reference=False), []),
        (UPDATED, with_spec(UPDATED.live, importPolicy={"scheduled": True}), ["/tag/importPolicy/scheduled"]),
        (UPDATED, with_spec(UPDATED.live, generation=99), []),
        (UPDATED, with_annotation(UPDATED.live, "a/b", "c"), ["/metadata/annotations/a~1b"]),
        (
            UPDATED,
            with_annotation(UPDATED.live, "syncer.dev/owner", "x y"),
            ["/metadata/annotations/syncer.dev~1owner"],
        ),
        (UPDATED, replace(UPDATED.live, uid="other", resource_version="9"), []),
        (UPDATED, with_digest(UPDATED.live), []),
        (UPDATED, None, [""]),
        (PRUNED, PRUNED.live, []),
        (PRUNED, replace(PRUNED.live, uid="other"), ["/metadata/uid"]),
        (PRUNED, with_digest(PRUNED.live), ["/image"]),
        (PRUNED, None, [""]),
        (change_named("app:v2"), None, []),
        (change_named("app:v2"), scenes.live("team-a/app:v2"), [""]),
        (change_named("web:v2"), None, []),
    ],
    ids=str,
)
def test_what_counts_as_moved(change, now, paths):
    assert [move.path for move in moved(change, now)] == paths


def test_a_retried_import_is_stale_once_it_was_asked_for():
    tag = scenes.desired("team-a/app:v1")
    live = scenes.live("team-a/app:v1", applied=tag, state=scenes.ImportState.FAILED, digest="")
    (change,) = scenes.plan([tag], [live], retry_imports=True).changes
    assert moved(change, live) == ()
    assert [move.path for move in moved(change, with_spec(live, generation=2))] == ["/tag/generation"]


def test_a_tag_as_an_earlier_run_of_the_plan_left_it_has_landed_and_no_other():
    made = change_named("app:v2")
    body = made.requests[0].body
    there = replace(scenes.live(str(made.key)), spec=body["tag"], annotations=body["metadata"]["annotations"])
    assert landed(made, there) == 1
    assert landed(made, with_annotation(there, "a/b", "c")) == 0
    assert landed(made, with_annotation(there, "syncer.dev/owner", f"other {made.key}")) == 0
    assert landed(made, with_spec(there, reference=True)) == 0
    assert landed(made, None) == 0
    assert landed(PRUNED, None) == 1
    assert landed(PRUNED, PRUNED.live) == 0
    assert landed(UPDATED, UPDATED.live) == 0
    assert landed(UPDATED, None) == 0
    assert landed(change_named("web:v2"), None) == 0


def test_an_image_that_was_asked_for_again_has_landed_once_the_tag_has_another_generation():
    tag = scenes.desired("team-a/app:v1")
    live = scenes.live("team-a/app:v1", applied=tag, state=scenes.ImportState.FAILED, digest="")
    (change,) = scenes.plan([tag], [live], retry_imports=True).changes
    assert landed(change, live) == 0
    assert landed(change, with_spec(live, generation=2)) == 1
    assert landed(change, with_spec(live, generation=2, reference=True)) == 0


# -------------------------------------------------------------------------------------------------------- the gates


def test_gates_count_what_the_owner_has_now():
    tags = [scenes.desired(f"team-a/app:v{number}") for number in range(20)]
    lives = [scenes.live(str(tag.key), applied=tag) for tag in tags]
    plan = scenes.plan(tags[:9], lives, max_prune=Limit(percent=60))
    assert plan.gates == ()
    limit = Limit(percent=60)
    assert gates_again(plan, live_state(*lives), limit, None) == ()
    (gate,) = gates_again(plan, live_state(*lives[9:]), limit, None)
    assert "would prune 11 of 11 owned tags" in gate.message
    (gate,) = gates_again(plan, live_state(*lives), None, None)
    assert gate.option == "--max-prune 11"


def test_a_gate_that_judged_the_source_holds_and_asks_for_a_new_plan():
    plan = scenes.plan([], [])
    (gate,) = gates_again(plan, live_state(), None, None)
    assert (gate.name, gate.option) == ("empty", "a new plan with --allow-empty")


# ---------------------------------------------------------------------------------------------------- planned again


class AsPlanned:
    """A planner that plans what it is told."""

    def __init__(self, change):
        self._change = change

    def change(self, _desired, _live):
        return self._change


def test_a_tag_that_is_planned_again_is_written_only_with_the_very_requests_that_were_saved():
    plan = scenes.everyday().plan
    saved = change_named("app:prod", plan)
    assert Exactly(plan, AsPlanned(saved)).change(saved.desired, saved.live) is saved
    other = replace(saved, requests=change_named("app:stage", plan).requests)
    assert Exactly(plan, AsPlanned(other)).change(saved.desired, saved.live).action == "skip"
    assert isinstance(saved.live, Live)
    assert isinstance(PRUNED, Prune)
