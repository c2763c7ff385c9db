"""`syncer doctor`: what stands in the way of a sync, and what to do about it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from syncer.cli.log import LOG
from syncer.cli.options import CLUSTER, SOURCE_OPTIONS, client_of, namespaces, source_of
from syncer.cli.types import Location


@click.command("doctor")
@click.argument("source", required=False, type=Location())
@SOURCE_OPTIONS
@click.option("-A", "--all-namespaces", is_flag=True, help="Ask about a sync with -A.")
@namespaces("Ask about a sync with -n NAMESPACE; repeatable.")
@click.option("--no-prune", is_flag=True, help="Ask about a sync with --no-prune.")
@click.option("--impact", is_flag=True, help="Ask about a sync with --impact.")
@click.option("--events", is_flag=True, help="Ask about a sync with --events.")
@click.option("--resolve", is_flag=True, help="Ask about a plan with --resolve.")
@click.option("--lock", default="", metavar="NAMESPACE/NAME", help="Ask about a sync with this lock.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "role"]),
    default="text",
    show_default=True,
    help="How to print it; `role` prints only the Roles that the source needs, as YAML.",
)
@CLUSTER
def command(**given: Any) -> int:
    """Check source, server and permissions, and print the least Role that a sync of SOURCE needs.

    Each check is ok, warn or fail, with what to do about it. Exits with 1 if one failed. Writes nothing.

    \b
    Examples:
      syncer doctor                              the cluster alone
      syncer doctor . -n team-a                  what stands in the way of this sync
      syncer doctor . -o role | oc apply -f -    what an administrator does about it
    """
    from syncer import doctor  # noqa: PLC0415 - `--help` pays for no import it does not need
    from syncer.cluster import pod_namespace  # noqa: PLC0415 - likewise
    from syncer.cluster.connection import SERVICE_ACCOUNT  # noqa: PLC0415 - likewise

    options = doctor.DoctorOptions(
        source=source_of(given) if given["source"] else None,
        namespaces=given["namespaces"],
        all_namespaces=given["all_namespaces"],
        prune=not given["no_prune"],
        impact=given["impact"],
        events=given["events"],
        resolve=given["resolve"],
        lock_namespace=given["lock"].partition("/")[0] or pod_namespace(Path(SERVICE_ACCOUNT)),
        concurrency=given["concurrency"],
    )
    diagnosis = doctor.examine(options, lambda: client_of(given), sys.stdin.buffer)
    match given["output"]:
        case "json":
            shown = diagnosis.document()
        case "role":
            shown = diagnosis.role
            for check in diagnosis.blind:
                LOG.say("error", f"{check.name}: {check.message}", **({"hint": check.hint} if check.hint else {}))
        case _:
            shown = diagnosis.text()
    click.echo(shown, nl=False)
    return 0 if diagnosis.healthy else 1
