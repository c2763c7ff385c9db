"""`syncer owner`: whose the tags are."""

from __future__ import annotations

from typing import Any

import click

from syncer.cli.interrupts import Interrupts
from syncer.cli.lock import LOCK, LOCK_TIMEOUT, lock_of
from syncer.cli.options import CLUSTER, OUTPUT, UNDO_FILE, client_of, namespaces, undo_file


@click.group("owner")
def command() -> None:
    """Hand tags from one owner, which is the id of a sync set, to another."""


@command.command("rename")
@click.argument("old")
@click.argument("new")
@click.option("-A", "--all-namespaces", is_flag=True, help="Rename in every namespace.")
@namespaces("A namespace to rename in; repeatable.")
@click.option("--dry-run", is_flag=True, help="Only plan: write nothing.")
@UNDO_FILE
@LOCK
@LOCK_TIMEOUT
@OUTPUT
@CLUSTER
def rename(**given: Any) -> int:
    """Hand every tag that OLD owns to NEW: when a repository moves, or --owner is to be another.

    Only the owner mark changes; nothing is pruned. Copied marks are left, and said. Then sync with NEW as its owner: a
    sync of OLD leaves these tags alone. The lock is OLD's.

    \b
    Examples:
      syncer owner rename git.example.com/old/tags git.example.com/new/tags -A --dry-run
      syncer owner rename old new -n team-a -n team-b
    """
    from syncer import sync  # noqa: PLC0415 - `--help` pays for no import it does not need
    from syncer.cli.output import Reporting  # noqa: PLC0415 - likewise
    from syncer.imagestreamtag import check_owner  # noqa: PLC0415 - likewise
    from syncer.source import SourceSpec  # noqa: PLC0415 - likewise

    old, new = check_owner(given["old"], "OLD"), check_owner(given["new"], "NEW")
    options = sync.Options(
        SourceSpec(""),
        namespaces=given["namespaces"],
        all_namespaces=given["all_namespaces"],
        page_size=given["page_size"],
        concurrency=given["concurrency"],
        undo_file=undo_file(given),
    )
    with Reporting(given) as reporting, Interrupts() as interrupts:
        client = client_of(given, reporting.wait)
        run = sync.rename_owner(
            options,
            old,
            new,
            client,
            dry_run=given["dry_run"],
            lock=lock_of(given, client),
            stopped=interrupts.stopped,
            tell=reporting.tell,
        )
        return reporting.finish(run, interrupts.exit_code)
