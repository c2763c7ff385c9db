"""Turns answers into bytes: the form that Accept asks for (JSON, YAML, Table, metadata alone), pretty or not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml  # type: ignore[import-untyped]

from syncer.localapi import statuses
from syncer.localapi.lists import truth
from syncer.localapi.requests import Ask, ListAnswer, ObjectAnswer
from syncer.localapi.tables import partial, table

if TYPE_CHECKING:
    from syncer.localapi.values import Doc

JSON_TYPE = "application/json"
YAML_TYPE = "application/yaml"
_MEDIA_TYPES = (JSON_TYPE, YAML_TYPE, "application/vnd.kubernetes.protobuf")
_FORMS = ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")


@dataclass(frozen=True)
class Form:
    """What an answer looks like: its media type, and `Table` or `PartialObjectMetadata...` instead of the object.

    `api_version` is that of such a shape.
    """

    media_type: str = JSON_TYPE
    shape: str = ""
    api_version: str = "meta.k8s.io/v1"


def negotiate(accept: str) -> Form:
    """Return the first form in Accept that the server can give. Raises 406."""
    if not accept.strip():
        return Form()
    for part in _by_quality(accept):
        media, *parameters = (piece.strip() for piece in part.split(";"))
        pairs = dict(parameter.split("=", 1) for parameter in parameters if "=" in parameter)
        kind = {"*/*": JSON_TYPE, "application/*": JSON_TYPE}.get(media.lower(), media.lower())
        shape = pairs.get("as", "")
        if kind not in (JSON_TYPE, YAML_TYPE) or (shape and shape not in _FORMS):
            continue
        api_version = f"{pairs.get('g')}/{pairs.get('v')}"
        if shape and api_version not in ("meta.k8s.io/v1", "meta.k8s.io/v1beta1"):
            continue
        return Form(kind, shape, api_version) if shape else Form(kind)
    raise statuses.not_acceptable(f"only the following media types are accepted: {', '.join(_MEDIA_TYPES)}")


def _by_quality(accept: str) -> list[str]:
    def quality(part: str) -> float:
        for parameter in part.split(";")[1:]:
            key, _, value = parameter.strip().partition("=")
            if key == "q":
                try:
                    return -float(value)
                except ValueError:
                    return 0.0
        return -1.0

    return sorted(accept.split(","), key=quality)


def encode(answer: ObjectAnswer | ListAnswer, form: Form, ask: Ask) -> bytes:
    """Return the body of an answer in a form."""
    if isinstance(answer, ListAnswer):
        if not form.shape and form.media_type == JSON_TYPE and not truth(ask.query.get("pretty", [None])[0]):
            return answer.encoded()
        return _dump(_shaped_list(answer, form, ask), form, ask)
    doc = answer.doc
    if form.shape and doc.get("kind") not in ("Status", None) and "metadata" in doc:
        doc = _shaped(doc, form, ask)
    return _dump(doc, form, ask)


def _shaped(doc: Doc, form: Form, ask: Ask) -> Doc:
    if form.shape == "Table":
        version = doc["metadata"].get("resourceVersion")
        metadata = {"resourceVersion": version} if version else {}
        return table(str(doc["kind"]), [doc], metadata, ask.first("includeObject"), ask.now, form.api_version)
    if form.shape == "PartialObjectMetadataList":
        raise statuses.not_acceptable(f"you requested {form.shape}, but the requested object is not a list")
    return partial(doc, form.api_version)


def _shaped_list(answer: ListAnswer, form: Form, ask: Ask) -> Doc:
    docs = answer.docs()
    kind = answer.kind.removesuffix("List")
    if form.shape == "Table":
        return table(kind, docs, answer.metadata, ask.first("includeObject"), ask.now, form.api_version)
    if form.shape == "PartialObjectMetadata":
        raise statuses.not_acceptable(f"you requested {form.shape}, but the requested object is a list")
    if form.shape:
        items = [partial(doc, form.api_version) for doc in docs]
        return {"kind": form.shape, "apiVersion": form.api_version, "metadata": answer.metadata, "items": items}
    return {"kind": answer.kind, "apiVersion": answer.api_version, "metadata": answer.metadata, "items": docs}


def _dump(doc: Doc, form: Form, ask: Ask) -> bytes:
    if form.media_type == YAML_TYPE:
        return str(yaml.safe_dump(doc, allow_unicode=True)).encode()
    if truth(ask.query.get("pretty", [None])[0]):
        return f"{json.dumps(doc, indent=2, ensure_ascii=False)}\n".encode()
    return json.dumps(doc, separators=(",", ":"), ensure_ascii=False).encode()
