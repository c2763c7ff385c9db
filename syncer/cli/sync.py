"""`syncer sync`: plans, passes the gates, applies, reports."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from syncer.cli.interrupts import Interrupts
from syncer.cli.lock import LOCK, LOCK_TIMEOUT, lock_of
from syncer.cli.options import (
    CLUSTER,
    NO_CACHE,
    OUTPUT,
    POLICY,
    PROFILE,
    RESOLVE,
    SCOPE,
    SOURCE,
    UNDO_FILE,
    cache_of,
    client_of,
    run_options,
)
from syncer.cli.types import Duration
from syncer.cli.watching import EVENTS, METRICS_FILE, PUSHGATEWAY, check_watching, publish

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncer.cli.output import Voice
    from syncer.sync import Run


@click.command("sync")
@SOURCE
@click.option(
    "--dry-run",
    type=click.Choice(["client", "server"]),
    is_flag=False,
    flag_value="client",
    help="Write nothing. `--dry-run=server` also has the server validate each change.",
)
@RESOLVE
@click.option("--allow-dirty", is_flag=True, help="Go on although SOURCE holds what is in no commit.")
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
@SCOPE
@POLICY
@OUTPUT
@NO_CACHE
@PROFILE
@CLUSTER
def command(**given: Any) -> int:
    """Make the cluster's ImageStreamTags equal to what SOURCE says.

    SOURCE is a git URL, a directory, or - for manifests on stdin; syncer.yaml may name it, too.

    Several sets of syncer.yaml (--all-sets) run side by side, each as if it were alone: one report, and the exit code
    of the worst: 143, 130, 64, 1, 4, 3, 75, 2, 0, in this order.

    \b
    Examples:
      syncer sync https://github.com/example/tags -n team-a -n team-b
      syncer sync . -A --owner tags --wait 5m
      syncer sync . --dry-run
      syncer sync --set web --set payments          two sets of syncer.yaml, side by side
    """
    if "sets" in given:
        from syncer.cli.sets import run_sets  # noqa: PLC0415 - one set has no need of it

        return run_sets(given, _sync)
    from syncer.cli.output import Reporting  # noqa: PLC0415 - `--help` pays for no import it does not need
    from syncer.cli.profiling import profiled  # noqa: PLC0415 - likewise

    check_watching(given)
    asked = given["profile"]
    with Reporting(given) as reporting, Interrupts() as interrupts, profiled(asked=asked) as stages:
        run = _sync(given, reporting, interrupts.stopped)
        stages.update(run.report.timings)
        return reporting.finish(run, interrupts.exit_code)


def _sync(given: dict[str, Any], voice: Voice, stopped: Callable[[], bool]) -> Run:
    from syncer import sync  # noqa: PLC0415 - `--help` pays for no import it does not need

    options, client, tell = run_options(given), client_of(given, voice.wait, voice.sleep), voice.tell
    cache = cache_of(given)
    if given["dry_run"] == "client":
        run = sync.plan(options, client, sys.stdin.buffer, tell=tell, cache=cache)
    elif given["dry_run"] == "server":
        run = sync.validate_on_server(options, client, sys.stdin.buffer, tell=tell)
    else:
        lock, stdin = lock_of(given, client), sys.stdin.buffer
        run = sync.sync(options, client, stdin, lock=lock, stopped=stopped, tell=tell, cache=cache)
    publish(run, given, client)
    return run
