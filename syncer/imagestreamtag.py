"""The shape of an ImageStreamTag: its managed fields, their defaults, where annotations go, what follows what.

An ImageStreamTag is a view of one tag of an ImageStream: what was asked for stands in the stream's `spec.tags`, the
images in its `status.tags`. This module reads both, and knows what a client may write.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from syncer.errors import ClusterError, UsageError
from syncer.model import Import, ImportState, Json, Live, ObjectKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

API_VERSION: Final = "image.openshift.io/v1"
API_PATH: Final = f"/apis/{API_VERSION}"

OWNER: Final = "syncer.dev/owner"
LAST_APPLIED: Final = "syncer.dev/last-applied"
KUBECTL_LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
OWN_ANNOTATIONS: Final = frozenset({OWNER, LAST_APPLIED, KUBECTL_LAST_APPLIED})
"""Annotations that record what was applied: never a desired field, never part of a diff."""

DEFAULTS: Final[Mapping[str, Json]] = {
    "/tag/reference": False,
    "/tag/importPolicy/insecure": False,
    "/tag/importPolicy/scheduled": False,
    "/tag/importPolicy/importMode": "Legacy",
    "/tag/referencePolicy/type": "Source",
}
"""What the server makes of an absent field (fact 6): absent and default are the same."""

MANAGED: Final = ("/tag/from", *DEFAULTS)
"""The fields of the `tag` stanza that a client sets; every other one is the server's. `from` is one value."""

ASKED_AGAIN: Final = " (it was asked for again since; the server shows no newer result)"

_MAPPINGS: Final = ("annotations", "from", "importPolicy", "referencePolicy")
_NOTHING: Final[Mapping[str, Json]] = {}

PROTECTIONS: Final[Mapping[str, str]] = {
    "syncer.dev/prune": "disabled",
    "argocd.argoproj.io/sync-options": "Prune=false",
    "kustomize.toolkit.fluxcd.io/prune": "disabled",
    "helm.sh/resource-policy": "keep",
    "release.openshift.io/keep": "",
    "kapp.k14s.io/delete-strategy": "orphan",
    "kluctl.io/skip-delete": "true",
}
"""Annotations by which people and other tools say that an object stays, and the value that says so ("": any)."""


def escape(token: str) -> str:
    """Write a key as one part of a JSON pointer (RFC 6901, section 3)."""
    return token.replace("~", "~0").replace("/", "~1")


def unescape(token: str) -> str:
    """Read one part of a JSON pointer (RFC 6901, section 4)."""
    return token.replace("~1", "/").replace("~0", "~")


@lru_cache(4096)  # the same few names come with every tag
def annotation_path(name: str) -> str:
    """Give the JSON pointer of an annotation: `metadata.annotations` wins on update (fact 4)."""
    return f"/metadata/annotations/{escape(name)}"


# ----------------------------------------------------------------------------------------------------- fields


def fields_of(annotations: Mapping[str, str], tag: Mapping[str, Json]) -> dict[str, Json]:
    """Flatten annotations and a `tag` stanza into managed fields by JSON pointer.

    Takes only what is there: defaults are not added, records (`OWN_ANNOTATIONS`) and the server's fields are left out.
    """
    # Written out, for a plan does this twice a tag: a loop over the places takes as long again.
    fields: dict[str, Json] = {}
    if (value := tag.get("from")) is not None:
        fields["/tag/from"] = value
    if (value := tag.get("reference")) is not None:
        fields["/tag/reference"] = value
    if policy := tag.get("importPolicy"):
        if (value := policy.get("insecure")) is not None:
            fields["/tag/importPolicy/insecure"] = value
        if (value := policy.get("scheduled")) is not None:
            fields["/tag/importPolicy/scheduled"] = value
        if (value := policy.get("importMode")) is not None:
            fields["/tag/importPolicy/importMode"] = value
    if (policy := tag.get("referencePolicy")) and (value := policy.get("type")) is not None:
        fields["/tag/referencePolicy/type"] = value
    for name, value in annotations.items():
        if name not in OWN_ANNOTATIONS:
            fields[annotation_path(name)] = value
    return fields


def manifest_of(fields: Mapping[str, Json]) -> dict[str, Json]:
    """Turn managed fields back into the shape of a manifest: `{"metadata": {"annotations": …}, "tag": …}`."""
    manifest: dict[str, Json] = {}
    for path, value in sorted(fields.items()):
        *outer, last = [unescape(part) for part in path.split("/")[1:]]
        parent = manifest
        for part in outer:
            parent = parent.setdefault(part, {})
        parent[last] = value
    return manifest


def record(fields: Mapping[str, Json]) -> str:
    """Write managed fields as the value of `syncer.dev/last-applied`: compact sorted JSON of a manifest."""
    return json.dumps(manifest_of(fields), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def recorded_fields(text: str) -> dict[str, Json]:
    """Read managed fields from a record. Raises ValueError, AttributeError or RecursionError where it is none."""
    manifest = msgspec.json.decode(text)
    return fields_of(manifest.get("metadata", {}).get("annotations") or {}, manifest.get("tag") or {})


def base_of(live: Live) -> dict[str, Json] | None:
    """Read what was applied last: ours, else kubectl's; None where neither is there or readable."""
    for name in (LAST_APPLIED, KUBECTL_LAST_APPLIED):
        try:
            return recorded_fields(live.annotations[name])
        except (KeyError, ValueError, AttributeError, RecursionError):
            continue
    return None


def live_fields(live: Live) -> dict[str, Json]:
    """Give the managed fields that the cluster has for a tag."""
    return fields_of(live.annotations, live.spec or {})


def document_of(live: Live) -> dict[str, Json]:
    """Give the object that the server patches, as far as a patch of ours can touch it; it carries no image (fact 7)."""
    document: dict[str, Json] = {"metadata": {"name": live.key.name}, "tag": live.spec and dict(live.spec)}
    if live.annotations:
        document["metadata"]["annotations"] = dict(live.annotations)
    return document


def new_object(key: ObjectKey, fields: Mapping[str, Json], annotations: Mapping[str, str]) -> dict[str, Json]:
    """Build the body of a POST; the server wants the same annotations in both places (fact 4)."""
    tag = manifest_of({path: value for path, value in fields.items() if path in MANAGED}).get("tag", {})
    return {
        "apiVersion": API_VERSION,
        "kind": "ImageStreamTag",
        "metadata": {"name": key.name, "namespace": key.namespace, "annotations": dict(annotations)},
        "tag": {**tag, "annotations": dict(annotations)},
    }


# ------------------------------------------------------------------------------------------------------ marks


def check_owner(owner: str, option: str) -> str:
    """Give the owner back. Raises UsageError for one that holds a space, or what cannot be printed.

    A mark is parted at its space, and people must be able to tell two owners apart by looking.
    """
    if not owner.isprintable() or " " in owner:
        raise UsageError(
            f"{option} {owner!a}: an owner holds no space and no character that cannot be printed",
            hint="percent-encode it as in a URL: %20 for a space",
        )
    return owner


def owner_mark(owner: str, key: ObjectKey) -> str:
    """Write the value of `syncer.dev/owner`: it names the very tag, so that a copy elsewhere proves nothing."""
    return f"{owner} {key}"


def owner_of(live: Live) -> tuple[str, bool] | None:
    """Read who owns a tag, and whether the mark was made for this very tag (else it was copied along)."""
    owner, _, marked = live.annotations.get(OWNER, "").rpartition(" ")
    return (owner, marked == str(live.key)) if owner else None


def protection_of(live: Live) -> str:
    """Name the mark by which the tag or its ImageStream is protected, as `annotation: value`; empty without one."""
    for place, marks in (("", live.annotations), ("ImageStream ", live.stream_annotations)):
        for name, wanted in PROTECTIONS.items():
            value = marks.get(name)
            if value is not None and (not wanted or wanted.casefold() in _options(value)):
                return f"{place}{name}: {value}"
    return ""


def _options(value: str) -> list[str]:
    """Split an annotation that may hold several options, as Argo CD's does."""
    return [option.strip().casefold() for option in value.split(",")]


def followed_by(key: ObjectKey, fields: Mapping[str, Json]) -> ObjectKey | None:
    """Name the tag that this one follows (`from: ImageStreamTag`); None where it follows none (fact 10).

    A name without a colon is a tag of the same stream.
    """
    reference = fields.get("/tag/from") or {}
    if reference.get("kind") != "ImageStreamTag" or not reference.get("name"):
        return None
    stream, colon, tag = str(reference["name"]).partition(":")
    if not colon:
        stream, tag = key.stream, stream
    return ObjectKey(reference.get("namespace") or key.namespace, stream, tag)


def followed_in(live: Live) -> ObjectKey | None:
    """Name the tag that a live one follows; None where it follows none."""
    return followed_by(live.key, {"/tag/from": (live.spec or {}).get("from")})


def in_circle(key: ObjectKey, followed: Callable[[ObjectKey], ObjectKey | None]) -> bool:
    """Whether a tag, by what each one follows, comes back to itself: then none of the circle ever gets an image."""
    seen: set[ObjectKey] = set()
    here = followed(key)
    while here is not None and here not in seen and here != key:
        seen.add(here)
        here = followed(here)
    return here == key


def pinned_to(key: ObjectKey, fields: Mapping[str, Json]) -> tuple[str, str, str] | None:
    """Name the image that a tag takes from a stream (`from: ImageStreamImage`) as (namespace, stream, digest).

    The server refuses the tag while no tag of that stream has had the image. None where it takes none so.
    """
    reference = fields.get("/tag/from") or {}
    stream, at, digest = str(reference.get("name", "")).partition("@")
    if reference.get("kind") != "ImageStreamImage" or not at:
        return None
    return (reference.get("namespace") or key.namespace, stream, digest)


# ------------------------------------------------------------------------------------------------------ paths


def tag_path(key: ObjectKey) -> str:
    """Give the URL path of one tag."""
    return f"{tags_path(key.namespace)}/{quote(key.name, safe=':')}"


def tags_path(namespace: str = "") -> str:
    """Give the URL path of the tags of a namespace, or of all."""
    return _collection("imagestreamtags", namespace)


def streams_path(namespace: str = "") -> str:
    """Give the URL path of the ImageStreams of a namespace, or of all."""
    return _collection("imagestreams", namespace)


def stream_path(namespace: str, stream: str) -> str:
    """Give the URL path of one ImageStream."""
    return f"{streams_path(namespace)}/{quote(stream, safe='')}"


def imports_path(namespace: str) -> str:
    """Give the URL path where images are asked for (ImageStreamImport)."""
    return _collection("imagestreamimports", namespace)


def image_path(namespace: str, stream: str, digest: str) -> str:
    """Give the URL path of one image of a stream (ImageStreamImage)."""
    return f"{_collection('imagestreamimages', namespace)}/{quote(f'{stream}@{digest}', safe='@:')}"


def _collection(resource: str, namespace: str) -> str:
    return f"{API_PATH}/namespaces/{quote(namespace, safe='')}/{resource}" if namespace else f"{API_PATH}/{resource}"


# --------------------------------------------------------------------------------------------- what a page holds


def live_tags(stream: Mapping[str, Json]) -> Iterator[Live]:
    """Read every tag of an ImageStream, those that the tag list hides too (fact 2), in the stream's order.

    Raises ClusterError where the object is not of an ImageStream's shape.
    """
    metadata: Mapping[str, Json] = stream.get("metadata") or {}
    try:
        namespace, name = metadata["namespace"], metadata["name"]
        specs = {tag["name"]: tag for tag in (stream.get("spec") or {}).get("tags") or ()}
        statuses = {tag["tag"]: tag for tag in (stream.get("status") or {}).get("tags") or ()}
        uid, version = metadata.get("uid", ""), metadata.get("resourceVersion", "")
        annotations = metadata.get("annotations") or {}
        for tag in dict.fromkeys((*specs, *statuses)):
            if not isinstance(tag, str):
                raise TypeError  # noqa: TRY301 - the handler below words it
            spec, status = _well_formed(specs.get(tag)), statuses.get(tag) or {}
            items: Json = status.get("items")
            latest: Mapping[str, Json] = items[0] if items else {}
            live = Live(
                ObjectKey(namespace, name, tag),
                spec,
                (spec or {}).get("annotations") or {},
                uid,
                version,
                _image(spec, latest.get("image", ""), latest.get("generation"), status.get("conditions") or ()),
                annotations,
            )
            _check_texts(live)
            yield live
    except (KeyError, TypeError, AttributeError) as error:
        raise _malformed("ImageStream", metadata) from error


def pull_spec_of(stream: Mapping[str, Json], tag: str) -> str:
    """Give the pull spec, by digest, of the image that a tag of an ImageStream has now.

    Empty where there is none, and where it lies in the cluster's own registry, which no other cluster can pull from.
    """
    status: Mapping[str, Json] = stream.get("status") or {}
    own = str(status.get("dockerImageRepository") or "").partition("/")[0]
    for entry in status.get("tags") or ():
        items = entry.get("items") if entry.get("tag") == tag else None
        pull_spec, digest = (str((items or [{}])[0].get(name) or "") for name in ("dockerImageReference", "image"))
        if pull_spec.endswith(f"@{digest}") and not (own and pull_spec.startswith(f"{own}/")):
            return pull_spec
    return ""


def live_tag(item: Mapping[str, Json]) -> Live:
    """Read one item of a tag list.

    Raises ClusterError where the object is not of an ImageStreamTag's shape.
    """
    metadata: Mapping[str, Json] = item.get("metadata") or {}
    try:
        stream, _, tag = metadata["name"].partition(":")
        digest = ((item.get("image") or {}).get("metadata") or {}).get("name", "")
        live = Live(
            key=ObjectKey(metadata["namespace"], stream, tag),
            spec=_well_formed(item.get("tag")),
            annotations=metadata.get("annotations") or {},
            uid=metadata.get("uid", ""),
            resource_version=metadata.get("resourceVersion", ""),
            image=_image(item.get("tag"), digest, item.get("generation"), item.get("conditions") or ()),
        )
        _check_texts(live)
    except (KeyError, TypeError, AttributeError) as error:
        raise _malformed("ImageStreamTag", metadata) from error
    return live


def _image(spec: Mapping[str, Json] | None, digest: str, generation: int | None, conditions: Json) -> Import:
    """Say where a tag's image stands, by generation and not by time (fact 11).

    A success clears the failed condition, another failure replaces it; one that repeats the last word for word leaves
    it as it was, its generation included (setFailureCondition in openshift-apiserver). So a condition of an older
    generation than was asked for is the last that is known: failed, and asked for again.
    """
    spec = spec or {}
    asked, done = spec.get("generation") or 0, (generation or 0) if digest else 0
    if (spec.get("from") or {}).get("kind") != "DockerImage" or spec.get("reference"):
        return Import(ImportState.IMPORTED, digest) if digest else Import(ImportState.NONE)
    for condition in conditions:
        failed = condition.get("type") == "ImportSuccess" and condition.get("status") == "False"
        told = condition.get("generation") or 0
        if failed and (told >= asked or done < asked):
            since = condition.get("lastTransitionTime", "")
            image = Import(ImportState.FAILED, digest, condition.get("message", ""), since)
            return asked_again(image) if told < asked else image
    return Import(ImportState.IMPORTED if digest and done >= asked else ImportState.PENDING, digest)


def asked_again(failed: Import) -> Import:
    """Give a failed import as one that was asked for once more since, whose end is not known."""
    message = failed.message.removesuffix(ASKED_AGAIN) + ASKED_AGAIN
    return replace(failed, message=message, asked_again=True)


def _well_formed(spec: Json) -> Mapping[str, Json] | None:
    """Raise TypeError where a part of a tag's spec that is read as a mapping is none."""
    if not spec:
        return None
    for part in _MAPPINGS:
        if not isinstance(spec.get(part) or _NOTHING, dict):
            raise TypeError
    return spec  # type: ignore[no-any-return]  # a mapping, or `get` would not be there


def check(live: Live) -> None:
    """Raise TypeError or AttributeError where something is no mapping or text that will be taken for one."""
    _well_formed(live.spec)
    _check_texts(live)


def _check_texts(live: Live) -> None:
    image = live.image
    "".join(  # which is the fastest way to ask whether all of them are
        (
            live.uid,
            live.resource_version,
            image.digest,
            image.message,
            image.since,
            *live.annotations.values(),
            *live.stream_annotations.values(),
            *((live.spec or {}).get("from") or {}).values(),
        )
    )


def _malformed(kind: str, metadata: Json) -> ClusterError:
    name = metadata.get("name", "?") if isinstance(metadata, dict) else "?"
    return ClusterError(
        f"the server listed an {kind} ({name!r}) that has not the shape of one",
        hint="check that --server is the API server itself, and no proxy in front of it rewrites answers",
    )
