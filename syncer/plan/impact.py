"""Impact: what follows a tag that a plan changes or prunes, and the vetoes of prunes of what is in use."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from syncer.model import Create, Impact, Problem, Prune, Severity, Unread, Update, Use, Veto
from syncer.plan.order import fields_after, followed_keys
from syncer.workloads import targets_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from syncer.model import Change, How, LiveState, ObjectKey, Plan
    from syncer.workloads import Link, Target, Workload, Workloads

_STRENGTH: Final[tuple[How, ...]] = ("follows", "keeps", "trigger", "image", "build", "output", "digest")
_NAMED: Final = 3
"""Users that a veto names."""


def alters(change: Change) -> bool:
    """Whether a change makes, moves or removes a tag; one of annotations alone does not."""
    match change:
        case Create() | Prune():
            return True
        case Update():
            patches = (request.body for request in change.requests)
            return any(op["path"].startswith("/tag/") and op["op"] != "test" for body in patches for op in body)
        case _:
            return False


@dataclass(frozen=True, slots=True)
class Reach:
    """The tags that a plan alters, and those that follow them; `followers` by the tag that they follow."""

    altered: Mapping[ObjectKey, Change]
    followers: Mapping[ObjectKey, tuple[ObjectKey, ...]]
    digests: Mapping[ObjectKey, str]

    @classmethod
    def of(cls, plan: Plan, live: LiveState) -> Reach:
        """Find out how far a plan reaches."""
        altered = {change.key: change for change in plan.changes if alters(change)}
        followers: dict[ObjectKey, list[ObjectKey]] = defaultdict(list)
        if altered:
            for key, target in sorted(followed_keys(fields_after(live.tags, plan.changes)).items()):
                followers[target].append(key)
        digests = {tag.key: tag.image.digest for tag in live.everyone()} if altered else {}
        return cls(altered, {key: tuple(found) for key, found in followers.items()}, digests)

    def moved_by(self, key: ObjectKey) -> Iterator[tuple[ObjectKey, bool]]:
        """Yield each follower of a tag, and whether it moves along: within a stream, or because this run moves it.

        A follower keeps its image when the tag goes (fact 8), and in another stream when it moves (fact 10).
        """
        goes = isinstance(self.altered.get(key), Prune)
        for follower in self.followers.get(key, ()):
            beside = (follower.namespace, follower.stream) == (key.namespace, key.stream)
            yield follower, not goes and (beside or isinstance(self.altered.get(follower), Create | Update))

    def targets(self) -> frozenset[Target]:
        """Give what references name that mean one of the tags within reach."""
        todo = list(self.altered)
        reached: set[ObjectKey] = set()
        while todo:
            key = todo.pop()
            if key not in reached:
                reached.add(key)
                todo += [follower for follower, moves in self.moved_by(key) if moves]
        return frozenset(target for key in reached for target in targets_of(key, self.digests.get(key, "")))


def impact_of(reach: Reach, workloads: Workloads) -> Impact:
    """Give, for each tag that the plan alters, who uses it: its own users first, then those of its followers."""
    index = _Index.of(workloads.found)
    return Impact({key: tuple(_uses(key, reach, index)) for key in reach.altered}, workloads.unread)


def _uses(key: ObjectKey, reach: Reach, index: _Index) -> Iterator[Use]:
    """Walk from a tag to its users, and on through its followers; a circle is cut where it closes."""
    seen = {key}
    todo: list[tuple[ObjectKey, tuple[ObjectKey, ...]]] = [(key, ())]
    while todo:
        here, via = todo.pop(0)
        yield from index.users(here, reach.digests.get(here, ""), via)
        for follower, moves in reach.moved_by(here):
            if follower not in seen:
                seen.add(follower)
                how: How = "follows" if moves else "keeps"
                yield Use("ImageStreamTag", follower.namespace, follower.name, how, via=via)
                todo += [(follower, (*via, follower))] if moves else []


@dataclass(slots=True)
class _Index:
    """Workloads by what they refer to, and how many Pods each has."""

    links: dict[Target, list[tuple[Workload, Link]]] = field(default_factory=lambda: defaultdict(list))
    pods: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    @classmethod
    def of(cls, found: Iterable[Workload]) -> _Index:
        index = cls()
        for workload in found:
            for link in workload.links:
                index.links[link.target].append((workload, link))
            if workload.kind == "Pod":
                for kind, name in _owners(workload):
                    index.pods[kind, workload.namespace, name] += 1
        return index

    def users(self, key: ObjectKey, digest: str, via: tuple[ObjectKey, ...]) -> list[Use]:
        """List who uses a tag: each once, by the strongest of its ways; Pods under what they belong to."""
        ways: dict[tuple[str, str, str], list[tuple[Workload, Link]]] = defaultdict(list)
        pods: list[tuple[Workload, Link]] = []
        for target in targets_of(key, digest):
            for workload, link in self.links.get(target, ()):
                if workload.kind == "Pod":
                    pods.append((workload, link))
                else:
                    ways[workload.kind, workload.namespace, workload.name].append((workload, link))
        for pod, link in pods:
            owners = [(kind, pod.namespace, name) for kind, name in _owners(pod)]
            if not any(owner in ways and ways[owner][0][0].kind != "Pod" for owner in owners):
                ways[owners[0] if owners else ("Pod", pod.namespace, pod.name)].append((pod, link))
        return [self._use(who, [link for _, link in ways[who]], via) for who in sorted(ways)]

    def _use(self, who: tuple[str, str, str], links: list[Link], via: tuple[ObjectKey, ...]) -> Use:
        how = min((link.how for link in links), key=_STRENGTH.index)
        same = [link for link in links if link.how == how]
        containers = tuple(sorted({link.container for link in same if link.container}))
        paused = all(link.paused for link in same)
        return Use(*who, how, containers, paused, self.pods[who] or int(who[0] == "Pod"), via)


def _owners(pod: Workload) -> list[tuple[str, str]]:
    """Name what a Pod belongs to, and of a Job the CronJob that may have made it (`NAME-MINUTES`)."""
    if pod.owner is None:
        return []
    kind, name = pod.owner
    made_by, _, number = name.rpartition("-")
    return [pod.owner, ("CronJob", made_by)] if kind == "Job" and made_by and number.isdecimal() else [pod.owner]


# ----------------------------------------------------------------------------------------------------- vetoes


def use_vetoes(going: Collection[ObjectKey], impact: Impact, live: LiveState) -> dict[ObjectKey, Veto]:
    """Give the veto of each tag that is to go and is in use, or may be for all that is known.

    Who only runs its image by digest keeps nothing that a tag of the same stream has, too, and keeps having.
    """
    kept = {
        (tag.key.namespace, tag.key.stream, tag.image.digest)
        for tag in live.everyone()
        if tag.image.digest and tag.key not in going
    }
    vetoes: dict[ObjectKey, Veto] = {}
    for key in going:
        has_twin = (key.namespace, key.stream, live.tags[key].image.digest) in kept
        users = [
            use
            for use in impact.uses.get(key, ())
            if use.kind != "ImageStreamTag" and not (use.how == "digest" and has_twin)
        ]
        unread = unread_in(impact, key.namespace)
        if users:
            vetoes[key] = Veto("used", f"it is used by {_some(users)}; --prune-used prunes it all the same")
        elif unread:
            what = f"{unread} may not be listed, and may use it"
            vetoes[key] = Veto("use-unknown", f"{what}; --prune-used prunes it all the same")
    return vetoes


def _some(users: list[Use]) -> str:
    more = f" and {len(users) - _NAMED:,} more" if len(users) > _NAMED else ""
    return ", ".join(map(str, users[:_NAMED])) + more


def unread_in(impact: Impact, namespace: str) -> str:
    """Name the kinds that could not be looked at in a namespace, such as `Pods and CronJobs in team-b`; else empty."""
    unread = [each for each in impact.unread if each.namespace in ("", namespace)]
    return f"{_kinds(unread)} in {unread[0].namespace or 'all namespaces'}" if unread else ""


def _kinds(unread: list[Unread]) -> str:
    *first, last = [f"{each.kind}s" for each in unread]
    return f"{', '.join(first)}{' and ' * bool(first)}{last}"


def impact_problems(impact: Impact) -> Iterator[Problem]:
    """Yield a warning a namespace where something could not be looked at."""
    for namespace in dict.fromkeys(each.namespace for each in impact.unread):
        here = [each for each in impact.unread if each.namespace == namespace]
        everywhere = "" if namespace else " in all namespaces"
        message = f"not allowed to list {_kinds(here)}{everywhere}: the impact is incomplete"
        hint = "syncer doctor SOURCE --impact -o role prints the Role that it takes"
        yield Problem(Severity.WARNING, "impact-unread", message, hint, namespace=namespace)
