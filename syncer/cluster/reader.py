"""Reads the live state: every page of every list, or nothing.

What is listed is decided once a run. A real server's tag list cannot page and hides tags (facts 1 and 2), so the
stream list is read there; where the tag list carries a resourceVersion it can be trusted, and is read itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from threading import Event, Lock
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from syncer import imagestreamtag
from syncer.cluster.answers import decode
from syncer.cluster.background import side_by_side
from syncer.cluster.pages import read_list
from syncer.cluster.versions import Pages, digest, version_of
from syncer.errors import ClusterError, ForbiddenError, NotFoundError
from syncer.model import Bystander, Live, LiveState, ObjectKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from syncer.cluster.client import Client
    from syncer.cluster.pages import Name
    from syncer.cluster.versions import Version
    from syncer.model import Json, Listing, Scope

_Listed = tuple["Version", list[Live | Bystander]]
"""What is kept of a listed object: its version, and the tags that it amounts to."""

_VERSION_PATH: Final = "/apis/config.openshift.io/v1/clusterversions/version"


@dataclass(frozen=True, slots=True)
class Skimmed:
    """What the lists hold by its versions alone, as `LiveState.versions` has them, and the pages to read in full."""

    versions: str
    listing: Listing
    pages: Pages


def skim_live(
    client: Client, scope: Scope, *, page_size: int, concurrency: int, ahead: Skimmed | None = None
) -> Skimmed:
    """Read of all that is in scope the versions, to the end of every list. Raises as `read_live` does.

    `ahead` are pages that were asked for before.
    """
    listing = ahead.listing if ahead else listing_of(client, namespaces_of(scope))
    there, pages = ahead.pages if ahead else Pages(), Pages()
    lister = _Lister(client, listing, page_size, lambda _: None, scope, there=there, keeps=pages)
    return Skimmed(_read_lists(lister, scope, concurrency, ()).versions, listing, pages)


def read_live(  # noqa: PLR0913 - what, how, and three that most callers leave out
    client: Client,
    scope: Scope,
    *,
    page_size: int,
    concurrency: int,
    on_page: Callable[[int], None] | None = None,
    named: Iterable[str] = (),
    kept: Callable[[Live], Live | Bystander] | None = None,
    skimmed: Skimmed | None = None,
) -> LiveState:
    """Read all tags in scope; namespaces that may not be listed, or do not exist, are named in the result.

    `named` are namespaces that are to be written to: where all are listed, those without a tag are looked for.
    `kept` says what is kept of a tag, as it comes (None: all of it): what it drops is only in the page at hand.
    `skimmed` are lists of that scope that were read by versions: their pages are not asked for again. `on_page` is told
    how many tags each page held, one call at a time. Raises ClusterError where any list did not come to its end,
    ForbiddenError where all namespaces are asked for and may not be listed.
    """
    listing = skimmed.listing if skimmed else listing_of(client, namespaces_of(scope))
    there = skimmed.pages if skimmed else Pages()
    lister = _Lister(client, listing, page_size, on_page or (lambda _: None), scope, there=there, kept=kept)
    return _read_lists(lister, scope, concurrency, named)


def namespaces_of(scope: Scope) -> tuple[str, ...]:
    """Name what is listed one by one; all namespaces are one list, and have an empty name."""
    return ("",) if scope.all_namespaces else tuple(dict.fromkeys(scope.namespaces))


def _read_lists(lister: _Lister, scope: Scope, concurrency: int, named: Iterable[str]) -> LiveState:
    if scope.all_namespaces:
        found = _everywhere(lister)
        unseen = sorted({name for name in named if scope.covers(name)} - {tag.key.namespace for tag in found.tags})
        return lister.state([found], missing=frozenset(filter(lister.is_missing, unseen)))
    try:
        parts = side_by_side(lister.namespace, namespaces_of(scope), threads=max(1, concurrency))
    except BaseException:
        lister.stop()
        raise
    return lister.state(parts, missing=frozenset(part.name for part in parts if part.missing))


def read_stream(client: Client, namespace: str, stream: str) -> dict[ObjectKey, Live] | None:
    """Read the tags of one stream as they are now; None where there is no such stream."""
    path = imagestreamtag.stream_path(namespace, stream)
    try:
        body = client.get(path)
    except NotFoundError as error:
        if error.proves_absence:
            return None
        raise
    metadata = body.get("metadata")
    named = (metadata.get("namespace"), metadata.get("name")) if isinstance(metadata, dict) else None
    if body.get("kind") != "ImageStream" or named != (namespace, stream):
        raise ClusterError(f"GET {path}: the answer is not that ImageStream")
    return {live.key: live for live in imagestreamtag.live_tags(body)}


def server_version(client: Client) -> str:
    """Give the release that the cluster runs, such as 4.16.3; empty where it is not known or may not be read."""
    try:
        status = client.get(_VERSION_PATH).get("status")
        history = status.get("history") if isinstance(status, dict) else None
    except (NotFoundError, ForbiddenError):
        return ""
    for entry in history if isinstance(history, list) else ():
        if isinstance(entry, dict) and entry.get("state") == "Completed":  # the newest comes first
            return str(entry.get("version") or "")
    return ""


@dataclass(frozen=True, slots=True)
class _Namespace:
    """What came of listing one namespace, or all of them."""

    name: str
    tags: Sequence[Live | Bystander]
    versions: Mapping[Name, Version] = field(default_factory=dict)
    forbidden: str = ""
    missing: bool = False


class _Lister:
    """Lists tags by the way decided on; threads share it. `there` are pages that came before.

    One that `keeps` the pages reads versions of them, and no tags.
    """

    def __init__(  # noqa: PLR0913 - what and how, as `read_live` is told
        self,
        client: Client,
        listing: Listing,
        page_size: int,
        on_page: Callable[[int], None],
        scope: Scope,
        *,
        there: Pages,
        keeps: Pages | None = None,
        kept: Callable[[Live], Live | Bystander] | None = None,
    ) -> None:
        self.listing = listing
        self._scope = scope
        self._kept = kept
        self._client = client
        self._page_size = page_size
        self._on_page = on_page
        self._there = there
        self._keeps = keeps
        self._lock = Lock()
        self._over = Event()

    def stop(self) -> None:
        """Wait for no server any more: the lists of other threads are of no use."""
        self._over.set()

    def namespace(self, name: str) -> _Namespace:
        """List one namespace; tell an empty one from one that does not exist, which the list does not (fact 15)."""
        try:
            found = self.listed(name)
        except ForbiddenError as error:
            return _Namespace(name, (), forbidden=error.message)
        return replace(found, missing=not found.versions and self.is_missing(name))

    def listed(self, namespace: str = "") -> _Namespace:
        """List to the end; give the objects' tags, and the version of each object."""
        whole_tags = self.listing == "tags"
        found = read_list(
            self._get,
            list_path(self.listing, namespace),
            "ImageStreamTag" if whole_tags else "ImageStream",
            namespace=namespace,
            page_size=self._page_size,
            reduce=self._read,
            on_page=self._told,
        )
        tags = [tag for _, each in found.values() for tag in each]
        return _Namespace(namespace, tags, {name: version for name, (version, _) in found.items()})

    def state(self, parts: Sequence[_Namespace], *, missing: frozenset[str]) -> LiveState:
        """Put together what was listed."""
        forbidden = {part.name: part.forbidden for part in parts if part.forbidden}
        versions = {name: version for part in parts for name, version in part.versions.items()}
        if self._scope.shard:
            versions = {name: version for name, version in versions.items() if not self._scope.leaves(name[0])}
        tags, elsewhere = dict[ObjectKey, Live](), dict[ObjectKey, ObjectKey]()
        for tag in (tag for part in parts for tag in part.tags if isinstance(tag, Live)):
            if not self._scope.leaves(tag.key.namespace):
                tags[tag.key] = tag
            elif target := imagestreamtag.followed_in(tag):
                elsewhere[tag.key] = target
        return LiveState(
            tags,
            self.listing,
            forbidden,
            missing,
            {tag.key: tag for part in parts for tag in part.tags if isinstance(tag, Bystander)},
            "" if forbidden else digest(self.listing, versions, missing),
            elsewhere,
        )

    def _read(self, item: Mapping[str, Json]) -> _Listed:
        """Read the tags of an object; drop, as it comes, what a run leaves to another part, or has no use for."""
        if self._keeps is not None:
            return version_of(item), []
        tags = (imagestreamtag.live_tag(item),) if self.listing == "tags" else imagestreamtag.live_tags(item)
        if self._scope.leaves(item["metadata"]["namespace"]):
            targets = ((live, imagestreamtag.followed_in(live)) for live in tags)
            return version_of(item), [
                live for live, target in targets if target and not self._scope.leaves(target.namespace)
            ]
        return version_of(item), list(map(self._kept, tags)) if self._kept else list(tags)

    def _get(self, path: str, query: Mapping[str, str | int]) -> dict[str, Json]:
        """Read one page; a server that goes away in the middle of the lists is waited for."""
        read = decode if self._keeps is None else self._keeps.skimming(path, query)
        if (page := self._there.take(path, query)) is not None:
            return read(page, f"GET {path}")
        return self._client.outage.through(
            lambda: self._client.get(path, query, read=read), again=ClusterError, stopped=self._over.is_set
        )

    def _told(self, page: Iterable[_Listed]) -> None:
        count = sum(len(tags) for _, tags in page)
        with self._lock:
            self._on_page(count)

    def is_missing(self, name: str) -> bool:
        """Whether a namespace is known not to exist."""
        try:
            self._client.get(f"/api/v1/namespaces/{quote(name, safe='')}")
        except NotFoundError as error:
            return error.proves_absence
        except ClusterError:  # many users may list tags and not see the namespace: not known
            return False
        return False


def list_path(listing: Listing, namespace: str) -> str:
    """Give the URL path of what is listed of a namespace, or of all."""
    return imagestreamtag.tags_path(namespace) if listing == "tags" else imagestreamtag.streams_path(namespace)


def listing_of(client: Client, namespaces: Iterable[str], *, once: bool = False) -> Listing:
    """Decide what to list, by the first namespace that may be read: a list that can page has a resourceVersion.

    `once`: nothing is retried.
    """
    for namespace in namespaces:
        path = imagestreamtag.tags_path(namespace)
        try:
            metadata = client.get(path, {"limit": 1}, once=once).get("metadata")
        except ForbiddenError:
            continue
        except NotFoundError as error:
            raise NotFoundError(
                error.message,
                hint="the server does not serve image.openshift.io/v1: is it an OpenShift cluster?",
                status=error.status,
                reason=error.reason,
            ) from error
        return "tags" if isinstance(metadata, dict) and metadata.get("resourceVersion") else "streams"
    return "streams"


def _everywhere(lister: _Lister) -> _Namespace:
    try:
        return lister.listed()
    except ForbiddenError as error:
        raise ForbiddenError(
            error.message,
            hint="name the namespaces that you may list with -n/--namespace instead of -A",
            status=error.status,
            reason=error.reason,
        ) from error
