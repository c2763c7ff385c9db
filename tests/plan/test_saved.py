"""Saved plans, without a cluster: what is read back, what is refused, what counts as moved."""

import copy
import json
from contextlib import suppress

import pytest
from builders import follows, live_state
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from report import scenes

from syncer.errors import SourceError
from syncer.model import Live, Prune
from syncer.plan import Limit
from syncer.plan.saved import checksum, load
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
    assert caught.value.hint
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
    "path", [("gates",), ("scope", "derived"), ("changes", 0, "reason"), ("changes", 0, "observed")]
)
def test_a_key_that_is_missing_is_named(path):
    whole = everyday()
    place = whole
    for part in path[:-1]:
        place = place[part]
    del place[path[-1]]
    assert refusal(signed(whole)).endswith(f"has no {path[-1]}")


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
