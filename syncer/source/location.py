"""What a SOURCE may be, and what may be shown of it: a URL's credentials are parted from it here, at once."""

from __future__ import annotations

import base64
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from syncer.errors import UsageError

_SCHEMES: Final = ("https", "ssh", "file")
_HELPER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.-]*::")
_SCP: Final = re.compile(r"(?:(?P<user>[^@/:]+)@)?(?P<host>[^@/:]+):(?P<path>[^:].*)")
_USERINFO: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)[^/\s'\"]*@")
_MISTYPED: Final = re.compile(r"(?:^|/)\s*[^/@:\s]+:[^/@]+@")
"""`user:password@` where no URL is: `https:/user:password@host`, `user:password@host:path`."""
_NO_HOST: Final = re.compile(r"^[^@\[/]*:[^@/]*[^@/0-9][^@/]*/.*@")
"""`user:pass/word@`, where a host and a port should be: the password has a slash that was not encoded."""
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_REF: Final = re.compile(r"[^\x00-\x20\x7f:?*\[\\+^-][^\x00-\x20\x7f:?*\[\\]*")


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository by its URL. `authorization` is the header that its credentials become, empty without any."""

    url: str
    authorization: str = field(default="", repr=False)

    @property
    def shown(self) -> str:
        """The URL as messages show it."""
        return display_url(self.url)

    @property
    def server(self) -> str:
        """The scheme, host and port, which git's configuration can be narrowed to."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}/"


def parse_location(location: str) -> Remote | Path:
    """Tell a URL from a directory.

    Raises UsageError for what git would take for an option, a command to run, or an unencrypted connection.
    """
    if location.startswith("-"):
        raise UsageError(f"SOURCE looks like an option: {location!r}", hint="write a directory of that name as ./-name")
    if not location:
        raise UsageError("SOURCE is empty", hint="give a git URL, a directory, or - for stdin")
    if os.path.isdir(location):  # noqa: PTH112 - Path.is_dir raises where no name can be so long
        return Path(location)
    if _HELPER.match(location):
        helper = location.partition("::")[0]
        raise UsageError(f"SOURCE asks git to run a helper ({helper}::)", hint=_kinds())
    if _SCHEME.match(location):
        return _parse_url(location)
    if _MISTYPED.search(location):
        raise UsageError("SOURCE holds what looks like a password, and is no URL", hint=_kinds())
    scp = _SCP.fullmatch(location)
    if scp and scp["host"].startswith("-"):
        raise UsageError("SOURCE names a host that ssh would take for an option", hint=_kinds())
    return Remote(location) if scp else Path(location)


def _parse_url(url: str) -> Remote:
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        # It is not quoted: where it cannot be parted, a password cannot be left out.
        hint = f"{_kinds()}; in a user or password, write / as %2F, ? as %3F, # as %23"
        raise UsageError("SOURCE is no valid URL", hint=hint) from None
    scheme = parts.scheme.lower()
    if scheme not in _SCHEMES:
        raise UsageError(f"SOURCE is a URL that begins with {scheme}://", hint=_kinds())
    if parts.query or parts.fragment:
        message = f"SOURCE is a URL with a query or fragment: {display_url(url)}"
        raise UsageError(message, hint="choose a branch, tag or commit with --ref, and a folder with --path")
    host = parts.hostname or ""
    if host.startswith("-") or (parts.username or "").startswith("-"):
        raise UsageError("SOURCE names a host or user that ssh would take for an option", hint=_kinds())
    if not host and scheme != "file":
        raise UsageError(f"SOURCE is a URL without a host: {display_url(url)}", hint=_kinds())
    netloc = (f"[{host}]" if ":" in host else host) + port
    if scheme == "ssh" and parts.username:
        netloc = f"{parts.username}@{netloc}"
    authorization = ""
    if scheme == "https" and (parts.username or parts.password):
        pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        authorization = "Authorization: Basic " + base64.b64encode(pair.encode()).decode()
    return Remote(f"{scheme}://{netloc}{parts.path}", authorization)


def _kinds() -> str:
    return "SOURCE is a git URL (https, ssh, file, or user@host:path), a directory, or - for stdin"


def check_ref(ref: str, option: str = "--ref") -> str:
    """Give the ref back.

    Raises UsageError for one that git would take for an option, a refspec or a pattern.
    """
    if ref and not _REF.fullmatch(ref):
        raise UsageError(f"{option} cannot be {ref!r}", hint="give a branch, a tag or a commit")
    return ref


def shown(text: str) -> str:
    """Take the credentials out of every URL in a text. The user of an ssh URL is no secret, but goes along."""
    return _USERINFO.sub(r"\g<scheme>", text)


def display_url(url: str) -> str:
    """Give a URL as it may be shown: without credentials, query and fragment. The user of an ssh URL stays."""
    if not _SCHEME.match(url):
        return _MISTYPED.sub("", url)
    scheme, _, rest = url.partition("://")
    rest = _NO_HOST.sub("", rest)
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    kept = f"{user.partition(':')[0]}@" if at and scheme.lower() == "ssh" else ""
    path = re.split(r"[?#]", path, maxsplit=1)[0]
    return f"{scheme}://{kept}{host}{slash}{path}"


def owner_of(url: str, path: str) -> str:
    """Make the default owner: the URL without scheme, user and `.git`, and the folder in the repository.

    `git@github.com:org/repo.git` and `https://github.com/org/repo` are the same. Spaces and what cannot be printed are
    percent-encoded, for an owner holds none. Empty without a URL.
    """
    if not url:
        return ""
    url = display_url(url)
    if _SCHEME.match(url):
        authority, slash, rest = url.partition("://")[2].partition("/")
        name = authority.rpartition("@")[2] + slash + rest
    elif scp := _SCP.fullmatch(url):
        name = f"{scp['host']}/{scp['path'].lstrip('/')}"
    else:
        name = url
    name = name.rstrip("/").removesuffix(".git").rstrip("/")
    name = f"{name}/{path}" if path else name
    return "".join(char if char.isprintable() and char != " " else quote(os.fsencode(char)) for char in name)
