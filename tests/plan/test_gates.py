"""Gates count, and say their figures and the way past them."""

import pytest
from builders import desired, image, live, live_state, manifests, policy, synced

from syncer.errors import UsageError
from syncer.model import Gate, Prune, Scope, Shard
from syncer.plan import Limit, make_plan
from syncer.plan.gates import limit_gates


def tags(number, namespace="team-a", stream="app"):
    return [desired(f"{namespace}/{stream}:v{n}") for n in range(number)]


def stopped(wanted, present, **more):
    plan = make_plan(manifests(*wanted), live_state(*present), policy(**more))
    return {gate.name: gate for gate in reversed(plan.gates)}


def pruning(kept, gone, **more):
    keeps, goes = tags(kept, stream="kept"), tags(gone, stream="gone")
    return stopped(keeps, [synced(one) for one in (*keeps, *goes)], **more)


@pytest.mark.parametrize(
    ("kept", "gone", "stops"),
    [(100, 10, False), (1, 10, False), (25, 11, True), (26, 11, False), (28, 12, False), (27, 12, True)],
)
def test_prunes_stop_above_ten_and_above_thirty_percent(kept, gone, stops):
    assert ("prune" in pruning(kept, gone)) is stops


@pytest.mark.parametrize(
    ("limit", "gone", "stops"),
    [("5", 5, False), ("5", 6, True), ("10%", 10, False), ("9%", 10, True), ("0", 1, True), ("100%", 90, False)],
)
def test_max_prune_replaces_both_figures(limit, gone, stops):
    assert ("prune" in pruning(100 - gone, gone, max_prune=Limit.parse(limit))) is stops


def test_a_gate_says_its_figures_and_the_exact_option():
    gate = pruning(20, 20)["prune"]
    message = "would prune 20 of 40 owned tags (50 %); the limit is more than 10 and more than 30 %"
    assert gate == Gate("prune", stopped=True, message=message, option="--max-prune 20")
    (gate,) = limit_gates([Prune(desired().key)], [], Limit(count=0), None, whole=True)
    assert gate.message == "would prune 1 of 0 owned tags; the limit is more than 0"
    assert "prune" not in pruning(20, 20, max_prune=Limit.parse("20"))


def test_drift_that_is_to_fail_is_counted_and_the_first_three_tags_are_named():
    wanted = [desired(f"team-a/app:v{n}") for n in range(4)]
    tags_there = [synced(one, spec={"from": image("q/x:9")}) for one in wanted]
    for number, named in [
        (1, "1 tag drifted on the cluster (team-a/app:v0)"),
        (3, "3 tags drifted on the cluster (team-a/app:v0, team-a/app:v1, team-a/app:v2)"),
        (4, "4 tags drifted on the cluster (team-a/app:v0, team-a/app:v1, team-a/app:v2, …)"),
    ]:
        gates = stopped(wanted[:number], tags_there[:number], on_drift="fail")
        assert gates["drift"] == Gate("drift", stopped=True, message=named, option="--on-drift revert")
    both = synced(desired(), spec={"from": image("q/x:9")})
    assert "drift" in stopped([desired(from_=image("q/x:2"))], [both], on_drift="fail")
    assert "drift" not in stopped([desired(from_=image("q/x:2"))], [synced(desired())], on_drift="fail")
    assert "drift" not in stopped(wanted, tags_there)


def test_a_source_without_a_manifest_stops_and_says_what_it_would_prune():
    message = "the source holds no ImageStreamTag manifest: everything that this owner made would be pruned"
    gate = Gate("empty", stopped=True, message=message, option="--allow-empty")
    assert stopped([], [])["empty"] == gate
    assert "empty" not in stopped([], [], allow_empty=True)


def test_a_gate_counts_each_namespace_too():
    keeps, goes = tags(200, "team-b"), tags(12, "team-a")
    gate = stopped(keeps, [synced(one) for one in (*keeps, *goes)])["prune"]
    assert "12 of 12 owned tags (100 %) in namespace team-a" in gate.message


def test_every_namespace_over_the_limit_is_told_after_the_whole_run():
    gone = [*tags(12, "team-a"), *tags(11, "team-b")]
    plan = make_plan(manifests(*tags(30, "team-c")), live_state(*map(synced, [*gone, *tags(30, "team-c")])), policy())
    assert [gate.message.partition(";")[0] for gate in plan.gates] == [
        "would prune 23 of 53 owned tags (43 %)",
        "would prune 12 of 12 owned tags (100 %) in namespace team-a",
        "would prune 11 of 11 owned tags (100 %) in namespace team-b",
    ]


@pytest.mark.parametrize("kind", ["prune", "change"])
@pytest.mark.parametrize("limit", [None, "0", "5", "1%", "10%"])
@pytest.mark.parametrize("places", [{"team-a": 12}, {"team-a": 12, "team-b": 11}, {"team-a": 1, "team-b": 40}])
def test_the_option_that_a_gate_names_lets_the_run_pass_namespaces_too(kind, limit, places):
    touched = [one for namespace, number in places.items() for one in tags(number, namespace)]
    kept = tags(100, "team-c")
    moved = [desired(str(one.key), from_=image("quay.io/example/app:v2")) for one in touched]
    wanted = kept if kind == "prune" else [*kept, *moved]
    cluster = live_state(*map(synced, [*touched, *kept]))
    more = {f"max_{kind}": Limit.parse(limit)} if limit else {}
    first = make_plan(manifests(*wanted), cluster, policy(**more))
    assert first.gates
    (option,) = {gate.option for gate in first.gates}
    name, figure = option.split()
    assert name == f"--max-{kind}"
    assert make_plan(manifests(*wanted), cluster, policy(**{f"max_{kind}": Limit.parse(figure)})).gates == ()


def test_nothing_to_prune_passes_any_limit_also_where_nothing_is_owned():
    assert not stopped(tags(3), [], max_prune=Limit.parse("0"), max_change=Limit.parse("0%"))


def test_changes_stop_like_prunes_and_creates_and_adoption_are_free():
    present = [synced(one) for one in tags(20)]
    moved = [desired(str(one.key), from_=image("quay.io/example/app:v2")) for one in tags(20)]
    assert stopped(moved, present)["change"].option == "--max-change 20"
    assert not stopped(moved, [])
    assert not stopped(moved, [live(str(one.key)) for one in tags(20)])


def test_changes_of_annotations_are_free():
    noted = [desired(str(one.key), fields={"/metadata/annotations/a": "b"}) for one in tags(20)]
    assert not stopped(noted, [synced(one) for one in tags(20)])


def test_a_source_without_a_manifest_stops():
    gate = stopped([], [synced(desired())])["empty"]
    assert gate.option == "--allow-empty"
    assert not stopped([], [synced(desired())], allow_empty=True)


def test_drift_stops_where_it_is_to_fail():
    tag = synced(desired(), spec={"from": image("quay.io/example/app:hotfix")})
    assert "team-a/app:v1" in stopped([desired()], [tag], on_drift="fail")["drift"].message
    assert not stopped([desired()], [synced(desired())], on_drift="fail")


@pytest.mark.parametrize("text", ["", "x", "-1", "101%", "1.5", "%", "1234567890"])
def test_what_is_no_limit_is_wrong_usage(text):
    with pytest.raises(UsageError) as caught:
        Limit.parse(text)
    assert caught.value.message == f"{text!r} is no limit"
    assert caught.value.hint == "give a number of tags (20) or a percentage (50%)"


@pytest.mark.parametrize(
    ("text", "limit", "said"),
    [
        (" 20 ", Limit(count=20), "more than 20"),
        ("0", Limit(count=0), "more than 0"),
        ("123456789", Limit(count=123456789), "more than 123456789"),
        ("50%", Limit(percent=50.0), "more than 50 %"),
        ("100%", Limit(percent=100.0), "more than 100 %"),
    ],
)
def test_a_limit_is_a_number_or_a_percentage_and_says_so(text, limit, said):
    assert (Limit.parse(text), str(limit)) == (limit, said)


@pytest.mark.parametrize("kind", ["prune", "change"])
def test_a_part_of_what_one_owner_has_is_judged_by_its_namespaces_alone(kind):
    part = Scope(all_namespaces=True, shard=Shard(0, 1))
    places = ["team-a", "team-b"]
    for count, stops in [(7, False), (11, True)]:
        there = [one for place in places for one in tags(count, place)]
        kept = [] if kind == "prune" else [desired(str(one.key), from_=image("q/x:2")) for one in there]
        cluster = live_state(*map(synced, there))
        whole = make_plan(manifests(*kept), cluster, policy(allow_empty=True)).gates
        parted = make_plan(manifests(*kept), cluster, policy(allow_empty=True, scope=part)).gates
        share = f"{count} of {count} owned tags (100 %) in namespace"
        named = [f"would {kind} {share} {place}; the limit is more than 10 and more than 30 %" for place in places]
        assert [gate.message for gate in parted] == (named if stops else [])
        assert [gate.message.startswith(f"would {kind} {2 * count} of {2 * count} owned") for gate in whole[:1]] == [
            True
        ]
        assert {gate.name for gate in whole} == {kind}
