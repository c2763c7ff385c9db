"""The service account that a pod is given: server, CA and a token that is rotated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubernetes.client import Configuration
from kubernetes.config import ConfigException
from kubernetes.config.incluster_config import InClusterConfigLoader

from syncer.cluster.connection import Access
from syncer.cluster.credentials import TokenFile
from syncer.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_load: Any = InClusterConfigLoader  # the package's functions have no types


def load(folder: Path, environ: Mapping[str, str]) -> Access:
    """Read what the pod was given; raise ClusterError where a part of it is missing."""
    token = folder / "token"
    configuration = Configuration()
    try:
        _load(str(token), str(folder / "ca.crt"), environ=environ).load_and_set(configuration)
    except (ConfigException, OSError) as error:
        raise ClusterError(
            f"the pod's service account cannot be used: {error}",
            hint="check automountServiceAccountToken, or give --kubeconfig",
        ) from error
    # The package would read the token once a minute, and not after a 401.
    return Access(str(configuration.host), credentials=TokenFile(token), ca_file=str(configuration.ssl_ca_cert))
