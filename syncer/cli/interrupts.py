"""SIGINT and SIGTERM: the write under way finishes, no new one begins, the report is written."""

from __future__ import annotations

import signal
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Self

from syncer.errors import InterruptedRunError

if TYPE_CHECKING:
    from types import FrameType


class Interrupts(AbstractContextManager["Interrupts"]):
    """Catches both signals while it is open. Before writes begin they end the run at once, afterwards in good order.

    Of `several` runs none is ended at once: each asks by itself, and only a second signal raises.
    """

    def __init__(self, *, several: bool = False) -> None:
        self.exit_code = 0
        self._writing = several
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._caught)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # it came from signal.signal

    def stopped(self) -> bool:
        """Whether no new write may begin. Asked before each write, so that the first call marks the first one."""
        self._writing = True
        return self.exit_code != 0

    def _caught(self, signum: int, _: FrameType | None) -> None:
        if not self._writing or self.exit_code:
            raise InterruptedRunError(128 + signum)
        self.exit_code = 128 + signum
