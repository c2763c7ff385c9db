"""The commit behind each file: found in real histories, and never guessed."""

import os
import subprocess
import time

import pytest
from test_source import commit, git, put, read

from syncer.source import history as module
from syncer.source import last_commits


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "--quiet", "-b", "main")
    put(root, {"team-a/app.yaml": "1\n", "team-a/web.yaml": "1\n", "team-b/x.yaml": "1\n"})
    commit(root, "begin")
    return root


def found(location, *files):
    history = last_commits(str(location), read(location).info, files)
    return {path: commit.subject for path, commit in history.commits.items()}, history


def test_each_file_has_the_commit_that_changed_it_last(repository):
    put(repository, {"team-a/app.yaml": "2\n"})
    second = commit(repository, "promote\n\nand more")
    put(repository, {"team-b/x.yaml": "2\n"})
    commit(repository, "another team")
    subjects, history = found(repository, "team-a/app.yaml", "team-a/web.yaml")
    assert subjects == {"team-a/app.yaml": "promote", "team-a/web.yaml": "begin"}
    assert (history.lacking, history.commits["team-a/app.yaml"].id) == ("", second)
    assert (history.commits["team-a/app.yaml"].author, len(history.commits["team-a/app.yaml"].time)) == ("a", 20)


def test_of_a_folder_in_a_repository_the_paths_are_the_repositorys(repository):
    put(repository, {"team-a/app.yaml": "2\n"})
    commit(repository, "promote")
    assert found(repository / "team-a", "team-a/app.yaml")[0] == {"team-a/app.yaml": "promote"}


def test_a_change_that_came_by_a_merge_has_its_own_commit_and_not_the_merges(repository):
    git(repository, "checkout", "--quiet", "-b", "feature")
    put(repository, {"team-a/app.yaml": "2\n"})
    commit(repository, "feature work")
    git(repository, "checkout", "--quiet", "main")
    put(repository, {"team-b/x.yaml": "2\n"})
    commit(repository, "meanwhile")
    git(repository, "merge", "--quiet", "--no-ff", "-m", "merge", "feature")
    assert found(repository, "team-a/app.yaml")[0] == {"team-a/app.yaml": "feature work"}


def test_a_file_that_is_not_committed_has_no_commit_and_is_named(repository):
    put(repository, {"team-a/app.yaml": "2\n", "team-a/new.yaml": "1\n"})
    subjects, history = found(repository, "team-a/app.yaml", "team-a/new.yaml", "team-a/web.yaml")
    assert subjects == {"team-a/web.yaml": "begin"}
    assert history.uncommitted == {"team-a/app.yaml", "team-a/new.yaml"}


def test_where_a_clone_was_cut_off_no_commit_is_named_for_what_came_before(repository, tmp_path):
    put(repository, {"team-a/app.yaml": "2\n"})
    commit(repository, "promote")
    put(repository, {"team-b/x.yaml": "2\n"})
    commit(repository, "another team")
    git(tmp_path, "clone", "--quiet", "--depth=2", f"file://{repository}", "shallow")
    subjects, history = found(tmp_path / "shallow", "team-b/x.yaml", "team-a/app.yaml")
    assert subjects == {"team-b/x.yaml": "another team"}
    assert "shallow" in history.lacking


def test_a_url_has_no_history_here_and_stdin_and_a_plain_folder_need_none(repository, tmp_path):
    url = f"file://{repository}"
    history = last_commits(url, read(url).info, ["team-a/app.yaml"])
    assert (history.commits, "without its history" in history.lacking) == ({}, True)
    put(tmp_path / "plain", {"a.yaml": "1\n"})
    for location in (tmp_path / "plain", "-"):
        assert last_commits(str(location), read(location).info, ["a.yaml"]) == module.History()


@pytest.mark.parametrize("name", ["a b.yaml", "ä.yaml", "line\nbreak.yaml", ":(top)x.yaml", "*.yaml", "-x.yaml"])
def test_odd_names_are_found_as_they_are(repository, name):
    put(repository, {name: "1\n", "other.yaml": "1\n"})
    commit(repository, "odd")
    put(repository, {"other.yaml": "2\n"})
    commit(repository, "other")
    assert found(repository, name)[0] == {name: "odd"}


def test_a_log_that_takes_too_long_is_given_up_and_what_it_found_stays(repository, monkeypatch):
    put(repository, {"team-a/app.yaml": "2\n"})
    commit(repository, "promote")
    monkeypatch.setattr(module, "LONGEST", 0.000_001)
    subjects, _ = found(repository, "team-a/app.yaml")
    assert subjects in ({}, {"team-a/app.yaml": "promote"})


def test_ten_thousand_files_cost_one_log(repository):
    put(repository, {f"many/{number}.yaml": "1\n" for number in range(10_000)})
    commit(repository, "many")
    files = [f"many/{number}.yaml" for number in range(10_000)]
    info, began = read(repository).info, time.process_time()
    history = last_commits(str(repository), info, files)
    assert (len(history.commits), time.process_time() - began < 2) == (10_000, True)


def test_a_signature_is_not_asked_for_whatever_the_configuration_says(repository, tmp_path):
    marker = tmp_path / "ran"
    program = tmp_path / "gpg"
    program.write_text(f"#!/bin/sh\ntouch {marker}\n")
    program.chmod(0o755)
    git(repository, "config", "log.showSignature", "true")
    git(repository, "config", "gpg.program", str(program))
    signed = git(repository, "cat-file", "commit", "HEAD").replace("\n\n", "\ngpgsig x\n\n", 1)
    made = subprocess.run(
        ["git", "hash-object", "-t", "commit", "-w", "--stdin"],
        cwd=repository,
        input=signed,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ},
    ).stdout.strip()
    git(repository, "update-ref", "HEAD", made)
    found(repository, "team-a/app.yaml")
    assert not marker.exists()
