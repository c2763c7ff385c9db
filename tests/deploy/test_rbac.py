"""The rules of the deployment allow what a full run sends, and nothing beyond: recorded, mapped, and compared."""

import re
import shutil
from urllib.parse import urlsplit

import pytest
import yaml
from conftest_deploy import DEPLOY, ROOT, documents
from world import World

from syncer.cli import run
from syncer.doctor import needed
from syncer.localapi import LocalAPI
from syncer.manifests import parse_manifests
from syncer.model import Scope
from syncer.source import SourceSpec, read_source

TEAMS = ("acme-payments", "acme-platform", "acme-web")
LOCK = "syncer/acme-tags"
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
EVERYBODY = {"/version", "/apis/user.openshift.io/v1/users/~", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"}
"""What each user that has logged in may do: the ClusterRoles system:discovery, basic-user and system:basic-user."""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Everything a full run sends: plan, create, wait, change, prune, restore, a saved plan, server dry run, doctor."""
    folder = tmp_path_factory.mktemp("full")
    tags, undo, plan = folder / "tags", folder / "undo.jsonl", folder / "plan.json"
    shutil.copytree(ROOT / "manifests-example", tags)
    with LocalAPI(import_delay=0.01) as api:
        world = World(api)
        cluster = ["--server", api.url, "-q"]
        common = [str(tags), *cluster, "--owner", "acme/tags", *(f"-n{team}" for team in TEAMS)]
        write = ["--allow-dirty", "--lock", LOCK]

        def step(*arguments, code=0):
            assert run([str(argument) for argument in arguments]) == code

        step("plan", *common)
        step("sync", *common, *write, "--wait", "5s", "--undo-file", folder / "first.jsonl")
        (tags / "acme-payments/postgresql/16.yaml").unlink()
        stable = tags / "acme-web/storefront/stable.yaml"
        stable.write_text(stable.read_text().replace("1.5.0", "1.4.2"))
        world.point("acme-platform/nodejs:22", "registry.example.com/somebody/else:1")
        step("sync", *common, *write, "--undo-file", undo)
        step("restore", undo, *cluster, "--lock", LOCK)
        step("plan", *common, "-o", f"json={plan}")
        step("apply", plan, *cluster, *write, "--undo-file", folder / "third.jsonl")
        step("sync", *common, "--dry-run=server")
        step("doctor", tags, "--server", api.url, "--lock", LOCK, *(f"-n{team}" for team in TEAMS))
        yield world.requests()


def permission(method, path):
    """Map a request to (namespace, group, resource, verb), as the API server does.

    https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb
    """
    parts = urlsplit(path).path.strip("/").split("/")
    group, rest = ("", parts[2:]) if parts[0] == "api" else (parts[1], parts[3:])
    namespace = ""
    if rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:] or rest
    resource, name = rest[0], rest[1:2]
    return namespace, group, resource, VERBS.get(method) or ("get" if name else "list")


def sent(recorded):
    return {permission(method, path) for method, path in recorded if urlsplit(path).path not in EVERYBODY}


def rules(kind, name):
    role = next(
        document
        for document in documents(DEPLOY / "rbac.yaml")
        if (document["kind"], document["metadata"]["name"]) == (kind, name)
    )
    return triples(role["rules"])


def optional_rules(option):
    """The rules of syncer-tags that a comment offers with an option."""
    text = (DEPLOY / "rbac.yaml").read_text(encoding="utf-8")
    comment = re.search(rf"  # With {option}, add.*?:\n((?:  # [ -] .*\n)+)", text)[1]
    return triples(yaml.safe_load(re.sub(r"(?m)^  # ", "", comment)))


def triples(rules):
    return {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def needs_of_example():
    source = read_source(SourceSpec(str(ROOT / "manifests-example")), stdin=None)
    return needed(parse_manifests(source.blobs), Scope(namespaces=TEAMS), lock_namespace="syncer")


def without_namespace(permissions, *namespaces):
    return {(group, resource, verb) for namespace, group, resource, verb in permissions if namespace in namespaces}


def test_in_the_teams_namespaces_the_rules_are_those_of_the_requests(recorded):
    # Pulling from a followed namespace is asked for by the server itself: no request of ours shows it.
    pull = {("image.openshift.io", "imagestreams/layers", "get")}
    assert rules("ClusterRole", "syncer-tags") == without_namespace(sent(recorded), *TEAMS) | pull


def test_what_impact_lists_besides_is_offered_in_a_comment():
    with LocalAPI(imports=False) as api:
        world = World(api)
        where = [str(ROOT / "manifests-example"), "--server", api.url, "-q", "--owner", "acme/tags"]
        assert run(["plan", *where, "--impact", *(f"-n{team}" for team in TEAMS)]) == 0
        listed = without_namespace(sent(world.requests()), *TEAMS)
    assert optional_rules("--impact") == listed - rules("ClusterRole", "syncer-tags")


def test_what_doctor_asks_for_impact_is_that():
    source = read_source(SourceSpec(str(ROOT / "manifests-example")), stdin=None)
    wanted, scope = parse_manifests(source.blobs), Scope(namespaces=TEAMS)
    more = {*needed(wanted, scope, impact=True)} - {*needed(wanted, scope)}
    assert {(need.group, need.resource, need.verb) for need in more} == optional_rules("--impact")


def test_a_team_of_the_example_follows_a_tag_of_another_one_which_takes_the_right_to_pull():
    assert [need.namespace for need in needs_of_example() if need.resource == "imagestreams/layers"] == [
        "acme-platform"
    ]


def test_in_its_own_namespace_it_may_hold_a_lease_and_nothing_else(recorded):
    assert rules("Role", "syncer-lock") == without_namespace(sent(recorded), "syncer")


def test_of_the_cluster_it_may_read_the_release_and_nothing_else(recorded):
    assert rules("ClusterRole", "syncer-cluster") == without_namespace(sent(recorded), "")


def test_every_namespace_of_the_example_is_bound_and_no_other():
    bound = [
        document["metadata"]["namespace"]
        for document in documents(DEPLOY / "rbac.yaml")
        if document["kind"] == "RoleBinding" and document["roleRef"]["name"] == "syncer-tags"
    ]
    assert sorted(bound) == sorted(TEAMS)


def test_doctor_asks_for_what_is_sent(recorded):
    asked = {
        (n.namespace, n.group, n.resource, n.verb) for n in needs_of_example() if n.resource != "imagestreams/layers"
    }
    found = {each for each in sent(recorded) if each[0]}
    assert {each[1:] for each in asked} == {each[1:] for each in found}
    assert found <= asked
