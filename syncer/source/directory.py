"""A directory, as it lies there → its files. In a git repository, what git ignores is left out."""

from __future__ import annotations

import os
import posixpath
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from syncer.errors import SourceError
from syncer.model import Blob, Problem
from syncer.source.selection import is_manifest
from syncer.source.unread import check_total, flaw_of, outside, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncer.source.command import Git
    from syncer.source.selection import Selection


class Listing(Struct, frozen=True):
    """The files below a directory, relative to it. `sparse`: git knows more of them than were checked out."""

    paths: tuple[str, ...]
    sparse: bool = False


def list_checkout(git: Git) -> Listing:
    """List what git tracks or would add below a directory; submodules and other repositories are left alone.

    Raises SourceError where git cannot tell.
    """
    listed = git.listing("ls-files", "-z", "-t", "--cached", "--others", "--exclude-standard", "--", ".")
    if listed.status:
        raise listed.failure("the files of the repository cannot be listed")
    entries = [os.fsdecode(line) for line in listed.output.split(b"\0") if line]
    paths = dict.fromkeys(entry[2:] for entry in entries if not entry.endswith("/"))
    sparse = any(entry.startswith("S ") and not (git.directory / entry[2:]).exists() for entry in entries)
    return Listing(tuple(paths), sparse)


def is_dirty(git: Git) -> bool:
    """Tell whether something tracked was changed below a directory, or something new is there that git does not ignore.

    Raises SourceError where git cannot tell.
    """
    options = ("--porcelain", "-z", "--no-renames", "--untracked-files=normal", "--ignore-submodules=dirty")
    status = git.listing("status", *options, "--", ".")
    if status.status:
        raise status.failure("the state of the repository cannot be read")
    return bool(status.output)


def list_folder(root: Path) -> Listing:
    """List the files below a directory that is in no repository.

    Raises SourceError where a folder cannot be read, as its files would pass for deleted.
    """
    paths, folders = list[str](), [""]
    while folders:  # os.walk calls itself for each level, and stops at a thousand
        folder = folders.pop()
        try:
            with os.scandir(root / folder) as entries:
                for entry in entries:
                    path = f"{folder}/{entry.name}" if folder else entry.name
                    if not entry.is_dir(follow_symlinks=False):
                        paths.append(path)
                    elif entry.name != ".git":
                        folders.append(path)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise SourceError(f"{folder or root} cannot be read: {reason}", hint="check its permissions") from error
    return Listing(tuple(paths))


def read_files(root: Path, prefix: str, listing: Listing, selection: Selection) -> list[Blob | Problem]:
    """Read the manifests among listed files, in path order; `prefix` is put before their paths.

    Where a file cannot be read as a manifest, the problem takes its place. Raises SourceError where a path of the
    selection matches nothing.
    """
    empty = (folder for folder in selection.paths if (root / folder).is_dir())
    selection.check((*listing.paths, *empty))
    chosen = sorted(path for path in listing.paths if selection.takes(path))
    return list(_blobs(root, prefix, chosen))


def _blobs(root: Path, prefix: str, paths: Iterable[str]) -> Iterable[Blob | Problem]:
    for each in list(_files(root, prefix, paths)):  # none is read before it is known how large all of them are
        if isinstance(each, Problem):
            yield each
            continue
        name, file = each
        try:
            with open(file, "rb") as stream:  # noqa: PTH123 - a Path for each of 10,000 files costs as much again
                yield Blob(name, stream.read())
        except FileNotFoundError:
            continue
        except OSError as error:
            yield unreadable(name, error)


def _files(root: Path, prefix: str, paths: Iterable[str]) -> Iterable[tuple[str, str] | Problem]:
    """Find the files that are to be read: what each is called, and where it lies."""
    base, reached, total = os.fspath(root), dict[str, bool](), 0
    for path in paths:
        if not _is_reached(base, posixpath.dirname(path), reached):
            continue  # as git has it, what lies beyond a symbolic link is gone
        file = f"{base}/{path}"
        name = f"{prefix}/{path}" if prefix else path
        try:
            status = os.lstat(file)
            if stat.S_ISLNK(status.st_mode):
                if target := _leads_out(root, path):
                    yield outside(name, target)
            elif stat.S_ISREG(status.st_mode) and is_manifest(path):
                flaw = flaw_of(name, status.st_size)
                total = check_total(total + (0 if flaw else status.st_size))
                yield flaw or (name, file)
        except FileNotFoundError:
            continue  # git tracks it, and it was deleted: as it lies there, it is gone
        except OSError as error:
            yield unreadable(name, error)


def _is_reached(base: str, folder: str, known: dict[str, bool]) -> bool:
    """Tell whether no symbolic link stands on the way to a folder; `known` remembers."""
    way = []
    while folder and folder not in known:
        way.append(folder)
        folder = posixpath.dirname(folder)
    reached = known.get(folder, True)
    for each in reversed(way):
        reached = known[each] = reached and not os.path.islink(f"{base}/{each}")  # noqa: PTH114 - speed
    return reached


def _leads_out(root: Path, path: str) -> str:
    """Give where a symbolic link to a manifest or folder leads that is not in SOURCE; others are not followed."""
    link = root / path
    target = Path(os.path.realpath(link))  # `resolve` raises where links lead in a circle
    if not target.is_relative_to(root) and (is_manifest(path) or is_manifest(target.name) or target.is_dir()):
        return os.fspath(link.readlink())
    return ""
