"""`syncer apply`: applies exactly a saved plan."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncer.cli.interrupts import Interrupts
from syncer.cli.lock import LOCK, LOCK_TIMEOUT, lock_of
from syncer.cli.options import CLUSTER, OUTPUT, UNDO_FILE, client_of, undo_file
from syncer.cli.types import Amount, Duration, Part
from syncer.cli.watching import EVENTS, METRICS_FILE, PUSHGATEWAY, check_watching, publish
from syncer.errors import SourceError

if TYPE_CHECKING:
    from syncer.model import Shard
    from syncer.plan.saved import Saved


@click.command("apply")
@click.argument("plan", type=click.Path(allow_dash=True))
@click.option("--allow-dirty", is_flag=True, help="Go on although the plan was made of what is in no commit.")
@click.option("--max-prune", type=Amount(), metavar="N|N%", help="Stop above this many prunes. Default: 10 and 30 %.")
@click.option(
    "--max-change", type=Amount(), metavar="N|N%", help="Stop above this many changed tags. Default: 10 and 30 %."
)
@click.option(
    "--shard",
    type=Part(),
    metavar="INDEX/COUNT",
    help="Apply only this part of the plan, of COUNT; INDEX counts from 0. Default of INDEX: $JOB_COMPLETION_INDEX.",
)
@click.option("--wait", type=Duration(), help="Wait this long for the imports that the run begins: 90s, 5m.")
@click.option(
    "--import-failures",
    type=click.Choice(["warn", "error"]),
    default="warn",
    show_default=True,
    help="What a failed import is: `error` exits with 4.",
)
@UNDO_FILE
@LOCK
@LOCK_TIMEOUT
@METRICS_FILE
@PUSHGATEWAY
@EVENTS
@OUTPUT
@CLUSTER
def command(**given: Any) -> int:
    """Apply exactly the saved PLAN, or refuse: exit 5 if what it would touch has moved since.

    PLAN is the file that `syncer plan -o json=PLAN` wrote, or - for stdin. Gates are checked again.

    A plan can be applied in parts, side by side, by the pods of an Indexed Job: all tags of a stream, and what follows
    them, are in one part. A part that was killed is run again and goes on where it stopped. `syncer report merge` folds
    the reports of all parts into one.

    \b
    Examples:
      syncer plan . -n team-a -o json=plan.json
      syncer apply plan.json --wait 5m
      syncer apply plan.json --shard /8 -o json=part.json   in the pod of an Indexed Job of 8
    """
    from syncer import sync  # noqa: PLC0415 - `--help` pays for no import it does not need
    from syncer.cli.output import Reporting  # noqa: PLC0415 - likewise
    from syncer.plan import Limit  # noqa: PLC0415 - likewise
    from syncer.plan.saved import load  # noqa: PLC0415 - likewise
    from syncer.source import SourceSpec  # noqa: PLC0415 - likewise

    check_watching(given)
    options = sync.Options(
        SourceSpec(given["plan"]),
        page_size=given["page_size"],
        concurrency=given["concurrency"],
        max_prune=Limit.parse(given["max_prune"]) if given["max_prune"] else None,
        max_change=Limit.parse(given["max_change"]) if given["max_change"] else None,
        allow_dirty=given["allow_dirty"],
        wait=given["wait"],
        import_failures=given["import_failures"],
        undo_file=undo_file(given),
        shard=given["shard"],
    )
    with Reporting(given) as reporting, Interrupts() as interrupts:
        saved = load(_read(given["plan"]), given["plan"])
        client = client_of(given, reporting.wait)
        lock = lock_of(given, client, shared=_shared(saved, given["shard"]))
        run = sync.apply_saved(options, saved, client, lock=lock, stopped=interrupts.stopped, tell=reporting.tell)
        publish(run, given, client)
        return reporting.finish(run, interrupts.exit_code)


def _shared(saved: Saved, shard: Shard | None) -> str:
    """Name what parts hold the lock for together: one plan, or plans of the parts of one commit; empty for a whole."""
    if shard:
        return f"plan {saved.checksum}"
    of_part = saved.plan.scope.shard
    return f"commit {saved.source.commit or saved.source.url} in {of_part.count} parts" if of_part else ""


def _read(path: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        hint = "give the file that `syncer plan -o json=PLAN` wrote"
        raise SourceError(f"{path} cannot be read: {error.strerror}", hint=hint) from error
