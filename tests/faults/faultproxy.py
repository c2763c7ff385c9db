"""A proxy between client and server that does what networks, load balancers and busy API servers do to a request.

`FaultProxy.log` keeps what really reached the server and what it answered: the truth that outcomes are held against.
"""

import collections
import contextlib
import http.client
import http.server
import json
import random
import socket
import struct
import threading
import time
from dataclasses import dataclass
from email.utils import formatdate
from urllib.parse import parse_qs, urlsplit

WRITES = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Seen:
    """One request: `number` counts from 0 those of the same method, path and object, whatever threads do meanwhile."""

    method: str
    path: str
    body: object
    number: int

    @property
    def is_write(self):
        return self.method in WRITES

    @property
    def is_list(self):
        return self.method == "GET" and urlsplit(self.path).path.endswith(("/imagestreams", "/imagestreamtags"))

    @property
    def token(self):
        return parse_qs(urlsplit(self.path).query).get("continue", [""])[0]

    @property
    def namespace(self):
        parts = urlsplit(self.path).path.split("/")
        return parts[parts.index("namespaces") + 1] if "namespaces" in parts[:-1] else ""

    @property
    def tag(self):
        """Name the tag that is written, as NAMESPACE/STREAM:TAG."""
        name = self.body["metadata"]["name"] if self.method == "POST" else urlsplit(self.path).path.rpartition("/")[2]
        return f"{self.namespace}/{name}"


@dataclass(frozen=True)
class Exchange:
    """What the server was sent, and what it answered."""

    seen: Seen
    status: int
    answer: object

    @property
    def took_effect(self):
        return self.seen.is_write and self.status < 300


# ------------------------------------------------------------------------------------------------------ faults
# Each is a function of one request (its handler): what is forwarded, and what the client gets to see.


def latency(ask):
    time.sleep(ask.chance.random() / 100)
    ask.reply(*ask.forward())


def reset_before(ask):
    ask.reset()


def reset_after(ask):
    ask.forward()
    ask.reset()


def truncated(ask):
    """Announce the whole body, and break off in the middle of it."""
    ask.reply(*ask.forward(), cut=True)


def garbled(ask):
    """Give a whole body that is not the server's: cut JSON, a login page, noise, JSON that is no object, nothing."""
    status, body = ask.forward()
    other = [
        body[: len(body) // 2],
        b"<html>please log in</html>",
        ask.chance.randbytes(40),
        b"[]",
        b"null",
        b"{}",
        b"",
    ]
    ask.reply(status, ask.chance.choice(other))


def token_rotated(ask):
    """Refuse the token, for the one in the file is new by now."""
    ask.rotate()
    ask.status(401, "Unauthorized")


def forbidden(ask):
    ask.status(403, "Forbidden")


def not_found_page(ask):
    """Answer as a load balancer does that has no backend for this path."""
    ask.reply(404, b"default backend - 404")


def conflict(ask):
    ask.status(409, "Conflict", "the object has been modified; please apply your changes to the latest version")


def expired(ask):
    """Call a continue token too old, and offer one for the inconsistent rest of the list."""
    ask.status(410, "Expired", metadata={"continue": "inconsistent"}, only=ask.seen.is_list and ask.seen.token)


def invalid(ask):
    ask.status(422, "Invalid", "", only=ask.seen.method in ("POST", "PATCH"))


def _retry_after(ask):
    later = formatdate(time.time() + ask.chance.choice([-60, 1, 10**6]), usegmt=True)
    value = ask.chance.choice(["0", "1", "30", later, "9" * 40, "-3", "soon", None])
    return {} if value is None else {"Retry-After": value}


def too_many(ask):
    ask.status(429, "TooManyRequests", headers=_retry_after(ask))


def unavailable(ask):
    ask.status(503, "ServiceUnavailable", headers=_retry_after(ask))


def internal_error(ask):
    ask.status(500, "InternalError", "etcdserver: request timed out", acts=ask.chance.random() < 0.5)


def gateway_timeout(ask):
    ask.status(504, "Timeout", acts=ask.chance.random() < 0.5)


def no_answer(ask):
    """Let the client wait until it gives up."""
    if ask.chance.random() < 0.5:
        ask.forward()
    ask.hang()


def page_repeated(ask):
    """Answer a request for a later page with the page before it."""
    if ask.seen.is_list and ask.seen.token and ask.proxy.last_page:
        ask.reply(*ask.proxy.last_page)
    else:
        ask.pass_by()


def token_loops(ask):
    """Give the token back that was asked with, so that the list has no end."""
    if ask.seen.is_list and ask.seen.token:
        status, body = ask.forward()
        page = json.loads(body)
        if status == 200:
            page["metadata"]["continue"] = ask.seen.token
        ask.reply(status, json.dumps(page).encode())
    else:
        ask.pass_by()


FAULTS = {
    fault.__name__: fault
    for fault in (
        latency,
        reset_before,
        reset_after,
        truncated,
        garbled,
        token_rotated,
        forbidden,
        not_found_page,
        conflict,
        expired,
        invalid,
        too_many,
        unavailable,
        internal_error,
        gateway_timeout,
        no_answer,
        page_repeated,
        token_loops,
    )
}


# ------------------------------------------------------------------------------------------------------- proxy


class FaultProxy(http.server.ThreadingHTTPServer):
    """Forwards to the server at `url`; `rule(seen)` names the fault of a request, or None, and a seed for its details.

    `around(seen)` may hold, before and after a request is forwarded, what else is to happen then. With `tls` it speaks
    TLS, and `breaks(number)` says which connections fail before they are made. A token in `token_file` is asked for.
    """

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, url, *, tls=None):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = urlsplit(url).netloc
        self.tls = tls
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.server_port}"
        self._lock = threading.Lock()
        self.begin()

    def begin(self, rule=lambda _: None, *, token_file=None, around=contextlib.nullcontext, breaks=lambda _: False):
        """Forget what was, and go on by other rules."""
        with self._lock:
            self.rule, self.around, self.breaks = rule, around, breaks
            self.log, self.injected, self.last_page = [], collections.Counter(), None
            self._counts, self._connections = collections.Counter(), 0
            self.token_file, self.token = token_file, ""
        if token_file:
            self.rotate()

    def rotate(self):
        with self._lock:
            self.token = f"token-{self.injected['token_rotated']}-{random.randbytes(4).hex()}"  # noqa: S311 - no secret
            self.token_file.write_text(self.token)

    def count(self, *key):
        with self._lock:
            self._counts[key] += 1
            return self._counts[key] - 1

    def note(self, name):
        with self._lock:
            self.injected[name] += 1

    def handle_error(self, request, client_address):
        """Say nothing: clients of these tests hang up."""

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body in one piece

    def setup(self):
        self.proxy, self._behind = self.server, None
        if self.proxy.tls:
            if self.proxy.breaks(self.proxy.count("connection")):
                self.proxy.note("tls_failure")
                self.request.sendall(b"no TLS here\r\n")
                self.request.close()
                raise ConnectionError
            self.request = self.proxy.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def _serve(self):
        self._data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(self._data) if self._data else None
        name = body["metadata"]["name"] if self.command == "POST" and "metadata" in body else ""
        where = urlsplit(self.path)
        place = (self.command, where.path, "continue=" in where.query, name)
        self.seen = Seen(self.command, self.path, body, self.proxy.count(*place))
        if self.proxy.token and self.headers["Authorization"] != f"Bearer {self.proxy.token}":
            self.status(401, "Unauthorized")
            return
        chosen = self.proxy.rule(self.seen)
        if chosen is None:
            self.reply(*self.forward())
            return
        name, seed = chosen
        self.chance = random.Random(seed)  # noqa: S311 - it makes faults
        self.proxy.note(name)
        FAULTS[name](self)

    do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - http.server asks for these names

    def forward(self):
        with self.proxy.around(self.seen):
            if self._behind is None:
                self._behind = http.client.HTTPConnection(self.proxy.behind, timeout=20)
            kept = {"Content-Type": self.headers["Content-Type"]} if "Content-Type" in self.headers else {}
            self._behind.request(self.command, self.path, self._data or None, kept)
            with self._behind.getresponse() as answer:
                status, body = answer.status, answer.read()
            self.proxy.log.append(Exchange(self.seen, status, body))
            if self.seen.is_list and status == 200:
                self.proxy.last_page = status, body
        return status, body

    def pass_by(self):
        """Forward after all: the fault has no meaning for this request."""
        self.reply(*self.forward())

    def status(self, code, reason, message="told", *, headers=None, acts=False, only=True, metadata=None):  # noqa: PLR0913 - named
        """Answer with a Status document; `acts`: once the server did as it was asked. `only`: else pass it by."""
        if not only:
            self.pass_by()
            return
        if acts:
            self.forward()
        body = {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}
        self.reply(code, json.dumps({**body, "metadata": metadata or {}}).encode(), headers=headers)

    def reply(self, status, body, *, cut=False, headers=None):
        self.send_response_only(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": len(body), **(headers or {})}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = self.close_connection or cut

    def reset(self):
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def hang(self):
        self.close_connection = True
        self.connection.settimeout(5)
        with contextlib.suppress(OSError):
            self.connection.recv(1)

    def rotate(self):
        if self.proxy.token_file:
            self.proxy.rotate()

    def finish(self):
        if self._behind is not None:
            self._behind.close()
        with contextlib.suppress(OSError, ValueError):
            super().finish()
        self.connection.close()  # with TLS it is not the one that the server closes

    def log_message(self, *_):
        """Keep the test's output clean."""
