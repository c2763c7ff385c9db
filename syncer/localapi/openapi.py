"""Describes the API as OpenAPI 3, as far as kubectl reads it: `explain`, and whether `fieldValidation` is known.

The schemas are made from the types that the server decodes with, so that the two cannot differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.localapi import kinds
from syncer.localapi.schema import Many, Maybe, Raw, Scalar, Struct, Table, Time
from syncer.localapi.values import GROUP, IMAGE_API
from syncer.localapi.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncer.localapi.objects import Resource
    from syncer.localapi.schema import Type
    from syncer.localapi.values import Doc

INDEX_PATH = "/openapi/v3"

_RESOURCES = {
    "imagestreamtags": ("ImageStreamTag", kinds.IMAGE_STREAM_TAG, ("get", "put", "patch", "delete")),
    "imagestreams": ("ImageStream", kinds.IMAGE_STREAM, ("get", "put", "patch", "delete")),
}
_ACTIONS = {"get": "get", "put": "put", "patch": "patch", "delete": "delete", "post": "post"}
_PREFIX = "com.github.openshift.api.image.v1"


def document(path: str) -> Doc | None:
    """Return the index of the group documents, or one of these, by the path that it is read from; None elsewhere."""
    groups = {name: [each for each in WORKLOADS if _root(each) == name] for name in map(_root, WORKLOADS)}
    known = path.removeprefix(f"{INDEX_PATH}/")
    if path == INDEX_PATH:
        names = (f"apis/{IMAGE_API}", *groups)
        return {"paths": {name: {"serverRelativeURL": f"{INDEX_PATH}/{name}?hash=1"} for name in names}}
    if known == f"apis/{IMAGE_API}":
        return _image_group()
    return _plain_group(groups[known]) if known in groups else None


def _root(resource: Resource) -> str:
    return f"apis/{resource.api_version}" if resource.group else f"api/{resource.api_version}"


def _plain_group(resources: Iterable[Resource]) -> Doc:
    """Return the document of resources whose content the server does not look into."""
    schemas: Doc = {}
    paths: Doc = {}
    for each in resources:
        identity = {"group": each.group, "version": each.api_version.rpartition("/")[2], "kind": each.kind}
        open_ended = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        schemas[f"{_PREFIX}.{each.kind}"] = {**open_ended, "x-kubernetes-group-version-kind": [identity]}
        base = f"/{_root(each)}/namespaces/{{namespace}}/{each.plural}"
        paths[base] = {verb: _operation(verb, each.kind, identity) for verb in ("get", "post")}
        verbs = ("get", "put", "patch", "delete")
        paths[f"{base}/{{name}}"] = {verb: _operation(verb, each.kind, identity) for verb in verbs}
    return _whole(paths, schemas)


def _image_group() -> Doc:
    schemas: Doc = {}
    paths: Doc = {}
    for plural, (kind, struct, verbs) in _RESOURCES.items():
        identity = {"group": GROUP, "version": "v1", "kind": kind}
        schemas[f"{_PREFIX}.{kind}"] = {**_schema(struct), "x-kubernetes-group-version-kind": [identity]}
        base = f"/apis/{IMAGE_API}/namespaces/{{namespace}}/{plural}"
        paths[base] = {verb: _operation(verb, kind, identity) for verb in ("get", "post")}
        paths[f"{base}/{{name}}"] = {verb: _operation(verb, kind, identity) for verb in verbs}
    return _whole(paths, schemas)


def _whole(paths: Doc, schemas: Doc) -> Doc:
    info = {"title": "Local API", "version": "v1"}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}}


def _operation(verb: str, kind: str, identity: Doc) -> Doc:
    names = [] if verb == "get" else ["dryRun", "fieldManager", "fieldValidation"]
    text = {"type": "string"}
    reference = {"$ref": f"#/components/schemas/{_PREFIX}.{kind}"}
    return {
        "parameters": [{"name": name, "in": "query", "schema": text} for name in names],
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": reference}}}},
        "x-kubernetes-action": _ACTIONS[verb],
        "x-kubernetes-group-version-kind": identity,
    }


def _schema(of: Type) -> Doc:
    if isinstance(of, Struct):
        properties = {name: _schema(field.of) for name, field in of.fields.items()}
        return {"type": "object", "properties": properties}
    if isinstance(of, Maybe):
        return _schema(of.of)
    if isinstance(of, Many):
        return {"type": "array", "items": _schema(of.of)}
    if isinstance(of, Table):
        return {"type": "object", "additionalProperties": _schema(of.of)}
    return _leaf(of)


def _leaf(of: Type) -> Doc:
    if isinstance(of, Time):
        return {"type": "string", "format": "date-time"}
    if isinstance(of, Raw):
        return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    names = {str: {"type": "string"}, bool: {"type": "boolean"}, int: {"type": "integer", "format": "int64"}}
    return dict(names[of.python]) if isinstance(of, Scalar) else {}
