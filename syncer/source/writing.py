"""Writes files into a directory: each as a whole or not at all, none outside it, and none over what is not known."""

from __future__ import annotations

import os
import secrets
from contextlib import ExitStack, contextmanager, suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from syncer.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class ChangedError(SourceError):
    """The file is not what it was when it was read."""


def existing(root: Path) -> frozenset[str]:
    """List all that is below a directory, what git ignores too, in lower case; nothing where there is no directory."""
    found = set()
    for folder, folders, files in os.walk(root):
        prefix = PurePosixPath(os.path.relpath(folder, root))
        found |= {str(prefix / name).casefold() for name in (*folders, *files)}
        folders[:] = [name for name in folders if name != ".git"]
    return frozenset(found)


def write_file(root: Path, path: str, data: bytes, *, before: bytes | None) -> None:
    """Put a file in place of the one that held `before`, or, where that is None, where there is none.

    `path` is relative to the root, with `/`. No symbolic link is followed below the root. Raises SourceError where that
    cannot be done; then nothing has changed.
    """
    *folders, name = PurePosixPath(path).parts
    if ".." in (*folders, name) or PurePosixPath(path).is_absolute():
        raise SourceError(f"{path} is not within {root}")
    try:
        with _folder(root, folders) as folder:
            mode = _check(folder, name, path, before)
            scratch = f".syncer-{secrets.token_hex(8)}"
            try:
                _write(folder, scratch, data, mode)
                _put(folder, scratch, name, path, replace=before is not None)
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(scratch, dir_fd=folder)
    except OSError as error:
        hint = "check permissions, and that no symbolic link or file stands where a folder is needed"
        raise SourceError(f"{path} cannot be written: {(error.strerror or str(error)).lower()}", hint=hint) from error


def write_files(root: Path, files: Iterable[tuple[str, bytes, bytes]]) -> None:
    """Change files, given as (path, data, what is in them now), all of them or none. Raises SourceError."""
    done: list[tuple[str, bytes, bytes]] = []
    try:
        for path, data, before in files:
            write_file(root, path, data, before=before)
            done.append((path, data, before))
    except BaseException:
        for path, data, before in reversed(done):
            with suppress(SourceError):  # somebody has changed it since
                write_file(root, path, before, before=data)
        raise


@contextmanager
def _folder(root: Path, folders: list[str]) -> Iterator[int]:
    """Open a folder below the root step by step, so that no link on the way leads out; make what is not there."""
    root.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        here = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, here)
        for name in folders:
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=here)
            here = os.open(name, _FOLDER, dir_fd=here)
            stack.callback(os.close, here)
        yield here


def _check(folder: int, name: str, path: str, before: bytes | None) -> int:
    """Raise ChangedError unless the file holds what it did; gives the mode that it has, or that a new one gets."""
    if before is None:
        return 0o666
    with os.fdopen(os.open(name, _READ, dir_fd=folder), "rb") as file:
        if file.read() != before:
            raise ChangedError(f"{path} was changed while it was read", hint="run it again")
        return os.fstat(file.fileno()).st_mode & 0o777


def _write(folder: int, name: str, data: bytes, mode: int) -> None:
    with os.fdopen(os.open(name, _NEW, mode, dir_fd=folder), "wb") as file:
        file.write(data)
        if mode != 0o666:  # noqa: PLR2004 - a new file has what the umask leaves
            os.fchmod(file.fileno(), mode)


def _put(folder: int, scratch: str, name: str, path: str, *, replace: bool) -> None:
    """Give the file its name; a new one by a link, which fails where something has that name by now."""
    if replace:
        os.rename(scratch, name, src_dir_fd=folder, dst_dir_fd=folder)
        return
    try:
        os.link(scratch, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError as error:
        raise ChangedError(f"{path} is there by now", hint="run it again") from error
    except OSError:  # a file system without hard links
        os.close(os.open(name, _NEW, dir_fd=folder))
        os.rename(scratch, name, src_dir_fd=folder, dst_dir_fd=folder)
