"""Has the server validate each change, where its dry run is known to be one."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from msgspec import structs

from syncer.cluster import server_version
from syncer.errors import ClusterError, UsageError
from syncer.events import nobody
from syncer.model import Problem, Severity
from syncer.sync.run import Run, Stopwatch
from syncer.sync.story import prepare, read, read_ahead, report_of

if TYPE_CHECKING:
    from typing import BinaryIO

    from syncer.cluster import Client
    from syncer.events import Tell
    from syncer.sync.story import Options


def validate_on_server(options: Options, client: Client, stdin: BinaryIO, *, tell: Tell = nobody) -> Run:
    """Plan, and have the server validate each change by `dryRun=All`; what it refuses becomes a problem.

    Raises UsageError unless the server's version is known to keep a dry run dry (fact 14).
    """
    version = server_version(client)
    if not dry_run_is_safe(version):
        raise UsageError(
            f"--dry-run=server is refused: OpenShift {version or 'of a version that cannot be read'} may really write",
            hint="--dry-run sends no write; a server dry run of these objects is known to be safe from 4.20 on",
        )
    watch = Stopwatch(tell)
    with read_ahead(options, client) as ahead:
        wanted = read(options, stdin, watch, ahead)
        prepared = prepare(options, client, wanted, watch, ahead.finish)
    refused = []
    planned = [change for change in prepared.plan.changes if change.requests]
    with watch.stage("validate", len(planned)) as stage:
        for change in stage.each(planned):
            for request in change.requests[:1]:  # a second patch builds on the first, which a dry run did not store
                try:
                    client.send(request, dry_run_server=True)
                except ClusterError as error:
                    key = change.key
                    refused.append(
                        Problem(
                            Severity.ERROR, "refused", error.message, error.hint, namespace=key.namespace, name=key.name
                        )
                    )
    made = structs.replace(prepared.plan, problems=(*prepared.plan.problems, *refused))
    return Run(report_of(dataclasses.replace(prepared, plan=made), client, watch))


def dry_run_is_safe(version: str) -> bool:
    """Tell whether a server of this release, such as 4.20.1, keeps a dry run of tags dry; never for one not known."""
    match = re.match(r"(\d+)\.(\d+)\.", version)
    return match is not None and (int(match[1]), int(match[2])) >= (4, 20)
