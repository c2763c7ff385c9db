"""Pull specs: which texts name an image, and into which parts they fall. Source: the server's reference grammar."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_HOST_PART = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = rf"{_HOST_PART}(?:\.{_HOST_PART})*(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:[._]|__|[-]*)[a-z0-9]+)*"
_NAME = rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}"
_REFERENCE = re.compile(rf"({_NAME})(?::({_TAG}))?(?:@({_DIGEST}))?")
_LONGEST_NAME = 255
_DIGEST_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}


class BadPullSpec(ValueError):  # noqa: N818 - it becomes a cause
    """The text names no image; the message is the server's."""


@dataclass(frozen=True)
class PullSpec:
    """The parts of a pull spec; each may be empty but the name."""

    registry: str
    repository: str
    tag: str
    digest: str

    def pinned(self, digest: str) -> str:
        """Return the pull spec of this repository at a digest."""
        path = "/".join(part for part in (self.registry, self.repository) if part)
        return f"{path}@{digest}"


def parse_pull_spec(text: str) -> PullSpec:
    """Return the parts of a pull spec. Raises `BadPullSpec`."""
    found = _REFERENCE.fullmatch(text)
    if not found or text.endswith("\n"):
        if not text:
            raise BadPullSpec("repository name must have at least one component")
        if _REFERENCE.fullmatch(text.lower()):
            raise BadPullSpec("repository name must be lowercase")
        raise BadPullSpec("invalid reference format")
    name, tag, digest = found.group(1), found.group(2) or "", found.group(3) or ""
    if len(name) > _LONGEST_NAME:
        raise BadPullSpec(f"repository name must not be more than {_LONGEST_NAME} characters")
    if digest:
        _check_digest(digest)
    host, slash, path = name.partition("/")
    if not slash and ("." in host or host.startswith("localhost")):
        return PullSpec(text, "", "", digest)
    if not slash or not (":" in host or "." in host or host == "localhost"):
        return PullSpec("", name, tag, digest)
    return PullSpec(host, path, tag, digest)


def _check_digest(digest: str) -> None:
    algorithm, _, value = digest.partition(":")
    if algorithm not in _DIGEST_LENGTHS:
        raise BadPullSpec("unsupported digest algorithm")
    if len(value) != _DIGEST_LENGTHS[algorithm]:
        raise BadPullSpec("invalid checksum digest length")


def digest_for(text: str) -> str:
    """Return the digest that the simulated registry holds for a pull spec: its own, or the sha256 of the text."""
    digest = parse_pull_spec(text).digest
    return digest or f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
