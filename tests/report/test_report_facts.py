"""The words that every format takes from one place."""

import scenes
from msgspec.structs import replace

from syncer.report import facts


def test_a_headline_says_what_was_done_and_whether_it_was_interrupted():
    applied = scenes.applied()
    assert facts.headline(applied).startswith("Sync: 2 created, 3 configured,")
    assert facts.headline(replace(applied, restores=True)).startswith("Restore: 2 created,")
    assert facts.headline(replace(applied, interrupted=True)).startswith("Sync: interrupted, 2 created,")
    assert facts.headline(replace(scenes.everyday(), restores=True)).startswith("Plan: 2 to create")


def test_a_headline_says_why_tags_are_skipped_and_never_that_there_is_nothing_to_do_then():
    wanted = scenes.desired("team-a/app:v1", "registry.example.com/app:v2")
    theirs = scenes.live("team-a/app:v1", applied=wanted, owner="git.example.com/other\x1b[2J")
    skipped = scenes.plan([wanted], [theirs])
    assert facts.headline(scenes.report(skipped)) == r"Plan: 1 skipped (owned by git.example.com/other\x1b[2J)."


def test_a_headline_says_that_not_everything_was_seen():
    unseen = replace(scenes.empty(), plan=replace(scenes.empty().plan, complete=False))
    assert facts.headline(unseen) == "Plan: incomplete: not everything could be listed or parsed."
    assert facts.headline(scenes.nothing_to_do()).startswith("Plan: nothing to do, ")


def test_a_complaint_names_the_first_thing_that_is_wrong_and_counts_the_others():
    assert facts.complaint(scenes.broken()) == (
        "tags/team-a/app.yaml:12:9: mapping values are not allowed here (and 1 more)"
    )
    assert facts.complaint(scenes.applied()) == (
        "team-a/app:prod: the server refused: imagestreamtags is forbidden (and 2 more)"
    )
    assert facts.complaint(scenes.empty()) == ""


def test_the_way_back_can_be_pasted_into_a_shell():
    assert facts.notes(scenes.applied())[-1] == "The way back: syncer restore '/var/lib/syncer/undo of 1.jsonl'"
    assert facts.notes(scenes.everyday()) == ["kubectl's last-applied was the base of 1 tag"]


def test_git_is_the_cause_only_where_it_is():
    why = {change.key.name: facts.why(change) for change in scenes.everyday().plan.changes}
    assert why["app:prod"] == "git changed it in 3f2a91c, 2026-02-27"
    assert why["api:prod"] == "git and the cluster both changed it; last commit 3f2a91c, 2026-02-27"
    assert why["app:v2"] == "not on the cluster; last commit 3f2a91c, 2026-02-27"
    assert why["app:stage"] == "drifted on the cluster"
    assert why["tools:latest"] == "not on the cluster"
