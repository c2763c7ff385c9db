import re

import pytest
import scenes
from msgspec.structs import replace

from syncer.model import Outcome, Problem, Severity
from syncer.report.github import SUMMARY_LIMIT, step_summary
from syncer.report.markdown import LIMIT, marker, render

DATA = re.compile(r"<code>([^<>]*)</code>")
REFERENCE = re.compile(r"&#\d+;|&nbsp;")
MEANING = re.compile(r"[\\`*_{}\[\]<>#!|@~$^&\"]|:/|www\.")


def outside(text):
    """The Markdown without its data, and without what we write ourselves."""
    text = DATA.sub("DATA", text)
    ours = (r"<!-- syncer:report \S+ -->", r"</?details( open)?>", r"</?summary>", r"</?b>", r"<br>")
    for own in (*ours, r"\*\*[\w ,:.]+\*\*", r"(?m)^#{3,4} ", r"(?m)^> \[!\w+\]$", r"(?m)^> ", r"\|", r"`-o \w+=PATH`"):
        text = re.sub(own, "", text)
    return text


@pytest.mark.parametrize("scene", scenes.ALL)
def test_nothing_that_data_says_is_markup_a_mention_or_html(scene):
    text = render(scenes.ALL[scene]())
    assert [data for data in DATA.findall(text) if MEANING.search(REFERENCE.sub("", data))] == []
    assert MEANING.findall(outside(text)) == []


def test_data_comes_through_as_it_is():
    text = render(scenes.hostile())
    assert "&#64;octocat" in text
    assert "&#60;script&#62;alert(1)&#60;/script&#62;" in text
    assert "&#92;x1b&#91;31mred" in text
    assert text.isprintable() or set(filter(lambda char: not char.isprintable(), text)) == {"\n"}


def test_every_row_of_a_table_has_as_many_cells_as_its_head():
    rows = [line for line in render(scenes.hostile()).splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {5}


@pytest.mark.parametrize(
    ("owner", "line"),
    [
        (scenes.OWNER, f"<!-- syncer:report {scenes.OWNER} -->"),
        ("a --> <b> @c", "<!-- syncer:report a%20-%2D%3E%20%3Cb%3E%20%40c -->"),
        ("\ud800\n", "<!-- syncer:report %3F%0A -->"),
    ],
)
def test_the_first_line_finds_the_comment_again(owner, line):
    assert marker(owner) == line
    report = scenes.everyday()
    report = replace(report, plan=replace(report.plan, owner=owner))
    assert render(report).splitlines()[0] == line


def test_ten_thousand_changes_fit_into_a_comment_and_the_rest_is_counted():
    report = scenes.huge()
    text = render(report)
    assert LIMIT * 0.9 < len(text.encode()) < LIMIT
    rows = sum(line.startswith("| <code>") for line in text.splitlines())
    assert f"**{8000 - rows + skipped(report):,} of {8000 + skipped(report):,} changes are left out" in text
    assert text.count("<details") == text.count("</details>")


def test_where_not_all_fit_what_failed_and_what_goes_away_is_there():
    report = scenes.huge(1000)
    last = report.plan.changes[-1]
    outcomes = {last.key: Outcome(last.key, "failed", "the server refused")}
    report = replace(report, applied=True, outcomes=outcomes)
    text = render(report, limit=30_000)
    assert "the server refused" in text
    assert text.count("| <code>-</code> prune |") == 100
    assert "| <code>+</code> create |" not in text


def skipped(report):
    return sum(change.action != "unchanged" for change in report.plan.changes) - 8000


def test_the_summary_of_a_step_has_more_room_and_keeps_to_it():
    text = step_summary(scenes.huge())
    assert SUMMARY_LIMIT * 0.9 < len(text.encode()) < SUMMARY_LIMIT


@pytest.mark.parametrize("message", ["x" * 5000, "ü<" * 5000])
def test_ten_thousand_long_problems_leave_room_for_the_changes(message):
    problems = tuple(Problem(Severity.ERROR, "yaml", message, message, f"{n}.yaml", n, n) for n in range(10_000))
    report = scenes.huge(1000)
    report = replace(report, plan=replace(report.plan, problems=problems))
    text = render(report)
    assert len(text.encode()) < LIMIT
    assert re.search(r"… and 9,\d\d\d more\n", text)
    assert "| <code>-</code> prune |" in text
    assert "changes are left out" in text
