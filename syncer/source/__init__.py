"""SOURCE — a git URL, a directory, or stdin — → its files, with what they are called.

What is read never depends on hooks, filters or a checkout, and nothing is written but a temporary clone.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, assert_never

from msgspec import Struct

from syncer.errors import SourceError, UsageError
from syncer.model import Blob, Source, SourceInfo
from syncer.source.clone import clone, fetch_commit
from syncer.source.command import Git
from syncer.source.directory import is_dirty, list_checkout, list_folder, read_files
from syncer.source.history import History, commits_of, last_commits
from syncer.source.location import Remote, check_ref, display_url, owner_of, parse_location
from syncer.source.objects import read_commit, resolve
from syncer.source.selection import select
from syncer.source.signing import OPTION, Signers, read_signers, verified, verify
from syncer.source.since import changed_since
from syncer.source.unread import MAX_FILE, parted

if TYPE_CHECKING:
    from syncer.source.selection import Selection

__all__ = ["History", "SourceSpec", "commits_of", "last_commits", "read_source"]

_STDIN: Final = "-"
_NO_REPOSITORY: Final = "not a git repository (or any"


class SourceSpec(Struct, frozen=True):
    """What to read.

    `location` is a git URL (https, ssh, file, or scp-like `user@host:path`), a directory, or `-`. `ref` is a branch,
    tag or commit; empty for a directory as it lies there, or the remote's HEAD. `paths` are folders that it is narrowed
    to, `excludes` patterns of what is left out, in the terms of .gitignore without `!`; both count from SOURCE.
    `since` is a commit, branch or tag with which the files are compared; all of them are read nevertheless.
    `signers` is a file of those whose signature the commit must bear; empty where none is asked for.
    """

    location: str
    ref: str = ""
    paths: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    since: str = ""
    signers: str = ""


def read_source(spec: SourceSpec, *, stdin: BinaryIO) -> Source:
    """Read the files that may hold manifests: `*.yaml`, `*.yml`, `*.json`, hidden ones too.

    Their paths are relative to the repository where there is one, else to SOURCE. A directory is read as it lies there,
    files that git ignores left out; with a ref, and from a URL, the object database is read instead. Submodules are
    left alone, symbolic links are not followed. A file that cannot be read is a problem of the source. Where signers
    are asked for, it is the commit that is read, once its signature was verified. Raises UsageError for options that
    cannot be, SourceError where SOURCE cannot be read.
    """
    ref, selection = check_ref(spec.ref), select(spec.paths, spec.excludes)
    since = check_ref(spec.since, "--since")
    signers = read_signers(spec.signers) if spec.signers else None
    if spec.location == _STDIN:
        if ref or since or selection.narrowed:
            raise UsageError(
                "--ref, --path, --exclude and --since have no meaning for stdin", hint="give a directory or URL"
            )
        if signers:
            raise UsageError(f"{OPTION} has no meaning for stdin: it is no commit", hint="give a directory or URL")
        return _read_stdin(stdin)
    match parse_location(spec.location):
        case Remote() as remote:
            return _read_remote(remote, ref, since, selection, signers)
        case Path() as directory:
            return _read_directory(directory, spec, selection, signers)
        case never:
            assert_never(never)


def _read_stdin(stdin: BinaryIO) -> Source:
    data = stdin.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise SourceError(f"stdin has more than the {MAX_FILE:,} bytes that a manifest has at most")
    return Source(SourceInfo(url=_STDIN), (Blob("<stdin>", data),))


def _read_remote(remote: Remote, ref: str, since: str, selection: Selection, signers: Signers | None) -> Source:
    with tempfile.TemporaryDirectory(prefix="syncer-") as directory:
        git, commit, ref = clone(remote, ref, Path(directory))
        if signers:
            verify(git, commit, signers)
        blobs, problems = parted(read_commit(git, commit, "", selection))
        changed = since and changed_since(git, fetch_commit(git, remote, since), commit, "", selection)
    info = SourceInfo(url=display_url(remote.url), ref=ref, commit=commit)
    return Source(info, blobs, owner_of(remote.url, ""), selection.narrowed, changed or None, problems)


def _read_directory(directory: Path, spec: SourceSpec, selection: Selection, signers: Signers | None) -> Source:
    if not os.path.isdir(directory):  # noqa: PTH112 - Path.is_dir raises where no name can be so long
        cause = "is a file" if os.path.exists(directory) else "does not exist"  # noqa: PTH110 - likewise
        raise SourceError(f"SOURCE {spec.location} {cause}", hint="give a git URL, a directory, or - for stdin")
    root = directory.resolve()
    git = Git(root)
    place = git.run("rev-parse", "--is-inside-work-tree", "--show-prefix")
    if place.status and _NO_REPOSITORY in place.errors:
        if wanted := spec.ref or spec.since:
            message = f"SOURCE {spec.location} is in no git repository, so there is no {wanted!r}"
            raise SourceError(message, hint=f"leave out --{'ref' if spec.ref else 'since'}")
        if signers:
            raise SourceError(f"SOURCE {spec.location} is in no git repository: {OPTION} has no commit to verify")
        blobs, problems = parted(read_files(root, "", list_folder(root), selection))
        return Source(SourceInfo(url=spec.location, dirty=True), blobs, "", selection.narrowed, None, problems)
    if place.status:
        raise place.failure(f"SOURCE {spec.location} cannot be read")
    git = git.unfiltered()
    inside, _, prefix = place.text.partition("\n")
    if signers:
        _check_signers(git, signers, bare=inside != "true")
    return _read_repository(git, spec, prefix.rstrip("/"), selection, signers, bare=inside != "true")


def _check_signers(git: Git, signers: Signers, *, bare: bool) -> None:
    """Raise UsageError for signers that lie in the repository that they are to judge, SourceError for a dirty one."""
    top = git.run("rev-parse", "--absolute-git-dir" if bare else "--show-toplevel")
    if top.status:
        raise top.failure("the repository cannot be read")
    if signers.path.is_relative_to(top.text):
        message = f"{OPTION}: {signers.path} lies in the repository: whoever changes that decides who may sign"
        raise UsageError(message, hint="keep the file where only you can change it")


def _read_repository(  # noqa: PLR0913 - `bare` has a name
    git: Git, spec: SourceSpec, path: str, selection: Selection, signers: Signers | None, *, bare: bool
) -> Source:
    """Read a directory in a repository: the files there, or, with a ref or without a work tree, those of a commit."""
    origin = git.run("config", "--get", "remote.origin.url").text
    url, owner = display_url(origin) or spec.location, owner_of(origin, path)
    branch = git.run("symbolic-ref", "--quiet", "--short", "HEAD").text
    if signers and not (spec.ref or bare) and is_dirty(git):
        message = f"{url} is dirty: it holds what is in no commit, and so was signed by nobody"
        raise SourceError(message, hint=f"commit it, or leave out {OPTION}")
    if spec.ref or bare or signers:
        hint = (
            f"it may not be here yet: git fetch origin {spec.ref}" if spec.ref else "the repository has no commit yet"
        )
        commit = resolve(git, spec.ref or "HEAD", hint=hint)
        with verified(git, commit, signers) if signers else nullcontext(git) as objects:
            blobs, problems = parted(read_commit(objects, commit, path, selection))
        changed = spec.since and changed_since(git, spec.since, commit, path, selection)
        info = SourceInfo(url, spec.ref or branch, commit, path)
        return Source(info, blobs, owner, selection.narrowed, changed or None, problems)
    head = git.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    listing = list_checkout(git)
    blobs, problems = parted(read_files(git.directory, path, listing, selection))
    info = SourceInfo(url, branch, "" if head.status else head.text, path, is_dirty(git))
    changed = spec.since and changed_since(git, spec.since, "", path, selection)
    return Source(info, blobs, owner, selection.narrowed or listing.sparse, changed or None, problems)
