"""Which live tags a run does not touch. Next to nothing of them is kept, so that a million of them fit into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer import imagestreamtag
from syncer.model import Bystander, LiveState, Unchanged
from syncer.plan.planner import Planner

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncer.model import Live, Manifests, Plan
    from syncer.plan.planner import Policy


def beside_manifests(manifests: Manifests, policy: Policy) -> Callable[[Live], Live | Bystander]:
    """Give what reduces the tags of a run that plans: those that are as git says, and those of others that git omits.

    A plan of what it leaves is the plan of all, but for the live objects of unchanged tags.
    """
    planner = Planner(policy, LiveState({}, "streams"), {})

    def reduced(live: Live) -> Live | Bystander:
        desired = manifests.desired.get(live.key)
        if desired is None:
            mark = imagestreamtag.owner_of(live)
            touched = mark is not None and mark[0] == policy.owner
        else:
            touched = not isinstance(planner.change(desired, live), Unchanged)
        if touched or imagestreamtag.followed_in(live):
            return live
        return Bystander(desired.key if desired else live.key, live.image, owned=desired is not None)

    return reduced


def beside_plan(plan: Plan) -> Callable[[Live], Live | Bystander]:
    """Give what reduces the tags of a run that applies a saved plan: those that it has no request for."""
    written = {change.key for change in plan.changes if change.requests}

    def reduced(live: Live) -> Live | Bystander:
        if live.key in written or imagestreamtag.followed_in(live):
            return live
        return Bystander(live.key, live.image, owned=imagestreamtag.owner_of(live) == (plan.owner, True))

    return reduced
