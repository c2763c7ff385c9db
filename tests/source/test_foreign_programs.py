"""What a repository's configuration, attributes and hooks would have git run: none of it runs, however it is read."""

import io
import os
import subprocess

import pytest

from syncer.errors import SourceError
from syncer.source import SourceSpec, last_commits, read_source

PROGRAMS = [
    "core.alternateRefsCommand",
    "core.askPass",
    "core.editor",
    "core.fsmonitor",
    "core.gitProxy",
    "core.pager",
    "core.sshCommand",
    "credential.helper",
    "diff.evil.command",
    "diff.evil.textconv",
    "diff.external",
    "filter.evil.clean",
    "filter.evil.smudge",
    "filter.other.process",
    "gpg.program",
    "gpg.ssh.program",
    "interactive.diffFilter",
    "merge.evil.driver",
    "pager.log",
    "remote.origin.receivepack",
    "remote.origin.uploadpack",
    "sequence.editor",
    "uploadpack.packObjectsHook",
]
"""Each key of git-config(1) whose value is a program, or a command for a shell."""
ALIASES = ("cat-file", "config", "diff", "log", "ls-files", "ls-tree", "rev-parse", "status", "symbolic-ref")
SWITCHES = {"filter.other.required": "true", "log.showSignature": "true", "status.submoduleSummary": "true"}
HOOKS = ("post-checkout", "post-index-change", "pre-auto-gc", "reference-transaction", "fsmonitor-watchman")


def git(directory, *arguments):
    who = {f"GIT_{role}_{what}": "eve@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    alone = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, **who}
    command = ["git", "-c", "protocol.file.allow=always", *arguments]
    return subprocess.run(command, cwd=directory, env=alone, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def trap(tmp_path):
    """Make a program that leaves a mark by the name that it is called by; gives it, and what has run."""
    ran = tmp_path / "ran"

    def program(name):
        path = tmp_path / f"program-{name}"
        path.write_text(f"#!/bin/sh\necho {name} >> {ran}\nexit 1\n")
        path.chmod(0o755)
        return path

    return program, lambda: sorted(set(ran.read_text().split())) if ran.exists() else []


@pytest.fixture
def repository(tmp_path):
    """Two commits of one file, and an edit; every file goes through drivers called `evil` and `other`."""
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "--quiet", "-b", "main")
    (root / ".gitattributes").write_text("* filter=evil diff=evil merge=evil\nb.yaml filter=other\n")
    for number in (1, 2):
        (root / "app.yaml").write_text(f"a: {number}\n")
        (root / "b.yaml").write_text(f"b: {number}\n")
        git(root, "add", ".")
        git(root, "commit", "--quiet", "-m", str(number))
    (root / "app.yaml").write_text("a: 3\n")
    (root / "b.yaml").write_text("b: 3\n")
    return root


def read_every_way(root):
    """Read a repository in every way that there is; gives what each says that fails."""
    said = []
    for location, options in (
        (str(root), {}),
        (str(root), {"ref": "main"}),
        (str(root), {"since": "HEAD~1"}),
        (str(root), {"ref": "main", "since": "HEAD~1"}),
        (f"file://{root}", {}),
        (f"file://{root}", {"ref": "main"}),
    ):
        try:
            source = read_source(SourceSpec(location, **options), stdin=io.BytesIO())
            last_commits(location, source.info, [blob.path for blob in source.blobs])
        except SourceError as error:
            said.append(error.message)
    return said


def set_up(root, trap, *where):
    program, _ = trap
    for key in PROGRAMS:
        git(root, "config", *where, key, str(program(key)))
    for name in ALIASES:
        git(root, "config", *where, f"alias.{name}", f"!{program(f'alias.{name}')}")
    for key, value in SWITCHES.items():
        git(root, "config", *where, key, value)
    hooks = root.parent / "hooks"
    hooks.mkdir()
    for folder in (hooks, root / ".git/hooks"):
        for name in HOOKS:
            (folder / name).write_bytes(program(f"hook.{name}").read_bytes())
            (folder / name).chmod(0o755)
    git(root, "config", *where, "core.hooksPath", str(hooks))


@pytest.mark.parametrize("place", ["config", "an included file", "the work tree's config"])
def test_no_program_that_the_repository_names_is_run(repository, trap, place):
    if place == "config":
        set_up(repository, trap)
    elif place == "an included file":
        set_up(repository, trap, "--file", str(repository / ".git/more"))
        git(repository, "config", "include.path", "more")
    else:
        git(repository, "config", "core.repositoryFormatVersion", "1")
        git(repository, "config", "extensions.worktreeConfig", "true")
        set_up(repository, trap, "--worktree")
    assert read_every_way(repository) == []
    assert trap[1]() == []
    subprocess.run(["git", "status"], cwd=repository, capture_output=True, check=False)
    assert {"core.fsmonitor", "filter.evil.clean", "filter.other.process"} <= set(trap[1]()), "the trap is none"


def test_a_filter_that_the_user_has_set_up_for_all_repositories_still_runs(repository, trap, monkeypatch, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    git(home, "config", "--file", ".gitconfig", "filter.evil.clean", str(trap[0]("global")))
    git(repository, "config", "filter.evil.clean", str(trap[0]("local")))
    read_source(SourceSpec(str(repository)), stdin=io.BytesIO())
    assert trap[1]() == ["global"]


@pytest.mark.parametrize("url", ["ssh://example.com/x", "file://{root}", "ext::{program}", "https://127.0.0.1:1/x"])
def test_a_partial_clone_fetches_nothing_by_programs_that_it_names(repository, trap, url):
    program = trap[0]("fetch")
    git(repository, "config", "core.repositoryFormatVersion", "1")
    git(repository, "config", "extensions.partialClone", "origin")
    for key, value in {
        "remote.origin.promisor": "true",
        "remote.origin.url": url.format(root=repository, program=program),
        "remote.origin.uploadpack": str(program),
        "core.sshCommand": str(program),
        "credential.helper": f"!{program}",
    }.items():
        git(repository, "config", key, value)
    for commit in ("HEAD", "HEAD~1"):
        name = git(repository, "rev-parse", f"{commit}:app.yaml")
        (repository / ".git/objects" / name[:2] / name[2:]).unlink()
    said = read_every_way(repository)
    assert "the repository lacks an object: app.yaml" in said
    assert trap[1]() == []


def test_a_submodule_runs_nothing_either(repository, trap, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    (other / ".gitattributes").write_text("* filter=evil\n")
    (other / "x.yaml").write_text("a")
    git(other, "add", ".")
    git(other, "commit", "--quiet", "-m", "x")
    git(repository, "submodule", "--quiet", "add", str(other), "module")
    git(repository, "commit", "--quiet", "-m", "module")
    for key in ("core.fsmonitor", "filter.evil.clean"):
        git(repository / "module", "config", key, str(trap[0](key)))
    git(repository, "config", "diff.ignoreSubmodules", "none")
    git(repository, "config", "submodule.recurse", "true")
    (repository / "module/x.yaml").write_text("b")
    assert read_every_way(repository) == []
    assert trap[1]() == []
