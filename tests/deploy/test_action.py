"""The action's script, as the runner starts it: a real repository, the local API, and a stand-in for GitHub's API."""

import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest_deploy import ROOT

from syncer.localapi import LocalAPI
from syncer.localapi.auth import load_tokens

TOKEN = "sha256~cluster-secret"  # noqa: S105 - of the local API
TAG = """
apiVersion: image.openshift.io/v1
kind: ImageStreamTag
metadata: {name: 'app:v1', namespace: team-a}
tag: {from: {kind: DockerImage, name: 'registry.example.com/team/app:v1'}}
"""


class GitHub(ThreadingHTTPServer):
    """Keeps comments as GitHub does: pages of them, each with an id and an author."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.comments = []
        self.seen = []
        self.refuses = False

    def add(self, body, kind="User"):
        self.comments.append({"id": len(self.comments) + 100, "body": body, "user": {"type": kind}})

    def bodies(self, kind="Bot"):
        return [comment["body"] for comment in self.comments if comment["user"]["type"] == kind]


class _Handler(BaseHTTPRequestHandler):
    def _answer(self):
        github, path = self.server, urlsplit(self.path)
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "null")
        github.seen.append((self.command, path.path))
        status, answer = 200, []
        if github.refuses or self.headers["Authorization"] != "Bearer github-secret":
            status, answer = 403, {"message": "Resource not accessible by integration"}
        elif self.command == "GET":
            query = parse_qs(path.query)
            size, page = int(query["per_page"][0]), int(query["page"][0])
            answer = github.comments[(page - 1) * size : page * size]
        elif self.command == "POST":
            github.add(body["body"], "Bot")
            status, answer = 201, github.comments[-1]
        else:
            answer = next(each for each in github.comments if path.path.endswith(f"/comments/{each['id']}"))
            answer["body"] = body["body"]
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = _answer  # noqa: N815 - http.server asks for these names

    def log_message(self, *_):
        pass


@pytest.fixture
def github():
    server = GitHub()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def api(tmp_path):
    path = tmp_path / "tokens.yaml"
    path.write_text(f"{TOKEN}: {{user: syncer, role: admin}}")
    with LocalAPI(imports=False, tokens=load_tokens(path)) as api:
        yield api


class Job:
    """One job of a workflow run after another, on one checkout."""

    def __init__(self, folder, api, github):
        self.folder, self.api, self.github = folder, api, github
        self.tags = folder / "tags"
        self.tags.mkdir()
        (self.tags / "app.yaml").write_text(TAG)
        (folder / "temp").mkdir()
        self.git("init", "--initial-branch=main")
        self.git("remote", "add", "origin", "https://github.com/acme/tags")
        self.commit()
        self.summary = self.outputs = ""
        wrapper = folder / "syncer"
        real = Path(sys.executable).with_name("syncer")
        wrapper.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {folder}/argv\nexec {real} "$@"\n')
        wrapper.chmod(0o755)

    def git(self, *arguments):
        author = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *author, *arguments], cwd=self.tags, check=True, capture_output=True)

    def commit(self):
        self.git("add", ".")
        self.git("commit", "-m", "tags")

    def __call__(self, event="pull_request", **inputs):
        given = {"MODE": "auto", "SOURCE": ".", "NAMESPACES": "team-a", "OWNER": "", "SERVER": self.api.url}
        given |= {"TOKEN": TOKEN, "CERTIFICATE_AUTHORITY": "", "ARGS": "", "COMMENT": "true", **inputs}
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("COV_")},
            **{f"INPUT_{name}": value for name, value in given.items()},
            "INPUT_GITHUB_TOKEN": "github-secret",
            "GITHUB_EVENT_NAME": event,
            "GITHUB_EVENT_PATH": str(self.folder / "event.json"),
            "GITHUB_API_URL": self.github.url,
            "GITHUB_REPOSITORY": "acme/tags",
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "RUNNER_TEMP": str(self.folder / "temp"),
            "SYNCER": str(self.folder / "syncer"),
        }
        event_body = {"pull_request": {"number": 7}} if event == "pull_request" else {"ref": "refs/heads/main"}
        (self.folder / "event.json").write_text(json.dumps(event_body))
        for name in ("output", "summary", "argv"):
            (self.folder / name).write_text("")
        command = [sys.executable, ROOT / "action" / "run.py"]
        ended = subprocess.run(command, env=environment, cwd=self.tags, capture_output=True, text=True, check=False)
        self.outputs = dict(line.split("=", 1) for line in (self.folder / "output").read_text().splitlines())
        self.summary = (self.folder / "summary").read_text()
        assert "Traceback" not in ended.stderr
        return ended


@pytest.fixture
def job(tmp_path, api, github):
    return Job(tmp_path, api, github)


def test_a_plan_on_a_pull_request_is_said_in_a_comment_which_the_next_one_updates(job, github):
    github.add("looks good")
    first = job()
    assert first.returncode == 0, first.stderr
    assert job.outputs["exit-code"] == "2"
    assert job.outputs["changes"] == "true"
    (body,) = github.bodies()
    assert body.startswith("<!-- syncer:report github.com/acme/tags -->\n")
    assert "1 to create" in body
    assert job.summary == body
    (job.tags / "other.yaml").write_text(TAG.replace("app:v1", "app:v2"))
    job.commit()
    assert job().returncode == 0
    (body,) = github.bodies()
    assert "2 to create" in body
    assert github.seen[-1] == ("PATCH", "/repos/acme/tags/issues/comments/101")
    assert github.bodies("User") == ["looks good"]


def test_the_comment_is_found_on_a_later_page_and_nobody_elses_is_taken_for_it(job, github):
    marker = "<!-- syncer:report github.com/acme/tags -->\n"
    for _ in range(120):
        github.add(marker + "copied by somebody")
    github.add(marker + "old", "Bot")
    assert job().returncode == 0
    assert len(github.bodies()) == 1
    assert "1 to create" in github.bodies()[0]
    assert set(github.bodies("User")) == {marker + "copied by somebody"}


def test_a_token_that_may_not_comment_is_a_warning(job, github):
    github.refuses = True
    ended = job()
    assert ended.returncode == 0
    assert "::warning title=syncer::the comment could not be written: " in ended.stdout


def test_a_comment_that_is_not_wanted_and_a_push_write_none(job, github):
    job(COMMENT="false")
    job("push", MODE="plan")
    assert github.seen == []


def test_the_plan_that_was_kept_is_what_is_applied(job, api):
    job("push", MODE="plan")
    assert job.outputs["plan"].endswith("/syncer-plan/plan.json")
    (job.tags / "app.yaml").unlink()  # the plan counts, not what the checkout holds by now
    ended = job("push", MODE="apply")
    assert ended.returncode == 0, ended.stderr
    assert job.outputs["changes"] == "true"
    assert Path(job.outputs["undo"]).read_text()
    assert [request for request in api.requests() if request[0] == "POST"][-1][1].endswith("/imagestreamtags")
    assert "1 created" in job.summary


def test_sync_on_main_applies_and_then_has_nothing_to_do(job):
    assert job("push").returncode == 0
    assert job.outputs["exit-code"] == "2"
    assert job("push").returncode == 0
    assert job.outputs == {
        "exit-code": "0",
        "changes": "false",
        **{k: v for k, v in job.outputs.items() if k == "undo"},
    }


def test_a_manifest_that_does_not_parse_fails_the_step_and_marks_the_line(job, github):
    (job.tags / "app.yaml").write_text(TAG.replace("tag:", "tga:"))
    job.commit()
    ended = job()
    assert ended.returncode == 1
    assert "::error file=app.yaml,line=" in ended.stdout
    assert len(github.bodies()) == 1


def test_more_options_are_read_as_a_shell_would(job):
    assert job("push", ARGS="--max-prune '5 %'").returncode == 64
    assert job("push", ARGS="--no-prune --max-prune 5").returncode == 0


def test_an_unknown_mode_is_wrong_usage(job):
    ended = job(MODE="destroy")
    assert (ended.returncode, "'destroy'" in ended.stdout) == (64, True)


def test_secrets_are_on_no_command_line_in_no_output_and_on_disk_only_while_it_runs(job):
    ended = job("push")
    told = ended.stdout + ended.stderr + (job.folder / "argv").read_text() + job.summary
    assert TOKEN not in told
    assert "github-secret" not in told
    left = [path for path in (job.folder / "temp").rglob("*") if path.is_file()]
    assert not [path for path in left if TOKEN in path.read_text()]
    assert re.search(r"--token-file\n", (job.folder / "argv").read_text())
