"""Which lock a run takes: the one that `--lock` names, or in a pod the one named after the owner."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

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


def lock_of(given: dict[str, Any], client: Client, *, service_account: Path | None = None, shared: str = "") -> Lock:
    """Give the lock of a run, to be taken once its owner is known. Raises UsageError.

    `service_account` is the folder that a pod is given. A lock that nobody asked for is only warned about where it may
    not be taken. `shared` is the name under which several runs hold it together: the parts of one plan.
    """
    from syncer.cluster import held, lease_name, pod_namespace  # noqa: PLC0415 - `--help` pays for no import
    from syncer.cluster.connection import SERVICE_ACCOUNT  # noqa: PLC0415 - likewise
    from syncer.sync import no_lock  # noqa: PLC0415 - likewise

    asked, wait = given["lock"], given["lock_timeout"]
    namespace, _, name = (asked or pod_namespace(service_account or SERVICE_ACCOUNT)).partition("/")
    if not namespace:
        if wait:
            raise UsageError("--lock-timeout: there is no lock to wait for", hint="give --lock NAMESPACE/NAME, too")
        return no_lock

    @contextmanager
    def lock(owner: str) -> Iterator[Callable[[], None]]:
        lease = held(
            client.connection, namespace, name or lease_name(owner), wait=wait, tell=client.tell, shared=shared
        )
        with ExitStack() as stack:
            try:
                check = stack.enter_context(lease)
            except (ForbiddenError, NotFoundError) as error:
                if isinstance(error, NotFoundError) and not error.proves_absence:
                    raise  # a load balancer's page: another run may hold the lock for all that is known
                if asked:
                    error.hint = f"a lock takes get, create and patch of leases.coordination.k8s.io in {namespace}"
                    raise
                LOG.say("warning", f"going on without a lock between runs: {error.message}")
                check = stack.enter_context(no_lock(owner))
            yield check

    return lock
