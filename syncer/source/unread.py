"""What keeps a single file of a source from being read: problems like those of its text, so that none hides another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from syncer.errors import SourceError
from syncer.model import Blob, Problem, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_FILE: Final = 32 * 1024 * 1024
"""Bytes. The largest export of a cluster's tags is smaller; a larger file is there by mistake."""

MAX_SOURCE: Final = 1024 * 1024 * 1024
"""Bytes of all files together. A million tags have some 500 MB."""

_MAX_TARGET: Final = 4096
"""Bytes of a symbolic link's target (PATH_MAX of Linux)."""


def check_total(size: int) -> int:
    """Give the size of all files together, in bytes. Raises SourceError where it is too much to be read at once."""
    if size > MAX_SOURCE:
        message = f"the manifests of SOURCE have more than {MAX_SOURCE:,} bytes together"
        raise SourceError(message, hint="narrow it with --path, or leave files out with --exclude")
    return size


def flaw_of(path: str, size: int) -> Problem | None:
    """Tell by its name and size, in bytes, why a file cannot be read as a manifest; None where it can."""
    if _shown(path) != path:
        return _unread(
            "file-name", "the name of the file is not UTF-8", "rename it, or leave it out with --exclude", path
        )
    if not {"", ".", ".."}.isdisjoint(path.split("/")):
        return _unread("file-name", "the name of the file leads out of SOURCE", "git fsck says who made it so", path)
    if size > MAX_FILE:
        message = f"the file has {size:,} bytes; a manifest has at most {MAX_FILE:,}"
        return _unread("file-size", message, "split it, or leave it out with --exclude", path)
    return None


def outside(path: str, target: str) -> Problem:
    """Make the problem of a symbolic link that leads out of SOURCE."""
    message = f"it is a symbolic link to {_shown(target)}, which is not in SOURCE"
    return _unread("link-outside", message, "put the manifest itself there, or leave the link out with --exclude", path)


def long_link(path: str, size: int) -> Problem | None:
    """Tell by its size, in bytes, that a symbolic link is none that could be; None where it could."""
    if size <= _MAX_TARGET:
        return None
    message = f"it is a symbolic link with a target of {size:,} bytes; {_MAX_TARGET:,} are the most"
    return _unread("link-outside", message, "put the manifest itself there, or leave the link out with --exclude", path)


def unreadable(path: str, error: OSError) -> Problem:
    """Make the problem of a file that the system does not let us read."""
    message = f"the file cannot be read: {(error.strerror or str(error)).lower()}"
    return _unread("file-unreadable", message, "check its permissions, or leave it out with --exclude", path)


def parted(found: Iterable[Blob | Problem]) -> tuple[list[Blob], tuple[Problem, ...]]:
    """Part files that were read from the problems of those that were not."""
    blobs, problems = list[Blob](), list[Problem]()
    for each in found:
        if isinstance(each, Problem):
            problems.append(each)
        else:
            blobs.append(each)
    return blobs, tuple(problems)


def _unread(code: str, message: str, hint: str, path: str) -> Problem:
    return Problem(Severity.ERROR, code, message, hint, _shown(path), 1, 1)


def _shown(path: str) -> str:
    r"""Write the bytes of a name that are not UTF-8 as `\xe9`: no report could hold them."""
    return path.encode(errors="surrogateescape").decode(errors="backslashreplace")
