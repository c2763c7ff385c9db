"""The order of a run: wave after wave, streams side by side, the tags of one stream one after the other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import TYPE_CHECKING

from syncer.model import Create, Prune, Update
from syncer.plan import waves

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncer.apply.changes import Applier
    from syncer.model import Change, ObjectKey, Outcome, Plan


def apply_plan(
    plan: Plan, applier: Applier, *, concurrency: int, on_outcome: Callable[[Outcome], None] = lambda _: None
) -> dict[ObjectKey, Outcome]:
    """Carry out a plan; every change of it has an outcome, in key order.

    `concurrency` is the number of streams that are written at a time. `on_outcome` is called in this thread.
    """
    outcomes: dict[ObjectKey, Outcome] = {}

    def stream(changes: list[Change]) -> list[Outcome]:
        return [applier.apply(change) for change in changes]

    with ThreadPoolExecutor(max_workers=concurrency, thread_name_prefix="apply") as pool:
        for wave in waves(plan.changes):
            streams = [list(same) for _, same in groupby(wave, key=lambda c: (c.key.namespace, c.key.stream))]
            for finished in pool.map(stream, streams):
                for outcome in finished:
                    outcomes[outcome.key] = outcome
                    on_outcome(outcome)
    for change in plan.changes:
        if not isinstance(change, Create | Update | Prune):
            outcomes[change.key] = applier.apply(change)
    return {change.key: outcomes[change.key] for change in plan.changes}
