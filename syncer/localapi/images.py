"""Images: cluster-wide, by digest, made by pushes and imports, shown inside the tags that point to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.localapi.streams import ordered_meta
from syncer.localapi.values import Doc, clone, timestamp

if TYPE_CHECKING:
    from syncer.localapi.store import Store

_FIRST_BUILD = 1735689600
"""2025-01-01T00:00:00Z: every image of the simulated registry was built within a year from then on."""
_YEAR = 365 * 86400

_METADATA: Doc = {
    "kind": "DockerImage",
    "apiVersion": "image.openshift.io/1.0",
    "Id": "",
    "Created": None,
    "ContainerConfig": {},
}


class Images:
    """The registry of images."""

    def __init__(self, store: Store) -> None:
        self._table = store.table("images")

    def find(self, digest: str) -> Doc | None:
        """Return the stored image, or None. Not to be changed."""
        return self._table.get("", digest)

    def ensure(self, digest: str, image: Doc, now: float) -> None:
        """Store an image unless it is there; `image` is what a push or an import says about it."""
        if self.find(digest) is None:
            meta = {"name": digest, "creationTimestamp": timestamp(now), **image.pop("metadata", {})}
            self._table.put({"metadata": {**meta, "name": digest}, **image}, now)


def imported_image(pull_spec: str, digest: str) -> Doc:
    """Return what an import finds out about an image; everything in it is derived from the digest."""
    value = digest.rpartition(":")[2]
    return {
        "metadata": {"annotations": {"image.openshift.io/dockerLayersOrder": "ascending"}},
        "dockerImageReference": pull_spec,
        "dockerImageMetadata": {
            **_METADATA,
            "Id": f"sha256:{value[::-1]}",
            "Created": timestamp(_FIRST_BUILD + int(value[:8], 16) % _YEAR),
            "Config": {"Env": ["PATH=/bin"], "Cmd": ["/hello"]},
            "Architecture": "amd64",
            "Size": 456,
        },
        "dockerImageLayers": [
            {
                "name": f"sha256:{value[32:]}{value[:32]}",
                "size": 108,
                "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
            }
        ],
        "dockerImageManifestMediaType": "application/vnd.docker.distribution.manifest.v2+json",
    }


def shown_image(image: Doc | None, name: str, reference: str, annotations: Doc) -> Doc:
    """Return an image as it stands inside a tag: with the tag's annotations, and no manifest.

    Without an image (a list does not look it up) there is just its name.
    """
    if image is None:
        meta = {"name": name} if name else {}
        shown: Doc = {"metadata": meta}
        if reference:
            shown["dockerImageReference"] = reference
        return {**shown, "dockerImageMetadata": dict(_METADATA), "dockerImageMetadataVersion": "1.0"}
    meta = ordered_meta(
        {**image["metadata"], "annotations": {**image["metadata"].get("annotations", {}), **annotations}}
    )
    shown = {"metadata": meta, "dockerImageReference": reference}
    shown["dockerImageMetadata"] = clone(image.get("dockerImageMetadata")) or dict(_METADATA)
    shown["dockerImageMetadataVersion"] = image.get("dockerImageMetadataVersion") or "1.0"
    for key in ("dockerImageLayers", "dockerImageManifestMediaType", "dockerImageManifests"):
        if image.get(key):
            shown[key] = image[key]
    return shown


def pushed_metadata(raw: Doc | None) -> Doc:
    """Return the metadata of a pushed image in the order and with the fields in which the server shows it."""
    given = raw or {}
    result: Doc = dict(_METADATA)
    for key in ("Id", "Parent", "Comment", "Created", "Container", "ContainerConfig", "DockerVersion", "Author"):
        if key in given:
            result[key] = given[key]
    for key in ("Config", "Architecture", "Size"):
        if given.get(key):
            result[key] = given[key]
    return result
