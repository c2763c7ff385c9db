"""ImageStreamTags as the reference page promises them: pages with a consistent snapshot, watch, cluster-wide POST."""

from __future__ import annotations

import bisect
import json
from typing import TYPE_CHECKING

from syncer.localapi import statuses
from syncer.localapi.decoding import NotJson, parse_json
from syncer.localapi.imagestreamtags import RESOURCE, view
from syncer.localapi.lists import Page, decode_token, encode_token, find_place, list_options, snapshot
from syncer.localapi.requests import ListAnswer, WatchAnswer
from syncer.localapi.streams import Stream
from syncer.localapi.tagapi import TagApi

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from syncer.localapi.gate import NamespaceGate
    from syncer.localapi.imagestreamtags import ImageStreamTags
    from syncer.localapi.lists import ListOptions
    from syncer.localapi.requests import Answer, Ask
    from syncer.localapi.store import Event, Store, Version
    from syncer.localapi.values import Doc

    Entry: TypeAlias = tuple[str, str, Version]
    """A tag of a snapshot: the key of its stream, its name, and the stream."""

_FLATTENED = 4


class DocumentedTagApi(TagApi):
    """The verbs of ImageStreamTags by the book; a tag that has no image yet is listed and read like any other."""

    def __init__(self, store: Store, tags: ImageStreamTags, gate: NamespaceGate) -> None:
        super().__init__(store, tags, gate)
        self._flat: dict[tuple[str, int], list[Entry]] = {}

    def list(self, ask: Ask, namespace: str) -> Answer:
        """List tags, or watch them. Raises 400 for a token that is used with other parameters, and 410."""
        options = list_options(ask.singles())
        if options.watch:
            if options.token:
                raise statuses.bad_request("continue is not supported when watch is true")
            return WatchAnswer(RESOURCE, namespace, options)
        return _TagPages(self, namespace, options).answer()

    def create(self, ask: Ask, namespace: str) -> Answer:
        """Create a tag; on the cluster-wide path in the namespace that the body names."""
        return super().create(ask, namespace or self._named_namespace(ask))

    def _named_namespace(self, ask: Ask) -> str:
        try:
            body = parse_json(ask.body)
            namespace = body["metadata"]["namespace"]
        except (NotJson, KeyError, TypeError) as error:
            raise statuses.bad_request("the object names no namespace, and neither does the path") from error
        if not isinstance(namespace, str) or not namespace:
            raise statuses.bad_request("the object names no namespace, and neither does the path")
        if not ask.identity.may("create", namespace, RESOURCE):
            raise statuses.forbidden(ask.identity.user, "create", RESOURCE, "image.openshift.io", namespace)
        return namespace

    def entries(self, prefix: str, at: int | None) -> Sequence[Entry]:
        """Return the tags of all streams with a prefix at a revision, sorted; remembered, as pages ask again."""
        key = (prefix, self.store.revision if at is None else at)
        if key not in self._flat:
            while len(self._flat) >= _FLATTENED:
                self._flat.pop(next(iter(self._flat)))
            streams = snapshot(self.store, "imagestreams", prefix, at)
            self._flat[key] = [(name, tag, version) for name, version in streams for tag in _tag_names(version)]
        return self._flat[key]


def _tag_names(version: Version) -> list[str]:
    doc = version.doc or {}
    names = {tag["name"] for tag in doc["spec"].get("tags") or ()}
    return sorted(names | {entry["tag"] for entry in doc["status"].get("tags") or ()})


class _TagPages:
    """One page of a list of tags."""

    def __init__(self, api: DocumentedTagApi, namespace: str, options: ListOptions) -> None:
        self._api = api
        self._prefix = f"{namespace}/" if namespace else ""
        self._options = options

    def answer(self) -> Answer:
        """Return the page."""
        self._check_parameters()
        place = find_place(self._api.store, self._options, exact_pages=False)
        entries = self._api.entries(self._prefix, place.at)
        page, docs = self._page(entries, place.start, place.at or self._api.store.revision)
        return ListAnswer("ImageStreamTagList", page.metadata(), docs)

    def _check_parameters(self) -> None:
        if self._options.token and decode_token(self._options.token)[2] != self._options.fingerprint:
            raise statuses.bad_request("invalid continue token: it comes from a list with other parameters than these")

    def _page(self, entries: Sequence[Entry], start: str, revision: int) -> tuple[Page, list[Doc]]:
        stream, _, tag = start.partition(":")
        wanted = (f"{self._prefix}{stream}", tag)
        first = bisect.bisect_left(entries, wanted, key=lambda entry: entry[:2]) if start else 0
        docs: list[Doc] = []
        for index in range(first, len(entries)):
            name, tag, version = entries[index]
            doc = view(Stream.of(version.doc or {}), tag, None, allow_empty=True)
            if doc is None or not self._options.selects(doc):
                continue
            docs.append(doc)
            if len(docs) == self._options.limit and index + 1 < len(entries):
                after = f"{name.removeprefix(self._prefix)}:{tag}"
                left = None if self._options.selective else len(entries) - index - 1
                return Page((), revision, encode_token(revision, after, self._options.fingerprint), left), docs
        return Page((), revision), docs


def tag_changes(event: Event) -> list[tuple[Doc | None, Doc | None]]:
    """Return the tags that a change of a stream changed, before and after; a mere resourceVersion does not count."""
    before, after = _views(event.before), _views(event.after)
    pairs = [(before.get(name), after.get(name)) for name in sorted({*before, *after})]
    return [pair for pair in pairs if _content(pair[0]) != _content(pair[1])]


def _views(doc: Doc | None) -> dict[str, Doc]:
    if doc is None:
        return {}
    stream = Stream.of(doc)
    found = {name: view(stream, name, None, allow_empty=True) for name in {*stream.tags, *stream.history}}
    return {name: tag for name, tag in found.items() if tag is not None}


def _content(doc: Doc | None) -> str:
    if doc is None:
        return ""
    metadata = {key: value for key, value in doc["metadata"].items() if key != "resourceVersion"}
    return json.dumps({**doc, "metadata": metadata}, sort_keys=True)
