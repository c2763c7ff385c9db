import re
import time
from datetime import UTC, datetime

import pytest
import scenes
from msgspec.structs import replace
from rich.cells import cell_len

from syncer.model import Cause, Outcome, Prune, Unchanged
from syncer.report import facts
from syncer.report.text import DETAILED, render

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("width", [24, 40, 80, 120])
@pytest.mark.parametrize("scene", scenes.ALL)
def test_no_line_is_wider_than_the_terminal(scene, width):
    for line in render(scenes.ALL[scene](), width=width, color=False, verbose=True).splitlines():
        assert cell_len(line) <= width, line


@pytest.mark.parametrize("scene", scenes.ALL)
def test_plain_text_holds_no_control_character(scene):
    text = render(scenes.ALL[scene](), width=80, color=False)
    assert [char for char in text if not char.isprintable() and char != "\n"] == []


@pytest.mark.parametrize("scene", scenes.ALL)
def test_colour_adds_escape_codes_and_nothing_else(scene):
    colored = render(scenes.ALL[scene](), width=80, color=True)
    assert "\x1b[" in colored
    plain = "".join(f"{line.rstrip()}\n" for line in ESCAPE.sub("", colored).splitlines())
    assert plain == render(scenes.ALL[scene](), width=80, color=False)


def test_markup_in_data_is_not_interpreted():
    assert "[bold]markup[/bold]" in render(scenes.hostile(), width=1000, color=False)


def test_the_environment_does_not_matter(monkeypatch):
    before = render(scenes.everyday(), width=80, color=True)
    for name, value in {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "33", "FORCE_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    assert render(scenes.everyday(), width=80, color=True) == before


def test_unchanged_tags_are_shown_only_when_asked_for():
    assert "web:v2" not in render(scenes.everyday(), width=80, color=False)
    assert "= web:v2" in render(scenes.everyday(), width=80, color=False, verbose=True)


def test_a_failed_import_is_told_also_when_nothing_changed():
    text = render(scenes.nothing_to_do(), width=200, color=False)
    assert "Failed imports\n  team-a/app:v3  since 2026-03-01T08:15:00Z  Internal error occurred: " in text
    assert "Pending imports\n  team-a/app:v2\n" in text
    assert text.endswith("Plan: nothing to do, 3 unchanged.\n")


def test_what_both_sides_changed_says_what_was_applied_last():
    text = render(scenes.everyday(), width=200, color=False)
    assert "was DockerImage quay.example.com/team-b/api@sha256:abababababab… when last applied" in text


def test_each_of_several_causes_is_told_in_words():
    report = scenes.everyday()
    field = report.plan.changes[0].fields[0]
    fields = tuple(replace(field, cause=cause) for cause in Cause)
    change = replace(report.plan.changes[0], fields=fields, reason="several")
    plan = replace(report.plan, changes=(change,))
    text = render(replace(report, plan=plan), width=200, color=False)
    for cause in Cause:
        assert f"  {facts.CAUSES[cause]}\n" in text


def test_a_sync_is_told_in_the_past_tense():
    text = render(scenes.applied(), width=200, color=False)
    assert text.endswith("Sync: 2 created, 3 configured, 4 unchanged, 3 skipped, 1 failed.\n")
    assert "failed: the server refused: imagestreamtags is forbidden" in text


def test_ten_thousand_changes_render_in_seconds_with_a_line_each_and_the_urgent_ones_in_detail():
    report = scenes.huge()
    began = time.process_time()
    text = render(report, width=100, color=True)
    assert time.process_time() - began < 10
    text = ESCAPE.sub("", text)
    lines = [line[4:].split("  ")[0].strip() for line in text.splitlines() if re.match(r"  [-+~!] ", line)]
    changes = [change for change in report.plan.changes if not isinstance(change, Unchanged)]
    assert lines == [change.key.name for change in changes]
    prunes = sum(isinstance(change, Prune) for change in changes)
    assert (prunes > DETAILED, text.count("      tag.from"), text.count("left as it is")) == (True, DETAILED, 0)
    assert f"The details of {len(changes) - DETAILED:,} changes are left out; -v shows them" in text


def test_a_failure_beyond_those_told_in_detail_keeps_its_reason():
    report = scenes.huge(1000)
    failed = {change.key: Outcome(change.key, "failed", f"no {change.key}") for change in facts.shown(report)[:400]}
    text = render(replace(report, applied=True, outcomes=failed), width=200, color=False)
    assert sum(f"failed: no {key}" in text for key in failed) == 400
    assert "changes are left out" in text


def test_of_too_many_changes_the_most_urgent_are_listed_and_the_rest_counted(monkeypatch):
    monkeypatch.setattr(facts, "MOST", 350)
    monkeypatch.setattr(facts, "MOST_SAID", 3)
    report = scenes.huge(1000)
    text = render(replace(report, notes=("one", "two", "three", "four", "five")), width=100, color=False)
    assert {sign: len(re.findall(rf"^  {re.escape(sign)} ", text, re.MULTILINE)) for sign in "-!~+"} == {
        "-": 100,
        "!": 100,
        "~": 150,
        "+": 0,
    }
    assert "The details of 50 changes are left out; -v shows them" in text
    assert "450 more changes are left out, the least urgent ones; -v shows them" in text
    assert "  and 2 more; -o json=PATH has them all\n" in text
    assert all(f"team-{number:02}  " in text for number in range(50))


def test_verbose_leaves_nothing_out():
    text = render(scenes.huge(1000), width=100, color=False, verbose=True)
    assert "left out" not in text
    assert text.count("left as it is") == 100


@pytest.mark.parametrize(
    ("since", "age"),
    [
        ("2026-03-01T11:59:52Z", "for 8s, "),
        ("2026-03-01T11:48:00Z", "for 12m, "),
        ("2026-03-01T07:00:00Z", "for 5h, "),
        ("2026-02-26T12:00:00Z", "for 3d, "),
        ("2026-03-01T12:00:01Z", ""),
        ("yesterday", ""),
        ("", ""),
    ],
)
def test_a_failed_import_has_its_age_where_the_time_is_known(since, age):
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert facts.age(since, now) == age
    assert facts.age(since, None) == ""
