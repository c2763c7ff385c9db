"""Several sync sets in one run, side by side: each ends by itself, and none holds up or hides another."""

from __future__ import annotations

import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import combinations
from socket import inet_aton, inet_ntoa
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import urlsplit

from syncer.errors import InterruptedRunError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from concurrent.futures import Future

T = TypeVar("T")

WORST_FIRST: Final = (143, 130, 64, 1, 4, 5, 3, 75, 2, 0)
"""Exit codes in the order in which one stands for all.

What is broken comes before what was done in part, that before what waits for a person's word, and that before what the
next run does by itself. The lock stands low: pipelines take it for no failure, and it must not hide a gate.
"""

MOST: Final = 64
"""Sets at a time: beyond it they queue."""

GRACE: Final = 5.0
"""Seconds that sets which only read are given, once a signal came, to end before the report is written without them."""

_LOOK: Final = 0.1
"""Seconds between two looks whether a signal came: a wait for threads is not ended by one."""


def worst(codes: Iterable[int]) -> int:
    """Give the exit code of a run of several sets."""
    return min(codes, key=WORST_FIRST.index, default=0)


# -------------------------------------------------------------------------------------------------- side by side


class Interruptible:
    """Ends the run of one set once a signal came: before its first write at the next event, afterwards in good order.

    `signalled` gives the exit code of the signal, 0 as long as none came.
    """

    def __init__(self, signalled: Callable[[], int]) -> None:
        self.signalled = signalled
        self.writes = False

    def stopped(self) -> bool:
        """Whether no new write may begin. Asked before each write, so that the first call marks the first one."""
        self.writes = True
        return self.signalled() != 0

    def check(self) -> None:
        """Raise InterruptedRunError if the run is to end here: a thread can be ended by nobody but itself."""
        code = self.signalled()
        if code and not self.writes:
            raise InterruptedRunError(code)

    def sleep(self, seconds: float) -> None:
        """Wait, but no longer than until the run is to end. Raises InterruptedRunError then."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, _LOOK))


@contextmanager
def side_by_side(
    stories: Mapping[str, Callable[[Interruptible], T]],
    *,
    signalled: Callable[[], int],
    interrupted: Callable[[str, InterruptedRunError], T],
    grace: float = GRACE,
) -> Iterator[dict[str, T]]:
    """Run the story of each set, by name, and give what each came to, in the same order. A story does not raise.

    After a signal those that write finish their write; those that only read end at their next event. What did not end
    in `grace` seconds is told by `interrupted`, and left alone: it writes nothing any more. Leaving the context waits
    for it, for it may hold a lock.
    """
    hands = {name: Interruptible(signalled) for name in stories}
    with ThreadPoolExecutor(min(len(stories), MOST) or 1, "set") as pool:
        running = {name: pool.submit(story, hands[name]) for name, story in stories.items()}
        with suppress(InterruptedRunError):  # a second signal: whoever sent it waits for nothing
            _wait(running, hands, signalled, grace)
        for future in running.values():
            future.cancel()
        left = InterruptedRunError(signalled())
        yield {
            name: future.result() if future.done() and not future.cancelled() else interrupted(name, left)
            for name, future in running.items()
        }


def _wait(
    running: Mapping[str, Future[T]],
    hands: Mapping[str, Interruptible],
    signalled: Callable[[], int],
    grace: float,
) -> None:
    since = None
    left = set(running.values())
    while left:
        _, left = wait(left, timeout=_LOOK, return_when=FIRST_COMPLETED)
        if signalled():
            since = since or time.monotonic()
            writing = any(hands[name].writes for name, future in running.items() if future in left)
            if not writing and time.monotonic() - since > grace:
                return


# ------------------------------------------------------------------------------------------------------ ownership


@dataclass(frozen=True, slots=True)
class Claim:
    """What a set says is its own: the tags of an owner on a server, in namespaces (none: those of the manifests).

    `owner` is empty where it is named after `source`; `paths` are the folders that `source` is narrowed to.
    """

    name: str
    server: str
    owner: str
    source: str
    namespaces: frozenset[str] = frozenset()
    all_namespaces: bool = False
    paths: frozenset[str] = frozenset()

    @property
    def _whose(self) -> tuple[str, str]:
        return (self.owner, "" if self.owner else self.source)

    def meets(self, other: Claim) -> bool:
        """Whether two sets may take the same tags for theirs, and each prune what the other made."""
        if (_spelled(self.server), self._whose) != (_spelled(other.server), other._whose):
            return False
        listed = self.namespaces and other.namespaces and not (self.all_namespaces or other.all_namespaces)
        apart = listed and not self.namespaces & other.namespaces
        narrowed = not self.owner and self.paths and other.paths and not self.paths & other.paths
        return not (apart or narrowed)


def _spelled(server: str) -> tuple[str, str, int | None, str]:
    """Give a server's URL as any other spelling of it gives it, too; two names of one server stay two."""
    parts = urlsplit(server)
    host = (parts.hostname or "").rstrip(".")
    with suppress(OSError):  # no IPv4 address, in none of its spellings
        host = inet_ntoa(inet_aton("127.0.0.1" if host == "localhost" else host))
    return (parts.scheme, host, parts.port or {"https": 443, "http": 80}.get(parts.scheme), parts.path.rstrip("/"))


def contested(claims: Iterable[Claim]) -> list[str]:
    """Say which sets would prune each other's tags, as a file of settings is told by its own keys."""
    return [
        f"sets {one.name} and {other.name} have one owner{'' if one.owner else f', named after {one.source},'} in one "
        "cluster: they would prune each other"
        for one, other in combinations(claims, 2)
        if one.meets(other)
    ]
