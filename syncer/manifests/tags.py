"""One tag, as an ImageStreamTag or an entry of an ImageStream's `spec.tags` describes it: check → managed fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from syncer.imagestreamtag import OWN_ANNOTATIONS, fields_of
from syncer.manifests import names
from syncer.manifests.scene import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncer.manifests.scene import Scene
    from syncer.model import Json

_TAG: Final = ("name", "annotations", "from", "generation", "importPolicy", "reference", "referencePolicy")
_TAG_HINTS: Final = {
    "image": "write `from: {kind: DockerImage, name: …}`",
    "scheduled": "it belongs into `importPolicy`",
    "insecure": "it belongs into `importPolicy`",
    "importMode": "it belongs into `importPolicy`",
    "kind": "it belongs into `from`",
    "labels": "labels belong to the ImageStream: `oc label imagestream STREAM KEY=VALUE`",
}
_FROM: Final = ("kind", "name", "namespace", "apiVersion", "fieldPath", "resourceVersion", "uid")
_FROM_HINTS: Final = {"tag": "write `name: stream:tag`", "image": "write `name:`"}
_KINDS: Final = ("DockerImage", "ImageStreamTag", "ImageStreamImage")
_MAX_ANNOTATIONS: Final = 256 * 1024
"""Bytes of all keys and values (apimachinery's TotalAnnotationSizeLimitB)."""


def tag_fields(tag: Scene, annotations: Mapping[str, str]) -> dict[str, Json]:
    """Check a `tag` stanza and flatten it, with its annotations, into managed fields.

    What is wrong is reported to the scene, and left out.
    """
    tag.only(_TAG, _TAG_HINTS)
    stanza = {
        "from": _from(tag.at("from")),
        "reference": tag.at("reference").boolean(),
        "importPolicy": _import_policy(tag.at("importPolicy")),
        "referencePolicy": _reference_policy(tag.at("referencePolicy")),
    }
    _check_scheduled(tag, stanza)
    return fields_of(annotations, stanza)


def annotations_of(scene: Scene) -> dict[str, str]:
    """Check annotations: strings by qualified names. Ours and kubectl's records are left out."""
    annotations: dict[str, str] = {}
    for key in scene.mapping():
        value = scene.at(key)
        if key in OWN_ANNOTATIONS:
            continue
        if wanted := names.bad_annotation_key(key):
            value.error("annotation-key", f"the annotation {key!r} must be {wanted}", key=True)
        if isinstance(value.value, str):
            annotations[key] = value.value
        else:
            hint = "put it in quotes" if not isinstance(value.value, dict | list) else "write it as a string of JSON"
            value.error("type", f"the annotation {key!r} must be a string, not {shown(value.value)}", hint=hint)
    size = sum(len(text.encode("utf-8", "replace")) for item in annotations.items() for text in item)
    if size > _MAX_ANNOTATIONS:
        message = f"{size:,} bytes of annotations; Kubernetes takes {_MAX_ANNOTATIONS:,}"
        scene.error("annotations-too-large", message, key=True)
    return annotations


def _from(scene: Scene) -> dict[str, Json] | None:
    """Check what a tag points to."""
    if scene.value is None:
        message = f"{scene.pointer} is missing: without it the server makes an empty tag"
        scene.error("missing-field", message, hint="say what the tag points to: `from: {kind: DockerImage, name: …}`")
        return None
    source: dict[str, Any] = {key: scene.at(key).string() for key in scene.mapping() if key in _FROM}
    scene.only(_FROM, _FROM_HINTS)
    if not isinstance(scene.value, dict):
        return None
    for key in ("kind", "name"):
        if scene.at(key).absent:
            hint = "one of DockerImage, ImageStreamTag, ImageStreamImage" if key == "kind" else "it names the image"
            scene.at(key).error("missing-field", f"{scene.pointer}.{key} is missing", hint=hint)
    kind = scene.at("kind").choice(_KINDS) if source.get("kind") else None
    if kind and source.get("name"):
        _check_reference(scene, kind, source)
    return {key: value for key, value in source.items() if value}


def _check_reference(scene: Scene, kind: str, source: Mapping[str, str]) -> None:
    """Check the name in a `from` by its kind, and whether it may have a namespace."""
    rule = {
        "DockerImage": names.bad_pull_spec,
        "ImageStreamTag": names.bad_tag_reference,
        "ImageStreamImage": names.bad_image_reference,
    }[kind]
    name, namespace = source["name"], source.get("namespace", "")
    if wanted := rule(name):
        message = f"{scene.pointer}.name must be {wanted}; it is {names.without_password(name)!r}"
        scene.at("name").error("pull-spec" if kind == "DockerImage" else "name", message)
    if namespace and kind == "DockerImage":
        hint = "remove it, or point to an ImageStreamTag"
        scene.at("namespace").error("conflict", "a DockerImage has no namespace", hint=hint, key=True)
    elif namespace and (wanted := names.bad_namespace(namespace)):
        scene.at("namespace").error("namespace", f"{scene.pointer}.namespace must be {wanted}; it is {namespace!r}")


def _import_policy(scene: Scene) -> dict[str, Json]:
    scene.only(("insecure", "scheduled", "importMode"), {})
    return {
        "insecure": scene.at("insecure").boolean(),
        "scheduled": scene.at("scheduled").boolean(),
        "importMode": scene.at("importMode").choice(("Legacy", "PreserveOriginal")),
    }


def _reference_policy(scene: Scene) -> dict[str, Json]:
    scene.only(("type",), {})
    return {"type": scene.at("type").choice(("Source", "Local"))}


def _check_scheduled(tag: Scene, stanza: Mapping[str, Any]) -> None:
    kind = (stanza["from"] or {}).get("kind")
    if stanza["importPolicy"]["scheduled"] and kind in {"ImageStreamTag", "ImageStreamImage"}:
        tag.at("importPolicy", "scheduled").error(
            "conflict",
            f"only a tag that points to a DockerImage can be scheduled for import, and this one points to an {kind}",
            hint="remove `scheduled`: schedule the tag that this one follows",
        )
