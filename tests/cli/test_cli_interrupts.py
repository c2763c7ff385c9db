"""SIGTERM and SIGINT: the write under way finishes, no other begins, and there is a report."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest
from world import front, tag, text_of

TAGS = [tag(f"team-a/app:v{number}") for number in range(5)]
signals = pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])


@contextmanager
def slow(url, method, seconds=0.4):
    """Put a front before a server that holds every request of a method; gives its URL, and when the first one came."""
    came = threading.Event()

    def rule(seen, _):
        if seen == method:
            came.set()
            time.sleep(seconds)

    with front(url, rule) as slow_url:
        yield slow_url, came


def started(url, *options, manifests=TAGS):
    command = [sys.executable, "-m", "syncer", "sync", "-", "--owner", "demo", "--server", url, *options]
    run = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    run.stdin.write(text_of(manifests).encode())
    run.stdin.close()
    run.stdin = None
    return run


@signals
def test_an_interrupt_while_writing_finishes_the_write_and_writes_the_report(world, tmp_path, number, code):
    report = tmp_path / "report.json"
    with slow(world.url, "POST") as (url, came):
        run = started(url, "-o", f"json={report}")
        assert came.wait(20)
        run.send_signal(number)
        out, err = run.communicate(timeout=20)
    assert (run.returncode, b"Traceback" in err) == (code, False)
    outcomes = [change["outcome"] for change in json.loads(report.read_text())["changes"]]
    assert outcomes == ["created"] + ["skipped"] * 4
    assert [entry["name"] for entry in world.stream("team-a/app")["spec"]["tags"]] == ["v0"]
    assert b"interrupted" in out


@signals
def test_an_interrupt_before_the_first_write_ends_the_run_at_once(world, number, code):
    with slow(world.url, "GET", seconds=1.0) as (url, came):
        run = started(url)
        assert came.wait(20)
        run.send_signal(number)
        _, err = run.communicate(timeout=20)
    assert (run.returncode, b"interrupted" in err, b"Traceback" in err) == (code, True, False)
    assert world.writes() == []


@signals
@pytest.mark.parametrize("scope", [["-A"], ["-n", "team-a", "-n", "team-b"], []], ids=["all", "given", "derived"])
def test_an_interrupt_waits_for_no_list_of_a_server_that_hangs(world, number, code, scope):
    come, over = threading.Event(), threading.Event()

    def rule(_, path):
        if "/imagestreams?" in path:
            come.set()
            over.wait(60)

    with front(world.url, rule) as url:
        run = started(url, *scope)
        assert come.wait(20)
        run.send_signal(number)
        _, err = run.communicate(timeout=20)  # one request alone may take 30 s
        over.set()
    assert (run.returncode, b"interrupted" in err, b"Traceback" in err) == (code, True, False)


def test_an_interrupt_ends_a_wait_for_imports(world, tmp_path):
    report = tmp_path / "report.json"
    run = started(world.url, "--wait", "60s", "-o", f"json={report}", manifests=TAGS[:1])
    deadline = time.monotonic() + 20
    while not world.writes():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.2)
    run.terminate()
    run.communicate(timeout=20)
    (change,) = json.loads(report.read_text())["changes"]
    assert (run.returncode, change["outcome"], change["import"]["state"]) == (143, "created", "pending")


def test_a_reader_that_goes_away_is_no_complaint(world):
    command = [sys.executable, "-m", "syncer", "plan", "-", "--owner", "demo", "--server", world.url]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command, input=text_of(TAGS).encode(), stdout=writer, stderr=subprocess.PIPE, timeout=20, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")
