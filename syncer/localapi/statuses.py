"""Errors as Kubernetes tells them: `metav1.Status` documents with a reason, details and causes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncer.localapi.values import GROUP, Doc

if TYPE_CHECKING:
    from collections.abc import Sequence

NOT_SUPPORTED = "the server does not allow this method on the requested resource"
UNKNOWN_RESOURCE = "the server could not find the requested resource"


@dataclass(frozen=True)
class Cause:
    """One reason why an object is invalid: the field, Kubernetes' reason, and the text."""

    field: str
    reason: str
    message: str


def quoted(value: object) -> str:
    """Return a value as it stands in a message: strings in Go's double quotes, other values as JSON."""
    return json.dumps(value, ensure_ascii=False)


def invalid_value(field: str, value: object, message: str) -> Cause:
    """Return the cause for a value that is wrong."""
    return Cause(field, "FieldValueInvalid", f"Invalid value: {quoted(value)}: {message}")


def required(field: str, message: str = "") -> Cause:
    """Return the cause for a value that is missing."""
    return Cause(field, "FieldValueRequired", f"Required value: {message}" if message else "Required value")


def not_found_value(field: str, value: str) -> Cause:
    """Return the cause for a reference to something that does not exist."""
    return Cause(field, "FieldValueNotFound", f"Not found: {quoted(value)}")


def forbidden_value(field: str, message: str) -> Cause:
    """Return the cause for a value that this user, or this place, may not have."""
    return Cause(field, "FieldValueForbidden", f"Forbidden: {message}")


def unsupported_value(field: str, value: object, supported: Sequence[str]) -> Cause:
    """Return the cause for a value out of a fixed set."""
    allowed = ", ".join(quoted(item) for item in supported)
    return Cause(field, "FieldValueNotSupported", f"Unsupported value: {quoted(value)}: supported values: {allowed}")


def too_long(field: str, limit: int) -> Cause:
    """Return the cause for a value of too many bytes."""
    return Cause(field, "FieldValueTooLong", f"Too long: may not be more than {limit} bytes")


class StatusError(Exception):
    """Ends a request with a failure; `document` is the body, `code` the HTTP status."""

    def __init__(self, code: int, reason: str, message: str, details: Doc | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.document: Doc = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
        }
        if reason:
            self.document["reason"] = reason
        if details is not None:
            self.document["details"] = details
        self.document["code"] = code


def _details(name: str, group: str, kind: str) -> Doc:
    pairs = {"name": name, "group": group, "kind": kind}
    return {key: value for key, value in pairs.items() if value}


def qualified(resource: str, group: str = GROUP) -> str:
    """Return `resource.group`, or the resource alone for the core group."""
    return f"{resource}.{group}" if group else resource


def not_found(resource: str, name: str, group: str = GROUP) -> StatusError:
    """404: the object is not there."""
    message = f'{qualified(resource, group)} "{name}" not found'
    return StatusError(404, "NotFound", message, _details(name, group, resource))


def no_such_path() -> StatusError:
    """404: the server has no such resource."""
    return StatusError(404, "NotFound", UNKNOWN_RESOURCE, {})


def already_exists(resource: str, name: str, group: str = GROUP) -> StatusError:
    """409: the object is there already."""
    message = f'{qualified(resource, group)} "{name}" already exists'
    return StatusError(409, "AlreadyExists", message, _details(name, group, resource))


def conflict(resource: str, name: str, why: str, group: str = GROUP) -> StatusError:
    """409: somebody else was faster, or a precondition does not hold."""
    message = f'Operation cannot be fulfilled on {qualified(resource, group)} "{name}": {why}'
    return StatusError(409, "Conflict", message, _details(name, group, resource))


def invalid(kind: str, name: str, causes: Sequence[Cause], group: str = GROUP) -> StatusError:
    """422: the object does not validate. The message names equal causes once, `details.causes` all of them."""
    texts = list(dict.fromkeys(f"{cause.field}: {cause.message}" for cause in causes))
    joined = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details = _details(name, group, kind)
    details["causes"] = [{"reason": c.reason, "message": c.message, "field": c.field} for c in causes]
    return StatusError(422, "Invalid", f'{qualified(kind, group)} "{name}" is invalid: {joined}', details)


def invalid_text(kind: str, name: str, causes: Sequence[Cause]) -> str:
    """Return the text alone of an `invalid` without a group, for wrapping into another cause (fact 10)."""
    return str(invalid(kind, name, causes, group=""))


def unprocessable() -> StatusError:
    """422 for a JSON patch that cannot be applied: the server says no more than this (fact 7)."""
    return StatusError(422, "Invalid", "the server rejected our request due to an error in our request", {})


def bad_request(message: str) -> StatusError:
    """400: the request makes no sense."""
    return StatusError(400, "BadRequest", message)


def plain_error(message: str) -> StatusError:
    """500 without a reason: what a Go error that is no API error becomes."""
    return StatusError(500, "", message)


def internal_error(message: str) -> StatusError:
    """500: the server's own `InternalError`."""
    details: Doc = {"causes": [{"message": message}]}
    return StatusError(500, "InternalError", f"Internal error occurred: {message}", details)


def unauthorized(message: str = "Unauthorized") -> StatusError:
    """401: a token that nobody knows; or, with a message, a registry that lets the server not in."""
    return StatusError(401, "Unauthorized", message)


def forbidden(  # noqa: PLR0913, PLR0917 - the parts of one sentence
    user: str, verb: str, resource: str, group: str, namespace: str, name: str = ""
) -> StatusError:
    """403: the user is known, the verb is not theirs. `resource` may be a subresource, such as `pods/status`."""
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    what = f'User "{user}" cannot {verb} resource "{resource}" in API group "{group}" {where}'
    resource = resource.partition("/")[0]
    subject = qualified(resource, group) + (f' "{name}"' if name else "")
    return StatusError(403, "Forbidden", f"{subject} is forbidden: {what}", _details(name, group, resource))


def forbidden_path(user: str, verb: str, path: str) -> StatusError:
    """403 for a path that is no resource, such as discovery."""
    message = f'forbidden: User "{user}" cannot {verb} path "{path}"'
    return StatusError(403, "Forbidden", message, {})


def method_not_allowed() -> StatusError:
    """405: no such verb on this path."""
    return StatusError(405, "MethodNotAllowed", NOT_SUPPORTED, {})


def verb_not_supported(resource: str, verb: str, group: str = GROUP) -> StatusError:
    """405: the resource does not have this verb."""
    message = f'{verb} is not supported on resources of kind "{qualified(resource, group)}"'
    return StatusError(405, "MethodNotAllowed", message, _details("", group, resource))


def not_acceptable(message: str) -> StatusError:
    """406: nothing that Accept asks for can be given."""
    return StatusError(406, "NotAcceptable", message)


def unsupported_body() -> StatusError:
    """415: the body's content type is not one that the server decodes."""
    accepted = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
    message = f"the body of the request was in an unknown format - accepted media types include: {accepted}"
    return StatusError(415, "UnsupportedMediaType", message)


def unsupported_patch() -> StatusError:
    """415: no such kind of patch."""
    return StatusError(415, "UnsupportedMediaType", "415: Unsupported Media Type", {})


def too_large(limit: int) -> StatusError:
    """413: the body is longer than the server reads."""
    message = f"Request entity too large: limit is {limit}"
    return StatusError(413, "RequestEntityTooLarge", message)


def version_too_large(wanted: str, current: int) -> StatusError:
    """504: a resourceVersion that this server has not reached."""
    details = {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    }
    message = f"Timeout: Too large resource version: {wanted}, current: {current}"
    return StatusError(504, "Timeout", message, details)


def expired(message: str, fresh_token: str = "") -> StatusError:
    """410: the state that was asked for is no longer kept; may carry a token for an inconsistent remainder."""
    error = StatusError(410, "Expired", message)
    if fresh_token:
        error.document["metadata"] = {"continue": fresh_token}
    return error


def success(**more: object) -> Doc:
    """Return the Status of something that was done."""
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", **more}
