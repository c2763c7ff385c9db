"""Reads what runs or builds images, in pages, and keeps of it only what refers to the tags that are asked about."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import product
from threading import Event, Lock
from typing import TYPE_CHECKING

from msgspec.structs import replace

from syncer import imagestreamtag
from syncer.cluster.pages import read_list
from syncer.errors import ClusterError, ForbiddenError, NotFoundError
from syncer.model import Unread
from syncer.workloads import KINDS, REGISTRY, Workloads, workload_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from syncer.cluster.client import Client
    from syncer.cluster.pages import Get
    from syncer.model import Json, ObjectKey, Scope
    from syncer.workloads import Kind, Target, Workload


def read_workloads(  # noqa: PLR0913 - what, and how
    client: Client,
    scope: Scope,
    wanted: frozenset[Target],
    *,
    page_size: int,
    concurrency: int,
    near: ObjectKey | None = None,
    on_page: Callable[[int], None] | None = None,
) -> Workloads:
    """Read the workloads in scope that refer to what is wanted, and all running Pods, for these are counted.

    A kind that may not be listed in a namespace is named in the result; one that the cluster itself says it does not
    have is no loss. `near` is a tag whose stream says what the internal registry is called. `on_page` is told how many
    objects each page held, one call at a time. Raises ClusterError where any other list did not come to its end.
    """
    namespaces = ("",) if scope.all_namespaces else tuple(dict.fromkeys(scope.namespaces))
    over = Event()

    def get(path: str, query: Mapping[str, str | int]) -> dict[str, Json]:
        """Read one page; a server that goes away in the middle of the lists is waited for."""
        return client.outage.through(lambda: client.get(path, query), again=ClusterError, stopped=over.is_set)

    lister = _Lister(get, wanted, _registries(get, near), page_size, on_page or (lambda _: None), Lock())
    with ThreadPoolExecutor(max_workers=max(1, concurrency)) as pool:
        try:
            lists = list(pool.map(lister.read, product(KINDS, namespaces)))
        except BaseException:
            over.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    unread = [each for each in lists if isinstance(each, Unread)]
    return Workloads(tuple(one for each in lists if not isinstance(each, Unread) for one in each), tuple(unread))


@dataclass(frozen=True, slots=True)
class _Lister:
    """Lists one kind in one namespace; threads share it."""

    get: Get
    wanted: frozenset[Target]
    registries: frozenset[str]
    page_size: int
    on_page: Callable[[int], None]
    lock: Lock

    def read(self, what: tuple[Kind, str]) -> list[Workload] | Unread:
        """List a kind in a namespace to the end; an empty one means all."""
        kind, namespace = what
        try:
            found = read_list(
                self.get,
                kind.path(namespace),
                kind.name,
                namespace=namespace,
                page_size=self.page_size,
                reduce=lambda item: self._reduced(kind.name, item),
                on_page=self._told,
            )
        except ForbiddenError as error:
            return Unread(kind.name, namespace, error.message)
        except NotFoundError as error:
            if error.proves_absence or self._lacks(kind):
                return []
            raise
        return [one for one in found.values() if one]

    def _lacks(self, kind: Kind) -> bool:
        """Whether the cluster has no API of that group, by its own list; a load balancer proves nothing."""
        told = self.get("/apis", {})
        groups = told.get("groups") if told.get("kind") == "APIGroupList" else None
        if not kind.group or not isinstance(groups, list):
            return False
        return all(isinstance(group, dict) and group.get("name") != kind.group for group in groups)

    def _reduced(self, kind: str, item: Mapping[str, Json]) -> Workload | None:
        workload = workload_of(kind, item, self.registries)
        if workload is None:
            return None
        links = tuple(link for link in workload.links if link.target in self.wanted)
        return replace(workload, links=links) if links or kind == "Pod" else None

    def _told(self, page: Iterable[Workload | None]) -> None:
        count = sum(1 for _ in page)
        with self.lock:
            self.on_page(count)


def _registries(get: Get, near: ObjectKey | None) -> frozenset[str]:
    """Give the hosts by which the internal registry is known: its own name, and what a stream says of it."""
    if near is None:
        return frozenset({REGISTRY})
    try:
        status = get(imagestreamtag.stream_path(near.namespace, near.stream), {}).get("status")
    except (ForbiddenError, NotFoundError):
        return frozenset({REGISTRY})
    fields = ("dockerImageRepository", "publicDockerImageRepository")
    places = [str(status.get(field)) for field in fields] if isinstance(status, dict) else []
    path = f"/{near.namespace}/{near.stream}"
    return frozenset({REGISTRY, *(place.removesuffix(path) for place in places if place.endswith(path))})
