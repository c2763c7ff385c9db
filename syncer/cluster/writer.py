"""Sends planned requests, and reads a stream afresh before and after: the only thing here that changes a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.cluster.reader import read_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from syncer.cluster.client import Client
    from syncer.model import Live, ObjectKey, Request


class ClusterWriter:
    """Writes to a cluster, one request at a time; threads may share it."""

    def __init__(self, client: Client, before_write: Callable[[], None] = lambda: None) -> None:
        self._client = client
        self._before_write = before_write

    def send(self, request: Request) -> None:
        """Send exactly this request; raise ClusterError, UnreachableError where its effect is not known.

        `before_write` is asked first, and raises ClusterError where nothing may be written any more.
        """
        self._before_write()
        self._client.send(request)

    def read_stream(self, namespace: str, stream: str) -> Mapping[ObjectKey, Live] | None:
        """Read the tags of one stream as they are now; None where there is no such stream."""
        return read_stream(self._client, namespace, stream)
