"""Vetoes: each condition alone keeps a tag, and says so by its code."""

import pytest
from builders import IMAGE, OWNER, desired, follows, image, live, synced
from msgspec.structs import replace

from syncer import imagestreamtag as ist
from syncer.model import Live, Scope, Veto
from syncer.plan.vetoes import LATE_VETOES, PRUNE_VETOES, PruneContext, late_vetoes, prune_vetoes, write_veto

OURS = synced(desired())


def digest(figure):
    return "sha256:" + 64 * figure


PROVEN = PruneContext(OWNER, Scope(namespaces=("team-a",)), parsed=True, narrowed=False, prune=True, forbidden={})

EARLY = {
    "not-owned": [
        (live(), {}),
        (synced(desired(), owner="theirs"), {}),
        (synced(desired(), owner=f"{OWNER}2"), {}),
        (synced(desired(), owner=f"x {OWNER}"), {}),
        (live(annotations={ist.OWNER: OWNER}), {}),
        (live(annotations={ist.OWNER: f"{OWNER}\nteam-a/app:v1"}), {}),
        (live(annotations={ist.OWNER: " team-a/app:v1"}), {}),
        (live(annotations={ist.OWNER: f"{OWNER} team-a/app:v1 "}), {}),
    ],
    "copied": [
        (live(annotations={ist.OWNER: f"{OWNER} team-a/app:v2"}), {}),
        (live(annotations={ist.OWNER: f"{OWNER} team-b/app:v1"}), {}),
        (live(annotations={ist.OWNER: f"{OWNER} team-a/app:V1"}), {}),
        (live(annotations={ist.OWNER: f"{OWNER} "}), {}),
    ],
    "out-of-scope": [(OURS, {"scope": Scope(namespaces=("team-b",))}), (OURS, {"scope": Scope()})],
    "forbidden": [(OURS, {"forbidden": {"team-a": "403"}})],
    "unparsed": [(OURS, {"parsed": False})],
    "narrowed": [(OURS, {"narrowed": True})],
    "no-prune": [(OURS, {"prune": False})],
    "protected": [
        (synced(desired(), annotations={"syncer.dev/prune": "disabled"}), {}),
        (synced(desired(), stream_annotations={"syncer.dev/prune": "Disabled"}), {}),
        (synced(desired(), annotations={"argocd.argoproj.io/sync-options": "Validate=false, Prune=false"}), {}),
    ],
}


def codes(vetoes):
    return [veto.code for veto in vetoes]


def test_a_proven_tag_meets_no_veto():
    assert prune_vetoes(OURS, PROVEN) == ()
    assert late_vetoes(OURS, OURS, {OURS.key: OURS}) == ()


@pytest.mark.parametrize(("code", "tag", "more"), [(code, *case) for code, cases in EARLY.items() for case in cases])
def test_each_condition_alone_keeps_a_tag(code, tag, more):
    found = prune_vetoes(tag, replace(PROVEN, **more))
    # A mark without an owner's name, or with one that runs into the tag's, is nobody's: never ours.
    assert codes(found) == [code]
    assert found[0].message


def test_every_veto_of_a_tag_is_named_and_not_only_the_first():
    tag = live(annotations={ist.OWNER: f"{OWNER} team-b/app:v1", "helm.sh/resource-policy": "keep"})
    nothing = PruneContext(OWNER, Scope(), parsed=False, narrowed=True, prune=False, forbidden={"team-a": "403"})
    assert codes(prune_vetoes(tag, nothing)) == [code for code in EARLY if code != "not-owned"]
    assert codes(prune_vetoes(live(), nothing))[0] == "not-owned"


def test_there_is_a_case_for_every_condition():
    assert len(EARLY) == len(PRUNE_VETOES)
    assert len(LATE_VETOES) == 3


LATER = {
    "from": synced(desired(from_=image("quay.io/example/app:v2"))),
    "annotation": synced(desired(), annotations={"theirs": "x"}),
    "mark": live(annotations={ist.OWNER: "theirs team-a/app:v1"}),
    "image": synced(desired(), digest="sha256:" + "2" * 64),
    "stream": replace(OURS, uid="uid-2"),
    "spec gone": Live(OURS.key, None, {}, OURS.uid, OURS.resource_version, OURS.image),
}


@pytest.mark.parametrize("what", LATER)
def test_a_tag_that_changed_since_it_was_planned_stays(what):
    assert "changed" in codes(late_vetoes(OURS, LATER[what], {}))


def test_a_follower_that_moved_along_with_its_sibling_is_as_it_was_planned_and_one_that_moved_by_itself_is_not():
    follower, base = desired("team-a/app:prod", from_=follows("v1")), desired()
    for had in ("", digest("1")):
        planned = synced(follower, digest=had)
        fresh, moved = synced(follower, digest=digest("2")), synced(base, digest=digest("2"))
        assert late_vetoes(planned, fresh, {tag.key: tag for tag in (fresh, moved)}) == ()
        by_itself = synced(base, digest=digest("3"))
        assert codes(late_vetoes(planned, fresh, {tag.key: tag for tag in (fresh, by_itself)})) == ["changed"]
        assert codes(late_vetoes(planned, fresh, {fresh.key: fresh})) == ["changed"]
    alone, again = synced(base), synced(base, digest=digest("2"))
    assert codes(late_vetoes(alone, again, {again.key: again})) == ["changed"]


def test_a_plan_that_does_not_say_what_was_seen_proves_nothing():
    assert codes(late_vetoes(None, OURS, {})) == ["changed"]


def test_an_import_of_the_same_image_is_no_change():
    again = replace(OURS, spec={**OURS.spec, "generation": 9}, resource_version="99")
    assert late_vetoes(OURS, again, {}) == ()


def test_a_tag_whose_stream_is_protected_by_now_stays():
    fresh = replace(OURS, stream_annotations={"kluctl.io/skip-delete": "true"})
    assert codes(late_vetoes(OURS, fresh, {})) == ["protected"]


def test_a_tag_that_a_sibling_follows_by_now_stays_and_the_sibling_is_named():
    sibling = live("team-a/app:prod", spec={"from": follows("v1")})
    other = live("team-a/app:other", spec={"from": IMAGE})
    (veto,) = late_vetoes(OURS, OURS, {tag.key: tag for tag in (OURS, other, sibling)})
    assert (veto.code, veto.message) == ("followed", "team-a/app:prod, which stays, follows it")


MESSAGES = {
    "not-owned": f"it is not marked as owned by {OWNER}",
    "copied": "its owner mark was made for team-a/app:v2 and copied here, which proves nothing",
    "out-of-scope": "namespace team-a is not in scope",
    "forbidden": "namespace team-a could not be listed",
    "unparsed": "a manifest did not parse, and might name it",
    "narrowed": "the source was narrowed (--path, --exclude), and a file left out might name it",
    "no-prune": "--no-prune was given",
    "protected": "it is protected by syncer.dev/prune: disabled",
}


@pytest.mark.parametrize("code", EARLY)
def test_each_veto_says_why_in_a_sentence(code):
    tag, more = EARLY[code][0]
    assert prune_vetoes(tag, replace(PROVEN, **more)) == (Veto(code, MESSAGES[code]),)


def test_a_copied_mark_names_the_tag_that_it_was_made_for_also_where_an_owner_holds_a_space():
    (veto,) = prune_vetoes(live(annotations={ist.OWNER: "a b team-b/app:v1"}), replace(PROVEN, owner="a b"))
    assert veto.message == "its owner mark was made for team-b/app:v1 and copied here, which proves nothing"


PUSHED = Live(OURS.key, None, {}, OURS.uid, OURS.resource_version, OURS.image)


@pytest.mark.parametrize(
    ("tag", "more", "veto"),
    [
        (live(), {}, None),
        (OURS, {}, None),
        (synced(desired(), owner="rival"), {}, Veto("owned", "it is owned by rival; --take-from rival hands it over")),
        (synced(desired(), owner="rival"), {"take_from": "rival"}, None),
        (live(annotations={ist.OWNER: "rival team-b/app:v1"}), {}, None),
        (PUSHED, {}, Veto("pushed", "only a push made it, nothing asked for it; --adopt-pushed takes it")),
        (PUSHED, {"adopt_pushed": True}, None),
    ],
    ids=["nobody's", "ours", "another's", "taken", "copied", "pushed", "adopted"],
)
def test_what_is_not_ours_to_write_says_which_option_makes_it_so(tag, more, veto):
    assert write_veto(tag, OWNER, **{"take_from": "", "adopt_pushed": False, **more}) == veto
