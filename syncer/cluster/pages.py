"""One list of the API, read to its end: all pages, each object once, or an error.

https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from syncer.cluster.answers import printable
from syncer.errors import ClusterError, ExpiredError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from syncer.model import Json

    Get = Callable[[str, Mapping[str, str | int]], dict[str, Json]]
    """Reads one JSON object: path, and query."""

T = TypeVar("T")
Name = tuple[str, str]
"""Namespace and name of a listed object."""

RESTARTS: Final = 3
"""How often a list starts anew after a 410."""

_EMPTY_PAGES: Final = 10
"""How many pages in a row may be empty and yet promise more: a list without a selector has no reason to send one."""

_HINT: Final = "the live state must be whole before anything is planned; nothing was written"


def read_list(  # noqa: PLR0913  (what to list, and what to do with a page)
    get: Get,
    path: str,
    kind: str,
    *,
    namespace: str,
    page_size: int,
    reduce: Callable[[Mapping[str, Json]], T],
    on_page: Callable[[Iterable[T]], None],
) -> dict[Name, T]:
    """Read every page of a list of `kind`, and keep what `reduce` makes of each object.

    A 410 (the continue token is too old) starts from the first page again, at most 3 times; the inconsistent token that
    its body offers is never used. Raises ClusterError for a list that cannot be known to be whole.
    """
    for _ in range(1 + RESTARTS):
        try:
            return _List(path, kind, namespace, page_size).read(get, reduce, on_page)
        except ExpiredError as error:
            expired = error
    raise ExpiredError(
        f"{expired.message} (the list was started {1 + RESTARTS} times)",
        hint="the list takes longer than the server keeps its version: raise --page-size",
        status=expired.status,
        reason=expired.reason,
    ) from expired


def query_of(page_size: int, token: str) -> Mapping[str, str | int]:
    """Give the query of a page; an empty token is that of the first."""
    return {"limit": page_size, "continue": token} if token else {"limit": page_size}


class _List:
    """One walk through the pages, with what has been seen so far."""

    def __init__(self, path: str, kind: str, namespace: str, page_size: int) -> None:
        self._what = f"GET {path}"
        self._path = path
        self._kind = kind
        self._namespace = namespace
        self._page_size = page_size

    def read(
        self, get: Get, reduce: Callable[[Mapping[str, Json]], T], on_page: Callable[[Iterable[T]], None]
    ) -> dict[Name, T]:
        found: dict[Name, T] = {}
        tokens: set[str] = set()
        token, empty = "", 0
        while True:
            items, metadata = self._page(get(self._path, query_of(self._page_size, token)))
            page = {name: reduce(item) for name, item in self._named(items)}
            if len(page) < len(items) or page.keys() & found.keys():
                raise self._wrong("the server listed the same object twice")
            found |= page
            on_page(page.values())
            token = self._next(metadata, len(items))
            if not token:
                return found
            empty = 0 if items else empty + 1
            if token in tokens or empty >= _EMPTY_PAGES:
                raise self._wrong("the server repeats pages, and the list has no end")
            tokens.add(token)

    def _page(self, body: dict[str, Json]) -> tuple[list[Any], dict[str, Any]]:
        """Take a page apart; Go writes an empty list as null."""
        if body.get("kind") != f"{self._kind}List":
            raise self._wrong(f"expected an {self._kind}List, got kind {_shown(body.get('kind'))}")
        items, metadata = body.get("items"), body.get("metadata")
        items, metadata = ([] if items is None else items), ({} if metadata is None else metadata)
        if not isinstance(items, list) or not isinstance(metadata, dict):
            raise self._wrong("items must be a list, and metadata an object")
        return items, metadata

    def _named(self, items: list[Any]) -> Iterable[tuple[Name, Mapping[str, Json]]]:
        """Name each object, and hold it to what was asked for."""
        for index, item in enumerate(items):
            metadata = item.get("metadata") if isinstance(item, dict) else None
            if not isinstance(metadata, dict):
                raise self._wrong(f"item {index} is no {self._kind} but {_shown(item)}")
            namespace, name = metadata.get("namespace"), metadata.get("name")
            if not (isinstance(namespace, str) and namespace and isinstance(name, str) and name):
                raise self._wrong(f"item {index} has no namespace and name: {_shown(metadata)}")
            if self._namespace and namespace != self._namespace:
                raise self._wrong(f"item {index} is of another namespace: {_shown(namespace)}")
            yield (namespace, name), item

    def _next(self, metadata: dict[str, Any], count: int) -> str:
        """Give the next continue token, empty at an end that can be believed."""
        token = metadata.get("continue") or ""
        if not isinstance(token, str):
            raise self._wrong(f"metadata.continue is no string but {_shown(token)}")
        if token:
            return token
        remaining = metadata.get("remainingItemCount") or 0
        if remaining:
            raise self._wrong(f"the list ended with {_shown(remaining)} objects remaining")
        if count >= self._page_size and not metadata.get("resourceVersion"):
            raise self._wrong("the list ended with a full page and no resourceVersion: it may be cut (fact 1)")
        return ""

    def _wrong(self, what: str) -> ClusterError:
        return ClusterError(f"{self._what}: {what}", hint=_HINT)


def _shown(value: Json) -> str:
    return printable(repr(value), 80)
