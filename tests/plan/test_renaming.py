"""Owner rename: which marks change, and that nothing else does."""

import pytest
from builders import OWNER, desired, follows, key, live, live_state, synced
from hypothesis import given
from hypothesis import strategies as st

from syncer import imagestreamtag as ist
from syncer.diff import apply_patch
from syncer.errors import UsageError
from syncer.model import Desired, Origin, Scope, Severity, Skip, Unchanged, Update, Veto
from syncer.plan.renaming import Renamer
from syncer.plan.vetoes import copied_veto

RENAMER = Renamer(OWNER, "new")
EVERYWHERE = Scope(all_namespaces=True)
OWNED = synced(desired(fields={"/metadata/annotations/a": "b"}))


def renamed(*tags, **more):
    return RENAMER.plan(live_state(*tags, **more), EVERYWHERE)


def test_a_tag_of_the_old_owner_becomes_one_of_the_new_by_one_guarded_patch_of_the_mark():
    (change,) = renamed(OWNED).changes
    assert isinstance(change, Update)
    assert (change.fields, change.moves, change.reason) == ((), False, "renamed from demo to new")
    mark = ist.annotation_path(ist.OWNER)
    (request,) = change.requests
    assert request.method == "PATCH"
    assert request.body == [
        {"op": "test", "path": "/tag/from", "value": OWNED.spec["from"]},
        {"op": "test", "path": mark, "value": "demo team-a/app:v1"},
        {"op": "replace", "path": mark, "value": "new team-a/app:v1"},
    ]


def as_it_is(tag):
    return Desired(tag.key, ist.live_fields(tag), Origin("", 0))


def test_a_tag_that_is_read_again_is_told_as_it_is_now():
    done, gone = synced(desired(), owner="new"), key("team-a/app:gone")
    copied = live(annotations={ist.OWNER: f"{OWNER} team-b/app:v1"})
    theirs = synced(desired(), owner="rival")
    veto = Veto("not-owned", "it no longer carries the mark that is renamed")
    cases = [
        (None, Skip(gone, "not theirs", vetoes=(veto,))),
        (theirs, Skip(theirs.key, "not theirs", vetoes=(veto,), live=theirs)),
        (live(), Skip(theirs.key, "not theirs", vetoes=(veto,), live=live())),
        (done, Unchanged(done.key, "owned by new", None, done.image, live=done, desired=as_it_is(done))),
        (
            copied,
            Skip(
                copied.key,
                "not theirs",
                None,
                copied.image,
                vetoes=(copied_veto(copied),),
                live=copied,
                desired=as_it_is(copied),
            ),
        ),
    ]
    for tag, change in cases:
        assert RENAMER.change(Desired(tag.key if tag else gone, {}, Origin("x", 1)), tag) == change
    again = RENAMER.change(Desired(OWNED.key, {}, Origin("x", 1)), OWNED)
    assert (again.key, again.origin, again.image) == (OWNED.key, None, OWNED.image)
    assert (again.live, again.desired) == (OWNED, as_it_is(OWNED))


def test_a_plan_of_a_rename_is_of_the_new_owner_and_in_key_order():
    tags_there = [synced(desired(f"team-{name}/app:v1")) for name in "cab"]
    plan = renamed(*tags_there)
    assert (plan.owner, plan.scope, plan.gates, plan.complete) == ("new", EVERYWHERE, (), True)
    assert [change.key.namespace for change in plan.changes] == ["team-a", "team-b", "team-c"]


def test_nothing_but_the_mark_changes():
    document = ist.document_of(OWNED)
    after = apply_patch(document, renamed(OWNED).changes[0].requests[0].body)
    assert after["metadata"]["annotations"].pop(ist.OWNER) == "new team-a/app:v1"
    document["metadata"]["annotations"].pop(ist.OWNER)
    assert after == document


def test_a_copied_mark_is_left_and_said():
    (change,) = renamed(live(annotations={ist.OWNER: f"{OWNER} team-b/app:v1"})).changes
    assert isinstance(change, Skip)
    assert [(veto.code, "team-b/app:v1" in veto.message) for veto in change.vetoes] == [("copied", True)]


def test_tags_of_others_and_of_nobody_are_not_even_named():
    others = [synced(desired(f"team-a/app:v{n}"), owner=owner) for n, owner in enumerate(["new", "demo2", "my/demo"])]
    assert renamed(*others, live()).changes == ()


def test_a_namespace_that_may_not_be_listed_makes_the_plan_incomplete():
    plan = renamed(OWNED, forbidden={"team-b": "no"})
    assert not plan.complete
    assert [(problem.code, problem.severity) for problem in plan.problems] == [("forbidden", Severity.ERROR)]


@pytest.mark.parametrize(
    ("again", "kind"),
    [
        (OWNED, Update),
        (synced(desired(), owner="new"), Unchanged),
        (synced(desired(), owner="theirs"), Skip),
        (live(), Skip),
        (None, Skip),
    ],
)
def test_a_tag_that_is_read_again_is_renamed_only_while_it_is_the_old_owners(again, kind):
    assert isinstance(RENAMER.change(desired(), again), kind)


owners = st.sampled_from([OWNER, "new", "theirs", None])
sources = st.one_of(st.just({"kind": "DockerImage", "name": "q/x:1"}), st.just(follows("app:v2")))


@given(st.dictionaries(st.sampled_from(["v1", "v2", "v3"]), st.tuples(owners, sources, st.booleans())))
def test_a_rename_never_deletes_or_creates_and_writes_no_tag_of_others(given_tags):
    tags = []
    for tag, (owner, source, copied) in given_tags.items():
        name = f"team-a/app:{tag}"
        mark = {ist.OWNER: ist.owner_mark(owner, key("b/c:d" if copied else name))} if owner else {}
        tags.append(live(name, spec={"from": source}, annotations=mark))
    plan = renamed(*tags)
    written = {str(change.key) for change in plan.changes if change.requests}
    assert {request.method for change in plan.changes for request in change.requests} <= {"PATCH"}
    assert written == {f"team-a/app:{tag}" for tag, (o, _, copied) in given_tags.items() if o == OWNER and not copied}


@pytest.mark.parametrize(
    "owner", ["a b", " a", "a ", "a\nb", "a\tb", "\x00", "a\u00a0b", "a\u202eb", "a\u200bb", "\udc80", "a\x7f"]
)
def test_an_owner_that_could_be_taken_for_another_is_wrong_usage(owner):
    with pytest.raises(UsageError, match="--owner") as caught:
        ist.check_owner(owner, "--owner")
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("owner", ["", "git.example.com/tags", "team:a@b/c%20d", "größe", "a'b\"c\\"])
def test_what_a_url_can_hold_is_an_owner(owner):
    assert ist.check_owner(owner, "--owner") == owner
    if owner:
        tag = live(annotations={ist.OWNER: ist.owner_mark(owner, key())})
        assert ist.owner_of(tag) == (owner, True)
