"""Canary tokens, passwords and keys: they are in no output, report, plan, undo file or command line."""

import json
import os
import shutil
import stat
from pathlib import Path

import pytest
from world import front, tag, text_of

from syncer.cluster import reader

CANARY = "c4n4ry"
APP = "team-a/app:v1"
FORMATS = ("json", "jsonl", "markdown", "html", "junit", "github", "gitlab", "text")


def kubeconfig(url, user):
    clusters = [{"name": "c", "cluster": {"server": url}}]
    contexts = [{"name": "c", "context": {"cluster": "c", "user": "u"}}]
    config = {"apiVersion": "v1", "kind": "Config", "current-context": "c", "clusters": clusters, "contexts": contexts}
    return json.dumps({**config, "users": [{"name": "u", "user": user}]})


@pytest.fixture
def plugin(tmp_path):
    """Make a login plugin that gives a token, and says it on stderr, too."""
    path = tmp_path / "plugin"
    status = {"token": f"{CANARY}-of-the-plugin"}
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    path.write_text(f"#!/bin/sh\necho 'password is {CANARY}-on-stderr' >&2\necho '{json.dumps(answer)}'\n")
    path.chmod(0o755)
    env = [{"name": "PLUGIN_PASSWORD", "value": f"{CANARY}-in-the-environment-of-the-plugin"}]
    return {
        "command": str(path),
        "apiVersion": "client.authentication.k8s.io/v1",
        "interactiveMode": "Never",
        "env": env,
    }


@pytest.fixture
def git_words(tmp_path, monkeypatch):
    """Put a git before the real one that notes its command line; gives what was noted."""
    noted = tmp_path / "git-words"
    folder = tmp_path / "path"
    folder.mkdir()
    wrapper = folder / "git"
    wrapper.write_text(f'#!/bin/sh\necho "$@" >> {noted}\nexec {shutil.which("git")} "$@"\n')
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return lambda: noted.read_text() if noted.exists() else ""


def logins(plugin):
    return {
        "token": {"token": f"{CANARY}-token"},
        "password": {"username": "ann", "password": f"{CANARY}-password"},
        "plugin": {"exec": plugin},
    }


def quoting(status, headers):
    """Answer with the credentials that came, as a careless proxy does."""
    return status, {"kind": "Status", "reason": "Weird", "message": f"you sent {headers}"}


@pytest.fixture
def found_nowhere(tmp_path):
    """Judge what a run printed, and every file that it left."""

    def judge(*ended):
        for each in ended:
            assert CANARY not in each.out + each.err
        left = [path for path in (tmp_path / "left").rglob("*") if path.is_file()]
        assert [path for path in left if CANARY in path.read_text()] == []
        return left

    (tmp_path / "left").mkdir()
    return judge


@pytest.mark.parametrize("login", ["token", "password", "plugin"])
@pytest.mark.parametrize("mood", ["well", "refused", "broken"])
def test_no_credential_is_in_any_output_report_plan_or_undo_file(  # noqa: PLR0913, PLR0917 - pytest's fixtures
    syncer, world, tmp_path, plugin, monkeypatch, found_nowhere, login, mood
):
    monkeypatch.setenv("GITHUB_TOKEN", f"{CANARY}-of-github")
    monkeypatch.setenv("HTTPS_PROXY", f"http://ann:{CANARY}-of-the-proxy@127.0.0.1:1")
    left = tmp_path / "left"

    def rule(method, _):
        if mood == "refused":
            return quoting(403, "Authorization: …")
        return (200, b"{") if mood == "broken" and method == "POST" else None

    with front(world.url, rule) as url:
        config = tmp_path / "kubeconfig"
        config.write_text(kubeconfig(url, logins(plugin)[login]))
        common = ["--kubeconfig", config, "--owner", "demo", "-n", "team-a"]
        outputs = [f"--output={name}={left / name}" for name in FORMATS]
        stdin = text_of([tag(APP)])
        ended = [
            syncer("plan", "-", *common, "-v", "--profile", *outputs, stdin=stdin),
            syncer("sync", "-", *common, "--undo-file", left / "undo", "--log-format", "json", *outputs, stdin=stdin),
            syncer("doctor", "-", "--kubeconfig", config, stdin=stdin),
            syncer("explain", APP, "-", "--kubeconfig", config, "--owner", "demo", stdin=stdin),
            syncer("config", "plan", *common),
        ]
        if mood == "well":
            ended.append(syncer("apply", left / "json", "--kubeconfig", config, "--undo-file", left / "undo-2"))
            ended.append(syncer("restore", left / "undo", "--kubeconfig", config, "--undo-file", left / "undo-3"))
    assert mood != "well" or [each.code for each in ended[:2]] == [0, 0]
    assert mood == "well" or ended[0].code + ended[1].code > 0
    assert found_nowhere(*ended) or mood == "refused"


def test_a_refusal_that_quotes_the_request_is_shown_without_the_credentials(syncer, world, tmp_path, found_nowhere):
    token = tmp_path / "token"
    token.write_text(f"{CANARY}-token")
    for status in (400, 401, 403, 404, 409, 422, 500, 503):
        answer = quoting(status, f"Authorization: Bearer {CANARY}-token")
        with front(world.url, lambda *_, answer=answer: answer) as url:
            common = ["--server", url, "--token-file", token, "--owner", "demo", "--request-timeout", "1s"]
            if status < 500:
                found_nowhere(syncer("plan", "-", *common, stdin=text_of([tag(APP)])))


def test_an_internal_error_shows_nothing_but_its_place(world, tmp_path, monkeypatch, capsys):
    from syncer.cli import run  # noqa: PLC0415 - the fixture would take an internal error for a failure

    def fail(*_, **__):
        raise RuntimeError(f"Bearer {CANARY}")

    monkeypatch.setattr(reader, "read_list", fail)
    (tmp_path / "app.yaml").write_text(text_of([tag(APP)]))
    for more in ([], ["-v"], ["--log-format", "json"], ["--profile"]):
        code = run(["plan", str(tmp_path), "--owner", "demo", "-n", "team-a", "--server", world.url, *more])
        out, err = capsys.readouterr()
        assert (code, "internal error" in err, CANARY in out + err, "Traceback" in err) == (1, True, False, False)


def test_credentials_of_a_url_are_in_no_command_line_and_no_message(syncer, world, git_words, found_nowhere):
    source = f"https://ann:{CANARY}-password@127.0.0.1:1/team/tags.git"
    ended = [
        syncer("plan", source, "--server", world.url),
        syncer("sync", source, "--ref", "main", "--server", world.url, "--log-format", "json"),
        syncer("validate", source),
        syncer("doctor", source, "--server", world.url),
        syncer("config", "plan", source),
    ]
    found_nowhere(*ended)
    assert "clone" in git_words()
    assert CANARY not in git_words()


def test_a_process_that_runs_shows_no_credential_in_its_command_line(syncer, world, tmp_path):
    """`/proc/…/cmdline` of this process and its children, at the moment when a request is under way."""
    token, seen = tmp_path / "token", []
    token.write_text(f"{CANARY}-token")

    def rule(*_):
        seen.extend(path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if os.access(path, os.R_OK))

    if not Path("/proc/self/cmdline").exists():
        pytest.skip("there is no /proc here")
    with front(world.url, rule) as url:
        syncer("plan", "-", "--owner", "demo", "--server", url, "--token-file", token, stdin=text_of([tag(APP)]))
    assert seen
    assert not [line for line in seen if CANARY.encode() in line]
