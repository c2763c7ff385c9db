"""The versions of what lists hold: they tell whether anything moved, at a tenth of what reading all of it takes.

A Kubernetes object of the same uid and resourceVersion is the same object, and an ImageStreamTag has both from its
stream. The version of a list moves with any write to the cluster, and tells nothing.
https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
"""

from __future__ import annotations

import hashlib
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypedDict

import msgspec

from syncer.cluster.answers import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from syncer.cluster.pages import Name
    from syncer.model import Json, Listing

Version = tuple[str, str]
"""uid and resourceVersion of a listed object; empty where the server gave none."""

MOST_KEPT: Final = 256 << 20
"""Bytes of pages that are kept until it is known whether they must be read in full; 300,000 tags have as many."""


class Pages:
    """Pages of lists as they were sent, each to be read in full once, should that be needed. Threads share it."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = self._room = most
        self._lists: dict[str, dict[str, bytes]] = {}
        self._lock = Lock()

    def skimming(self, path: str, query: Mapping[str, str | int]) -> Callable[[bytes, str], dict[str, Json]]:
        """Give what reads no more of a page than its objects' versions, and keeps it as far as there is room.

        A list that begins anew, after a 410, leaves nothing of what was kept of it.
        """
        token = str(query.get("continue", ""))

        def read(data: bytes, what: str) -> dict[str, Json]:
            with self._lock:
                if not token:
                    self._room += sum(map(len, self._lists.pop(path, {}).values()))
                if len(data) <= self._room:
                    self._room -= len(data)
                    self._lists.setdefault(path, {})[token] = data
            return skim(data, what)

        return read

    @property
    def held(self) -> int:
        """How many bytes are kept."""
        return self._most - self._room

    def take(self, path: str, query: Mapping[str, str | int]) -> bytes | None:
        """Give a page that was kept, and keep it no longer; None for one that must be asked for."""
        return self._lists.get(path, {}).pop(str(query.get("continue", "")), None)


class _Metadata(TypedDict, total=False):
    namespace: Any
    name: Any
    uid: Any
    resourceVersion: Any


class _Item(TypedDict, total=False):
    metadata: _Metadata


class _Page(TypedDict, total=False):
    kind: Any
    metadata: Any
    items: list[_Item] | None


_SKIMMED: Final = msgspec.json.Decoder(_Page)


def skim(data: bytes, what: str) -> dict[str, Json]:
    """Decode a page as `decode` does, but of its objects only names and versions.

    Raises ClusterError for what is no page, in the same words.
    """
    try:
        return {**_SKIMMED.decode(data)}
    except (ValueError, RecursionError):
        return decode(data, what)


def version_of(item: Mapping[str, Json]) -> Version:
    """Give the version of a listed object."""
    metadata = item["metadata"]
    uid, version = metadata.get("uid"), metadata.get("resourceVersion")
    return (uid, version) if isinstance(uid, str) and isinstance(version, str) else ("", "")


def digest(listing: Listing, versions: Mapping[Name, Version], missing: Collection[str]) -> str:
    """Sum up what was listed, by which list, and which namespaces do not exist; empty where an object has no version.

    The order in which the objects came does not matter, nor the size of the pages.
    """
    if not all(uid and version for uid, version in versions.values()):
        return ""
    rows = sorted((*name, *version) for name, version in versions.items())
    return hashlib.sha256(msgspec.json.encode([listing, sorted(missing), rows])).hexdigest()
