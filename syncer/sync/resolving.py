"""Finds out, without an import, which image each tag of a plan is going to have."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from syncer.cluster.resolver import look_up, read_images
from syncer.plan.resolving import asks_of, pins_of, resolve, undated, with_resolved

if TYPE_CHECKING:
    from syncer.cluster import Client
    from syncer.model import Bystander, Live, ObjectKey
    from syncer.sync.run import Stopwatch
    from syncer.sync.story import Prepared


def with_images(prepared: Prepared, client: Client, watch: Stopwatch, *, concurrency: int) -> Prepared:
    """Give the plan with what the cluster finds of its images. What cannot be found out is a warning, and no error."""
    changes = prepared.plan.changes
    tags: dict[ObjectKey, Live | Bystander] = {
        **prepared.outside,
        **prepared.live.bystanders,
        **prepared.live.tags,
    }
    asks, pins = asks_of(changes), pins_of(changes, tags)
    with watch.stage("resolve", len(asks) + len(pins)) as stage:
        answers = look_up(client, asks, concurrency=concurrency, tell=stage.add)
        pinned = read_images(client, pins, concurrency=concurrency)
        stage.add(len(pins))
        resolved = resolve(changes, tags, answers, pinned)
        built = {a.digest: a.built for a in (*answers.values(), *pinned.values()) if a.built}
        dated = read_images(client, undated(resolved, built), concurrency=concurrency)
        built |= {place.digest: answer.built for place, answer in dated.items() if answer.built}
        plan = with_resolved(prepared.plan, resolved, built)
        stage.counts["images"] = len(asks) + len(pins)
    return dataclasses.replace(prepared, plan=plan)
