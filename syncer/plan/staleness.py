"""Holds a saved plan against the cluster as it is now: what has moved since, and whether the gates let it pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from syncer import imagestreamtag
from syncer.diff import apply_patch
from syncer.errors import ManifestError, StalePlanError, SyncerError
from syncer.imagestreamtag import annotation_path
from syncer.model import Create, Prune, Skip, Unchanged, Update
from syncer.plan import requests
from syncer.plan.gates import limit_gates
from syncer.plan.planner import followed_vetoes, owned_keys
from syncer.plan.saved import AGAIN

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from syncer.model import Change, Desired, Gate, Json, Live, LiveState, ObjectKey, Plan
    from syncer.plan.gates import Limit
    from syncer.plan.planner import Planner
    from syncer.plan.saved import Saved


FOLLOWED: Final = "followed"


class Move(Struct, frozen=True):
    """One thing about a tag that is not as it was when it was planned.

    `path` is a JSON pointer, `/image` for the digest; empty for the tag itself, which then was not there, or is gone.
    None stands for what is absent. Path `FOLLOWED`: a tag that stays follows one that was to go; `now` names it.
    """

    key: ObjectKey
    path: str
    was: Json
    now: Json


def unfit(saved: Saved, server: str) -> SyncerError | None:
    """Say why a saved plan cannot be applied to a server, whatever that holds."""
    if saved.target.server != server:
        return StalePlanError(
            f"the plan was made for {saved.target.server}, this is {server}; nothing was written",
            hint="give the cluster that it was made for",
        )
    if not saved.plan.complete:
        return ManifestError(
            "the plan is incomplete: not every file parsed, or not every list ended; nothing was written",
            hint=f"mend what its problems name, and {AGAIN}",
        )
    return None


def moved(change: Change, fresh: Live | None) -> tuple[Move, ...]:
    """List what is not as it was when a change was planned, in path order; siblings in the stream do not matter.

    Looked at are the managed fields and all annotations; for a prune the stream's uid and the image, too; and the
    generation where the change asks for an image again, for else it would ask each time that it is applied.
    """
    if not change.requests:
        return ()
    if change.live is None or fresh is None:
        there = [live and imagestreamtag.live_fields(live) for live in (change.live, fresh)]
        return () if change.live is fresh else (Move(change.key, "", *there),)
    was, now = _state(change, change.live), _state(change, fresh)
    return tuple(
        Move(change.key, path, was.get(path), now.get(path))
        for path in sorted({*was, *now})
        if was.get(path) != now.get(path)
    )


def landed(change: Change, fresh: Live | None) -> int:
    """Count the requests of a change that have had their effect: an earlier run of the same plan sent them.

    0 where the tag is not exactly as they would have left it, whoever moved it.
    """
    match change:
        case Prune():
            return int(fresh is None)
        case Create() if fresh:
            body = change.requests[0].body
            asked = _fields(body["metadata"]["annotations"], body["tag"])
            return int(_fields(fresh.annotations, fresh.spec or {}) == asked)
        case Update() if fresh and change.live:
            return _patched(change, change.live, fresh)
        case _:
            return 0


def held_against(
    plan: Plan, part: Collection[Change], live: LiveState, *, again: bool
) -> tuple[dict[ObjectKey, int], tuple[Move, ...]]:
    """Count the requests of a part's tags that have landed already, and list what else has moved since.

    `again`: this may not be the first run of the part. Else whatever is not as it was has moved.
    """
    done: dict[ObjectKey, int] = {}
    moves: list[Move] = []
    for change in part:
        fresh = live.tags.get(change.key)
        told = moved(change, fresh)
        if told and again and (number := landed(change, fresh)):
            done[change.key] = number
        else:
            moves += told
    keys = {change.key for change in part}
    return done, (*moves, *(move for move in followed_now(plan, live) if move.key in keys))


def _patched(change: Update, was: Live, fresh: Live) -> int:
    """Count the patches after which a tag is as it is now; one that asks for an image again gives a new generation."""
    now, found = _fields(fresh.annotations, fresh.spec or {}), 0
    again = requests.GENERATION in _state(change, was)
    if again and (fresh.spec or {}).get("generation") == (was.spec or {}).get("generation"):
        return 0
    document = imagestreamtag.document_of(was)
    for number, request in enumerate(change.requests, 1):
        try:
            document = apply_patch(document, [op for op in request.body if op["op"] != "test"])
        except ValueError:
            return 0
        if now == _fields(document["metadata"].get("annotations") or {}, document.get("tag") or {}):
            found = number
    return found


def left_of(plan: Plan, landed: Mapping[ObjectKey, int]) -> Plan:
    """Give what is left of a plan once so many requests of each tag have landed."""
    changes = (
        replace(change, requests=change.requests[landed.get(change.key, 0) :])
        for change in plan.changes
        if not change.requests or landed.get(change.key, 0) < len(change.requests)
    )
    return replace(plan, changes=tuple(changes)) if landed else plan


def followed_now(plan: Plan, live: LiveState) -> tuple[Move, ...]:
    """List the prunes of a saved plan whose tag is followed by now by one that stays, in whatever stream."""
    changes = {change.key: change for change in plan.changes}
    going = {key for key, change in changes.items() if isinstance(change, Prune)}
    vetoes = followed_vetoes(going & live.tags.keys(), live.tags, changes, live.elsewhere)
    return tuple(Move(key, FOLLOWED, None, veto.message) for key, veto in sorted(vetoes.items()))


def _state(change: Change, live: Live) -> dict[str, Json]:
    state = _fields(live.annotations, live.spec or {})
    if isinstance(change, Prune):
        state |= {"/metadata/uid": live.uid, "/image": live.image.digest}
    if len(change.requests) > 1 or requests.sets(change.requests, requests.GENERATION):
        state[requests.GENERATION] = (live.spec or {}).get("generation")
    return state


def _fields(annotations: Mapping[str, str], tag: Mapping[str, Json]) -> dict[str, Json]:
    """Give all that a write can set: managed fields with their defaults, and every annotation, our own, too."""
    fields = {**imagestreamtag.DEFAULTS, **imagestreamtag.fields_of(annotations, tag)}
    return fields | {annotation_path(name): value for name, value in annotations.items()}


def gates_again(plan: Plan, live: LiveState, max_prune: Limit | None, max_change: Limit | None) -> tuple[Gate, ...]:
    """Hold a saved plan against its limits anew, by the tags that its owner has now.

    Those that the plan writes count as they were: while it is applied in parts, some of it is done already. What judged
    the source or the policy (an empty source, drift) is as it was: only a new plan gets past it.
    """
    before = {**live.tags, **{change.key: change.live for change in plan.changes if change.requests}}
    there = {key: tag for key, tag in before.items() if tag}
    owned = owned_keys(replace(live, tags=there), plan.owner)
    kept = (gate for gate in plan.gates if gate.name not in ("prune", "change"))
    return (
        *(replace(gate, option=f"a new plan with {gate.option}") for gate in kept),
        *limit_gates(plan.changes, owned, max_prune, max_change, whole=plan.scope.shard is None),
    )


class Exactly(Struct, frozen=True):
    """Plans a tag of a saved plan again, to find out whether it still is what was approved: nothing else is written."""

    plan: Plan
    planner: Planner

    def change(self, desired: Desired, live: Live | None) -> Change:
        """Give the change if it is done, or has the very requests that were saved; else a Skip."""
        again = self.planner.change(desired, live)
        saved = next(change for change in self.plan.changes if change.key == desired.key)
        if isinstance(again, Unchanged) or again.requests == saved.requests:
            return again
        return Skip(desired.key, "no longer as it was planned", desired.origin, live=live, desired=desired)
