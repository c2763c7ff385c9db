"""Answers requests for objects that the server keeps without looking into them: Leases, Namespaces, workloads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncer.localapi import statuses, validation
from syncer.localapi.decoding import Expected, api_group, decode_body, media_type
from syncer.localapi.deleting import delete_options
from syncer.localapi.kinds import OBJECT_META
from syncer.localapi.lists import list_options, page_of
from syncer.localapi.patching import APPLY_PATCH, PATCH_TYPES
from syncer.localapi.requests import (
    Answer,
    Ask,
    ListAnswer,
    ObjectAnswer,
    WatchAnswer,
    WriteOptions,
    write_options,
)
from syncer.localapi.schema import RAW, TEXT, Field, Struct
from syncer.localapi.streamapi import check_preconditions
from syncer.localapi.streams import ordered_meta
from syncer.localapi.tagapi import match_name, match_namespace, patched_object, wiped
from syncer.localapi.values import Doc, clone, timestamp

if TYPE_CHECKING:
    from syncer.localapi.gate import NamespaceGate
    from syncer.localapi.store import Store


@dataclass(frozen=True)
class Resource:
    """A plain resource: what it is called, also for short, and whether it lives in namespaces."""

    plural: str
    kind: str
    api_version: str
    namespaced: bool = True
    short: str = ""

    @property
    def group(self) -> str:
        """Return its API group; empty for the core group."""
        return api_group(self.api_version)

    def expected(self, options: WriteOptions) -> Expected:
        """Return what a body must be."""
        fields = {"kind": Field(TEXT), "apiVersion": Field(TEXT), "metadata": Field(OBJECT_META)}
        struct = Struct(f"v1.{self.kind}", {**fields, "spec": Field(RAW), "status": Field(RAW)})
        return Expected(struct, self.kind, self.api_version, options.strictness)


LEASES = Resource("leases", "Lease", "coordination.k8s.io/v1")
NAMESPACES = Resource("namespaces", "Namespace", "v1", namespaced=False)


class ObjectApi:
    """The verbs of a plain resource, with optimistic locking."""

    def __init__(self, store: Store, resource: Resource, gate: NamespaceGate) -> None:
        self._store = store
        self._resource = resource
        self._table = store.table(resource.plural)
        self._gate = gate

    def _headed(self, doc: Doc) -> Doc:
        return {"kind": self._resource.kind, "apiVersion": self._resource.api_version, **doc}

    def _stored(self, namespace: str, name: str) -> Doc:
        doc = self._table.get(namespace, name)
        if doc is None:
            raise statuses.not_found(self._resource.plural, name, self._resource.group)
        return doc

    def list(self, ask: Ask, namespace: str) -> Answer:
        """List or watch the objects."""
        options = list_options(ask.singles())
        if options.watch:
            return WatchAnswer(self._resource.plural, namespace, options)
        page = page_of(self._store, self._resource.plural, namespace, options)
        kind, version = f"{self._resource.kind}List", self._resource.api_version
        return ListAnswer(kind, page.metadata(), page.versions, version)

    def get(self, _ask: Ask, namespace: str, name: str) -> Answer:
        """Read one object."""
        return ObjectAnswer(self._headed(self._stored(namespace, name)))

    def create(self, ask: Ask, namespace: str) -> Answer:
        """Create an object."""
        options = write_options(ask, "CreateOptions")
        decoded = decode_body(ask.body, ask.content_type, self._resource.expected(options))
        doc = wiped(decoded.doc)
        self._place(doc, namespace)
        meta = doc["metadata"]
        self._check(meta)
        if self._table.get(namespace, meta["name"]) is not None:
            raise statuses.already_exists(self._resource.plural, meta["name"], self._resource.group)
        meta["creationTimestamp"] = timestamp(ask.now)
        return ObjectAnswer(self._save(doc, ask, options), 201, decoded.warnings)

    def _place(self, doc: Doc, namespace: str) -> None:
        if self._resource.namespaced:
            match_namespace(doc, namespace)
            self._gate.check(namespace)

    def _check(self, meta: Doc) -> None:
        probe = meta if self._resource.namespaced else {**meta, "namespace": "default"}
        causes = validation.object_meta(probe, validation.namespace_or_subdomain)
        if causes:
            raise statuses.invalid(self._resource.kind, meta.get("name", ""), causes, self._resource.group)

    def _save(self, doc: Doc, ask: Ask, options: WriteOptions) -> Doc:
        if self._resource is NAMESPACES:
            doc["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = doc["metadata"]["name"]
            doc["spec"], doc["status"] = {"finalizers": ["kubernetes"]}, {"phase": "Active"}
        doc = clone({**doc, "metadata": ordered_meta(doc["metadata"])})
        old = self._table.get(doc["metadata"].get("namespace", ""), doc["metadata"]["name"])
        if options.dry_run or doc == old:
            return self._headed(doc)
        return self._headed(self._table.put(doc, ask.now))

    def update(self, ask: Ask, namespace: str, name: str) -> Answer:
        """Replace an object; a resourceVersion in it must be the present one."""
        options = write_options(ask, "UpdateOptions")
        decoded = decode_body(ask.body, ask.content_type, self._resource.expected(options))
        return ObjectAnswer(self._replace(decoded.doc, ask, namespace, name, options), 200, decoded.warnings)

    def _replace(self, doc: Doc, ask: Ask, namespace: str, name: str, options: WriteOptions) -> Doc:
        self._place(doc, namespace)
        match_name(doc, name)
        meta, old = doc["metadata"], self._stored(namespace, name)["metadata"]
        meta.pop("managedFields", None)
        if meta.get("resourceVersion", old["resourceVersion"]) != old["resourceVersion"]:
            why = "the object has been modified; please apply your changes to the latest version and try again"
            raise statuses.conflict(self._resource.plural, name, why, self._resource.group)
        check_preconditions(self._resource.plural, old, meta.get("uid"), None, self._resource.group)
        self._check(meta)
        for key in ("uid", "creationTimestamp", "resourceVersion"):
            meta[key] = old[key]
        return self._save(doc, ask, options)

    def patch(self, ask: Ask, namespace: str, name: str) -> Answer:
        """Patch an object."""
        if media_type(ask.content_type) not in PATCH_TYPES:
            raise statuses.unsupported_patch()
        options = write_options(ask, "PatchOptions")
        fresh = media_type(ask.content_type) == APPLY_PATCH and self._table.get(namespace, name) is None
        place = {"name": name, "namespace": namespace} if namespace else {"name": name}
        old = {"metadata": place} if fresh else self._stored(namespace, name)
        warnings: list[str] = []
        doc = patched_object(self._headed(clone(old)), ask, self._resource.expected(options), warnings.extend)
        if not fresh:
            return ObjectAnswer(self._replace(doc, ask, namespace, name, options), 200, tuple(warnings))
        self._place(doc, namespace)
        match_name(doc, name)
        doc["metadata"].pop("managedFields", None)
        doc["metadata"]["creationTimestamp"] = timestamp(ask.now)
        return ObjectAnswer(self._save(doc, ask, options), 201, tuple(warnings))

    def delete(self, ask: Ask, namespace: str, name: str) -> Answer:
        """Delete an object."""
        options = delete_options(ask)
        meta = self._stored(namespace, name)["metadata"]
        check_preconditions(self._resource.plural, meta, options.uid, options.version, self._resource.group)
        if not options.dry_run:
            self._table.delete(namespace, name, ask.now)
        details = {"name": name, "group": self._resource.group, "kind": self._resource.plural, "uid": meta["uid"]}
        return ObjectAnswer(statuses.success(details={key: value for key, value in details.items() if value}))
