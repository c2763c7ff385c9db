"""`syncer promote`: one manifest names the image that another tag has; the cluster is read once, and never written."""

import json
from dataclasses import replace

import pytest
from world import World, tag

from syncer.cluster import Client
from syncer.localapi import Identity, LocalAPI

TEST, PROD, LIVE = "team-a/app:test", "team-a/app:prod", "team-b/shop:live"
ONE, TWO = "r.example/team/app:1", "r.example/team/app:2"
MANIFEST = """\
# Approved by the release board.
apiVersion: image.openshift.io/v1
kind: ImageStreamTag
metadata:
  name: {name}
  namespace: {namespace}
tag:
  from:
    kind: ImageStreamTag
    name: app:old  # 0.9
  referencePolicy: {{type: Local}}
"""


@pytest.fixture(scope="module")
def importing():
    with LocalAPI(import_delay=0.0) as api:
        yield api


@pytest.fixture
def cluster(importing):
    """A cluster with one imported tag, team-a/app:test."""
    world = World(importing)
    world.clear()
    world.post(tag(TEST, ONE))
    world.settle(TEST)
    world.forget()
    return world


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "tags"
    folder.mkdir()
    (folder / "prod.yaml").write_text(MANIFEST.format(name="app:prod", namespace="team-a"))
    (folder / "live.yaml").write_text(MANIFEST.format(name="shop:live", namespace="team-b"))
    return folder


def test_the_manifest_names_the_image_and_every_other_byte_stays(syncer, cluster, folder):
    [digest] = cluster.items(TEST)
    cluster.forget()
    ended = syncer("promote", TEST, PROD, folder, "--server", cluster.url)
    assert (ended.code, ended.err) == (0, "")
    old, new = "Tag\n    name: app:old  # 0.9", f"Image\n    name: app@{digest}  # {TEST}"
    wanted = MANIFEST.format(name="app:prod", namespace="team-a").replace(f"ImageStream{old}", f"ImageStream{new}")
    assert (folder / "prod.yaml").read_text() == wanted
    short = digest[:19]
    assert ended.out == (
        f"~ prod.yaml:2  {PROD}  ImageStreamTag app:old → ImageStreamImage app@{short}…\nPromote: 1 promoted\n"
    )
    assert cluster.requests() == [("GET", "/apis/image.openshift.io/v1/namespaces/team-a/imagestreams/app")]


@pytest.mark.parametrize("kind", ["ImageStreamImage", "DockerImage"])
def test_the_next_sync_moves_the_tag_there_and_it_stays_when_from_moves_on(syncer, cluster, folder, kind):
    [digest] = cluster.items(TEST)
    for target in (PROD, LIVE):
        assert syncer("promote", TEST, target, folder, "--server", cluster.url, "--kind", kind).code == 0
    sync = ["sync", folder, "--server", cluster.url, "--owner", "demo", "--allow-dirty", "--wait", "20s"]
    assert syncer(*sync).code == 0
    assert [cluster.items(each)[0] for each in (PROD, LIVE)] == [digest, digest]
    cluster.point(TEST, TWO)
    cluster.settle(TEST)
    assert syncer(*sync).code == 0
    assert cluster.items(PROD) == [digest]
    again = syncer("promote", TEST, PROD, folder, "--server", cluster.url, "--kind", kind)
    assert again.out.splitlines()[-1] == "Promote: 1 promoted"
    assert (folder / "prod.yaml").read_text().count("#") == 2
    once_more = syncer("promote", TEST, PROD, folder, "--server", cluster.url, "--kind", kind)
    assert once_more.out == "Promote: 1 there already\n"


def test_an_image_of_another_namespace_is_named_with_it_and_with_the_permission_that_it_takes(syncer, cluster, folder):
    ended = syncer("promote", TEST, LIVE, folder, "--server", cluster.url)
    assert (
        (folder / "live.yaml")
        .read_text()
        .endswith(f"# {TEST}\n    namespace: team-a\n  referencePolicy: {{type: Local}}\n")
    )
    assert "`get` on imagestreams/layers there (role system:image-puller)" in ended.out
    role = syncer("doctor", folder, "-o", "role", "--server", cluster.url).out
    assert "imagestreams/layers" in role


def test_for_another_cluster_it_is_a_pull_spec(syncer, cluster, folder):
    [digest] = cluster.items(TEST)
    syncer("promote", TEST, LIVE, folder, "--server", cluster.url, "--kind", "DockerImage")
    assert (
        f"    kind: DockerImage\n    name: r.example/team/app@{digest}  # {TEST}\n"
        in (folder / "live.yaml").read_text()
    )


def test_an_image_in_the_clusters_own_registry_is_none_for_another_cluster(syncer, importing, cluster, folder):
    importing.push("team-a", "app", "test", "sha256:" + "b" * 64)
    ended = syncer("promote", TEST, LIVE, folder, "--server", cluster.url, "--kind", "DockerImage")
    assert (ended.code, "cluster's own registry" in ended.err) == (1, True)
    assert syncer("promote", TEST, LIVE, folder, "--server", cluster.url).code == 0


def test_a_promoted_tag_is_no_longer_scheduled(syncer, cluster, folder):
    manifest, follows = (folder / "prod.yaml").read_text(), "ImageStreamTag\n    name: app:old"
    imported = manifest.replace(follows, f"DockerImage\n    name: {ONE}")
    (folder / "prod.yaml").write_text(f"{imported}  importPolicy:\n    scheduled: true\n")
    ended = syncer("promote", TEST, PROD, folder, "--server", cluster.url)
    assert "scheduled" not in (folder / "prod.yaml").read_text()
    assert "note: importPolicy.scheduled was taken out" in ended.out


def test_a_dry_run_tells_and_writes_nothing(syncer, cluster, folder):
    before = (folder / "prod.yaml").read_text()
    ended = syncer("promote", TEST, PROD, folder, "--server", cluster.url, "--dry-run", "-o", "json")
    told = json.loads(ended.out)
    assert (told["written"], told["edits"][0]["becomes"]["kind"]) == (False, "ImageStreamImage")
    assert (folder / "prod.yaml").read_text() == before


def test_from_needs_an_image(syncer, cluster, folder):
    cluster.post(tag("team-a/app:broken", "r.invalid/app:1"))
    cluster.post(tag("team-a/app:reference", ONE, reference=True))
    cluster.settle("team-a/app:broken")
    for name, words in {
        "app:broken": "has no image: its import failed: Internal error occurred",
        "app:reference": "has no image: nothing was imported or pushed to it",
        "app:absent": "is not on the cluster",
        "gone:v1": "is not on the cluster: it has no such ImageStream",
    }.items():
        ended = syncer("promote", f"team-a/{name}", PROD, folder, "--server", cluster.url)
        assert (ended.code, words in ended.err) == (1, True), ended.err
    assert (folder / "prod.yaml").read_text() == MANIFEST.format(name="app:prod", namespace="team-a")


def test_the_404_page_of_a_load_balancer_does_not_say_that_the_tag_is_gone(syncer, cluster, folder, monkeypatch):
    once = Client._once  # noqa: SLF001 - one request, below all that judges its answer
    page = {"status": 404, "data": b"<html>404</html>"}
    monkeypatch.setattr(Client, "_once", lambda *given: replace(once(*given), **page))
    ended = syncer("promote", TEST, PROD, folder, "--server", cluster.url)
    assert (ended.code, "404" in ended.err, "is not on the cluster" in ended.err) == (1, True, False), ended.err


def test_from_must_not_be_on_the_move(syncer, world, folder):
    world.post(tag(TEST, ONE))
    ended = syncer("promote", TEST, PROD, folder, "--server", world.url)
    assert (ended.code, "is being imported" in ended.err) == (1, True)


def test_an_image_from_before_a_failed_import_is_promoted_with_a_warning(syncer, cluster, folder):
    [digest] = cluster.items(TEST)
    cluster.point(TEST, "r.invalid/app:1")
    cluster.settle(TEST)
    ended = syncer("promote", TEST, PROD, folder, "--server", cluster.url)
    assert (ended.code, digest in (folder / "prod.yaml").read_text()) == (0, True)
    assert "warning: prod.yaml:2" in ended.out
    assert "the last import of team-a/app:test failed" in ended.out


def test_whoever_may_not_look_is_told_so(syncer, folder, tmp_path):
    (tmp_path / "token").write_text("eve")
    with LocalAPI(imports=False, tokens={"eve": Identity("eve", "view", ("team-b",))}) as api:
        ended = syncer("promote", TEST, PROD, folder, "--server", api.url, "--token-file", tmp_path / "token")
    assert (ended.code, "403 Forbidden" in ended.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([TEST, TEST], (64, "is promoted to itself")),
        (["app:test", PROD], (64, "names no tag")),
        ([TEST, "team-a/app:blue"], (1, "write one first, such as team-a/app/blue.yaml, or correct the name; of this")),
        ([TEST, "team-z/new:v1"], (1, "write one first, such as team-z/new/v1.yaml, or correct the name")),
        ([TEST, PROD, "no-such-folder"], (64, "is no folder")),
    ],
)
def test_what_cannot_be_promoted_is_said(syncer, cluster, folder, arguments, expected):
    code, words = expected
    where = arguments[2:] or [folder]
    ended = syncer("promote", *arguments[:2], *where, "--server", cluster.url)
    assert (ended.code, words in ended.err) == (code, True), ended.err
