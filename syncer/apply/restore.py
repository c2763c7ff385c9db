"""Plans the way back: each tag of an undo file becomes what it was, unless it has moved since the run."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncer import imagestreamtag
from syncer.diff import patch
from syncer.model import (
    Cause,
    Create,
    Desired,
    FieldChange,
    Import,
    ImportState,
    Origin,
    Plan,
    Problem,
    Prune,
    Request,
    Scope,
    Severity,
    Skip,
    Unchanged,
    Update,
    Veto,
)
from syncer.plan import requests
from syncer.plan.planner import followed_vetoes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from syncer.apply.undo import Before, Entry, Undo
    from syncer.model import Change, Json, Live, ObjectKey, Outcome

MOVED = Veto("moved", "it has moved since the run, and that is not undone")
UNPROVEN = Veto("unproven", "the undo file does not prove that the run made it: delete it by hand if it did")
PUSHED = Veto("pushed", "before the run only a push had made it, which cannot be put back through the tag")
AS_BEFORE = "as it was before the run"
NOT_WRITTEN = "the run did not write it"
NO_IMAGE = Import(ImportState.NONE)


@dataclass(frozen=True, slots=True)
class Restorer:
    """Decides how tags get back to what an undo file says. `pin`: by the digest that they had, not by the pull spec."""

    undo: Undo
    file: str
    pin: bool = False

    def plan(self, live: Mapping[ObjectKey, Live]) -> Plan:
        """Plan to put back every tag of the undo file; needs no owner, and passes no gate.

        Of the tags that are not in the file those count that follow one which is: what they follow stays.
        """
        changes = _without_followed([self.change(entry, live.get(entry.key)) for entry in self.undo.entries], live)
        namespaces = tuple(sorted({entry.key.namespace for entry in self.undo.entries}))
        ordered = tuple(sorted(changes, key=lambda change: change.key))
        return Plan(self.undo.owner, Scope(namespaces=namespaces), ordered, (), (), complete=True)

    def replan(self, desired: Desired, live: Live | None) -> Change:
        """Plan one tag again after a fresh read."""
        (entry,) = (entry for entry in self.undo.entries if entry.key == desired.key)
        return self.change(entry, live)

    def change(self, entry: Entry, live: Live | None) -> Change:
        """Decide what brings one tag back."""
        origin = Origin(self.file, entry.line)
        if entry.wrote == "no":
            return Unchanged(entry.key, NOT_WRITTEN, origin, live.image if live else NO_IMAGE, live=live)
        if entry.before is None:
            return _removal(entry, live, origin, self.undo.owner)
        if entry.before.spec is None:
            return Skip(entry.key, "not put back", origin, vetoes=(PUSHED,), live=live)
        return self._put_back(entry, self._pinned(entry.before), live, origin)

    def _put_back(self, entry: Entry, before: Before, live: Live | None, origin: Origin) -> Change:
        desired = Desired(entry.key, imagestreamtag.fields_of(before.annotations, before.spec or {}), origin)
        if live is None:
            return _creation(entry, before, desired)
        values = _differences(before, live)
        if not values:
            return Unchanged(entry.key, AS_BEFORE, origin, live.image, live=live, desired=desired)
        if not _as_the_run_left_it(entry, live, self.undo.owner):
            return Skip(entry.key, "not put back", origin, live.image, vetoes=(MOVED,), live=live, desired=desired)
        return _update(live, values, desired)

    def shortfalls(self, outcomes: Mapping[ObjectKey, Outcome]) -> tuple[Problem, ...]:
        """Say what did not come back: history always, an image where the registry has moved on."""
        problems = []
        for entry in self.undo.entries:
            outcome = outcomes.get(entry.key)
            if entry.before is None or outcome is None or outcome.result not in ("created", "configured"):
                continue
            image, key = outcome.image, entry.key
            if entry.before.digest and image and image.digest and image.digest != entry.before.digest:
                message = f"its image was {entry.before.digest} and is {image.digest} now: the registry has moved on"
                problems.append(_warning("image-moved", message, "--pin puts back the digest itself", key))
            if outcome.result == "created":
                message = "its history of images and its generation did not come back"
                problems.append(_warning("history-lost", message, "", key))
        return tuple(problems)

    def _pinned(self, before: Before) -> Before:
        reference = (before.spec or {}).get("from") or {}
        if not (self.pin and before.digest and before.spec and reference.get("kind") == "DockerImage"):
            return before
        repository = _repository(reference["name"])
        pinned = {**before.spec, "from": {**reference, "name": f"{repository}@{before.digest}"}}
        return dataclasses.replace(before, spec=pinned)


def _warning(code: str, message: str, hint: str, key: ObjectKey) -> Problem:
    return Problem(Severity.WARNING, code, message, hint, namespace=key.namespace, name=key.name)


def _creation(entry: Entry, before: Before, desired: Desired) -> Change:
    """Make again what the run pruned; a tag that it left, and that somebody deleted since, has moved."""
    if entry.after is not None:
        return Skip(entry.key, "not put back", desired.origin, vetoes=(MOVED,), desired=desired)
    body = imagestreamtag.new_object(entry.key, desired.fields, before.annotations)
    request = Request("POST", imagestreamtag.tags_path(entry.key.namespace), requests.JSON, body)
    return Create(entry.key, "the run pruned it", desired.origin, requests=(request,), desired=desired)


def _removal(entry: Entry, live: Live | None, origin: Origin, owner: str) -> Change:
    """Remove what the run made, if it is proven that it did, and the tag is still just that."""
    if live is None:
        return Unchanged(entry.key, AS_BEFORE, origin)
    mark = imagestreamtag.protection_of(live)
    moved = {**imagestreamtag.DEFAULTS, **imagestreamtag.live_fields(live)} != {
        **imagestreamtag.DEFAULTS,
        **(entry.after or {}),
    }
    moved = moved or imagestreamtag.owner_of(live) != (owner, True)
    vetoes = ((MOVED, moved), (UNPROVEN, entry.wrote != "yes"), (Veto("protected", f"it is protected by {mark}"), mark))
    if veto := next((veto for veto, holds in vetoes if holds), None):
        return Skip(entry.key, "the run made it", origin, live.image, vetoes=(veto,), live=live)
    sent = (requests.prune_request(live),)
    return Prune(entry.key, "the run made it", origin, live.image, requests=sent, live=live)


def _without_followed(changes: Iterable[Change], live: Mapping[ObjectKey, Live]) -> list[Change]:
    """Leave each tag that is to be removed and that a staying tag follows (rule 4)."""
    planned = {change.key: change for change in changes}
    vetoes = followed_vetoes({key for key, change in planned.items() if isinstance(change, Prune)}, live, planned)
    for key, veto in vetoes.items():
        one = planned[key]
        planned[key] = Skip(key, one.reason, one.origin, one.image, vetoes=(veto,), live=one.live)
    return list(planned.values())


def _differences(before: Before, live: Live) -> dict[str, Json]:
    """Give the values that bring back spec and annotations exactly, marks included; None removes."""

    def everything(annotations: Mapping[str, str], spec: Mapping[str, Json]) -> dict[str, Json]:
        noted = {imagestreamtag.annotation_path(name): value for name, value in annotations.items()}
        return {**imagestreamtag.DEFAULTS, **imagestreamtag.fields_of({}, spec), **noted}

    was, now = everything(before.annotations, before.spec or {}), everything(live.annotations, live.spec or {})
    return {path: was.get(path) for path in sorted({*was, *now}) if was.get(path) != now.get(path)}


def _as_the_run_left_it(entry: Entry, live: Live, owner: str) -> bool:
    if entry.after is None or imagestreamtag.owner_of(live) != (owner, True):
        return False
    now = {**imagestreamtag.DEFAULTS, **imagestreamtag.live_fields(live)}
    left = {**imagestreamtag.DEFAULTS, **entry.after}
    return all(now.get(path) == value for path, value in left.items() if path in entry.after)


def _update(live: Live, values: Mapping[str, Json], desired: Desired) -> Update:
    own = {imagestreamtag.annotation_path(name) for name in imagestreamtag.OWN_ANNOTATIONS}
    now = {**imagestreamtag.DEFAULTS, **imagestreamtag.live_fields(live)}
    fields = tuple(
        FieldChange(path, Cause.UNDO, now.get(path), now.get(path), value)
        for path, value in values.items()
        if path not in own
    )
    guards = [requests.FROM, *values, imagestreamtag.annotation_path(imagestreamtag.OWNER)]
    body = patch(imagestreamtag.document_of(live), values, dict.fromkeys(guards))
    request = Request("PATCH", imagestreamtag.tag_path(live.key), requests.JSON_PATCH, body)
    return Update(
        live.key,
        "the run changed it",
        desired.origin,
        live.image,
        fields,
        requests=(request,),
        live=live,
        desired=desired,
    )


def _repository(pull_spec: str) -> str:
    """Cut tag and digest off a pull spec; a colon before a slash belongs to a port."""
    name = pull_spec.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"
