"""HTTP to the API server: one pool of connections, reads that are retried, writes that are never sent blindly again."""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    InsecureRequestWarning,
    InvalidHeader,
    NewConnectionError,
    ProxyError,
    ProxySchemeUnknown,
    ReadTimeoutError,
    SSLError,
)

from syncer import __version__
from syncer.cluster.answers import decode, failure, printable
from syncer.cluster.outage import Outage
from syncer.errors import ClusterError, NotSentError, UnreachableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from syncer.cluster.connection import Connection
    from syncer.model import Json, Request

    Read = Callable[[bytes, str], dict[str, Json]]
    """Makes a JSON object of a body; the text names the request that it answers."""

_BUSY: Final = frozenset({429, 500, 502, 503, 504})
"""Statuses after which a read may succeed if it is sent again."""

_UNKNOWN: Final = frozenset({500, 502, 503, 504})
"""Statuses of a write that come from in front of the server, or from one that gave up: it may have taken effect.

What etcd does not answer in time reaches a client as 500 (etcdserver: request timed out).
"""

_NOT_SENT: Final = (NewConnectionError, ConnectTimeoutError, ProxyError)
"""Failures before a byte of the request left: no connection was made."""

_CHUNK: Final = 1 << 16

_SHORTEST_SECRET: Final = 8
"""Bytes. What is shorter is no token of a cluster, and might be a word of the message, such as a user's name."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a server may fail before it is an error: attempts in all, and pauses in seconds.

    No attempt begins later than `longest` seconds after the first. `outage` is how long a run waits, in all, for a
    server that stopped answering while it lists or writes.
    """

    attempts: int = 5
    longest: float = 30.0
    outage: float = 180.0
    pause: float = 0.25
    longest_pause: float = 8.0
    longest_retry_after: int = 60
    largest_body: int = 256 << 20


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    data: bytes
    retry_after: float | None
    location: str


class Client:
    """Speaks JSON with one API server; safe for threads, up to `pool_size` of them at a time.

    Raises only ClusterError and its kinds; messages name method and path, never a header. `tell` hears a sentence where
    a person would wonder why nothing happens. `outage` is what is known about a server that stopped answering; who may
    wait for it exchanges through it.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        pool_size: int = 8,
        patience: Patience | None = None,
        sleep: Callable[[float], None] = time.sleep,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._connection = connection
        self.patience = patience or Patience()
        self.tell = tell
        self._sleep = sleep
        self._pool, self._prefix = _pool(connection, pool_size)
        told = lambda text: self.tell(text)  # noqa: E731, PLW0108 - whoever listens by then
        self.outage = Outage(self.patience.outage, pause=8 * self.patience.pause, tell=told)
        self._after = urllib3.Retry(retry_after_max=self.patience.longest_retry_after)

    @property
    def connection(self) -> Connection:
        """What it is connected to."""
        return self._connection

    def get(
        self, path: str, query: Mapping[str, str | int] | None = None, *, read: Read = decode, once: bool = False
    ) -> dict[str, Json]:
        """Read one JSON object; failures that may pass are retried with backoff, or as Retry-After says.

        `read` makes the object of a body. `once`: nothing is retried.
        """
        target, what = f"{path}?{urlencode(query)}" if query else path, f"GET {path}"
        answer = self._exchange("GET", target, what) if once else self._retried("GET", target, what)
        return self._judged(answer, what, read)

    def ask(self, path: str, body: Json) -> dict[str, Json]:
        """Send a POST that stores nothing, and so is as good as a read: it is retried as one."""
        what = f"POST {path}"
        return self._judged(
            self._retried("POST", path, what, {"Content-Type": "application/json"}, encoded(body)), what
        )

    def _retried(
        self, method: str, target: str, what: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> _Answer:
        began = time.monotonic()
        for attempt in range(1, self.patience.attempts + 1):
            last = self._is_last(attempt, began)
            try:
                answer = self._exchange(method, target, what, headers, body)
            except UnreachableError:
                if last:
                    raise
                self._pause(attempt)
                continue
            if answer.status not in _BUSY or last:
                break
            self._pause(attempt, answer.retry_after)
        return answer

    def send(self, request: Request, *, dry_run_server: bool = False) -> dict[str, Json]:
        """Send one write, once; `dry_run_server` has the server validate it only (fact 14 says where that is safe).

        It is sent again only where it surely had no effect: no connection was made, or the server turned it away
        (429 with Retry-After). UnreachableError that is no NotSentError: its effect is not known, so read before the
        next step.
        """
        what = f"{request.method} {request.path}"
        query = ("&" if "?" in request.path else "?") + "dryRun=All" if dry_run_server else ""
        content = request.body
        if dry_run_server and request.method == "DELETE" and content is not None:
            # A server that is sent DeleteOptions reads them, and not the query: the dry run must be asked for there.
            content = {**content, "dryRun": ["All"]}
        body = None if content is None else encoded(content)
        headers = {"Content-Type": request.content_type or "application/json"} if body is not None else {}
        began = time.monotonic()
        for attempt in range(1, self.patience.attempts + 1):
            last = self._is_last(attempt, began)
            try:
                answer = self._exchange(request.method, request.path + query, what, headers, body)
            except NotSentError:
                if last:
                    raise
                self._pause(attempt)
                continue
            turned_away = answer.status == 429 and answer.retry_after is not None  # noqa: PLR2004  (RFC 6585)
            if not turned_away or last:
                break
            self._pause(attempt, answer.retry_after)
        return self._judged(answer, what) if dry_run_server else self._judged_write(answer, what)

    def _judged_write(self, answer: _Answer, what: str) -> dict[str, Json]:
        """Tell a write that failed from one of which nothing is known."""
        try:
            return self._judged(answer, what)
        except ClusterError as error:
            if answer.status in _UNKNOWN or answer.status < 300:  # noqa: PLR2004  (2xx: it was taken, the answer is lost)
                raise UnreachableError(
                    f"{error.message} (it is not known whether it took effect)",
                    hint=error.hint,
                    status=answer.status,
                    reason=error.reason,
                ) from error
            raise

    def _judged(self, answer: _Answer, what: str, read: Read = decode) -> dict[str, Json]:
        if answer.status < 300:  # noqa: PLR2004  (RFC 9110, section 15.3)
            return read(answer.data, what)
        if answer.status < 400:  # noqa: PLR2004  (RFC 9110, section 15.4)
            raise ClusterError(
                f"{what}: {answer.status}: the server redirects {_elsewhere(answer.location)}, which is not followed",
                hint="give the API server's own address as --server",
                status=answer.status,
            )
        raise failure(answer.status, answer.data, what)

    def _exchange(
        self, method: str, target: str, what: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> _Answer:
        """Send a request, and once more with renewed credentials after a 401: the server did nothing yet."""
        credentials = self._connection.credentials
        shown = credentials.headers()
        answer = self._once(method, target, what, {**(headers or {}), **shown}, body)
        if answer.status == 401 and credentials.renew(shown):  # noqa: PLR2004  (RFC 9110, section 15.5.2)
            shown = credentials.headers()
            answer = self._once(method, target, what, {**(headers or {}), **shown}, body)
        return _unquoting(answer, shown)

    def _once(self, method: str, target: str, what: str, headers: Mapping[str, str], body: bytes | None) -> _Answer:
        if {".", ".."} & set(target.partition("?")[0].split("/")):
            raise ClusterError(f"{what}: a path must not hold '.' or '..' as a name")
        try:
            response = self._pool.request(
                method,
                self._prefix + target,
                headers={**_HEADERS, **self._connection.headers, **headers},
                body=body,
                redirect=False,
                retries=False,
                preload_content=False,
            )
            return _Answer(
                response.status,
                self._read(response, what),
                self._retry_after(response),
                response.headers.get("Location", ""),
            )
        except (HTTPError, OSError) as error:
            raise self._unreachable(error, what) from error

    def _read(self, response: urllib3.BaseHTTPResponse, what: str) -> bytes:
        """Read a body to its end, so that the connection can serve again; drop the connection where that fails."""
        chunks, size, limit = [], 0, self.patience.largest_body
        try:
            for chunk in response.stream(_CHUNK, decode_content=True):
                chunks.append(chunk)
                size += len(chunk)
                if size > limit:
                    break
        except BaseException:
            response.close()
            raise
        if size > limit:
            response.close()
            raise ClusterError(f"{what}: the answer is larger than {limit >> 20} MiB", hint="lower --page-size")
        response.release_conn()
        return b"".join(chunks)

    def _retry_after(self, response: urllib3.BaseHTTPResponse) -> float | None:
        """Read Retry-After, seconds or a date (RFC 9110, section 10.2.3), capped; None where absent or unreadable."""
        try:
            return self._after.get_retry_after(response)
        except (InvalidHeader, ValueError, OverflowError):
            return None

    def _is_last(self, attempt: int, began: float) -> bool:
        return attempt == self.patience.attempts or time.monotonic() - began > self.patience.longest

    def _pause(self, attempt: int, retry_after: float | None = None) -> None:
        """Wait as long as the server asks, else longer with every attempt; jitter keeps clients apart."""
        wait = min(self.patience.pause * 2 ** (attempt - 1), self.patience.longest_pause)
        jitter = random.uniform(0.5, 1.0)  # noqa: S311  (it spreads load, it guards nothing)
        self._sleep(max(wait * jitter, retry_after or 0.0))

    def _unreachable(self, error: Exception, what: str) -> ClusterError:
        server = self._connection.server
        if isinstance(error, SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
            return ClusterError(
                f"{what}: the certificate of {server} is not trusted ({_certificate_trouble(error)})",
                hint="give the cluster's CA by --certificate-authority, or check --server",
            )
        if isinstance(error, _NOT_SENT):
            return NotSentError(
                f"{what}: cannot connect to {server}: {_told(error)}", hint="check --server and the network"
            )
        if isinstance(error, ReadTimeoutError):
            return UnreachableError(
                f"{what}: no answer from {server} in {self._connection.timeout:g} s", hint="raise --request-timeout"
            )
        return UnreachableError(f"{what}: the connection to {server} broke: {_told(error)}", hint="try again")


_ESCAPED: Final = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def encoded(body: Json) -> bytes:
    r"""Return a body as JSON in UTF-8, written as Go's encoder writes it.

    The server's JSON patch compares the texts of a `test` as they are written, not what they mean: an `&` that is not
    written `\u0026`, or a `\u00e4` that it writes `ä`, never equals the stored one (fact 7).
    """
    text = json.dumps(body, ensure_ascii=False).translate(_ESCAPED)
    # A lone surrogate has no UTF-8: its escape is what JSON has for it.
    return text.encode(errors="backslashreplace")


_HEADERS: Final = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
    "User-Agent": f"syncer/{__version__}",
}


def _pool(connection: Connection, size: int) -> tuple[urllib3.HTTPConnectionPool | urllib3.PoolManager, str]:
    """Make the pool, and what it wants before the path of a request: there is one server, unless there is a proxy.

    Raises UsageError for a proxy that cannot be spoken with.
    """
    if not connection.verifies:
        # Asked for by a flag or the kubeconfig: a warning a request would bury the report.
        urllib3.disable_warnings(InsecureRequestWarning)
    settings: dict[str, Json] = {
        "num_pools": 1,
        "maxsize": size,
        "block": True,
        "timeout": urllib3.Timeout(connect=connection.timeout or None, read=connection.timeout or None),
    }
    if connection.tls is not None:
        settings |= {"ssl_context": connection.tls}
        if connection.tls_server_name:
            settings |= {"server_hostname": connection.tls_server_name}
    if not connection.proxy:
        pools = urllib3.PoolManager(**settings)
        return pools.connection_from_url(connection.server), urlsplit(connection.server).path
    try:
        proxy = urlsplit(connection.proxy)
        login = f"{proxy.username}:{proxy.password or ''}" if proxy.username else None
        headers = urllib3.make_headers(proxy_basic_auth=login) if login else None
        return urllib3.ProxyManager(connection.proxy, proxy_headers=headers, **settings), connection.server
    except (ProxySchemeUnknown, ValueError) as error:
        raise UsageError(
            "the proxy for the API server is not an http:// or https:// URL",
            hint="check HTTPS_PROXY, HTTP_PROXY and the kubeconfig's proxy-url",
        ) from error


def _unquoting(answer: _Answer, shown: Mapping[str, str]) -> _Answer:
    """Take the credentials out of a refusal that quotes the request, as some proxies' error pages do."""
    if answer.status < 400:  # noqa: PLR2004  (RFC 9110, section 15.5)
        return answer
    data = answer.data
    for value in shown.values():
        secret = value.rpartition(" ")[2].encode()
        if len(secret) >= _SHORTEST_SECRET:
            data = data.replace(secret, b"(hidden)")
    return replace(answer, data=data)


def _told(error: Exception) -> str:
    """Say in the system's words what failed: urllib3 puts objects and addresses around them."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return printable(str(error).rpartition(": ")[2], 200)


def _certificate_trouble(error: Exception) -> str:
    text = str(error).partition("certificate verify failed: ")[2]
    return printable(text.partition(" (_ssl")[0], 200) or "it does not verify"


def _elsewhere(location: str) -> str:
    """Name the host of a redirect, and no more: its query may carry a ticket."""
    try:
        parts = urlsplit(location)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    return f"to {printable(host, 200)}" if host else "to another path"
