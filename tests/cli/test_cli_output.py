"""Where reports go, what they look like to a terminal, and options that come from the environment."""

import contextlib
import json
import os
import pty
import subprocess
import sys

import pytest
from world import tag, text_of

APP = "team-a/app:v1"


@pytest.fixture
def plan(syncer, world):
    def call(*options):
        return syncer("plan", "-", "--owner", "demo", "--server", world.url, *options, stdin=text_of([tag(APP)]))

    return call


def test_text_goes_to_stdout_by_default_and_with_q_nothing_does(plan):
    assert APP.partition("/")[2] in plan().out
    assert plan("-q").out == ""


def test_a_format_without_a_path_goes_to_stdout_in_place_of_the_text(plan):
    document = json.loads(plan("-o", "json").out)
    assert [change["name"] for change in document["changes"]] == ["app:v1"]


def test_files_are_written_beside_the_text(plan, tmp_path):
    path = tmp_path / "new" / "folder" / "plan.json"
    ended = plan("-o", f"json={path}", "-o", f"text={tmp_path / 'plan.txt'}")
    assert json.loads(path.read_text())["summary"]["create"] == 1
    assert "app:v1" in (tmp_path / "plan.txt").read_text()
    assert "app:v1" in ended.out
    assert plan("-q", "-o", f"json={path}").out == ""


def test_a_path_may_hold_an_equals_sign(plan, tmp_path):
    plan("-o", f"json={tmp_path}/a=b.json")
    assert (tmp_path / "a=b.json").is_file()


def test_a_file_that_cannot_be_written_is_an_error_and_leaves_no_other(plan, tmp_path):
    (tmp_path / "file").write_text("mine")
    ended = plan("-o", f"json={tmp_path / 'file' / 'plan.json'}")
    assert (ended.code, "cannot be written" in ended.err) == (1, True)
    assert (tmp_path / "file").read_text() == "mine"


def test_two_plans_of_the_same_are_the_same_bytes_but_for_the_timings(plan):
    documents = [json.loads(plan("-o", "json").out) for _ in range(2)]
    for document in documents:
        document.pop("timings")
    assert documents[0] == documents[1]


def on_a_terminal(world, *options, **environment):
    """Run a plan with a pseudo-terminal for stdout; give what it printed."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "syncer", "plan", "-", "--owner", "demo", "--server", world.url, *options]
    plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    done = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=slave, env=plain | {"TERM": "xterm"} | environment)
    os.close(slave)
    done.stdin.write(text_of([tag(APP)]).encode())
    done.stdin.close()
    printed = b""
    with contextlib.suppress(OSError):  # Linux says EIO where the other end is closed
        while chunk := os.read(master, 4096):
            printed += chunk
    os.close(master)
    assert done.wait(timeout=20) == 0
    return printed.decode()


def test_a_terminal_sees_colours_unless_it_is_asked_not_to(world):
    assert "\x1b[" in on_a_terminal(world)
    assert "\x1b[" not in on_a_terminal(world, NO_COLOR="1")
    assert "\x1b[" not in on_a_terminal(world, "--no-color")


def test_a_pipe_sees_no_colours(plan):
    assert "\x1b" not in plan().out


def test_in_github_actions_the_summary_of_the_step_is_added_to(plan, tmp_path, monkeypatch):
    summary = tmp_path / "summary.md"
    summary.write_text("# Before\n\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    plan("-o", "json")
    assert summary.read_text() == "# Before\n\n"
    assert "::notice " in plan("-o", "github").out
    assert summary.read_text().startswith("# Before\n\n<!-- syncer:report demo -->\n### Plan: 1 to create.")


def test_a_summary_that_is_full_stays_as_it_is_and_one_that_cannot_be_written_is_an_error(plan, tmp_path, monkeypatch):
    summary = tmp_path / "summary.md"
    summary.write_text("x" * (1024 * 1024 - 100))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert plan("-o", "github").code == 0
    assert summary.stat().st_size == 1024 * 1024 - 100
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    ended = plan("-o", "github")
    assert (ended.code, "$GITHUB_STEP_SUMMARY" in ended.err) == (1, True)


# ---------------------------------------------------------------------------------------------------- environment


def pages(world):
    return [path.partition("limit=")[2] for _, path in world.requests("GET") if "/imagestreams?" in path]


def test_an_option_comes_from_the_environment_and_a_flag_wins(plan, world, monkeypatch):
    monkeypatch.setenv("SYNCER_PLAN_PAGE_SIZE", "7")
    plan()
    assert pages(world) == ["7"]
    world.forget()
    plan("--page-size", "9")
    assert pages(world) == ["9"]


def test_the_environment_of_one_command_is_not_anothers(plan, world, monkeypatch):
    monkeypatch.setenv("SYNCER_SYNC_PAGE_SIZE", "7")
    plan()
    assert pages(world) == ["500"]


def test_a_repeatable_option_comes_from_the_environment_by_its_own_name(plan, world, monkeypatch):
    monkeypatch.setenv("SYNCER_PLAN_NAMESPACE", "team-a team-b")
    plan()
    listed = {path.split("/")[5] for _, path in world.requests("GET") if "/imagestreams?" in path}
    assert listed == {"team-a", "team-b"}


def test_the_output_comes_from_the_environment(plan, monkeypatch):
    monkeypatch.setenv("SYNCER_PLAN_OUTPUT", "json")
    assert json.loads(plan().out)["owner"] == "demo"


def test_a_bad_value_in_the_environment_is_wrong_usage(plan, monkeypatch):
    monkeypatch.setenv("SYNCER_PLAN_PAGE_SIZE", "none")
    assert plan().code == 64


# ---------------------------------------------------------------------------------------------------------- help


CHECK = """
import sys
from syncer.cli import run
code = run(sys.argv[1:])
heavy = {"kubernetes", "git", "rich", "urllib3", "yaml", "ruamel.yaml", "jinja2", "uvicorn", "syncer.sync"}
print("LOADED", code, sorted(heavy & set(sys.modules)))
"""


@pytest.mark.parametrize("command", [[], ["plan"], ["sync"], ["explain"], ["serve"], ["demo"]], ids=" ".join)
def test_help_loads_no_library_that_it_does_not_need(command):
    done = subprocess.run(
        [sys.executable, "-c", CHECK, *command, "--help"], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.splitlines()[-1] == "LOADED 0 []"
    assert "Usage: syncer" in done.stdout


def test_the_module_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "syncer", "--version"], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.startswith("syncer, version ")
