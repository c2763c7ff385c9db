"""`syncer explain`: what a person is told of one tag, and that nothing but its streams is read."""

import json
import re

import jsonschema
import pytest
from world import tag, text_of

from syncer.report.document import schema

APP = "team-a/app:v1"
PROD = "team-a/app:prod"
FOLLOW = {"kind": "ImageStreamTag", "name": "v1"}


@pytest.fixture
def explain(syncer, world):
    def call(text, *options, tags=(), source="-"):
        common = ["--owner", "demo", "--server", world.url]
        return syncer("explain", text, source, *common, *options, stdin=text_of(tags))

    return call


@pytest.fixture
def explained(explain):
    def call(text, *tags, **more):
        told = json.loads(explain(text, "-o", "json", tags=tags, **more).out)
        validator = jsonschema.Draft202012Validator(
            {"$ref": "#/$defs/explanation", "$defs": json.loads(schema())["$defs"]}
        )
        assert [error.message for error in validator.iter_errors(told)] == []
        return told

    return call


def test_git_and_the_cluster_stand_side_by_side_with_what_was_applied_last(world, explain, explained, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    world.sync(tag(APP))
    world.point(APP, "registry.example.com/team/app:hotfix")
    wanted = tag(APP, "registry.example.com/team/app:v2")
    told = explained(APP, wanted)
    states = [told[state]["/tag/from"]["name"].rpartition(":")[2] for state in ("base", "live", "desired")]
    assert states == ["v1", "hotfix", "v2"]
    text = explain(APP, tags=[wanted]).out
    assert re.search(r"(?m)^  last applied +live +git$", text)
    assert "A sync would update it: git and the cluster both changed it." in text
    assert "Owner      demo (this sync set)" in text


def test_a_narrow_terminal_stacks_the_states(world, explain, monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    world.sync(tag(APP))
    text = explain(APP, tags=[tag(APP)]).out
    assert re.search(r"(?m)^  last applied  DockerImage$", text)
    assert max(map(len, text.splitlines())) <= 50


def test_followers_and_what_is_followed_are_named(world, explained):
    wanted = [tag(APP), tag(PROD, FOLLOW), tag("team-b/x:v1", {**FOLLOW, "name": "app:prod", "namespace": "team-a"})]
    world.sync(*wanted[:2])
    told = explained(PROD, *wanted)
    assert told["follows"] == [{"namespace": "team-a", "name": "app:v1", "live": True}]
    assert told["followers"] == [{"namespace": "team-b", "name": "x:v1"}]
    assert explained("team-b/x:v1", *wanted)["follows"][-1]["name"] == "app:v1"


def test_only_the_streams_that_matter_are_read_and_nothing_is_written(world, explain):
    world.sync(tag(APP), tag("team-a/web:v1"), tag("team-b/x:v1"))
    world.forget()
    explain(APP, tags=[tag(APP), tag("team-a/web:v1"), tag("team-b/x:v1")])
    assert [path.partition("/namespaces/")[2] for _, path in world.requests("GET")] == ["team-a/imagestreams/app"]
    assert world.writes() == []


@pytest.mark.parametrize(
    "case",  # whose the tag is, what git names, what is to be done, by which veto not, in which words
    [
        ("demo", APP, "unchanged", [], "leaves it as it is: as git says"),
        ("demo", "team-a/app:v2", "prune", [], "would prune it: gone from git"),
        ("other", APP, "skip", ["owned"], "owned: it is owned by other"),
        ("other", "team-a/app:v2", None, [], "leaves it alone: git does not name it"),
    ],
)
def test_what_a_sync_would_do_is_what_the_planner_says(world, explain, explained, case):
    owner, git, action, vetoes, words = case
    world.sync(tag(APP), owner=owner)
    change = explained(APP, tag(git))["change"] or {"action": None, "vetoes": []}
    assert (change["action"], [veto["code"] for veto in change["vetoes"]]) == (action, vetoes)
    assert words in explain(APP, tags=[tag(git)]).out


def test_a_tag_that_a_tag_of_another_stream_follows_is_not_said_to_go(world, explain, explained):
    follower = tag("team-b/x:v1", {**FOLLOW, "name": "app:prod", "namespace": "team-a"})
    world.sync(tag(APP), tag(PROD, FOLLOW))
    world.post(follower)  # a sync would wait for the image that it follows
    for left in (PROD, APP):  # APP is followed by PROD alone, which git names no more either, and which stays
        change = explained(left, follower)["change"]
        assert (change["action"], [veto["code"] for veto in change["vetoes"]]) == ("skip", ["followed"])
    assert "team-b/x:v1, which stays, follows it" in explain(PROD, tags=[follower]).out


def test_a_copied_mark_is_told_to_prove_nothing(world, explain, explained):
    world.sync(tag(APP))
    [live] = world.live().tags.values()
    world.post(tag("team-a/app:copy"))
    world.patch("team-a/app:copy", [{"op": "add", "path": "/metadata/annotations", "value": dict(live.annotations)}])
    assert explained("team-a/app:copy", tag(APP))["marked"] == {"owner": "demo", "copied": True}
    assert "proves nothing" in explain("team-a/app:copy", tags=[tag(APP)]).out


def test_the_commits_of_its_manifest_are_named(world, syncer, checkout, monkeypatch):
    told = json.loads(syncer("explain", APP, checkout, "--server", world.url, "-o", "json").out)
    assert [(commit["subject"], commit["author"]) for commit in told["commits"]] == [("one tag", "Ann")]
    monkeypatch.chdir(checkout)
    monkeypatch.setenv("COLUMNS", "100")
    text = syncer("explain", APP, "--server", world.url).out
    assert re.search(r"A sync would create it: not on the cluster; last commit [0-9a-f]{7}, \d+ seconds? ago\.", text)
    (checkout / "app.yaml").write_text((checkout / "app.yaml").read_text() + "\n")
    assert "it is changed here, and not committed" in syncer("explain", APP, "--server", world.url).out


def test_a_tag_that_nobody_has_is_an_error_that_names_its_neighbours(world, explain):
    world.sync(tag(APP))
    ended = explain("team-a/app:v11", tags=[tag(PROD)])
    assert (ended.code, ended.out) == (1, "")
    assert "Hint: team-a/app has prod, v1" in ended.err
    assert "check the name" in explain("team-a/apq:v1").err


@pytest.mark.parametrize("text", ["app:v1", "team-a/app", "team-a/app:", "/app:v1", "team-a/app:v1:x", "a/b/c:d", ""])
def test_what_names_no_tag_is_wrong_usage(explain, text):
    ended = explain(text)
    assert (ended.code, "NAMESPACE/STREAM:TAG" in ended.err) == (64, True)
