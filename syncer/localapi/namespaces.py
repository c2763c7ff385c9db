"""Namespaces: all of them are there without being made, but for `no-such-...`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.localapi import statuses
from syncer.localapi.objects import NAMESPACES, ObjectApi
from syncer.localapi.requests import ListAnswer, ObjectAnswer, WatchAnswer

if TYPE_CHECKING:
    from syncer.localapi.gate import NamespaceGate
    from syncer.localapi.requests import Answer, Ask
    from syncer.localapi.store import Store
    from syncer.localapi.values import Doc


def namespace_doc(name: str) -> Doc:
    """Return the document of a namespace that nobody made."""
    labels = {"kubernetes.io/metadata.name": name}
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


class NamespaceApi(ObjectApi):
    """The verbs of Namespaces. A list holds those that were made, and those that hold a stream."""

    def __init__(self, store: Store, gate: NamespaceGate) -> None:
        super().__init__(store, NAMESPACES, gate)
        self._streams = store.table("imagestreams")

    def get(self, ask: Ask, namespace: str, name: str) -> Answer:
        """Read one, whether it was made or not."""
        if self._table.get("", name) is not None:
            return super().get(ask, namespace, name)
        try:
            self._gate.check(name)
        except statuses.StatusError:
            return super().get(ask, namespace, name)
        return ObjectAnswer({"kind": "Namespace", "apiVersion": "v1", **namespace_doc(name)})

    def list(self, ask: Ask, namespace: str) -> Answer:
        """List or watch; namespaces that merely hold a stream come without a page of their own."""
        made = super().list(ask, namespace)
        if isinstance(made, WatchAnswer) or not isinstance(made, ListAnswer) or "limit" in ask.query:
            return made
        known = {doc["metadata"]["name"]: doc for doc in made.docs()}
        for key, _ in self._streams.snapshot():
            name = key.partition("/")[0]
            known.setdefault(name, namespace_doc(name))
        return ListAnswer(made.kind, made.metadata, [known[name] for name in sorted(known)], "v1")
