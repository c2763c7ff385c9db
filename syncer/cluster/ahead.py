"""Asks for the pages of lists before anybody reads them, while a run does something else.

Whoever reads the lists afterwards finds pages that came, and asks for all others itself: a failure here is none, for it
asks again, and raises what comes of that.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from itertools import tee
from queue import SimpleQueue
from threading import Event, Semaphore
from typing import TYPE_CHECKING, Final

from syncer.cluster.background import begun, settle
from syncer.cluster.pages import query_of
from syncer.cluster.reader import Skimmed, list_path, listing_of
from syncer.cluster.versions import Pages
from syncer.errors import SyncerError

if TYPE_CHECKING:
    from concurrent.futures import Future

    from syncer.cluster.client import Client
    from syncer.model import Listing

MOST_AHEAD: Final = 32 << 20
"""Bytes of pages; 35,000 tags have as many. Enough to hide a server's delay, and little beside what a run keeps."""


class ReadAhead(AbstractContextManager["ReadAhead"]):
    """Pages of namespaces, each asked for as soon as the namespace is named; when this is closed no more are."""

    def __init__(self, client: Client, *, page_size: int, concurrency: int) -> None:
        self._client = client
        self._page_size = page_size
        self._free = Semaphore(concurrency)
        self._names: SimpleQueue[str | None] = SimpleQueue()
        self._named: set[str] = set()
        self._pages = Pages()
        self._over = Event()
        self._asking: Future[Listing] | None = None
        self._lists: list[Future[None]] = []

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._names.put(None)

    def begin(self, namespace: str) -> None:
        """Ask for the list of a namespace, all namespaces having an empty name."""
        if namespace in self._named or self._over.is_set():
            return
        self._named.add(namespace)
        self._names.put(namespace)
        if self._asking is None:
            self._asking = begun(self._ask)

    def finish(self) -> Skimmed | None:
        """Ask for no more, wait for what is under way, and give what came; None where it is of no use."""
        self.__exit__()
        if self._asking is None:
            return None
        settle(self._asking)
        for each in self._lists:
            settle(each)
        return None if self._asking.exception() else Skimmed("", self._asking.result(), self._pages)

    def _ask(self) -> Listing:
        first, names = tee(iter(self._names.get, None))
        listing = listing_of(self._client, first, once=True)
        for name in names:
            self._free.acquire()
            if self._over.is_set():
                break
            self._lists.append(begun(partial(self._list, list_path(listing, name)), self._free.release))
        return listing

    def _list(self, path: str) -> None:
        """Ask for page after page, as long as there is room; nothing is tried again."""
        token: object = ""
        while isinstance(token, str) and not self._over.is_set() and self._pages.held < MOST_AHEAD:
            query = query_of(self._page_size, token)
            try:
                page = self._client.get(path, query, read=self._pages.skimming(path, query), once=True)
            except SyncerError:
                return
            metadata = page.get("metadata")
            token = (metadata.get("continue") if isinstance(metadata, dict) else None) or None
