"""Reads the protobuf that kubectl sends for built-in kinds, and only for these: Namespaces and access reviews.

Field numbers are those of Kubernetes' published `generated.proto` files; the envelope is `runtime.Unknown`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from syncer.localapi.values import Doc

PROTOBUF_TYPE: Final = "application/vnd.kubernetes.protobuf"
MAGIC: Final = b"k8s\x00"

_ENTRY = {1: ("key", str), 2: ("value", str)}
_META = {1: ("name", str), 2: ("generateName", str), 11: ("labels", dict), 12: ("annotations", dict)}
_RESOURCE = dict(
    enumerate(((n, str) for n in ("namespace", "verb", "group", "version", "resource", "subresource", "name")), 1)
)
_REVIEW = {1: ("resourceAttributes", _RESOURCE), 2: ("nonResourceAttributes", {1: ("path", str), 2: ("verb", str)})}
_KINDS: Final[Mapping[str, Any]] = {
    "Namespace": {1: ("metadata", _META)},
    "SelfSubjectAccessReview": {1: ("metadata", _META), 2: ("spec", _REVIEW)},
}
_ENVELOPE = {1: ("type", {1: ("apiVersion", str), 2: ("kind", str)}), 2: ("raw", bytes)}


class BadProtobuf(ValueError):  # noqa: N818 - it is a verdict on the body
    """The bytes are no message, or one of a kind that is not read here."""


def parse_protobuf(data: bytes) -> Doc:
    """Return the object in a body that starts with `MAGIC`; empty texts are left out. Raises `BadProtobuf`."""
    envelope = _message(data.removeprefix(MAGIC), _ENVELOPE)
    head = envelope.get("type") or {}
    shape = _KINDS.get(head.get("kind", ""))
    if shape is None:
        raise BadProtobuf(f"no protobuf is read for {head.get('kind') or 'an object without a kind'}")
    return {**head, **_message(envelope.get("raw", b""), shape)}


def _message(data: bytes, shape: Mapping[int, tuple[str, Any]]) -> Doc:
    result: Doc = {}
    for number, value in _fields(data):
        name, of = shape.get(number, ("", None))
        if of is dict:
            entry = _message(value, _ENTRY)
            result.setdefault(name, {})[entry.get("key", "")] = entry.get("value", "")
        elif of is str:
            result.update({name: value.decode()} if value else {})
        elif of is not None:
            result[name] = value if of is bytes else _message(value, of)
    return result


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the bytes of every field; of one that is a number, nothing but the field's number."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        length = {0: 0, 1: 8, 5: 4}.get(tag & 7)
        if tag & 7 == 0:
            _, at = _varint(data, at)
        if length is None:
            length, at = _varint(data, at)
        if tag & 7 not in (0, 1, 2, 5) or at + length > len(data):
            raise BadProtobuf("the message is cut off")
        yield tag >> 3, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data):
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:  # noqa: PLR2004 - the bit that says there is more
            return value, at
    raise BadProtobuf("the message is cut off")
