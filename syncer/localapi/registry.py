"""The simulated registry: which image a pull spec names, by the text of the pull spec alone.

Hosts under `.invalid` do not exist (RFC 2606), a repository or tag `no-such-…` is not there, and a repository under
`no-access-…` lets nobody in; every other pull spec names an image. Failures are what a real server makes of them
(openshift-apiserver, `importer.go`: formatRepositoryError, formatPingError).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncer.localapi import statuses
from syncer.localapi.images import imported_image
from syncer.localapi.pullspecs import PullSpec, digest_for, parse_pull_spec
from syncer.localapi.values import Doc, timestamp

if TYPE_CHECKING:
    from syncer.localapi.statuses import StatusError


@dataclass(frozen=True)
class Found:
    """An image that the registry has: its digest, the pull spec by digest, and the tag that it was found by."""

    digest: str
    pull_spec: str
    tag: str

    def image(self) -> Doc:
        """Return what an import finds out about it, without its name."""
        return imported_image(self.pull_spec, self.digest)

    def event(self, generation: int, now: float) -> Doc:
        """Return the event that an import puts on top of a tag's history."""
        return {
            "created": timestamp(now),
            "dockerImageReference": self.pull_spec,
            "image": self.digest,
            "generation": generation,
        }


def unreachable(host: str) -> bool:
    """Tell whether a host does not exist: those under `.invalid` never do."""
    return host == "invalid" or host.endswith(".invalid")


def look_up(text: str) -> Found | StatusError:
    """Return the image that a pull spec names, or, not raised, why there is none. Raises `BadPullSpec`."""
    spec = parse_pull_spec(text)
    tag = "" if spec.digest else spec.tag or "latest"
    host = spec.registry.partition(":")[0]
    if unreachable(host):
        cause = f'Get "https://{spec.registry}/v2/": dial tcp: lookup {host} on 10.255.255.53:53: no such host'
        return statuses.internal_error(f"{text}: {cause}")
    parts = spec.repository.split("/")
    if any(part.startswith("no-access-") for part in parts):
        return statuses.unauthorized(f'you may not have access to the container image "{_exact(spec, tag)}"')
    if any(part.startswith("no-such-") for part in (*parts, tag)):
        return statuses.not_found("dockerimage", _exact(spec, tag))
    digest = digest_for(text)
    return Found(digest, spec.pinned(digest), tag)


def _exact(spec: PullSpec, tag: str) -> str:
    return spec.pinned(spec.digest) if spec.digest else f"{spec.pinned('').removesuffix('@')}:{tag}"
