"""What doctor finds, on a local API with tokens: each check can fail, and tells what to do."""

import json

import pytest
import yaml
from world import World, front, make_client, stdin, tag

from syncer.cli import run
from syncer.doctor import DoctorOptions, Status, examine, needed, roles
from syncer.errors import UsageError
from syncer.localapi import LocalAPI
from syncer.localapi.auth import load_tokens
from syncer.manifests import parse_manifests
from syncer.model import Blob, Scope
from syncer.source import SourceSpec

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
TOKENS = """
boss: {user: boss, role: admin}
ann: {user: ann, role: view, namespaces: [team-a]}
ops: {user: ops, role: admin, resources: [imagestreams, imagestreamtags, namespaces, pods, deployments]}
eve: {user: eve}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    path = tmp_path_factory.mktemp("tokens") / "tokens.yaml"
    path.write_text(TOKENS)
    with LocalAPI(imports=False, tokens=load_tokens(path)) as api:
        yield api


@pytest.fixture
def doctor(server, tmp_path):
    """Examine these manifests as somebody."""

    def ask(user, *manifests, url="", **options):
        token = tmp_path / "token"
        token.write_text(user)
        asked = DoctorOptions(source=SourceSpec("-"), **options)
        return examine(asked, lambda: make_client(url or server.url, token_file=token, attempts=1), stdin(manifests))

    return ask


def statuses(diagnosis):
    return {check.name: check.status for check in diagnosis.checks}


def check(diagnosis, name):
    return next(check for check in diagnosis.checks if check.name == name)


def manifests(*docs):
    return parse_manifests([Blob("tags.yaml", stdin(docs).read())])


def test_who_may_do_everything_is_healthy(doctor):
    diagnosis = doctor("boss", tag("team-a/app:v1"))
    assert diagnosis.healthy
    assert {need.verb for need, granted in diagnosis.allowed if granted} == {"get", "list", "create", "patch", "delete"}
    assert check(diagnosis, "server").message.endswith("Kubernetes v1.36.0")
    assert check(diagnosis, "paging").message == "the tag list does not page; the ImageStreams are listed"


def test_who_may_only_look_is_told_each_verb_that_is_missing_and_who_they_are(doctor):
    diagnosis = doctor("ann", tag("team-a/app:v1"))
    found = check(diagnosis, "permissions")
    assert not diagnosis.healthy
    assert diagnosis.user == "ann"
    assert found.status is Status.FAIL
    assert found.message == (
        "in team-a we may not create imagestreamtags (to create tags), delete imagestreamtags (to prune tags), "
        "patch imagestreamtags (to change tags)"
    )
    assert "Role" in found.hint


def test_what_impact_needs_is_asked_for_only_where_it_is_wanted_and_missing_it_stops_no_sync(doctor):
    assert check(doctor("ops", tag("team-a/app:v1")), "permissions").status is Status.OK
    diagnosis = doctor("ops", tag("team-a/app:v1"), impact=True)
    found = check(diagnosis, "permissions")
    assert (found.status, diagnosis.healthy) == (Status.WARN, True)
    assert "list cronjobs (to see who uses a tag)" in found.message
    assert "list pods" not in found.message
    assert "resources: [deploymentconfigs]" in diagnosis.role
    assert "verbs: [list]" in diagnosis.role


def test_a_namespace_where_nothing_is_allowed_is_named(doctor):
    diagnosis = doctor("ann", tag("team-a/app:v1"), tag("team-b/app:v1"))
    told = [found.message.partition(" we ")[0] for found in diagnosis.checks if found.name == "permissions"]
    assert told == ["in team-a", "in team-b"]
    assert "not to be seen: team-b" in [found.message for found in diagnosis.checks]


def test_an_unknown_token_fails_the_check_of_the_login_and_not_that_of_the_server(doctor):
    diagnosis = doctor("nonsense", tag("team-a/app:v1"))
    found = statuses(diagnosis)
    assert (found["server"], found["authenticated"]) == (Status.OK, Status.FAIL)
    assert "nonsense" not in diagnosis.text()


def test_a_server_that_does_not_answer_leaves_the_source_and_the_role(doctor):
    diagnosis = doctor("boss", tag("team-a/app:v1"), url="http://127.0.0.1:9")
    assert statuses(diagnosis) == {"source": Status.OK, "manifests": Status.OK, "server": Status.FAIL}
    assert "namespace: team-a" in diagnosis.role


def test_a_configuration_that_cannot_be_is_a_failed_check():
    def refuse():
        raise UsageError("there is no context prod", hint="give another --context")

    diagnosis = examine(DoctorOptions(None), refuse, stdin(()))
    assert check(diagnosis, "server").hint == "give another --context"
    assert not diagnosis.healthy


def test_a_source_that_does_not_parse_and_one_that_is_not_there_are_failed_checks(doctor, server, tmp_path):
    broken = tag("team-a/app:v1")
    del broken["tag"]
    assert check(doctor("boss", broken), "manifests").status is Status.FAIL
    gone = DoctorOptions(SourceSpec(str(tmp_path / "gone")))
    assert statuses(examine(gone, lambda: make_client(server.url), stdin(())))["source"] is Status.FAIL


def test_a_namespace_that_does_not_exist_fails(doctor):
    found = check(doctor("boss", tag("no-such-team/app:v1")), "namespaces")
    assert (found.status, found.message) == (Status.FAIL, "do not exist: no-such-team")


@pytest.mark.parametrize(("version", "status"), [("4.21.3", Status.OK), ("4.15.8", Status.WARN), ("", Status.WARN)])
def test_a_server_dry_run_is_called_safe_only_where_the_release_is_known_to_be(doctor, server, version, status):
    history = [{"state": "Completed", "version": version}] if version else []

    def rule(_, path):
        return (200, {"status": {"history": history}}) if "/clusterversions/" in path else None

    with front(server.url, rule) as url:
        assert statuses(doctor("boss", tag("team-a/app:v1"), url=url))["server-dry-run"] is status


def test_a_server_without_image_streams_fails_the_check_of_the_lists(doctor, server):
    with front(server.url, lambda _, path: (404, {"message": "no"}) if "image.openshift.io" in path else None) as url:
        found = check(doctor("boss", tag("team-a/app:v1"), url=url), "paging")
    assert found.status is Status.FAIL
    assert "OpenShift" in found.hint


def test_openshift_says_who_we_are(doctor, server):
    with front(
        server.url, lambda _, path: (200, {"metadata": {"name": "zoe"}}) if path.endswith("/~") else None
    ) as url:
        assert doctor("boss", tag("team-a/app:v1"), url=url).user == "zoe"


def test_no_write_is_sent_but_access_reviews(doctor, server):
    world = World(server)
    doctor("boss", tag("team-a/app:v1"), lock_namespace="tools")
    assert {path for _, path in world.writes()} == {REVIEWS}


def test_without_a_source_the_cluster_alone_is_looked_at(server):
    diagnosis = examine(DoctorOptions(None), lambda: make_client(server.url), stdin(()))
    assert "source" not in statuses(diagnosis)
    assert diagnosis.role == ""


def test_a_follower_needs_to_pull_from_the_namespace_that_it_follows():
    follower = tag("team-a/app:prod", {"kind": "ImageStreamTag", "name": "app:v1", "namespace": "team-b"})
    needs = needed(manifests(follower), Scope(namespaces=("team-a",)))
    assert {(need.verb, need.resource) for need in needs if need.namespace == "team-b"} == {
        ("get", "imagestreams"),
        ("get", "imagestreams/layers"),
    }


def test_roles_are_one_a_namespace_and_hold_no_verb_that_is_not_used():
    needs = needed(manifests(), Scope(namespaces=("team-a",)), prune=False, lock_namespace="tools")
    team, tools = roles(needs)
    assert (team["kind"], team["metadata"]) == ("Role", {"name": "syncer", "namespace": "team-a"})
    assert team["rules"] == [
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]},
        {"apiGroups": ["image.openshift.io"], "resources": ["imagestreams"], "verbs": ["get", "list"]},
        {"apiGroups": ["image.openshift.io"], "resources": ["imagestreamtags"], "verbs": ["create", "list", "patch"]},
    ]
    assert tools["rules"] == [
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create", "get", "patch"]}
    ]


def test_looking_images_up_takes_two_verbs_more_and_a_sync_works_without(doctor):
    plain, more = doctor("ann", tag("team-a/app:v1")), doctor("ann", tag("team-a/app:v1"), resolve=True)
    assert {(need.resource, need.verb, need.essential) for need in set(more.needs) - set(plain.needs)} == {
        ("imagestreamimports", "create", False),
        ("imagestreamimages", "get", False),
    }


def test_events_take_one_verb_more_and_a_sync_works_without(doctor):
    plain, more = doctor("ann", tag("team-a/app:v1")), doctor("ann", tag("team-a/app:v1"), events=True)
    (need,) = set(more.needs) - set(plain.needs)
    assert (need.resource, need.verb, need.essential) == ("events", "create", False)


def test_all_namespaces_take_a_cluster_role_bound_to_the_service_account():
    role, binding = roles(needed(manifests(), Scope(all_namespaces=True)), "system:serviceaccount:tools:syncer")
    assert (role["kind"], binding["kind"]) == ("ClusterRole", "ClusterRoleBinding")
    assert binding["roleRef"]["kind"] == "ClusterRole"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "syncer", "namespace": "tools"}]


# -------------------------------------------------------------------------------------------------- the command


def test_the_command_prints_a_line_a_check_with_what_to_do(doctor):
    text = doctor("ann", tag("team-a/app:v1")).text()
    assert text.startswith("ok   source: stdin can be read\nok   manifests: 1 tag in 1 file\nok   server: http")
    assert "\nfail permissions: in team-a we may not create" in text
    assert "\n     have the Role below applied\n" in text
    assert text.index("kind: Role") > text.index("fail permissions")


def test_json_holds_each_check_and_each_permission(doctor):
    body = json.loads(doctor("ann", tag("team-a/app:v1")).document())
    assert body["healthy"] is False
    assert {"name", "status", "message", "hint"} == set(body["checks"][0])
    answers = {(p["verb"], p["resource"]): p["allowed"] for p in body["permissions"]}
    assert (answers["list", "imagestreams"], answers["delete", "imagestreamtags"]) == (True, False)


def test_the_role_alone_is_yaml_that_can_be_applied(doctor):
    made = list(yaml.safe_load_all(doctor("ann", tag("team-a/app:v1")).role))
    assert [document["kind"] for document in made] == ["Role", "RoleBinding"]
    assert made[1]["subjects"] == [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "ann"}]


def test_the_command_exits_with_1_where_a_check_failed_and_with_0_otherwise(server, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tag.json").write_text(json.dumps(tag("team-a/app:v1")))
    for user, code in (("boss", 0), ("eve", 1)):
        (tmp_path / user).write_text(user)
        assert run(["doctor", ".", "-o", "json", "--server", server.url, "--token-file", user]) == code
        assert json.loads(capsys.readouterr().out)["healthy"] is (code == 0)


def test_the_role_alone_says_on_stderr_what_it_could_not_look_at(server, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "eve").write_text("eve")
    cluster = ["-o", "role", "--server", server.url, "--token-file", "eve"]
    assert run(["doctor", "gone", *cluster]) == 1
    ended = capsys.readouterr()
    assert ended.out == ""
    assert ended.err.startswith("Error: source: SOURCE gone does not exist\nHint: ")
    (tmp_path / "tag.json").write_text(json.dumps(tag("team-a/app:v1")))
    assert run(["doctor", ".", *cluster]) == 1
    ended = capsys.readouterr()
    assert "kind: Role" in ended.out
    assert ended.err == ""  # what is not allowed yet is what the Role is for
