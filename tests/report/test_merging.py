"""`syncer report merge`: the reports of all parts become that of the whole, or it says what is wrong with them."""

import itertools
import json

import pytest
import scenes
from msgspec.structs import replace

from syncer.errors import ClusterError, SourceError
from syncer.model import Gate, Problem, Severity, Shard
from syncer.plan.saved import load_report
from syncer.plan.shards import part_of
from syncer.report import FORMATS, render
from syncer.report.document import document
from syncer.report.facts import notes
from syncer.report.failures import failed
from syncer.report.merging import merge
from syncer.sync import merged

PLAN = "sha256:" + "1" * 64


def parts_of(report, count=3):
    """Give the reports of the parts of a whole, by file name."""
    parts = {}
    for index in range(count):
        shard = Shard(index, count, PLAN)
        plan = replace(report.plan, changes=part_of(report.plan.changes, shard))
        keys = {change.key for change in plan.changes}
        outcomes = {key: outcome for key, outcome in report.outcomes.items() if key in keys}
        parts[f"part-{index}.json"] = replace(report, plan=plan, outcomes=outcomes, shard=shard)
    return parts


def files(parts):
    return {name: render("json", report).encode() for name, report in parts.items()}


def refused(report, *, gates=(), problems=()):
    """Give the report of a part that was not applied."""
    plan = replace(report.plan, gates=gates, problems=problems)
    return replace(report, plan=plan, outcomes={}, applied=False)


GATE = Gate("prune", stopped=True, message="would prune 90 of 100 owned tags", option="--max-prune 90")
STALE = Problem(Severity.ERROR, "stale", "is gone", namespace="team-a", name="app:v1")


@pytest.mark.parametrize("count", [1, 3, 40])
@pytest.mark.parametrize("scene", [scenes.applied, scenes.impact, scenes.resolved], ids=lambda scene: scene.__name__)
def test_the_parts_merged_are_the_whole(scene, count):
    whole = replace(scene(), undo_file="")
    run = merged(files(parts_of(whole, count)))
    told, expected = document(run.report), document(whole)
    assert {key for key in expected if told[key] != expected[key]} == set()


def test_that_nothing_was_found_to_use_a_tag_is_said_of_the_whole_and_not_of_a_part():
    told = [notes(merge(parts_of(scene, 3))) for scene in (scenes.impact(), unused(scenes.impact()))]
    assert ["Nothing was found that uses a tag which changes or goes." in each for each in told] == [False, True]


def unused(report):
    impact = replace(report.plan.impact, uses=dict.fromkeys(report.plan.impact.uses, ()))
    return replace(report, plan=replace(report.plan, impact=impact))


@pytest.mark.parametrize("format_", FORMATS)
def test_a_merged_report_renders_in_each_format(format_):
    run = merged(files(parts_of(scenes.applied())))
    assert render(format_, run.report, now=None)


def test_the_order_in_which_the_files_are_given_does_not_matter():
    parts = parts_of(scenes.applied())
    told = {render("json", merge(dict(order))) for order in itertools.permutations(parts.items())}
    assert len(told) == 1


def test_each_way_back_is_told_and_the_longest_of_each_stage():
    parts = parts_of(scenes.applied())
    for number, (name, report) in enumerate(parts.items()):
        parts[name] = replace(report, undo_file=f"/undo/{number}", timings={"apply": float(number)})
    report = merge(parts)
    assert [f"The way back: syncer restore /undo/{number}" in report.notes for number in range(3)] == [True] * 3
    assert report.timings == {"apply": 2.0}


def ends(parts, *, applied=True, **options):
    run = merged(files(parts), **options)
    assert run.report.applied is applied
    return run.exit_code()


def test_the_exit_code_is_that_of_the_whole():
    done = parts_of(scenes.nothing_to_do())
    done = {name: replace(report, applied=True) for name, report in done.items()}
    assert ends(done) == 0
    assert ends(parts_of(scenes.applied())) == 4  # it has failures
    everyday = parts_of(replace(scenes.everyday(), outcomes={}, applied=False))
    no_gates = {name: refused(report) for name, report in everyday.items()}
    assert ends({name: refused(report, gates=(GATE,)) for name, report in everyday.items()}, applied=False) == 3
    assert ends(no_gates | {"part-1.json": refused(everyday["part-1.json"], problems=(STALE,))}, applied=False) == 5
    assert ends(done | {"part-1.json": refused(done["part-1.json"], problems=(STALE,))}) == 4


def test_a_part_that_was_not_applied_says_so_at_each_of_its_tags():
    parts = parts_of(scenes.applied())
    name = next(name for name, part in parts.items() if any(change.requests for change in part.plan.changes))
    parts[name] = refused(parts[name], gates=(GATE,))
    report = merge(parts)
    left = [change for change in parts[name].plan.changes if change.requests]
    told = {report.outcomes[change.key] for change in left}
    assert {(outcome.result, outcome.error) for outcome in told} == {
        ("skipped", f"part {parts[name].shard} was not applied")
    }


def test_a_part_that_failed_as_a_whole_is_told_with_its_number():
    parts = parts_of(scenes.applied())
    lost = ClusterError("the server is gone")
    whole = parts["part-0.json"]
    parts["part-1.json"] = failed(lost, whole.source, whole.target, "", whole.plan.scope, Shard(1, 3))
    report = merge(parts)
    assert "part 1/3: the server is gone" in {problem.message for problem in report.plan.problems}
    assert (report.plan.complete, report.plan.owner, report.source) == (False, whole.plan.owner, whole.source)


def without(parts, *names):
    return {name: report for name, report in parts.items() if name not in names}


PARTS = parts_of(scenes.applied())
OTHER = replace(PARTS["part-2.json"], shard=Shard(2, 3, "sha256:" + "2" * 64))
FOURTH = replace(PARTS["part-2.json"], shard=Shard(2, 4, PLAN))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (without(PARTS, "part-1.json"), "part 1 of 3 is missing"),
        (without(PARTS, "part-1.json", "part-0.json"), "parts 0, 1 of 3 are missing"),
        ({**PARTS, "again.json": PARTS["part-1.json"]}, "part-1.json and again.json are both part 1/3"),
        ({**PARTS, "part-2.json": OTHER}, "part-0.json and part-2.json are parts of different plans"),
        ({**PARTS, "part-2.json": FOURTH}, "part-0.json and part-2.json are parts of different plans"),
        ({"report.json": scenes.applied()}, "report.json is no report of a part: its run had no --shard"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_all_parts_of_one_plan_is_an_error(parts, message):
    with pytest.raises(SourceError, match=message):
        merge(parts)


@pytest.mark.parametrize("shard", [{"index": 3, "count": 3, "plan": ""}, {"index": "1", "count": 3, "plan": ""}, 7])
def test_a_report_that_names_a_part_that_cannot_be_is_refused(shard):
    from syncer.plan.saved import checksum  # noqa: PLC0415 - only here

    whole = json.loads(render("json", PARTS["part-0.json"])) | {"shard": shard}
    whole["checksum"] = checksum(whole)
    with pytest.raises(SourceError, match="shard"):
        load_report(json.dumps(whole).encode(), "part.json")
