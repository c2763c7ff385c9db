"""A server that costs next to nothing: it sends bytes that were rendered before, in a process of its own."""

from __future__ import annotations

import asyncio
import multiprocessing
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from multiprocessing.connection import Connection

_WRITTEN = b'{"kind":"ImageStreamTag"}'


class _Protocol(asyncio.Protocol):
    """HTTP/1.1 as far as one client of ours needs it. Each answer comes after `delay` seconds."""

    def __init__(self, pages: Mapping[str, bytes], delay: float) -> None:
        self._pages = pages
        self._delay = delay
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end or len(body) < _length(head):
            return
        self._received = b""
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        if method != "GET":
            self._answer(200, _WRITTEN)
        elif target in self._pages:
            self._answer(200, self._pages[target])
        else:
            self._answer(404, b'{"kind":"Status","reason":"NotFound","message":"no such page"}')

    def _answer(self, status: int, body: bytes) -> None:
        if self._delay:
            asyncio.get_running_loop().call_later(self._delay, self._send, status, body)
        else:
            self._send(status, body)

    def _send(self, status: int, body: bytes) -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)


def _length(head: bytes) -> int:
    lines = (line.partition(b":") for line in head.split(b"\r\n"))
    return next((int(value) for name, _, value in lines if name.lower() == b"content-length"), 0)


def _serve(pages: Mapping[str, bytes], delay: float, tell: Connection) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Protocol(pages, delay), "127.0.0.1", 0)
        tell.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


@contextmanager
def serving(pages: Mapping[str, bytes], delay: float = 0.0) -> Iterator[str]:
    """Serve pages by request target, and any write with 200, each after `delay` seconds; gives the server's URL."""
    listen, tell = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(target=_serve, args=(pages, delay, tell), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{listen.recv()}"
    finally:
        process.terminate()
        process.join()
