"""What a pipeline goes by: the exit code, and where each message goes."""

import json
import socket

import pytest
from world import front, tag, text_of

from syncer import imagestreamtag
from syncer.localapi import Identity, LocalAPI

APP = "team-a/app:v1"
NEW = "registry.example.com/team/app:v2"


@pytest.fixture
def sync(syncer, world):
    """Sync manifests from stdin as owner demo."""

    def call(*options, tags=(), command="sync", url=""):
        common = ["--owner", "demo", "--server", url or world.url]
        return syncer(command, "-", *common, *options, stdin=text_of(tags))

    return call


def test_0_when_all_is_done_and_when_there_is_nothing_to_do(sync, world):
    assert sync(tags=[tag(APP)]).code == 0
    assert world.spec(APP) is not None
    world.forget()
    again = sync(tags=[tag(APP)])
    assert (again.code, again.err, world.writes()) == (0, "", [])


def test_0_for_a_plan_with_changes_unless_it_is_asked_for_in_detail(sync, world):
    for command in ("plan", "sync"):
        dry = ["--dry-run"] if command == "sync" else []
        assert sync(*dry, tags=[tag(APP)], command=command).code == 0
        assert sync(*dry, "--detailed-exitcode", tags=[tag(APP)], command=command).code == 2
    assert world.writes() == []


def test_2_is_mere_adoption_too_and_0_once_nothing_differs(sync, world):
    world.post(tag(APP))
    assert sync("--detailed-exitcode", tags=[tag(APP)], command="plan").code == 2
    assert sync("--detailed-exitcode", tags=[tag(APP)]).code == 2
    assert sync("--detailed-exitcode", tags=[tag(APP)], command="plan").code == 0


def test_1_for_a_file_that_cannot_be_read_and_nothing_is_written_though_the_others_are_planned(syncer, world, checkout):
    (checkout / "more.yaml").symlink_to("/etc/hostname")
    given = [checkout, "--server", world.url, "--owner", "demo"]
    planned = json.loads(syncer("plan", *given, "-o", "json").out)
    assert [problem["code"] for problem in planned["problems"]] == ["link-outside"]
    assert (planned["complete"], planned["summary"]["create"]) == (False, 1)
    ended = syncer("sync", *given, "--allow-dirty")
    assert (ended.code, "1 error in the manifests; nothing was written" in ended.err) == (1, True)
    assert world.writes() == []


def test_1_for_manifests_that_are_wrong_all_of_which_are_named(sync, world):
    ended = sync("-o", "text", tags=[tag(APP), tag("team-a/nocolon"), tag("team-a/x:1", {"kind": "Nope", "name": "y"})])
    assert (ended.code, "2 errors in the manifests; nothing was written" in ended.err) == (1, True)
    assert world.writes() == []
    assert "nocolon" in ended.out
    assert "Nope" in ended.out


def test_1_for_a_plan_of_manifests_that_are_wrong(sync):
    assert sync(tags=[tag("team-a/nocolon")], command="plan").code == 1


def test_1_for_a_server_that_is_not_there(sync, monkeypatch):
    monkeypatch.setattr("syncer.cluster.client.random.uniform", lambda *_: 0.0)  # no pause between attempts
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        ended = sync(tags=[tag(APP)], url=url)
    assert (ended.code, ended.out) == (1, "")
    assert f"cannot connect to {url}" in ended.err
    assert "Hint: check --server and the network" in ended.err


def test_1_without_any_cluster(syncer):
    ended = syncer("plan", "-", stdin=text_of([tag(APP)]))
    assert ended.code in (1, 64)
    assert "Hint: " in ended.err


def test_1_for_a_dirty_source_unless_it_is_allowed(syncer, world, checkout):
    (checkout / "new.yaml").write_text(text_of([tag("team-a/new:v1")]))
    refused = syncer("sync", checkout, "--server", world.url)
    assert (refused.code, "is dirty" in refused.err, "--allow-dirty" in refused.err) == (1, True, True)
    assert world.writes() == []
    assert syncer("sync", checkout, "--server", world.url, "--allow-dirty").code == 0
    assert world.spec("team-a/new:v1") is not None


def test_0_for_a_clean_source_whose_owner_is_its_remote_without_login(syncer, world, checkout):
    ended = syncer("sync", checkout, "--server", world.url, "-o", "json")
    assert (ended.code, "s3cret" in ended.out + ended.err) == (0, False)
    assert world.spec(APP)["annotations"][imagestreamtag.OWNER] == f"git.example.com/team/tags {APP}"
    assert json.loads(ended.out)["owner"] == "git.example.com/team/tags"


def test_0_for_a_plan_of_a_dirty_source(syncer, world, checkout):
    (checkout / "new.yaml").write_text(text_of([tag("team-a/new:v1")]))
    assert syncer("plan", checkout, "--server", world.url).code == 0


def test_3_for_a_gate_which_says_its_figures_and_the_way_past_it(sync, world):
    names = [f"team-a/app:v{number}" for number in range(20)]
    sync(tags=map(tag, names))
    world.forget()
    stopped = sync(tags=map(tag, names[:8]))
    assert stopped.code == 3
    assert "would prune 12 of 20 owned tags (60 %)" in stopped.err
    assert "--max-prune 12" in stopped.err
    assert world.writes() == []
    assert sync(tags=map(tag, names[:8]), command="plan").code == 0
    assert sync("--max-prune", "12", tags=map(tag, names[:8])).code == 0
    assert len(world.requests("DELETE")) == 12


def test_3_for_an_empty_source_unless_it_is_allowed(sync, world):
    sync(tags=[tag(APP)])
    stopped = sync("-n", "team-a")
    assert (stopped.code, "--allow-empty" in stopped.err) == (3, True)
    assert sync("-n", "team-a", "--allow-empty").code == 0
    assert world.spec(APP) is None


def test_3_for_drift_that_is_to_fail(sync, world):
    sync(tags=[tag(APP)])
    world.point(APP, NEW)
    stopped = sync("--on-drift", "fail", tags=[tag(APP)])
    assert (stopped.code, APP in stopped.err) == (3, True)
    assert sync("--on-drift", "report", tags=[tag(APP)]).code == 0
    assert world.spec(APP)["from"]["name"] == NEW


def test_4_when_a_part_failed_and_the_rest_is_done(sync, world):
    ended = sync(tags=[tag(APP), tag("no-such-team/app:v1")])
    assert (ended.code, world.spec(APP) is not None) == (4, True)
    assert "Sync: 1 created, 1 failed." in ended.out


def test_4_when_a_namespace_could_not_be_listed(syncer, tmp_path):
    token = tmp_path / "token"
    token.write_text("editor-token\n")
    with LocalAPI(imports=False, tokens={"editor-token": Identity("editor", "edit", ("team-a",))}) as api:
        arguments = ["-", "--owner", "demo", "--server", api.url, "--token-file", token]
        ended = syncer("sync", *arguments, stdin=text_of([tag(APP), tag("team-b/app:v1")]))
        nobody = syncer("plan", *arguments[:-2], stdin=text_of([tag(APP)]))
    assert (ended.code, "team-b" in ended.out) == (4, True)
    assert nobody.code == 1
    assert "editor-token" not in ended.out + ended.err + nobody.err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nope"],
        ["plan"],
        ["plan", "-", "--nope"],
        ["plan", "-", "extra"],
        ["plan", "-", "--page-size", "0"],
        ["plan", "-", "--concurrency", "many"],
        ["plan", "-", "--request-timeout", "soon"],
        ["plan", "-", "--on-drift", "panic"],
        ["plan", "-", "--max-prune", "some", "--server", "http://127.0.0.1:1"],
        ["plan", "-", "--max-change", "101%", "--server", "http://127.0.0.1:1"],
        ["plan", "-", "-A", "-n", "team-a", "--server", "http://127.0.0.1:1"],
        ["plan", "-", "--ref", "main", "--server", "http://127.0.0.1:1"],
        ["plan", "-", "--server", "nowhere"],
        ["plan", "-", "--kubeconfig", "/no/such/file"],
        ["plan", "-", "--token-file", "/no/such/file", "--server", "http://127.0.0.1:1"],
        ["plan", "-", "-o", "nope"],
        ["plan", "-", "-o", "json="],
        ["plan", "-", "-o", "text", "-o", "json"],
        ["plan", "-", "-o", "json", "-o", "json"],
        ["sync", "-", "--dry-run=perhaps"],
        ["sync", "-", "--wait", "-1s"],
        ["serve", "--port", "65536"],
        ["serve", "--profile", "other"],
        ["serve", "--tokens", "/no/such/file"],
    ],
    ids=" ".join,
)
def test_64_for_wrong_usage_and_never_2(syncer, arguments):
    ended = syncer(*arguments)
    assert ended.code == 64
    assert ended.err if arguments else ended.out + ended.err


def test_64_without_an_owner(syncer, world, tmp_path):
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "app.yaml").write_text(text_of([tag(APP)]))
    for ended in (
        syncer("sync", folder, "--server", world.url, "--allow-dirty"),
        syncer("sync", "-", "--server", world.url, stdin=text_of([tag(APP)])),
    ):
        assert (ended.code, "--owner NAME" in ended.err) == (64, True)
    assert world.writes() == []


def test_64_for_a_server_dry_run_of_an_unknown_version(sync, world):
    def unknown(_, path):
        gone = {"kind": "Status", "status": "Failure", "reason": "NotFound", "message": "not found", "code": 404}
        return (404, gone) if "clusterversions" in path else None

    with front(world.url, unknown) as url:
        ended = sync("--dry-run=server", tags=[tag(APP)], url=url)
    assert (ended.code, "may really write" in ended.err, world.writes()) == (64, True, [])


def test_0_for_a_server_dry_run_of_a_safe_version(sync, world):
    assert sync("--dry-run=server", tags=[tag(APP)]).code == 0
    assert world.stream(APP) is None


@pytest.mark.parametrize("text", ["", "- user", "x: {user: u, role: king}", "{", "x: {role: view}"])
def test_a_token_file_that_is_wrong_is_told_without_its_tokens(syncer, tmp_path, text):
    path = tmp_path / "tokens.yaml"
    path.write_text(text.replace("x:", "s3cret:"))
    ended = syncer("serve", "--port", "0", "--tokens", path)
    assert (ended.code, "tokens.yaml" in ended.err, "s3cret" in ended.err) == (64, True, False)


def test_1_for_a_port_that_is_taken(syncer):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = syncer("serve", "--port", taken.getsockname()[1])
    assert (ended.code, "--port" in ended.err) == (1, True)


def test_the_world_of_a_plan_is_the_one_before_it(sync, world):
    sync(tags=[tag(APP)])
    world.point(APP, NEW)
    before = world.stream(APP)
    world.forget()
    sync(tags=[tag("team-a/web:v1")], command="plan")
    assert world.writes() == []
    assert world.stream(APP) == before


def test_q_says_in_a_line_on_stderr_why_it_failed(sync):
    ended = sync("-q", tags=[tag("team-a/nocolon"), tag(APP)], command="plan")
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)
    assert ended.err.startswith("Error: <stdin>:")
    ended = sync("-q", tags=[tag(APP), tag("no-such-team/app:v1")])
    assert (ended.code, ended.out, ended.err.count("\n")) == (4, "", 1)
    assert ended.err.startswith("Error: no-such-team/app:v1: ")
    assert sync("-q", tags=[tag(APP)]).err == ""


def test_where_another_format_has_stdout_the_reason_is_on_stderr_too(sync):
    ended = sync("-o", "json", tags=[tag("team-a/nocolon")], command="plan")
    assert (ended.code, ended.err.startswith("Error: <stdin>:")) == (1, True)
    assert json.loads(ended.out)["complete"] is False
