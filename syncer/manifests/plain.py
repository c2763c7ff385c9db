"""Manifests of the common shape → desired tags, fast; whatever is in any way unusual is left to the whole check.

This is a short cut and no second opinion: where it gives tags, the whole check gives the same ones and no problem;
a differential test holds it to that. So it reads only texts in which the parsers cannot differ (printable ASCII, no
anchors, aliases, tags, block scalars or escapes), and takes only values that the whole check has nothing to say about.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import yaml_rs

from syncer.imagestreamtag import API_VERSION, OWN_ANNOTATIONS, fields_of
from syncer.manifests import names
from syncer.model import Desired, ObjectKey, Origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from syncer.model import Blob, Json

_LARGEST: Final = 128 * 1024
"""Bytes of a file. Annotations in a smaller one cannot be larger than Kubernetes takes."""

_COMMON: Final = bytes(set(range(0x20, 0x7F)) - set(b"&*!|>?<\\`")) + b"\n"
_CONTENT: Final = re.compile(r"^ *[^ #\n]", re.MULTILINE)
_TAGS: Final = re.compile(r"^ +tags: *$", re.MULTILINE)
_ITEM: Final = re.compile(r"^( *)- +[^ #]", re.MULTILINE)
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")

_KINDS: Final = {
    "DockerImage": names.bad_pull_spec,
    "ImageStreamTag": names.bad_tag_reference,
    "ImageStreamImage": names.bad_image_reference,
}
_IMAGE_STREAM_TAG: Final = frozenset({"apiVersion", "kind", "metadata", "tag"})
_IMAGE_STREAM: Final = frozenset({"apiVersion", "kind", "metadata", "spec"})
_METADATA: Final = frozenset({"name", "namespace", "annotations"})
_STANZA: Final = frozenset({"from", "importPolicy", "referencePolicy", "reference"})
_ENTRY: Final = _STANZA | {"name", "annotations"}


# A few namespaces and keys come with every tag, and a stream with several.
_bad_namespace: Final = lru_cache(1024)(names.bad_namespace)
_bad_stream: Final = lru_cache(1024)(names.bad_stream_in)
_bad_key: Final = lru_cache(1024)(names.bad_annotation_key)


class _UnusualError(Exception):
    """The whole check must look at it."""


def plain_tags(blob: Blob, default_namespace: str) -> list[Desired] | None:
    """Read a file all of whose documents are ImageStreamTags or ImageStreams of the common shape; None: it is not one.

    The tags are in the order in which they stand there; a tag may be among them twice.
    """
    data = blob.data
    if len(data) > _LARGEST or data.translate(None, _COMMON) or blob.path.lower().endswith(".json"):
        return None
    try:
        return [
            tag
            for line, text in _chunks(data.decode("ascii"))
            for tag in _document(text, default_namespace, blob.path, line)
        ]
    except _UnusualError:
        return None


def _chunks(text: str) -> Iterator[tuple[int, str]]:
    """Split a text at its document markers, which no content can hold (YAML 1.2.2, 9.1.2); with lines from 1."""
    line = 0
    for chunk in f"\n{text}".split("\n---\n"):
        inside = f"\n{chunk}"
        if "\n---" in inside or "\n..." in inside or "\n%" in inside:
            raise _UnusualError
        yield line, chunk
        line += chunk.count("\n") + 2


def _document(text: str, default_namespace: str, file: str, line: int) -> Iterable[Desired]:
    """Read one document; `line` is the number of its first line."""
    start = _CONTENT.search(text)
    if start is None:
        return ()
    _expect(not text.startswith("{", start.end() - 1))  # it may be JSON
    if "{" in text or "[" in text:
        _expect(all(map(_is_whole, text.split("\n"))))
    try:
        value: Json = yaml_rs.loads(text, parse_datetime=False)
    except (yaml_rs.YAMLDecodeError, ValueError):
        raise _UnusualError from None
    _expect(type(value) is dict and value.get("apiVersion") == API_VERSION)
    metadata = value.get("metadata")
    _expect(type(metadata) is dict and metadata.keys() <= _METADATA)
    namespace = _text(metadata["namespace"]) if "namespace" in metadata else default_namespace
    _expect(not _bad_namespace(namespace))
    name, annotations = _text(metadata.get("name")), metadata.get("annotations")
    if value.keys() == _IMAGE_STREAM_TAG and value["kind"] == "ImageStreamTag":
        stream, _, tag = name.partition(":")
        _expect(type(value["tag"]) is dict and value["tag"].keys() <= _STANZA)
        origin = Origin(file, line + _lines(text, start))
        return (_desired(namespace, stream, tag, _fields(value["tag"], annotations), origin),)
    _expect(value.keys() == _IMAGE_STREAM and value["kind"] == "ImageStream" and annotations is None)
    spec = value["spec"]
    _expect(type(spec) is dict and spec.keys() == {"tags"} and type(spec["tags"]) is list)
    origins = [Origin(file, line + number) for number in _item_lines(text, len(spec["tags"]))]
    return [_entry(namespace, name, entry, origin) for entry, origin in zip(spec["tags"], origins, strict=True)]


def _entry(namespace: str, stream: str, entry: Json, origin: Origin) -> Desired:
    """Read an entry of `spec.tags`."""
    _expect(type(entry) is dict and entry.keys() <= _ENTRY)
    return _desired(namespace, stream, _text(entry.get("name")), _fields(entry, entry.get("annotations")), origin)


def _desired(namespace: str, stream: str, tag: str, fields: Mapping[str, Json], origin: Origin) -> Desired:
    _expect(not _bad_stream(namespace, stream) and not names.bad_tag(tag))
    return Desired(ObjectKey(namespace, stream, tag), fields, origin)


def _fields(tag: Mapping[str, Json], annotations: Json) -> dict[str, Json]:
    """Flatten a `tag` stanza in which nothing is wrong, and nothing is null."""
    source: Json = tag.get("from")
    _expect(type(source) is dict and source.keys() <= {"kind", "name", "namespace"})
    kind, namespace = _text(source.get("kind")), source.get("namespace")
    _expect(kind in _KINDS and not _KINDS[kind](_text(source.get("name"))))
    if "namespace" in source:
        _expect(kind != "DockerImage" and not _bad_namespace(_text(namespace)))
    if "importPolicy" in tag:
        policy = tag["importPolicy"]
        _expect(type(policy) is dict and policy.keys() <= {"insecure", "scheduled", "importMode"})
        _expect(type(policy.get("insecure", False)) is bool and type(policy.get("scheduled", False)) is bool)
        _expect(policy.get("importMode", "Legacy") in ("Legacy", "PreserveOriginal"))
        _expect(kind == "DockerImage" or not policy.get("scheduled"))
    if "referencePolicy" in tag:
        policy = tag["referencePolicy"]
        _expect(
            type(policy) is dict and policy.keys() <= {"type"} and policy.get("type", "Local") in ("Source", "Local")
        )
    _expect(type(tag.get("reference", False)) is bool)
    if annotations is not None:
        _expect(type(annotations) is dict)
        for key, value in annotations.items():
            _expect(type(key) is str and type(value) is str and (key in OWN_ANNOTATIONS or not _bad_key(key)))
    return fields_of(annotations or {}, tag)


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


def _text(value: Json) -> str:
    """Give a string that is not empty."""
    if type(value) is not str or not value:
        raise _UnusualError
    return value


def _expect(usual: Any) -> None:  # noqa: ANN401 - it is only asked whether it is true
    if not usual:
        raise _UnusualError
