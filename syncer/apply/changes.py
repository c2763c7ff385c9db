"""Applies one change at a time, and says what became of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, assert_never

from syncer import imagestreamtag
from syncer.apply.images import FOLLOWER_PATIENCE, wait_for_image
from syncer.errors import (
    AlreadyExistsError,
    ClusterError,
    ConflictError,
    InvalidError,
    NotFoundError,
    UnreachableError,
)
from syncer.model import Create, ImportState, Outcome, Prune, Skip, Unchanged, Update

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from syncer.apply.writer import Writer
    from syncer.model import Change, Desired, Json, Live, ObjectKey

ATTEMPTS: Final = 4
PAUSE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Applier:
    """Applies changes through a writer. `replan` decides anew on a tag that was read again.

    `stopped` is asked before each change; once it holds, no new write begins. `patience` is how long, in seconds, a
    follower waits for an image.
    """

    writer: Writer
    replan: Callable[[Desired, Live | None], Change]
    patience: float = FOLLOWER_PATIENCE
    stopped: Callable[[], bool] = bool

    def apply(self, change: Change) -> Outcome:
        """Carry out one change; a failure is an outcome."""
        match change:
            case Unchanged():
                return Outcome(change.key, "unchanged")
            case Skip():
                return Outcome(change.key, "skipped")
            case _ if self.stopped():
                return Outcome(change.key, "skipped", "interrupted before it was written")
            case Create():
                return self._guarded(change, lambda: self._write(change, change.desired))
            case Update():
                return self._guarded(change, lambda: self._write(change, change.desired))
            case Prune():
                return self._guarded(change, lambda: self._prune(change))
            case _:
                assert_never(change)

    def _guarded(self, change: Change, write: Callable[[], Outcome]) -> Outcome:
        try:
            return write()
        except ClusterError as error:
            return Outcome(change.key, "failed", error.message)

    def _write(self, change: Create | Update, desired: Desired | None) -> Outcome:
        """Send a change until it is known to have landed, or to be no longer the approved one (rules 8 and 9)."""
        if desired and (lack := self._lacking(desired)):
            return Outcome(change.key, "failed", lack)
        for attempt in range(ATTEMPTS):
            try:
                for request in change.requests:
                    self.writer.send(request)
            except (UnreachableError, InvalidError, ConflictError, AlreadyExistsError) as error:
                again = self.replan(desired, self._read(change.key)) if desired else None
                match again:
                    case Unchanged():
                        return _done(change)
                    case Create() | Update() if _effect(again) == _effect(change):
                        refused = (
                            isinstance(error, InvalidError | AlreadyExistsError) and again.requests == change.requests
                        )
                        if refused or attempt == ATTEMPTS - 1:
                            raise
                        change = again
                        time.sleep(PAUSE * 2**attempt)
                    case _:
                        return Outcome(
                            change.key, "failed", f"changed since it was planned, left alone ({error.message})"
                        )
            else:
                break
        return _done(change)

    def _prune(self, change: Prune) -> Outcome:
        """Delete a tag if a fresh read of its stream still shows what was planned (rule 4)."""
        (request,) = change.requests
        for attempt in range(ATTEMPTS):
            tags = self.writer.read_stream(change.key.namespace, change.key.stream) or {}
            fresh = tags.get(change.key)
            if fresh is None:
                break
            if veto := _late_veto(change, fresh, tags):
                return Outcome(change.key, "skipped", veto)
            try:
                self.writer.send(request)
            except NotFoundError:
                break
            except ConflictError:
                return Outcome(change.key, "skipped", "its ImageStream was deleted and made anew since it was planned")
            except UnreachableError:
                if attempt == ATTEMPTS - 1:
                    raise
                time.sleep(PAUSE * 2**attempt)
            else:
                break
        return Outcome(change.key, "pruned")

    def _lacking(self, desired: Desired) -> str:
        """Wait for the image that a follower in another stream takes when written; say what is lacking (fact 10)."""
        target = imagestreamtag.followed_by(desired.key, desired.fields)
        own_stream = (desired.key.namespace, desired.key.stream)
        if not target or (target.namespace, target.stream) == own_stream or desired.fields.get("/tag/reference"):
            return ""
        image = wait_for_image(self.writer, target, self.patience)
        if image is None:
            return f"it follows {target}, which does not exist"
        match image.state:
            case ImportState.IMPORTED:
                return ""
            case ImportState.FAILED:
                return f"it follows {target}, whose import failed: {image.message}"
            case ImportState.PENDING:
                return f"it follows {target}, still not imported after {self.patience:g} s (--wait waits longer)"
            case ImportState.NONE:
                return f"it follows {target}, which has no image"

    def _read(self, key: ObjectKey) -> Live | None:
        return (self.writer.read_stream(key.namespace, key.stream) or {}).get(key)


def _done(change: Create | Update) -> Outcome:
    return Outcome(change.key, "created" if isinstance(change, Create) else "configured")


def _effect(change: Create | Update) -> tuple[object, ...]:
    """Give what was approved: the kind of change, and each field's way from what to what."""
    return (change.action, *((field.path, field.live, field.desired) for field in change.fields))


def _late_veto(change: Prune, fresh: Live, tags: Mapping[ObjectKey, Live]) -> str:
    """Say what forbids a prune that was still right when it was planned."""
    if change.live is None or _identity(fresh) != _identity(change.live):
        return "changed since it was planned"
    if mark := imagestreamtag.protection_of(fresh):
        return f"it is protected by {mark}"
    for key, live in tags.items():
        if key != change.key and imagestreamtag.followed_by(key, imagestreamtag.live_fields(live)) == change.key:
            return f"{key} follows it"
    return ""


def _identity(live: Live) -> tuple[Json, ...]:
    """Give what must not have moved: the stream, what the tag asks for, its annotations and image; no siblings."""
    spec = {name: value for name, value in (live.spec or {}).items() if name != "generation"}
    return (live.uid, spec, dict(live.annotations), live.image.digest)
