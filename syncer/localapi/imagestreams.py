"""ImageStreams: what the server does on create, update and delete of one. Tags are changed through these, too.

An update comes in two ways. By a client it cannot touch the status; by the server itself (`internal`: tag requests
and imports) it can, and then the tags that follow a changed tag in the same stream move along.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from syncer.localapi import statuses, validation
from syncer.localapi.statuses import Cause, StatusError
from syncer.localapi.streams import Stream
from syncer.localapi.tagevents import History, NoSuchImage, add_event, find_image, follow_changes, latest
from syncer.localapi.validation import path_segment
from syncer.localapi.values import REGISTRY, Doc, clone, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncer.localapi.store import Store

_FORM = "must be of the form <tag>, <repo>:<tag>, <id>, or <repo>@<id>"


@dataclass(frozen=True)
class Call:
    """What a request brings along: the time, dry run or not, the resource it named, and whom it may read."""

    now: float
    dry_run: bool = False
    resource: str = "imagestreams"
    may_pull: Callable[[str], bool] = lambda _namespace: True


def tag_changed(old: Doc, new: Doc, namespace: str) -> bool:
    """Tell whether a tag reference points elsewhere now, or asks for a new import (fact 11)."""
    source = new.get("from")
    if source is None or (not source.get("kind") and not source.get("name")):
        return False
    before = old.get("from") or {}
    if before.get("namespace", namespace) != source.get("namespace", namespace):
        return True
    if before.get("name", "") != source.get("name", ""):
        return True
    if old.get("reference", False) != new.get("reference", False):
        return True
    if old["importPolicy"].get("importMode") != new["importPolicy"].get("importMode"):
        return True
    generations = old.get("generation"), new.get("generation")
    return None not in generations and generations[0] != generations[1] and generations[1] == 0


def _split_source(stream: Stream, source: Doc) -> tuple[str, str] | None:
    """Return the stream and the tag (or image id) that a reference names; None when it does not."""
    separator = {"ImageStreamTag": ":", "ImageStreamImage": "@"}.get(source.get("kind", ""))
    parts = source.get("name", "").split(separator) if separator else []
    if len(parts) == 1:
        return stream.name, parts[0]
    return (parts[0], parts[1]) if len(parts) == 2 else None  # noqa: PLR2004 - stream and tag


class ImageStreams:
    """The registry of ImageStreams."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._table = store.table("imagestreams")

    def find(self, namespace: str, name: str) -> Stream | None:
        """Return a copy of the stream, or None."""
        doc = self._table.get(namespace, name)
        return Stream.of(doc) if doc is not None else None

    def get(self, namespace: str, name: str, call: Call) -> Stream:
        """Return a copy of the stream. Raises 400 for what cannot be a name, and 404."""
        if not name:
            raise statuses.bad_request("Name parameter required.")
        if reasons := path_segment(name):
            raise statuses.bad_request(f'Name parameter invalid: "{name}": {";".join(reasons)}')
        stream = self.find(namespace, name)
        if stream is None:
            raise statuses.not_found(call.resource, name)
        return stream

    def create(self, stream: Stream, call: Call) -> Stream:
        """Store a new stream; return it as stored, without a resourceVersion in a dry run."""
        if stream.meta.get("generateName") and not stream.name:
            stream.meta["name"] = f"{stream.meta['generateName']}{uuid.uuid4().hex[:5]}"
        stream.history = {}
        stream.meta["generation"] = 1
        stream.meta.setdefault("creationTimestamp", timestamp(call.now))
        for tag in stream.tags.values():
            tag["generation"] = 1
        causes = self._wrapped(None, stream, call) + validation.image_stream(stream.doc())
        if causes:
            raise statuses.invalid("ImageStream", stream.name, causes)
        if self._table.get(stream.namespace, stream.name) is not None:
            raise statuses.already_exists(call.resource, stream.name)
        doc = stream.doc()
        doc["metadata"].pop("resourceVersion", None)
        doc["metadata"].setdefault("uid", str(uuid.uuid4()))
        return Stream.of(doc if call.dry_run else self._store_doc(doc, call))

    def update(self, stream: Stream, call: Call, *, internal: bool) -> Stream:
        """Store a stream that is there already; return it as stored. A change of nothing writes nothing.

        Raises 409 when the resourceVersion is not the stored one, and 422.
        """
        old = self.get(stream.namespace, stream.name, call)
        self._check_version(stream, old, call)
        self._prepare(stream, old, internal=internal)
        for key in ("uid", "creationTimestamp"):
            stream.meta[key] = stream.meta.get(key) or old.meta.get(key)
        stream.meta["creationTimestamp"] = old.meta["creationTimestamp"]
        causes = validation.object_meta(stream.meta, path_segment)
        causes += validation.object_meta_update(stream.meta, old.meta)
        causes += self._wrapped(old, stream, call, internal=internal)
        causes += validation.object_meta_update(stream.meta, old.meta)
        causes += validation.image_stream(stream.doc())
        if causes:
            raise statuses.invalid("ImageStream", stream.name, causes)
        doc = stream.doc()
        if doc == old.doc():
            return old
        return Stream.of(doc if call.dry_run else self._store_doc(doc, call))

    def update_status(self, stream: Stream, call: Call) -> Stream:
        """Store a new status; the spec stays as it is. A new event without a generation gets the stream's."""
        old = self.get(stream.namespace, stream.name, call)
        self._check_version(stream, old, call)
        stream.tags, stream.spec = clone(old.tags), clone(old.spec)
        stream.meta["generation"] = old.generation
        for entry in stream.history.values():
            if entry["items"] and not entry["items"][0]["generation"]:
                entry["items"][0]["generation"] = old.generation
        doc = stream.doc()
        return old if doc == old.doc() else Stream.of(doc if call.dry_run else self._store_doc(doc, call))

    def delete(self, namespace: str, name: str, call: Call) -> None:
        """Remove a stream with all its tags."""
        self.get(namespace, name, call)
        if not call.dry_run:
            self._table.delete(namespace, name, call.now)

    def _store_doc(self, doc: Doc, call: Call) -> Doc:
        return self._table.put(doc, call.now)

    def _check_version(self, stream: Stream, old: Stream, call: Call) -> None:
        if not stream.version or stream.version == "0":
            cause = Cause(
                "metadata.resourceVersion", "FieldValueInvalid", "Invalid value: 0x0: must be specified for an update"
            )
            raise statuses.invalid(call.resource, stream.name, [cause])
        if not stream.version.isdecimal():
            why = f'strconv.ParseUint: parsing "{stream.version}": invalid syntax'
            raise statuses.plain_error(f'resourceVersion: Invalid value: "{stream.version}": {why}')
        if stream.version != old.version:
            why = "the object has been modified; please apply your changes to the latest version and try again"
            raise statuses.conflict(call.resource, stream.name, why)

    def _prepare(self, stream: Stream, old: Stream, *, internal: bool) -> None:
        """Set the generations: of the stream when its spec changes, of a tag when it points elsewhere."""
        if not internal:
            stream.history = clone(old.history)
        for name in [n for n, e in stream.history.items() if not e["items"] and not e.get("conditions")]:
            del stream.history[name]
        for name, tag in stream.tags.items():
            if tag.get("generation") != 0 and name in old.tags:
                tag["generation"] = old.tags[name]["generation"]
        changed = stream.spec != old.spec or stream.tags != old.tags or old.generation == 0
        stream.meta["generation"] = old.generation + changed
        for name, tag in stream.tags.items():
            before = old.tags.get(name)
            fresh = before is None or tag_changed(before, tag, stream.namespace)
            if fresh or not tag.get("generation"):
                tag["generation"] = stream.generation

    def _wrapped(self, old: Stream | None, stream: Stream, call: Call, *, internal: bool = True) -> list[Cause]:
        """Return what is wrong with the references, as the one internal error that the server makes of it (fact 10)."""
        causes = self._forbidden(old, stream, call)
        causes += self._resolve(old, stream, call)
        # A client's update shares its status with the stored stream, so that nothing in it counts as changed.
        if internal:
            follow_changes(stream.name, stream.namespace, stream.tags, stream.history, old.history if old else None)
        if not causes:
            return []
        text = statuses.invalid_text("imagestreams", stream.name, causes)
        return [Cause("[]", "InternalError", f"Internal error: {text}")]

    def _changed(self, old: Stream | None, stream: Stream, name: str, tag: Doc) -> bool:
        before = old.tags.get(name) if old else None
        # The generation was set before this comparison, so a request to import again does not count here.
        return before is None or tag_changed(before, tag, stream.namespace)

    def _forbidden(self, old: Stream | None, stream: Stream, call: Call) -> list[Cause]:
        """Return causes for references into namespaces whose images the user may not pull."""
        causes = []
        for name, tag in stream.tags.items():
            source = tag.get("from") or {}
            namespace = source.get("namespace", "")
            if namespace in ("", stream.namespace) or not self._changed(old, stream, name, tag):
                continue
            parts = _split_source(stream, source)
            if parts is None:
                causes.append(statuses.invalid_value(f"spec.tags[{name}].from.name", source.get("name", ""), _FORM))
            elif not call.may_pull(namespace):
                causes.append(statuses.forbidden_value(f"spec.tags[{name}].from", f'{namespace}/{parts[0]}: "" ""'))
        return causes

    def _resolve(self, old: Stream | None, stream: Stream, call: Call) -> list[Cause]:
        """Give every tag that points elsewhere now the image it points to, where there is one already."""
        causes = []
        for name, tag in list(stream.tags.items()):
            if tag.get("from") is None or not self._changed(old, stream, name, tag):
                continue
            causes += self._resolve_tag(stream, name, tag, call)
        return causes

    def _resolve_tag(self, stream: Stream, name: str, tag: Doc, call: Call) -> list[Cause]:
        source = tag["from"]
        if source.get("kind") == "DockerImage" and source.get("name"):
            if tag.get("reference"):
                event = {
                    "created": timestamp(call.now),
                    "dockerImageReference": source["name"],
                    "image": "",
                    "generation": stream.generation,
                }
                add_event(stream.history, name, event)
            return []
        field = f"spec.tags[{name}].from.name"
        parts = _split_source(stream, source)
        if parts is None:
            return [statuses.invalid_value(field, source.get("name", ""), _FORM)]
        namespace = source.get("namespace") or stream.namespace
        followed = stream
        if (namespace, parts[0]) != (stream.namespace, stream.name):
            try:
                followed = self.get(namespace, parts[0], call)
            except StatusError as error:
                if error.code == HTTPStatus.NOT_FOUND:
                    return [statuses.not_found_value(field, source["name"])]
                why = f"unable to retrieve image stream: {error}"
                return [statuses.invalid_value(field, source["name"], why)]
        return self._take(stream, name, followed, parts[1], call)

    def _take(self, stream: Stream, name: str, followed: Stream, wanted: str, call: Call) -> list[Cause]:
        """Copy the followed tag's newest image, or the image of that id, into the tag's history."""
        tag = stream.tags[name]
        if tag["from"]["kind"] == "ImageStreamTag":
            event = latest(followed.history, wanted)
        else:
            try:
                event = find_image(followed.history, wanted, timestamp(call.now))
            except NoSuchImage as error:
                field = f"spec.tags[{name}].from.name"
                text = f"error generating tag event: {error}"
                return [statuses.invalid_value(field, tag["from"]["name"], text)]
        if event is None:
            return []
        # The server writes the generation into the event it found. Within a stream that is the followed tag's own
        # event, so a tag's image gets the generation of the follower made last; a recording shows it.
        event["generation"] = stream.generation
        if not tag.get("reference"):
            inside = f"{REGISTRY}/{followed.namespace}/{followed.name}@"
            if event["dockerImageReference"].startswith(inside):
                event["dockerImageReference"] = f"{stream.repository}@{event['dockerImageReference'][len(inside) :]}"
        add_event(stream.history, name, dict(event))
        return []


__all__ = ["Call", "History", "ImageStreams", "StatusError", "tag_changed"]
