"""ImageStreamTags: views of one tag of an ImageStream, and the requests that change the stream through them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from syncer.localapi import statuses, validation
from syncer.localapi.images import Images, shown_image
from syncer.localapi.kinds import OBJECT_META
from syncer.localapi.schema import Walk
from syncer.localapi.streams import Stream, ordered_meta
from syncer.localapi.tagevents import latest
from syncer.localapi.values import IMAGE_API, Doc, clone, timestamp

if TYPE_CHECKING:
    from syncer.localapi.imagestreams import Call, ImageStreams
    from syncer.localapi.statuses import Cause

RESOURCE = "imagestreamtags"
_UNCHANGEABLE = (
    "name",
    "generateName",
    "namespace",
    "uid",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "ownerReferences",
    "finalizers",
    "managedFields",
)

Change = Callable[[Doc], Doc]
"""Makes the wanted tag from the present one: a replacement ignores it, a patch is applied to it."""


def split_name(name: str) -> tuple[str, str]:
    """Return stream and tag of a name that is to be read, changed or deleted. Raises 400 (fact 13)."""
    stream, _, tag = name.partition(":")
    if "@" in name or name.count(":") != 1 or not stream or not tag:
        raise statuses.bad_request("ImageStreamTags must be retrieved with <name>:<tag>")
    return stream, tag


def view(stream: Stream, tag: str, image: Doc | None, *, allow_empty: bool = False) -> Doc | None:
    """Return the tag as the API shows it, without kind and apiVersion; None when it has no image and must have one."""
    event = latest(stream.history, tag)
    if event is None or not event["image"]:
        if not allow_empty:
            return None
        event = {
            "created": stream.meta.get("creationTimestamp"),
            "dockerImageReference": "",
            "image": "",
            "generation": 0,
        }
    reference = stream.tags.get(tag)
    annotations = (reference or {}).get("annotations") or {}
    meta = {
        "name": f"{stream.name}:{tag or 'latest'}",
        "namespace": stream.namespace,
        "uid": stream.meta.get("uid"),
        "resourceVersion": stream.version,
        "creationTimestamp": event["created"],
        "labels": stream.meta.get("labels"),
        "annotations": annotations,
    }
    doc: Doc = {
        "metadata": ordered_meta(meta),
        "tag": {**reference, "name": tag} if reference else None,
        "generation": event["generation"],
        "lookupPolicy": stream.spec["lookupPolicy"],
    }
    if conditions := stream.conditions(tag):
        doc["conditions"] = conditions
    doc["image"] = shown_image(image, event["image"], _pull_spec(stream, reference, event), annotations)
    return doc


def _pull_spec(stream: Stream, reference: Doc | None, event: Doc) -> str:
    """Return what to pull: the internal registry's copy where the reference policy is Local, else the source."""
    if reference and reference["referencePolicy"]["type"] == "Local" and event["image"]:
        return f"{stream.repository}@{event['image']}"
    return str(event["dockerImageReference"])


def views(stream: Stream, *, spec_only: bool = False) -> Iterator[Doc]:
    """Yield the tags of a stream as a list shows them: those with an image (fact 2), or all of them."""
    names = sorted({*stream.history, *stream.tags}) if spec_only else sorted(stream.history)
    for name in names:
        doc = view(stream, name, None, allow_empty=spec_only)
        if doc is not None:
            yield doc


def headed(doc: Doc) -> Doc:
    """Return a tag as a document of its own, with kind and apiVersion."""
    return {"kind": "ImageStreamTag", "apiVersion": IMAGE_API, **doc}


class ImageStreamTags:
    """The registry of ImageStreamTags. `spec_only` also shows tags that have no image, as the reference page has it."""

    def __init__(self, streams: ImageStreams, images: Images, *, spec_only: bool = False) -> None:
        self._streams = streams
        self._images = images
        self._spec_only = spec_only

    def get(self, namespace: str, name: str, call: Call) -> Doc:
        """Return one tag with its image. Raises 400 and 404."""
        stream_name, tag = split_name(name)
        stream = self._streams.get(namespace, stream_name, call)
        known = tag in stream.tags or tag in stream.history
        doc = view(stream, tag, self._image(stream, tag), allow_empty=self._spec_only and known)
        if doc is None:
            raise statuses.not_found(RESOURCE, name)
        return headed(doc)

    def _image(self, stream: Stream, tag: str) -> Doc | None:
        event = latest(stream.history, tag)
        return self._images.find(event["image"]) if event and event["image"] else None

    def create(self, namespace: str, wanted: Doc, call: Call) -> Doc:
        """Add a tag to a stream, which is made if need be. Raises 400, 409, 422 and 500 (fact 13)."""
        meta = wanted["metadata"]
        _prepare_create(wanted)
        _check_create(wanted)
        stream_name, colon, tag = meta["name"].partition(":")
        tag = tag or "latest"
        if not colon:
            raise statuses.plain_error(f'"{meta["name"]}" must be of the form <stream_name>:<tag>')
        stream = self._find(namespace, stream_name, call)
        if tag in stream.tags:
            raise statuses.already_exists("imagestreamtag", meta["name"])
        if wanted["tag"] is not None:
            stream.tags[tag] = {**wanted["tag"], "name": tag}
        stored = self._save(stream, call)
        return headed(view(stored, tag, self._image(stored, tag), allow_empty=True) or {})

    def _find(self, namespace: str, name: str, call: Call) -> Stream:
        if not name:
            return self._streams.get(namespace, name, call)
        return self._streams.find(namespace, name) or Stream.empty(namespace, name)

    def _save(self, stream: Stream, call: Call) -> Stream:
        if stream.version:
            return self._streams.update(stream, call, internal=True)
        return self._streams.create(stream, call)

    def update(self, namespace: str, name: str, change: Change, call: Call) -> tuple[Doc, bool]:
        """Replace or patch a tag; make it, and its stream, where it is absent (fact 3). Tell whether it was made.

        Raises 400, 404, 409 and 422, and whatever `change` raises.
        """
        stream_name, tag = split_name(name)
        stream = self._streams.find(namespace, stream_name) or Stream.empty(namespace, stream_name)
        fresh = not stream.version
        if fresh:
            stream.meta.update(uid=str(uuid.uuid4()), creationTimestamp=timestamp(call.now))
        old = view(stream, tag, None, allow_empty=True) or {}
        wanted = change(headed(clone(old)))
        _check_version(wanted["metadata"], stream, name)
        if stream.meta.get("labels") and not wanted["metadata"].get("labels"):
            wanted["metadata"]["labels"] = stream.meta["labels"]
        if fresh:
            _prepare_create(wanted)
            _check_create(wanted)
        else:
            _check_update(wanted, old)
        existed = tag in stream.tags
        reference = wanted["tag"] or stream.tags.get(tag)
        if reference is None:
            where = f"{namespace}/{stream_name}"
            raise statuses.bad_request(
                f"imagestreamtag {tag} is not a spec tag in imagestream {where}, cannot be updated"
            )
        annotations = wanted["metadata"].get("annotations") or None
        stream.tags[tag] = {**reference, "name": tag, "annotations": annotations}
        stored = self._save(stream, call)
        return headed(view(stored, tag, self._image(stored, tag), allow_empty=True) or {}), not existed

    def delete(self, namespace: str, name: str, uid: str | None, call: Call) -> None:
        """Remove a tag with its image and history; `uid` is a precondition unless it is None (fact 8)."""
        stream_name, tag = split_name(name)
        stream = self._streams.get(namespace, stream_name, call)
        if uid is not None and uid != stream.meta["uid"]:
            raise statuses.conflict(RESOURCE, name, "the UID precondition was not met")
        if tag not in stream.tags and tag not in stream.history:
            raise statuses.not_found(RESOURCE, name)
        stream.tags.pop(tag, None)
        stream.history.pop(tag, None)
        self._streams.update(stream, call, internal=True)


def _prepare_create(wanted: Doc) -> None:
    wanted.pop("conditions", None)
    meta = wanted["metadata"]
    for key in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"):
        meta.pop(key, None)


def _check_create(wanted: Doc) -> None:
    meta, tag = wanted["metadata"], wanted["tag"]
    if meta.get("generateName") and not meta.get("name"):
        raise statuses.internal_error("metadata.name was not generated")
    causes = validation.object_meta(meta, validation.path_segment)
    if tag is not None:
        causes += validation.tag_reference(tag, "tag")
        causes += _annotations_twice(tag.get("annotations"), meta.get("annotations"))
    if causes:
        raise statuses.invalid("ImageStreamTag", meta.get("name", ""), causes)


def _annotations_twice(on_tag: Doc | None, on_meta: Doc | None) -> list[Cause]:
    """Return the cause for annotations on the tag that are not those of the metadata (fact 4)."""
    if on_tag and on_tag != (on_meta or {}):
        message = "tag annotations must not be provided or must be equal to the object meta annotations"
        return [statuses.invalid_value("tag.annotations", "<map>", message)]
    return []


def _check_version(meta: Doc, stream: Stream, name: str) -> None:
    """Refuse a resourceVersion other than the stream's; give one where there is none: that write is unconditional."""
    if not meta.get("resourceVersion"):
        meta["resourceVersion"] = stream.version
    elif not stream.version:
        raise statuses.not_found(RESOURCE, name)
    elif meta["resourceVersion"] != stream.version:
        why = f"another caller has updated the resource version to {stream.version}"
        raise statuses.conflict(RESOURCE, meta.get("name", name), why)


def _tracks_fields(entry: Doc) -> bool:
    known = entry.get("operation") in ("Apply", "Update") and entry.get("fieldsType") == "FieldsV1"
    return known and bool(entry.get("apiVersion"))


def _check_update(wanted: Doc, old: Doc) -> None:
    meta, tag = wanted["metadata"], wanted["tag"]
    before = OBJECT_META.decode(old["metadata"], Walk())
    meta["uid"] = meta.get("uid") or before.get("uid")
    if not all(map(_tracks_fields, meta.get("managedFields") or ())):
        # What cannot be read is taken for what was there: none, for a tag has no managed fields.
        del meta["managedFields"]
    for key in ("creationTimestamp", "generation"):
        meta.pop(key, None)
        if key in before:
            meta[key] = before[key]
    causes = validation.object_meta(meta, validation.path_segment)
    causes += validation.object_meta_update(meta, before)
    causes += validation.object_meta_update(meta, before)
    if tag is not None:
        causes += validation.tag_reference(tag, "tag")
    if any(meta.get(key) != before.get(key) for key in _UNCHANGEABLE):
        causes.append(statuses.invalid_value("metadata", "", "may not update fields other than metadata.annotations"))
    if causes:
        raise statuses.invalid("ImageStreamTag", meta.get("name", ""), causes)
