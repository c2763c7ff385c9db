"""Applies one change at a time, and says what became of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, assert_never

from msgspec.structs import replace

from syncer import imagestreamtag
from syncer.apply.images import FOLLOWER_PATIENCE, is_open, wait_for_digest, wait_for_image
from syncer.diff import apply_patch
from syncer.errors import (
    AlreadyExistsError,
    ClusterError,
    ConflictError,
    InvalidError,
    NotFoundError,
    NotSentError,
    UnreachableError,
)
from syncer.model import Create, Import, ImportState, Outcome, Prune, Skip, Unchanged, Update
from syncer.plan import requests
from syncer.plan.vetoes import late_vetoes

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncer.apply.writer import Writer
    from syncer.model import Change, Desired, Live, ObjectKey, Request, Wrote

ATTEMPTS: Final = 4
PAUSE: Final = 0.2
INTERRUPTED: Final = "interrupted before it was written"


@dataclass(frozen=True, slots=True)
class Applier:
    """Applies changes through a writer. `replan` decides anew on a tag that was read again.

    `stopped` is asked before each change; once it holds, no new write begins. `patience` is how long, in seconds, a
    follower waits for an image. `note` hears what became of each planned write, at once and in the thread that sent it.
    """

    writer: Writer
    replan: Callable[[Desired, Live | None], Change]
    patience: float = FOLLOWER_PATIENCE
    stopped: Callable[[], bool] = bool
    note: Callable[[Outcome], None] = lambda _: None

    def apply(self, change: Change) -> Outcome:
        """Carry out one change; a failure is an outcome."""
        outcome = self._applied(change)
        if change.requests:
            self.note(outcome)
        return outcome

    def leave(self, change: Change, why: str) -> Outcome:
        """Leave a planned write undone."""
        outcome = Outcome(change.key, "skipped", why)
        self.note(outcome)
        return outcome

    def _applied(self, change: Change) -> Outcome:
        match change:
            case Unchanged():
                return Outcome(change.key, "unchanged")
            case Skip():
                return Outcome(change.key, "skipped")
            case _ if self.stopped():
                return Outcome(change.key, "skipped", INTERRUPTED)
            case Create() | Update():
                return self._guarded(change, lambda sender: self._write(change, change.desired, sender))
            case Prune():
                return self._guarded(change, lambda sender: self._prune(change, sender))
            case _:
                assert_never(change)

    def _guarded(self, change: Change, write: Callable[[_Sender], Outcome]) -> Outcome:
        sender = _Sender(self.writer)
        try:
            outcome = write(sender)
        except ClusterError as error:
            outcome = Outcome(change.key, "failed", error.message)
        return replace(outcome, wrote=sender.wrote)

    def _write(self, change: Create | Update, desired: Desired | None, sender: _Sender) -> Outcome:
        """Wait for what a follower needs, write, and say what came of it.

        A tag that is found as desired although no write of ours can have done it is somebody else's work: unchanged.
        Where an answer was lost it may be ours or that of another run of this owner, whose request is the same to the
        byte; it counts as done, and the undo file says that it is not proven.
        """
        lack = self._lacking(desired, takes=_takes_an_image(change)) if desired else ""
        if self.stopped():
            return Outcome(change.key, "skipped", INTERRUPTED)
        if lack:
            return Outcome(change.key, "failed", lack)
        if isinstance(change, Update) and self._keeps_up(change):
            return Outcome(change.key, "unchanged")
        self._deliver(change, sender)
        if sender.wrote == "no":
            return Outcome(change.key, "unchanged")
        return Outcome(change.key, "created" if isinstance(change, Create) else "configured", image=_asked_for(change))

    def _deliver(self, change: Create | Update, sender: _Sender) -> None:
        """Send a change until it is known to have landed, or to be no longer the approved one (rules 8 and 9)."""
        unsent, attempt = list(change.requests), 0
        while unsent:
            try:
                sender.send(unsent[0])
                del unsent[0]
            except UnreachableError as error:
                attempt += 1
                if attempt == ATTEMPTS:
                    raise
                time.sleep(PAUSE * 2**attempt)
                if self._landed(unsent[0], change, error):
                    del unsent[0]
            except (InvalidError, ConflictError, AlreadyExistsError) as error:
                attempt += 1
                again = self._plan_again(change, error)
                if again is None:
                    break
                if attempt == ATTEMPTS:
                    raise
                unsent = list(again.requests)

    def _plan_again(self, change: Create | Update, error: ClusterError) -> Create | Update | None:
        """Read a tag and plan it again after the server refused; None: it is as desired.

        Raises ClusterError where the change is no longer the approved one, or where nothing moved and the server
        refuses the change itself.
        """
        if change.desired and len(change.requests) == 1:
            match self.replan(change.desired, self._read(change.key)):
                case Unchanged():
                    return None
                case Create() | Update() as again if _effect(again) == _effect(change):
                    if again.requests == change.requests and not isinstance(error, ConflictError):
                        raise error
                    return again
                case _:
                    pass
        raise ClusterError(f"changed since it was planned, left alone ({error.message})")

    def _landed(self, request: Request, change: Create | Update, lost: UnreachableError) -> bool:
        """Find out whether a request took effect although no answer came; raise that error where it cannot be told."""
        try:
            live = self._read(change.key)
        except ClusterError:
            raise lost from None
        if live is None:
            return False
        if request.method == "POST":
            return change.desired is not None and isinstance(self.replan(change.desired, live), Unchanged)
        document = imagestreamtag.document_of(live)
        left = [op for op in request.body if op["op"] != "test" and op["path"] != requests.GENERATION]
        try:
            done = bool(apply_patch(document, left) == document)
        except ValueError:
            return False
        if not requests.sets([request], requests.GENERATION):
            return done
        # What is written there is never read back: the server counts on from what it had.
        return done and document["tag"].get("generation") != (
            change.live and (change.live.spec or {}).get("generation")
        )

    def _prune(self, change: Prune, sender: _Sender) -> Outcome:
        """Delete a tag if a fresh read of its stream still shows what was planned (rule 4); unchanged: it is gone."""
        (request,), lost = change.requests, None
        for attempt in range(ATTEMPTS):
            try:
                tags = self.writer.read_stream(change.key.namespace, change.key.stream) or {}
            except ClusterError as error:
                raise lost or error from None
            fresh = tags.get(change.key)
            if fresh is None:
                break
            if vetoes := late_vetoes(change.live, fresh, tags):
                return Outcome(change.key, "skipped", "; ".join(veto.message for veto in vetoes))
            try:
                sender.send(request)
            except NotFoundError as error:
                if not error.proves_absence:
                    raise
                break
            except (ConflictError, UnreachableError) as error:
                # A conflict: the stream is another one, which the next read shows, or somebody else was writing to it.
                lost = lost if isinstance(error, ConflictError) else error
                if attempt == ATTEMPTS - 1:
                    raise
                time.sleep(PAUSE * 2**attempt)
            else:
                break
        return Outcome(change.key, "unchanged" if sender.wrote == "no" else "pruned")

    def _lacking(self, desired: Desired, *, takes: bool) -> str:
        """Wait for the image that a follower takes when it is written; say what is lacking (fact 10).

        A tag that takes an image by digest is written once it is there, or that stream's imports are over.
        `takes` is whether the write has it take one; an annotation of a follower in another stream does not. Within a
        stream a follower moves along by itself, but one that is written while its tag is imported again would end that
        import: only then is it waited for, and nothing is lacking.
        """
        pin = imagestreamtag.pinned_to(desired.key, desired.fields)
        if pin and takes:
            wait_for_digest(self.writer, *pin, self.patience, self.stopped)
        target = imagestreamtag.followed_by(desired.key, desired.fields)
        if not target or desired.fields.get("/tag/reference"):
            return ""
        if (target.namespace, target.stream) == (desired.key.namespace, desired.key.stream):
            followed = self._read(target)
            if followed and followed.image.digest and is_open(followed.image):
                wait_for_image(self.writer, target, self.patience, self.stopped)
            return ""
        if not takes:
            return ""
        image = wait_for_image(self.writer, target, self.patience, self.stopped)
        return _shortcoming(target, image, self.patience)

    def _keeps_up(self, change: Update) -> bool:
        """Whether a follower that was only to take an image has it: its tag was to move, and did not."""
        if change.fields or not (
            change.live and change.desired and requests.only_refollows(change.requests, change.live)
        ):
            return False
        target = imagestreamtag.followed_by(change.key, change.desired.fields)
        followed = self._read(target) if target else None
        return followed is not None and followed.image.digest == change.live.image.digest

    def _read(self, key: ObjectKey) -> Live | None:
        return (self.writer.read_stream(key.namespace, key.stream) or {}).get(key)


@dataclass(slots=True)
class _Sender:
    """Sends the requests of one change, and remembers whether any took effect."""

    writer: Writer
    wrote: Wrote = "no"

    def send(self, request: Request) -> None:
        try:
            self.writer.send(request)
        except NotSentError:
            raise
        except UnreachableError:
            if self.wrote == "no":
                self.wrote = "unknown"
            raise
        self.wrote = "yes"


def _shortcoming(target: ObjectKey, image: Import | None, patience: float) -> str:
    """Say why a follower would stay empty; empty where its tag has the image."""
    if image is None:
        return f"it follows {target}, which does not exist"
    match image.state:
        case ImportState.IMPORTED:
            return ""
        case ImportState.FAILED:
            return f"it follows {target}, whose import failed: {image.message}"
        case ImportState.PENDING:
            return f"it follows {target}, still not imported after {patience:g} s (--wait waits longer)"
        case ImportState.NONE:
            return f"it follows {target}, which has no image"


def _takes_an_image(change: Create | Update) -> bool:
    """Whether a change gives a tag a new generation, so that a follower takes the image that is there (fact 11)."""
    return isinstance(change, Create) or any(requests.sets(change.requests, path) for path in requests.REIMPORTING)


def _asked_for(change: Create | Update) -> Import | None:
    """Say where an import stands that failed and that the change asked for anew; None where the plan still tells it.

    Another source is another import, so its failure is over; the same one again may fail again just as before.
    """
    image = change.image
    if image.state is not ImportState.FAILED:
        return None
    if any(requests.sets(change.requests, path) for path in requests.REIMPORTING):
        return Import(ImportState.PENDING, image.digest)
    return imagestreamtag.asked_again(image) if requests.sets(change.requests, requests.GENERATION) else None


def _effect(change: Create | Update) -> tuple[object, ...]:
    """Give what was approved: the kind of change, and each field's way from what to what."""
    return (change.action, *((field.path, field.live, field.desired) for field in change.fields))
