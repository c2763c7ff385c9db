"""kubectl as a client: it works, or fails, as it does with a real server (facts 1, 2, 5, 9)."""

import contextlib
import os
import shutil
import subprocess
import time

import pytest
from localapi_client import Client

from syncer.localapi import LocalAPI

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")

MANIFEST = """
apiVersion: image.openshift.io/v1
kind: ImageStreamTag
metadata: {{name: "{name}", namespace: ns}}
tag: {{from: {{kind: DockerImage, name: "{source}"}}}}
"""


@contextlib.contextmanager
def running(profile, home):
    """Yield a client of a server whose imports are at once, and a kubectl that talks to it and to nothing else."""

    def kubectl(*args, text=None):
        command = ["kubectl", "--server", api.url, "--cache-dir", str(home / "cache"), "-n", "ns", *args]
        environment = {"HOME": str(home), "PATH": os.environ["PATH"], "KUBECONFIG": "/dev/null"}
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, env=environment, timeout=30, check=False
        )
        return done.returncode, done.stdout, done.stderr

    with LocalAPI(profile=profile, import_delay=0) as api:
        yield Client(api.url), kubectl


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with running("openshift", tmp_path_factory.mktemp("home")) as found:
        yield found


@pytest.fixture(scope="module")
def by_the_book(tmp_path_factory):
    with running("documented", tmp_path_factory.mktemp("home")) as found:
        yield found


def made(client, kubectl, name, source="r.example/x:1"):
    code, out, err = kubectl("create", "-f", "-", text=MANIFEST.format(name=name, source=source))
    assert (code, out) == (0, f"imagestreamtag.image.openshift.io/{name} created\n"), err
    if ".invalid" in source:
        return
    deadline = time.monotonic() + 5
    while not client.get(name).body.get("image", {}).get("metadata", {}).get("name"):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_get_prints_the_columns_of_oc(world):
    client, kubectl = world
    made(client, kubectl, "got:v1")
    _, out, _ = kubectl("get", "istag", "got:v1", "-o", "wide")
    header, row = out.splitlines()
    assert header.split() == ["NAME", "IMAGE", "REFERENCE", "UPDATED", "IMAGE", "NAME"]
    assert row.startswith("got:v1   r.example/x@sha256:")
    _, out, _ = kubectl("get", "is", "got", "-o", "yaml")
    assert "dockerImageRepository" in out


def test_describe_and_explain_read_the_tag(world):
    client, kubectl = world
    made(client, kubectl, "told:v1")
    assert "API Version:  image.openshift.io/v1" in kubectl("describe", "istag", "told:v1")[1]
    assert "importPolicy" in kubectl("explain", "istag.tag")[1]


def test_annotate_and_patch_change_a_tag_and_label_cannot(world):
    client, kubectl = world
    made(client, kubectl, "changed:v1")
    assert kubectl("annotate", "istag", "changed:v1", "a=b")[0] == 0
    patch = '{"tag":{"importPolicy":{"insecure":true}}}'
    assert kubectl("patch", "istag", "changed:v1", "--type=merge", "-p", patch)[0] == 0
    assert client.get("changed:v1").body["tag"]["annotations"] == {"a": "b"}
    code, _, err = kubectl("label", "istag", "changed:v1", "a=b")
    assert (code, "may not update fields other than metadata.annotations" in err) == (1, True)


def test_apply_works_again_and_again_once_a_tag_is_imported(world):
    client, kubectl = world
    made(client, kubectl, "applied:v1")
    manifest = MANIFEST.format(name="applied:v1", source="r.example/x:1")
    assert kubectl("apply", "-f", "-", text=manifest)[0] == 0
    assert "unchanged" in kubectl("apply", "-f", "-", text=manifest)[1]
    assert kubectl("diff", "-f", "-", text=manifest)[:2] == (0, "")
    assert kubectl("diff", "-f", "-", text=manifest.replace("x:1", "x:2"))[0] == 1


@pytest.mark.parametrize("verb", ["apply", "diff"])
def test_apply_and_diff_fail_for_a_tag_that_has_no_image(world, verb):
    client, kubectl = world
    made(client, kubectl, f"{verb}:v1", "registry.invalid/x:1")
    manifest = MANIFEST.format(name=f"{verb}:v1", source="registry.invalid/x:1")
    code, _, err = kubectl(verb, "-f", "-", text=manifest)
    assert (code != 0, "AlreadyExists" in err) == (True, True)


def test_by_the_book_a_tag_that_has_no_image_is_shown_and_applied(by_the_book):
    client, kubectl = by_the_book
    made(client, kubectl, "pending:v1", "registry.invalid/x:1")
    manifest = MANIFEST.format(name="pending:v1", source="registry.invalid/x:1")
    assert kubectl("apply", "-f", "-", text=manifest)[0] == 0
    assert "pending:v1" in kubectl("get", "istag")[1]


def test_server_side_apply_is_refused(world):
    client, kubectl = world
    made(client, kubectl, "ssa:v1")
    manifest = MANIFEST.format(name="ssa:v1", source="r.example/x:1")
    code, _, err = kubectl("apply", "--server-side", "-f", "-", text=manifest)
    assert (code, "may not update fields other than metadata.annotations" in err) == (1, True)


def test_a_server_side_dry_run_makes_nothing(world):
    client, kubectl = world
    manifest = MANIFEST.format(name="dry:v1", source="r.example/x:1")
    assert "server dry run" in kubectl("apply", "--dry-run=server", "-f", "-", text=manifest)[1]
    assert client.stream("dry").status == 404


def test_delete_removes_a_tag_and_leaves_its_stream(world):
    client, kubectl = world
    made(client, kubectl, "doomed:v1")
    assert kubectl("delete", "istag", "doomed:v1")[0] == 0
    assert (client.get("doomed:v1").status, client.stream("doomed").status) == (404, 200)


def test_an_unknown_field_is_refused_by_create(world):
    _, kubectl = world
    manifest = MANIFEST.format(name="odd:v1", source="r.example/x:1") + "spec: {}\n"
    code, _, err = kubectl("create", "-f", "-", text=manifest)
    assert (code, 'unknown field "spec"' in err) == (1, True)
