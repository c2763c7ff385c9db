"""The local API: an ImageStreamTag server on loopback that answers as an OpenShift API server does."""

from __future__ import annotations

from syncer.localapi.auth import Identity, load_tokens
from syncer.localapi.server import LocalAPI, run

__all__ = ["Identity", "LocalAPI", "load_tokens", "run"]
