"""`syncer plan`: the dry run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from syncer.cli.options import (
    CLUSTER,
    NO_CACHE,
    OUTPUT,
    POLICY,
    PROFILE,
    RESOLVE,
    SCOPE,
    SHARD,
    SOURCE,
    cache_of,
    client_of,
    run_options,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncer.cli.output import Voice
    from syncer.sync import Run


@click.command("plan")
@SOURCE
@RESOLVE
@SCOPE
@SHARD
@POLICY
@OUTPUT
@NO_CACHE
@PROFILE
@CLUSTER
def command(**given: Any) -> int:
    """Report what a sync of SOURCE would do. Changes nothing, ever.

    SOURCE is a git URL, a directory, or - for manifests on stdin; syncer.yaml may name it, too.

    Several sets of syncer.yaml (--all-sets) run side by side, each as if it were alone: one report, and the exit code
    of the worst: 143, 130, 64, 1, 4, 3, 75, 2, 0, in this order.

    \b
    Examples:
      syncer plan . -n team-a                       an edit, before it is committed
      syncer plan . --ref main --detailed-exitcode  in CI: exit 2 if main and the cluster differ
      syncer plan . -o json=plan.json -o markdown   for a pull request
      syncer plan . --resolve                       with the images: from which digest to which
      syncer plan --all-sets                        every set of syncer.yaml, side by side
    """
    if "sets" in given:
        from syncer.cli.sets import run_sets  # noqa: PLC0415 - one set has no need of it

        return run_sets(given, _plan)
    from syncer.cli.output import Reporting  # noqa: PLC0415 - `--help` pays for no import it does not need
    from syncer.cli.profiling import profiled  # noqa: PLC0415 - likewise

    with Reporting(given) as reporting, profiled(asked=given["profile"]) as stages:
        run = _plan(given, reporting)
        stages.update(run.report.timings)
        return reporting.finish(run)


def _plan(given: dict[str, Any], voice: Voice, _stopped: Callable[[], bool] = bool) -> Run:
    from syncer import sync  # noqa: PLC0415 - `--help` pays for no import it does not need

    options, client = run_options(given), client_of(given, voice.wait, voice.sleep)
    return sync.plan(options, client, sys.stdin.buffer, tell=voice.tell, cache=cache_of(given))
