"""What a server's answer means: a JSON object, or one of our errors that says what came instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from syncer.errors import (
    AlreadyExistsError,
    ClusterError,
    ConflictError,
    ExpiredError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    UnauthorizedError,
)

if TYPE_CHECKING:
    from syncer.model import Json

_SHOWN: Final = 80
_LONGEST_MESSAGE: Final = 2000

_ERRORS: Final[dict[int, type[ClusterError]]] = {
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: ExpiredError,
    422: InvalidError,
}


def printable(text: str, limit: int = _LONGEST_MESSAGE) -> str:
    """Make what a server sent fit for a terminal and a log: control characters escaped, at most `limit` of them."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:limit])
    return shown + "…" if len(text) > limit else shown


def decode(data: bytes, what: str) -> dict[str, Json]:
    """Decode a body that must be a JSON object; `what` is the method and path it answers.

    Raises ClusterError that shows the first 80 characters of anything else.
    """
    try:
        body = msgspec.json.decode(data)
    except (ValueError, RecursionError) as error:
        raise ClusterError(f"{what}: the answer is not JSON but {_excerpt(data)}", hint=_WRONG_SERVER) from error
    if not isinstance(body, dict):
        raise ClusterError(f"{what}: the answer is not a JSON object but {_excerpt(data)}", hint=_WRONG_SERVER)
    return body


def failure(status: int, data: bytes, what: str) -> ClusterError:
    """Make the error for an HTTP status of 400 and more out of its body, a Status document as a rule.

    https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/
    """
    try:
        body: dict[str, Any] = decode(data, what) if data else {}
        message, reason = _told(body), str(body.get("reason") or "")
    except ClusterError:
        message, reason = f"the server answered {_excerpt(data)}", ""
    text = f"{what}: {status} {printable(reason, _SHOWN)}".rstrip() + f": {printable(message)}"
    if status == 409 and reason == "AlreadyExists":  # noqa: PLR2004  (one status, two meanings)
        return AlreadyExistsError(text, status=status, reason=reason)
    hint = "log in again (oc login), or check --token-file" if status == 401 else ""  # noqa: PLR2004  (RFC 9110)
    return _ERRORS.get(status, ClusterError)(text, hint=hint, status=status, reason=reason)


def _told(body: dict[str, Any]) -> str:
    """Take a Status' message; where it is empty, the messages of its causes."""
    if body.get("message"):
        return str(body["message"])
    details = body.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    told = [
        f"{cause.get('field') or ''}: {cause.get('message') or ''}".removeprefix(": ")
        for cause in (causes if isinstance(causes, list) else ())
        if isinstance(cause, dict)
    ]
    return "; ".join(told) or "the server gave no message"


def _excerpt(data: bytes) -> str:
    if not data:
        return "empty"
    # Four bytes a character at most: enough to cut a large body before it is decoded.
    return f"'{printable(data[: 4 * _SHOWN + 4].decode(errors='replace'), _SHOWN)}'"


_WRONG_SERVER: Final = "check that --server is the API server itself, and no proxy or login page in front of it answers"
