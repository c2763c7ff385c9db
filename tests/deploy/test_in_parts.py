"""The Jobs that apply a plan in parts: valid, `restricted`, and as many parts as pods."""

import re

import kubernetes_validate
import pytest
from conftest_deploy import DEPLOY, documents
from test_deploy_manifests import kustomize, violations

from syncer.cli import cli
from syncer.cli.types import COMPLETION_INDEX

PARTS = DEPLOY / "in-parts"
FILES = sorted(path for path in PARTS.glob("*.yaml") if path.name != "kustomization.yaml")
JOBS = {path.stem: documents(path)[0] for path in FILES if path.stem != "volume"}


def container(job):
    (only,) = JOBS[job]["spec"]["template"]["spec"]["containers"]
    return only


@pytest.mark.parametrize("release", ["1.29", "1.31", "1.36"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_manifest_is_valid_in_each_release(path, release):
    for document in documents(path):
        kubernetes_validate.validate(document, release, strict=True)


def test_the_folder_builds_as_it_lies_there():
    built = kustomize(PARTS)
    assert sorted(document["metadata"]["name"] for document in built) == [
        "syncer-apply",
        "syncer-merge",
        "syncer-parts",
        "syncer-plan",
    ]


@pytest.mark.parametrize("job", JOBS)
def test_every_pod_passes_the_restricted_standard(job):
    assert violations(JOBS[job]["spec"]["template"]["spec"]) == []


@pytest.mark.parametrize("job", JOBS)
def test_every_command_line_is_one_that_syncer_takes(job, monkeypatch):
    monkeypatch.setenv(COMPLETION_INDEX, "7")
    name, *arguments = container(job)["args"]
    command = cli.get_command(None, name)
    if name == "report":
        command = command.get_command(None, arguments.pop(0))
    given = command.make_context(name, arguments).params
    assert ("text", given["outputs"][-1]) == (given["outputs"][-1], "text")
    if job == "apply":
        assert (given["shard"].index, given["shard"].count) == (7, 8)


def test_there_is_a_part_for_each_pod_and_a_report_of_each_part_is_merged():
    spec = JOBS["apply"]["spec"]
    (count,) = (arg.removeprefix("--shard=/") for arg in container("apply")["args"] if arg.startswith("--shard="))
    assert (spec["completionMode"], spec["completions"]) == ("Indexed", int(count))
    (written,) = (arg.removeprefix("--output=json=") for arg in container("apply")["args"] if "json=" in arg)
    files = [written.replace(f"$({COMPLETION_INDEX})", str(index)) for index in range(int(count))]
    assert [arg for arg in container("merge")["args"] if re.search(r"part-\d+", arg)] == files


def test_what_would_only_end_so_again_is_not_tried_again():
    spec = JOBS["apply"]["spec"]
    rules = {rule["action"]: rule for rule in spec["podFailurePolicy"]["rules"]}
    assert rules["FailIndex"]["onExitCodes"]["values"] == [3, 5, 64]
    assert spec["backoffLimitPerIndex"] > 0
    assert JOBS["plan"]["spec"]["backoffLimit"] == 0


def test_plan_reports_and_undo_files_are_on_the_volume_that_all_share():
    for job, manifest in JOBS.items():
        volumes = {volume["name"]: volume for volume in manifest["spec"]["template"]["spec"]["volumes"]}
        mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container(job)["volumeMounts"]}
        assert mounts["/shared"]["persistentVolumeClaim"] == {"claimName": "syncer-parts"}
        assert container(job)["env"] == [{"name": "XDG_STATE_HOME", "value": "/shared/undo"}]
    (claim,) = documents(PARTS / "volume.yaml")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
