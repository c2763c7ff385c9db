"""Which lock a run takes: the one that `--lock` names, or in a pod the one named after the owner."""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

import click

from syncer.cli.log import LOG
from syncer.cli.types import Duration, LeaseName
from syncer.errors import ForbiddenError, NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from syncer.cluster import Client
    from syncer.sync.run import Lock

LOCK = click.option(
    "--lock",
    type=LeaseName(),
    default="",
    metavar="NAMESPACE/NAME",
    help="Lease that only one run at a time holds. Default in a pod: one named after the owner.",
)
LOCK_TIMEOUT = click.option(
    "--lock-timeout",
    type=Duration(),
    default="0s",
    show_default=True,
    help="Wait this long for another run to give the lock back.",
)


_HERE: Final[dict[tuple[str, str], threading.Lock]] = {}
"""The locks between sets that one process runs side by side, by server and lock."""


def check_lock(given: dict[str, Any], *, service_account: Path | None = None) -> tuple[str, str]:
    """Give namespace and name of the lock of a run; no namespace for none, no name for the owner's. Raises UsageError.

    `service_account` is the folder that a pod is given.
    """
    from syncer.cluster import pod_namespace  # noqa: PLC0415 - `--help` pays for no import
    from syncer.cluster.connection import SERVICE_ACCOUNT  # noqa: PLC0415 - likewise

    asked = given["lock"] or pod_namespace(service_account or SERVICE_ACCOUNT)
    if not asked and given["lock_timeout"]:
        raise UsageError("--lock-timeout: there is no lock to wait for", hint="give --lock NAMESPACE/NAME, too")
    namespace, _, name = asked.partition("/")
    return namespace, name


def lock_of(given: dict[str, Any], client: Client, *, service_account: Path | None = None, shared: str = "") -> Lock:
    """Give the lock of a run, to be taken once its owner is known. Raises UsageError.

    A lock that nobody asked for is only warned about where it may not be taken. `shared` is the name under which
    several runs hold it together: the parts of one plan. Sets of one run that have one lock, or one owner in one
    cluster, take it one after another.
    """
    from syncer.cluster import held, lease_name  # noqa: PLC0415 - `--help` pays for no import it does not need
    from syncer.sync import no_lock  # noqa: PLC0415 - likewise

    asked, wait = given["lock"], given["lock_timeout"]
    namespace, name = check_lock(given, service_account=service_account)

    @contextmanager
    def lease(owner: str) -> Iterator[Callable[[], None]]:
        held_lease = held(
            client.connection, namespace, name or lease_name(owner), wait=wait, tell=client.tell, shared=shared
        )
        with ExitStack() as stack:
            try:
                check = stack.enter_context(held_lease)
            except (ForbiddenError, NotFoundError) as error:
                if isinstance(error, NotFoundError) and not error.proves_absence:
                    raise  # a load balancer's page: another run may hold the lock for all that is known
                if asked:
                    error.hint = f"a lock takes get, create and patch of leases.coordination.k8s.io in {namespace}"
                    raise
                of_set = {"set": given["set"]} if "set" in given else {}
                LOG.say("warning", f"going on without a lock between runs: {error.message}", **of_set)
                check = stack.enter_context(no_lock(owner))
            yield check

    @contextmanager
    def lock(owner: str) -> Iterator[Callable[[], None]]:
        here = _HERE.setdefault((client.connection.server, asked or owner), threading.Lock())
        with here, (lease if namespace else no_lock)(owner) as check:
            yield check

    return lock
