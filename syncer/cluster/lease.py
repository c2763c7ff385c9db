"""The lock between runs: a Lease that one run holds, renews, and gives back.

https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/lease-v1/

The rules are those of client-go's leader election. Every write names the resourceVersion that it was decided on, so
two runs cannot both take a Lease. Whether one has expired is judged by how long we have watched it stay the same: the
clocks of two machines are never compared for that. A holder stops writing at two thirds of the duration after its last
renewal, before anybody may take over; what is left is a single write that takes longer than the last third.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import re
import secrets
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from syncer.cluster.answers import printable
from syncer.cluster.client import Client, Patience
from syncer.cluster.connection import SERVICE_ACCOUNT
from syncer.errors import (
    AlreadyExistsError,
    ClusterError,
    ConflictError,
    LockHeldError,
    NotFoundError,
    NotSentError,
    UnreachableError,
)
from syncer.model import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from syncer.cluster.connection import Connection
    from syncer.model import Json

DURATION: Final = 15
"""Seconds after which a Lease that is not renewed may be taken over; it is renewed every third of that."""

_ATTEMPTS: Final = 10
_LONGEST_NAME: Final = 63


@contextmanager
def held(  # noqa: PLR0913 - the last three have names
    connection: Connection,
    namespace: str,
    name: str,
    *,
    wait: float = 0.0,
    duration: int = DURATION,
    tell: Callable[[str], None] = lambda _: None,
    shared: str = "",
) -> Iterator[Callable[[], None]]:
    """Hold a Lease for as long as the context lasts; gives the check that belongs before each write.

    The check raises ClusterError once the Lease is lost. `wait` is how long, in seconds, a run that holds it is waited
    for, then LockHeldError. One whose holder looks gone is watched for its whole duration, whatever `wait` says, and
    taken over if nobody renewed it meanwhile. `tell` is given a sentence where a person would wonder.

    Runs that give the same `shared` hold it together. None gives it back, for others may be at work: it expires.
    """
    lease = Lease(connection, namespace, name, duration=duration, tell=tell, shared=shared)
    try:
        lease.acquire(wait)
        yield lease.check
    finally:
        lease.release()


def lease_name(owner: str) -> str:
    """Name the Lease of an owner: a DNS-1123 label, readable, and by its hash different for each owner."""
    readable = re.sub(r"[^a-z0-9]+", "-", owner.lower())
    mark = hashlib.sha256(owner.encode()).hexdigest()[:8]
    room = _LONGEST_NAME - len(f"syncer--{mark}")
    return "-".join(filter(None, ("syncer", readable[-room:].strip("-"), mark)))  # the end of a URL tells the most


def pod_namespace(service_account: Path = SERVICE_ACCOUNT) -> str:
    """Name the namespace that this pod runs in; empty where this is no pod."""
    try:
        return (service_account / "namespace").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


@dataclass(frozen=True, slots=True)
class _Found:
    """A Lease as it was read; `holder` is empty where it is free, `duration` in seconds."""

    version: str
    holder: str
    duration: float
    renewed: datetime | None
    transitions: int

    def age(self) -> float | None:
        """Give the seconds since the last renewal, by two clocks that may disagree; None where it says nothing."""
        return (datetime.now(UTC) - self.renewed).total_seconds() if self.renewed else None

    def looks_alive(self) -> bool:
        """Whether the holder seems to be running: good enough to give up at once, never to take over."""
        age = self.age()
        return age is not None and abs(age) <= self.duration

    def told(self) -> str:
        """Say who holds it, and since when it was not renewed."""
        age = self.age()
        renewed = "it does not say when it was renewed" if age is None else f"renewed {max(age, 0):.0f} s ago"
        return f"is held by {printable(self.holder, 100)} ({renewed})"


@dataclass(frozen=True, slots=True)
class _Watched:
    """The version of a Lease that we saw last, since when (monotonic), and whether it had been another before."""

    version: str
    since: float
    moved: bool


class Lease:
    """One run's hold on a Lease. A thread of its own renews it, over connections of its own."""

    def __init__(  # noqa: PLR0913 - as `held`
        self,
        connection: Connection,
        namespace: str,
        name: str,
        *,
        duration: int = DURATION,
        tell: Callable[[str], None] = lambda _: None,
        shared: str = "",
    ) -> None:
        self.holder = shared or f"{socket.gethostname()}_{os.getpid()}_{secrets.token_hex(4)}"
        self._shared = bool(shared)
        self._place = f"{namespace}/{name}"
        self._folder = f"/apis/coordination.k8s.io/v1/namespaces/{quote(namespace, safe='')}/leases"
        self._path = f"{self._folder}/{quote(name, safe='')}"
        self._duration = duration
        self._tell = tell
        # Renewals neither queue behind the run's own requests nor hang for as long as those may.
        timeout = min(connection.timeout or duration, duration / 3)
        self._client = Client(
            dataclasses.replace(connection, timeout=timeout), pool_size=2, patience=Patience(attempts=3)
        )
        self._attempts = 0
        self._version = ""
        self._renewed = 0.0
        self._lost = ""
        self._trouble = ""
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def acquire(self, wait: float) -> None:
        """Take the Lease, and renew it from now on. Raises LockHeldError after `wait` seconds, ClusterError."""
        began, watched, told = time.monotonic(), None, False
        while True:
            asked = time.monotonic()
            found = self._read()
            if found is None or found.holder in ("", self.holder) or _expired(found, watched, asked):
                if self._take(found):
                    break
                continue
            if watched is None or watched.version != found.version:
                watched = _Watched(found.version, time.monotonic(), watched is not None)
            if asked - began >= wait and (watched.moved or found.looks_alive()):
                raise LockHeldError(
                    f"the lock {self._place} {found.told()}; nothing was written",
                    hint="wait for it with --lock-timeout 5m; a run that is gone "
                    f"loses it {found.duration:g} s after its last renewal",
                )
            if not told:
                self._tell(f"the lock {self._place} {found.told()}; waiting")
                told = True
            time.sleep(min(1.0, found.duration / 5))
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise ClusterError where the Lease is lost, and NotSentError where it is not surely ours now.

        One that could not be renewed in time is ours again once it is renewed: whoever takes it over writes his name
        into it, and then no renewal of ours is accepted any more.
        """
        unrenewed = time.monotonic() - self._renewed
        if self._lost:
            raise ClusterError(f"not written, for the lock {self._place} was lost: {self._lost}", hint="run it again")
        if unrenewed > self._duration * 2 / 3:
            why = f"could not be renewed for {unrenewed:.0f} s" + (self._trouble and f": {self._trouble}")
            raise NotSentError(f"not written, for the lock {self._place} {why}", hint="run it again")

    def release(self) -> None:
        """Give the Lease back, if it is ours; where that fails it expires by itself."""
        self._over.set()
        if self._thread:
            self._thread.join(self._duration)
        if not self._attempts or self._shared:
            return
        trouble = ""
        for _ in range(3):
            try:
                found = self._read()
                if found is not None and found.holder == self.holder:
                    # As client-go leaves it: a duration of 0 would be invalid.
                    self._patch(found.version, {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _now()})
            except ClusterError as error:  # how the run ended must not be lost over this
                trouble = error.message
            else:
                return
        self._tell(f"the lock {self._place} was not released, and expires in {self._duration} s: {trouble}")

    def _take(self, found: _Found | None) -> bool:
        """Try to write ourselves into the Lease; False where it must be read again. Raises ClusterError."""
        ours = found if found is not None and found.holder == self.holder else None
        if ours and not self._shared:  # an earlier try landed although no answer came
            self._version = ours.version
            return True
        self._attempts += 1
        self._renewed = time.monotonic()
        try:
            if found is None:
                self._version = self._create()
            elif ours:
                self._version = self._patch(ours.version, {"renewTime": _now()})
            else:
                self._version = self._patch(found.version, self._spec(found.transitions + 1))
        except NotFoundError:
            if found is None or self._attempts >= _ATTEMPTS:  # no such namespace, or no such resource
                raise
            return False
        except (AlreadyExistsError, ConflictError, UnreachableError) as error:
            # Many may join at once: a conflict among them only says that another one renewed it just now.
            if self._attempts >= _ATTEMPTS and not (ours and isinstance(error, ConflictError)):
                raise
            return False
        return True

    def _keep(self) -> None:
        """Renew until it is over or the Lease is lost; after a failure sooner, for time is running out."""
        pause = self._duration / 3
        while not self._over.wait(pause) and not self._lost:
            try:
                renewed = self.renew()
            except ClusterError as error:
                renewed, self._trouble = False, error.message
            pause = self._duration / (3 if renewed else 15)

    def renew(self) -> bool:
        """Renew once; False where it must be tried again, or the Lease is lost. Raises ClusterError.

        Of those that share it others renewed it since we did; one that does so between our reading and our writing
        did it for all.
        """
        asked = time.monotonic()
        try:
            if self._shared and (found := self._read()) and found.holder == self.holder:
                self._version = found.version
            self._version = self._patch(self._version, {"renewTime": _now()})
        except (ConflictError, NotFoundError, UnreachableError) as error:
            self._trouble = error.message
            found = self._read()
            if found is None:
                self._lost = "the Lease was deleted"
            elif found.holder != self.holder:
                self._lost = f"it {found.told()}" if found.holder else "somebody released it"
            elif self._shared and isinstance(error, ConflictError):
                self._renewed, self._trouble = asked, ""
                return True
            else:
                self._version = found.version
            return False
        self._renewed, self._trouble = asked, ""
        return True

    def _read(self) -> _Found | None:
        try:
            return _found(self._client.get(self._path), self._duration)
        except NotFoundError:
            return None

    def _create(self) -> str:
        namespace, _, name = self._place.partition("/")
        body: Json = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"namespace": namespace, "name": name},
            "spec": self._spec(0),
        }
        return _version(self._client.send(Request("POST", self._folder, "application/json", body)))

    def _patch(self, version: str, spec: dict[str, Json]) -> str:
        """Change the Lease if it is still at this version; give the new one. Raises ConflictError where it is not."""
        body = {"metadata": {"resourceVersion": version}, "spec": spec}
        return _version(self._client.send(Request("PATCH", self._path, "application/merge-patch+json", body)))

    def _spec(self, transitions: int) -> dict[str, Json]:
        now = _now()
        return {
            "holderIdentity": self.holder,
            "leaseDurationSeconds": self._duration,
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": transitions,
        }


def _expired(found: _Found, watched: _Watched | None, now: float) -> bool:
    """Whether we watched it for its whole duration without a renewal."""
    return watched is not None and watched.version == found.version and now - watched.since >= found.duration


def _now() -> str:
    """Give the time as a MicroTime: RFC 3339 with six digits, which the server insists on."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _version(body: dict[str, Json]) -> str:
    metadata = body.get("metadata")
    return str(metadata.get("resourceVersion") or "") if isinstance(metadata, dict) else ""


def _found(body: dict[str, Json], duration: float) -> _Found:
    """Take a Lease apart; others write it, too, so nothing in it is taken for granted."""
    spec = body.get("spec")
    spec = spec if isinstance(spec, dict) else {}
    seconds, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    try:
        renewed = datetime.fromisoformat(str(spec.get("renewTime")))
    except ValueError:
        renewed = None
    return _Found(
        version=_version(body),
        holder=str(spec.get("holderIdentity") or ""),
        duration=seconds if isinstance(seconds, int) and seconds > 0 else duration,
        renewed=renewed if renewed and renewed.tzinfo else None,
        transitions=transitions if isinstance(transitions, int) else 0,
    )
