"""The resource types that the server decodes: `image.openshift.io/v1` and the metadata of Kubernetes.

Field names, their order and which of them are always written follow the published API types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.localapi.schema import FLAG, INT, RAW, TEXT, TIME, Field, Many, Maybe, Struct, Table

if TYPE_CHECKING:
    from syncer.localapi.values import Doc

_SEEN = Field(TEXT, keep=True)
_TEXT = Field(TEXT)
_HEAD = {"kind": _TEXT, "apiVersion": _TEXT}

OWNER_REFERENCE = Struct(
    "v1.OwnerReference",
    {
        "apiVersion": _SEEN,
        "kind": _SEEN,
        "name": _SEEN,
        "uid": _SEEN,
        "controller": Field(Maybe(FLAG)),
        "blockOwnerDeletion": Field(Maybe(FLAG)),
    },
)

MANAGED_FIELDS = Struct(
    "v1.ManagedFieldsEntry",
    {
        "manager": _TEXT,
        "operation": _TEXT,
        "apiVersion": _TEXT,
        "time": Field(Maybe(TIME)),
        "fieldsType": _TEXT,
        "fieldsV1": Field(RAW),
        "subresource": _TEXT,
    },
)

OBJECT_META = Struct(
    "v1.ObjectMeta",
    {
        "name": _TEXT,
        "generateName": _TEXT,
        "namespace": _TEXT,
        "selfLink": _TEXT,
        "uid": _TEXT,
        "resourceVersion": _TEXT,
        "generation": Field(INT),
        "creationTimestamp": Field(TIME),
        "deletionTimestamp": Field(Maybe(TIME)),
        "deletionGracePeriodSeconds": Field(Maybe(INT)),
        "labels": Field(Table(TEXT)),
        "annotations": Field(Table(TEXT)),
        "ownerReferences": Field(Many(OWNER_REFERENCE)),
        "finalizers": Field(Many(TEXT)),
        "managedFields": Field(Many(MANAGED_FIELDS)),
    },
)

DELETE_OPTIONS = Struct(
    "v1.DeleteOptions",
    {
        **_HEAD,
        "gracePeriodSeconds": Field(Maybe(INT)),
        "preconditions": Field(
            Maybe(Struct("v1.Preconditions", {"uid": Field(Maybe(TEXT)), "resourceVersion": Field(Maybe(TEXT))}))
        ),
        "orphanDependents": Field(Maybe(FLAG)),
        "propagationPolicy": Field(Maybe(TEXT)),
        "dryRun": Field(Many(TEXT)),
        "ignoreStoreReadErrorWithClusterBreakingPotential": Field(Maybe(FLAG)),
    },
)

OBJECT_REFERENCE = Struct(
    "v1.ObjectReference",
    {
        "kind": _TEXT,
        "namespace": _TEXT,
        "name": _TEXT,
        "uid": _TEXT,
        "apiVersion": _TEXT,
        "resourceVersion": _TEXT,
        "fieldPath": _TEXT,
    },
)


def _default_import_mode(policy: Doc) -> None:
    policy.setdefault("importMode", "Legacy")


def _default_reference_policy(policy: Doc) -> None:
    policy["type"] = policy["type"] or "Source"


_IMPORT_POLICY = Struct(
    "v1.TagImportPolicy",
    {"insecure": Field(FLAG), "scheduled": Field(FLAG), "importMode": _TEXT},
    _default_import_mode,
)
_REFERENCE_POLICY = Struct("v1.TagReferencePolicy", {"type": _SEEN}, _default_reference_policy)

TAG_REFERENCE = Struct(
    "v1.TagReference",
    {
        "name": _SEEN,
        "annotations": Field(Table(TEXT), keep=True),
        "from": Field(Maybe(OBJECT_REFERENCE)),
        "reference": Field(FLAG),
        "generation": Field(Maybe(INT), keep=True),
        "importPolicy": Field(_IMPORT_POLICY),
        "referencePolicy": Field(_REFERENCE_POLICY),
    },
)

_IMPORT_SPEC = {
    "from": Field(OBJECT_REFERENCE),
    "importPolicy": Field(_IMPORT_POLICY),
    "referencePolicy": Field(_REFERENCE_POLICY),
    "includeManifest": Field(FLAG),
}

CONDITION = Struct(
    "v1.TagEventCondition",
    {
        "type": _SEEN,
        "status": _SEEN,
        "lastTransitionTime": Field(TIME),
        "reason": _TEXT,
        "message": _TEXT,
        "generation": Field(INT, keep=True),
    },
)

TAG_EVENT = Struct(
    "v1.TagEvent",
    {
        "created": Field(TIME, keep=True),
        "dockerImageReference": _SEEN,
        "image": _SEEN,
        "generation": Field(INT, keep=True),
    },
)

LOOKUP_POLICY = Struct("v1.ImageLookupPolicy", {"local": Field(FLAG, keep=True)})

IMAGE_LAYER = Struct("v1.ImageLayer", {"name": _SEEN, "size": Field(INT, keep=True), "mediaType": _SEEN})

IMAGE_MANIFEST = Struct(
    "v1.ImageManifest",
    {
        "digest": _SEEN,
        "mediaType": _SEEN,
        "manifestSize": Field(INT, keep=True),
        "architecture": _SEEN,
        "os": _SEEN,
        "variant": _TEXT,
    },
)

IMAGE = Struct(
    "v1.Image",
    {
        **_HEAD,
        "metadata": Field(OBJECT_META),
        "dockerImageReference": _TEXT,
        "dockerImageMetadata": Field(RAW),
        "dockerImageMetadataVersion": _TEXT,
        "dockerImageManifest": _TEXT,
        "dockerImageLayers": Field(Many(IMAGE_LAYER), keep=False),
        "signatures": Field(RAW),
        "dockerImageSignatures": Field(Many(TEXT)),
        "dockerImageManifestMediaType": _TEXT,
        "dockerImageConfig": _TEXT,
        "dockerImageManifests": Field(Many(IMAGE_MANIFEST)),
    },
)

IMAGE_STREAM_TAG = Struct(
    "v1.ImageStreamTag",
    {
        **_HEAD,
        "metadata": Field(OBJECT_META),
        "tag": Field(Maybe(TAG_REFERENCE), keep=True),
        "generation": Field(INT, keep=True),
        "lookupPolicy": Field(LOOKUP_POLICY),
        "conditions": Field(Many(CONDITION)),
        "image": Field(IMAGE),
    },
)

IMAGE_STREAM = Struct(
    "v1.ImageStream",
    {
        **_HEAD,
        "metadata": Field(OBJECT_META),
        "spec": Field(
            Struct(
                "v1.ImageStreamSpec",
                {
                    "lookupPolicy": Field(LOOKUP_POLICY),
                    "dockerImageRepository": _TEXT,
                    "tags": Field(Many(TAG_REFERENCE)),
                },
            )
        ),
        "status": Field(
            Struct(
                "v1.ImageStreamStatus",
                {
                    "dockerImageRepository": _SEEN,
                    "publicDockerImageRepository": _TEXT,
                    "tags": Field(
                        Many(
                            Struct(
                                "v1.NamedTagEventList",
                                {
                                    "tag": _SEEN,
                                    "items": Field(Many(TAG_EVENT), keep=True),
                                    "conditions": Field(Many(CONDITION)),
                                },
                            )
                        )
                    ),
                },
            )
        ),
    },
)

IMAGE_STREAM_MAPPING = Struct(
    "v1.ImageStreamMapping",
    {**_HEAD, "metadata": Field(OBJECT_META), "image": Field(IMAGE), "tag": _SEEN},
)

IMAGE_STREAM_IMPORT = Struct(
    "v1.ImageStreamImport",
    {
        **_HEAD,
        "metadata": Field(OBJECT_META),
        "spec": Field(
            Struct(
                "v1.ImageStreamImportSpec",
                {
                    "import": Field(FLAG, keep=True),
                    "repository": Field(Maybe(Struct("v1.RepositoryImportSpec", dict(_IMPORT_SPEC)))),
                    "images": Field(
                        Many(
                            Struct(
                                "v1.ImageImportSpec",
                                {
                                    "from": _IMPORT_SPEC["from"],
                                    "to": Field(Maybe(Struct("v1.LocalObjectReference", {"name": _TEXT}))),
                                    **_IMPORT_SPEC,
                                },
                            )
                        )
                    ),
                },
            )
        ),
        "status": Field(RAW),
    },
)
"""A client's `status` is dropped, so its shape does not matter."""

IMAGE_KINDS = (
    "Image",
    "ImageList",
    "ImageSignature",
    "ImageStream",
    "ImageStreamImage",
    "ImageStreamImport",
    "ImageStreamLayers",
    "ImageStreamList",
    "ImageStreamMapping",
    "ImageStreamTag",
    "ImageStreamTagList",
    "ImageTag",
    "ImageTagList",
    "SecretList",
)
"""Kinds of the group's own version: another kind than the expected one cannot be converted, an unknown one decoded."""
