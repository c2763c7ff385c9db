"""A plain client for the tests of the local API, and the bodies they send."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field

ROOT = "/apis/image.openshift.io/v1"
JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"


@dataclass
class Reply:
    status: int
    raw: bytes
    headers: dict[str, str]
    warnings: list[str] = field(default_factory=list)

    @property
    def body(self):
        return json.loads(self.raw)

    @property
    def names(self):
        return [item["metadata"]["name"] for item in self.body["items"]]

    @property
    def causes(self):
        return [(cause["field"], cause["reason"]) for cause in self.body["details"]["causes"]]


@dataclass
class Client:
    """Sends requests; a path that starts with `~` is below the image API."""

    url: str
    token: str = ""

    def __call__(self, method, path, body=None, headers=None):
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        url = self.url + path.replace("~", ROOT, 1)
        request = urllib.request.Request(url, data=data, method=method)  # noqa: S310 - loopback
        if data is not None:
            request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310 - loopback
                return self._reply(response, response.status)
        except urllib.error.HTTPError as error:
            with error:
                return self._reply(error, error.code)

    def _reply(self, response, status):
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(status, response.read(), headers, response.headers.get_all("Warning") or [])

    def create(self, name, source=None, namespace="ns", query="", **more):
        tag = {"from": {"kind": "DockerImage", "name": source or "registry.invalid/team/app:v1"}, **more.pop("tag", {})}
        body = tag_body(name, namespace, tag=tag, **more)
        return self("POST", f"~/namespaces/{namespace}/imagestreamtags{query}", body)

    def put(self, name, namespace="ns", query="", **more):
        body = tag_body(name, namespace, **more)
        return self("PUT", f"~/namespaces/{namespace}/imagestreamtags/{name}{query}", body)

    def patch(self, name, patch, kind=JSON_PATCH, query="", resource="imagestreamtags"):
        path = f"~/namespaces/ns/{resource}/{name}{query}"
        return self("PATCH", path, patch, {"Content-Type": kind})

    def get(self, name, namespace="ns"):
        return self("GET", f"~/namespaces/{namespace}/imagestreamtags/{name}")

    def stream(self, name, namespace="ns"):
        return self("GET", f"~/namespaces/{namespace}/imagestreams/{name}")

    def tags(self, query="", namespace="ns"):
        return self("GET", f"~/namespaces/{namespace}/imagestreamtags{query}")

    def streams(self, query="", namespace="ns"):
        return self("GET", f"~/namespaces/{namespace}/imagestreams{query}")

    def delete(self, name, body=None, namespace="ns", query=""):
        return self("DELETE", f"~/namespaces/{namespace}/imagestreamtags/{name}{query}", body)


def tag_body(name, namespace="ns", **more):
    metadata = {"name": name, "namespace": namespace, **more.pop("metadata", {})}
    return {"apiVersion": "image.openshift.io/v1", "kind": "ImageStreamTag", "metadata": metadata, **more}


def docker(name="registry.invalid/team/app:v1", **more):
    return {"from": {"kind": "DockerImage", "name": name}, **more}


def follows(name, **more):
    return {"from": {"kind": "ImageStreamTag", "name": name}, **more}
