"""What the tests of the command line share: the entry point, with nothing of the developer's own environment in it."""

import io
import itertools
import os
import subprocess
import sys
from dataclasses import dataclass

import pytest
from world import World

from syncer.cli import run
from syncer.localapi import LocalAPI


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Give a home of its own, and an environment without SYNCER_… and a cluster."""
    for name in [name for name in os.environ if name.startswith(("SYNCER_", "GIT_", "GITHUB_", "KUBE"))]:
        monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir()
    for name, value in {"HOME": folder, "XDG_STATE_HOME": folder / "state", "KUBECONFIG": os.devnull}.items():
        monkeypatch.setenv(name, str(value))
    for command in ("PLAN", "SYNC", "APPLY", "RESTORE"):  # stderr holds what is wrong; progress has its own tests
        monkeypatch.setenv(f"SYNCER_{command}_NO_PROGRESS", "1")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return folder


@pytest.fixture(scope="module")
def server():
    with LocalAPI(imports=False) as api:
        yield api


@pytest.fixture
def world(server):
    """A cluster that imports nothing."""
    world = World(server)
    world.clear()
    return world


@pytest.fixture
def syncer(capsysbinary, monkeypatch, tmp_path):
    """Run a command in this process, as the console script would."""
    numbers = itertools.count(1)

    def call(*arguments, stdin=b""):
        # The default name of an undo file tells processes and seconds apart: here one process runs many in a second.
        monkeypatch.setenv("SYNCER_SYNC_UNDO_FILE", str(tmp_path / f"undo-{next(numbers)}.jsonl"))
        data = stdin if isinstance(stdin, bytes) else stdin.encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        code = run([str(argument) for argument in arguments])
        out, err = capsysbinary.readouterr()
        ended = Ended(code, out.decode(), err.decode())
        assert "Traceback" not in ended.err + ended.out
        assert "internal error" not in ended.err
        return ended

    return call


@pytest.fixture
def checkout(tmp_path):
    """A clone with a remote, and one committed tag, team-a/app:v1."""
    folder = tmp_path / "tags"
    folder.mkdir()

    def git(*arguments):
        author = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *author, *arguments], cwd=folder, check=True, capture_output=True)

    git("init", "--initial-branch=main")
    git("remote", "add", "origin", "https://ann:s3cret@git.example.com/team/tags.git")
    (folder / "app.yaml").write_text(
        "apiVersion: image.openshift.io/v1\nkind: ImageStreamTag\nmetadata: {name: 'app:v1', namespace: team-a}\n"
        "tag: {from: {kind: DockerImage, name: 'registry.example.com/team/app:v1'}}\n"
    )
    git("add", ".")
    git("commit", "-m", "one tag")
    return folder
