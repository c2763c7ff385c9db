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

    def kubectl(*args, text=None, **variables):
        command = ["kubectl", "--server", api.url, "--cache-dir", str(home / "cache"), "-n", "ns", *args]
        environment = {"HOME": str(home), "PATH": os.environ["PATH"], "KUBECONFIG": "/dev/null", **variables}
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


def test_replace_and_edit_change_a_tag(world, tmp_path):
    client, kubectl = world
    made(client, kubectl, "edited:v1")
    manifest = MANIFEST.format(name="edited:v1", source="r.example/x:2")
    assert kubectl("replace", "-f", "-", text=manifest)[0] == 0
    assert client.get("edited:v1").body["tag"]["from"]["name"] == "r.example/x:2"
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed "s|r.example/x:2|r.example/x:3|" "$1" > "$1.new" && cat "$1.new" > "$1"\n')
    editor.chmod(0o755)
    assert kubectl("edit", "istag", "edited:v1", EDITOR=str(editor))[:2] == (
        0,
        "imagestreamtag.image.openshift.io/edited:v1 edited\n",
    )
    assert client.get("edited:v1").body["tag"]["from"]["name"] == "r.example/x:3"


def test_labels_are_those_of_the_stream_and_pick_its_tags(world):
    client, kubectl = world
    made(client, kubectl, "labelled:v1")
    made(client, kubectl, "bare:v1")
    assert kubectl("label", "is", "labelled", "tier=web")[0] == 0
    assert kubectl("get", "istag", "-l", "tier=web", "-o", "name")[1].endswith("/labelled:v1\n")
    assert "tier=web" in kubectl("get", "istag", "labelled:v1", "--show-labels")[1]
    picked = kubectl("get", "is", "--field-selector", "metadata.name=labelled", "--chunk-size", "1", "-o", "name")
    assert picked[1] == "imagestream.image.openshift.io/labelled\n"


def test_namespaces_are_made_and_rights_are_asked_for_although_kubectl_writes_protobuf(world):
    _, kubectl = world
    assert kubectl("create", "namespace", "made-by-kubectl")[:2] == (0, "namespace/made-by-kubectl created\n")
    assert "made-by-kubectl" in kubectl("get", "namespaces", "-o", "name")[1]
    assert kubectl("auth", "can-i", "patch", "imagestreamtags")[:2] == (0, "yes\n")


def test_what_there_is_is_listed(world):
    _, kubectl = world
    assert "istag" in kubectl("api-resources", "--api-group", "image.openshift.io")[1]
    assert "image.openshift.io/v1" in kubectl("api-versions")[1]


def test_by_the_book_tags_are_watched(by_the_book):
    client, kubectl = by_the_book
    made(client, kubectl, "watched:v1")
    code, out, _ = kubectl("get", "istag", "watched:v1", "--watch", "--request-timeout", "2s", "-o", "name")
    assert (code, out.splitlines()[:1]) == (0, ["imagestreamtag.image.openshift.io/watched:v1"])


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
