"""Every error that syncer raises, each with its exit code.

Errors of libraries (urllib3, ruamel.yaml, kubernetes) and of git are translated where they occur; inside, only this
tree is raised. A message says what happened and where; a hint says what to do.
"""

from __future__ import annotations

from typing import ClassVar


class SyncerError(Exception):
    """Something a user can be told in one sentence, with what to do about it in another."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(SyncerError):
    """The command line, the environment or `syncer.yaml` asks for something that cannot be."""

    exit_code = 64


class SourceError(SyncerError):
    """The desired state could not be read: no repository, no such ref, no access."""


class ManifestError(SyncerError):
    """Manifests do not parse or do not validate; the report names every place."""


class GateError(SyncerError):
    """A gate stopped the run before its first write."""

    exit_code = 3


class StalePlanError(SyncerError):
    """What a saved plan would touch has moved since it was made; nothing was written."""

    exit_code = 5


class LockHeldError(SyncerError):
    """Another run holds the lock."""

    exit_code = 75


class InterruptedRunError(SyncerError):
    """A signal ended the run before its first write, or a second one did."""

    def __init__(self, exit_code: int) -> None:
        super().__init__("interrupted")
        self.exit_code = exit_code  # type: ignore[misc]  # as a shell counts it, 128 and the signal: 130, 143


class ClusterError(SyncerError):
    """The API server could not be reached or understood, or it refused."""

    def __init__(self, message: str, *, hint: str = "", status: int = 0, reason: str = "") -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.reason = reason


class UnreachableError(ClusterError):
    """No usable answer came: it is not known whether the request took effect."""


class NotSentError(UnreachableError):
    """No connection was made: the request surely had no effect."""


class ServerGoneError(ClusterError):
    """The server stopped answering earlier in the run, and was given up: this was not tried."""

    def __init__(self) -> None:
        super().__init__("the server stopped answering; not tried", hint="run it again once the server is back")


class UnauthorizedError(ClusterError):
    """401: the server does not know this client."""


class ForbiddenError(ClusterError):
    """403: the server knows this client, and says no."""


class NotFoundError(ClusterError):
    """404: the object, its stream or its namespace is not there, if the API server says so."""

    @property
    def proves_absence(self) -> bool:
        """Whether the API server itself says it: the page of a load balancer that has no backend proves nothing."""
        return self.reason == "NotFound"


class AlreadyExistsError(ClusterError):
    """409 AlreadyExists: a tag with that name has a spec already, shown by the server or not (fact 2)."""


class ConflictError(ClusterError):
    """409 Conflict: a precondition (uid, resourceVersion) does not hold."""


class ExpiredError(ClusterError):
    """410: the continue token is too old, or the server no longer accepts it."""


class InvalidError(ClusterError):
    """422: the object is invalid, or a `test` of a JSON patch failed, which the server does not tell apart (fact 7)."""
