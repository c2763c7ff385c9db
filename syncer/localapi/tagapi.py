"""Answers requests for ImageStreamTags: decodes, checks options, calls the registry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from syncer.localapi import statuses
from syncer.localapi.decoding import Expected, decode_body, decode_value, media_type, warnings_of
from syncer.localapi.deleting import delete_options
from syncer.localapi.imagestreamtags import RESOURCE, Change, ImageStreamTags, views
from syncer.localapi.kinds import IMAGE_STREAM_TAG
from syncer.localapi.lists import check_read, list_options, page_of
from syncer.localapi.patching import (
    APPLY_PATCH,
    PATCH_TYPES,
    STRATEGIC_PATCH,
    apply_patch,
    load_patch,
    merge,
    strict_errors,
)
from syncer.localapi.requests import Answer, Ask, ListAnswer, ObjectAnswer, WriteOptions, call_of, write_options
from syncer.localapi.schema import Struct, Walk, WrongType
from syncer.localapi.statuses import Cause, StatusError
from syncer.localapi.streams import Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncer.localapi.gate import NamespaceGate
    from syncer.localapi.store import Store
    from syncer.localapi.values import Doc

KIND = "ImageStreamTag"


def wiped(doc: Doc) -> Doc:
    """Return a decoded object without what only the server sets on create."""
    for key in ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"):
        doc["metadata"].pop(key, None)
    return doc


def match_namespace(doc: Doc, namespace: str) -> None:
    """Give an object the namespace of the request. Raises 400 when it names another one."""
    if doc["metadata"].setdefault("namespace", namespace) != namespace:
        raise statuses.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )


def match_name(doc: Doc, name: str) -> None:
    """Raise 400 when an object does not carry the name of the request."""
    given = doc["metadata"].get("name", "")
    if not given:
        raise statuses.bad_request(
            f"the name of the object ({name} based on URL) was undeterminable: name must be provided"
        )
    if given != name:
        raise statuses.bad_request(f"the name of the object ({given}) does not match the name on the URL ({name})")


def patched_object(old: Doc, ask: Ask, expected: Expected, warn: Callable[[tuple[str, ...]], None]) -> Doc:
    """Return an object after the patch in the request, decoded again. Raises 400, 415 and 422."""
    kind = media_type(ask.content_type)
    patch = load_patch(ask.body, kind, lenient=expected.strictness == "Ignore")
    strict = [] if expected.strictness == "Ignore" else strict_errors(patch, kind)
    if kind == APPLY_PATCH:
        return _applied(old, patch, expected)
    value = apply_patch(old, patch, kind)
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    if not isinstance(value, dict):
        raise invalid_patch(text, "json: cannot unmarshal into Go value")
    try:
        walk = Walk()
        doc = decode_patched(value, expected.struct, walk)
    except WrongType as error:
        raise invalid_patch(text, str(error)) from error
    if kind != STRATEGIC_PATCH:
        # A strategic merge never looks at kind and apiVersion: the server has the type already.
        _check_head(value, expected, text)
    strict += walk.strict
    if expected.strictness == "Strict" and strict:
        raise invalid_patch(text, f"strict decoding error: {', '.join(strict)}")
    warn(warnings_of(strict, expected.strictness))
    return doc


def decode_patched(value: Doc, struct: Struct, walk: Walk) -> Doc:
    """Return a patched document as its type, without kind and apiVersion."""
    doc = struct.decode(value, walk)
    doc.pop("kind", None)
    doc.pop("apiVersion", None)
    return doc


def _check_head(value: Doc, expected: Expected, text: str) -> None:
    kind, version = value.get("kind") or expected.kind, value.get("apiVersion") or expected.api_version
    if (kind, version) != (expected.kind, expected.api_version):
        raise invalid_patch(text, f'no kind "{kind}" is registered for version "{version}"')


def invalid_patch(text: str, why: str) -> StatusError:
    """Return the 422 for a patch whose result is no such object."""
    cause = Cause("patch", "FieldValueInvalid", f"Invalid value: {json.dumps(text, ensure_ascii=False)}: {why}")
    error = statuses.invalid("", "", [cause], group="")
    error.document["message"] = f' "" is invalid: patch: {cause.message}'
    return error


def _applied(old: Doc, patch: Doc, expected: Expected) -> Doc:
    """Return an object after server-side apply: merged, and with an owner of fields, which is what tags refuse."""
    if patch.get("apiVersion") != expected.api_version or patch.get("kind") != expected.kind:
        given = f"{patch.get('apiVersion') or ''}, Kind={patch.get('kind') or ''}"
        raise statuses.bad_request(
            f"invalid object type: {given}; expected {expected.api_version}, Kind={expected.kind}"
        )
    walk = Walk()
    try:
        decode_patched(patch, expected.struct, walk)
    except WrongType as error:
        raise statuses.plain_error(f"failed to create typed patch object: {error}") from error
    if (patch.get("metadata") or {}).get("managedFields"):
        raise statuses.bad_request("metadata.managedFields must be nil")
    if walk.strict:
        field = walk.strict[0].split('"')[1]
        raise statuses.plain_error(f"failed to create typed patch object: .{field}: field not declared in schema")
    doc = decode_value(merge(old, patch), expected).doc
    owner = {"manager": "apply", "operation": "Apply", "apiVersion": expected.api_version, "fieldsType": "FieldsV1"}
    doc["metadata"]["managedFields"] = [owner]
    return doc


class TagApi:
    """The verbs of ImageStreamTags."""

    def __init__(self, store: Store, tags: ImageStreamTags, gate: NamespaceGate) -> None:
        self.store = store
        self._tags = tags
        self._gate = gate

    def list(self, ask: Ask, namespace: str) -> Answer:
        """List the tags of the streams that the parameters pick: pages and selectors count streams (fact 1)."""
        options = list_options(ask.singles())
        if options.watch:
            raise statuses.verb_not_supported(RESOURCE, "watch")
        page = page_of(self.store, "imagestreams", namespace, options)
        items = [
            tag for version in page.versions for tag in views(Stream.of(version.doc or {})) if options.selects(tag)
        ]
        return ListAnswer("ImageStreamTagList", {}, items)

    def get(self, ask: Ask, namespace: str, name: str) -> Answer:
        """Read one tag."""
        check_read(self.store, ask.first("resourceVersion"), ask.singles().get("export"))
        return ObjectAnswer(self._tags.get(namespace, name, call_of(ask, RESOURCE)))

    def create(self, ask: Ask, namespace: str) -> Answer:
        """Create a tag."""
        options = write_options(ask, "CreateOptions")
        expected = Expected(IMAGE_STREAM_TAG, KIND, strictness=options.strictness)
        decoded = decode_body(ask.body, ask.content_type, expected)
        doc = wiped(decoded.doc)
        match_namespace(doc, namespace)
        self._gate.check(namespace)
        made = self._tags.create(namespace, doc, call_of(ask, RESOURCE, dry_run=options.dry_run))
        return ObjectAnswer(made, 201, decoded.warnings)

    def update(self, ask: Ask, namespace: str, name: str) -> Answer:
        """Replace a tag."""
        options = write_options(ask, "UpdateOptions")
        expected = Expected(IMAGE_STREAM_TAG, KIND, strictness=options.strictness)
        decoded = decode_body(ask.body, ask.content_type, expected)
        match_namespace(decoded.doc, namespace)
        match_name(decoded.doc, name)

        def change(_old: Doc) -> Doc:
            self._gate.check(namespace)
            return decoded.doc

        return self._save(ask, namespace, name, change, options, lambda: decoded.warnings)

    def patch(self, ask: Ask, namespace: str, name: str) -> Answer:
        """Patch a tag."""
        if media_type(ask.content_type) not in PATCH_TYPES:
            raise statuses.unsupported_patch()
        options = write_options(ask, "PatchOptions")
        expected = Expected(IMAGE_STREAM_TAG, KIND, strictness=options.strictness)
        warnings: list[str] = []

        def change(old: Doc) -> Doc:
            doc = patched_object(old, ask, expected, warnings.extend)
            match_namespace(doc, namespace)
            match_name(doc, name)
            self._gate.check(namespace)
            return doc

        return self._save(ask, namespace, name, change, options, lambda: tuple(warnings))

    def _save(  # noqa: PLR0913, PLR0917 - the parts of one request
        self,
        ask: Ask,
        namespace: str,
        name: str,
        change: Change,
        options: WriteOptions,
        warnings: Callable[[], tuple[str, ...]],
    ) -> Answer:
        call = call_of(ask, RESOURCE, dry_run=options.dry_run)
        doc, made = self._tags.update(namespace, name, change, call)
        return ObjectAnswer(doc, 201 if made else 200, warnings())

    def delete(self, ask: Ask, namespace: str, name: str) -> Answer:
        """Delete a tag."""
        options = delete_options(ask)
        call = call_of(ask, RESOURCE, dry_run=options.dry_run)
        self._tags.delete(namespace, name, options.uid, call)
        return ObjectAnswer(statuses.success())
