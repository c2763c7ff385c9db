"""Which namespaces there are."""

from __future__ import annotations

from syncer.localapi import statuses
from syncer.localapi.validation import namespace_name


class NamespaceGate:
    """Knows which namespaces there are: all with a name that is one, but for `no-such-...`."""

    def check(self, namespace: str) -> None:
        """Raise 404, naming the namespace, when it does not exist (fact 15)."""
        if namespace.startswith("no-such-") or namespace_name(namespace):
            raise statuses.not_found("namespaces", namespace, group="")
