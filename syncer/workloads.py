"""The shape of what runs or builds images: which tags it follows, and which images it names.

Deployments, StatefulSets, DaemonSets and CronJobs follow tags by an annotation, DeploymentConfigs and BuildConfigs by
`spec.triggers` (docs.openshift.com, "Triggering updates on image stream changes"). What has another shape than its kind
names no image; OpenShift's own controllers pass over it, too.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from syncer.model import How, Json, ObjectKey, Unread

TRIGGERS: Final = "image.openshift.io/triggers"
REGISTRY: Final = "image-registry.openshift-image-registry.svc:5000"
"""Where the internal registry is, as seen from a Pod, unless the streams say otherwise."""


class Kind(NamedTuple):
    """A kind of object that uses images: its name, its plural in URLs, and its API."""

    name: str
    plural: str
    api: str

    @property
    def group(self) -> str:
        """Its API group; empty for the core group."""
        return self.api.split("/")[2] if self.api.startswith("/apis/") else ""

    def path(self, namespace: str) -> str:
        """Give the URL path of its objects in a namespace, or in all."""
        where = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
        return f"{self.api}{where}/{self.plural}"


KINDS: Final = (
    Kind("Pod", "pods", "/api/v1"),
    Kind("Deployment", "deployments", "/apis/apps/v1"),
    Kind("StatefulSet", "statefulsets", "/apis/apps/v1"),
    Kind("DaemonSet", "daemonsets", "/apis/apps/v1"),
    Kind("CronJob", "cronjobs", "/apis/batch/v1"),
    Kind("DeploymentConfig", "deploymentconfigs", "/apis/apps.openshift.io/v1"),
    Kind("BuildConfig", "buildconfigs", "/apis/build.openshift.io/v1"),
)


class Target(NamedTuple):
    """What an image reference names: a tag, an image of a stream by digest, or an image of another registry.

    The last has no stream, and the namespace of the Pod that runs it.
    """

    namespace: str
    stream: str = ""
    tag: str = ""
    digest: str = ""


class Link(NamedTuple):
    """One reference to an image, and how it is meant. `paused`: its trigger does nothing at present."""

    target: Target
    how: How
    container: str = ""
    paused: bool = False


class Workload(Struct, frozen=True, gc=False):
    """An object and the images that it refers to; `owner` is the kind and name of what a Pod belongs to."""

    kind: str
    namespace: str
    name: str
    links: tuple[Link, ...]
    owner: tuple[str, str] | None = None


class Workloads(Struct, frozen=True, gc=False):
    """All that was found, and what could not be looked at."""

    found: tuple[Workload, ...]
    unread: tuple[Unread, ...] = ()


def targets_of(key: ObjectKey, digest: str) -> tuple[Target, ...]:
    """Give what references name that mean a tag: the tag itself, and its image by digest, from its stream or beyond."""
    tag = Target(key.namespace, key.stream, key.tag)
    if not digest:
        return (tag,)
    return (tag, Target(key.namespace, key.stream, digest=digest), Target(key.namespace, digest=digest))


def workload_of(kind: str, item: Mapping[str, Json], registries: frozenset[str]) -> Workload | None:
    """Read an object of one of the kinds; None for a Pod that has ended. `registries` are the internal one's names."""
    metadata, spec = _map(item.get("metadata")), _map(item.get("spec"))
    namespace, name = str(metadata.get("namespace")), str(metadata.get("name"))
    reader = _Reader(namespace, registries)
    if kind == "Pod":
        status = _map(item.get("status"))
        if status.get("phase") in ("Succeeded", "Failed"):
            return None
        return Workload(kind, namespace, name, tuple(reader.running(spec, status)), _owner(metadata))
    if kind == "BuildConfig":
        return Workload(kind, namespace, name, tuple(reader.builds(spec)))
    outer = _map(_map(spec.get("jobTemplate")).get("spec")) if kind == "CronJob" else spec
    template = _map(_map(outer.get("template")).get("spec"))
    annotation = _map(metadata.get("annotations")).get(TRIGGERS)
    triggers = reader.config_triggers(spec) if kind == "DeploymentConfig" else reader.annotated(annotation, template)
    return Workload(kind, namespace, name, (*triggers, *reader.named(template)))


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the references of one object; a reference without a namespace means the object's own."""

    namespace: str
    registries: frozenset[str]

    def annotated(self, annotation: Json, template: Mapping[str, Json]) -> Iterator[Link]:
        """Yield what the annotation of Deployments and their like follows."""
        try:
            triggers = json.loads(annotation or "[]")
        except (ValueError, TypeError):
            return
        for trigger in map(_map, _list(triggers)):
            target = self.reference(trigger.get("from"))
            paused = trigger.get("paused") in (True, "true")
            if target:
                yield Link(target, "trigger", _container(trigger.get("fieldPath"), template), paused)

    def config_triggers(self, spec: Mapping[str, Json]) -> Iterator[Link]:
        """Yield what a DeploymentConfig follows."""
        for trigger in map(_map, _list(spec.get("triggers"))):
            params = _map(trigger.get("imageChangeParams"))
            if target := self.reference(params.get("from")):
                for container in _list(params.get("containerNames")) or ("",):
                    yield Link(target, "trigger", str(container), params.get("automatic") is False)

    def builds(self, spec: Mapping[str, Json]) -> Iterator[Link]:
        """Yield what a BuildConfig is triggered by, builds from, and pushes to."""
        sources = [_map(part).get("from") for part in _map(spec.get("strategy")).values() if isinstance(part, dict)]
        for trigger in map(_map, _list(spec.get("triggers"))):
            if trigger.get("type") == "ImageChange":
                change = _map(trigger.get("imageChange"))
                for reference in [change["from"]] if change.get("from") else sources:
                    if target := self.reference(reference):
                        yield Link(target, "trigger", paused=change.get("paused") is True)
        images = [_map(image).get("from") for image in _list(_map(spec.get("source")).get("images"))]
        for reference in (*sources, *images):
            if target := self.reference(reference):
                yield Link(target, "build")
        if target := self.reference(_map(spec.get("output")).get("to")):
            yield Link(target, "output")

    def named(self, template: Mapping[str, Json]) -> Iterator[Link]:
        """Yield the images of the internal registry that the containers of a template name."""
        for container in _containers(template):
            target = self.pulled(container.get("image"))
            if target and target.stream:
                yield _by_image(target, str(container.get("name", "")))

    def running(self, spec: Mapping[str, Json], status: Mapping[str, Json]) -> Iterator[Link]:
        """Yield the images that the containers of a Pod name, and those that they run."""
        yield from self.named(spec)
        for field in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
            for one in map(_map, _list(status.get(field))):
                target = self.pulled(str(one.get("imageID", "")).rpartition("://")[2])
                if target and target.digest:
                    yield _by_image(target, str(one.get("name", "")))

    def reference(self, value: Json) -> Target | None:
        """Read an object reference: `{kind: ImageStreamTag, name: app:prod, namespace: team-a}`."""
        reference = _map(value)
        name, namespace = reference.get("name"), reference.get("namespace") or self.namespace
        if not isinstance(name, str) or not isinstance(namespace, str):
            return None
        kind = reference.get("kind") or "ImageStreamTag"
        if kind == "ImageStreamTag":
            stream, _, tag = name.partition(":")
            return Target(namespace, stream, tag or "latest")
        if kind == "ImageStreamImage":
            stream, _, digest = name.partition("@")
            return Target(namespace, stream, digest=digest)
        target = self.pulled(name) if kind == "DockerImage" else None
        return target if target and target.stream else None

    def pulled(self, image: Json) -> Target | None:
        """Read a pull spec: of the internal registry, or any with a digest; None for one that names no tag of ours."""
        if not isinstance(image, str):
            return None
        repository, _, digest = image.partition("@")
        host, _, path = repository.partition("/")
        namespace, _, name = path.partition("/")
        stream, _, tag = name.partition(":")
        if host in self.registries and stream and "/" not in stream:
            return Target(namespace, stream, digest=digest) if digest else Target(namespace, stream, tag or "latest")
        return Target(self.namespace, digest=digest) if digest else None


def _by_image(target: Target, container: str) -> Link:
    return Link(target, "digest" if target.digest else "image", container)


def _containers(template: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    return [_map(one) for field in ("initContainers", "containers") for one in _list(template.get(field))]


_FIELD_PATH: Final = re.compile(
    r"""(?P<field>initContainers|containers)\[(?:\?\(@\.name==|@name=)?["']?(?P<which>[\w.-]+)["']?\)?\]"""
)


def _container(path: Json, template: Mapping[str, Json]) -> str:
    """Name the container whose image a trigger sets: `spec.template.spec.containers[?(@.name=="web")].image`."""
    found = _FIELD_PATH.search(path) if isinstance(path, str) else None
    if not found:
        return ""
    if not found["which"].isdecimal():
        return found["which"]
    siblings = _list(template.get(found["field"]))
    place = int(found["which"])
    return str(_map(siblings[place]).get("name", "")) if place < len(siblings) else ""


_HASH: Final = "pod-template-hash"
_CONFIG: Final = "openshift.io/deployment-config.name"


def _owner(metadata: Mapping[str, Json]) -> tuple[str, str] | None:
    """Name what a Pod belongs to: of a ReplicaSet its Deployment, of a ReplicationController its DeploymentConfig."""
    references = [_map(one) for one in _list(metadata.get("ownerReferences"))]
    owner = next((one for one in references if one.get("controller") is True), references[0] if references else {})
    kind, name = owner.get("kind"), owner.get("name")
    if not isinstance(kind, str) or not isinstance(name, str):
        return None
    made_of = _map(metadata.get("labels")).get(_HASH)
    if kind == "ReplicaSet" and isinstance(made_of, str) and name.endswith(f"-{made_of}"):
        return "Deployment", name.removesuffix(f"-{made_of}")
    config = _map(metadata.get("annotations")).get(_CONFIG)
    if kind == "ReplicationController" and isinstance(config, str):
        return "DeploymentConfig", config
    return kind, name


def _map(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []
