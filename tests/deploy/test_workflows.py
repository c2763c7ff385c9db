"""Workflows, the action and the GitLab example: valid by the schemas that check-jsonschema carries, and pinned."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest_deploy import ROOT

EXAMPLE = ROOT / "manifests-example"
OWN = sorted((ROOT / ".github/workflows").glob("*.yaml"))
WORKFLOWS = [*OWN, *sorted((EXAMPLE / ".github/workflows").glob("*.yaml"))]
ACTION = ROOT / "action.yml"
PIN = re.compile(r"uses: (\S+?)@(.+)")


def check(schema, *paths):
    """Check files against a schema that lies in the package; nothing is fetched."""
    command = [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", f"vendor.{schema}", *paths]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("schema", "paths"),
    [
        ("github-workflows", WORKFLOWS),
        ("github-actions", [ACTION]),
        ("gitlab-ci", [EXAMPLE / ".gitlab-ci.yml"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_is_valid(schema, paths):
    ended = check(schema, *paths)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_schema_notices_a_key_that_is_not_there(tmp_path):
    path = tmp_path / "ci.yaml"
    path.write_text(OWN[0].read_text().replace("runs-on:", "run-on:"))
    assert check("github-workflows", path).returncode == 1


@pytest.mark.parametrize("path", [*WORKFLOWS, ACTION], ids=lambda path: path.name)
def test_every_action_is_pinned_by_commit_and_the_same_everywhere(path):
    pins = dict(PIN.findall("\n".join(p.read_text() for p in [*WORKFLOWS, ACTION])))
    used = re.findall(r"uses: (\S+?)@(.+)", path.read_text())
    others = [(name, version) for name, version in used if name != "example/syncer"]  # ours, which users pin
    assert others
    for name, version in others:
        assert re.fullmatch(r"[0-9a-f]{40} # v\d+\.\d+\.\d+", version), name
        assert pins[name] == version


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_token_may_read_unless_a_job_says_more(path):
    assert yaml.safe_load(path.read_text())["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("path", [*WORKFLOWS, ACTION], ids=lambda path: path.name)
def test_no_script_has_an_expression_pasted_into_it(path):
    content = yaml.safe_load(path.read_text())
    jobs = content["jobs"].values() if "jobs" in content else [content["runs"]]
    scripts = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
    assert scripts or path.name == "tags.yaml"
    assert not [script for script in scripts if "${{" in script]


def test_the_action_hands_its_script_every_input_that_it_reads():
    action = yaml.safe_load(ACTION.read_text())
    (step,) = [step for step in action["runs"]["steps"] if step.get("id") == "run"]
    read = set(re.findall(r"INPUT_[A-Z_]+", (ROOT / "action/run.py").read_text())) - {"INPUT_"}
    assert read | {"INPUT_TOKEN", "INPUT_CERTIFICATE_AUTHORITY"} == step["env"].keys()
    declared = {re.search(r"inputs\.([\w-]+)", value)[1] for value in step["env"].values()}
    assert declared | {"artifact"} == action["inputs"].keys()


def release(job):
    return yaml.safe_load((ROOT / ".github/workflows/release.yaml").read_text())["jobs"][job]


def test_a_release_is_audited_has_a_bill_of_materials_and_signed_provenance():
    """Before anything is published: what needs a job comes after it."""
    build, image = release("build"), release("image")
    scripts = [step.get("run", "") for step in build["steps"]]
    assert any("pip-audit" in script and "container/runtime.lock" in script for script in scripts)
    assert any("cyclonedx" in script and "container/runtime.lock" in script for script in scripts)
    for job in (build, image):
        assert any(step.get("uses", "").startswith("actions/attest-build-provenance@") for step in job["steps"])
        assert {"id-token": "write", "attestations": "write"}.items() <= job["permissions"].items()
    assert (release("pypi")["needs"], image["needs"]) == ("build", "build")


def test_a_release_builds_on_the_digest_that_it_looked_up():
    steps = release("image")["steps"]
    base = next(step for step in steps if step.get("id") == "base")
    push = next(step for step in steps if step.get("id") == "push")
    assert "imagetools inspect" in base["run"]
    assert "GITHUB_STEP_SUMMARY" in base["run"]
    assert push["with"]["build-args"] == "BASE=${{ steps.base.outputs.pinned }}"
    assert (push["with"]["sbom"], push["with"]["provenance"]) == (True, "mode=max")
    assert "ARG BASE=" in (ROOT / "Dockerfile").read_text()


def test_what_the_image_installs_is_what_the_tests_ran_with():
    """The three lock files come from one run of `make lock`."""

    def pins(path):
        return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / path).read_text(), re.MULTILINE))

    everything = pins("requirements.lock")
    for path in ("container/runtime.lock", "container/build.lock"):
        assert pins(path).items() <= everything.items()
    project = (ROOT / "pyproject.toml").read_text()
    named = re.search(r"^dependencies = \[(.*?)^\]", project, re.MULTILINE | re.DOTALL)[1]
    names = {re.sub(r"[-_.]+", "-", name).lower() for name in re.findall(r'"([A-Za-z0-9._-]+)', named)}
    assert {*names, "prometheus-client"} <= pins("container/runtime.lock").keys()
