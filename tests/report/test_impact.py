"""Who uses a tag, in words and within bounds."""

import json

import jsonschema
import pytest
import scenes
from msgspec.structs import replace

from syncer.model import Impact, Use
from syncer.report import impact, render
from syncer.report.document import document, schema

WEB = Use("Deployment", "team-a", "web", "trigger", ("web",), pods=3)


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (WEB, "Deployment team-a/web (container web), 3 Pods"),
        (replace(WEB, pods=1, paused=True), "Deployment team-a/web (container web, paused), 1 Pod"),
        (replace(WEB, pods=0, containers=("a", "b")), "Deployment team-a/web (containers a, b)"),
        (Use("CronJob", "a", "b", "image", ("c",)), "CronJob a/b (container c, names it as image)"),
        (Use("BuildConfig", "a", "b", "trigger"), "BuildConfig a/b"),
        (Use("BuildConfig", "a", "b", "build"), "BuildConfig a/b (builds from it)"),
        (Use("BuildConfig", "a", "b", "output"), "BuildConfig a/b (pushes to it)"),
        (Use("Pod", "a", "b", "digest", ("c",), pods=1), "Pod a/b (container c, runs its image)"),
        (Use("ImageStreamTag", "a", "s:t", "follows"), "a/s:t"),
        (Use("ImageStreamTag", "a", "s:t", "keeps"), "a/s:t (keeps its image)"),
    ],
)
def test_a_use_is_told_in_the_words_of_the_cluster(use, words):
    assert str(use) == words


def told(report, name):
    return next(chain for chain in impact.chains(report) if chain.tag.endswith(name))


def test_a_chain_leads_from_the_line_in_git_over_followers_to_workloads():
    chain = told(scenes.impact(), "app:prod")
    assert (chain.where, chain.tag) == ("tags/team-a/app.yaml:1", "team-a/app:prod")
    assert chain.users[2] == "team-a/app:live → StatefulSet team-a/db (container db, paused), 1 Pod"
    assert chain.users[-1] == "and 6 more"
    assert told(scenes.impact(), "app:old").where == "gone from git"


def many(tags=1, users=1):
    report = scenes.huge(tags * 10)
    uses = tuple(Use("Deployment", "team-a", f"web-{n}", "trigger") for n in range(users))
    found = Impact({change.key: uses for change in report.plan.changes if change.action == "prune"})
    return replace(report, plan=replace(report.plan, impact=found))


@pytest.mark.parametrize("format", ["text", "markdown", "html", "junit", "github", "gitlab"])
def test_people_are_shown_a_few_of_very_many_users(format):  # noqa: A002 - the option's own word
    text = render(format, many(users=5000))
    assert "more" in text
    assert text.count("web-") < 50


@pytest.mark.parametrize("format", ["json", "jsonl"])
def test_machines_are_told_every_user(format):  # noqa: A002 - likewise
    assert render(format, many(users=500)).count("web-") == 500


def test_the_text_shows_a_screen_of_tags_in_use_and_verbose_shows_all():
    report = many(tags=60)
    assert "and 10 more tags; -v shows them" in render("text", report)
    assert render("text", report, verbose=True).count("web-0") == 60


def test_without_impact_no_report_speaks_of_it():
    for format_ in ("text", "json", "markdown", "html"):
        assert "impact" not in render(format_, scenes.everyday()).casefold()


def test_a_report_says_that_nothing_uses_what_changes():
    report = scenes.everyday()
    plan = replace(report.plan, impact=Impact({report.plan.changes[0].key: ()}))
    text = render("text", replace(report, plan=plan))
    assert "Nothing was found that uses a tag which changes or goes." in text


@pytest.mark.parametrize("scene", [scenes.impact, scenes.hostile])
def test_the_document_with_impact_is_as_the_schema_says(scene):
    jsonschema.validate(json.loads(json.dumps(document(scene()))), json.loads(schema()))


def test_a_change_that_alters_nothing_has_no_impact():
    told = {change["name"]: "impact" in change for change in document(scenes.impact())["changes"]}
    assert told == {"app:live": False, "app:old": True, "app:older": False, "app:prod": True}
