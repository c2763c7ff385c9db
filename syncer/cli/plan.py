"""`syncer plan`: the dry run."""

from __future__ import annotations

import sys
from typing import Any

import click

from syncer.cli.options import CLUSTER, OUTPUT, POLICY, PROFILE, RESOLVE, SCOPE, SHARD, SOURCE, client_of, run_options


@click.command("plan")
@SOURCE
@RESOLVE
@SCOPE
@SHARD
@POLICY
@OUTPUT
@PROFILE
@CLUSTER
def command(**given: Any) -> int:
    """Report what a sync of SOURCE would do. Changes nothing, ever.

    SOURCE is a git URL, a directory, or - for manifests on stdin; syncer.yaml may name it, too.

    \b
    Examples:
      syncer plan . -n team-a                       an edit, before it is committed
      syncer plan . --ref main --detailed-exitcode  in CI: exit 2 if main and the cluster differ
      syncer plan . -o json=plan.json -o markdown   for a pull request
      syncer plan . --resolve                       with the images: from which digest to which
    """
    from syncer import sync  # noqa: PLC0415 - `--help` pays for no import it does not need
    from syncer.cli.output import Reporting  # noqa: PLC0415 - likewise
    from syncer.cli.profiling import profiled  # noqa: PLC0415 - likewise

    with Reporting(given) as reporting, profiled(asked=given["profile"]) as stages:
        options, client = run_options(given), client_of(given, reporting.wait)
        run = sync.plan(options, client, sys.stdin.buffer, tell=reporting.tell)
        stages.update(run.report.timings)
        return reporting.finish(run)
