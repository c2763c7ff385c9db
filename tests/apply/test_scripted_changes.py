"""One change and a writer by script: each answer of the server, what a fresh read may show, and what comes of it."""

from types import SimpleNamespace

import pytest
from builders import DIGEST, desired, follows, image, key, live, live_state, manifests, policy, synced
from msgspec.structs import replace

from syncer.apply import Applier, changes
from syncer.errors import (
    AlreadyExistsError,
    ClusterError,
    ConflictError,
    InvalidError,
    NotFoundError,
    NotSentError,
    UnreachableError,
)
from syncer.imagestreamtag import OWNER as MARK
from syncer.model import Import, ImportState, Outcome, Skip, Unchanged
from syncer.plan import Planner, make_plan

APP, BASE = key(), key("team-a/base:v1")
NEW = image("q/x:2")
MOVED = desired(from_=NEW)
OURS = synced(desired())
OTHER_DIGEST = "sha256:" + "2" * 64
LOST, REFUSED, CONFLICT = UnreachableError("it broke"), InvalidError("422"), ConflictError("409")


class Script:
    """Answers sends and reads one after the other; the last read stays, and sends that are not told of succeed."""

    def __init__(self, *sends, reads=((),)):
        self.sends, self.reads = list(sends), list(reads)
        self.sent, self.asked = [], []

    def send(self, request):
        self.sent.append(request)
        if self.sends and (error := self.sends.pop(0)):
            raise error

    def read_stream(self, namespace, stream):
        self.asked.append((namespace, stream))
        tags = self.reads.pop(0) if len(self.reads) > 1 else self.reads[0]
        if isinstance(tags, Exception):
            raise tags
        return None if tags is None else {tag.key: tag for tag in tags}


def planned(wanted, *tags, **more):
    """Plan one desired tag, or none; give its change."""
    state = live_state(*tags)
    plan = make_plan(manifests(*([wanted] if wanted else ())), state, policy(allow_empty=True, **more))
    return next(change for change in plan.changes if change.key == (wanted or tags[0]).key)


def applied(change, writer, *, tags=(), **more):
    """Apply a change; tags are what the planner knows of the cluster besides."""
    noted = []
    planner = Planner(policy(), live_state(*tags), {})
    outcome = Applier(writer, planner.change, note=noted.append, **more).apply(change)
    assert noted == ([outcome] if change.requests else [])
    return outcome


@pytest.fixture
def slept(monkeypatch):
    pauses = []
    monkeypatch.setattr(changes, "PAUSE", 1)
    monkeypatch.setattr(changes, "time", SimpleNamespace(sleep=pauses.append))
    return pauses


CREATE, UPDATE, PRUNE = planned(desired()), planned(MOVED, OURS), planned(None, OURS)


# ------------------------------------------------------------------------------------------------ what is done at once


@pytest.mark.parametrize(
    ("change", "reads", "outcome"),
    [
        (CREATE, [()], Outcome(APP, "created", wrote="yes")),
        (UPDATE, [(OURS,)], Outcome(APP, "configured", wrote="yes")),
        (PRUNE, [(OURS,)], Outcome(APP, "pruned", wrote="yes")),
        (Unchanged(APP), [()], Outcome(APP, "unchanged")),
        (Skip(APP), [()], Outcome(APP, "skipped")),
    ],
    ids=["create", "update", "prune", "unchanged", "skip"],
)
def test_a_change_that_meets_nothing_is_done_by_its_requests(change, reads, outcome):
    writer = Script(reads=reads)
    assert applied(change, writer) == outcome
    assert writer.sent == list(change.requests)
    assert writer.asked == [("team-a", "app")] * (change is PRUNE)


@pytest.mark.parametrize("change", [CREATE, UPDATE, PRUNE], ids=["create", "update", "prune"])
def test_what_the_server_refuses_for_good_fails_with_its_words(change):
    writer = Script(ClusterError("403: no"), reads=[(OURS,)])
    assert applied(change, writer) == Outcome(APP, "failed", "403: no")
    assert len(writer.sent) == 1


@pytest.mark.parametrize("change", [CREATE, UPDATE, PRUNE], ids=["create", "update", "prune"])
def test_once_a_run_is_stopped_nothing_is_sent_or_read(change):
    writer = Script()
    assert applied(change, writer, stopped=lambda: True) == Outcome(APP, "skipped", "interrupted before it was written")
    assert (writer.sent, writer.asked) == ([], [])


def test_a_change_that_does_not_say_what_git_asks_for_is_sent_and_waits_for_nothing():
    writer = Script()
    assert applied(replace(CREATE, desired=None), writer) == Outcome(APP, "created", wrote="yes")
    assert writer.asked == []


def test_a_write_that_is_left_is_noted_with_its_reason():
    noted = []
    outcome = Applier(Script(), lambda *_: None, note=noted.append).leave(PRUNE, "it is needed")
    assert noted == [outcome] == [Outcome(APP, "skipped", "it is needed")]


# --------------------------------------------------------------------------------------------- answers that never came


@pytest.mark.parametrize("change", [CREATE, UPDATE], ids=["create", "update"])
def test_what_did_not_land_is_sent_again_after_pauses_that_double_and_four_times_in_all(slept, change):
    before = () if change is CREATE else (OURS,)
    writer = Script(LOST, LOST, LOST, reads=[before])
    assert applied(change, writer).result == ("created" if change is CREATE else "configured")
    assert (len(writer.sent), slept) == (4, [2, 4, 8])
    never = Script(LOST, LOST, LOST, LOST, reads=[before])
    assert applied(change, never) == Outcome(APP, "failed", "it broke", wrote="unknown")
    assert len(never.sent) == 4


def test_a_delete_that_did_not_land_is_sent_again_after_pauses_that_double_and_four_times_in_all(slept):
    writer = Script(LOST, CONFLICT, LOST, reads=[(OURS,)])
    assert applied(PRUNE, writer) == Outcome(APP, "pruned", wrote="yes")
    assert (len(writer.sent), len(writer.asked), slept) == (4, 4, [1, 2, 4])
    never = Script(*[LOST] * 4, reads=[(OURS,)])
    assert applied(PRUNE, never) == Outcome(APP, "failed", "it broke", wrote="unknown")
    assert (len(never.sent), slept[3:]) == (4, [1, 2, 4])
    busy = Script(*[CONFLICT] * 4, reads=[(OURS,)])
    assert applied(PRUNE, busy) == Outcome(APP, "failed", "409")


@pytest.mark.usefixtures("slept")
def test_what_was_never_sent_is_known_not_to_have_landed():
    unsent = NotSentError("no connection")
    assert applied(CREATE, Script(*[unsent] * 4)) == Outcome(APP, "failed", "no connection", wrote="no")
    assert applied(CREATE, Script(LOST, *[unsent] * 3)).wrote == "unknown"
    assert applied(CREATE, Script(unsent)) == Outcome(APP, "created", wrote="yes")


@pytest.mark.parametrize(
    ("change", "now", "result"),
    [(CREATE, OURS, "created"), (UPDATE, synced(MOVED), "configured"), (PRUNE, None, "pruned")],
    ids=["create", "update", "prune"],
)
def test_what_landed_although_no_answer_came_is_not_sent_again(slept, change, now, result):
    reads = [(OURS,), ()] if change is PRUNE else [(now,)]
    writer = Script(LOST, reads=reads)
    assert applied(change, writer) == Outcome(APP, result, wrote="unknown")
    assert (len(writer.sent), len(slept)) == (1, 1)


@pytest.mark.parametrize("change", [CREATE, UPDATE], ids=["create", "update"])
def test_where_nothing_can_be_read_after_a_lost_answer_the_loss_is_what_is_told(slept, change):
    writer = Script(LOST, reads=[ClusterError("nor read")])
    assert applied(change, writer) == Outcome(APP, "failed", "it broke", wrote="unknown")
    assert len(slept) == 1


def test_where_no_stream_can_be_read_before_a_delete_the_first_loss_is_what_is_told(slept):
    assert applied(PRUNE, Script(reads=[ClusterError("nor read")])) == Outcome(APP, "failed", "nor read")
    writer = Script(LOST, CONFLICT, reads=[(OURS,), (OURS,), ClusterError("nor read")])
    assert applied(PRUNE, writer) == Outcome(APP, "failed", "it broke", wrote="unknown")
    assert slept == [1, 2]


def test_a_create_that_was_lost_and_is_there_as_another_is_sent_again_and_refused(slept):
    theirs = live(spec={"from": NEW})
    writer = Script(LOST, AlreadyExistsError("409 there"), reads=[(theirs,)])
    message = "changed since it was planned, left alone (409 there)"
    assert applied(CREATE, writer) == Outcome(APP, "failed", message, wrote="unknown")
    assert (len(writer.sent), slept) == (2, [2])


def test_an_update_whose_tag_is_gone_after_a_lost_answer_did_not_land(slept):
    writer = Script(LOST, REFUSED, reads=[()])
    message = "changed since it was planned, left alone (422)"
    assert applied(UPDATE, writer) == Outcome(APP, "failed", message, wrote="unknown")
    assert (len(writer.sent), slept) == (2, [2])
    nowhere = Script(LOST, REFUSED, reads=[None])
    assert applied(UPDATE, nowhere).error == message


FAILED = synced(desired(), digest="", state=ImportState.FAILED)


@pytest.mark.parametrize(("generation", "sends"), [(2, 2), (3, 1)], ids=["as it was", "another one"])
def test_an_import_was_asked_for_again_where_the_generation_is_another(slept, generation, sends):
    change = planned(desired(), FAILED, retry_imports=True)
    now = replace(FAILED, spec={**FAILED.spec, "generation": generation})
    writer = Script(LOST, reads=[(now,)])
    assert applied(change, writer).result == "configured"
    assert (len(writer.sent), len(slept)) == (sends, 1)


def test_an_import_was_not_asked_for_again_where_what_goes_along_with_it_is_not_there(slept):
    change = planned(desired(fields={"/metadata/annotations/a": "b"}), FAILED, retry_imports=True)
    now = replace(FAILED, spec={**FAILED.spec, "generation": 3})
    writer = Script(LOST, reads=[(now,)])
    assert applied(change, writer).result == "configured"
    assert (len(writer.sent), len(slept)) == (2, 1)


def test_an_update_did_not_land_where_it_could_not_even_be_applied_to_what_is_there(slept):
    noted = synced(desired(fields={"/metadata/annotations/a": "b"}))
    change = planned(desired(), noted)
    gone = replace(noted, annotations={name: text for name, text in noted.annotations.items() if name != "a"})
    writer = Script(LOST, reads=[(gone,)])
    assert applied(change, writer) == Outcome(APP, "configured", wrote="yes")
    assert (len(writer.sent), slept) == (2, [2])


# ------------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("error", [REFUSED, CONFLICT, AlreadyExistsError("409 there")], ids=["422", "409", "there"])
def test_what_is_found_as_desired_after_a_refusal_is_somebody_elses_work(slept, error):
    for change, now in ((CREATE, OURS), (UPDATE, synced(MOVED))):
        writer = Script(error, reads=[(now,)])
        assert applied(change, writer) == Outcome(APP, "unchanged")
        assert (len(writer.sent), writer.asked) == (1, [("team-a", "app")])
    assert slept == []


def test_what_nothing_has_moved_and_the_server_refuses_fails_with_its_words_and_is_sent_once():
    writer = Script(REFUSED, reads=[(OURS,)])
    assert applied(UPDATE, writer) == Outcome(APP, "failed", "422")
    assert len(writer.sent) == 1


def test_a_conflict_is_met_by_sending_the_same_again_four_times_in_all():
    writer = Script(CONFLICT, CONFLICT, CONFLICT, reads=[(OURS,)])
    assert applied(UPDATE, writer) == Outcome(APP, "configured", wrote="yes")
    assert writer.sent == [*UPDATE.requests] * 4
    busy = Script(*[CONFLICT] * 4, reads=[(OURS,)])
    assert applied(UPDATE, busy) == Outcome(APP, "failed", "409")
    assert len(busy.sent) == 4


def test_an_update_that_has_the_same_effect_by_other_requests_is_sent_anew():
    unrecorded = replace(OURS, annotations={MARK: OURS.annotations[MARK]})
    again = planned(MOVED, unrecorded)
    assert again.requests != UPDATE.requests
    writer = Script(REFUSED, reads=[(unrecorded,)])
    assert applied(UPDATE, writer) == Outcome(APP, "configured", wrote="yes")
    assert writer.sent == [*UPDATE.requests, *again.requests]
    refused = Script(*[REFUSED] * 4, reads=[(unrecorded,), (OURS,), (unrecorded,), (OURS,)])
    assert applied(UPDATE, refused) == Outcome(APP, "failed", "422")


@pytest.mark.parametrize(
    "now",
    [
        (synced(desired(from_=image("q/x:9"))),),
        (synced(desired(), spec={"from": image("q/x:9")}),),
        (synced(desired(), owner="rival"),),
        (),
        None,
    ],
    ids=["both", "drift", "another owner", "gone", "no stream"],
)
def test_what_is_no_longer_the_approved_change_is_left_alone_and_says_so(now):
    writer = Script(REFUSED, reads=[now])
    assert applied(UPDATE, writer) == Outcome(APP, "failed", "changed since it was planned, left alone (422)")
    assert len(writer.sent) == 1


def test_a_refused_half_of_a_cure_is_not_planned_again():
    wanted, base = desired(from_=follows("base:v1")), synced(desired(str(BASE)), digest=OTHER_DIGEST)
    change = planned(wanted, synced(wanted), base)
    assert len(change.requests) == 2
    writer = Script(REFUSED, reads=[(base,)])
    assert applied(change, writer) == Outcome(APP, "failed", "changed since it was planned, left alone (422)")
    assert len(writer.sent) == 1
    second = Script(None, REFUSED, reads=[(base,), (base,), (synced(wanted),)])
    assert applied(change, second) == Outcome(
        APP, "failed", "changed since it was planned, left alone (422)", wrote="yes"
    )


# ------------------------------------------------------------------------------------------------------- late vetoes


def test_a_prune_that_is_no_longer_right_is_left_and_every_reason_told():
    protected = synced(MOVED, annotations={"helm.sh/resource-policy": "keep"})
    sibling = live("team-a/app:prod", spec={"from": follows("v1")})
    writer = Script(reads=[(protected, sibling)])
    why = "changed since it was planned; it is protected by helm.sh/resource-policy: keep; team-a/app:prod, which stays"
    assert applied(PRUNE, writer) == Outcome(APP, "skipped", f"{why}, follows it")
    assert (writer.sent, writer.asked) == ([], [("team-a", "app")])


@pytest.mark.parametrize("now", [(), None, (live("team-a/app:other"),)], ids=["empty", "no stream", "others"])
def test_a_tag_that_is_gone_before_it_is_pruned_is_unchanged(now):
    writer = Script(reads=[now])
    assert applied(PRUNE, writer) == Outcome(APP, "unchanged")
    assert writer.sent == []


def test_only_the_api_server_can_say_that_a_tag_was_gone_when_it_was_to_be_deleted():
    absent, page = NotFoundError("404: gone", reason="NotFound"), NotFoundError("404: a page")
    assert applied(PRUNE, Script(absent, reads=[(OURS,)])) == Outcome(APP, "unchanged")
    assert applied(PRUNE, Script(page, reads=[(OURS,)])) == Outcome(APP, "failed", "404: a page")


# --------------------------------------------------------------------------------------------------------- followers


FOLLOWER = desired(from_=follows("base:v1"))


def base(state=ImportState.IMPORTED, digest=DIGEST, **more):
    return replace(live(str(BASE)), image=Import(state, digest, **more))


@pytest.mark.parametrize(
    ("followed", "lack"),
    [
        ((), "which does not exist"),
        (None, "which does not exist"),
        ((base(ImportState.FAILED, "", message="no such host"),), "whose import failed: no such host"),
        ((base(ImportState.PENDING, ""),), "still not imported after 0.0625 s (--wait waits longer)"),
        ((base(ImportState.NONE, ""),), "which has no image"),
        ((base(),), ""),
    ],
    ids=["absent", "no stream", "failed", "pending", "none", "there"],
)
def test_a_follower_in_another_stream_is_written_once_its_image_is_there_or_says_what_is_lacking(followed, lack):
    writer = Script(reads=[followed])
    outcome = applied(planned(FOLLOWER), writer, patience=0.0625)
    failed = Outcome(APP, "failed", f"it follows team-a/base:v1, {lack}")
    assert outcome == (failed if lack else Outcome(APP, "created", wrote="yes"))
    assert len(writer.sent) == (not lack)
    assert set(writer.asked) == {("team-a", "base")}


def test_a_tag_that_is_pointed_to_another_one_waits_for_its_image():
    for wanted in (FOLLOWER, desired(from_=follows("base:v1"), fields={"/tag/importPolicy/scheduled": True})):
        writer = Script(reads=[(base(ImportState.NONE, ""),)])
        assert applied(planned(wanted, OURS), writer).error == "it follows team-a/base:v1, which has no image"
        assert writer.sent == []


def test_a_follower_whose_record_is_written_anew_is_written_though_it_has_its_image():
    tag = replace(synced(FOLLOWER), annotations={MARK: OURS.annotations[MARK]})
    change = planned(FOLLOWER, tag)
    assert change.fields == ()
    writer = Script(reads=[(base(),)])
    assert applied(change, writer) == Outcome(APP, "configured", wrote="yes")
    assert len(writer.sent) == 1


def test_a_follower_that_only_gets_an_annotation_and_a_reference_wait_for_nothing():
    noted = desired(from_=follows("base:v1"), fields={"/metadata/annotations/a": "b"})
    writer = Script()
    assert applied(planned(noted, synced(FOLLOWER)), writer) == Outcome(APP, "configured", wrote="yes")
    reference = desired(from_=follows("base:v1"), fields={"/tag/reference": True})
    assert applied(planned(reference), writer) == Outcome(APP, "created", wrote="yes")
    assert writer.asked == []


def test_a_follower_within_the_stream_waits_only_for_an_import_that_it_would_end():
    source = live("team-a/app:base")
    change = planned(desired(from_=follows("base")))
    pending = replace(source, image=Import(ImportState.PENDING, DIGEST))
    for reads, asked in [
        ([(source,)], 1),
        ([(replace(source, image=Import(ImportState.PENDING)),)], 1),
        ([()], 1),
        ([None], 1),
        ([(pending,), (pending,), (source,)], 3),
    ]:
        writer = Script(reads=reads)
        assert applied(change, writer) == Outcome(APP, "created", wrote="yes")
        assert writer.asked == [("team-a", "app")] * asked
    other = desired(from_=follows("app:v1", "team-b"))
    writer = Script(reads=[()])
    assert applied(planned(other), writer).error == "it follows team-b/app:v1, which does not exist"


def test_a_tag_that_takes_an_image_by_digest_waits_for_the_imports_of_that_stream_where_it_takes_one():
    pinned = {"kind": "ImageStreamImage", "name": f"base@{OTHER_DIGEST}"}
    writer = Script(reads=[(base(ImportState.PENDING, ""),), (base(),)])
    assert applied(planned(desired(from_=pinned)), writer) == Outcome(APP, "created", wrote="yes")
    assert writer.asked == [("team-a", "base")] * 2
    noted = desired(from_=pinned, fields={"/metadata/annotations/a": "b"})
    writer = Script(reads=[(base(),)])
    assert applied(planned(noted, synced(desired(from_=pinned))), writer).result == "configured"
    assert writer.asked == []
    writer = Script(reads=[(base(ImportState.PENDING, ""),)])
    assert applied(planned(desired(from_=pinned)), writer, patience=0.0).result == "created"
    assert len(writer.asked) == 1


def test_a_run_that_is_stopped_while_a_follower_waits_writes_nothing():
    asked = []
    writer = Script(reads=[(base(ImportState.PENDING, ""),)])
    outcome = applied(planned(FOLLOWER), writer, patience=60.0, stopped=lambda: asked.append(1) or len(asked) > 1)
    assert outcome == Outcome(APP, "skipped", "interrupted before it was written")
    assert writer.sent == []
    asked.clear()
    pinned = desired(from_={"kind": "ImageStreamImage", "name": f"base@{OTHER_DIGEST}"})
    writer = Script(reads=[(base(ImportState.PENDING, ""),)])
    outcome = applied(planned(pinned), writer, patience=0.3, stopped=lambda: asked.append(1) or len(asked) > 1)
    assert (outcome.result, len(writer.asked)) == ("skipped", 1)
    asked.clear()
    own = live("team-a/app:base")
    writer = Script(reads=[(replace(own, image=Import(ImportState.PENDING, DIGEST)),)])
    change = planned(desired(from_=follows("base")))
    outcome = applied(change, writer, patience=60.0, stopped=lambda: asked.append(1) or len(asked) > 1)
    assert (outcome.result, len(asked)) == ("skipped", 3)


def test_a_follower_that_was_to_take_an_image_and_has_it_by_now_is_unchanged():
    cure = planned(FOLLOWER, synced(FOLLOWER), synced(desired(str(BASE)), digest=OTHER_DIGEST))
    assert cure.reason == "follower behind"
    kept = Script(reads=[(base(),)])
    assert applied(cure, kept) == Outcome(APP, "unchanged")
    assert kept.sent == []
    moved = Script(reads=[(base(digest=OTHER_DIGEST),)])
    assert applied(cure, moved) == Outcome(APP, "configured", wrote="yes")
    assert moved.sent == list(cure.requests)


def test_a_follower_that_gets_something_else_too_is_written_also_where_it_has_its_image():
    wanted = desired(from_=follows("base:v1"), fields={"/metadata/annotations/a": "b"})
    change = planned(wanted, synced(FOLLOWER), synced(desired(str(BASE)), digest=OTHER_DIGEST))
    assert (len(change.requests), len(change.fields)) == (2, 1)
    writer = Script(reads=[(base(),)])
    assert applied(change, writer) == Outcome(APP, "configured", wrote="yes")


# ----------------------------------------------------------------------------------------------- imports that failed


def test_an_import_that_failed_is_pending_where_another_source_was_given_and_open_where_it_was_asked_for_again():
    failed = replace(FAILED, image=Import(ImportState.FAILED, DIGEST, "no such host", "2026-01-01T00:00:00Z"))
    for wanted, more, told in [
        (MOVED, {}, Import(ImportState.PENDING, DIGEST)),
        (
            desired(),
            {"retry_imports": True},
            Import(
                ImportState.FAILED,
                DIGEST,
                "no such host (it was asked for again since; the server shows no newer result)",
                "2026-01-01T00:00:00Z",
                asked_again=True,
            ),
        ),
        (desired(fields={"/metadata/annotations/a": "b"}), {}, None),
    ]:
        change = planned(wanted, failed, **more)
        assert applied(change, Script()) == Outcome(APP, "configured", image=told, wrote="yes")
    pending = replace(OURS, image=Import(ImportState.PENDING, DIGEST))
    assert applied(planned(MOVED, pending), Script()).image is None
