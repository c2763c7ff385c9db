"""Sends planned requests, and reads a stream afresh before and after: the only thing here that changes a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.cluster.reader import read_stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncer.cluster.client import Client
    from syncer.model import Live, ObjectKey, Request


class ClusterWriter:
    """Writes to a cluster, one request at a time; threads may share it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def send(self, request: Request) -> None:
        """Send exactly this request; raise ClusterError, UnreachableError where its effect is not known."""
        self._client.send(request)

    def read_stream(self, namespace: str, stream: str) -> Mapping[ObjectKey, Live] | None:
        """Read the tags of one stream as they are now; None where there is no such stream."""
        return read_stream(self._client, namespace, stream)
