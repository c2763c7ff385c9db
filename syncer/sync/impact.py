"""Adds to a plan what follows its tags: reads who uses them, and plans again, for a prune of a tag in use is vetoed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from syncer.cluster.workloads import read_workloads
from syncer.model import Impact
from syncer.plan.impact import Reach, impact_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncer.cluster import Client
    from syncer.model import LiveState, Plan
    from syncer.sync.run import Stopwatch


def with_impact(  # noqa: PLR0913 - what is planned, and how to read
    plan: Plan,
    replan: Callable[[Impact], Plan],
    client: Client,
    live: LiveState,
    watch: Stopwatch,
    *,
    page_size: int,
    concurrency: int,
) -> Plan:
    """Give the plan with its impact, and with the vetoes that follow from it; a plan that alters nothing reads nothing.

    `replan` makes the plan once more, with what is known now.
    """
    reach = Reach.of(plan, live)
    if not reach.altered:
        return replace(plan, impact=Impact({}))
    with watch.stage("impact") as stage:
        workloads = read_workloads(
            client,
            plan.scope,
            reach.targets(),
            page_size=page_size,
            concurrency=concurrency,
            near=next((tag.key for tag in live.everyone()), None),
            on_page=stage.add,
        )
        stage.counts["workloads"] = stage.done
    return replan(impact_of(reach, workloads))
