"""Sends planned requests, and reads a stream afresh before and after: the only thing here that changes a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.cluster.reader import read_stream
from syncer.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from syncer.cluster.client import Client
    from syncer.model import Live, ObjectKey, Request


class ClusterWriter:
    """Writes to a cluster, one request at a time; threads may share it.

    A server that stopped answering is waited for until `stopped` holds.
    """

    def __init__(
        self,
        client: Client,
        before_write: Callable[[], None] = lambda: None,
        stopped: Callable[[], bool] = bool,
    ) -> None:
        self._client = client
        self._before_write = before_write
        self._stopped = stopped

    def send(self, request: Request) -> None:
        """Send exactly this request; raise ClusterError, UnreachableError where its effect is not known.

        `before_write` is asked first, and raises ClusterError where nothing may be written any more, NotSentError where
        nothing may be written now.
        """
        self._client.outage.through(
            lambda: self._client.send(request), before=self._before_write, stopped=self._stopped
        )

    def read_stream(self, namespace: str, stream: str) -> Mapping[ObjectKey, Live] | None:
        """Read the tags of one stream as they are now; None where there is no such stream."""
        return self._client.outage.through(
            lambda: read_stream(self._client, namespace, stream), again=ClusterError, stopped=self._stopped
        )
