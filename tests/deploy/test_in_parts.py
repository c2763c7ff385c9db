"""The Jobs that work in parts, of one plan or by namespace: valid, `restricted`, and as many parts as pods."""

import re

import kubernetes_validate
import pytest
from conftest_deploy import DEPLOY, documents
from test_deploy_manifests import kustomize, violations

from syncer.cli import cli
from syncer.cli.types import COMPLETION_INDEX

FOLDERS = {"": DEPLOY / "in-parts", "-parts": DEPLOY / "in-parts-by-namespace"}
"""By the end of their Jobs' names."""
FILES = sorted(path for folder in FOLDERS.values() for path in folder.glob("*.yaml") if path.stem != "kustomization")
JOBS = {
    f"{path.stem}{end}": documents(path)[0] for end, folder in FOLDERS.items() for path in folder.glob("[pam]*.yaml")
}
COUNT = 8


def container(job):
    (only,) = JOBS[job]["spec"]["template"]["spec"]["containers"]
    return only


def written(job):
    (path,) = (arg.removeprefix("--output=json=") for arg in container(job)["args"] if "json=" in arg)
    return [path.replace(f"$({COMPLETION_INDEX})", str(index)) for index in range(COUNT)]


@pytest.mark.parametrize("release", ["1.29", "1.31", "1.36"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_each_manifest_is_valid_in_each_release(path, release):
    for document in documents(path):
        kubernetes_validate.validate(document, release, strict=True)


@pytest.mark.parametrize("end", FOLDERS)
def test_each_folder_builds_as_it_lies_there(end):
    built = kustomize(FOLDERS[end])
    jobs = {document["metadata"]["name"] for document in built if document["kind"] == "Job"}
    assert jobs == {f"syncer-{name}{end}" for name in ("plan", "apply", "merge")}


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
    if given.get("shard"):
        assert (given["shard"].index, given["shard"].count) == (7, COUNT)


def test_there_are_as_many_pods_as_parts_and_each_report_is_merged():
    assert set(JOBS) == {"plan", "apply", "merge", "plan-parts", "apply-parts", "merge-parts"}
    for job in ("apply", "plan-parts"):
        assert f"--shard=/{COUNT}" in container(job)["args"]
    for job in ("apply", "plan-parts", "apply-parts"):
        assert (JOBS[job]["spec"]["completionMode"], JOBS[job]["spec"]["completions"]) == ("Indexed", COUNT)
    for end in FOLDERS:
        merged = [arg for arg in container(f"merge{end}")["args"] if re.search(r"part-\d+", arg)]
        assert merged == written(f"apply{end}")
    assert container("apply")["args"][1] == written("plan")[0]
    assert container("apply-parts")["args"][1].replace(f"$({COMPLETION_INDEX})", "7") == written("plan-parts")[7]


@pytest.mark.parametrize("job", ["apply", "apply-parts"])
def test_what_would_only_end_so_again_is_not_tried_again(job):
    spec = JOBS[job]["spec"]
    rules = {rule["action"]: rule for rule in spec["podFailurePolicy"]["rules"]}
    assert rules["FailIndex"]["onExitCodes"]["values"] == [3, 5, 64]
    assert spec["backoffLimitPerIndex"] > 0
    assert spec["suspend"] is True


@pytest.mark.parametrize("job", JOBS)
def test_plans_reports_and_undo_files_are_on_the_volume_that_all_share(job):
    spec = JOBS[job]["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container(job)["volumeMounts"]}
    (claim,) = documents(FOLDERS["-parts" if job.endswith("-parts") else ""] / "volume.yaml")
    assert mounts["/shared"]["persistentVolumeClaim"] == {"claimName": claim["metadata"]["name"]}
    assert container(job)["env"] == [{"name": "XDG_STATE_HOME", "value": "/shared/undo"}]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
