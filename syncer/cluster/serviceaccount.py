"""The service account that a pod is given: server, CA and a token that is rotated.

https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.cluster.connection import Access
from syncer.cluster.credentials import TokenFile
from syncer.errors import ClusterError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def load(folder: Path, environ: Mapping[str, str]) -> Access:
    """Read what the pod was given; raise ClusterError where a part of it is missing."""
    host, port, ca = environ.get("KUBERNETES_SERVICE_HOST"), environ.get("KUBERNETES_SERVICE_PORT"), folder / "ca.crt"
    if not (host and port):
        raise _unusable("$KUBERNETES_SERVICE_HOST and $KUBERNETES_SERVICE_PORT do not name a server")
    if not ca.is_file():
        raise _unusable(f"there is no {ca}")
    try:
        token = TokenFile(folder / "token")
    except UsageError as error:
        raise _unusable(error.message) from error
    name = f"[{host}]" if ":" in host else host
    return Access(f"https://{name}:{port}", credentials=token, ca_file=str(ca))


def _unusable(why: str) -> ClusterError:
    return ClusterError(
        f"the pod's service account cannot be used: {why}",
        hint="check automountServiceAccountToken, or give --kubeconfig",
    )
