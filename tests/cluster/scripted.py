"""A small HTTP server that answers by a script: what a well-behaved API server never does."""

import contextlib
import json
import socket
import struct
import threading
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Answer:
    """One answer; `cut` sends half of what Content-Length promises, `reset` none and breaks the connection."""

    body: object = None
    status: int = 200
    headers: dict = field(default_factory=dict)
    cut: bool = False
    reset: bool = False
    wait: float = 0.0

    @property
    def data(self):
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body or {}).encode()


@dataclass
class Seen:
    method: str
    path: str
    headers: Message
    body: bytes


def status(code, reason="", message="told", **more):
    body = {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message, **more}
    return Answer(body, code)


class ScriptedServer(ThreadingHTTPServer):
    """Answers request after request as the script says, a list (the last one stays) or a function of what was seen."""

    daemon_threads = True

    def __init__(self, script, tls=None):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script
        self.seen = []
        self.lock = threading.Lock()
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_port}"
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    def answer(self, seen):
        with self.lock:
            self.seen.append(seen)
            if callable(self.script):
                return self.script(seen)
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    def handle_error(self, request, client_address):
        """Say nothing: clients of these tests hang up."""

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.server.answer(Seen(self.command, self.path, self.headers, body))
        if answer.wait:
            threading.Event().wait(answer.wait)
        if answer.reset:
            self.close_connection = True
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.data)))
        self.end_headers()
        self.wfile.write(answer.data[: len(answer.data) // 2] if answer.cut else answer.data)
        self.close_connection = self.close_connection or answer.cut

    do_GET = do_POST = do_PATCH = do_DELETE = do_CONNECT = _serve  # noqa: N815  (http.server finds them by these names)

    def log_message(self, *_):
        """Keep the test's output clean."""

    def finish(self):
        with contextlib.suppress(OSError, ValueError):
            super().finish()
