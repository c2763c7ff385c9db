"""`syncer restore`: puts back what a run changed or pruned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from syncer.cli.interrupts import Interrupts
from syncer.cli.lock import LOCK, LOCK_TIMEOUT, lock_of
from syncer.cli.options import CLUSTER, OUTPUT, UNDO_FILE, client_of, undo_file
from syncer.cli.types import Duration


@click.command("restore")
@click.argument("undo", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Only plan: write nothing.")
@click.option("--pin", is_flag=True, help="Put back the digests that the tags had, not their pull specs.")
@click.option("--wait", type=Duration(), default="60s", show_default=True, help="Wait this long for imports.")
@UNDO_FILE
@LOCK
@LOCK_TIMEOUT
@OUTPUT
@CLUSTER
def command(**given: Any) -> int:
    """Put back what a run changed or pruned, from the undo file UNDO that it wrote before its first write.

    A tag that has moved since that run is left alone. What the run made is removed. Spec and annotations come back
    exactly; the history of images and generations do not, and the report says so.

    \b
    Examples:
      syncer restore ~/.local/state/syncer/undo-20260301T120000Z-laptop-4711.jsonl --dry-run
      syncer restore undo.jsonl
    """
    from syncer import sync  # noqa: PLC0415 - `--help` pays for no import it does not need
    from syncer.cli.output import Reporting  # noqa: PLC0415 - likewise

    options = sync.RestoreOptions(
        undo=given["undo"],
        pin=given["pin"],
        dry_run=given["dry_run"],
        page_size=given["page_size"],
        concurrency=given["concurrency"],
        wait=given["wait"],
        undo_file=undo_file(given),
    )
    with Reporting(given) as reporting, Interrupts() as interrupts:
        client = client_of(given, reporting.wait)
        lock = lock_of(given, client)
        run = sync.restore(options, client, lock=lock, stopped=interrupts.stopped, tell=reporting.tell)
        return reporting.finish(run, interrupts.exit_code)
