"""What is told while a run goes on: lines or bars on stderr, and JSON lines of events."""

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
import threading
from datetime import UTC, datetime

import jsonschema
import pytest
from world import front, tag, text_of

from syncer.cli.progress import LineProgress
from syncer.events import Progress, StageBegan, StageEnded
from syncer.report.document import schema

TAGS = [tag(f"team-a/app:v{number}") for number in range(3)]


@pytest.fixture
def sync(syncer, world, monkeypatch):
    monkeypatch.delenv("SYNCER_SYNC_NO_PROGRESS")

    def call(*options, tags=TAGS):
        return syncer("sync", "-", "--owner", "demo", "--server", world.url, *options, stdin=text_of(tags))

    return call


# ------------------------------------------------------------------------------------------------ lines on stderr


def seconds(text):
    return re.sub(r"\d+\.\d s", "0.0 s", text)


def test_a_run_tells_a_line_a_stage_where_stderr_is_no_terminal(sync):
    assert seconds(sync().err).splitlines() == [
        "Read 1 file (0.0 s)",
        "Parsed 1 file (0.0 s)",
        "Applied 3 changes (0.0 s)",
    ]
    assert seconds(sync().err).splitlines()[-1] == "Listed 3 tags (0.0 s)"


@pytest.mark.parametrize("option", ["-q", "--no-progress"])
def test_nothing_is_told_where_that_is_asked_for(sync, option):
    assert sync(option).err == ""


def told(*steps):
    """Give what a LineProgress tells of events, each at its second."""
    lines, now = [], [0.0]
    show = LineProgress(lines.append, lambda: now[0])
    for second, event in steps:
        now[0] = second
        show(event)
    return lines


def test_a_long_stage_tells_how_far_it_is_every_ten_seconds():
    assert told(
        (0, StageBegan("live")),
        (9.9, Progress("live", 1000)),
        (10, Progress("live", 1500)),
        (12, Progress("live", 2000)),
        (21, Progress("live", 2500)),
        (22, StageEnded("live", 22.04, {"tags": 2600})),
    ) == ["Listing: 1,500 tags so far (10 s)", "Listing: 2,500 tags so far (21 s)", "Listed 2,600 tags (22.0 s)"]


def test_where_the_total_is_known_it_is_told():
    assert told((5, StageBegan("wait", 3)), (16, Progress("wait", 1, 3))) == ["Importing: 1 of 3 images (11 s)"]


def test_a_stage_with_nothing_to_do_tells_nothing():
    assert told((0, StageBegan("apply", 0)), (0, StageEnded("apply", 0.0, {"unchanged": 7}))) == []


def test_what_keeps_a_run_waiting_is_told_and_an_event(sync, world):
    held = {"kind": "Lease", "apiVersion": "coordination.k8s.io/v1", "metadata": {"name": "one", "namespace": "team-a"}}
    spec = {
        "holderIdentity": "another",
        "leaseDurationSeconds": 1,
        "renewTime": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
    }
    world("POST", "/apis/coordination.k8s.io/v1/namespaces/team-a/leases", {**held, "spec": spec})
    ended = sync("-q", "-o", "jsonl", "--lock", "team-a/one", "--lock-timeout", "1s")
    [waiting] = [line for line in map(json.loads, ended.out.splitlines()) if line["type"] == "waiting"]
    assert waiting["message"][1:] in ended.err


# -------------------------------------------------------------------------------------------------------- terminal


def on_a_terminal(world, *options, **environment):
    """Run a sync with a pseudo-terminal for stderr; give what it shows there."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "syncer", "sync", "-", "--owner", "demo", "--server", world.url, *options]
    plain = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "SYNCER_SYNC_NO_PROGRESS")}
    run = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=slave,
        env=plain | {"TERM": "xterm"} | environment,
    )
    os.close(slave)
    run.stdin.write(text_of(TAGS).encode())
    run.stdin.close()
    shown = b""
    with contextlib.suppress(OSError):  # Linux says EIO where the other end is closed
        while chunk := os.read(master, 4096):
            shown += chunk
    os.close(master)
    assert run.wait(timeout=20) == 0
    return shown.decode()


def test_a_terminal_shows_a_bar_a_stage(world):
    shown = on_a_terminal(world)
    for words in ("Reading", "Listing", "Applying", "3/3"):
        assert words in shown


def test_a_terminal_shows_no_bar_where_none_is_asked_for(world):
    assert on_a_terminal(world, "--no-progress") == ""
    world.clear()
    assert on_a_terminal(world, "-q") == ""


# ------------------------------------------------------------------------------------------------------ JSON lines


def check(lines):
    validator = jsonschema.Draft202012Validator({"$ref": "#/$defs/line", "$defs": json.loads(schema())["$defs"]})
    for line in lines:
        assert [error.message for error in validator.iter_errors(line)] == []


def test_events_go_to_stdout_and_the_report_ends_them(sync):
    lines = [json.loads(line) for line in sync("-o", "jsonl").out.splitlines()]
    check(lines)
    kinds = [line["type"] for line in lines]
    assert kinds[0] == "stage_began"
    assert [line["stage"] for line in lines if line["type"] == "stage_ended"] == [
        "source",
        "manifests",
        "live",
        "plan",
        "apply",
    ]
    assert {(line["name"], line["outcome"]) for line in lines if line["type"] == "outcome"} == {
        (f"app:v{number}", "created") for number in range(3)
    }
    report = kinds[kinds.index("header") :]
    assert report == ["header", "change", "change", "change", "summary"]


def test_events_can_be_read_while_the_run_goes_on(world, tmp_path):
    came, go_on = threading.Event(), threading.Event()

    def rule(method, _):
        if method == "POST":
            came.set()
            go_on.wait(20)

    path = tmp_path / "events.jsonl"
    with front(world.url, rule) as url:
        command = [
            sys.executable,
            "-m",
            "syncer",
            "sync",
            "-",
            "--owner",
            "demo",
            "--server",
            url,
            "-o",
            f"jsonl={path}",
        ]
        run = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        run.stdin.write(text_of(TAGS).encode())
        run.stdin.close()
        assert came.wait(20)
        early = [json.loads(line) for line in path.read_text().splitlines()]
        go_on.set()
        assert run.wait(timeout=20) == 0
    assert [line["stage"] for line in early if line["type"] == "stage_began"][-1] == "apply"
    whole = [json.loads(line) for line in path.read_text().splitlines()]
    assert whole[: len(early)] == early
    assert whole[-1]["type"] == "summary"


def test_a_refusal_and_an_error_are_events_too(sync, tmp_path):
    lines = [json.loads(line) for line in sync("-o", "jsonl", "-n", "team-a", tags=[]).out.splitlines()]
    check(lines)
    assert [(line["exit_code"], "stopped" in line["message"]) for line in lines if line["type"] == "error"] == [
        (3, True)
    ]
    path = tmp_path / "events.jsonl"
    ended = sync("-o", f"jsonl={path}", "--server", "http://127.0.0.1:9", "--request-timeout", "1s")
    last = json.loads(path.read_text().splitlines()[-1])
    assert (ended.code, last["type"], last["exit_code"]) == (1, "error", 1)
    assert last["message"] in ended.err


def test_events_that_cannot_be_written_are_an_error_before_the_run(sync, world, tmp_path):
    ended = sync("-o", f"jsonl={tmp_path}")
    assert (ended.code, "cannot be written" in ended.err, world.writes()) == (1, True, [])


def test_a_full_disk_does_not_end_a_run_and_is_an_error_at_its_end(sync, world):
    ended = sync("-o", "jsonl=/dev/full")
    assert (ended.code, "/dev/full cannot be written" in ended.err) == (1, True)
    assert len(world.writes()) == 3


@pytest.mark.parametrize("name", ["jsonl", "json", "text"])
def test_stdout_that_cannot_be_written_is_an_error_and_never_an_internal_one(world, name):
    command = [sys.executable, "-m", "syncer", "plan", "-", "--owner", "demo", "--server", world.url, "-o", name]
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        done = subprocess.run(
            command, input=text_of(TAGS), text=True, stdout=full, stderr=subprocess.PIPE, timeout=20, check=False
        )
    assert (done.returncode, done.stderr.splitlines()[0]) == (
        1,
        "Error: stdout cannot be written: No space left on device",
    )


@pytest.mark.parametrize("outputs", [("json", "markdown"), ("jsonl", "json"), ("json", "json")])
def test_two_outputs_to_one_path_are_wrong_usage(sync, world, tmp_path, outputs):
    ended = sync(*(f"--output={name}={tmp_path / 'x' / '..' / 'report'}" for name in outputs))
    assert (ended.code, "cannot both go to" in ended.err, world.requests("GET")) == (64, True, [])
