"""What a client shows to be let in: nothing, or a token from a file that others rotate."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Protocol

from syncer.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Credentials(Protocol):
    """Gives the headers that authenticate a request. Threads share it."""

    def headers(self) -> Mapping[str, str]:
        """Give the headers for a request that is sent now."""

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Look for better ones after a 401 for `refused`; say whether there are any to try."""


class Anonymous:
    """No credentials: a server without authentication, or one that asks for a client certificate only."""

    def headers(self) -> Mapping[str, str]:
        """Give no header."""
        return {}

    def renew(self, refused: Mapping[str, str]) -> bool:  # noqa: ARG002  (a protocol's method)
        """Find none."""
        return False


class TokenFile:
    """A bearer token from a file, read again when the file changes and after a 401, as tokens of pods rotate.

    Raises UsageError where the file cannot be read at the start; later on, the last token that could be read serves.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._stamp = _stamp(path)
        self._token = _read(path)

    def headers(self) -> Mapping[str, str]:
        """Give the Authorization header, with the token that the file holds now."""
        with self._lock:
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                self._read_again(stamp)
            return _bearer(self._token)

    def renew(self, refused: Mapping[str, str]) -> bool:
        """Read the file again; a token other than the refused one may be tried."""
        with self._lock:
            self._read_again(_stamp(self._path))
            return _bearer(self._token) != refused

    def _read_again(self, stamp: tuple[int, ...]) -> None:
        try:
            self._token = _read(self._path)
            self._stamp = stamp
        except UsageError:  # a file that is being replaced: the old token is valid until it expires
            return


def _bearer(token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except OSError:
        return ()
    return (status.st_mtime_ns, status.st_size, status.st_ino)


def _read(path: Path) -> str:
    try:
        token = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise UsageError(
            f"cannot read the token file {path}: {error.strerror}", hint="check --token-file and its permissions"
        ) from error
    except ValueError:
        token = ""
    if not token or any(not "!" <= character <= "~" for character in token):
        raise UsageError(f"the token file {path} does not hold a token", hint="it must hold one line, the bearer token")
    return token
