"""Says what the server serves: versions, API groups, resources, and the types that kubectl asks for."""

from __future__ import annotations

from syncer.localapi import openapi
from syncer.localapi.requests import Answer, ObjectAnswer, TextAnswer
from syncer.localapi.values import IMAGE_API, Doc
from syncer.localapi.workloads import WORKLOADS

_ALL = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_SOME = ["create", "delete", "get", "list", "patch", "update"]
_PLAIN = ["create", "delete", "get", "list", "patch", "update", "watch"]

VERSION: Doc = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.0",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2026-01-01T00:00:00Z",
    "goVersion": "go1.25",
    "compiler": "gc",
    "platform": "linux/amd64",
}

_VERSIONS = {
    IMAGE_API: "ImageStreamTag",
    "coordination.k8s.io/v1": "Lease",
    "authorization.k8s.io/v1": "SelfSubjectAccessReview",
    "config.openshift.io/v1": "ClusterVersion",
    **{each.api_version: each.kind for each in WORKLOADS if each.group},
}


def _resource(name: str, kind: str, verbs: list[str], short: list[str] | None = None, **more: object) -> Doc:
    singular = "" if "/" in name else kind.lower()
    entry: Doc = {"name": name, "singularName": singular, "namespaced": True, "kind": kind, "verbs": verbs, **more}
    if short:
        entry["shortNames"] = short
    return entry


def resources(api_version: str, profile: str) -> list[Doc]:
    """Return the resources of a group version, as its APIResourceList has them."""
    if api_version == IMAGE_API:
        tag_verbs = _ALL[:2] + _ALL[3:] if profile == "documented" else _SOME
        return [
            _resource("imagestreamimages", "ImageStreamImage", ["get"], ["isimage"]),
            _resource("imagestreamimports", "ImageStreamImport", ["create"]),
            _resource("imagestreammappings", "ImageStreamMapping", ["create"]),
            _resource("imagestreams", "ImageStream", _ALL, ["is"], categories=["all"]),
            _resource("imagestreams/status", "ImageStream", ["get", "patch", "update"]),
            _resource("imagestreamtags", "ImageStreamTag", tag_verbs, ["istag"]),
        ]
    plain = [
        _resource(each.plural, each.kind, _PLAIN, [each.short]) for each in WORKLOADS if each.api_version == api_version
    ]
    return plain + {
        "v1": [
            _resource("namespaces", "Namespace", ["create", "delete", "get", "list", "watch"], ["ns"], namespaced=False)
        ],
        "coordination.k8s.io/v1": [_resource("leases", "Lease", _PLAIN)],
        "authorization.k8s.io/v1": [
            _resource("selfsubjectaccessreviews", "SelfSubjectAccessReview", ["create"], namespaced=False)
        ],
        "config.openshift.io/v1": [_resource("clusterversions", "ClusterVersion", ["get", "list"], namespaced=False)],
    }.get(api_version, [])


def _versions(profile: str) -> list[str]:
    return [version for version in _VERSIONS if profile == "openshift" or not version.startswith("config.")]


def _group(api_version: str) -> Doc:
    group, _, version = api_version.partition("/")
    entry = {"groupVersion": api_version, "version": version}
    return {"name": group, "versions": [entry], "preferredVersion": entry}


def _aggregated(versions: list[str], profile: str) -> Doc:
    items = []
    for api_version in versions:
        group, _, version = api_version.rpartition("/")
        found = [
            _aggregated_resource(r, group, version) for r in resources(api_version, profile) if "/" not in r["name"]
        ]
        entry = {"version": version, "resources": found, "freshness": "Current"}
        items.append({"metadata": {"name": group} if group else {}, "versions": [entry]})
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


def _aggregated_resource(resource: Doc, group: str, version: str) -> Doc:
    result: Doc = {
        "resource": resource["name"],
        "responseKind": {"group": group, "version": version, "kind": resource["kind"]},
        "scope": "Namespaced" if resource["namespaced"] else "Cluster",
        "singularResource": resource["singularName"],
        "verbs": resource["verbs"],
    }
    for key in ("shortNames", "categories"):
        if key in resource:
            result[key] = resource[key]
    return result


def discover(path: str, accept: str, profile: str) -> Answer | None:
    """Return what is served at a discovery path, or None."""
    if path in ("/healthz", "/livez", "/readyz"):
        return TextAnswer("ok")
    if path == "/version":
        return ObjectAnswer(VERSION)
    aggregated = "as=APIGroupDiscoveryList" in accept and "v=v2;" in f"{accept.replace(',', ';')};"
    if path.startswith(openapi.INDEX_PATH):
        described = openapi.document(path)
        return ObjectAnswer(described) if described else None
    if path in ("/api", "/apis"):
        versions = ["v1"] if path == "/api" else _versions(profile)
        return ObjectAnswer(_aggregated(versions, profile) if aggregated else _groups(versions))
    return _one(path, profile)


def _groups(versions: list[str]) -> Doc:
    if versions == ["v1"]:
        return {"kind": "APIVersions", "versions": versions, "serverAddressByClientCIDRs": []}
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(version) for version in versions]}


def _one(path: str, profile: str) -> Answer | None:
    for api_version in ("v1", *_versions(profile)):
        group = api_version.rpartition("/")[0]
        if group and path == f"/apis/{group}":
            return ObjectAnswer({"kind": "APIGroup", "apiVersion": "v1", **_group(api_version)})
        if path == (f"/apis/{api_version}" if group else "/api/v1"):
            found = resources(api_version, profile)
            return ObjectAnswer(
                {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": found}
            )
    return None
