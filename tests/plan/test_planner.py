"""What git, the cluster and the last sync together ask for, tag by tag."""

import pytest
from builders import IMAGE, OWNER, desired, follows, image, key, live, live_state, manifests, policy, synced

from syncer import imagestreamtag as ist
from syncer.model import (
    Bystander,
    Cause,
    Create,
    FieldChange,
    Impact,
    ImportState,
    LiveState,
    Problem,
    Prune,
    Scope,
    Severity,
    Skip,
    Unchanged,
    Unread,
    Update,
    Use,
    Veto,
)
from syncer.plan import make_plan, requests
from syncer.plan.planner import followed_vetoes

OTHER_DIGEST = "sha256:" + "2" * 64


def planned(wanted, tags, outside=None, **more):
    plan = make_plan(manifests(*wanted), live_state(*tags), policy(**more), {tag.key: tag for tag in outside or ()})
    return {str(change.key): change for change in plan.changes}


def one(wanted, tags, **more):
    (change,) = planned([wanted] if wanted else [], [tags] if tags else [], **more).values()
    return change


def codes(change):
    return [veto.code for veto in change.vetoes]


def test_a_tag_that_is_not_there_is_created_by_one_post():
    change = one(desired(), None)
    assert isinstance(change, Create)
    (request,) = change.requests
    assert (request.method, request.path) == ("POST", ist.tags_path("team-a"))
    assert request.body["metadata"]["annotations"][ist.OWNER] == "demo team-a/app:v1"


def test_a_tag_as_git_says_is_unchanged():
    assert isinstance(one(desired(), synced(desired())), Unchanged)


def test_a_tag_whose_import_failed_is_there_and_is_not_created_again():
    tag = synced(desired(), digest="", state=ImportState.FAILED)
    change = one(desired(), tag)
    assert isinstance(change, Unchanged)
    assert change.image.state is ImportState.FAILED


def test_a_change_in_git_is_one_guarded_patch():
    wanted = desired(from_=image("quay.io/example/app:v2"))
    change = one(wanted, synced(desired()))
    assert isinstance(change, Update)
    assert [(field.path, field.cause) for field in change.fields] == [("/tag/from", Cause.GIT)]
    assert change.reason == "git changed it"
    (request,) = change.requests
    assert [op["path"] for op in request.body if op["op"] == "test"] == [
        "/tag/from",
        "/metadata/annotations/syncer.dev~1owner",
    ]
    assert {"op": "replace", "path": "/tag/from", "value": wanted.fields["/tag/from"]} in request.body


def test_drift_is_reverted():
    tag = synced(desired(), spec={"from": image("quay.io/example/app:hotfix")})
    change = one(desired(), tag)
    assert isinstance(change, Update)
    assert change.fields[0].cause is Cause.DRIFT
    assert change.reason == "drifted on the cluster"


def test_drift_is_left_alone_where_it_is_only_to_be_reported():
    tag = synced(desired(), spec={"from": image("quay.io/example/app:hotfix")})
    change = one(desired(), tag, on_drift="report")
    assert isinstance(change, Skip)
    assert codes(change) == ["drift"]
    assert change.fields[0].cause is Cause.DRIFT


def test_drift_that_is_only_to_be_reported_is_no_part_of_what_git_changes():
    wanted = desired(fields={"/metadata/annotations/a": "2"})
    applied = desired(fields={"/metadata/annotations/a": "1"})
    tag = synced(applied, spec={"from": image("quay.io/example/app:hotfix")})
    change = one(wanted, tag, on_drift="report")
    assert isinstance(change, Update)
    assert {field.path for field in change.fields} == {"/tag/from", "/metadata/annotations/a"}
    written = [op["path"] for op in change.requests[0].body if op["op"] != "test"]
    assert "/metadata/annotations/a" in written
    assert "/tag/from" not in written


def test_a_field_that_both_changed_says_so():
    tag = synced(desired(), spec={"from": image("quay.io/example/app:hotfix")})
    change = one(desired(from_=image("quay.io/example/app:v2")), tag)
    assert change.fields[0].cause is Cause.BOTH
    assert change.reason == "git and the cluster both changed it"


def test_what_git_never_named_is_left_to_others():
    tag = synced(desired(), spec={"importPolicy": {"scheduled": True}}, annotations={"theirs": "x"})
    assert isinstance(one(desired(), tag), Unchanged)


def test_what_git_no_longer_names_goes_back_to_its_default():
    before = desired(fields={"/tag/importPolicy/scheduled": True, "/metadata/annotations/a": "b"})
    change = one(desired(), synced(before))
    assert [(field.path, field.desired) for field in change.fields] == [
        ("/metadata/annotations/a", None),
        ("/tag/importPolicy/scheduled", False),
    ]


def test_naming_a_default_changes_nothing_but_the_record():
    change = one(desired(fields={"/tag/referencePolicy/type": "Source"}), synced(desired()))
    assert isinstance(change, Update)
    assert change.fields == ()
    assert not change.moves


def test_a_tag_that_was_there_is_adopted():
    change = one(desired(), live())
    assert isinstance(change, Update)
    assert change.adopts
    assert change.fields == ()
    assert change.reason.startswith("adopted")


def test_what_adoption_changes_is_of_that_cause():
    change = one(desired(from_=image("quay.io/example/app:v2")), live())
    assert [field.cause for field in change.fields] == [Cause.ADOPTED]


def test_adoption_removes_what_kubectl_applied_and_git_does_not_name():
    record = '{"metadata":{"annotations":{"old":"x"}},"tag":{}}'
    change = one(desired(), live(annotations={ist.KUBECTL_LAST_APPLIED: record, "old": "x"}))
    assert [(field.path, field.desired) for field in change.fields] == [("/metadata/annotations/old", None)]


def test_a_tag_of_another_owner_is_not_touched():
    change = one(desired(from_=image("quay.io/example/app:v2")), synced(desired(), owner="theirs"))
    assert isinstance(change, Skip)
    assert codes(change) == ["owned"]
    assert change.requests == ()


def test_a_tag_of_another_owner_is_taken_where_that_is_asked_for():
    change = one(desired(), synced(desired(), owner="theirs"), take_from="theirs")
    assert isinstance(change, Update)
    assert change.adopts
    assert change.reason == "taken from theirs"


def test_what_a_takeover_changes_is_of_that_cause_and_not_adopted():
    wanted = desired(from_=image("quay.io/example/app:v2"))
    change = one(wanted, synced(desired(), owner="theirs"), take_from="theirs")
    assert [field.cause for field in change.fields] == [Cause.TAKEN]
    assert "adopt" not in change.reason


def test_only_the_owner_that_is_named_is_taken_from():
    change = one(desired(), synced(desired(), owner="somebody"), take_from="theirs")
    assert codes(change) == ["owned"]
    assert one(desired(), live(), take_from="theirs").reason.startswith("adopted")


def test_a_tag_of_another_owner_that_left_git_is_not_pruned_even_where_it_may_be_taken():
    assert set(planned([desired("team-a/x:v1")], [synced(desired(), owner="theirs")], take_from="theirs")) == {
        "team-a/x:v1"
    }


def test_a_copied_owner_mark_is_nobodys():
    tag = live(annotations={ist.OWNER: "theirs team-b/app:v1"})
    assert isinstance(one(desired(), tag), Update)


def test_a_tag_that_only_a_push_made_is_not_taken():
    tag = live()
    pushed = type(tag)(tag.key, None, {}, tag.uid, tag.resource_version, tag.image)
    assert codes(one(desired(), pushed)) == ["pushed"]
    taken = one(desired(), pushed, adopt_pushed=True)
    assert taken.requests[0].body[0] == {"op": "test", "path": "/tag", "value": None}


def test_a_manifest_out_of_scope_is_skipped():
    change = one(desired(), None, scope=Scope(namespaces=("team-b",)))
    assert codes(change) == ["out-of-scope"]


def test_a_manifest_of_a_namespace_that_cannot_be_listed_is_skipped():
    plan = make_plan(manifests(desired()), live_state(forbidden={"team-a": "no"}), policy())
    assert codes(plan.changes[0]) == ["forbidden"]
    assert not plan.complete
    assert plan.problems[0].code == "forbidden"


def test_a_plan_says_that_a_namespace_does_not_exist():
    plan = make_plan(manifests(desired()), live_state(missing=frozenset({"team-a"})), policy())
    assert [problem.code for problem in plan.problems] == ["no-such-namespace"]


def test_an_owned_tag_that_left_git_is_pruned_with_the_streams_uid():
    change = planned([desired("team-a/other:v1")], [synced(desired())])["team-a/app:v1"]
    assert isinstance(change, Prune)
    (request,) = change.requests
    assert request.method == "DELETE"
    assert request.body["preconditions"] == {"uid": "uid-1"}


def test_a_tag_that_is_not_ours_is_not_even_named():
    plan = planned([desired("team-a/other:v1")], [live(), synced(desired("team-a/theirs:v1"), owner="theirs")])
    assert set(plan) == {"team-a/other:v1"}


@pytest.mark.parametrize(
    ("tag", "more", "code"),
    [
        (live(annotations={ist.OWNER: f"{OWNER} team-b/app:v1"}), {}, "copied"),
        (synced(desired()), {"scope": Scope(namespaces=("team-b",))}, "out-of-scope"),
        (synced(desired()), {"narrowed": True}, "narrowed"),
        (synced(desired()), {"prune": False}, "no-prune"),
        (synced(desired(), annotations={"syncer.dev/prune": "disabled"}), {}, "protected"),
        (synced(desired(), stream_annotations={"helm.sh/resource-policy": "keep"}), {}, "protected"),
    ],
)
def test_a_prune_without_proof_is_a_skip_that_says_why(tag, more, code):
    change = planned([desired("team-b/other:v1")], [tag], **more)["team-a/app:v1"]
    assert isinstance(change, Skip)
    assert codes(change) == [code]
    assert change.requests == ()


def test_a_manifest_that_does_not_parse_forbids_every_prune():
    problem = Problem(Severity.ERROR, "syntax", "broken", file="x.yaml", line=1)
    plan = make_plan(manifests(problems=(problem,)), live_state(synced(desired())), policy())
    assert codes(plan.changes[0]) == ["unparsed"]
    assert not plan.complete


def test_a_tag_that_a_staying_tag_follows_stays_and_so_on():
    base, middle = synced(desired("team-a/base:v1")), synced(desired("team-a/middle:v1", from_=follows("base:v1")))
    stays = live("team-b/x:v1", spec={"from": follows("middle:v1", "team-a")})
    plan = planned([desired("team-a/other:v1")], [base, middle, stays])
    assert codes(plan["team-a/base:v1"]) == codes(plan["team-a/middle:v1"]) == ["followed"]


def test_a_tag_is_pruned_with_its_follower():
    base, follower = synced(desired("team-a/base:v1")), synced(desired("team-a/app:v1", from_=follows("base:v1")))
    plan = planned([desired("team-a/other:v1")], [base, follower])
    assert isinstance(plan["team-a/base:v1"], Prune)
    assert isinstance(plan["team-a/app:v1"], Prune)


def test_a_tag_is_pruned_where_git_points_its_follower_elsewhere():
    base = synced(desired("team-a/base:v1"))
    follower = synced(desired("team-a/app:v1", from_=follows("base:v1")))
    plan = planned([desired("team-a/app:v1")], [base, follower])
    assert isinstance(plan["team-a/base:v1"], Prune)


def test_a_tag_stays_where_its_follower_drifted_to_it_and_drift_is_only_reported():
    base, app = synced(desired("team-a/base:v1")), desired("team-a/app:v1")
    tag = synced(app, spec={"from": follows("base:v1")})
    assert isinstance(planned([app], [base, tag])["team-a/base:v1"], Prune)
    plan = planned([app], [base, tag], on_drift="report")
    assert codes(plan["team-a/base:v1"]) == ["followed"]
    noted = desired("team-a/app:v1", {"/metadata/annotations/a": "b"})
    plan = planned([noted], [base, tag], on_drift="report")  # an update, that leaves `from` as it is
    assert (plan["team-a/app:v1"].action, codes(plan["team-a/base:v1"])) == ("update", ["followed"])


def test_a_tag_stays_where_git_points_its_follower_elsewhere_but_that_one_is_not_ours_to_write():
    base = synced(desired("team-a/base:v1"))
    theirs = synced(desired("team-a/app:v1", from_=follows("base:v1")), owner="theirs")
    plan = planned([desired("team-a/app:v1")], [base, theirs])
    assert codes(plan["team-a/base:v1"]) == ["followed"]


def test_a_tag_that_a_manifest_beyond_the_scope_follows_stays():
    follower = desired("team-b/app:v1", from_=follows("base:v1", "team-a"))
    scope = Scope(namespaces=("team-a",))
    plan = planned([follower, desired("team-a/x:v1")], [synced(desired("team-a/base:v1"))], scope=scope)
    assert codes(plan["team-a/base:v1"]) == ["followed"]


# ------------------------------------------------------------------------------------------------- followers


FOLLOWER = desired("team-a/app:stable", from_=follows("base:v1"))
BASE = desired("team-a/base:v1")


@pytest.mark.parametrize("digest", ["", OTHER_DIGEST])
def test_a_follower_in_another_stream_that_is_empty_or_behind_is_cured_and_keeps_its_history(digest):
    change = planned([FOLLOWER, BASE], [synced(BASE), synced(FOLLOWER, digest=digest)])["team-a/app:stable"]
    assert isinstance(change, Update)
    assert change.reason == "follower behind"
    assert change.fields == ()
    assert not change.moves
    modes = [
        op["value"] for r in change.requests for op in r.body if op["op"] == "replace" and op["path"].endswith("Mode")
    ]
    assert modes == ["PreserveOriginal", "Legacy"]


def test_a_follower_that_has_the_image_is_unchanged():
    change = planned([FOLLOWER, BASE], [synced(BASE), synced(FOLLOWER)])["team-a/app:stable"]
    assert isinstance(change, Unchanged)


def test_a_follower_of_a_tag_without_an_image_cannot_be_cured_and_is_unchanged():
    tags = [synced(BASE, digest="", state=ImportState.FAILED), synced(FOLLOWER, digest="", state=ImportState.NONE)]
    assert isinstance(planned([FOLLOWER, BASE], tags)["team-a/app:stable"], Unchanged)


def test_a_follower_within_the_stream_moves_along_by_itself():
    follower = desired("team-a/base:stable", from_=follows("v1"))
    change = planned([follower, BASE], [synced(BASE), synced(follower, digest=OTHER_DIGEST)])["team-a/base:stable"]
    assert isinstance(change, Unchanged)


def test_a_follower_moves_in_the_run_that_moves_its_tag_also_through_a_chain():
    moved = desired("team-a/base:v1", from_=image("quay.io/example/base:v2"))
    link = desired("team-a/base:stable", from_=follows("v1"))
    follower = desired("team-a/app:stable", from_=follows("base:stable"))
    plan = planned([moved, link, follower], [synced(BASE), synced(link), synced(follower)])
    assert isinstance(plan["team-a/base:stable"], Unchanged)
    assert plan["team-a/app:stable"].reason == "follower behind"


def test_a_follower_stays_where_the_drift_of_its_tag_is_left_alone_though_the_tag_is_written():
    noted = desired("team-a/base:v1", {"/metadata/annotations/a": "b"})
    drifted = synced(BASE, spec={"from": image("quay.io/example/base:by-hand")})
    plan = planned([noted, FOLLOWER], [drifted, synced(FOLLOWER)], on_drift="report")
    assert isinstance(plan["team-a/base:v1"], Update)
    assert isinstance(plan["team-a/app:stable"], Unchanged)


def test_a_follower_of_a_tag_beyond_the_scope_is_compared_with_it():
    follower = desired("team-a/app:stable", from_=follows("base:v1", "team-b"))
    outside = live("team-b/base:v1", digest=OTHER_DIGEST)
    scope = Scope(namespaces=("team-a",))
    change = planned([follower], [synced(follower)], [outside], scope=scope)["team-a/app:stable"]
    assert change.reason == "follower behind"


# ------------------------------------------------------------------------------------------------------ plan


def test_changes_come_in_key_order_whatever_the_order_of_the_input():
    wanted = [desired(f"team-{n}/app:v{m}") for n in "bac" for m in (2, 10, 1)]
    plans = [make_plan(manifests(*order), live_state(), policy()) for order in (wanted, wanted[::-1])]
    assert plans[0].changes == plans[1].changes
    assert [change.key for change in plans[0].changes] == sorted(one.key for one in wanted)


def test_each_patch_of_a_plan_makes_the_tag_what_git_says():
    wanted = desired(from_=image("quay.io/example/app:v2"), fields={"/tag/referencePolicy/type": "Local"})
    tag = synced(desired(fields={"/metadata/annotations/a": "b"}))
    change = one(wanted, tag)
    from syncer.diff import apply_patch  # noqa: PLC0415 - beside its only use

    after = apply_patch(ist.document_of(tag), change.requests[0].body)
    fields = ist.fields_of(after["metadata"]["annotations"], after["tag"])
    assert fields == {**wanted.fields, "/tag/importPolicy/importMode": "Legacy"}
    assert after["metadata"]["annotations"][ist.OWNER] == ist.owner_mark(OWNER, key())


# --------------------------------------------------------------------------------------------- failed imports


def test_a_failed_import_is_tried_again_only_where_that_is_asked_for():
    tag = synced(desired(), digest="", state=ImportState.FAILED)
    assert isinstance(one(desired(), tag), Unchanged)
    change = one(desired(), tag, retry_imports=True)
    assert change.reason == "its import failed, and is tried again"
    assert change.requests[0].body[-1] == {"op": "replace", "path": "/tag/generation", "value": 0}
    assert not change.moves


def test_a_failed_import_that_git_changes_anyway_is_not_asked_for_twice():
    tag = synced(desired(), digest="", state=ImportState.FAILED)
    change = one(desired(from_=image("quay.io/example/app:v2")), tag, retry_imports=True)
    assert change.reason == "git changed it"
    assert "/tag/generation" not in [op["path"] for op in change.requests[0].body]


@pytest.mark.parametrize("record", [None, "{"])
def test_an_owned_tag_whose_record_is_lost_is_put_right_and_counts_as_a_change(record):
    tag = synced(desired(), spec={"from": image("quay.io/example/app:hotfix")})
    annotations = {name: value for name, value in tag.annotations.items() if name != ist.LAST_APPLIED}
    if record:
        annotations[ist.LAST_APPLIED] = record
    change = one(desired(), live(spec=tag.spec, annotations=annotations))
    assert isinstance(change, Update)
    assert not change.adopts
    assert change.moves
    assert change.reason == "it differs, and the record of what was applied last is lost"


# ------------------------------------------------------------------------------------------- whole, word for word


APP, ORIGIN = key(), desired().origin
NEW = image("quay.io/example/app:v2")
MOVED = desired(from_=NEW)
OURS = synced(desired())
THEIRS = synced(desired(), owner="theirs")
DRIFTED = synced(desired(), spec={"from": image("quay.io/example/app:hotfix")})


def test_what_is_beyond_the_scope_or_cannot_be_listed_is_a_skip_that_says_what_to_do():
    veto = Veto("out-of-scope", "namespace team-a is not in scope; -n team-a adds it")
    skip = Skip(APP, "out of scope", ORIGIN, vetoes=(veto,), desired=desired())
    assert one(desired(), None, scope=Scope(namespaces=("team-b",))) == skip
    veto = Veto("forbidden", "namespace team-a could not be listed")
    plan = make_plan(manifests(desired()), live_state(forbidden={"team-a": "403: no"}), policy())
    assert plan.changes == (Skip(APP, "not known", ORIGIN, vetoes=(veto,), desired=desired()),)
    hint = "grant get and list on imagestreams in team-a, or take it out of the scope"
    assert plan.problems == (Problem(Severity.ERROR, "forbidden", "403: no", hint, namespace="team-a"),)


def test_a_namespace_that_does_not_exist_is_told_only_where_something_is_to_be_made_in_it():
    state = live_state(missing=frozenset({"team-a", "team-b", "team-c"}))
    message = "does not exist: the server will refuse to create tags in it"
    assert make_plan(manifests(desired(), desired("team-c/app:v1")), state, policy()).problems == tuple(
        Problem(
            Severity.WARNING,
            "no-such-namespace",
            f"namespace {name} {message}",
            f"oc new-project {name}",
            namespace=name,
        )
        for name in ("team-a", "team-c")
    )


def sent(tag, *fields, **more):
    marks = requests.own_annotations(OWNER, more.pop("desired", desired()))
    return requests.update_requests(tag, fields, marks, **{"refollow": False, "reimport": False, **more})


def moves(cause, now, want=NEW, base=None):
    return FieldChange("/tag/from", cause, base, now, want)


def updated(tag, wanted, reason, *fields, **more):
    adopts = more.pop("adopts", False)
    written = sent(tag, *fields, desired=wanted, **more)
    return Update(APP, reason, ORIGIN, tag.image, fields, requests=written, live=tag, desired=wanted, adopts=adopts)


HOTFIX = DRIFTED.spec["from"]
BEHIND = "follower behind"
FAILED_TAG = synced(desired(), state=ImportState.FAILED)
UNREADABLE = synced(desired(), annotations={ist.LAST_APPLIED: "no json"})


@pytest.mark.parametrize(
    ("wanted", "tag", "more", "change"),
    [
        (
            desired(),
            None,
            {},
            Create(
                APP,
                "not on the cluster",
                ORIGIN,
                requests=(requests.create_request(OWNER, desired()),),
                desired=desired(),
            ),
        ),
        (desired(), OURS, {}, Unchanged(APP, "as git says", ORIGIN, OURS.image, live=OURS, desired=desired())),
        (MOVED, OURS, {}, updated(OURS, MOVED, "git changed it", moves(Cause.GIT, IMAGE, base=IMAGE))),
        (
            desired(),
            DRIFTED,
            {},
            updated(DRIFTED, desired(), "drifted on the cluster", moves(Cause.DRIFT, HOTFIX, IMAGE, IMAGE)),
        ),
        (
            MOVED,
            DRIFTED,
            {},
            updated(DRIFTED, MOVED, "git and the cluster both changed it", moves(Cause.BOTH, HOTFIX, base=IMAGE)),
        ),
        (
            MOVED,
            live(),
            {},
            updated(
                live(),
                MOVED,
                "adopted: it was there before its first sync",
                moves(Cause.ADOPTED, IMAGE),
                adopts=True,
            ),
        ),
        (
            MOVED,
            THEIRS,
            {"take_from": "theirs"},
            updated(THEIRS, MOVED, "taken from theirs", moves(Cause.TAKEN, IMAGE, base=IMAGE), adopts=True),
        ),
        (
            MOVED,
            UNREADABLE,
            {},
            updated(
                UNREADABLE,
                MOVED,
                "it differs, and the record of what was applied last is lost",
                moves(Cause.ADOPTED, IMAGE),
            ),
        ),
        (desired(), UNREADABLE, {}, updated(UNREADABLE, desired(), "what was applied is recorded anew")),
        (
            desired(),
            FAILED_TAG,
            {"retry_imports": True},
            updated(FAILED_TAG, desired(), "its import failed, and is tried again", reimport=True),
        ),
        (
            MOVED,
            FAILED_TAG,
            {"retry_imports": True},
            updated(FAILED_TAG, MOVED, "git changed it", moves(Cause.GIT, IMAGE, base=IMAGE)),
        ),
        (
            desired(),
            OURS,
            {"retry_imports": True},
            Unchanged(APP, "as git says", ORIGIN, OURS.image, live=OURS, desired=desired()),
        ),
        (
            desired(),
            DRIFTED,
            {"on_drift": "report"},
            Skip(
                APP,
                "drifted on the cluster",
                ORIGIN,
                DRIFTED.image,
                (moves(Cause.DRIFT, HOTFIX, IMAGE, IMAGE),),
                vetoes=(Veto("drift", "--on-drift report leaves drift alone"),),
                live=DRIFTED,
                desired=desired(),
            ),
        ),
        (
            MOVED,
            THEIRS,
            {},
            Skip(
                APP,
                "not ours to write",
                ORIGIN,
                THEIRS.image,
                (moves(Cause.ADOPTED, IMAGE, base=IMAGE),),
                vetoes=(Veto("owned", "it is owned by theirs; --take-from theirs hands it over"),),
                live=THEIRS,
                desired=MOVED,
            ),
        ),
    ],
    ids=[
        "create",
        "unchanged",
        "git",
        "drift",
        "both",
        "adopted",
        "taken",
        "record lost",
        "recorded anew",
        "retried",
        "moved instead of retried",
        "nothing to retry",
        "drift reported",
        "owned",
    ],
)
def test_each_decision_is_told_whole(wanted, tag, more, change):
    assert one(wanted, tag, **more) == change


def test_several_causes_are_one_reason():
    wanted = desired(from_=NEW, fields={"/tag/reference": True})
    applied = desired(fields={"/tag/reference": True})
    tag = synced(applied, spec={"reference": False})
    assert one(wanted, tag).reason == "git changed it, and it drifted on the cluster"
    assert one(wanted, synced(applied, spec={"reference": False, "from": HOTFIX})).reason == (
        "git and the cluster both changed it"
    )


def test_a_follower_that_git_changed_too_and_that_is_behind_says_both():
    noted = desired(str(FOLLOWER.key), {"/metadata/annotations/a": "b"}, from_=follows("base:v1"))
    change = planned([noted, BASE], [synced(BASE), synced(FOLLOWER, digest=OTHER_DIGEST)])[str(FOLLOWER.key)]
    assert change.reason == "git changed it; follower behind"
    assert len(change.requests) == 2
    adopted = planned([FOLLOWER, BASE], [synced(BASE), live(str(FOLLOWER.key), spec=synced(FOLLOWER).spec, digest="")])
    assert adopted[str(FOLLOWER.key)].reason == "adopted: it was there before its first sync; follower behind"


def test_a_follower_that_is_pointed_elsewhere_is_not_behind_and_one_from_another_stream_that_is_a_reference_neither():
    away = desired(str(FOLLOWER.key), from_=follows("base:v2"))
    two = desired("team-a/base:v2")
    plan = planned([away, BASE, two], [synced(BASE), synced(two), synced(FOLLOWER, digest=OTHER_DIGEST)])
    assert (plan[str(away.key)].reason, len(plan[str(away.key)].requests)) == ("git changed it", 1)
    reference = desired(str(FOLLOWER.key), {"/tag/reference": True}, from_=follows("base:v1"))
    plan = planned([reference, BASE], [synced(BASE), synced(reference, digest="")])
    assert isinstance(plan[str(reference.key)], Unchanged)


def test_a_follower_of_a_follower_that_was_behind_moves_in_the_same_run():
    last = desired("team-a/web:stable", from_=follows("app:stable"))
    tags = [synced(BASE), synced(FOLLOWER, digest=OTHER_DIGEST), synced(last, digest=OTHER_DIGEST)]
    plan = planned([FOLLOWER, BASE, last], tags)
    assert [plan[name].reason for name in ("team-a/app:stable", "team-a/web:stable")] == [BEHIND] * 2


def test_a_follower_of_a_retried_import_moves_along():
    tags = [synced(BASE, state=ImportState.FAILED), synced(FOLLOWER)]
    assert planned([FOLLOWER, BASE], tags, retry_imports=True)[str(FOLLOWER.key)].reason == BEHIND
    assert isinstance(planned([FOLLOWER, BASE], tags)[str(FOLLOWER.key)], Unchanged)


def test_a_reference_of_another_stream_does_not_move_and_so_what_follows_it_does_not():
    moved = desired("team-a/base:v1", from_=NEW)
    reference = desired("team-a/app:ref", {"/tag/reference": True}, from_=follows("base:v1"))
    last = desired("team-a/web:v1", from_=follows("app:ref"))
    tags = [synced(BASE), synced(reference, digest="", state=ImportState.NONE), synced(last)]
    plan = planned([moved, reference, last], tags)
    assert [plan[name].action for name in ("team-a/app:ref", "team-a/web:v1")] == ["unchanged"] * 2


def test_a_follower_keeps_its_image_where_its_tag_has_none_yet():
    tags = [synced(BASE, digest="", state=ImportState.PENDING), synced(FOLLOWER)]
    assert isinstance(planned([FOLLOWER, BASE], tags)[str(FOLLOWER.key)], Unchanged)


def test_a_follower_of_a_new_tag_takes_its_image():
    tags = [synced(FOLLOWER, digest="", state=ImportState.NONE)]
    assert planned([FOLLOWER, BASE], tags)[str(FOLLOWER.key)].reason == BEHIND


def test_a_run_touches_only_what_it_may_and_what_forbids_a_prune_is_judged_by_all():
    base, other = desired("team-a/base:v1"), desired("team-a/other:v1")
    follower = desired("team-a/app:v1", from_=follows("base:v1"))
    gone, kept = synced(desired("team-a/old:v1")), synced(desired("team-a/old:v2"))
    only = frozenset({gone.key, other.key})
    plan = planned([follower, other], [synced(base), synced(follower), gone, kept], only=only)
    assert {name: change.action for name, change in plan.items()} == {
        "team-a/other:v1": "create",
        "team-a/old:v1": "prune",
    }
    plan = planned([follower, other], [synced(base), synced(follower)], only=frozenset({base.key}))
    assert {name: codes(change) for name, change in plan.items()} == {"team-a/base:v1": ["followed"]}
    assert policy().touches(key())
    assert not policy(only=only).touches(key())


def test_what_is_gone_from_git_is_a_prune_or_a_skip_told_whole():
    change = planned([desired("team-a/other:v1")], [OURS])["team-a/app:v1"]
    sent_ = (requests.prune_request(OURS),)
    assert change == Prune(APP, "gone from git", None, OURS.image, requests=sent_, live=OURS)
    change = planned([desired("team-a/other:v1")], [OURS], prune=False)["team-a/app:v1"]
    veto = Veto("no-prune", "--no-prune was given")
    assert change == Skip(APP, "gone from git", None, OURS.image, vetoes=(veto,), live=OURS)
    follower = live("team-b/x:v1", spec={"from": follows("app:v1", "team-a")})
    change = planned([desired("team-a/other:v1")], [OURS, follower])["team-a/app:v1"]
    assert change.vetoes == (Veto("followed", "team-b/x:v1, which stays, follows it"),)


def test_what_is_used_stays_unless_the_policy_lets_it_go_and_so_does_what_it_follows():
    base, app = synced(desired("team-a/base:v1")), synced(desired("team-a/app:v1", from_=follows("base:v1")))
    impact = Impact({APP: (Use("Deployment", "team-a", "web", "image"),)}, (Unread("Pod", "team-b", "403"),))

    def told(**more):
        plan = make_plan(manifests(), live_state(base, app), policy(allow_empty=True, **more), None, impact)
        assert plan.impact is impact
        assert [problem.code for problem in plan.problems] == ["impact-unread"]
        return {str(change.key): (change.action, codes(change)) for change in plan.changes}

    assert told() == {"team-a/app:v1": ("skip", ["used"]), "team-a/base:v1": ("skip", ["followed"])}
    assert told(prune_used=True) == {"team-a/app:v1": ("prune", []), "team-a/base:v1": ("prune", [])}


def test_a_plan_holds_what_it_was_made_of():
    problem = Problem(Severity.WARNING, "odd", "look at it")
    scope = Scope(namespaces=("team-a",))
    cluster = live_state(OURS, missing=frozenset({"team-a"}))
    plan = make_plan(
        manifests(desired("team-a/new:v1"), problems=(problem,)), cluster, policy(scope=scope, prune=False)
    )
    assert (plan.owner, plan.scope, plan.complete, plan.impact, plan.gates) == (OWNER, scope, True, None, ())
    assert [problem.code for problem in plan.problems] == ["odd", "no-such-namespace"]
    assert [change.key for change in plan.changes] == [APP, key("team-a/new:v1")]


def test_what_stands_by_is_as_git_says_and_keeps_its_image():
    beside = Bystander(APP, OURS.image, owned=True)
    plan = make_plan(manifests(desired()), LiveState({}, "streams", bystanders={APP: beside}), policy())
    assert plan.changes == (Unchanged(APP, "as git says", ORIGIN, OURS.image, desired=desired()),)


def test_only_what_is_to_go_has_a_veto_of_its_followers():
    base, app, web = (
        desired("team-a/base:v1"),
        desired("team-a/app:v1", from_=follows("base:v1")),
        desired("team-b/x:v1"),
    )
    tags = [synced(base), synced(app), live("team-b/web:v1", spec={"from": follows("x:v1")}), synced(web)]
    found = followed_vetoes({base.key}, live_state(*tags).tags, {})
    assert found == {base.key: Veto("followed", "team-a/app:v1, which stays, follows it")}
