"""Answers requests for ImageStreams, their status, and ImageStreamMappings (a push)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.localapi import statuses, validation
from syncer.localapi.decoding import Expected, decode_body, media_type
from syncer.localapi.deleting import delete_options
from syncer.localapi.images import Images, pushed_metadata
from syncer.localapi.kinds import IMAGE_STREAM, IMAGE_STREAM_MAPPING
from syncer.localapi.lists import STREAM_FIELDS, check_read, list_options, page_of
from syncer.localapi.patching import APPLY_PATCH, PATCH_TYPES
from syncer.localapi.requests import Answer, Ask, ListAnswer, ObjectAnswer, WatchAnswer, call_of, write_options
from syncer.localapi.streams import Stream
from syncer.localapi.tagapi import match_name, match_namespace, patched_object, wiped
from syncer.localapi.tagevents import add_event, follow
from syncer.localapi.values import IMAGE_API, Doc, timestamp

if TYPE_CHECKING:
    from syncer.localapi.gate import NamespaceGate
    from syncer.localapi.imagestreams import Call, ImageStreams
    from syncer.localapi.store import Store

RESOURCE = "imagestreams"
KIND = "ImageStream"


def headed(stream: Stream) -> Doc:
    """Return a stream as a document of its own, with kind and apiVersion."""
    return {"kind": KIND, "apiVersion": IMAGE_API, **stream.doc()}


class StreamApi:
    """The verbs of ImageStreams."""

    def __init__(self, store: Store, streams: ImageStreams, gate: NamespaceGate) -> None:
        self._store = store
        self._streams = streams
        self._gate = gate

    def list(self, ask: Ask, namespace: str) -> Answer:
        """List or watch streams; the list pages truthfully."""
        options = list_options(ask.singles(), STREAM_FIELDS)
        if options.watch:
            return WatchAnswer(RESOURCE, namespace, options)
        page = page_of(self._store, RESOURCE, namespace, options)
        return ListAnswer("ImageStreamList", page.metadata(), page.versions)

    def deletecollection(self, ask: Ask, namespace: str) -> Answer:
        """Delete the streams of a namespace that the selectors pick; return them."""
        options, dry_run = list_options(ask.singles(), STREAM_FIELDS), delete_options(ask).dry_run
        page = page_of(self._store, RESOURCE, namespace, options)
        for version in page.versions:
            name = (version.doc or {})["metadata"]["name"]
            self._streams.delete(namespace, name, call_of(ask, RESOURCE, dry_run=dry_run))
        return ListAnswer("ImageStreamList", page.metadata(), page.versions)

    def get(self, ask: Ask, namespace: str, name: str) -> Answer:
        """Read one stream."""
        check_read(self._store, ask.first("resourceVersion"), ask.singles().get("export"))
        return ObjectAnswer(headed(self._streams.get(namespace, name, call_of(ask, RESOURCE))))

    def create(self, ask: Ask, namespace: str) -> Answer:
        """Create a stream with the tags in its spec; its status starts empty."""
        options = write_options(ask, "CreateOptions")
        decoded = decode_body(ask.body, ask.content_type, Expected(IMAGE_STREAM, KIND, strictness=options.strictness))
        doc = wiped(decoded.doc)
        match_namespace(doc, namespace)
        self._gate.check(namespace)
        call = call_of(ask, RESOURCE, dry_run=options.dry_run)
        return ObjectAnswer(headed(self._streams.create(Stream.of(doc), call)), 201, decoded.warnings)

    def update(self, ask: Ask, namespace: str, name: str, *, status: bool = False) -> Answer:
        """Replace the spec and metadata of a stream, or its status alone."""
        options = write_options(ask, "UpdateOptions")
        decoded = decode_body(ask.body, ask.content_type, Expected(IMAGE_STREAM, KIND, strictness=options.strictness))
        match_namespace(decoded.doc, namespace)
        match_name(decoded.doc, name)
        call = call_of(ask, RESOURCE, dry_run=options.dry_run)
        return ObjectAnswer(headed(self._save(decoded.doc, call, status=status)), 200, decoded.warnings)

    def _save(self, doc: Doc, call: Call, *, status: bool) -> Stream:
        meta = doc["metadata"]
        self._gate.check(meta["namespace"])
        old = self._streams.get(meta["namespace"], meta["name"], call)
        uid = meta.get("uid")
        if uid and uid != old.meta["uid"]:
            why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {old.meta['uid']}"
            raise statuses.conflict(RESOURCE, old.name, why)
        if status:
            return self._streams.update_status(Stream.of(doc), call)
        return self._streams.update(Stream.of(doc), call, internal=False)

    def patch(self, ask: Ask, namespace: str, name: str, *, status: bool = False) -> Answer:
        """Patch a stream, or its status alone. Server-side apply merges, and makes a stream that is absent."""
        kind = media_type(ask.content_type)
        if kind not in PATCH_TYPES:
            raise statuses.unsupported_patch()
        options = write_options(ask, "PatchOptions")
        call = call_of(ask, RESOURCE, dry_run=options.dry_run)
        expected = Expected(IMAGE_STREAM, KIND, strictness=options.strictness)
        warnings: list[str] = []
        fresh = kind == APPLY_PATCH and self._streams.find(namespace, name) is None
        old = Stream.empty(namespace, name) if fresh else self._streams.get(namespace, name, call)
        doc = patched_object(headed(old), ask, expected, warnings.extend)
        doc["metadata"].pop("managedFields", None)
        match_namespace(doc, namespace)
        match_name(doc, name)
        self._gate.check(namespace)
        if fresh:
            return ObjectAnswer(headed(self._streams.create(Stream.of(doc), call)), 201, tuple(warnings))
        return ObjectAnswer(headed(self._save(doc, call, status=status)), 200, tuple(warnings))

    def delete(self, ask: Ask, namespace: str, name: str) -> Answer:
        """Delete a stream with everything in it."""
        options = delete_options(ask)
        call = call_of(ask, RESOURCE, dry_run=options.dry_run)
        stream = self._streams.get(namespace, name, call)
        check_preconditions(RESOURCE, stream.meta, options.uid, options.version)
        self._streams.delete(namespace, name, call)
        details = {"name": name, "group": "image.openshift.io", "kind": RESOURCE, "uid": stream.meta["uid"]}
        return ObjectAnswer(statuses.success(details=details))


def check_preconditions(
    resource: str, meta: Doc, uid: str | None, version: str | None, group: str = "image.openshift.io"
) -> None:
    """Raise 409 when the object is not the one that was meant, or not as it was meant; None means any."""
    if uid is not None and uid != meta["uid"]:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {meta['uid']}"
        raise statuses.conflict(resource, meta["name"], why, group)
    if version is not None and version != meta["resourceVersion"]:
        pair = f"{version}, ResourceVersion in object meta: {meta['resourceVersion']}"
        why = f"Precondition failed: ResourceVersion in precondition: {pair}"
        raise statuses.conflict(resource, meta["name"], why, group)


class MappingApi:
    """Takes ImageStreamMappings: an image pushed to a tag, as `podman push` to the internal registry leaves it."""

    def __init__(self, streams: ImageStreams, images: Images, gate: NamespaceGate) -> None:
        self._streams = streams
        self._images = images
        self._gate = gate

    def create(self, ask: Ask, namespace: str) -> Answer:
        """Store the image and point the tag at it."""
        resource, kind = "imagestreammappings", "ImageStreamMapping"
        options = write_options(ask, "CreateOptions")
        decoded = decode_body(
            ask.body, ask.content_type, Expected(IMAGE_STREAM_MAPPING, kind, strictness=options.strictness)
        )
        doc = wiped(decoded.doc)
        match_namespace(doc, namespace)
        self._gate.check(namespace)
        _check_mapping(doc)
        call = call_of(ask, resource, dry_run=options.dry_run)
        stream = self._streams.get(namespace, doc["metadata"]["name"], call)
        if not options.dry_run:
            self.push(stream, doc["tag"], doc["image"], call)
        return ObjectAnswer(statuses.success(code=201), 201, decoded.warnings)

    def push(self, stream: Stream, tag: str, image: Doc, call: Call) -> None:
        """Store an image and put it on top of the history of a tag."""
        digest = image["metadata"]["name"]
        reference = image["dockerImageReference"]
        stored = {**image, "dockerImageMetadata": pushed_metadata(image.get("dockerImageMetadata"))}
        self._images.ensure(digest, stored, call.now)
        event = {
            "created": timestamp(call.now),
            "dockerImageReference": reference,
            "image": digest,
            "generation": stream.generation,
        }
        if add_event(stream.history, tag, event):
            follow(stream.name, stream.namespace, stream.tags, stream.history, tag)
            self._streams.update_status(stream, call)


def _check_mapping(doc: Doc) -> None:
    causes = validation.object_meta(doc["metadata"], validation.path_segment)
    if not doc["tag"]:
        causes.append(statuses.required("tag"))
    image = doc["image"]
    if not image["metadata"].get("name"):
        causes.append(statuses.required("image.metadata.name", "name or generateName is required"))
    reference = image.get("dockerImageReference", "")
    if not reference:
        causes.append(statuses.required("image.dockerImageReference"))
    elif why := validation.pull_spec_problem(reference):
        causes.append(statuses.invalid_value("image.dockerImageReference", reference, why))
    if causes:
        raise statuses.invalid("ImageStreamMapping", doc["metadata"].get("name", ""), causes)
