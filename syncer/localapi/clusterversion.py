"""Tells which OpenShift this is: `GET .../clusterversions/version`, from which clients learn what is safe (fact 14)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.localapi import statuses
from syncer.localapi.requests import Answer, Ask, ListAnswer, ObjectAnswer

if TYPE_CHECKING:
    from syncer.localapi.values import Doc

GROUP = "config.openshift.io"
VERSION = "4.22.0"
_SINCE = "2026-01-01T00:00:00Z"


def _doc() -> Doc:
    entry = {"state": "Completed", "startedTime": _SINCE, "completionTime": _SINCE, "version": VERSION}
    return {
        "metadata": {"name": "version", "resourceVersion": "1", "creationTimestamp": _SINCE},
        "spec": {"channel": "stable-4.22"},
        "status": {"desired": {"version": VERSION}, "history": [entry], "observedGeneration": 1},
    }


class ClusterVersionApi:
    """The one ClusterVersion."""

    def get(self, _ask: Ask, _namespace: str, name: str) -> Answer:
        """Read it."""
        if name != "version":
            raise statuses.not_found("clusterversions", name, GROUP)
        return ObjectAnswer({"kind": "ClusterVersion", "apiVersion": f"{GROUP}/v1", **_doc()})

    def list(self, _ask: Ask, _namespace: str) -> Answer:
        """List it."""
        return ListAnswer("ClusterVersionList", {"resourceVersion": "1"}, [_doc()], f"{GROUP}/v1")
