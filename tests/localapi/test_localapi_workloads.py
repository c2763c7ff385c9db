"""What runs images or builds them: the server keeps it as it was given, and lists it in pages."""

import json
import shutil
import subprocess

import pytest
from localapi_client import Client

from syncer.localapi import Identity, LocalAPI, load_tokens
from syncer.localapi.workloads import WORKLOADS

TRIGGERS = "image.openshift.io/triggers"


def collection(resource, namespace="ns"):
    root = f"/apis/{resource.api_version}" if resource.group else f"/api/{resource.api_version}"
    return f"{root}/namespaces/{namespace}/{resource.plural}" if namespace else f"{root}/{resource.plural}"


def workload(resource, name, **more):
    metadata = {"name": name, "namespace": "ns", "annotations": {TRIGGERS: "[]"}}
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, **more}


@pytest.fixture(scope="module")
def client():
    with LocalAPI(imports=False) as api:
        yield Client(api.url)


@pytest.mark.parametrize("resource", WORKLOADS, ids=lambda each: each.plural)
def test_workloads_are_kept_as_they_are_given_and_listed_in_pages(client, resource):
    spec = {"template": {"spec": {"containers": [{"name": "web", "image": "r.example/x:1"}]}}, "anything": [1]}
    for name in "abc":
        assert client("POST", collection(resource), workload(resource, name, spec=spec)).status == 201
    first = client("GET", f"{collection(resource, '')}?limit=2").body
    assert first["kind"] == f"{resource.kind}List"
    assert [item["spec"] for item in first["items"]] == [spec, spec]
    token = client("GET", f"{collection(resource)}?limit=2").body["metadata"]["continue"]
    assert client("GET", f"{collection(resource)}?limit=2&continue={token}").names == ["c"]
    assert client("DELETE", f"{collection(resource)}/b").status == 200
    assert client("GET", collection(resource)).names == ["a", "c"]


@pytest.mark.parametrize("resource", WORKLOADS, ids=lambda each: each.plural)
def test_discovery_names_workloads(client, resource):
    root = f"/apis/{resource.api_version}" if resource.group else f"/api/{resource.api_version}"
    assert resource.plural in [each["name"] for each in client("GET", root).body["resources"]]


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kubectl_makes_and_shows_workloads(client, tmp_path):
    def kubectl(*args, text=None):
        command = ["kubectl", "--server", client.url, "--cache-dir", str(tmp_path), "--kubeconfig=/dev/null", *args]
        return subprocess.run(command, input=text, capture_output=True, text=True, timeout=30, check=False)

    manifest = workload(WORKLOADS[1], "made", spec={"replicas": 1})
    made = kubectl("create", "-f", "-", text=json.dumps(manifest))
    assert made.stdout == "deployment.apps/made created\n", made.stderr
    assert kubectl("get", "deploy", "-n", "ns", "-o", "name").stdout.splitlines()[-1] == "deployment.apps/made"
    assert kubectl("get", "pods,sts,ds,cj,dc,bc", "-A").returncode == 0
    assert "made" in kubectl("get", "deploy", "-n", "ns").stdout


def test_a_token_may_hold_for_some_resources_only(tmp_path):
    file = tmp_path / "tokens.yaml"
    file.write_text("t: {user: ed, role: view, namespaces: [ns], resources: [imagestreams, deployments]}")
    tokens = load_tokens(file)
    assert tokens == {"t": Identity("ed", "view", ("ns",), ("imagestreams", "deployments"))}
    pods, deployments = WORKLOADS[:2]
    with LocalAPI(imports=False, tokens=tokens) as api:
        client = Client(api.url, "t")
        assert client("GET", collection(deployments)).status == 200
        assert client("GET", collection(deployments, "other")).status == 403
        refused = client("GET", collection(pods))
        assert (refused.status, refused.body["reason"]) == (403, "Forbidden")
        assert 'User "ed" cannot list resource "pods"' in refused.body["message"]
        review = {"spec": {"resourceAttributes": {"verb": "list", "resource": "pods", "namespace": "ns"}}}
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        assert not client("POST", path, review).body["status"]["allowed"]
