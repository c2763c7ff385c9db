"""Lists: selectors, pages with continue tokens, resource versions; of streams truthfully, of tags as it is (fact 1)."""

from __future__ import annotations

import base64
import bisect
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from syncer.localapi import statuses
from syncer.localapi.selectors import FieldTerm, Predicate, field_terms, label_selector, matches
from syncer.localapi.store import Compacted, Store, Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from syncer.localapi.values import Doc

META_FIELDS = ("metadata.name", "metadata.namespace")
STREAM_FIELDS = (*META_FIELDS, "spec.dockerImageRepository", "status.dockerImageRepository")

_MATCH = "resourceVersionMatch"
_EXPIRED_PAGE = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)
_EXPIRED_LIST = "The resourceVersion for the provided list is too old."


@dataclass(frozen=True)
class ListOptions:
    """The parameters of a list, decoded. `limit` 0 means all; `fields` keeps the terms, `labels` the predicate."""

    limit: int = 0
    token: str = ""
    version: str = ""
    match: str = ""
    labels: Predicate | None = None
    fields: list[FieldTerm] = field(default_factory=list)
    watch: bool = False
    timeout: int = 0
    bookmarks: bool = False
    fingerprint: str = ""

    @property
    def selective(self) -> bool:
        """Tell whether a selector restricts the list."""
        return self.labels is not None or bool(self.fields)

    def selects(self, doc: Doc) -> bool:
        """Tell whether an object is in the list."""
        if self.labels is not None and not self.labels(doc["metadata"].get("labels") or {}):
            return False
        return not self.fields or matches(self.fields, fields_of(doc))


def fields_of(doc: Doc) -> dict[str, str]:
    """Return the fields of an object that can be selected by."""
    meta = doc["metadata"]
    fields = {"metadata.name": meta["name"], "metadata.namespace": meta.get("namespace", "")}
    for part in ("spec", "status"):
        repository = (doc.get(part) or {}).get("dockerImageRepository")
        if repository:
            fields[f"{part}.dockerImageRepository"] = repository
    return fields


def truth(text: str | None) -> bool:
    """Return a parameter as the server reads a bool: anything but `0` and `false` is true."""
    return text is not None and text.lower() not in ("0", "false")


def number(text: str | None) -> int:
    """Return a parameter as an int64. Raises 400."""
    if not text:
        if text is None:
            return 0
        raise statuses.bad_request('strconv.ParseInt: parsing "": invalid syntax')
    try:
        value = int(text) if text.lstrip("+-").isascii() and text.lstrip("+-").isdecimal() else None
    except ValueError:
        value = None
    if value is None:
        raise statuses.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    if not -(2**63) <= value < 2**63:
        raise statuses.bad_request(f'strconv.ParseInt: parsing "{text}": value out of range')
    return value


def list_options(query: Mapping[str, str], known_fields: tuple[str, ...] = META_FIELDS) -> ListOptions:
    """Return the parameters of a list. Raises 400 and 422 with the server's texts."""
    limit, timeout = number(query.get("limit")), number(query.get("timeoutSeconds"))
    labels = label_selector(query["labelSelector"]) if query.get("labelSelector", "").strip() else None
    raw_fields = query.get("fieldSelector", "")
    watch = truth(query.get("watch"))
    version, match = query.get("resourceVersion", ""), query.get("resourceVersionMatch", "")
    token = query.get("continue", "")
    _check_match(version, match, token, query.get("sendInitialEvents"), watch=watch)
    apart = sorted((key, value) for key, value in query.items() if key != "continue")
    return ListOptions(
        limit=max(limit, 0),
        token=token,
        version=version,
        match=match,
        labels=labels,
        fields=field_terms(raw_fields, known_fields),
        watch=watch,
        timeout=timeout,
        bookmarks=truth(query.get("allowWatchBookmarks")),
        fingerprint=json.dumps(apart),
    )


def _check_match(version: str, match: str, token: str, initial: str | None, *, watch: bool) -> None:
    causes = _watch_causes(match, token, initial) if watch else _list_causes(version, match, token, initial)
    if causes:
        raise statuses.invalid("ListOptions", "", causes, group="meta.k8s.io")


_WITH_TOKEN = statuses.forbidden_value(_MATCH, "resourceVersionMatch is forbidden when continue is provided")


def _watch_causes(match: str, token: str, initial: str | None) -> list[statuses.Cause]:
    causes = []
    if initial is not None and match != "NotOlderThan":
        text = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
        causes.append(statuses.forbidden_value(_MATCH, text))
    if match and initial is None:
        text = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
        causes.append(statuses.forbidden_value(_MATCH, text))
    if match not in ("", "NotOlderThan"):
        causes.append(statuses.unsupported_value(_MATCH, match, ["NotOlderThan"]))
    return causes + ([_WITH_TOKEN] if match and token else [])


def _list_causes(version: str, match: str, token: str, initial: str | None) -> list[statuses.Cause]:
    causes = []
    if match and not version:
        text = "resourceVersionMatch is forbidden unless resourceVersion is provided"
        causes.append(statuses.forbidden_value(_MATCH, text))
    if match and token:
        causes.append(_WITH_TOKEN)
    if match not in ("", "Exact", "NotOlderThan"):
        causes.append(statuses.unsupported_value(_MATCH, match, ["Exact", "NotOlderThan", ""]))
    if match == "Exact" and version == "0":
        text = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
        causes.append(statuses.forbidden_value(_MATCH, text))
    if initial is not None:
        causes.append(statuses.forbidden_value("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    return causes


def check_version(version: str) -> int:
    """Return a resourceVersion parameter as a number. Raises 400."""
    if not version:
        return 0
    if not (version.isascii() and version.isdecimal()):
        why = f'Invalid value: "{version}": strconv.ParseUint: parsing "{version}": invalid syntax'
        raise statuses.bad_request(f"invalid resource version: resourceVersion: {why}")
    return int(version)


def check_read(store: Store, version: str, export: str | None) -> None:
    """Judge the parameters of a read of one object. Raises 400, 500 and 504 as the server does."""
    if truth(export):
        raise statuses.bad_request("the export parameter, deprecated since v1.14, is no longer supported")
    if version and not (version.isascii() and version.isdecimal()):
        why = f'Invalid value: "{version}": strconv.ParseUint: parsing "{version}": invalid syntax'
        raise statuses.plain_error(f"resourceVersion: {why}")
    if version and int(version) > store.revision:
        raise statuses.version_too_large(version, store.revision)


def encode_token(revision: int, after: str, fingerprint: str = "") -> str:
    """Return a continue token: the list goes on behind the key `after`, as it was at the revision; -1 is now."""
    token: Doc = {"v": "meta.k8s.io/v1", "rv": revision, "start": f"/{after}\x00"}
    if fingerprint:
        token["q"] = fingerprint
    text = json.dumps(token, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def decode_token(token: str) -> tuple[int, str, str]:
    """Return the revision, the key to start at, and the fingerprint of a continue token. Raises 400."""
    value = _token_json(token)
    if value.get("v") != "meta.k8s.io/v1":
        raise _bad_token(f": server does not recognize this encoded version {value.get('v') or ''}")
    revision, start = value.get("rv", 0), value.get("start", "")
    if not isinstance(revision, int) or not isinstance(start, str):
        raise _bad_token(": json: cannot unmarshal value of another type")
    if not revision:
        raise _bad_token(": incorrect encoded start resourceVersion (version meta.k8s.io/v1)")
    if not start:
        raise _bad_token(": encoded start key empty (version meta.k8s.io/v1)")
    key = start.removeprefix("/")
    if not key or key.endswith("/") or any(part in ("", ".", "..") for part in key.split("/")):
        raise _bad_token(f": {start}")
    return revision, key, str(value.get("q", ""))


def _token_json(token: str) -> dict[str, Any]:
    try:
        if set(token) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") or len(token) % 4 == 1:
            raise _bad_token(": illegal base64 data at input byte 0")
        value = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except ValueError as error:
        raise _bad_token(": invalid character looking for beginning of value") from error
    if not isinstance(value, dict):
        raise _bad_token(": json: cannot unmarshal value into Go value of type storage.continueToken")
    return value


def _bad_token(why: str) -> statuses.StatusError:
    return statuses.bad_request(f"invalid continue token: continue key is not valid{why}")


@dataclass(frozen=True)
class Page:
    """One page: the versions, the revision of the list, where the next one starts, and how many are left."""

    versions: Sequence[Version]
    revision: int
    token: str = ""
    remaining: int | None = None

    def metadata(self) -> Doc:
        """Return the list's metadata."""
        meta: Doc = {"resourceVersion": str(self.revision)}
        if self.token:
            meta["continue"] = self.token
        if self.remaining is not None:
            meta["remainingItemCount"] = self.remaining
        return meta


@dataclass(frozen=True)
class Place:
    """Where a list reads: a revision (None is now), and the key to start at."""

    at: int | None
    start: str


def find_place(store: Store, options: ListOptions, *, exact_pages: bool = True) -> Place:
    """Return where a list reads, judging its token and resourceVersion. Raises 400, 410 and 504.

    With `exact_pages` a list in pages at a resourceVersion reads that very version, else the latest.
    """
    if options.token:
        if check_version(options.version):
            raise statuses.bad_request("specifying resource version is not allowed when using continue")
        revision, start, fingerprint = decode_token(options.token)
        if revision > store.revision:
            raise statuses.version_too_large(str(revision), store.revision)
        if 0 < revision < store.compacted:
            raise statuses.expired(_EXPIRED_PAGE, encode_token(-1, start.removesuffix("\x00"), fingerprint))
        return Place(revision if revision > 0 else None, start)
    version = check_version(options.version)
    if version > store.revision:
        raise statuses.version_too_large(options.version, store.revision)
    exact = options.match == "Exact" or (exact_pages and options.limit > 0 and not options.match)
    if not version or not exact:
        return Place(None, "")
    if version < store.compacted:
        raise statuses.expired(_EXPIRED_LIST)
    return Place(version, "")


def page_of(store: Store, resource: str, namespace: str, options: ListOptions) -> Page:
    """Return a page of a resource's objects; an empty namespace means all."""
    place = find_place(store, options)
    prefix = f"{namespace}/" if namespace else ""
    entries = snapshot(store, resource, prefix, place.at)
    revision = place.at or store.revision
    first = bisect.bisect_left(entries, prefix + place.start, key=lambda entry: entry[0]) if place.start else 0
    picked: list[Version] = []
    for index in range(first, len(entries)):
        key, version = entries[index]
        if not options.selective or options.selects(version.doc or {}):
            picked.append(version)
            if len(picked) == options.limit and index + 1 < len(entries):
                token = encode_token(revision, key.removeprefix(prefix))
                left = None if options.selective else len(entries) - index - 1
                return Page(picked, revision, token, left)
    return Page(picked, revision)


def snapshot(store: Store, resource: str, prefix: str, at: int | None) -> list[tuple[str, Version]]:
    """Return the objects whose key has a prefix, as they were at a revision. Raises 410."""
    try:
        return store.table(resource).snapshot(prefix, at)
    except Compacted as error:
        raise statuses.expired(_EXPIRED_LIST) from error


def encode_list(kind: str, api_version: str, metadata: Doc, items: Iterable[str]) -> bytes:
    """Return a list as JSON, of items that are JSON already."""
    head = json.dumps({"kind": kind, "apiVersion": api_version, "metadata": metadata}, separators=(",", ":"))
    return f'{head[:-1]},"items":[{",".join(items)}]}}'.encode()
