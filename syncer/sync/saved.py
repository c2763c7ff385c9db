"""Applies a saved plan, exactly or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from syncer.errors import ForbiddenError, StalePlanError
from syncer.events import nobody
from syncer.model import Report, Source
from syncer.plan import Planner, Policy
from syncer.plan.bystanders import beside_plan
from syncer.plan.saved import AGAIN
from syncer.plan.shards import part_of
from syncer.plan.staleness import Exactly, gates_again, held_against, left_of, unfit
from syncer.report.moves import stale_problems
from syncer.sync.run import Run, Stopwatch, no_lock
from syncer.sync.story import Prepared, carry_out, fallback_owner, list_live, report_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncer.cluster import Client
    from syncer.events import Tell
    from syncer.plan.saved import Saved
    from syncer.sync.run import Lock
    from syncer.sync.story import Options


def apply_saved(  # noqa: PLR0913 - as `sync`, and the plan
    options: Options,
    saved: Saved,
    client: Client,
    *,
    lock: Lock = no_lock,
    stopped: Callable[[], bool] = bool,
    tell: Tell = nobody,
) -> Run:
    """Apply exactly a saved plan, or refuse where anything that it would touch has moved since.

    The whole scope is listed again, for the gates judge by what the owner has now, not by what a file says. Of the
    options those of the source, the scope and the policy count for nothing: the plan has them.

    A part (`options.shard`) is held against the gates of the whole plan, and only its own tags may be stale. It may be
    run again, as a Job does with a pod that was killed: what is there already as the plan would leave it is done.
    """
    watch, server, made = Stopwatch(tell), client.connection.server, saved.plan
    shard = replace(options.shard, plan=saved.checksum) if options.shard else made.scope.shard
    if refusal := unfit(saved, server):
        return Run(Report(saved.source, saved.target, made, shard=shard), refusal)
    with lock(made.owner) as before_write:
        live = list_live(options, client, made.scope, watch, kept=beside_plan(made))
        for namespace, message in live.forbidden.items():
            raise ForbiddenError(message, hint=f"the plan lists {namespace}; nothing was written")
        part = part_of(made.changes, options.shard) if options.shard else made.changes
        done, moves = held_against(made, part, live, again=shard is not None)
        made = replace(
            made,
            changes=part,
            gates=gates_again(made, live, options.max_prune, options.max_change),
            problems=(*made.problems, *stale_problems(moves)),
        )
        policy = Policy(made.owner, made.scope)
        source = Source(saved.source, (), "" if made.owner == fallback_owner(saved.source) else made.owner)
        exactly = Exactly(made, Planner(policy, live, {}))
        prepared = Prepared(source, live, policy, made, exactly, left=left_of(made, done), shard=shard)
        if moves:
            tags = sorted({str(move.key) for move in moves})
            named = ", ".join(tags[:3]) + (", …" if len(tags) > 3 else "")  # noqa: PLR2004 - enough to look
            refusal = StalePlanError(f"the plan is stale, nothing was written; moved since: {named}", hint=AGAIN)
            return Run(report_of(prepared, client, watch), refusal)
        return carry_out(options, client, prepared, watch, before_write=before_write, stopped=stopped)
