"""Waits for a server that stopped answering in the middle of a run, and gives it up for the whole run at once.

An API server that is rolled out is away for a minute or two, a load balancer for a moment: lists and writes wait that
long. They share one budget, so that a server which is gone for good costs a run minutes, however many tags are left.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final, TypeVar

from syncer.errors import ClusterError, NotSentError, ServerGoneError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

BUDGET: Final = 180.0
"""Seconds that a run waits, in all, while nothing is answered."""

_LEAST: Final = 3
"""Exchanges in a row that must fail before a server is given up: one may have hung for longer than the budget."""

_AWAY: Final = frozenset({502, 503, 504})
"""Statuses that say that the server behind them does not answer."""


class Outage:
    """What the exchanges of a run know together about the server; threads share it.

    `tell` hears when the wait begins and how it ends.
    """

    def __init__(
        self,
        budget: float = BUDGET,
        *,
        pause: float = 2.0,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._budget, self._pause, self._tell = budget, pause, tell
        self._lock = threading.Lock()
        self._since: float | None = None
        self._spent, self._failures = 0.0, 0
        self._told = False
        self._gone = False

    def through(
        self,
        exchange: Callable[[], T],
        *,
        again: type[ClusterError] = NotSentError,
        before: Callable[[], None] = lambda: None,
        stopped: Callable[[], bool] = bool,
    ) -> T:
        """Have one exchange, again and again while the server is away, the error is one of `again`, and not `stopped`.

        `before` is asked before each, and raises where it must not be had: NotSentError, where it may be later. Raises
        ServerGoneError where the run gave the server up before, the exchange's own error where it does so now.
        """
        first = time.monotonic()
        while True:
            if self._gone:
                raise ServerGoneError
            began = time.monotonic()
            try:
                before()
                answer = exchange()
            except ClusterError as error:
                if not _is_away(error):
                    if error.status:
                        self._answered()
                    raise
                gone = self._failed(began, error)
                over = gone or stopped() or time.monotonic() - first > self._budget
                if over or not isinstance(error, again):
                    raise
            else:
                self._answered()
                return answer
            time.sleep(self._pause)

    def _answered(self) -> None:
        with self._lock:
            if self._since is not None:
                self._spent += time.monotonic() - self._since
            if self._told and not self._gone:
                self._tell("the server answers again")
            self._since, self._failures, self._told = None, 0, False

    def _failed(self, began: float, error: ClusterError) -> bool:
        """Count a failed exchange; say whether the server is given up."""
        with self._lock:
            self._since = began if self._since is None else self._since
            self._failures += 1
            left = self._budget - self._spent - (time.monotonic() - self._since)
            if not self._gone and left <= 0 and self._failures >= _LEAST:
                self._gone = True
                self._tell("the server stopped answering; the rest is not tried")
            elif not (self._gone or self._told) and self._failures >= _LEAST:
                self._told = True
                self._tell(f"the server does not answer, waiting up to {max(left, 0):.0f} s for it: {error.message}")
            return self._gone


def _is_away(error: ClusterError) -> bool:
    return error.status in _AWAY if error.status else isinstance(error, UnreachableError)
