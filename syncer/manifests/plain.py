"""Manifests of the common shape → desired tags, fast; whatever is in any way unusual is left to the whole check.

This is a short cut and no second opinion: where it gives tags, the whole check gives the same ones and no problem;
a differential test holds it to that. So it reads only texts in which the parsers cannot differ (no anchors, aliases,
tags or escapes, no character that cannot be printed), and takes only values that the whole check has nothing to say
about: the classes below have no place for any other.
"""

from __future__ import annotations

import re
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, Any, Final, Literal

import yaml_rs
from msgspec import UNSET, Struct, UnsetType, ValidationError, convert, field

from syncer.imagestreamtag import API_VERSION, OWN_ANNOTATIONS, fields_of
from syncer.manifests import names
from syncer.model import Desired, ObjectKey, Origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from syncer.model import Blob, Json

_LARGEST: Final = 128 * 1024
"""Bytes of a file. Annotations in a smaller one cannot be larger than Kubernetes takes."""

_COMMON: Final = bytes(set(range(0x20, 0x7F)) - set(b"&*!|>?<\\`")) + b"\n"
_BLOCK: Final = re.compile(r"(?<=[:-] )[|>][-+]?$", re.MULTILINE)
_INDICATOR: Final = re.compile(r"(?:^|[\s\[{,:-])[&*!|>?<`]", re.MULTILINE)
_CONTENT: Final = re.compile(r"^ *[^ #\n]", re.MULTILINE)
_TAGS: Final = re.compile(r"^ +tags: *$", re.MULTILINE)
_ITEM: Final = re.compile(r"^( *)- +[^ #]", re.MULTILINE)
_NO_KEY: Final = re.compile(r"[\[{,] *:")
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")

_KINDS: Final = {
    "DockerImage": names.bad_pull_spec,
    "ImageStreamTag": names.bad_tag_reference,
    "ImageStreamImage": names.bad_image_reference,
}
_GROUP: Final = API_VERSION.partition("/")[0]
_CONCERNING: Final = frozenset({"ImageStreamTag", "ImageStream", "ImageStreamTagList", "ImageStreamList", "List"})


# A few namespaces and keys come with every tag, and a stream with several.
_bad_namespace: Final = lru_cache(1024)(names.bad_namespace)
_bad_stream: Final = lru_cache(1024)(names.bad_stream_in)
_bad_key: Final = lru_cache(1024)(names.bad_annotation_key)


class _Policy(Struct, forbid_unknown_fields=True, rename="camel"):
    insecure: bool = False
    scheduled: bool = False
    import_mode: Literal["Legacy", "PreserveOriginal"] = "Legacy"


class _Reference(Struct, forbid_unknown_fields=True):
    type: Literal["Source", "Local"] = "Local"


class _Stanza(Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """What a `tag` stanza may hold; nothing is null."""

    source: dict[Literal["kind", "name", "namespace"], str] = field(name="from")
    import_policy: _Policy = field(default_factory=_Policy)
    reference_policy: _Reference = field(default_factory=_Reference)
    reference: bool = False


class _Entry(_Stanza, kw_only=True):
    """What an entry of `spec.tags` may hold."""

    name: str
    annotations: dict[str, str] = {}


class _Metadata(Struct, forbid_unknown_fields=True):
    name: str
    namespace: str | UnsetType = UNSET
    annotations: dict[str, str] = {}


class _ImageStreamTag(Struct, forbid_unknown_fields=True, rename="camel"):
    api_version: Literal["image.openshift.io/v1"]
    kind: Literal["ImageStreamTag"]
    metadata: _Metadata
    tag: _Stanza


class _StreamSpec(Struct, forbid_unknown_fields=True):
    tags: list[_Entry]


class _ImageStream(Struct, forbid_unknown_fields=True, rename="camel"):
    api_version: Literal["image.openshift.io/v1"]
    kind: Literal["ImageStream"]
    metadata: _Metadata
    spec: _StreamSpec


class _UnusualError(Exception):
    """The whole check must look at it."""


class Plain(Struct):
    """What a file of the common shape holds: its tags in order, one perhaps twice, and documents of other kinds."""

    tags: list[Desired]
    ignored: int


def plain_tags(blob: Blob, default_namespace: str) -> Plain | None:
    """Read a file whose documents are ImageStreamTags or ImageStreams of the common shape, or of no concern.

    None where anything in it is unusual.
    """
    if len(blob.data) > _LARGEST or blob.path.lower().endswith(".json"):
        return None
    try:
        text = _plain_text(blob.data)
        found: list[Desired] = []
        ignored = 0
        for line, chunk, value in _documents(text):
            if _is_foreign(value):
                ignored += 1
            elif value is not None or _CONTENT.search(chunk):
                found += _tags(chunk, value, default_namespace, blob.path, line)
    except (_UnusualError, ValidationError, yaml_rs.YAMLDecodeError, ValueError):
        return None
    return Plain(found, ignored)


def _plain_text(data: bytes) -> str:
    """Decode a text in which no character can mean different things to different parsers."""
    odd = data.translate(None, _COMMON)
    if not odd:
        return data.decode("ascii")
    if b"\r" in odd:
        data = data.replace(b"\r\n", b"\n")  # line ends are the same to YAML, and so are lines and columns
    text = data.decode()
    _expect(text.replace("\n", "").isprintable())
    _expect("\\" not in text or '"' not in text)
    _expect(not _INDICATOR.search(_BLOCK.sub("", text)))
    return text


def _documents(text: str) -> Iterator[tuple[int, str, Json]]:
    """Parse a text; yields each document with the number of its first line, and its text.

    It is split at its markers, which no content can hold (YAML 1.2.2, 9.1.2).
    """
    lines = f"\n{text}"
    chunks = lines.split("\n---\n")
    _expect(lines.count("\n---") == len(chunks) - 1 and "\n..." not in lines and "\n%" not in lines)
    for flow in (chunk for chunk in chunks if "{" in chunk or "[" in chunk):
        _expect(all(map(_is_whole, flow.split("\n"))) and not _NO_KEY.search(flow))
    # A marker in front makes what stands before the first one a document, be it empty.
    values: Json = yaml_rs.loads(f"---\n{text}", parse_datetime=False)
    if len(chunks) == 1:
        values = [values]
    _expect(type(values) is list and len(values) == len(chunks))
    line = 0
    for chunk, value in zip(chunks, values, strict=True):
        yield line, chunk, value
        line += chunk.count("\n") + 2


def _is_foreign(value: Json) -> bool:
    """Tell whether a document says clearly that it is of no concern."""
    if type(value) is not dict:
        return False
    kind, version = value.get("kind"), value.get("apiVersion")
    if not (isinstance(kind, str) and isinstance(version, str)):
        return False
    return kind not in _CONCERNING and version.partition("/")[0] != _GROUP


def _tags(text: str, value: Json, default_namespace: str, file: str, line: int) -> Iterable[Desired]:
    """Read one document; `line` is the number of its first line."""
    start = _CONTENT.search(text)
    _expect(start and type(value) is dict)
    assert start  # noqa: S101 - for the type
    _expect(not text.startswith("{", start.end() - 1))  # it may be JSON
    if value.get("kind") == "ImageStreamTag":
        document = convert(value, _ImageStreamTag)
        metadata = document.metadata
        stream, _, tag = metadata.name.partition(":")
        key = _key(_namespace(metadata, default_namespace), stream, tag)
        fields = _fields(value["tag"], document.tag, metadata.annotations)
        return (Desired(key, fields, Origin(file, line + _lines(text, start))),)
    spec = convert(value, _ImageStream)
    _expect("annotations" not in value["metadata"] and not _BLOCK.search(text))
    namespace, stream, entries = _namespace(spec.metadata, default_namespace), spec.metadata.name, spec.spec.tags
    found = zip(value["spec"]["tags"], entries, _item_lines(text, len(entries)), strict=True)
    return [
        Desired(
            _key(namespace, stream, entry.name), _fields(raw, entry, entry.annotations), Origin(file, line + number)
        )
        for raw, entry, number in found
    ]


def _namespace(metadata: _Metadata, default: str) -> str:
    namespace = default if metadata.namespace is UNSET else metadata.namespace
    _expect(not _bad_namespace(namespace))
    return namespace


def _key(namespace: str, stream: str, tag: str) -> ObjectKey:
    _expect(not _bad_stream(namespace, stream) and not names.bad_tag(tag))
    return ObjectKey(intern(namespace), intern(stream), tag)


def _fields(raw: Mapping[str, Json], tag: _Stanza, annotations: Mapping[str, str]) -> dict[str, Json]:
    """Flatten a `tag` stanza, in which every value has the type that it must have."""
    source = tag.source
    kind = source.get("kind", "")
    bad_name = _KINDS.get(kind)
    _expect(bad_name and "name" in source and not bad_name(source["name"]))
    if kind == "DockerImage":
        _expect("namespace" not in source)
    else:
        _expect(not tag.import_policy.scheduled)
        _expect("namespace" not in source or not _bad_namespace(source["namespace"]))
    for key in annotations:
        _expect(key in OWN_ANNOTATIONS or not _bad_key(key))
    fields = fields_of(annotations, raw)
    # Of what each tag says in the same words there is one object, and not a million.
    fields["/tag/from"] = {intern(key): intern(value) if key == "kind" else value for key, value in source.items()}
    if policy := fields.get("/tag/referencePolicy/type"):
        fields["/tag/referencePolicy/type"] = intern(policy)
    return fields


def _item_lines(text: str, count: int) -> list[int]:
    """Find the lines, from 0, on which the items of `spec.tags` begin.

    In block style each item is a `-` in one and the same column, and whatever is inside an item stands further to the
    right (YAML 1.2.2, section 8.2.1).
    """
    tags = _TAGS.findall(text)
    _expect(len(tags) == 1)
    begin = text.index(tags[0])
    items = list(_ITEM.finditer(text, begin))
    lines = [_lines(text, item) for item in items if item[1] == items[0][1]]
    _expect(len(lines) == count)
    return lines


def _is_whole(line: str) -> bool:
    """Tell whether a line ends every bracket and quote that it begins; over several lines the parsers differ."""
    bare = _QUOTED.sub("", line)
    return bare.count("{") == bare.count("}") and bare.count("[") == bare.count("]") and not {"'", '"'} & set(bare)


def _lines(text: str, match: re.Match[str]) -> int:
    return text.count("\n", 0, match.start())


def _expect(usual: Any) -> None:  # noqa: ANN401 - it is only asked whether it is true
    if not usual:
        raise _UnusualError
