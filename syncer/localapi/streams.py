"""An ImageStream while it is worked on: its tags and their histories by name instead of in lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncer.localapi.values import REGISTRY, Doc, clone

if TYPE_CHECKING:
    from syncer.localapi.tagevents import History

_META_ORDER = (
    "name",
    "generateName",
    "namespace",
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
)


def ordered_meta(meta: Doc) -> Doc:
    """Return metadata with its fields in the order in which the server writes them, without empty ones."""
    return {key: meta[key] for key in _META_ORDER if meta.get(key) not in (None, "", {}, [], 0)}


@dataclass
class Stream:
    """One ImageStream. `spec` holds what is not a tag: `lookupPolicy` and perhaps `dockerImageRepository`."""

    meta: Doc
    spec: Doc
    tags: dict[str, Doc]
    history: History

    @staticmethod
    def empty(namespace: str, name: str) -> Stream:
        """Return a stream that holds nothing and is not stored."""
        return Stream({"name": name, "namespace": namespace}, {"lookupPolicy": {"local": False}}, {}, {})

    @staticmethod
    def of(doc: Doc) -> Stream:
        """Return the stream of a document (decoded or stored); shares nothing with it."""
        doc = clone(doc)
        spec = doc.get("spec") or {"lookupPolicy": {"local": False}}
        tags = {tag["name"]: tag for tag in spec.pop("tags", None) or ()}
        history = {entry["tag"]: entry for entry in (doc.get("status") or {}).get("tags") or ()}
        return Stream(doc["metadata"], spec, tags, history)

    @property
    def namespace(self) -> str:
        """Return the namespace."""
        return str(self.meta.get("namespace", ""))

    @property
    def name(self) -> str:
        """Return the name."""
        return str(self.meta.get("name", ""))

    @property
    def generation(self) -> int:
        """Return the generation of the spec; 0 when the stream is not stored."""
        return int(self.meta.get("generation", 0))

    @property
    def version(self) -> str:
        """Return the resourceVersion; empty when the stream is not stored."""
        return str(self.meta.get("resourceVersion", ""))

    @property
    def repository(self) -> str:
        """Return the pull spec of this stream in the internal registry."""
        return f"{REGISTRY}/{self.namespace}/{self.name}"

    def doc(self) -> Doc:
        """Return the document as it is stored and listed: without kind and apiVersion, tags sorted by name."""
        spec: Doc = dict(self.spec)
        if self.tags:
            spec["tags"] = [{**self.tags[name], "name": name} for name in sorted(self.tags)]
        status: Doc = {"dockerImageRepository": self.repository}
        if self.history:
            status["tags"] = [_entry(self.history[name]) for name in sorted(self.history)]
        return clone({"metadata": ordered_meta(self.meta), "spec": spec, "status": status})  # type: ignore[no-any-return]

    def conditions(self, tag: str) -> list[Doc]:
        """Return the conditions of a tag, such as a failed import."""
        return list(self.history.get(tag, {}).get("conditions") or ())


def _entry(entry: Doc) -> Doc:
    result = {"tag": entry["tag"], "items": entry["items"] or None}
    if entry.get("conditions"):
        result["conditions"] = entry["conditions"]
    return result
