"""Plain builders of the data that flows through a run, for tests."""

from syncer import imagestreamtag
from syncer.model import Desired, Import, ImportState, Live, LiveState, Manifests, ObjectKey, Origin, Scope
from syncer.plan import Policy

OWNER = "demo"
IMAGE = {"kind": "DockerImage", "name": "quay.io/example/app:v1"}
DIGEST = "sha256:" + "1" * 64


def key(text="team-a/app:v1"):
    namespace, _, name = text.partition("/")
    stream, _, tag = name.partition(":")
    return ObjectKey(namespace, stream, tag)


def image(name):
    return {"kind": "DockerImage", "name": name}


def follows(name, namespace=None):
    reference = {"kind": "ImageStreamTag", "name": name}
    return {**reference, "namespace": namespace} if namespace else reference


def desired(text="team-a/app:v1", fields=None, **more):
    """One desired tag; `from_` and other keywords are pointers' last parts, `fields` whole pointers."""
    named = {"/tag/from": more.pop("from_", IMAGE), **(fields or {})}
    return Desired(key(text), named, Origin(more.get("file", "tags.yaml"), more.get("line", 1)))


def manifests(*wanted, problems=()):
    return Manifests({one.key: one for one in wanted}, problems)


def live(text="team-a/app:v1", *, spec=None, annotations=None, digest=DIGEST, state=ImportState.IMPORTED, **more):
    """One live tag nobody owns, imported, with the server's defaults."""
    tag = {
        "from": IMAGE,
        "generation": 2,
        "importPolicy": {"importMode": "Legacy"},
        "referencePolicy": {"type": "Source"},
    }
    tag |= spec or {}
    annotations = annotations or {}
    return Live(
        key=key(text),
        spec={"name": key(text).tag, "annotations": annotations or None, **tag},
        annotations=annotations,
        uid="uid-1",
        resource_version="7",
        image=Import(state, digest),
        **more,
    )


def synced(wanted, *, owner=OWNER, applied=None, spec=None, annotations=None, **more):
    """The live tag that a sync of `wanted` left; `applied` are other last-applied fields, `spec` drift since then."""
    tag = imagestreamtag.manifest_of(wanted.fields)
    marks = {
        **tag.get("metadata", {}).get("annotations", {}),
        imagestreamtag.OWNER: imagestreamtag.owner_mark(owner, wanted.key),
        imagestreamtag.LAST_APPLIED: imagestreamtag.record(applied or wanted.fields),
        **(annotations or {}),
    }
    policy = {"importMode": "Legacy", **tag["tag"].pop("importPolicy", {})}
    return live(str(wanted.key), spec={"importPolicy": policy, **tag["tag"], **(spec or {})}, annotations=marks, **more)


def live_state(*tags, **more):
    return LiveState({tag.key: tag for tag in tags}, "streams", **more)


def policy(**more):
    return Policy(**{"owner": OWNER, "scope": Scope(all_namespaces=True), **more})
