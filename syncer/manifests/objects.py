"""One object of the group image.openshift.io: an ImageStreamTag, or an ImageStream with its tags → desired tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from syncer.manifests import names
from syncer.manifests.tags import annotations_of, tag_fields
from syncer.model import Desired, ObjectKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncer.manifests.document import Path
    from syncer.manifests.scene import Scene


class Found(Struct, frozen=True):
    """A tag that is described, where its name stands, and whether the description is free of errors."""

    desired: Desired
    name: Scene
    sound: bool

    @property
    def stanza(self) -> Path:
        """The way to the `tag` stanza, or to the entry of `spec.tags`, which has the same fields."""
        *outer, last = self.name.path[:-1]
        return (*outer, "tag") if last == "metadata" else self.name.path[:-1]

    @property
    def metadata(self) -> Path:
        """The way to the metadata of the ImageStreamTag, or of the ImageStream."""
        path = self.name.path[:-1]
        return path if path[-1] == "metadata" else (*path[:-3], "metadata")


_SERVER_SET: Final = (
    "clusterName",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)
"""What `oc get -o yaml` leaves in `metadata`: no one desires it, so it is passed over in silence."""

_METADATA: Final = ("name", "namespace", "annotations", "labels", "ownerReferences", "finalizers", *_SERVER_SET)
_METADATA_HINTS: Final = {"generateName": "a tag must have its `name`: the server cannot make one up"}

_IMAGE_STREAM_TAG: Final = ("apiVersion", "kind", "metadata", "tag", "lookupPolicy")
_TAG_SERVER_SET: Final = ("image", "generation", "conditions", "status")
_IMAGE_STREAM_TAG_HINTS: Final = {
    "spec": "an ImageStreamTag has `tag:` where other kinds have `spec:`",
    "tags": "an ImageStreamTag is one `tag:`; several are an ImageStream with `spec.tags`",
    "from": "it belongs into `tag`",
    "name": "it belongs into `metadata`",
    "namespace": "it belongs into `metadata`",
    "annotations": "they belong into `metadata`",
    "importPolicy": "it belongs into `tag`",
    "referencePolicy": "it belongs into `tag`",
    "reference": "it belongs into `tag`",
}
_IMAGE_STREAM: Final = ("apiVersion", "kind", "metadata", "spec", "status")
_IMAGE_STREAM_HINTS: Final = {"tags": "they belong into `spec`", "tag": "an ImageStream has `spec.tags:`, a list"}
_STREAM_NOISE: Final = frozenset({"openshift.io/image.dockerRepositoryCheck"})
"""Annotations of a stream that the server writes."""


def image_stream_tag(scene: Scene, default_namespace: str) -> Iterator[Found]:
    """Check an ImageStreamTag; yields its tag, if there is a name to call it by."""
    reported = scene.reported
    metadata = scene.at("metadata")
    name, namespace = _name(metadata), _namespace(metadata, default_namespace)
    scene = scene.called(namespace, name)
    metadata = scene.at("metadata")
    scene.only((*_IMAGE_STREAM_TAG, *_TAG_SERVER_SET), _IMAGE_STREAM_TAG_HINTS)
    metadata.only(_METADATA, _METADATA_HINTS)
    stream, _, tag = name.partition(":")
    _check_name(metadata.at("name"), name, namespace)
    _not_applied(scene, stream or "STREAM")
    annotations = _tag_annotations(metadata.at("annotations"), scene.at("tag", "annotations"))
    if scene.at("tag").value is None:
        _no_tag(scene)
    if not scene.at("tag").mapping() and scene.at("tag").value != {}:
        return
    _check_tag_name(scene.at("tag", "name"), tag)
    fields = tag_fields(scene.at("tag"), annotations)
    if namespace and stream and tag:
        desired = Desired(ObjectKey(namespace, stream, tag), fields, scene.origin)
        yield Found(desired, metadata.at("name"), scene.sound_since(reported))


def image_stream(scene: Scene, default_namespace: str) -> Iterator[Found]:
    """Check an ImageStream; yields the tag of each entry of its `spec.tags`."""
    reported = scene.reported
    metadata = scene.at("metadata")
    stream, namespace = metadata.at("name").string(), _namespace(metadata, default_namespace)
    scene = scene.called(namespace, stream)
    metadata, spec = scene.at("metadata"), scene.at("spec")
    scene.only(_IMAGE_STREAM, _IMAGE_STREAM_HINTS)
    metadata.only(_METADATA, _METADATA_HINTS)
    spec.only(("tags", "lookupPolicy", "dockerImageRepository"), {"tag": "it is called `tags`, and is a list"})
    if not stream:
        metadata.at("name").error("missing-field", "metadata.name is missing")
    elif wanted := names.bad_stream_in(namespace, stream):
        metadata.at("name").error("name", f"the name of an ImageStream must be {wanted}; it is {stream!r}")
    _not_applied(scene, stream or "STREAM", lookup=spec.at("lookupPolicy"))
    _stream_only(scene)
    tags, sound = spec.at("tags"), scene.sound_since(reported)
    for entry in tags if tags.list() else ():
        yield from _entry(entry, namespace, stream, sound=sound)


def _entry(entry: Scene, namespace: str, stream: str, *, sound: bool) -> Iterator[Found]:
    """Check an entry of `spec.tags`. `sound`: whether its stream is."""
    reported = entry.reported
    if not isinstance(entry.value, dict):
        entry.mapping()
        return
    tag = entry.at("name").string()
    entry = entry.called(namespace, f"{stream}:{tag}" if tag else stream)
    if not tag:
        entry.at("name").error("missing-field", f"{entry.pointer}.name is missing: it is the tag")
    elif wanted := names.bad_tag(tag):
        entry.at("name").error("name", f"a tag must be {wanted}; it is {tag!r}")
    fields = tag_fields(entry, annotations_of(entry.at("annotations")))
    if namespace and stream and tag:
        desired = Desired(ObjectKey(namespace, stream, tag), fields, entry.origin)
        yield Found(desired, entry.at("name"), sound and entry.sound_since(reported))


# ------------------------------------------------------------------------------------------------- the parts


def _name(metadata: Scene) -> str:
    if metadata.value is None:
        metadata.error("missing-field", "metadata is missing", hint="a tag needs `metadata: {name: stream:tag}`")
        return ""
    if not isinstance(metadata.value, dict):
        metadata.mapping()
        return ""
    name = metadata.at("name")
    if name.absent:
        name.error("missing-field", "metadata.name is missing", hint="it is `stream:tag`")
    return name.string()


def _namespace(metadata: Scene, default: str) -> str:
    if not isinstance(metadata.value, dict):
        return default
    scene = metadata.at("namespace")
    namespace = scene.string() or default
    if scene.absent and not default:
        hint = "add metadata.namespace, or give one with -n"
        metadata.called("", _shown_name(metadata)).error("no-namespace", "no namespace is given", hint=hint, key=True)
    elif namespace and (wanted := names.bad_namespace(namespace)):
        scene.error("namespace", f"a namespace must be {wanted}; it is {namespace!r}")
    return namespace


def _shown_name(metadata: Scene) -> str:
    name = metadata.at("name").value
    return name if isinstance(name, str) else ""


def _check_name(scene: Scene, name: str, namespace: str) -> None:
    """Check `stream:tag`: exactly one colon, both parts valid (fact 13)."""
    if not name:
        return
    stream, _, tag = name.partition(":")
    if name.count(":") != 1 or not stream or not tag:
        hint = f"the server would take it for {name.partition(':')[0]}:latest" if name.endswith(":") else ""
        scene.error("name", f"the name must be `stream:tag`, with exactly one colon; it is {name!r}", hint=hint)
        return
    if wanted := names.bad_stream_in(namespace, stream):
        scene.error("name", f"the name of an ImageStream must be {wanted}; it is {stream!r}")
    if wanted := names.bad_tag(tag):
        scene.error("name", f"a tag must be {wanted}; it is {tag!r}")


def _check_tag_name(scene: Scene, tag: str) -> None:
    name = scene.string()
    if name and tag and name != tag:
        hint = "remove tag.name: the name of an ImageStreamTag is metadata.name"
        scene.error("tag-name", f"tag.name is {name!r}, but metadata.name says {tag!r}", hint=hint)


def _tag_annotations(metadata: Scene, tag: Scene) -> dict[str, str]:
    """Take the annotations from where they are given; in both places they must be equal (fact 4)."""
    of_metadata, of_tag = annotations_of(metadata), annotations_of(tag) if tag.value != metadata.value else {}
    if of_metadata and of_tag and of_metadata != of_tag:
        hint = "keep one of the two: the server stores them as one"
        tag.error("annotation-conflict", "tag.annotations and metadata.annotations differ", hint=hint, key=True)
    return of_metadata or of_tag


def _no_tag(scene: Scene) -> None:
    hint = "add `tag: {from: {kind: DockerImage, name: …}}`"
    if "image" in scene.mapping():
        hint = "`image` is what the server has imported; say where from: `tag: {from: {kind: DockerImage, name: …}}`"
    message = "`tag` is missing: without it the server makes an empty ImageStream"
    scene.at("tag").error("missing-field", message, hint=hint)


def _not_applied(scene: Scene, stream: str, lookup: Scene | None = None) -> None:
    """Warn of what cannot be set through a tag (fact 5)."""
    metadata, lookup = scene.at("metadata"), lookup or scene.at("lookupPolicy")
    in_namespace = f" -n {scene.namespace}" if scene.namespace else ""
    if labels := metadata.at("labels").mapping():
        key, value = next(iter(labels.items()))
        hint = f"set them on the ImageStream: oc label imagestream {stream} {key}={value}{in_namespace}"
        metadata.at("labels").warning("not-applied", "labels are not applied: a tag has those of its stream", hint=hint)
    lookup.only(("local",), {})
    if lookup.at("local").boolean() if lookup.mapping() else False:
        hint = f"set it on the ImageStream: oc set image-lookup {stream}{in_namespace}"
        lookup.warning("not-applied", "lookupPolicy is not applied: it is the stream's", hint=hint)
    for field in ("ownerReferences", "finalizers"):
        if metadata.at(field).list():
            hint = "set them on the ImageStream, if need be"
            metadata.at(field).warning(
                "not-applied", f"{field} are not applied: a tag has those of its stream", hint=hint
            )


def _stream_only(scene: Scene) -> None:
    """Warn of what an ImageStream has beside its tags."""
    metadata, repository = scene.at("metadata"), scene.at("spec", "dockerImageRepository")
    keys = [key for key in annotations_of(metadata.at("annotations")) if key not in _STREAM_NOISE]
    if keys:
        hint = f"set them on the ImageStream: oc annotate imagestream {scene.name or 'STREAM'} {keys[0]}=…"
        message = "annotations of an ImageStream are not applied: only its tags are"
        metadata.at("annotations").warning("not-applied", message, hint=hint)
    if repository.string():
        hint = "name each tag in spec.tags, or import them: oc import-image --all"
        repository.warning("not-applied", "spec.dockerImageRepository is not applied: only tags are", hint=hint)
