"""Runs the local API: in a background thread for tests and the tour, or in the foreground for `syncer serve`."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Self, TypeVar

import uvicorn

from syncer.localapi.app import build_app
from syncer.localapi.world import Profile, World

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping
    from types import TracebackType

    from syncer.localapi.auth import Identity

_HOST = "127.0.0.1"
_START_SECONDS = 10.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)

T = TypeVar("T")


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals alone, and says when it listens."""

    def __init__(self, config: uvicorn.Config, on_start: Callable[[asyncio.AbstractEventLoop], None]) -> None:
        super().__init__(config)
        self.listens = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None
        self._on_start = on_start

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.loop = asyncio.get_running_loop()
        self._on_start(self.loop)
        await super().startup(sockets)
        self.listens.set()


def _listen(port: int) -> socket.socket:
    # The protocol has to be named: asyncio sends small packets at once only on sockets that say they are TCP, and
    # without that every answer on a kept connection waits 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_HOST, port))
    except OSError:
        listener.close()
        raise
    return listener


class LocalAPI:
    """An OpenShift API server for ImageStreamTags on loopback, for as long as the context lasts.

    `port` 0 takes a free one. `imports` are simulated `import_delay` seconds after they are asked for. `tokens` are
    the users; without them nobody is asked for a token. `history_seconds` is how long continue tokens and old resource
    versions stay good.
    """

    def __init__(  # noqa: PLR0913 - all of them are options
        self,
        *,
        port: int = 0,
        profile: Profile = "openshift",
        imports: bool = True,
        import_delay: float = 0.3,
        tokens: Mapping[str, Identity] | None = None,
        history_seconds: float = 300.0,
    ) -> None:
        self._port = port
        self._world = World(profile=profile, tokens=tokens, lifetime=history_seconds)
        self._imports = (imports, import_delay)
        self._requests: list[tuple[str, str]] = []
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self.url = ""

    def __enter__(self) -> Self:
        listener = _listen(self._port)
        self.url = f"http://{_HOST}:{listener.getsockname()[1]}"
        app = build_app(self._world, lambda method, path: self._requests.append((method, path)))
        config = uvicorn.Config(
            app, log_config=None, log_level="critical", access_log=False, lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = _Server(config, self._start_imports)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="local-api", daemon=True)
        self._thread.start()
        if not self._server.listens.wait(_START_SECONDS):
            self.__exit__(None, None, None)
            raise TimeoutError(f"the local API does not listen on port {self._port}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None and self._thread is not None:
            self._world.closing = True
            self._server.should_exit = True
            self._thread.join()

    def _start_imports(self, loop: asyncio.AbstractEventLoop) -> None:
        wanted, delay = self._imports
        if wanted:
            self._world.start_imports(lambda action: loop.call_later(delay, action), time.time)

    def requests(self) -> list[tuple[str, str]]:
        """Return (method, path with query) of every request that was answered so far."""
        return list(self._requests)

    def load(self, streams: Iterable[Mapping[str, Any]]) -> None:
        """Put whole ImageStreams in, spec and status as given; uid and resourceVersion are made where absent."""
        self._run(lambda: self._world.load(streams, time.time()))

    def push(self, namespace: str, stream: str, tag: str, digest: str | None = None) -> None:
        """Leave what `podman push` leaves: an image in the status of a tag, and no spec tag."""
        self._run(lambda: self._world.push(namespace, stream, tag, digest, time.time()))

    def expire(self) -> None:
        """Make every continue token and resource version that was given out so far too old (410)."""
        self._run(lambda: self._world.store.compact(self._world.store.advance(time.time())))

    def _run(self, action: Callable[[], T]) -> T:
        """Run an action on the server's own thread, so that it meets no request half-way; before it runs, here."""
        loop = self._server.loop if self._server else None
        if loop is None:
            return action()
        done: concurrent.futures.Future[T] = concurrent.futures.Future()

        def act() -> None:
            try:
                done.set_result(action())
            except Exception as error:  # noqa: BLE001 - it belongs to the caller, whatever it is
                done.set_exception(error)

        loop.call_soon_threadsafe(act)
        return done.result()


def run(  # noqa: PLR0913 - all of them are options
    *,
    port: int = 0,
    profile: Profile = "openshift",
    imports: bool = True,
    import_delay: float = 0.3,
    tokens: Mapping[str, Identity] | None = None,
    on_listen: Callable[[str], None] = lambda _url: None,
) -> None:
    """Serve until SIGINT or SIGTERM; `on_listen` is told the URL once it listens.

    Has to be called on the main thread. Raises `OSError` when the port is taken.
    """
    asked_to_stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: asked_to_stop.set()) for number in _SIGNALS}
    try:
        with LocalAPI(port=port, profile=profile, imports=imports, import_delay=import_delay, tokens=tokens) as api:
            on_listen(api.url)
            asked_to_stop.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
