"""Which commit changed each file last: one bounded `git log`, for reports to name it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field

from syncer.model import Commit
from syncer.source.command import MAX_LISTED, Git

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from syncer.model import SourceInfo

LONGEST: Final = 3.0
"""Seconds that the log may take: a report without commits beats one that comes late."""
COMMITS: Final = 5000
"""Commits that are looked at."""
_NAMED: Final = 200
"""Files up to which git is told their names; of more it is told the folder, which is faster."""
_HEADER: Final = "%x01%H%x1f%ct%x1f%P%x1f%aN%x1f%s"


class History(Struct, frozen=True):
    """The last commit of each file, by path; `lacking` says in words why others have none, empty if nothing is amiss.

    A file that differs from its commit is in `uncommitted`, and has none.
    """

    commits: Mapping[str, Commit] = field(default_factory=dict)
    uncommitted: frozenset[str] = frozenset()
    lacking: str = ""


def last_commits(location: str, info: SourceInfo, files: Collection[str]) -> History:
    """Find the commit that changed each file last, as far as the history is here and the time suffices.

    `location` is SOURCE as it was given, `files` are relative to its repository. A URL and stdin have no history here:
    the former is cloned without. Nothing is raised, for a report is none the worse without commits.
    """
    if not info.commit or not files:
        return History()
    if not Path(location).is_dir():
        return History(lacking="the commits of manifests are not named: SOURCE was fetched without its history")
    git = Git(Path(location).resolve()).unfiltered()
    uncommitted = _uncommitted(git) if info.dirty else frozenset[str]()
    wanted = set(files) - uncommitted
    shallow = git.run("rev-parse", "--is-shallow-repository").text == "true"
    found: dict[str, Commit] = {}
    for commit, parents, paths in _log(git, info, wanted):
        if parents or not shallow:  # where history was cut off, a commit seems to have added everything
            found |= {path: commit for path in paths if path in wanted and path not in found}
    lacking = ""
    if shallow and wanted - found.keys():
        lacking = "not every commit is named: the clone is shallow (git fetch --unshallow, or fetch-depth: 0 in CI)"
    return History(found, uncommitted, lacking)


def commits_of(location: str, info: SourceInfo, file: str, number: int = 5) -> tuple[tuple[Commit, ...], str]:
    """Give the last commits that changed one file, newest first, or say why there are none; as `last_commits` does."""
    if not info.commit:
        return (), "there is no commit: SOURCE is in no git repository"
    history = last_commits(location, info, [file])
    if file in history.uncommitted:
        return (), "it is changed here, and not committed"
    if file not in history.commits:
        return (), history.lacking or "no commit of it was found"
    log = _log(Git(Path(location).resolve()), info, [file])
    return tuple(commit for commit, _, _ in islice(log, number)), history.lacking


def _log(git: Git, info: SourceInfo, files: Collection[str]) -> Iterator[tuple[Commit, str, list[str]]]:
    """Yield commits, newest first, each with its parents and the files that it changed."""
    if not files:
        return
    paths = sorted(files) if len(files) <= _NAMED else [info.path]
    options = ("-z", "--name-only", "--no-renames", "--no-show-signature", "--no-color", "--encoding=UTF-8")
    bound = f"--max-count={COMMITS}"
    specs = [f":(top,literal){path}" if path else ":/" for path in paths]
    log = git.run(
        "log", *options, bound, f"--format={_HEADER}", info.commit, "--", *specs, longest=LONGEST, most=MAX_LISTED
    )
    whole = log.output.rpartition(b"\0")[0]  # where time ran out, the last name is cut off
    for record in whole.split(b"\x01")[1:]:
        header, *names = record.split(b"\0")
        fields = header.decode(errors="replace").split("\x1f", 4)
        commit = Commit(fields[0], _time(fields[1]), fields[3], fields[4])
        yield commit, fields[2], [os.fsdecode(name).removeprefix("\n") for name in names]


def _time(seconds: str) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")


def _uncommitted(git: Git) -> frozenset[str]:
    """List the files that differ from HEAD, relative to the repository."""
    options = ("--porcelain", "-z", "--no-renames", "--untracked-files=all", "--ignore-submodules=dirty")
    lines = git.listing("status", *options, "--", ".").output.split(b"\0")
    return frozenset(os.fsdecode(line[3:]) for line in lines if line)
