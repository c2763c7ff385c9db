"""The manifests of the CronJob: valid by Kubernetes' own schemas, `restricted`, and without a secret in them."""

import os
import shutil
import subprocess

import kubernetes_validate
import pytest
import yaml
from conftest_deploy import DEPLOY, documents

from syncer.cli import run

RELEASES = ("1.29", "1.31", "1.36")
COMPONENTS = ("git-ssh", "git-https", "monitoring")
FILES = sorted(path for path in DEPLOY.glob("*.yaml") if path.name not in ("kustomization.yaml", "syncer.yaml"))
RULES = DEPLOY / "monitoring" / "alerts.yaml"


def kustomize(folder):
    if not shutil.which("kubectl"):
        pytest.skip("kubectl, which builds a kustomization, is not installed")
    environment = {**os.environ, "HOME": str(folder)}
    ended = subprocess.run(
        ["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False, env=environment
    )
    assert ended.returncode == 0, ended.stderr
    return list(yaml.safe_load_all(ended.stdout))


def overlay(tmp_path, component):
    """Build the folder with one component only."""
    folder = tmp_path / "deploy"
    shutil.copytree(DEPLOY, folder)
    main = folder / "kustomization.yaml"
    content = yaml.safe_load(main.read_text())
    main.write_text(yaml.safe_dump({**content, "components": [component]}))
    return kustomize(folder)


def the(built, kind):
    return next(document for document in built if document["kind"] == kind)


def pod(built):
    return the(built, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_manifest_is_valid_in_each_release(path, release):
    for document in documents(path):
        kubernetes_validate.validate(document, release, strict=True)


def test_the_schemas_notice_a_field_that_is_not_there():
    document = documents(DEPLOY / "cronjob.yaml")[0]
    document["spec"]["concurencyPolicy"] = "Forbid"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(document, RELEASES[-1], strict=True)


@pytest.mark.parametrize("component", COMPONENTS)
def test_each_variant_that_kustomize_builds_is_valid(tmp_path, component):
    for document in overlay(tmp_path, component):
        if document["kind"] != "PrometheusRule":
            kubernetes_validate.validate(document, RELEASES[-1], strict=True)


def test_the_folder_builds_as_it_lies_there():
    built = kustomize(DEPLOY)
    assert pod(built)["containers"][0]["image"].startswith("registry.example.com/tools/syncer")
    assert {document["metadata"].get("namespace", "syncer") for document in built} == {
        "syncer",
        "acme-payments",
        "acme-platform",
        "acme-web",
    }


@pytest.mark.parametrize("component", COMPONENTS)
def test_every_variant_passes_the_restricted_standard(tmp_path, component):
    assert violations(pod(overlay(tmp_path, component))) == []


def test_the_check_of_the_standard_can_fail():
    assert violations({"containers": [{"name": "bare"}], "volumes": [{"name": "host", "hostPath": {"path": "/"}}]}) == [
        "host: hostPath",
        "runAsNonRoot",
        "bare: allowPrivilegeEscalation",
        "bare: capabilities",
        "bare: seccompProfile",
    ]


def violations(spec):
    """Name what the Pod Security Standard `restricted` forbids in a pod.

    https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
    """
    allowed = {"name", "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected"}
    found = [f"{v['name']}: {kind}" for v in spec.get("volumes", ()) for kind in v if kind not in {*allowed, "secret"}]
    found += [name for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    security = spec.get("securityContext", {})
    if not security.get("runAsNonRoot"):
        found.append("runAsNonRoot")
    for container in [*spec["containers"], *spec.get("initContainers", ())]:
        own, name = container.get("securityContext", {}), container["name"]
        if own.get("allowPrivilegeEscalation") is not False:
            found.append(f"{name}: allowPrivilegeEscalation")
        if own.get("capabilities") != {"drop": ["ALL"]}:
            found.append(f"{name}: capabilities")
        if {**security, **own}.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
            found.append(f"{name}: seccompProfile")
        if own.get("privileged") or own.get("runAsUser") == 0:
            found.append(f"{name}: root")
    return found


def test_runs_do_not_overlap_end_in_time_and_keep_the_way_back():
    spec = documents(DEPLOY / "cronjob.yaml")[0]["spec"]
    job = spec["jobTemplate"]["spec"]
    container = job["template"]["spec"]["containers"][0]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["startingDeadlineSeconds"] >= 10  # below that the controller may never start one
    assert job["activeDeadlineSeconds"] > 0
    assert job["backoffLimit"] == 0
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert {"requests", "limits"} <= container["resources"].keys()
    volumes = {volume["name"]: volume for volume in job["template"]["spec"]["volumes"]}
    mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
    state = next(entry["value"] for entry in container["env"] if entry["name"] == "XDG_STATE_HOME")
    assert mounts[state]["persistentVolumeClaim"] == {"claimName": "syncer-undo"}
    cache = next(entry["value"] for entry in container["env"] if entry["name"] == "XDG_CACHE_HOME")
    assert cache.startswith(f"{state}/")
    assert "emptyDir" in mounts["/tmp"]  # noqa: S108 - the pod's


def test_the_settings_are_mounted_where_the_run_looks_for_them_and_say_what_is_needed(tmp_path, capsys):
    container = pod(overlay(tmp_path, "git-ssh"))["containers"][0]
    config = next(entry["value"] for entry in container["env"] if entry["name"] == "SYNCER_CONFIG")
    folder = next(mount["mountPath"] for mount in container["volumeMounts"] if mount["name"] == "config")
    assert config == f"{folder}/syncer.yaml"
    assert container["args"] == ["sync"]
    assert run(["config", "sync", "--set", "acme", "--config", str(DEPLOY / "syncer.yaml")]) == 0
    told = capsys.readouterr().out
    assert "acme/tags" in told
    assert "git.example.com/acme/tags.git" in told


@pytest.mark.parametrize("component", ["git-ssh", "git-https"])
def test_no_credential_is_in_a_manifest_a_command_line_or_the_environment(tmp_path, component):
    built = overlay(tmp_path, component)
    container = pod(built)["containers"][0]
    assert "Secret" not in {document["kind"] for document in built}
    assert not any("secretKeyRef" in str(entry) for entry in container["env"])
    assert container["args"] == ["sync"]
    assert "@" not in (DEPLOY / "syncer.yaml").read_text().replace("ssh://git@", "")


def test_the_askpass_script_answers_git_and_nothing_else(tmp_path, monkeypatch):
    (tmp_path / "username").write_text("syncer")
    (tmp_path / "password").write_text("s3cret")
    monkeypatch.setenv("GIT_CREDENTIALS", str(tmp_path))
    monkeypatch.setenv("GIT_TERMINAL_PROMPT", "0")
    script = DEPLOY / "git-https" / "askpass.sh"
    asked = "protocol=https\nhost=git.example.com\n\n"
    command = ["git", "-c", "credential.helper=", "-c", f"core.askPass={script}", "credential", "fill"]
    filled = subprocess.run(command, input=asked, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert filled.stdout.splitlines()[2:] == ["username=syncer", "password=s3cret"]
    other = subprocess.run([script, "Are you sure?"], capture_output=True, text=True, check=False)
    assert (other.returncode, other.stdout) == (1, "")
