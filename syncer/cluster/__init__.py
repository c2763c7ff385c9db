"""The API server: connecting, reading pages, writing; HTTP becomes our errors here, and nowhere else."""

from syncer.cluster.ahead import ReadAhead
from syncer.cluster.client import Client
from syncer.cluster.connection import Connection, ConnectionOptions, connect
from syncer.cluster.lease import held, lease_name, pod_namespace
from syncer.cluster.reader import Skimmed, namespaces_of, read_live, read_stream, server_version, skim_live
from syncer.cluster.writer import ClusterWriter

__all__ = [
    "Client",
    "ClusterWriter",
    "Connection",
    "ConnectionOptions",
    "ReadAhead",
    "Skimmed",
    "connect",
    "held",
    "lease_name",
    "namespaces_of",
    "pod_namespace",
    "read_live",
    "read_stream",
    "server_version",
    "skim_live",
]
