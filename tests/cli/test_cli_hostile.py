"""Input that was made to hurt, from git and from the server: a clear error, no traceback, nothing written."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest
from world import front, tag, text_of

from syncer.plan.saved import checksum

APP = "team-a/app:v1"
GOOD = text_of([tag(APP)])
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
)


@pytest.fixture
def plan(syncer, world):
    def call(stdin, *options, url=""):
        common = ["--owner", "demo", "--server", url or world.url, "--request-timeout", "5s"]
        return syncer("plan", "-", *common, *options, stdin=stdin)

    return call


@pytest.mark.parametrize(
    "text",
    [
        b"\xff\xfe\x00",
        b"\x00\x01\x02",
        b"a: \xc3\x28",
        b"{",
        b"a: b: c",
        b"\ta: b",
        b"[" * 5000,
        b"{a: " * 5000,
        b"- " * 5000,
        BOMB.encode(),
        b"&a [*a]",
        b"apiVersion: image.openshift.io/v1\nkind: ImageStreamTag\n",
        b"apiVersion: image.openshift.io/v1\nkind: ImageStreamTag\nmetadata: []\ntag: 7\n",
        b"apiVersion: image.openshift.io/v2\nkind: ImageStreamTag\nmetadata: {name: 'a:b', namespace: c}\n",
        b"apiVersion: image.openshift.io/v1\nkind: ImageStreamTag\nmetadata: {name: " + b"9" * 5000 + b"}\n",
        GOOD.encode() + b"\n---\n" + GOOD.encode(),
        GOOD.replace("app:v1", "..:..", 1).encode(),
        GOOD.replace("team-a", "../../x", 1).encode(),
        GOOD.replace("team-a", "x?dryRun=All#", 1).encode(),
        GOOD.replace("app:v1", "app:v1\\u001b[31m", 1).encode(),
        GOOD.replace("registry.example.com", "\\ud800", 1).encode(),
    ],
    ids=lambda text: repr(text[:24]),
)
def test_a_hostile_manifest_is_an_error_on_one_line_and_nothing_is_sent(plan, world, text):
    ended = plan(text)
    assert ended.code == 1
    assert ended.out + ended.err
    assert "\x1b" not in ended.out + ended.err
    assert world.writes() == []


@pytest.mark.parametrize(
    "text", [b"", b"# nothing\n", b"---\n---\n", b"kind: Deployment\napiVersion: apps/v1\n", b"null"]
)
def test_stdin_without_a_tag_plans_nothing(plan, world, text):
    assert plan(text, "-n", "team-a").code == 0
    assert world.writes() == []


def test_stdin_holds_many_documents_and_takes_the_default_namespace(plan):
    bare = tag(APP)
    del bare["metadata"]["namespace"]
    document = json.loads(plan(text_of([bare, tag("team-a/web:v1")]), "-n", "team-a", "-o", "json").out)
    assert [(change["namespace"], change["name"]) for change in document["changes"]] == [
        ("team-a", "app:v1"),
        ("team-a", "web:v1"),
    ]


@pytest.mark.parametrize("where", ["owner", "namespace", "annotation"])
def test_a_saved_plan_with_half_a_surrogate_pair_is_an_error_even_with_a_right_checksum(
    syncer, plan, world, tmp_path, where
):
    document = json.loads(plan(GOOD, "-n", "team-a", "-o", "json").out)
    if where == "owner":
        document["owner"] = "\ud800"
    elif where == "namespace":
        document["changes"][0]["namespace"] = "\ud800"
    else:
        document["changes"][0]["requests"][0]["body"]["metadata"]["annotations"]["x"] = "\ud800"
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({**document, "checksum": checksum(document)}))
    ended = syncer("apply", path, "--server", world.url)
    assert (ended.code, ended.err.splitlines()[0]) == (1, f"Error: {path} is not JSON")
    assert world.writes() == []


def test_a_yaml_tag_runs_nothing(plan, tmp_path):
    path = tmp_path / "ran"
    ended = plan(f"!!python/object/apply:os.system ['touch {path}']", "-n", "team-a")
    assert (ended.code in (0, 1), path.exists()) == (True, False)


TAG = {"name": "v1", "from": {"kind": "DockerImage", "name": "a/b"}}


def stream(**more):
    return {"metadata": {"namespace": "team-a", "name": "app"}, **more}


def listing(*items, **metadata):
    return {"kind": "ImageStreamList", "metadata": {"resourceVersion": "1", **metadata}, "items": list(items)}


@pytest.mark.parametrize(
    "answer",
    [
        (200, b""),
        (200, b"<html>please log in</html>"),
        (200, b"[]"),
        (200, b"null"),
        (200, b"\xff\xfe"),
        (200, b"[" * 20000),
        (200, b'{"kind": "ImageStreamList", "metadata": {}, "items": ' + b"9" * 6000 + b"}"),
        (200, {"kind": "PodList", "metadata": {"resourceVersion": "1"}, "items": []}),
        (200, {"kind": "ImageStreamList", "metadata": "x", "items": []}),
        (200, {"kind": "ImageStreamList", "metadata": {}, "items": {}}),
        (200, listing(7)),
        (200, listing({"metadata": {"name": "app"}})),
        (200, listing({"metadata": {"namespace": "other", "name": "app"}})),
        (200, listing(stream(), stream())),
        (200, listing(remainingItemCount=3)),
        (200, listing(stream(spec={"tags": [{"name": 7, "from": []}]}))),
        (200, listing(stream(spec={"tags": 7}))),
        (200, listing(stream(spec={"tags": [None]}))),
        (200, listing(stream(spec=[]), stream(status="x"))),
        (200, listing(stream(status={"tags": [{"tag": "v1", "items": [None]}]}))),
        (200, listing(stream(spec={"tags": [TAG]}, status={"tags": [{"tag": "v1", "conditions": [7]}]}))),
        (200, {**listing(), "metadata": {"continue": "again"}}),
        (302, {}),
        (400, b"\x1b[31mno"),
        (401, {}),
        (404, {"kind": "Status", "message": 7}),
        (418, b"<html>"),
    ],
    ids=lambda answer: repr(answer)[:60],
)
def test_a_server_that_answers_nonsense_is_an_error_and_nothing_is_planned(plan, world, answer):
    def rule(_, path):
        return answer if "/imagestreams?" in path else None

    with front(world.url, rule) as url:
        ended = plan(GOOD, url=url)
    assert (ended.code, ended.out) == (1, "")
    assert re.match(r"Error: (GET /apis/|the server listed )", ended.err), ended.err
    assert "\x1b" not in ended.err
    assert len(ended.err) < 2000


def test_names_from_the_server_cannot_steer_a_terminal(plan, world):
    evil = {
        "name": "v1",
        "annotations": {"syncer.dev/owner": "x\x1b[2J y"},
        "from": {"kind": "DockerImage", "name": "a/b"},
    }

    def rule(_, path):
        return (200, listing(stream(spec={"tags": [evil]}))) if "/imagestreams?" in path else None

    with front(world.url, rule) as url:
        ended = plan(GOOD, url=url)
    assert "\x1b" not in ended.out + ended.err


def test_a_secret_in_a_url_is_never_shown(syncer, world):
    source = "https://ann:s3cret@127.0.0.1:1/team/tags.git?token=s3cret"
    for command in ("plan", "sync"):
        ended = syncer(command, source, "--server", world.url)
        assert (ended.code in (1, 64), "s3cret" in ended.out + ended.err) == (True, False)
    ended = syncer("plan", "-", "--server", "https://ann:s3cret@127.0.0.1:1", "--request-timeout", "1s", stdin=GOOD)
    assert (ended.code in (1, 64), "s3cret" in ended.out + ended.err) == (True, False)


def test_a_source_that_cannot_be_read_is_an_error(syncer, world, tmp_path):
    for source in (tmp_path / "absent", os.devnull, "ftp://example.com/x", "file:///no/such/repository"):
        ended = syncer("plan", source, "--server", world.url)
        assert (ended.code in (1, 64), ended.err.startswith("Error: ")) == (True, True), source


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("source", ["-", "."])
def test_a_closed_stream_is_never_an_internal_error(world, tmp_path, closed, source):
    (tmp_path / "app.yaml").write_text(GOOD)
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "syncer", "plan", source, "--owner", "demo", "-n", "team-a", "--server", world.url]
    whole = f"exec {shlex.join([*command, f'--output=json={report}', '--output=text'])} {closed}"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        ["sh", "-c", whole],
        cwd=tmp_path,
        env=environment,
        input=GOOD,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    expected = 0 if source == "-" and "<&-" in closed else 1
    assert json.loads(report.read_text())["summary"]["create"] == expected


def test_wrong_usage_with_closed_streams_is_still_wrong_usage():
    done = subprocess.run(["sh", "-c", f"exec {sys.executable} -m syncer plan <&- >&- 2>&-"], timeout=20, check=False)
    assert done.returncode == 64
