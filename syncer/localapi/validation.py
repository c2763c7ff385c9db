"""Judges names, metadata and tag references: causes in the server's words and in its order."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from syncer.localapi.pullspecs import BadPullSpec, parse_pull_spec
from syncer.localapi.statuses import (
    Cause,
    invalid_value,
    required,
    too_long,
)

if TYPE_CHECKING:
    from syncer.localapi.values import Doc

_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_QUALIFIED_TEXT = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_SUBDOMAIN_TEXT = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_SUBDOMAIN = re.compile(_SUBDOMAIN_TEXT)
_DNS_LABEL_TEXT = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS_LABEL = re.compile(_DNS_LABEL_TEXT)
_STREAM_TEXT = "[a-z0-9]+(?:[._-][a-z0-9]+)*"
_STREAM = re.compile(_STREAM_TEXT)
_LABEL_LENGTH = 63
_IMMUTABLE = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")
_SUBDOMAIN_LENGTH = 253
_ANNOTATIONS_LENGTH = 256 * 1024
_REPOSITORY_LENGTH = 255

NameCheck = Callable[[str], list[str]]


def _shown(message: str, pattern: str, *examples: str) -> str:
    """Return a message with examples and the pattern, put together as Kubernetes does."""
    joined = "',  or '".join(examples)
    return f"{message} (e.g. '{joined}', regex used for validation is '{pattern}')"


def path_segment(name: str) -> list[str]:
    """Return why a text cannot be a name in a URL path."""
    if name in (".", ".."):
        return [f"may not be '{name}'"]
    return [f"may not contain '{char}'" for char in "/%" if char in name]


def stream_name(name: str) -> list[str]:
    """Return why a text cannot name an ImageStream."""
    reasons = path_segment(name)
    if reasons:
        return reasons
    return [] if _STREAM.fullmatch(name) else [f'must match "{_STREAM_TEXT}"']


def namespace_name(name: str) -> list[str]:
    """Return why a text cannot name a namespace (an RFC 1123 label)."""
    reasons = []
    if len(name) > _LABEL_LENGTH:
        reasons.append(f"must be no more than {_LABEL_LENGTH} characters")
    if not _DNS_LABEL.fullmatch(name):
        message = (
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
            "and must start and end with an alphanumeric character"
        )
        reasons.append(_shown(message, _DNS_LABEL_TEXT, "my-name", "123-abc"))
    return reasons


def _subdomain(name: str) -> list[str]:
    reasons = []
    if len(name) > _SUBDOMAIN_LENGTH:
        reasons.append(f"must be no more than {_SUBDOMAIN_LENGTH} characters")
    if not _SUBDOMAIN.fullmatch(name):
        message = (
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
            "and must start and end with an alphanumeric character"
        )
        reasons.append(_shown(message, _SUBDOMAIN_TEXT, "example.com"))
    return reasons


def namespace_or_subdomain(name: str) -> list[str]:
    """Return why a text cannot name an ordinary object (an RFC 1123 subdomain)."""
    return _subdomain(name)


def qualified_name(key: str) -> list[str]:
    """Return why a text cannot be the key of a label or an annotation."""
    parts = key.split("/")
    if len(parts) > 2:  # noqa: PLR2004 - a prefix and a name
        message = (
            "a qualified name must consist of alphanumeric characters, '-', '_' or '.', "
            "and must start and end with an alphanumeric character"
        )
        shown = _shown(message, _QUALIFIED_TEXT, "MyName", "my.name", "123-abc")
        return [f"{shown} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    reasons = []
    if len(parts) == 2:  # noqa: PLR2004
        problems = ["must be non-empty"] if not parts[0] else _subdomain(parts[0])
        reasons += [f"prefix part {problem}" for problem in problems]
    name = parts[-1]
    if not name:
        reasons.append("name part must be non-empty")
    elif len(name) > _LABEL_LENGTH:
        reasons.append(f"name part must be no more than {_LABEL_LENGTH} characters")
    if not _QUALIFIED.fullmatch(name):
        message = (
            "name part must consist of alphanumeric characters, '-', '_' or '.', "
            "and must start and end with an alphanumeric character"
        )
        reasons.append(_shown(message, _QUALIFIED_TEXT, "MyName", "my.name", "123-abc"))
    return reasons


def label_value(value: str) -> list[str]:
    """Return why a text cannot be the value of a label."""
    reasons = []
    if len(value) > _LABEL_LENGTH:
        reasons.append(f"must be no more than {_LABEL_LENGTH} characters")
    if not _LABEL_VALUE.fullmatch(value):
        message = (
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
            "and must start and end with an alphanumeric character"
        )
        pattern = f"({_QUALIFIED_TEXT})?"
        reasons.append(_shown(message, pattern, "MyValue", "my_value", "12345"))
    return reasons


def label_causes(found: Mapping[str, str] | None) -> list[Cause]:
    """Return what is wrong with labels."""
    causes = []
    for key, value in (found or {}).items():
        causes += [invalid_value("metadata.labels", key, why) for why in qualified_name(key)]
        causes += [invalid_value("metadata.labels", value, why) for why in label_value(value)]
    return causes


def annotation_causes(found: Mapping[str, str] | None) -> list[Cause]:
    """Return what is wrong with annotations; together they may be 256 KiB."""
    found = found or {}
    causes = [invalid_value("metadata.annotations", key, why) for key in found for why in qualified_name(key.lower())]
    if sum(len(key.encode()) + len(value.encode()) for key, value in found.items()) > _ANNOTATIONS_LENGTH:
        causes.append(too_long("metadata.annotations", _ANNOTATIONS_LENGTH))
    return causes


def owner_references(found: Sequence[Doc] | None) -> list[Cause]:
    """Return what is wrong with owner references."""
    causes = []
    for owner in found or ():
        if not owner["apiVersion"]:
            causes.append(invalid_value("metadata.ownerReferences.apiVersion", "", "version must not be empty"))
        empty = [key for key in ("kind", "name", "uid") if not owner[key]]
        causes += [invalid_value(f"metadata.ownerReferences.{key}", "", "must not be empty") for key in empty]
    return causes


def object_meta(meta: Doc, name_check: NameCheck) -> list[Cause]:
    """Return what is wrong with metadata in itself."""
    causes = []
    if meta.get("generateName"):
        # A dash may end what a suffix will be put behind.
        stem = meta["generateName"].removesuffix("-") + "a"
        causes += [invalid_value("metadata.generateName", meta["generateName"], why) for why in name_check(stem)]
    if not meta.get("name"):
        causes.append(required("metadata.name", "name or generateName is required"))
    else:
        causes += [invalid_value("metadata.name", meta["name"], why) for why in name_check(meta["name"])]
    namespace = meta.get("namespace", "")
    if not namespace:
        causes.append(required("metadata.namespace"))
    else:
        causes += [invalid_value("metadata.namespace", namespace, why) for why in namespace_name(namespace)]
    if meta.get("generation", 0) < 0:
        causes.append(invalid_value("metadata.generation", meta["generation"], "must be greater than or equal to 0"))
    causes += label_causes(meta.get("labels"))
    causes += annotation_causes(meta.get("annotations"))
    causes += owner_references(meta.get("ownerReferences"))
    for finalizer in meta.get("finalizers") or ():
        causes += [invalid_value("metadata.finalizers", finalizer, why) for why in qualified_name(finalizer)]
    return causes


def object_meta_update(new: Doc, old: Doc) -> list[Cause]:
    """Return what is wrong with metadata as a successor of other metadata."""
    causes = []
    if not new.get("resourceVersion"):
        causes.append(invalid_value("metadata.resourceVersion", "", "must be specified for an update"))
    for key in _IMMUTABLE:
        if new.get(key) != old.get(key):
            causes += [invalid_value(f"metadata.{key}", new.get(key), "field is immutable")]
    causes += label_causes(new.get("labels"))
    causes += annotation_causes(new.get("annotations"))
    causes += owner_references(new.get("ownerReferences"))
    return causes


def tag_reference(tag: Doc, path: str) -> list[Cause]:
    """Return what is wrong with a tag reference; `path` is where it stands, such as `tag`."""
    causes = []
    source: dict[str, Any] | None = tag.get("from")
    if source is not None:
        causes += _source(source, tag, path)
    kind = tag["referencePolicy"]["type"]
    if kind not in ("Source", "Local"):
        causes.append(invalid_value(f"{path}.referencePolicy.type", kind, 'valid values are "Source", "Local"'))
    return causes + import_policy(tag["importPolicy"], f"{path}.importPolicy")


def import_policy(policy: Doc, path: str) -> list[Cause]:
    """Return what is wrong with how an image is imported."""
    mode = policy.get("importMode", "")
    if mode in ("", "Legacy", "PreserveOriginal"):
        return []
    message = "invalid import mode, valid modes are '', 'Legacy', 'PreserveOriginal'"
    return [invalid_value(f"{path}.importMode", mode, message)]


def _source(source: Doc, tag: Doc, path: str) -> list[Cause]:
    causes = []
    kind, name = source.get("kind", ""), source.get("name", "")
    if not name:
        causes.append(required(f"{path}.from.name"))
    if kind == "DockerImage":
        why = pull_spec_problem(name) if name else ""
        if why:
            causes.append(invalid_value(f"{path}.from.name", name, why))
    elif kind in ("ImageStreamImage", "ImageStreamTag"):
        if tag["importPolicy"].get("scheduled"):
            message = "only tags pointing to Docker repositories may be scheduled for background import"
            causes.append(invalid_value(f"{path}.importPolicy.scheduled", value=True, message=message))
    else:
        message = "valid values are 'DockerImage', 'ImageStreamImage', 'ImageStreamTag'"
        causes.append(required(f"{path}.from.kind", message))
    return causes


def pull_spec_problem(text: str) -> str:
    """Return why a text is no pull spec; empty when it is one."""
    try:
        parse_pull_spec(text)
    except BadPullSpec as error:
        return str(error)
    return ""


def image_stream(stream: Doc) -> list[Cause]:
    """Return what is wrong with an ImageStream document."""
    meta = stream["metadata"]
    causes = object_meta(meta, stream_name)
    if len(f"{meta.get('namespace', '')}/{meta.get('name', '')}") > _REPOSITORY_LENGTH:
        message = f"'namespace/name' cannot be longer than {_REPOSITORY_LENGTH} characters"
        causes.append(invalid_value("metadata.name", meta["name"], message))
    repository = stream["spec"].get("dockerImageRepository", "")
    if repository:
        causes += _repository(repository)
    for tag in stream["spec"].get("tags") or ():
        causes += tag_reference(tag, f"spec.tags[{tag['name']}]")
    return causes


def _repository(text: str) -> list[Cause]:
    field = "spec.dockerImageRepository"
    try:
        spec = parse_pull_spec(text)
    except BadPullSpec as error:
        return [invalid_value(field, text, str(error))]
    causes = []
    if spec.tag:
        causes.append(invalid_value(field, text, "the repository name may not contain a tag"))
    if spec.digest:
        causes.append(invalid_value(field, text, "the repository name may not contain an ID"))
    return causes
