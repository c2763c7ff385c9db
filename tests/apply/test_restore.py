"""What brings one tag back: decided from the undo file and the cluster as it is now, and nothing else."""

import pytest
from builders import DIGEST, IMAGE, OWNER, desired, image, key, live, synced

from syncer import imagestreamtag as ist
from syncer.apply.restore import MOVED, NO_IMAGE, PUSHED, UNPROVEN, Restorer
from syncer.apply.undo import Before, Entry, Undo
from syncer.model import (
    Cause,
    Create,
    Desired,
    FieldChange,
    Import,
    ImportState,
    Origin,
    Outcome,
    Problem,
    Prune,
    Request,
    Scope,
    Severity,
    Skip,
    Unchanged,
    Update,
    Veto,
)
from syncer.plan import requests

APP = key()
ORIGIN = Origin("undo.jsonl", 2)
NEW = image("quay.io/example/app:v2")
OTHER_DIGEST = "sha256:" + "2" * 64
OLD = synced(desired())
NOW = synced(desired(from_=NEW))
"""The tag as the run left it."""
WAS = Before(OLD.spec, OLD.annotations, DIGEST)
FIELDS = {path: value for path, value in ist.live_fields(OLD).items() if path not in ist.DEFAULTS} | {
    "/tag/importPolicy/importMode": "Legacy",
    "/tag/referencePolicy/type": "Source",
}


def entry(before=WAS, after=None, wrote="yes"):
    return Entry(APP, before, after, 2, wrote)


def restorer(*entries, pin=False):
    return Restorer(Undo("https://c", OWNER, entries or (entry(),)), "undo.jsonl", pin)


def decided(one, tag, **more):
    return restorer(one, **more).change(one, tag)


WANTED = Desired(APP, FIELDS, ORIGIN)
LEFT = {"/tag/from": NEW}
MADE = {"/tag/from": IMAGE}


def test_what_the_run_changed_is_put_back_by_one_guarded_patch():
    change = decided(entry(after=LEFT), NOW)
    body = change.requests[0].body
    assert change == Update(
        APP,
        "the run changed it",
        ORIGIN,
        NOW.image,
        (FieldChange("/tag/from", Cause.UNDO, NEW, NEW, IMAGE),),
        requests=(Request("PATCH", ist.tag_path(APP), requests.JSON_PATCH, body),),
        live=NOW,
        desired=WANTED,
    )
    assert [op["path"] for op in body if op["op"] == "test"] == [
        "/tag/from",
        ist.annotation_path(ist.LAST_APPLIED),
        ist.annotation_path(ist.OWNER),
    ]
    assert {"op": "replace", "path": "/tag/from", "value": IMAGE} in body


@pytest.mark.parametrize(
    ("one", "tag", "change"),
    [
        (
            entry(after=LEFT, wrote="no"),
            NOW,
            Unchanged(APP, "the run did not write it", ORIGIN, NOW.image, live=NOW),
        ),
        (entry(after=LEFT, wrote="no"), None, Unchanged(APP, "the run did not write it", ORIGIN, NO_IMAGE)),
        (
            entry(after=LEFT),
            OLD,
            Unchanged(APP, "as it was before the run", ORIGIN, OLD.image, live=OLD, desired=WANTED),
        ),
        (entry(after=LEFT), None, Skip(APP, "not put back", ORIGIN, vetoes=(MOVED,), desired=WANTED)),
        (
            entry(Before(None, {}, DIGEST), after=LEFT),
            NOW,
            Skip(APP, "not put back", ORIGIN, vetoes=(PUSHED,), live=NOW),
        ),
        (entry(None, after=MADE), None, Unchanged(APP, "as it was before the run", ORIGIN)),
    ],
    ids=["not written", "not written, gone", "as before", "somebody deleted it", "pushed", "made and gone"],
)
def test_a_tag_that_needs_nothing_or_has_no_way_back_is_told_as_it_is(one, tag, change):
    assert decided(one, tag) == change


@pytest.mark.parametrize(
    "tag",
    [
        synced(desired(from_=image("q/x:9"))),
        synced(desired(from_=NEW), owner="rival"),
        live(spec={"from": NEW}),
    ],
    ids=["field", "owner", "mark gone"],
)
def test_what_moved_since_the_run_is_not_put_back(tag):
    assert decided(entry(after=LEFT), tag) == Skip(
        APP, "not put back", ORIGIN, tag.image, vetoes=(MOVED,), live=tag, desired=WANTED
    )


def test_what_the_run_pruned_is_made_again_annotations_included():
    change = decided(entry(), None)
    body = ist.new_object(APP, FIELDS, OLD.annotations)
    sent = Request("POST", ist.tags_path("team-a"), requests.JSON, body)
    assert change == Create(APP, "the run pruned it", ORIGIN, requests=(sent,), desired=WANTED)


def test_what_the_run_made_is_removed_where_that_is_proven():
    assert decided(entry(None, after=MADE), OLD) == Prune(
        APP, "the run made it", ORIGIN, OLD.image, requests=(requests.prune_request(OLD),), live=OLD
    )
    kept = synced(desired(), annotations={"helm.sh/resource-policy": "keep"})
    moved = synced(desired(from_=NEW))
    theirs = synced(desired(), owner="rival")
    for one, tag, veto in [
        (entry(None, after=MADE, wrote="unknown"), OLD, UNPROVEN),
        (entry(None, after=MADE), moved, MOVED),
        (entry(None, after=MADE), theirs, MOVED),
        (
            entry(None, after=MADE | {"/metadata/annotations/helm.sh~1resource-policy": "keep"}),
            kept,
            Veto("protected", "it is protected by helm.sh/resource-policy: keep"),
        ),
    ]:
        assert decided(one, tag) == Skip(APP, "the run made it", ORIGIN, tag.image, vetoes=(veto,), live=tag)


@pytest.mark.parametrize(
    ("pin", "before", "name"),
    [
        (False, WAS, "quay.io/example/app:v1"),
        (True, WAS, f"quay.io/example/app@{DIGEST}"),
        (True, Before(OLD.spec, OLD.annotations, ""), "quay.io/example/app:v1"),
        (True, Before({**OLD.spec, "from": {"kind": "ImageStreamTag", "name": "v0"}}, {}, DIGEST), "v0"),
        (True, Before({**OLD.spec, "from": image("r.example:5000/a/b:c")}, {}, DIGEST), f"r.example:5000/a/b@{DIGEST}"),
        (True, Before({**OLD.spec, "from": image("r.example:5000/a/b")}, {}, DIGEST), f"r.example:5000/a/b@{DIGEST}"),
        (True, Before({**OLD.spec, "from": image("plain@sha256:0")}, {}, DIGEST), f"plain@{DIGEST}"),
        (True, Before({**OLD.spec, "from": image("plain:tag")}, {}, DIGEST), f"plain@{DIGEST}"),
    ],
    ids=["not asked", "asked", "no digest", "follower", "port and tag", "port", "digest", "plain"],
)
def test_a_digest_is_put_back_where_it_is_asked_for_and_known(pin, before, name):
    change = decided(entry(before, after=LEFT), NOW, pin=pin)
    assert change.desired.fields["/tag/from"]["name"] == name


def test_the_plan_is_of_the_runs_owner_and_every_tag_in_its_file_in_key_order():
    first = Entry(key("team-b/app:v1"), WAS, LEFT, 2, "yes")
    last = Entry(key("team-a/app:v1"), None, MADE, 3, "yes")
    follower = live("team-a/web:v1", spec={"from": {"kind": "ImageStreamTag", "name": "app:v1"}})
    tags = {OLD.key: OLD, follower.key: follower}
    plan = restorer(first, last).plan(tags)
    assert (plan.owner, plan.scope, plan.gates, plan.problems, plan.complete) == (
        OWNER,
        Scope(namespaces=("team-a", "team-b")),
        (),
        (),
        True,
    )
    veto = Veto("followed", "team-a/web:v1, which stays, follows it")
    assert [change.key for change in plan.changes] == [last.key, first.key]
    assert plan.changes[0] == Skip(
        last.key, "the run made it", Origin("undo.jsonl", 3), OLD.image, vetoes=(veto,), live=OLD
    )


def test_what_does_not_come_back_is_told_of_every_tag():
    names = [f"team-a/app:{name}" for name in ("made", "left", "moved", "same", "anew", "none")]
    befores = [None, WAS, WAS, WAS, WAS, Before(OLD.spec, {}, "")]
    entries = [Entry(key(name), before, LEFT, 2, "yes") for name, before in zip(names, befores, strict=True)]
    now = Import(ImportState.IMPORTED, OTHER_DIGEST)
    same = Import(ImportState.IMPORTED, DIGEST)
    results = [
        ("pruned", None),
        ("failed", now),
        ("configured", now),
        ("configured", same),
        ("created", now),
        ("configured", now),
    ]
    outcomes = {
        one.key: Outcome(one.key, result, image=image) for one, (result, image) in zip(entries, results, strict=True)
    }
    moved = f"its image was {DIGEST} and is {OTHER_DIGEST} now: the registry has moved on"
    hint = "--pin puts back the digest itself"

    def warning(code, message, hint, name):
        return Problem(Severity.WARNING, code, message, hint, namespace="team-a", name=f"app:{name}")

    assert restorer(*entries).shortfalls(outcomes) == (
        warning("image-moved", moved, hint, "moved"),
        warning("image-moved", moved, hint, "anew"),
        warning("history-lost", "its history of images and its generation did not come back", "", "anew"),
    )
    assert restorer(*entries).shortfalls({}) == ()


def test_a_tag_that_is_read_again_is_decided_on_by_its_own_entry():
    other = Entry(key("team-a/app:other"), None, MADE, 3, "yes")
    several = restorer(other, entry(after=LEFT))
    assert several.replan(WANTED, NOW) == decided(entry(after=LEFT), NOW)
    assert several.replan(WANTED, OLD) == decided(entry(after=LEFT), OLD)
    assert several.replan(WANTED, None) == decided(entry(after=LEFT), None)
