"""Work in threads that keep no process from ending: what waits for a server that hangs must not hold up Ctrl-C.

The threads of `concurrent.futures` are waited for when the interpreter ends.
"""

from __future__ import annotations

from concurrent.futures import Future, wait
from functools import partial
from threading import Event, Semaphore, Thread
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")
U = TypeVar("U")

LOOK: Final = 0.2
"""Seconds. A signal that comes just before a wait without end is seen at its end only."""


def begun(function: Callable[[], T], ended: Callable[[], object] = lambda: None) -> Future[T]:
    """Begin a function in a thread of its own; gives what comes of it. `ended` is called in the end, come what may."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001 - whoever asks for the result is told
            future.set_exception(error)
        finally:
            ended()

    Thread(target=run, name="background", daemon=True).start()
    return future


def result(future: Future[T]) -> T:
    """Wait for what comes of a function, and for a signal meanwhile."""
    settle(future)
    return future.result()


def settle(future: Future[T]) -> None:
    """Wait until a function has ended, and for a signal meanwhile."""
    while not future.done():
        wait([future], LOOK)


def side_by_side(function: Callable[[T], U], things: Iterable[T], *, threads: int) -> list[U]:
    """Call a function for each thing, so many at a time; gives the results in the order of the things.

    Raises the first error in that order; what is under way then is left alone.
    """
    free, failed, futures = Semaphore(threads), Event(), list[Future[U]]()

    def one(thing: T) -> U:
        try:
            return function(thing)
        except BaseException:
            failed.set()
            raise

    for thing in things:
        while not free.acquire(timeout=LOOK):
            pass
        if failed.is_set():
            break
        futures.append(begun(partial(one, thing), free.release))
    return [result(future) for future in futures]
