"""Writes Events, as many as the server takes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from syncer.errors import ClusterError, ForbiddenError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncer.cluster.client import Client
    from syncer.model import Request


def send_events(client: Client, events: Sequence[Request], concurrency: int) -> list[str]:
    """Send each Event once, and say in a sentence each what kept some from being written; nothing is raised."""
    forbidden: set[str] = set()
    failed: list[str] = []

    def send(event: Request) -> None:
        if event.path in forbidden:  # a namespace that refused one refuses all
            return
        try:
            client.send(event)
        except ForbiddenError:
            forbidden.add(event.path)
        except ClusterError as error:
            failed.append(error.message)

    with ThreadPoolExecutor(max_workers=max(1, concurrency)) as pool:
        list(pool.map(send, events))
    namespaces = ", ".join(sorted(path.split("/")[4] for path in forbidden))
    told = [f"no Events were written in {namespaces}: it takes the permission to create events"] if forbidden else []
    number = f"{len(failed)} Events were" if len(failed) > 1 else "1 Event was"
    return told + ([f"{number} not written: {failed[0]}"] if failed else [])
