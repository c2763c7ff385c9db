"""The order of a run: wave after wave, streams side by side, the tags of one stream one after the other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import TYPE_CHECKING

from syncer import imagestreamtag
from syncer.events import Applied, nobody
from syncer.model import Create, Outcome, Prune, Update
from syncer.plan import waves
from syncer.plan.vetoes import followed_veto

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncer.apply.changes import Applier
    from syncer.events import Tell
    from syncer.model import Change, ObjectKey, Plan


def apply_plan(plan: Plan, applier: Applier, *, concurrency: int, tell: Tell = nobody) -> dict[ObjectKey, Outcome]:
    """Carry out a plan; every change of it has an outcome, in key order.

    `concurrency` is the number of streams that are written at a time. `tell` hears each outcome as soon as it is there.
    """
    outcomes: dict[ObjectKey, Outcome] = {}
    leaving = _leaving_followers(plan.changes)

    def one(change: Change) -> Outcome:
        followers = leaving.get(change.key, ()) if isinstance(change, Prune) else ()
        for follower in followers:
            if follower in outcomes and outcomes[follower].result not in ("configured", "pruned"):
                return applier.leave(change, followed_veto(follower).message)
        return applier.apply(change)

    def stream(changes: list[Change]) -> list[Outcome]:
        finished = []
        for change in changes:
            finished.append(one(change))
            tell(Applied(finished[-1]))
        return finished

    with ThreadPoolExecutor(max_workers=concurrency) as pool:
        for wave in waves(plan.changes):
            streams = [list(same) for _, same in groupby(wave, key=lambda c: (c.key.namespace, c.key.stream))]
            for finished in pool.map(stream, streams):
                outcomes |= {outcome.key: outcome for outcome in finished}
    for change in plan.changes:
        if not isinstance(change, Create | Update | Prune):
            outcomes[change.key] = applier.apply(change)
    return {change.key: outcomes[change.key] for change in plan.changes}


def _leaving_followers(changes: Iterable[Change]) -> dict[ObjectKey, list[ObjectKey]]:
    """Map each followed tag to those that are to be pruned or pointed elsewhere: where that fails, it must stay."""
    leaving: dict[ObjectKey, list[ObjectKey]] = {}
    for change in changes:
        if isinstance(change, Update | Prune) and change.live:
            target = imagestreamtag.followed_by(change.key, imagestreamtag.live_fields(change.live))
            if target and target != change.key:
                leaving.setdefault(target, []).append(change.key)
    return leaving
