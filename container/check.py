"""Runs the install steps of the image without a container engine, and syncer from there as a pod would.

A user id that nobody has, no HOME, an environment that is empty but for PATH, and a prefix that may not be written to.
Needs the package index, as building the image does; as root it changes to that user id, else it stays who it is.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

from syncer import __version__
from syncer.localapi import LocalAPI

ROOT = Path(__file__).parent.parent
UID = 1000710007
GIT = ["git", "-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"]


def main() -> None:
    """Install, and run what a pod runs; ends with an error at the first thing that is not as it must be."""
    with tempfile.TemporaryDirectory(prefix="syncer-container-") as name, LocalAPI(import_delay=0.05) as api:
        work = Path(name)
        work.chmod(0o755)
        prefix, state = work / "syncer", work / "state"
        environment = {**os.environ, "PYTHON": interpreter()}
        subprocess.run([ROOT / "container/install.sh", prefix], check=True, stdout=subprocess.DEVNULL, env=environment)
        subprocess.run(["chmod", "-R", "a-w,a+rX", prefix], check=True)
        state.mkdir()
        repository = commit_example(work / "tags")
        if os.geteuid() == 0:
            for path in (state, repository, *repository.rglob("*")):
                os.chown(path, UID, 0)
        pod = Pod(prefix, work)
        told = pod.run("--version")
        assert __version__ in told, told
        cluster = ["--server", api.url, "--owner", "check"]
        pod.run("plan", str(repository), *cluster)
        pod.run("sync", str(repository), *cluster, "--undo-file", str(state / "undo.jsonl"))
        told = pod.run("plan", f"file://{repository}", *cluster, "--detailed-exitcode")
        assert "nothing to do" in told, told
        assert (state / "undo.jsonl").stat().st_uid in (UID, os.getuid())
        size = sum(path.lstat().st_size for path in prefix.rglob("*")) / 1e6
        print(f"container-check: installed ({size:.0f} MB), planned and synced as user id {pod.uid}")


def interpreter() -> str:
    """Find a Python that any user may run: this one, unless it lies in somebody's home, else the system's."""
    own = Path(sys.executable).resolve()
    reachable = all(path.stat().st_mode & stat.S_IXOTH for path in (own, *own.parents))
    return str(own) if reachable or os.geteuid() != 0 else "/usr/bin/python3"


def commit_example(folder: Path) -> Path:
    """Make the example a repository."""
    shutil.copytree(ROOT / "manifests-example", folder)
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "example"]):
        subprocess.run([*GIT, *command], cwd=folder, check=True)
    return folder


class Pod:
    """Runs the installed syncer as a pod on OpenShift is run."""

    def __init__(self, prefix: Path, tmp: Path) -> None:
        self._syncer = prefix / "bin/syncer"
        self._tmp = tmp / "tmp"
        self._tmp.mkdir(mode=0o1777)
        self._tmp.chmod(0o1777)
        self.uid = UID if os.geteuid() == 0 else os.getuid()

    def run(self, *arguments: str) -> str:
        """Run a command to its end, and give what it printed; raise where it failed."""
        as_user = {"user": self.uid, "group": 0, "extra_groups": []} if os.geteuid() == 0 else {}
        ended = subprocess.run(
            [self._syncer, *arguments],
            env={"PATH": "/usr/bin:/bin", "TMPDIR": str(self._tmp), "PYTHONDONTWRITEBYTECODE": "1"},
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            **as_user,
        )
        if ended.returncode:
            sys.exit(f"syncer {' '.join(arguments)} exited with {ended.returncode}:\n{ended.stdout}{ended.stderr}")
        return ended.stdout


if __name__ == "__main__":
    main()
