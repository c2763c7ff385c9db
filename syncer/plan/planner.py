"""Decides, tag by tag, what git, the cluster and the last sync together ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from syncer import imagestreamtag
from syncer.diff import three_way
from syncer.model import (
    Cause,
    Change,
    Create,
    FieldChange,
    Gate,
    Impact,
    ImportState,
    Live,
    LiveState,
    Manifests,
    ObjectKey,
    Plan,
    Problem,
    Prune,
    Scope,
    Severity,
    Skip,
    Unchanged,
    Update,
    Veto,
)
from syncer.plan import gates, requests
from syncer.plan.followers import follower_problems
from syncer.plan.impact import impact_problems, use_vetoes
from syncer.plan.order import depths, fields_after, followed_keys
from syncer.plan.vetoes import PruneContext, followed_veto, prune_vetoes, write_veto

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from syncer.model import Desired

OnDrift = Literal["revert", "report", "fail"]

REASONS = {
    frozenset({Cause.GIT}): "git changed it",
    frozenset({Cause.DRIFT}): "drifted on the cluster",
    frozenset({Cause.GIT, Cause.DRIFT}): "git changed it, and it drifted on the cluster",
    frozenset({Cause.ADOPTED}): "it differs, and the record of what was applied last is lost",
    frozenset(): "what was applied is recorded anew",
}
AS_GIT_SAYS = "as git says"
BOTH = "git and the cluster both changed it"
FOLLOWER_BEHIND = "follower behind"
RETRIED = "its import failed, and is tried again"


class Policy(Struct, frozen=True):
    """What a run may do. `owner` is the sync set's id; limits of None are the defaults.

    `only` are the tags that it may touch, where these are fewer than all; what forbids a prune is still judged by all.
    """

    owner: str
    scope: Scope
    prune: bool = True
    narrowed: bool = False
    on_drift: OnDrift = "revert"
    allow_empty: bool = False
    max_prune: gates.Limit | None = None
    max_change: gates.Limit | None = None
    adopt_pushed: bool = False
    take_from: str = ""
    retry_imports: bool = False
    only: frozenset[ObjectKey] | None = None
    prune_used: bool = False

    def touches(self, key: ObjectKey) -> bool:
        """Whether a run may touch a tag at all; one that it may not stays as it is."""
        return self.only is None or key in self.only


class Planner(Struct):
    """Plans one tag after the other. `moving` collects the tags that get a new image in this run.

    `outside` are tags beyond the scope that tags in it follow: they are looked at, never written.
    """

    policy: Policy
    live: LiveState
    followed: Mapping[ObjectKey, ObjectKey]
    outside: Mapping[ObjectKey, Live] = field(default_factory=dict)
    moving: set[ObjectKey] = field(default_factory=set)

    def listed(self, desired: Desired) -> Change:
        """Decide it by what was listed; what a bystander is to git has been found out by `change` already."""
        bystander = self.live.bystanders.get(desired.key)
        if bystander:
            return Unchanged(desired.key, AS_GIT_SAYS, desired.origin, bystander.image, desired=desired)
        return self.change(desired, self.live.tags.get(desired.key))

    def change(self, desired: Desired, live: Live | None) -> Change:
        """Decide what is to become of a tag that git names."""
        key, policy = desired.key, self.policy
        if not policy.scope.covers(key.namespace):
            veto = Veto("out-of-scope", f"namespace {key.namespace} is not in scope; -n {key.namespace} adds it")
            return Skip(key, "out of scope", desired.origin, vetoes=(veto,), desired=desired)
        if key.namespace in self.live.forbidden:
            veto = Veto("forbidden", f"namespace {key.namespace} could not be listed")
            return Skip(key, "not known", desired.origin, vetoes=(veto,), desired=desired)
        if live is None:
            request = requests.create_request(policy.owner, desired)
            self.moving.add(key)
            return Create(key, "not on the cluster", desired.origin, requests=(request,), desired=desired)
        change = self._compare(desired, live)
        if self.followed.get(key) in self.moving and not self._followed_elsewhere(key):
            self.moving.add(key)
        return change

    def _compare(self, desired: Desired, live: Live) -> Change:
        policy = self.policy
        mark = imagestreamtag.owner_of(live)
        adopts = mark is None or not mark[1] or mark[0] != policy.owner
        taken = policy.take_from if adopts and mark == (policy.take_from, True) else ""
        base = imagestreamtag.base_of(live)
        fields = three_way(base, imagestreamtag.live_fields(live), desired.fields, imagestreamtag.DEFAULTS)
        if adopts:
            cause = Cause.TAKEN if taken else Cause.ADOPTED
            fields = tuple(replace(change, cause=cause) for change in fields)
        kept = fields
        if policy.on_drift == "report":
            kept = tuple(change for change in fields if change.cause is not Cause.DRIFT)
        refollow = self._is_behind(live, kept)
        reimport = policy.retry_imports and _failed_to_import(live, kept)
        settled = not kept and not refollow and not reimport
        recorded = not adopts and base == desired.fields and imagestreamtag.LAST_APPLIED in live.annotations

        def made(kind: type[Update | Unchanged | Skip], reason: str, **more: object) -> Change:
            return kind(live.key, reason, desired.origin, live.image, fields, live=live, desired=desired, **more)  # type: ignore[arg-type]  # the fields of one kind

        if recorded and settled and not fields:
            return made(Unchanged, AS_GIT_SAYS)
        veto = write_veto(live, policy.owner, take_from=policy.take_from, adopt_pushed=policy.adopt_pushed)
        if veto:
            return made(Skip, "not ours to write", vetoes=(veto,))
        if recorded and settled:
            return made(Skip, "drifted on the cluster", vetoes=(Veto("drift", "--on-drift report leaves drift alone"),))
        if refollow or reimport or _asks_for_an_image(kept):
            self.moving.add(live.key)
        marks = requests.own_annotations(policy.owner, desired)
        sent = requests.update_requests(live, kept, marks, refollow=refollow, reimport=reimport)
        reason = _reason(kept, adopts=adopts, taken=taken, refollow=refollow, reimport=reimport)
        return made(Update, reason, requests=sent, adopts=adopts)

    def _followed_elsewhere(self, key: ObjectKey) -> ObjectKey | None:
        """Name the tag that this one follows from another stream: it never moves along by itself (fact 10)."""
        target = self.followed.get(key)
        same_stream = target and (target.namespace, target.stream) == (key.namespace, key.stream)
        return None if same_stream else target

    def _is_behind(self, live: Live, fields: Iterable[FieldChange]) -> bool:
        """Whether a follower in another stream lacks the image that its tag has, or will have after this run."""
        target = self._followed_elsewhere(live.key)
        if target is None or live.spec is None or live.spec.get("reference"):
            return False
        if _asks_for_an_image(fields):
            return False
        if target in self.moving:
            return True
        followed = self.live.get(target) or self.outside.get(target)
        return followed is not None and followed.image.digest not in ("", live.image.digest)


def make_plan(
    manifests: Manifests,
    live: LiveState,
    policy: Policy,
    outside: Mapping[ObjectKey, Live] | None = None,
    impact: Impact | None = None,
) -> Plan:
    """Plan a run: every tag that git names, and every tag in scope that carries this owner's mark.

    Changes come in key order, whatever the order of the input. Where it is known who uses the tags that would go, those
    in use stay, unless the policy lets them go.
    """
    followed = followed_keys({key: desired.fields for key, desired in manifests.desired.items()})
    planner = Planner(policy, live, followed, outside or {})
    ordered = sorted(filter(policy.touches, manifests.desired))
    if followed:
        depth = depths(sorted(manifests.desired), followed)
        ordered.sort(key=depth.__getitem__)
    changes = {key: planner.listed(manifests.desired[key]) for key in ordered}
    changes |= {change.key: change for change in _prunes(manifests, live, policy, changes, impact)}
    planned = tuple(changes[key] for key in sorted(changes))
    return Plan(
        owner=policy.owner,
        scope=policy.scope,
        changes=planned,
        gates=tuple(_gates(planned, manifests, live, policy)),
        problems=(
            *manifests.problems,
            *problems_of(planned, live),
            *(follower_problems(changes, followed, live, outside or {}, policy.scope) if followed else ()),
            *(impact_problems(impact) if impact else ()),
        ),
        complete=manifests.parsed and not live.forbidden,
        impact=impact,
    )


def _prunes(
    manifests: Manifests,
    live: LiveState,
    policy: Policy,
    changes: Mapping[ObjectKey, Change],
    impact: Impact | None,
) -> Iterator[Change]:
    """Yield a Prune, or a Skip with its vetoes, for each tag that carries our mark and that git does not name."""
    context = PruneContext(
        owner=policy.owner,
        scope=policy.scope,
        parsed=manifests.parsed,
        narrowed=policy.narrowed,
        prune=policy.prune,
        forbidden=live.forbidden,
    )
    vetoes = {
        key: prune_vetoes(tag, context)
        for key, tag in live.tags.items()
        if key not in manifests.desired
        and policy.touches(key)
        and (imagestreamtag.owner_of(tag) or ("",))[0] == policy.owner
    }
    going = {key for key, found in vetoes.items() if not found}
    used = use_vetoes(going, impact, live) if impact and not policy.prune_used else {}
    kept = used | followed_vetoes(going - used.keys(), live.tags, changes, live.elsewhere)
    for key, others in vetoes.items():
        tag, found = live.tags[key], others or ((kept[key],) if key in kept else ())
        if found:
            yield Skip(key, "gone from git", None, tag.image, vetoes=found, live=tag)
        else:
            yield Prune(key, "gone from git", None, tag.image, requests=(requests.prune_request(tag),), live=tag)


def followed_vetoes(
    going: Collection[ObjectKey],
    tags: Mapping[ObjectKey, Live],
    changes: Mapping[ObjectKey, Change],
    elsewhere: Mapping[ObjectKey, ObjectKey] | None = None,
) -> dict[ObjectKey, Veto]:
    """Give the veto of each tag that is to go and that a staying tag follows; one kept so keeps what it follows itself.

    A tag follows what the cluster says, unless this run points it elsewhere: what git says of a tag that is left as it
    is does not count. Those `elsewhere`, in another part's namespaces, stay for all that this part knows.
    """
    if not going:
        return {}
    followed = {**followed_keys(fields_after(tags, changes.values())), **(elsewhere or {})}
    kept = dict[ObjectKey, Veto]()
    staying = [key for key in sorted(followed) if key not in going]
    while staying:
        follower = staying.pop()
        target = followed[follower]
        if target in going and target not in kept:
            kept[target] = followed_veto(follower)
            if target in followed:
                staying.append(target)
    return kept


def _gates(changes: tuple[Change, ...], manifests: Manifests, live: LiveState, policy: Policy) -> Iterator[Gate]:
    if not (manifests.desired or manifests.left or policy.allow_empty):
        yield gates.empty_gate()
    owned = owned_keys(live, policy.owner)
    whole = policy.scope.shard is None
    yield from gates.limit_gates(changes, owned, policy.max_prune, policy.max_change, whole=whole)
    if policy.on_drift == "fail":
        yield from gates.drift_gates(changes)


def owned_keys(live: LiveState, owner: str) -> Iterator[ObjectKey]:
    """Yield the tags that carry an owner's mark, made for them."""
    yield from (key for key, tag in live.tags.items() if imagestreamtag.owner_of(tag) == (owner, True))
    yield from (bystander.key for bystander in live.bystanders.values() if bystander.owned)


def problems_of(changes: Iterable[Change], live: LiveState) -> Iterator[Problem]:
    """Yield what the lists showed that a user should mend: namespaces that are forbidden, or not there."""
    for namespace, message in sorted(live.forbidden.items()):
        hint = f"grant get and list on imagestreams in {namespace}, or take it out of the scope"
        yield Problem(Severity.ERROR, "forbidden", message, hint, namespace=namespace)
    wanted = {change.key.namespace for change in changes if isinstance(change, Create)}
    for namespace in sorted(live.missing & wanted):
        message = f"namespace {namespace} does not exist: the server will refuse to create tags in it"
        yield Problem(
            Severity.WARNING, "no-such-namespace", message, f"oc new-project {namespace}", namespace=namespace
        )


def _asks_for_an_image(fields: Iterable[FieldChange]) -> bool:
    """Whether a change of these fields has the server import, and so perhaps find another image (fact 11)."""
    return not requests.REIMPORTING.isdisjoint(change.path for change in fields)


def _failed_to_import(live: Live, fields: Iterable[FieldChange]) -> bool:
    """Whether an import failed that no change of a field asks for again anyway."""
    return live.image.state is ImportState.FAILED and not _asks_for_an_image(fields)


def _reason(fields: tuple[FieldChange, ...], *, adopts: bool, taken: str, refollow: bool, reimport: bool) -> str:
    causes = frozenset(change.cause for change in fields)
    if taken:
        reason = f"taken from {taken}"
    elif adopts:
        reason = "adopted: it was there before its first sync"
    elif Cause.BOTH in causes:
        reason = BOTH
    elif fields or not (refollow or reimport):
        reason = REASONS[causes]
    else:
        reason = ""
    more = [FOLLOWER_BEHIND] * refollow + [RETRIED] * reimport
    return "; ".join(filter(None, [reason, *more]))
