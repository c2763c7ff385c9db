"""Which image each tag is going to have: asked for, followed, or taken from a stream."""

import pytest
from builders import desired, follows, key, live, live_state, manifests, policy, synced
from builders import image as docker

from syncer.model import Import, ImportState, Problem, Resolution, Resolved, Severity
from syncer.plan import make_plan
from syncer.plan.resolving import Answer, Ask, Place, asks_of, pins_of, resolve, undated, with_resolved

OLD, NEW = "sha256:" + "1" * 64, "sha256:" + "2" * 64
V1 = key("team-a/app:v1")


def pin(digest=NEW, stream="app", namespace="team-a"):
    return {"kind": "ImageStreamImage", "name": f"{stream}@{digest}", "namespace": namespace}


def planned(wanted, tags=(), **options):
    return make_plan(manifests(*wanted), live_state(*tags), policy(**options))


def resolved(plan, tags=(), answers=None, pinned=None):
    return resolve(plan.changes, {tag.key: tag for tag in tags}, answers or {}, pinned or {})


def moved(text="team-a/app:v1", **more):
    """A tag that git points elsewhere, as desired and as live."""
    before, after = desired(text, **more), desired(text, from_=docker("quay.io/example/app:v2"), **more)
    return after, synced(before, digest=OLD)


def test_what_a_tag_is_asked_for_is_how_it_is_going_to_be_imported():
    fields = {"/tag/importPolicy/insecure": True, "/tag/referencePolicy/type": "Local", "/metadata/annotations/a": "b"}
    [ask] = asks_of(planned([desired(fields=fields)]).changes)
    assert (ask.pull_spec, ask.import_policy, ask.reference_policy) == (
        "quay.io/example/app:v1",
        {"insecure": True},
        {"type": "Local"},
    )


def test_only_what_gets_an_image_anew_is_asked_for():
    annotated = desired("team-a/app:a", fields={"/metadata/annotations/team": "x"})
    broken = synced(desired("team-a/app:b"), digest="", state=ImportState.FAILED)
    wanted, tag = moved()
    plan = planned(
        [wanted, annotated, desired("team-a/app:b"), desired("team-a/app:c"), desired("team-a/app:d", from_=pin())],
        [tag, synced(desired("team-a/app:a")), broken, synced(desired("team-a/app:c"))],
    )
    assert asks_of(plan.changes) == (Ask(V1, "quay.io/example/app:v2", {}, {}),)
    again = planned([desired("team-a/app:b")], [broken], retry_imports=True)
    assert [str(ask.key) for ask in asks_of(again.changes)] == ["team-a/app:b"]


def test_a_tag_that_is_not_ours_to_write_is_going_to_have_what_it_has():
    wanted, tag = moved()
    theirs = desired("team-a/app:theirs", from_=follows("app:v1"))
    tags = [tag, synced(desired("team-a/app:theirs"), owner="rival", digest=OLD)]
    assert resolved(planned([wanted, theirs], tags), tags, {V1: Answer(NEW)}).keys() == {V1}


def test_an_image_by_digest_without_a_namespace_is_of_the_tags_own():
    source = {"kind": "ImageStreamImage", "name": f"app@{NEW}"}
    changes = planned([desired("team-b/web:prod", from_=source), desired("team-a/web:prod")]).changes
    assert pins_of(changes, {}) == {Place("team-b", "app", NEW)}


def test_drift_that_is_only_reported_is_asked_for_as_it_is():
    wanted = desired(fields={"/tag/importPolicy/importMode": "PreserveOriginal"})
    tag = synced(desired(), spec={"from": docker("quay.io/example/app:hotfix")})
    [ask] = asks_of(planned([wanted], [tag], on_drift="report").changes)
    assert ask.pull_spec == "quay.io/example/app:hotfix"


@pytest.mark.parametrize(
    ("digest", "answer", "state"),
    [
        (OLD, Answer(NEW, "2026-05-03T00:00:00Z"), Resolution.MOVES),
        (OLD, Answer(OLD), Resolution.SAME),
        ("", Answer(NEW), Resolution.NEW),
        (OLD, Answer(fault="missing", message="no such tag"), Resolution.MISSING),
        (OLD, Answer(fault="denied"), Resolution.DENIED),
        (OLD, Answer(fault="forbidden"), Resolution.FORBIDDEN),
        (OLD, Answer(fault="failed"), Resolution.FAILED),
    ],
)
def test_an_answer_is_held_against_the_image_that_is_there(digest, answer, state):
    wanted, tag = moved()
    tag = synced(desired(), digest=digest)
    found = resolved(planned([wanted], [tag]), [tag], {V1: answer})[V1]
    assert found == Resolved(state, answer.digest, answer.built, digest, message=answer.message)


def test_a_follower_of_the_same_stream_moves_along_though_it_is_unchanged():
    wanted, tag = moved()
    prod = desired("team-a/app:prod", from_=follows("app:v1"))
    tags = [tag, synced(prod, digest=OLD)]
    plan = planned([wanted, prod], tags)
    found = resolved(plan, tags, {V1: Answer(NEW, "2026-05-03T00:00:00Z")})[prod.key]
    assert (found.state, found.digest, found.follows) == (Resolution.MOVES, NEW, V1)
    assert resolved(plan, tags, {V1: Answer(fault="missing")}).keys() == {V1}
    assert resolved(plan, tags, {V1: Answer(OLD)}).keys() == {V1}


def test_an_empty_follower_of_the_same_stream_gets_nothing_where_nothing_moves_what_it_follows():
    wanted, tag = moved()
    prod = desired("team-a/app:prod", from_=follows("app:v1"))
    last = desired("team-a/app:last", from_=follows("app:prod"))
    tags = [synced(desired(), digest=OLD), synced(prod, digest=""), synced(last, digest="")]
    assert resolved(planned([desired(), prod, last], tags), tags) == {}
    tags[0] = tag
    plan = planned([wanted, prod, last], tags)
    assert resolved(plan, tags, {V1: Answer(OLD)}).keys() == {V1}
    assert resolved(plan, tags, {V1: Answer(NEW)})[last.key].state is Resolution.NEW


def test_a_follower_in_another_stream_moves_only_where_this_run_makes_it():
    wanted, tag = moved()
    web = desired("team-b/web:prod", from_=follows("app:v1", "team-a"))
    tags = [tag, synced(web, digest=OLD)]
    found = resolved(planned([wanted, web], tags), tags, {V1: Answer(NEW)})[web.key]
    assert (found.state, found.follows) == (Resolution.MOVES, V1)
    still = planned([desired(), web], [synced(desired(), digest=OLD), synced(web, digest=OLD)])
    assert resolved(still, tags) == {}


def test_a_reference_in_another_stream_does_not_move():
    wanted, tag = moved()
    web = desired("team-b/web:prod", from_=follows("app:v1", "team-a"), fields={"/tag/reference": True})
    tags = [tag, synced(web, digest=OLD)]
    assert resolved(planned([wanted, web], tags), tags, {V1: Answer(NEW)}).keys() == {V1}


def test_a_follower_moves_along_also_through_a_tag_that_git_does_not_name():
    wanted, tag = moved()
    last = desired("team-a/app:last", from_=follows("between"))
    between = live("team-a/app:between", spec={"from": follows("v1")}, digest=OLD)
    tags = [tag, between, synced(last, digest=OLD)]
    found = resolved(planned([wanted, last], tags), tags, {V1: Answer(NEW)})
    assert found.keys() == {V1, last.key}
    assert found[last.key] == Resolved(Resolution.MOVES, NEW, live_digest=OLD, follows=between.key)


@pytest.mark.parametrize("there", ["empty", "absent"])
def test_a_new_follower_of_a_tag_without_an_image_gets_none_that_is_known(there):
    web = desired("team-b/web:prod", from_=follows("app:v1", "team-a"))
    tags = [live(str(V1), digest="", state=ImportState.PENDING)] if there == "empty" else []
    assert resolved(planned([web], tags), tags)[web.key] == Resolved(Resolution.UNKNOWN, follows=V1)


def test_a_circle_has_no_image_to_come_though_each_of_its_tags_has_an_old_one():
    circle = [desired("team-a/app:a", from_=follows("app:b")), desired("team-a/app:b", from_=follows("app:a"))]
    tags = [synced(desired(str(one.key)), digest=OLD) for one in circle]
    found = resolved(planned(circle, tags), tags)
    assert [(one.state, one.live_digest, one.digest) for one in found.values()] == [(Resolution.UNKNOWN, OLD, "")] * 2


def test_a_new_follower_gets_the_image_that_is_there_or_comes():
    prod, other = desired("team-b/web:prod", from_=follows("app:v1", "team-a")), live("team-a/app:v1", digest=OLD)
    found = resolved(planned([prod], [other]), [other])[prod.key]
    assert (found.state, found.digest, found.follows) == (Resolution.NEW, OLD, V1)
    assert resolved(planned([prod]))[prod.key].state is Resolution.UNKNOWN
    unknown = resolved(planned([prod, desired()]), [], {V1: Answer(fault="failed", message="EOF")})[prod.key]
    assert (unknown.state, unknown.message, unknown.follows) == (Resolution.UNKNOWN, "EOF", V1)


def test_a_chain_of_followers_is_followed_to_its_end_and_a_circle_has_none():
    wanted, tag = moved()
    middle, last = desired("team-a/app:a", from_=follows("app:v1")), desired("team-a/app:b", from_=follows("app:a"))
    tags = [tag, synced(middle, digest=OLD), synced(last, digest=OLD)]
    found = resolved(planned([wanted, middle, last], tags), tags, {V1: Answer(NEW)})
    assert {str(one): r.digest for one, r in found.items()} == dict.fromkeys(map(str, (V1, middle.key, last.key)), NEW)
    circle = [desired("team-a/app:a", from_=follows("app:b")), desired("team-a/app:b", from_=follows("app:a"))]
    assert {r.state for r in resolved(planned(circle)).values()} == {Resolution.UNKNOWN}


def test_an_image_taken_by_digest_is_known_from_a_tag_from_an_import_or_by_asking():
    tag = desired("team-b/web:prod", from_=pin())
    plan = planned([tag])
    held = live("team-a/app:v1", digest=NEW)
    assert pins_of(plan.changes, {held.key: held}) == frozenset()
    place = Place("team-a", "app", NEW)
    assert pins_of(plan.changes, {}) == {place}
    assert resolved(plan, [held])[tag.key].state is Resolution.NEW
    gone = {place: Answer(NEW, fault="missing", message="no tag has it")}
    assert resolved(plan, pinned=gone)[tag.key].state is Resolution.MISSING
    both = planned([tag, desired(), desired("team-b/app:v1")])
    assert resolved(both, answers={V1: Answer(NEW)}, pinned=gone)[tag.key] == Resolved(Resolution.NEW, NEW)
    for elsewhere in ({V1: Answer(OLD)}, {key("team-b/app:v1"): Answer(NEW)}):
        assert resolved(both, answers=elsewhere, pinned=gone)[tag.key].state is Resolution.MISSING
    assert resolved(plan)[tag.key] == Resolved(Resolution.NEW, NEW)
    own = desired("team-a/web:prod", from_={"kind": "ImageStreamImage", "name": f"app@{NEW}"})
    assert resolved(planned([own]), pinned=gone)[own.key].message == "no tag has it"


def test_dates_are_asked_for_once_an_image_wherever_it_lies():
    wanted, tag = moved()
    prod = desired("team-a/app:prod", from_=follows("app:v1"))
    tags = [tag, synced(prod, digest=OLD)]
    found = resolved(planned([wanted, prod], tags), tags, {V1: Answer(NEW, "2026-05-03T00:00:00Z")})
    assert undated(found, {NEW: "2026-05-03T00:00:00Z"}) == {Place("team-a", "app", OLD)}
    assert undated(found, {NEW: "x", OLD: "y"}) == frozenset()
    assert undated(found, {}) == {Place("team-a", "app", OLD), Place("team-a", "app", NEW)}
    web = desired("team-b/web:prod", from_=follows("app:v1", "team-a"))
    new = resolved(planned([web], tags), tags)
    assert undated(new, {}) == {Place("team-a", "app", OLD)}
    assert undated(resolved(planned([wanted], [tag]), [tag], {V1: Answer(fault="missing")}), {}) == frozenset()


def test_what_cannot_be_had_is_a_warning_at_its_line_and_a_namespace_is_warned_of_once():
    tags = [desired(f"team-a/app:{name}", file="app.yaml", line=n) for n, name in enumerate("abcdef", 1)]
    faults = ["missing", "denied", "failed", "forbidden", "forbidden", ""]
    plan = planned(tags)
    answers = {tag.key: Answer(fault=fault, message="told") for tag, fault in zip(tags, faults, strict=True)}
    answers[tags[3].key] = Answer(fault="forbidden", message="403")
    answers[tags[-1].key] = Answer(NEW)
    problems = with_resolved(plan, resolved(plan, answers=answers), {}).problems
    assert [(p.code, p.line, p.namespace) for p in problems] == [
        ("image-missing", 1, "team-a"),
        ("image-denied", 2, "team-a"),
        ("image-unresolved", 3, "team-a"),
        ("resolve-forbidden", 0, "team-a"),
    ]
    what = "quay.io/example/app:v1"
    told = [
        ("image-missing", f"{what} does not exist: told", "correct tag.from, or push the image first"),
        ("image-denied", f"{what} cannot be pulled: told", "check the name, and the pull secrets of the namespace"),
        ("image-unresolved", f"{what} could not be resolved: told", "a sync would meet the same; try again"),
    ]
    role = "grant create on imagestreamimports, and get on imagestreamimages, in team-a; the role edit has both"
    assert problems == (
        *(
            Problem(Severity.WARNING, code, message, hint, "app.yaml", line, namespace="team-a", name=tag.key.name)
            for line, (tag, (code, message, hint)) in enumerate(zip(tags, told, strict=False), 1)
        ),
        Problem(Severity.WARNING, "resolve-forbidden", "403", role, namespace="team-a"),
    )
    still = planned([desired()], [synced(desired())])
    assert with_resolved(still, {}, {}) == still


def test_a_date_that_is_not_known_is_empty():
    wanted, tag = moved()
    plan = planned([wanted], [tag])
    [change] = with_resolved(plan, resolved(plan, [tag], {V1: Answer(NEW)}), {}).changes
    assert (change.resolved.live_built, change.resolved.built) == ("", "")


def test_a_plan_shows_both_dates():
    wanted, tag = moved()
    plan = planned([wanted], [tag])
    found = resolved(plan, [tag], {V1: Answer(NEW)})
    [change] = with_resolved(plan, found, {OLD: "2026-05-03T00:00:00Z", NEW: "2026-06-04T00:00:00Z"}).changes
    assert (change.resolved.live_built[:10], change.resolved.built[:10]) == ("2026-05-03", "2026-06-04")
    assert change.image == Import(ImportState.IMPORTED, OLD)
