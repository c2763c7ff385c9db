"""Everything the server is made of, put together: the store, the registries, the resources it serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from syncer.localapi.clusterversion import ClusterVersionApi
from syncer.localapi.dispatch import Dispatcher, Served
from syncer.localapi.documented import DocumentedTagApi
from syncer.localapi.gate import NamespaceGate
from syncer.localapi.imageapi import ImageApi
from syncer.localapi.images import Images
from syncer.localapi.imagestreams import Call, ImageStreams
from syncer.localapi.imagestreamtags import ImageStreamTags
from syncer.localapi.importapi import ImportApi
from syncer.localapi.imports import Importer
from syncer.localapi.kinds import IMAGE_STREAM
from syncer.localapi.namespaces import NamespaceApi
from syncer.localapi.objects import LEASES, ObjectApi
from syncer.localapi.pullspecs import digest_for
from syncer.localapi.schema import Walk
from syncer.localapi.store import Event, Store
from syncer.localapi.streamapi import MappingApi, StreamApi
from syncer.localapi.streams import Stream
from syncer.localapi.tagapi import TagApi
from syncer.localapi.values import IMAGE_API, timestamp
from syncer.localapi.workloads import WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from syncer.localapi.auth import Identity

Profile: TypeAlias = Literal["openshift", "documented"]

_NAMED = frozenset({"get", "update", "patch", "delete"})
_COLLECTION = frozenset({"list", "create"})


class World:
    """One server's state and behaviour, without HTTP. `lifetime` is how long old states can be listed, in seconds."""

    def __init__(
        self, *, profile: Profile = "openshift", tokens: Mapping[str, Identity] | None = None, lifetime: float = 300.0
    ) -> None:
        self.profile = profile
        self.tokens = tokens
        self.closing = False
        self.store = Store(lifetime)
        self.images = Images(self.store)
        self.streams = ImageStreams(self.store)
        gate = NamespaceGate()
        by_the_book = profile == "documented"
        tags = ImageStreamTags(self.streams, self.images, spec_only=by_the_book)
        tag_api = DocumentedTagApi if by_the_book else TagApi
        self._mappings = MappingApi(self.streams, self.images, gate)
        served = {
            (IMAGE_API, "imagestreamtags"): Served(
                tag_api(self.store, tags, gate), _NAMED, _COLLECTION, cluster_create=by_the_book
            ),
            (IMAGE_API, "imagestreams"): Served(
                StreamApi(self.store, self.streams, gate),
                _NAMED,
                _COLLECTION | {"deletecollection"},
                subresources=frozenset({"", "status"}),
            ),
            (IMAGE_API, "imagestreamimages"): Served(
                ImageApi(self.streams, self.images), frozenset({"get"}), frozenset()
            ),
            (IMAGE_API, "imagestreamimports"): Served(
                ImportApi(self.streams, self.images, gate), frozenset(), frozenset({"create"})
            ),
            (IMAGE_API, "imagestreammappings"): Served(self._mappings, frozenset(), frozenset({"create"})),
            (LEASES.api_version, LEASES.plural): Served(ObjectApi(self.store, LEASES, gate), _NAMED, _COLLECTION),
            ("v1", "namespaces"): Served(
                NamespaceApi(self.store, gate), frozenset({"get", "delete"}), _COLLECTION, namespaced=False
            ),
        }
        served |= {
            (each.api_version, each.plural): Served(ObjectApi(self.store, each, gate), _NAMED, _COLLECTION)
            for each in WORKLOADS
        }
        if profile == "openshift":
            read = frozenset({"get"})
            served["config.openshift.io/v1", "clusterversions"] = Served(
                ClusterVersionApi(), read, frozenset({"list"}), namespaced=False
            )
        self.dispatcher = Dispatcher(served, profile=profile, tokens=tokens is not None)

    def start_imports(self, later: Callable[[Callable[[], None]], object], clock: Callable[[], float]) -> None:
        """Simulate imports from now on, also of what is pending already; `later` runs an action after the delay."""
        importer = Importer(self.streams, self.images, later, clock)
        self.store.listen(importer.on_event)
        for _, version in self.store.table("imagestreams").snapshot():
            importer.on_event(Event(version.revision, "imagestreams", None, version.doc))

    def load(self, streams: Iterable[Mapping[str, Any]], now: float) -> None:
        """Put whole ImageStreams in, spec and status as given; uid and resourceVersion are made where absent."""
        table = self.store.table("imagestreams")
        for given in streams:
            doc = IMAGE_STREAM.decode(given, Walk())
            meta = doc["metadata"]
            meta.setdefault("creationTimestamp", timestamp(now))
            meta.setdefault("generation", 1)
            for key in ("uid", "resourceVersion"):
                if not meta.get(key):
                    meta.pop(key, None)
            table.put(Stream.of(doc).doc(), now)

    def push(self, namespace: str, name: str, tag: str, digest: str | None, now: float) -> None:
        """Leave what `podman push` leaves: an image in the status of a tag, no spec; makes the stream if need be."""
        call = Call(now)
        stream = self.streams.find(namespace, name) or self.streams.create(Stream.empty(namespace, name), call)
        digest = digest or digest_for(f"{stream.repository}:{tag}")
        image = {"metadata": {"name": digest}, "dockerImageReference": f"{stream.repository}@{digest}"}
        self._mappings.push(stream, tag, image, call)
