"""A commit → its files, from the object database, without a checkout: one `git ls-tree`, and `git cat-file --batch`."""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from syncer.errors import SourceError
from syncer.model import Blob
from syncer.source.selection import is_manifest
from syncer.source.unread import check_total, flaw_of, long_link, outside

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from syncer.model import Problem
    from syncer.source.command import Git
    from syncer.source.selection import Selection

_SYMLINK: Final = "120000"


@dataclass(frozen=True, slots=True)
class _Entry:
    """A file of a tree: its path is relative to SOURCE."""

    mode: str
    kind: str
    id: str
    path: str
    size: int = 0


def resolve(git: Git, ref: str, *, hint: str = "") -> str:
    """Give the id of the commit that a ref names.

    Raises SourceError where it names none.
    """
    found = git.run("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
    if found.status:
        raise SourceError(f"there is no branch, tag or commit {ref!r}", hint=hint or "check --ref")
    return found.text


def read_before(git: Git, commit: str, folder: str, selection: Selection, changed: Collection[str]) -> list[Blob]:
    """Read, of the files that changed, what they were in an earlier commit, as far as they were there."""
    if git.run("rev-parse", "--verify", "--quiet", f"{commit}:{folder}").status:
        return []
    entries = [entry for entry in _tree(git, commit, folder) if posixpath.join(folder, entry.path) in changed]
    files = [e for e in entries if e.kind == "blob" and e.mode != _SYMLINK and is_manifest(e.path)]
    files = _sized(git, [entry for entry in files if selection.takes(entry.path)])
    contents = _contents(git, files)
    return [Blob(posixpath.join(folder, entry.path), data) for entry, data in zip(files, contents, strict=True)]


def read_commit(git: Git, commit: str, folder: str, selection: Selection) -> list[Blob | Problem]:
    """Read the manifests in a folder of a commit, in path order; paths are relative to the repository.

    Where a file cannot be read as a manifest, a problem stands for it, first of all. Raises SourceError where the
    folder is not in the commit, or an object is not in the repository.
    """
    entries = _tree(git, commit, folder)
    selection.check(entry.path for entry in entries)
    chosen = [entry for entry in entries if entry.kind == "blob" and selection.takes(entry.path)]
    chosen = _sized(git, [entry for entry in chosen if entry.mode == _SYMLINK or is_manifest(entry.path)])
    found: list[Blob | Problem] = [*_links(git, folder, [entry for entry in chosen if entry.mode == _SYMLINK])]
    files, total = [], 0
    for entry in chosen:
        if entry.mode != _SYMLINK:
            if flaw := flaw_of(posixpath.join(folder, entry.path), entry.size):
                found.append(flaw)
            else:
                files.append(entry)
                total = check_total(total + entry.size)
    contents = _contents(git, files)
    blobs = [Blob(posixpath.join(folder, entry.path), data) for entry, data in zip(files, contents, strict=True)]
    return [*found, *sorted(blobs, key=lambda blob: blob.path)]


def _tree(git: Git, commit: str, folder: str) -> list[_Entry]:
    tree = git.listing("ls-tree", "-r", "-z", "--full-tree", f"{commit}:{folder}")
    if tree.status:
        raise tree.failure(f"commit {commit[:12]} has no folder {folder!r}" if folder else f"commit {commit[:12]}")
    return [_entry(line) for line in tree.output.split(b"\0") if line]


def _entry(line: bytes) -> _Entry:
    """Parse a line of `git ls-tree`: mode, type, id, tab, path."""
    head, _, path = line.partition(b"\t")
    mode, kind, name = head.decode().split()
    return _Entry(mode, kind, name, os.fsdecode(path))


def _sized(git: Git, entries: Sequence[_Entry]) -> list[_Entry]:
    """Add the sizes, in bytes. Raises SourceError where an object is not there."""
    if not entries:
        return []
    ids = "".join(f"{entry.id}\n" for entry in entries).encode()
    checked = git.run("cat-file", "--batch-check=%(objectsize)", "--buffer", stdin=ids)
    if checked.status:
        raise checked.failure("the repository's objects cannot be read")
    sizes = checked.output.splitlines()
    if absent := next((entry for entry, size in zip(entries, sizes, strict=False) if not size.isdigit()), None):
        hint = "the clone is partial or damaged: run git fsck, or clone it anew"
        raise SourceError(f"the repository lacks an object: {absent.path}", hint=hint)
    return [replace(entry, size=int(size)) for entry, size in zip(entries, sizes, strict=True)]


def _contents(git: Git, entries: Sequence[_Entry]) -> list[bytes]:
    """Read blobs, in one go (git-cat-file(1), "batch output")."""
    if not entries:
        return []
    ids = "".join(f"{entry.id}\n" for entry in entries).encode()
    batch = git.run("cat-file", "--batch", "--buffer", stdin=ids)
    if batch.status:
        raise batch.failure("the repository's objects cannot be read")
    contents, at = [], 0
    for entry in entries:
        start = batch.output.find(b"\n", at) + 1
        if batch.output[at:start] != f"{entry.id} blob {entry.size}\n".encode():
            raise SourceError(f"the repository holds something else than a file as {entry.path}", hint="run git fsck")
        contents.append(batch.output[start : start + entry.size])
        at = start + entry.size + 1
    return contents


def _links(git: Git, folder: str, links: Sequence[_Entry]) -> Iterator[Problem]:
    """Find the symbolic links to a manifest that is not in SOURCE; others are not followed."""
    named = [entry for entry in links if is_manifest(entry.path)]
    yield from filter(None, (long_link(posixpath.join(folder, entry.path), entry.size) for entry in named))
    links = [entry for entry in links if not long_link(entry.path, entry.size)]
    for entry, target in zip(links, _contents(git, links), strict=True):
        name = os.fsdecode(target)
        aim = posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), name))
        leads_out = posixpath.isabs(name) or aim == ".." or aim.startswith("../")
        if leads_out and (is_manifest(entry.path) or is_manifest(name)):
            yield outside(posixpath.join(folder, entry.path), name)
