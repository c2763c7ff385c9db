"""A request and its answer, free of HTTP machinery: what handlers take and give."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from syncer.localapi import statuses
from syncer.localapi.imagestreams import Call
from syncer.localapi.lists import ListOptions, encode_list
from syncer.localapi.store import Version
from syncer.localapi.values import IMAGE_API, Doc

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from syncer.localapi.auth import Identity
    from syncer.localapi.statuses import Cause

_DURATION = re.compile(r"[+-]?(?:0|(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)")
_MANAGER_LENGTH = 128
_STRICTNESS = ("", "Ignore", "Strict", "Warn")


@dataclass(frozen=True)
class Ask:
    """A request: `query` holds every value of each parameter, `headers` have lower-case names, `now` is the time."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    body: bytes
    identity: Identity
    now: float

    def first(self, name: str) -> str:
        """Return the first value of a parameter, or an empty text."""
        values = self.query.get(name)
        return values[0] if values else ""

    def singles(self) -> dict[str, str]:
        """Return the first value of every parameter."""
        return {name: values[0] for name, values in self.query.items()}

    @property
    def content_type(self) -> str:
        """Return the Content-Type header."""
        return self.headers.get("content-type", "")


def check_timeout(text: str) -> None:
    """Raise 400 for a `timeout` parameter (kubectl's `--request-timeout`) that is no duration; none is waited for."""
    if text and not _DURATION.fullmatch(text):
        why = f'time: invalid duration "{text}"'
        raise statuses.bad_request(f"invalid timeout specified in the request URL - {why}")


@dataclass(frozen=True)
class ObjectAnswer:
    """One object, with the HTTP status and warnings."""

    doc: Doc
    status: int = 200
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class ListAnswer:
    """A list; its items are documents, or stored versions that know their JSON."""

    kind: str
    metadata: Doc
    items: Sequence[Doc | Version]
    api_version: str = IMAGE_API

    def docs(self) -> list[Doc]:
        """Return the items as documents."""
        return [(item.doc or {}) if isinstance(item, Version) else item for item in self.items]

    def encoded(self) -> bytes:
        """Return the list as compact JSON."""
        return encode_list(self.kind, self.api_version, self.metadata, self._texts())

    def _texts(self) -> Iterable[str]:
        for item in self.items:
            if isinstance(item, Version):
                yield item.encoded()
            else:
                yield json.dumps(item, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True)
class WatchAnswer:
    """A stream of events on a resource in a namespace (empty: all), from `options.version` on."""

    resource: str
    namespace: str
    options: ListOptions


@dataclass(frozen=True)
class TextAnswer:
    """Plain text, such as of `/healthz`."""

    text: str
    status: int = 200


Answer = ObjectAnswer | ListAnswer | WatchAnswer | TextAnswer


@dataclass(frozen=True)
class WriteOptions:
    """The parameters of a write."""

    dry_run: bool = False
    strictness: str = "Warn"
    manager: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)


def write_options(ask: Ask, kind: str) -> WriteOptions:
    """Return the parameters of a write; `kind` is such as `CreateOptions`. Raises 422, naming that kind."""
    dry_run = list(ask.query.get("dryRun", ()))
    strictness, manager = ask.first("fieldValidation"), ask.first("fieldManager")
    causes = _patch_causes(ask, manager) if kind == "PatchOptions" else []
    causes += _manager_causes(manager)
    causes += dry_run_causes(dry_run)
    if strictness not in _STRICTNESS:
        causes.append(statuses.unsupported_value("fieldValidation", strictness, _STRICTNESS))
    if causes:
        raise statuses.invalid(kind, "", causes, group="meta.k8s.io")
    return WriteOptions(bool(dry_run), strictness or "Warn", manager)


def _manager_causes(manager: str) -> list[Cause]:
    causes = []
    if len(manager) > _MANAGER_LENGTH:
        causes.append(statuses.too_long("fieldManager", _MANAGER_LENGTH))
    for index, char in enumerate(manager):
        if not char.isprintable():
            message = f"invalid character U+{ord(char):04X} (at position {index})"
            causes.append(statuses.invalid_value("fieldManager", manager, message))
    return causes


def dry_run_causes(values: Sequence[str]) -> list[Cause]:
    """Return what is wrong with the values of `dryRun`."""
    if any(value != "All" for value in values):
        return [statuses.unsupported_value("dryRun", list(values), ["All"])]
    return []


def _patch_causes(ask: Ask, manager: str) -> list[Cause]:
    if ask.content_type.startswith("application/apply-patch"):
        return [] if manager else [statuses.required("fieldManager", "is required for apply patch")]
    if "force" in ask.query:
        return [statuses.forbidden_value("force", "may not be specified for non-apply patch")]
    return []


def call_of(ask: Ask, resource: str, *, dry_run: bool = False) -> Call:
    """Return what the registries need to know of a request."""
    return Call(ask.now, dry_run, resource, lambda namespace: ask.identity.may("get", namespace, "imagestreams/layers"))
