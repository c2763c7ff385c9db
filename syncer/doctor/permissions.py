"""What a sync of a source must be allowed to do, and why: derived from what its manifests say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from syncer import imagestreamtag
from syncer.workloads import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from syncer.model import Manifests, Scope

IMAGE: Final = "image.openshift.io"


@dataclass(frozen=True, slots=True, order=True)
class Permission:
    """One verb on one resource; an empty namespace is the whole cluster, an empty group the core API.

    Without one that is not `essential` a sync runs, and tells less.
    """

    namespace: str
    group: str
    resource: str
    verb: str
    reason: str
    essential: bool = True


_SCOPE: Final = (
    (IMAGE, "imagestreams", "list", "list the live tags", True),
    (IMAGE, "imagestreams", "get", "read a stream afresh, before and after a write", True),
    (IMAGE, "imagestreamtags", "list", "find out whether the tag list can page", False),
    (IMAGE, "imagestreamtags", "create", "create tags", True),
    (IMAGE, "imagestreamtags", "patch", "change tags", True),
    ("", "namespaces", "get", "tell an empty namespace from one that does not exist", False),
)
_PRUNE: Final = (IMAGE, "imagestreamtags", "delete", "prune tags", True)
_FOLLOWED: Final = (
    # The server lets nobody point at an image in another namespace who may not pull it.
    (IMAGE, "imagestreams/layers", "get", "follow its tags from another namespace", True),
    (IMAGE, "imagestreams", "get", "see whether a followed tag has its image", False),
)
_RESOLVE: Final = (
    (IMAGE, "imagestreamimports", "create", "have the cluster look images up (--resolve); it imports none", False),
    (IMAGE, "imagestreamimages", "get", "tell when an image was built (--resolve)", False),
)
_LOCK: Final = tuple(
    ("coordination.k8s.io", "leases", verb, "hold the lock between runs", True) for verb in ("get", "create", "patch")
)
_IMPACT: Final = tuple((kind.group, kind.plural, "list", "see who uses a tag", False) for kind in KINDS)
_EVENTS: Final = ("", "events", "create", "write Events", False)


def needed(  # noqa: PLR0913 - what a sync may be asked to do
    manifests: Manifests,
    scope: Scope,
    *,
    prune: bool = True,
    impact: bool = False,
    events: bool = False,
    resolve: bool = False,
    lock_namespace: str = "",
) -> tuple[Permission, ...]:
    """List what a sync needs, by namespace; `lock_namespace` is where its Lease lies, empty for none."""
    found: dict[tuple[str, str, str, str], Permission] = {}
    namespaces = ("",) if scope.all_namespaces else scope.namespaces
    rules = [
        *_SCOPE,
        *([_PRUNE] if prune else []),
        *(_IMPACT if impact else ()),
        *([_EVENTS] if events else []),
        *(_RESOLVE if resolve else ()),
    ]
    wanted = [(namespace, rule) for namespace in namespaces for rule in rules]
    wanted += [(namespace, rule) for namespace in _followed(manifests, scope) for rule in _FOLLOWED]
    wanted += [(lock_namespace, rule) for rule in _LOCK if lock_namespace]
    for namespace, (group, resource, verb, reason, essential) in wanted:
        found.setdefault(
            (namespace, group, resource, verb), Permission(namespace, group, resource, verb, reason, essential)
        )
    return tuple(found[each] for each in sorted(found))


def _followed(manifests: Manifests, scope: Scope) -> Iterable[str]:
    """Give the namespaces whose tags are followed from another one; all of them are in scope where all are."""

    def found() -> Iterator[str]:
        for key, desired in manifests.desired.items():
            target = imagestreamtag.followed_by(key, desired.fields) or imagestreamtag.pinned_to(key, desired.fields)
            if scope.covers(key.namespace) and target and target[0] != key.namespace:
                yield "" if scope.all_namespaces else target[0]

    return sorted(set(found()))
