"""`plan` and `sync` where nothing moved since the last run, as a person sees it."""

import os
import re

import pytest
from test_sync_since import commit, git, write
from world import tag

from syncer.localapi import LocalAPI

APP = "team-a/app:v1"
TOLD = "Neither git nor the cluster moved since the run at"


@pytest.fixture(scope="module")
def server():
    with LocalAPI(import_delay=0) as api:
        yield api


@pytest.fixture
def call(syncer, world, tmp_path, monkeypatch):
    """Sync a repository of one tag, wait for its import, and give what runs a command on it."""
    folder = tmp_path / "tags"
    folder.mkdir()
    git(folder, "init", "--quiet", "-b", "main")
    write(folder, "app", tag(APP))
    commit(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def call(command, *more):
        return syncer(command, str(folder), "--owner", "demo", "--server", world.url, *more)

    assert call("sync", "--no-cache").code == 0
    world.settle(APP)
    return call


def test_the_second_run_that_finds_nothing_to_do_says_that_nothing_moved_and_since_when(call, world):
    first, second = call("plan"), call("plan")
    assert TOLD not in first.out
    assert re.search(rf"{TOLD}\s+\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ", second.out)
    assert second.out.splitlines()[-1] == first.out.splitlines()[-1] == "Plan: nothing to do, 1 unchanged."
    synced = call("sync")
    assert TOLD in synced.out
    assert synced.out.splitlines()[-1] == "Sync: nothing to do, 1 unchanged."
    assert TOLD in call("sync", "--dry-run").out
    world.point(APP, "registry.example.com/team/app:v2")
    assert "1 configured" in call("sync").out


def test_no_cache_plans_anew_and_keeps_nothing(call, tmp_path):
    assert TOLD not in call("plan", "--no-cache").out
    assert not (tmp_path / "cache").exists()
    call("plan")
    assert TOLD not in call("plan", "--no-cache").out
    assert TOLD in call("plan").out


def test_runs_are_kept_in_the_folder_for_caches(call, tmp_path, home, monkeypatch):
    call("plan")
    assert len(list((tmp_path / "cache" / "syncer").iterdir())) == 1
    for value in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", value)
        call("plan")
        assert len(list((home / ".cache" / "syncer").iterdir())) == 1
    assert not os.path.lexists("relative")


def test_where_nothing_can_be_kept_only_v_says_so(call, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", os.devnull)
    quiet, verbose = call("plan"), call("plan", "-v")
    assert (quiet.code, quiet.err, verbose.code) == (0, "", 0)
    assert verbose.err == "The run is not kept for the next one: /dev/null/syncer: Not a directory\n"


def test_without_a_home_nothing_is_kept(call, monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr("pathlib.Path.home", _no_home)
    assert [call("plan").code for _ in range(2)] == [0, 0]


def _no_home():
    raise RuntimeError


def test_a_file_of_reports_is_the_same_whether_or_not_anything_moved(call, tmp_path):
    reports = []
    for name in ("first", "second"):
        call("plan", "-o", f"json={tmp_path / name}")
        text = (tmp_path / name).read_text()
        reports.append(re.sub(r'"timings": \{[^}]*\}', "", text))
    assert TOLD in call("plan").out
    assert reports[0] == reports[1]
