"""Each case of `hostile_repositories.py` ends as its row says, soon, in little memory, and nothing is written."""

import json
import resource
import subprocess
import time

import click.utils
import pytest
from hostile_repositories import OUTSIDE, TAG, THEMES, Link, commit, lay

CASES = [pytest.param(case, id=f"{theme}: {case.name}") for theme, cases in THEMES.items() for case in cases]
SECONDS, MEGABYTES = 15, 450
"""CPU time and growth of memory that are surely too much: the most that was seen is 5 s and 180 MB."""


def test_there_are_two_hundred_cases_at_least_and_each_is_named():
    assert len({case.id for case in CASES}) == len(CASES) >= 200
    for theme, cases in THEMES.items():
        assert [case.name for case in cases if not (case.says or case.finds)] == [], theme


@pytest.fixture
def hostile(syncer, world, tmp_path, monkeypatch):
    """Lay out a case, sync it, and judge all but what it says."""
    monkeypatch.setattr(click.utils, "should_strip_ansi", lambda *_: False)  # as on a terminal
    source, work = tmp_path / "source", tmp_path / "work"
    source.mkdir()
    work.mkdir()
    (tmp_path / OUTSIDE).write_text(TAG.replace("app:v1", "outside:v1"))

    def call(case, *options):
        name = case.source if case.settings is None else "../source"
        memory, seconds = used()
        arguments = (*options, *case.options, name)
        ended = syncer(
            "sync", "--server", world.url, "-n", "team-a", "--allow-dirty", *OWNER, *arguments, stdin=case.stdin
        )
        grown, taken = (now - then for now, then in zip(used(), (memory, seconds), strict=True))
        assert (grown < MEGABYTES, taken < SECONDS) == (True, True), (grown, taken)
        said = ended.out + ended.err
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(said)
        assert len(said) < 20_000
        assert "s3cret" not in said
        assert "outside:v1" not in said
        assert not [path for path in (source / "ran", work / "ran", tmp_path / "ran") if path.exists()]
        assert (world.writes() == []) == (ended.code != 0 or not case.finds)
        return ended.code, " ".join(said.replace(str(source), ".").split())

    yield call, source, work
    subprocess.run(
        ["rm", "-rf", source], check=True
    )  # shutil.rmtree calls itself for each folder, and stops at a thousand


OWNER = ("--owner", "demo")


def used():
    """Give the most memory that this process has had, in MB, and the seconds that it and its children have computed."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000, time.process_time() + sum(
        resource.getrusage(resource.RUSAGE_CHILDREN)[:2]
    )


def prepare(case, source, work, monkeypatch):
    lay(case, source)
    if case.make:
        commit(source)
        case.make(source)
    monkeypatch.chdir(source if case.settings is None else work)
    settings = work / "syncer.yaml"
    if isinstance(case.settings, Link):
        settings.symlink_to(case.settings.target)
    elif case.settings is not None:
        settings.write_bytes(case.settings if isinstance(case.settings, bytes) else case.settings.encode())


@pytest.mark.parametrize("case", CASES)
def test_what_was_made_to_hurt_is_told_with_its_place_and_nothing_is_written(hostile, world, monkeypatch, case):
    call, source, work = hostile
    prepare(case, source, work, monkeypatch)
    code, said = call(case)
    assert (code, case.says in said) == (case.code, True), said[:2000]
    assert [text for text in case.finds if world.spec(text) is None] == []


@pytest.mark.parametrize("case", [case for case in CASES if case.values[0].ref])
def test_so_it_is_where_it_is_read_from_a_commit(hostile, world, monkeypatch, case):
    (call, source, work) = hostile
    prepare(case, source, work, monkeypatch)
    commit(source)
    code, said = call(case, "--ref", "main")
    assert (code, case.says in said) == (case.code, True), said[:2000]
    assert [text for text in case.finds if world.spec(text) is None] == []


FORMATS = ("json", "jsonl", "markdown", "html", "junit", "github", "gitlab")
MARKUP = [
    case
    for case in CASES
    if any(word in case.id for word in ("markup", "command of GitHub", "steers", "escape", "right to left"))
]


@pytest.mark.parametrize("case", MARKUP)
def test_no_report_holds_what_steers_a_terminal_or_is_markup(hostile, monkeypatch, tmp_path, case):
    call, source, work = hostile
    prepare(case, source, work, monkeypatch)
    call(case, *(f"--output={name}={tmp_path / name}" for name in FORMATS))
    for name in FORMATS:
        if not (tmp_path / name).exists():  # the error came before there was a plan
            continue
        text = (tmp_path / name).read_text()
        assert not {"\x1b", "\x07", "\x9b"} & set(text), name
        if name in ("html", "markdown", "junit"):
            assert "<script>alert" not in text, name
            assert "<b>[x](y)" not in text, name
        if name == "github":
            assert [
                line
                for line in text.splitlines()
                if not line.startswith(("::error ", "::warning ", "::notice ", "Plan: ", "Sync: "))
            ] == []
        if name in ("json", "gitlab"):
            json.loads(text)
