"""Objects that use tags, as people and controllers make them."""

import json

from syncer.localapi.workloads import WORKLOADS
from syncer.workloads import TRIGGERS

REGISTRY = "image-registry.openshift-image-registry.svc:5000"
_RESOURCES = {each.kind: each for each in WORKLOADS}


def reference(name, namespace="", kind="ImageStreamTag"):
    return {"kind": kind, "name": name, **({"namespace": namespace} if namespace else {})}


def named(kind, place, **more):
    """An object of a kind; `place` is NAMESPACE/NAME, `more` goes beside its metadata, `metadata` into it."""
    namespace, _, name = place.partition("/")
    metadata = {"name": name, "namespace": namespace, **more.pop("metadata", {})}
    return {"apiVersion": _RESOURCES[kind].api_version, "kind": kind, "metadata": metadata, **more}


def template(**images):
    """The spec of something that makes Pods; `images` are those of its containers."""
    containers = [{"name": name, "image": image} for name, image in images.items()]
    return {"template": {"spec": {"containers": containers}}}


def triggered(place, tag, *, kind="Deployment", container="web", namespace="", paused=False):  # noqa: PLR0913 - what such a trigger has
    """A Deployment or the like that follows a tag by annotation."""
    path = f'spec.template.spec.containers[?(@.name=="{container}")].image'
    trigger = {"from": reference(tag, namespace), "fieldPath": path, **({"paused": True} if paused else {})}
    metadata = {"annotations": {TRIGGERS: json.dumps([trigger])}}
    return named(kind, place, metadata=metadata, spec=template(**{container: "set by the trigger"}))


def pod(place, *, owner=None, image="", image_id="", phase="Running", made_of=""):  # noqa: PLR0913 - what tells Pods apart
    """A Pod; `owner` is its controller's (kind, name), `made_of` its template hash."""
    metadata = {"labels": {"pod-template-hash": made_of}} if made_of else {}
    if owner:
        reference = {"apiVersion": "v1", "kind": owner[0], "name": owner[1], "controller": True, "uid": "1"}
        metadata["ownerReferences"] = [reference]
    status = {"phase": phase, "containerStatuses": [{"name": "main", "image": image, "imageID": image_id}]}
    return named(
        "Pod", place, metadata=metadata, spec={"containers": [{"name": "main", "image": image}]}, status=status
    )


def path_of(item):
    """Give the URL path of the collection that an object belongs to."""
    resource, namespace = _RESOURCES[item["kind"]], item["metadata"]["namespace"]
    root = f"/apis/{resource.api_version}" if resource.group else f"/api/{resource.api_version}"
    return f"{root}/namespaces/{namespace}/{resource.plural}"
