"""Finds out which image each tag is going to have, from what registries and the cluster answered.

A tag of a `DockerImage` is asked for; one that follows another tag, or takes an image of a stream, is worked out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from msgspec.structs import replace

from syncer import imagestreamtag
from syncer.model import Create, Live, Problem, Resolution, Resolved, Severity, Unchanged, Update
from syncer.plan import requests

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from syncer.model import Bystander, Change, Json, ObjectKey, Plan


@dataclass(frozen=True, slots=True)
class Ask:
    """A pull spec that a tag is going to point to, and how it is going to be imported."""

    key: ObjectKey
    pull_spec: str
    import_policy: Mapping[str, Json]
    reference_policy: Mapping[str, Json]


class Place(NamedTuple):
    """An image of a stream."""

    namespace: str
    stream: str
    digest: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An image that was found, or (a `fault`) why not; `built` is RFC 3339, empty where not known."""

    digest: str = ""
    built: str = ""
    fault: Literal["", "missing", "denied", "forbidden", "failed"] = ""
    message: str = ""


# ----------------------------------------------------------------------------------------------- what is asked


def asks_of(changes: Iterable[Change]) -> tuple[Ask, ...]:
    """List the pull specs that are going to be imported, in the order of the changes."""
    return tuple(ask for change in changes if repoints(change) and (ask := ask_of(change.key, _after(change))))


def ask_of(key: ObjectKey, fields: Mapping[str, Json]) -> Ask | None:
    """Give what a tag with these fields is asked for; None where it takes its image from no registry."""
    source = fields.get(requests.FROM) or {}
    if source.get("kind") != "DockerImage" or not source.get("name"):
        return None
    stanza = imagestreamtag.manifest_of({p: v for p, v in fields.items() if p in imagestreamtag.MANAGED})["tag"]
    return Ask(key, str(source["name"]), stanza.get("importPolicy", {}), stanza.get("referencePolicy", {}))


def pins_of(changes: Iterable[Change], tags: Mapping[ObjectKey, Live | Bystander]) -> frozenset[Place]:
    """Name the images that tags are going to take from streams by digest, and that no listed tag has."""
    held = {Place(key.namespace, key.stream, tag.image.digest) for key, tag in tags.items()}
    pins = (imagestreamtag.pinned_to(change.key, _after(change)) for change in changes if repoints(change))
    return frozenset(Place(*pin) for pin in pins if pin) - held


def repoints(change: Change) -> bool:
    """Whether a change gives a tag another image, or the same anew: by its source, its way of import, or a retry."""
    if isinstance(change, Update):
        return any(requests.sets(change.requests, path) for path in (*requests.REIMPORTING, requests.GENERATION))
    return isinstance(change, Create)


def _after(change: Change) -> Mapping[str, Json]:
    """Give the fields that a tag is going to have."""
    live = imagestreamtag.live_fields(change.live) if change.live else {}
    if change.desired is None or not repoints(change):
        return live
    wanted = dict(change.desired.fields)
    if live and not requests.sets(change.requests, requests.FROM):
        wanted[requests.FROM] = live.get(requests.FROM)
    return wanted


# ---------------------------------------------------------------------------------------------- what comes of it


def resolve(
    changes: Iterable[Change],
    tags: Mapping[ObjectKey, Live | Bystander],
    answers: Mapping[ObjectKey, Answer],
    pinned: Mapping[Place, Answer],
) -> dict[ObjectKey, Resolved]:
    """Say which image each tag is going to have, where it may be another than now.

    `tags` are all that is known of the cluster, `answers` those of the registries by tag, `pinned` those of the cluster
    for images that are taken from a stream. A tag of the same stream moves along with what it follows, changed or not
    (fact 10).
    """
    working = _Working({change.key: change for change in changes}, tags, answers, pinned)
    found = {}
    for key, change in working.changes.items():
        resolved = working.resolved(change)
        if resolved:
            found[key] = resolved
    return found


@dataclass(frozen=True, slots=True)
class _Working:
    changes: Mapping[ObjectKey, Change]
    tags: Mapping[ObjectKey, Live | Bystander]
    answers: Mapping[ObjectKey, Answer]
    pinned: Mapping[Place, Answer]

    def resolved(self, change: Change) -> Resolved | None:
        follows = self._follows(change.key)
        if not (repoints(change) or (follows and isinstance(change, Update | Unchanged))):
            return None
        answer, now = self._image(change.key, frozenset()), change.image.digest
        if not repoints(change) and not (answer and self._moved(change.key, answer) and answer.digest != now):
            return None
        if answer is None:
            return Resolved(Resolution.UNKNOWN, live_digest=now, follows=follows)
        if answer.fault:
            state = Resolution.UNKNOWN if follows else Resolution(answer.fault)
            return Resolved(state, live_digest=now, message=answer.message, follows=follows)
        state = Resolution.NEW if not now else Resolution.SAME if answer.digest == now else Resolution.MOVES
        return Resolved(state, answer.digest, answer.built, live_digest=now, follows=follows)

    def _fields(self, key: ObjectKey) -> Mapping[str, Json]:
        change = self.changes.get(key)
        if change:
            return _after(change)
        tag = self.tags.get(key)
        return imagestreamtag.live_fields(tag) if isinstance(tag, Live) else {}

    def _follows(self, key: ObjectKey) -> ObjectKey | None:
        """Name the tag whose image this one gets in this run: in another stream only if it is made to (fact 10)."""
        target = imagestreamtag.followed_by(key, self._fields(key))
        change = self.changes.get(key)
        same_stream = target and (target.namespace, target.stream) == (key.namespace, key.stream)
        return target if same_stream or (change and repoints(change)) else None

    def _moved(self, key: ObjectKey, answer: Answer) -> bool:
        """Whether this run gives another image to what a tag follows, which alone moves the tag along."""
        seen, target = {key}, self._follows(key)
        while target and target not in seen:
            change = self.changes.get(target)
            if change and repoints(change) and not answer.fault and change.image.digest != answer.digest:
                return True
            seen.add(target)
            target = self._follows(target)
        return False

    def _image(self, key: ObjectKey, seen: frozenset[ObjectKey]) -> Answer | None:
        """Give the image that a tag is going to have; None where that is not known, or there is none."""
        if key in self.answers:
            return self.answers[key]
        change = self.changes.get(key)
        pin = imagestreamtag.pinned_to(key, self._fields(key))
        if pin and change and repoints(change):
            brought = any(
                answer.digest == pin[2] and (one.namespace, one.stream) == pin[:2]
                for one, answer in self.answers.items()
            )
            return Answer(pin[2]) if brought else self.pinned.get(Place(*pin), Answer(pin[2]))
        target = self._follows(key)
        if target and target not in seen:
            return self._image(target, seen | {key})
        tag = self.tags.get(key)
        if target or tag is None or not tag.image.digest:
            return None
        return Answer(tag.image.digest)


def undated(resolved: Mapping[ObjectKey, Resolved], built: Mapping[str, str]) -> frozenset[Place]:
    """Name the images that are shown and whose date, by digest, is not known yet."""
    places = dict[str, Place]()
    for key, one in resolved.items():
        holder = one.follows or key
        for digest, place in ((one.live_digest, key), (one.digest, holder)):
            if one.digest and digest and digest not in built:
                places.setdefault(digest, Place(place.namespace, place.stream, digest))
    return frozenset(places.values())


def with_resolved(plan: Plan, resolved: Mapping[ObjectKey, Resolved], built: Mapping[str, str]) -> Plan:
    """Put what was found into a plan, with the images' dates, and a warning for each image that cannot be had."""
    dated = {
        key: replace(one, built=one.built or built.get(one.digest, ""), live_built=built.get(one.live_digest, ""))
        for key, one in resolved.items()
    }
    changes = tuple(replace(change, resolved=dated.get(change.key)) for change in plan.changes)
    return replace(plan, changes=changes, problems=(*plan.problems, *_problems(changes)))


_CODES = {
    Resolution.MISSING: ("image-missing", "does not exist", "correct tag.from, or push the image first"),
    Resolution.DENIED: ("image-denied", "cannot be pulled", "check the name, and the pull secrets of the namespace"),
    Resolution.FAILED: ("image-unresolved", "could not be resolved", "a sync would meet the same; try again"),
}


def _problems(changes: Iterable[Change]) -> Iterator[Problem]:
    forbidden = dict[str, str]()
    for change in changes:
        resolved = change.resolved
        if resolved and resolved.state is Resolution.FORBIDDEN:
            forbidden.setdefault(change.key.namespace, resolved.message)
        if resolved and resolved.state in _CODES:
            code, words, hint = _CODES[resolved.state]
            source = _after(change)[requests.FROM]["name"]
            file, line = (change.origin.file, change.origin.line) if change.origin else ("", 0)
            message = f"{source} {words}: {resolved.message}"
            key = change.key
            yield Problem(Severity.WARNING, code, message, hint, file, line, namespace=key.namespace, name=key.name)
    for namespace, message in sorted(forbidden.items()):
        hint = (
            f"grant create on imagestreamimports, and get on imagestreamimages, in {namespace}; the role edit has both"
        )
        yield Problem(Severity.WARNING, "resolve-forbidden", message, hint, namespace=namespace)
