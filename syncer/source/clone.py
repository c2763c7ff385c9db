"""A git URL → a bare repository that holds one commit, in a directory that the caller removes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from syncer.source.command import TRANSPORTS, Git
from syncer.source.objects import resolve

if TYPE_CHECKING:
    from pathlib import Path

    from syncer.source.location import Remote

_NOT_THERE: Final = (
    "couldn't find remote ref",
    "not our ref",
    "unadvertised object",
    "does not allow request",
    "invalid refspec",
    "no such remote ref",
)
"""What git or the server says of a ref that cannot be asked for by its name: not of one that cannot be reached."""

_NAME: Final = re.compile(r"[^~^@{}]+")
"""A ref without the operators of gitrevisions(7), which only work on history that is there."""


def fetch_commit(git: Git, remote: Remote, ref: str) -> str:
    """Fetch one more commit into a clone, without its history; gives its id.

    Raises SourceError where the server does not hand it out.
    """
    fetched = git.run("fetch", "--depth=1", "--no-tags", "--quiet", "--", remote.url, ref)
    if fetched.status:
        raise fetched.failure(f"{ref} cannot be fetched from {remote.shown}")
    return resolve(git, "FETCH_HEAD")


def clone(remote: Remote, ref: str, directory: Path) -> tuple[Git, str, str]:
    """Fetch one commit of a repository, with as little history as the server allows.

    `ref` is a branch, tag or commit; empty for the branch that the remote's HEAD is on. Gives git in the bare
    repository, the commit's id, and the ref. Raises SourceError where there is no such repository, ref or access.
    """
    secrets = {f"http.{remote.server}.extraHeader": remote.authorization} if remote.authorization else {}
    git = Git(directory, secrets, TRANSPORTS)
    if not ref:
        options = ("--bare", "--depth=1", "--single-branch", "--no-tags", "--template=", "--quiet")
        cloned = git.run("clone", *options, "--", remote.url, ".")
        if cloned.status:
            raise cloned.failure(f"{remote.shown} cannot be cloned")
        branch = git.run("symbolic-ref", "--quiet", "--short", "HEAD").text
        return git, resolve(git, "HEAD", hint="the repository has no commit yet"), branch
    made = git.run("init", "--bare", "--template=", "--quiet", ".")
    if made.status:
        raise made.failure("no repository can be made in the temporary directory")
    if _NAME.fullmatch(ref):
        fetched = git.run("fetch", "--depth=1", "--no-tags", "--quiet", "--", remote.url, ref)
        if not fetched.status:
            return git, resolve(git, "FETCH_HEAD"), ref
        if not any(word in fetched.errors for word in _NOT_THERE):
            raise fetched.failure(f"{remote.shown} cannot be fetched")
    everything = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
    fetched = git.run("fetch", "--no-tags", "--quiet", "--", remote.url, *everything)
    if fetched.status:
        raise fetched.failure(f"{remote.shown} cannot be fetched")
    return git, resolve(git, ref), ref
