"""`syncer export`: writes live tags as manifests."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import click

from syncer.cli.interrupts import Interrupts
from syncer.cli.lock import LOCK, LOCK_TIMEOUT, lock_of
from syncer.cli.options import CLUSTER, UNDO_FILE, client_of, namespaces, told_as, undo_file
from syncer.cli.types import Owner


@click.command("export")
@click.argument("directory", metavar="DIR", type=click.Path())
@click.option("-A", "--all-namespaces", is_flag=True, help="Export every namespace.")
@namespaces("A namespace to export; repeatable. Default: those that the manifests in DIR name.")
@click.option("--exclude", "excludes", multiple=True, metavar="GLOB", help="Leave these files out; repeatable.")
@click.option("--adopt", is_flag=True, help="Mark the tags as owned, as a sync of DIR would. Writes to the cluster.")
@click.option(
    "--owner",
    type=Owner(),
    default="",
    help="With --adopt: id of the sync set. Default: the URL of origin, and DIR in it.",
)
@UNDO_FILE
@LOCK
@LOCK_TIMEOUT
@told_as("text", "json")
@CLUSTER
def command(**given: Any) -> int:
    """Write the live tags as manifests into DIR: one file a tag, NAMESPACE/STREAM/TAG.yaml.

    A tag that a manifest in DIR describes is corrected where it stands; comments, order and layout stay. A plan of the
    result shows nothing but adoption. Nothing is written to the cluster without --adopt.

    \b
    Examples:
      syncer export tags -n team-a -n team-b
      syncer export . && git diff         what the cluster has and git does not
      syncer export tags -A --adopt --owner tags
    """
    from syncer import sync  # noqa: PLC0415 - `--help` pays for no import it does not need
    from syncer.cli.output import parse_outputs, write_file  # noqa: PLC0415 - likewise
    from syncer.report.exported import render  # noqa: PLC0415 - likewise
    from syncer.source import SourceSpec  # noqa: PLC0415 - likewise

    outputs = parse_outputs(given["outputs"], quiet=given["quiet"])
    options = sync.Options(
        source=SourceSpec(given["directory"], excludes=given["excludes"]),
        namespaces=given["namespaces"],
        all_namespaces=given["all_namespaces"],
        owner=given["owner"],
        page_size=given["page_size"],
        concurrency=given["concurrency"],
        undo_file=undo_file(given),
    )
    client = client_of(given)
    with Interrupts() as interrupts:
        exported = sync.export(
            options,
            Path(given["directory"]),
            client,
            sys.stdin.buffer,
            adopt=given["adopt"],
            lock=lock_of(given, client),
            stopped=interrupts.stopped,
        )
        color = not given["no_color"] and not os.environ.get("NO_COLOR") and sys.stdout.isatty()
        width = shutil.get_terminal_size((100, 24)).columns
        for output in outputs:
            if output.path:
                write_file(Path(output.path), [render(output.format, exported)])
            else:
                click.echo(render(output.format, exported, width=width, color=color), nl=False)
        return interrupts.exit_code or exported.exit_code
