"""What applying needs of the world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncer.model import Live, ObjectKey, Request


class Writer(Protocol):
    """Sends a request, and reads a stream anew. Raises ClusterError and its kinds."""

    def send(self, request: Request) -> None:
        """Send a request exactly as it is."""

    def read_stream(self, namespace: str, stream: str) -> Mapping[ObjectKey, Live] | None:
        """Read all tags of a stream; None where there is no such stream."""
