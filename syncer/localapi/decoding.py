"""Reads request bodies: content type, JSON or YAML, the kind, and strictness by the `fieldValidation` parameter."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped]

from syncer.localapi import statuses
from syncer.localapi.kinds import IMAGE_KINDS
from syncer.localapi.protobuf import MAGIC, PROTOBUF_TYPE, parse_protobuf
from syncer.localapi.schema import Pairs, Struct, Walk, WrongType, pairs_hook
from syncer.localapi.values import GROUP, IMAGE_API, Doc

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_BODY = 3 * 1024 * 1024
"""The longest body the server reads, in bytes."""

_SUMMARY = 30
_META = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'


@dataclass(frozen=True)
class Decoded:
    """A typed object, and the warnings to send along."""

    doc: Doc
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Expected:
    """What a path takes: the type, its group version, and how strictly unknown fields are looked at."""

    struct: Struct
    kind: str
    api_version: str = IMAGE_API
    strictness: str = "Warn"


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Leaves times as texts, as JSON has them, and remembers keys that are there twice."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as in the base class
        first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Iterable[Pairs]:
    keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
    pairs = Pairs()
    pairs.duplicates = tuple(key for index, key in enumerate(keys) if key in keys[:index])
    yield pairs
    pairs.update(loader.construct_mapping(node))


_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)


class NotJson(Exception):  # noqa: N818 - it is the decoder's verdict, not our failure
    """The text is no JSON; the message is the Go decoder's, as far as it is worth imitating."""


def parse_json(text: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Return the JSON value, its objects as `Pairs`, or raise `NotJson`."""
    try:
        return json.loads(text, object_pairs_hook=pairs_hook, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise NotJson("invalid character looking for beginning of value") from error
    except RecursionError as error:
        raise NotJson("exceeded max depth") from error
    except json.JSONDecodeError as error:
        raise NotJson(_go_syntax_error(error)) from error


def _no_constant(name: str) -> None:
    raise NotJson(f"invalid character '{name[0]}' looking for beginning of value")


def _go_syntax_error(error: json.JSONDecodeError) -> str:
    rest = error.doc[error.pos :].lstrip()
    if not rest or error.msg.startswith("Unterminated"):
        return "unexpected end of JSON input"
    expecting = {
        "Expecting property name enclosed in double quotes": "looking for beginning of object key string",
        "Expecting ':' delimiter": "after object key",
        "Expecting ',' delimiter": "after object key:value pair",
        "Extra data": "after top-level value",
    }
    where = expecting.get(error.msg, "looking for beginning of value")
    return f"invalid character '{rest[0]}' {where}"


def parse_yaml(text: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Return what the first document of a YAML text says, as JSON would have it, or raise `NotJson`."""
    try:
        return _as_json(next(yaml.load_all(text, Loader=_Loader), None))
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, TypeError, RecursionError) as error:
        raise NotJson(f"error converting YAML to JSON: yaml: {' '.join(str(error).split())}") from error


def _as_json(value: Any) -> Any:  # noqa: ANN401 - any YAML value
    """Return a value with texts as keys, and texts for what JSON has no type for."""
    if isinstance(value, dict):
        pairs = Pairs({_key(key): _as_json(item) for key, item in value.items()})
        pairs.duplicates = value.duplicates if isinstance(value, Pairs) else ()
        return pairs
    if isinstance(value, list):
        return [_as_json(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"json: unsupported value: {value}")
    return value if isinstance(value, str | int | float | None) else str(value)


def _key(key: object) -> str:
    return key if isinstance(key, str) else json.dumps(key)


def media_type(content_type: str) -> str:
    """Return a Content-Type without its parameters, lower case."""
    return content_type.split(";", 1)[0].strip().lower()


def read_body(body: bytes, content_type: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return what a body says, whatever it is written in. Raises `NotJson`, and 415."""
    kind = media_type(content_type) or "application/json"
    if kind == "application/json":
        return parse_json(body)
    if kind == "application/yaml":
        return parse_yaml(body)
    if kind != PROTOBUF_TYPE:
        raise statuses.unsupported_body()
    if not body.startswith(MAGIC):
        raise NotJson("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    try:
        return parse_protobuf(body)
    except ValueError as error:
        raise statuses.unsupported_body() from error


def decode_body(body: bytes, content_type: str, expected: Expected) -> Decoded:
    """Return the body as the expected kind. Raises `StatusError`: 400 or 415, with the server's texts."""
    try:
        value = read_body(body, content_type)
    except NotJson as error:
        raise _unrecognized(expected, f"couldn't get version/kind; json parse error: {error}", body) from error
    _check_kind(value, expected, body)
    return decode_value(value, expected)


def _unrecognized(expected: Expected, why: str, body: bytes) -> statuses.StatusError:
    if not body:
        summary = "<empty>"
    elif body[:1] == b"{":
        text = body.decode(errors="replace")
        summary = text if len(text) <= _SUMMARY else f"{text[:_SUMMARY]} ..."
    else:
        summary = body.hex() if len(body) <= _SUMMARY else f"{body[:_SUMMARY].hex()} ..."
    return statuses.bad_request(
        f"the object provided is unrecognized (must be of type {expected.kind}): {why} ({summary})"
    )


def _check_kind(value: Any, expected: Expected, body: bytes) -> None:  # noqa: ANN401 - any JSON value
    """Refuse what names another kind or version; what names none is taken for the expected one."""
    if not isinstance(value, dict):
        name = {bool: "bool", str: "string", int: "number", float: "number", list: "array"}.get(type(value))
        if name:
            why = f"json: cannot unmarshal {name} into Go value of type {_META}"
            raise _unrecognized(expected, f"couldn't get version/kind; json parse error: {why}", body)
        return
    kind, version = value.get("kind") or "", value.get("apiVersion") or ""
    if not isinstance(kind, str) or not isinstance(version, str):
        why = "json: cannot unmarshal number into Go struct field .kind of type string"
        raise _unrecognized(expected, f"couldn't get version/kind; json parse error: {why}", body)
    kind, version = kind or expected.kind, version or expected.api_version
    if version == expected.api_version and kind == expected.kind:
        return
    if version == "v1" and kind == expected.kind:
        raise statuses.bad_request(
            f"the API version in the data ({version}) does not match the expected API version ({expected.api_version})"
        )
    raise _cannot_handle(kind, version, expected)


def _cannot_handle(kind: str, version: str, expected: Expected) -> statuses.StatusError:
    short = version.rsplit("/", 1)[-1]
    if version in (IMAGE_API, "v1") and kind in IMAGE_KINDS:
        why = f"converting ({short}.{kind}) to (image.{expected.kind}): unknown conversion"
    else:
        why = f'no kind "{kind}" is registered for version "{version}" in scheme "pkg/runtime/scheme.go:110"'
    return statuses.bad_request(f'{kind} in version "{short}" cannot be handled as a {expected.kind}: {why}')


def decode_value(value: Mapping[str, Any] | None, expected: Expected) -> Decoded:
    """Return a JSON object as the expected kind; strict errors are refused, warned of, or ignored."""
    walk = Walk()
    version = expected.api_version.rsplit("/", 1)[-1]
    head = f'{expected.kind} in version "{version}" cannot be handled as a {expected.kind}'
    try:
        doc = expected.struct.decode(value or {}, walk)
    except WrongType as error:
        raise statuses.bad_request(f"{head}: {error}") from error
    if expected.strictness == "Strict" and walk.strict:
        raise statuses.bad_request(f"{head}: strict decoding error: {', '.join(walk.strict)}")
    doc.pop("kind", None)
    doc.pop("apiVersion", None)
    return Decoded(doc, warnings_of(walk.strict, expected.strictness))


def warnings_of(strict: Iterable[str], strictness: str) -> tuple[str, ...]:
    """Return the texts to warn of: each once, and none when unknown fields are ignored."""
    return tuple(dict.fromkeys(strict)) if strictness == "Warn" else ()


def api_group(api_version: str) -> str:
    """Return the group of `group/version`; the core group has none."""
    return api_version.rsplit("/", 1)[0] if "/" in api_version else ""


__all__ = ["GROUP", "MAX_BODY", "Decoded", "Expected", "NotJson", "decode_body", "decode_value", "parse_json"]
