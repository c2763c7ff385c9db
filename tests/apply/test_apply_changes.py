"""One change at a time, on a cluster and a network that misbehave between its steps."""

import pytest
from builders import desired, follows, image, key
from meddling import Meddled, applied, lose, once, planned
from world import World, docker, front, tag

from syncer import imagestreamtag
from syncer.apply import Applier
from syncer.cluster import ClusterWriter
from syncer.errors import ClusterError, ConflictError, NotSentError
from syncer.model import Create, Skip, Unchanged

APP = "team-a/app:v1"
OTHER = "team-a/app:other"
OLD = "registry.example.com/team/app:v1"
NEW = "registry.example.com/team/app:v2"
ABSENT = "registry.invalid/team/app:v1"

WANTED = {"POST": [desired(APP, from_=image(OLD))], "PATCH": [desired(APP, from_=image(NEW))], "DELETE": []}
DONE = {"POST": "created", "PATCH": "configured", "DELETE": "pruned"}
LEFT = {"POST": OLD, "PATCH": NEW, "DELETE": None}
methods = pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])


def prepared(world, method):
    if method != "POST":
        world.sync(tag(APP, OLD))


def source(world, text=APP):
    spec = world.spec(text)
    return spec and spec["from"]["name"]


# ---------------------------------------------------------------------------------------------- answers that are lost


@methods
@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_request_that_did_not_land_is_sent_again(world, method, lost):
    prepared(world, method)
    writer = Meddled(world.client, before=lose(*range(lost)))
    outcome = applied(world, *WANTED[method], writer=writer)[APP]
    assert (outcome.result, outcome.error) == (DONE[method], "")
    assert (len(writer.sent), source(world)) == (lost + 1, LEFT[method])


@methods
def test_a_request_that_landed_although_no_answer_came_is_not_sent_again(world, method):
    prepared(world, method)
    writer = Meddled(world.client, after=lose(0))
    outcome = applied(world, *WANTED[method], writer=writer)[APP]
    assert (outcome.result, outcome.error) == (DONE[method], "")
    assert (len(writer.sent), source(world)) == (1, LEFT[method])


@methods
def test_a_request_that_never_lands_fails_in_the_end(world, method):
    prepared(world, method)
    writer = Meddled(world.client, before=lose(*range(100)))
    outcome = applied(world, *WANTED[method], writer=writer)[APP]
    assert (outcome.result, "the connection broke" in outcome.error) == ("failed", True)
    assert (len(writer.sent), source(world)) == (4, None if method == "POST" else OLD)


def test_a_create_that_was_lost_while_somebody_else_made_the_tag_leaves_theirs(world):
    def rival(number, request):
        if number == 0:
            world.post(tag(APP, NEW))
        lose(0)(number, request)

    outcome = applied(world, *WANTED["POST"], writer=Meddled(world.client, before=rival))[APP]
    assert (outcome.result, source(world)) == ("failed", NEW)


def test_a_prune_whose_answer_was_lost_does_not_delete_what_was_made_since(world):
    world.sync(tag(APP, OLD))

    def made_again(number, request):
        world.post(tag(APP, NEW))
        lose(0)(number, request)

    outcome = applied(world, writer=Meddled(world.client, after=made_again))[APP]
    assert (outcome.result, outcome.error, source(world)) == ("skipped", "changed since it was planned", NEW)


BASE, WEB = "team-a/base:v1", "team-a/web:prod"
FOLLOW = [desired(BASE, from_=image(NEW)), desired(WEB, from_=follows("base:v1"))]


def behind(importing):
    """Leave a follower in another stream behind; give its image."""
    importing.sync(tag(BASE, OLD), tag(WEB, {"kind": "ImageStreamTag", "name": "base:v1"}))
    importing.sync(tag(BASE, NEW), wait=5.0, prune=False)
    (old,) = importing.items(WEB)
    assert importing.items(BASE)[0] != old
    return old


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("landed", [True, False])
def test_a_lost_half_of_the_cure_for_a_follower_is_made_up_for(importing, number, landed):
    old = behind(importing)
    loss = {"after" if landed else "before": lose(number)}
    writer = Meddled(importing.client, **loss)
    assert applied(importing, *FOLLOW, writer=writer)[WEB].result == "configured"
    assert importing.items(WEB)[0] == importing.items(BASE)[0]
    assert importing.items(WEB)[-1] == old
    assert importing.spec(WEB)["importPolicy"]["importMode"] == "Legacy"


def test_a_cure_that_was_cut_in_half_is_finished_by_the_next_run(importing):
    behind(importing)
    cut = Meddled(importing.client, before=lose(*range(1, 100)))
    assert applied(importing, *FOLLOW, writer=cut)[WEB].result == "failed"
    assert importing.spec(WEB)["importPolicy"]["importMode"] == "PreserveOriginal"
    assert applied(importing, *FOLLOW)[WEB].result == "configured"
    assert importing.spec(WEB)["importPolicy"]["importMode"] == "Legacy"
    assert importing.items(WEB)[0] == importing.items(BASE)[0]
    assert applied(importing, *FOLLOW)[WEB].result == "unchanged"


# --------------------------------------------------------------------------------------------------- creates that race


def test_a_create_that_another_run_of_this_owner_was_quicker_with_is_unchanged(world):
    (create,) = planned(world, *WANTED["POST"])[0].changes
    same = create.requests[0].body
    writer = Meddled(world.client, before=once(lambda: world.post(same)))
    outcome = applied(world, *WANTED["POST"], writer=writer)[APP]
    assert (outcome.result, outcome.error, outcome.wrote) == ("unchanged", "", "no")
    assert len(writer.sent) == 1


@pytest.mark.parametrize("rival", [tag(APP, OLD), tag(APP, NEW)], ids=["the same", "another"])
def test_a_create_that_somebody_else_was_quicker_with_leaves_theirs(world, rival):
    writer = Meddled(world.client, before=once(lambda: world.post(rival)))
    outcome = applied(world, *WANTED["POST"], writer=writer)[APP]
    assert (outcome.result, outcome.error.startswith("changed since it was planned")) == ("failed", True)
    assert (len(writer.sent), source(world)) == (1, rival["tag"]["from"]["name"])
    assert imagestreamtag.OWNER not in (world.spec(APP)["annotations"] or {})


def test_a_stream_that_somebody_makes_meanwhile_does_not_matter(world):
    writer = Meddled(world.client, before=once(lambda: world.post(tag(OTHER))))
    assert applied(world, *WANTED["POST"], writer=writer)[APP].result == "created"


# ------------------------------------------------------------------------------------------------- guards of an update


@pytest.mark.parametrize(
    ("meddle", "result"),
    [
        (lambda world: world.post(tag(OTHER)), "configured"),
        (lambda world: world.annotate(APP, theirs="x"), "configured"),
        (lambda world: world.api.push("team-a", "app", "v1"), "configured"),
        (lambda world: world.point(APP, "registry.example.com/team/app:hotfix"), "failed"),
        (lambda world: world.annotate(APP, **{imagestreamtag.OWNER: f"rival {APP}"}), "failed"),
        (lambda world: world.delete(APP), "failed"),
        (lambda world: world.delete_stream(APP), "failed"),
    ],
    ids=["sibling", "annotation", "push", "from", "owner", "tag deleted", "stream deleted"],
)
def test_an_update_is_written_unless_what_it_touches_has_moved(world, meddle, result):
    world.sync(tag(APP, OLD))
    writer = Meddled(world.client, before=once(lambda: meddle(world)))
    outcome = applied(world, *WANTED["PATCH"], writer=writer)[APP]
    assert outcome.result == result
    assert (source(world) == NEW) is (result == "configured")
    if result == "failed":
        assert (len(writer.sent), outcome.error.startswith("changed since it was planned")) == (1, True)


def test_a_field_beside_the_one_that_git_changed_is_somebody_elses_to_move(world):
    world.sync(tag(APP, OLD))
    insecure = [{"op": "add", "path": "/tag/importPolicy/insecure", "value": True}]
    writer = Meddled(world.client, before=once(lambda: world.patch(APP, insecure)))
    assert applied(world, *WANTED["PATCH"], writer=writer)[APP].result == "configured"
    assert world.spec(APP)["importPolicy"]["insecure"] is True


def test_an_update_that_another_run_of_this_owner_was_quicker_with_is_unchanged(world):
    world.sync(tag(APP, OLD))
    writer = Meddled(world.client, before=once(lambda: world.sync(tag(APP, NEW), owner="demo")))
    outcome = applied(world, *WANTED["PATCH"], writer=writer)[APP]
    assert (outcome.result, outcome.error, outcome.wrote) == ("unchanged", "", "no")
    assert len(writer.sent) == 1


@methods
@pytest.mark.parametrize(
    ("loss", "wrote"),
    [
        ({}, "yes"),
        ({"before": lose(0)}, "yes"),
        ({"after": lose(0)}, "unknown"),
        ({"before": lose(*range(100))}, "unknown"),
        ({"before": lose(*range(100), error=NotSentError)}, "no"),
    ],
    ids=["answered", "sent again", "found although no answer came", "never known", "never sent"],
)
def test_a_run_knows_whether_it_was_itself_that_wrote(world, method, loss, wrote):
    prepared(world, method)
    noted = []
    (outcome,) = applied(world, *WANTED[method], writer=Meddled(world.client, **loss), note=noted.append).values()
    assert (outcome.wrote, noted) == (wrote, [outcome])


def test_a_create_that_was_refused_after_a_lost_answer_may_be_its_own(world):
    (create,) = planned(world, *WANTED["POST"])[0].changes

    def rival(number, request):
        if number == 1:
            world.post(create.requests[0].body)
        lose(0)(number, request)

    outcome = applied(world, *WANTED["POST"], writer=Meddled(world.client, before=rival))[APP]
    assert (outcome.result, outcome.wrote) == ("created", "unknown")


def test_a_change_that_the_server_refuses_fails_with_the_servers_words_and_is_not_repeated(world):
    writer = Meddled(world.client)
    outcome = applied(world, desired(APP, from_=image("no pull spec!")), writer=writer)[APP]
    assert (outcome.result, "no pull spec!" in outcome.error) == ("failed", True)
    assert len(writer.sent) == 1
    assert "changed since" not in outcome.error


def test_what_is_left_alone_is_told_with_the_servers_words(world):
    prepared(world, "PATCH")
    moved = once(lambda: world.point(APP, "registry.example.com/team/app:v3"))
    outcome = applied(world, *WANTED["PATCH"], writer=Meddled(world.client, before=moved))[APP]
    assert outcome.error.startswith("changed since it was planned, left alone (PATCH /apis/image.openshift.io/v1/")
    assert "/app:v1: 422 Invalid: " in outcome.error


@pytest.mark.parametrize("fields", [{}, {"/metadata/annotations/note": "x"}], ids=["alone", "beside a change"])
@pytest.mark.parametrize("landed", [True, False])
def test_an_import_is_asked_for_once_more_and_not_twice_whether_its_answer_was_lost_or_the_request(
    importing, landed, fields
):
    importing.sync(tag(APP, ABSENT), wait=5.0)
    before = importing.spec(APP)["generation"]
    writer = Meddled(importing.client, **{"after" if landed else "before": lose(0)})
    outcome = applied(importing, desired(APP, fields, from_=image(ABSENT)), writer=writer, retry_imports=True)[APP]
    assert (outcome.result, outcome.error) == ("configured", "")
    assert len(writer.sent) == (1 if landed else 2)
    assert importing.spec(APP)["generation"] == before + 1


def test_a_follower_whose_tag_was_to_move_and_did_not_is_left_as_it_is(importing):
    apart = {"kind": "ImageStreamTag", "name": "base:v1", "namespace": "team-b"}
    importing.sync(tag("team-b/base:v1", OLD), tag(WEB, apart), wait=5.0)
    wanted = [desired("team-b/base:v1", from_=image("no pull spec!")), desired(WEB, from_=apart)]
    writer = Meddled(importing.client)
    outcomes = applied(importing, *wanted, writer=writer)
    assert outcomes["team-b/base:v1"].result == "failed"
    assert (outcomes[WEB].result, outcomes[WEB].wrote) == ("unchanged", "no")
    assert [name for _, name in writer.names if name == "web:v1"] == []


# ---------------------------------------------------------------------------------------------- late vetoes of a prune


def protect(world):
    patch = {"metadata": {"annotations": {"syncer.dev/prune": "disabled"}}}
    world("PATCH", "team-a/imagestreams/app", patch, "application/merge-patch+json")


@pytest.mark.parametrize(
    ("meddle", "why"),
    [
        (lambda world: world.point(APP, NEW), "changed since"),
        (lambda world: world.annotate(APP, theirs="x"), "changed since"),
        (lambda world: world.api.push("team-a", "app", "v1", "sha256:" + "2" * 64), "changed since"),
        (protect, "it is protected by ImageStream syncer.dev/prune: disabled"),
        (
            lambda world: world.post(tag(OTHER, {"kind": "ImageStreamTag", "name": "v1"})),
            "team-a/app:other, which stays, follows it",
        ),
    ],
    ids=["from", "annotation", "image", "protected", "followed"],
)
def test_a_prune_that_is_no_longer_right_is_left(world, meddle, why):
    world.sync(tag(APP, OLD))
    plan, replan = planned(world)
    meddle(world)
    writer = Meddled(world.client)
    outcome = Applier(writer, replan).apply(plan.changes[0])
    assert (outcome.result, why in outcome.error) == ("skipped", True), outcome
    assert (writer.sent, world.spec(APP) is None) == ([], False)


@pytest.mark.parametrize(
    ("meddle", "result"),
    [
        (lambda world: world.post(tag(OTHER)), "pruned"),
        (lambda world: world.delete(APP), "unchanged"),
        (lambda world: world.delete_stream(APP), "unchanged"),
    ],
    ids=["sibling", "gone", "stream gone"],
)
def test_a_prune_goes_on_when_only_others_moved_and_is_unchanged_where_the_tag_is_gone_already(world, meddle, result):
    world.sync(tag(APP, OLD))
    plan, replan = planned(world)
    meddle(world)
    outcome = Applier(Meddled(world.client), replan).apply(plan.changes[0])
    assert (outcome.result, outcome.error) == (result, "")
    assert world.spec(APP) is None


def test_a_stream_made_anew_in_the_last_round_trip_is_saved_by_the_uid(world):
    world.sync(tag(APP, OLD))

    def renew():
        world.delete_stream(APP)
        world.post(tag(APP, NEW))

    outcome = applied(world, writer=Meddled(world.client, before=once(renew)))[APP]
    assert (outcome.result, outcome.error) == ("skipped", "changed since it was planned")
    assert source(world) == NEW


def test_a_prune_that_met_another_write_to_its_stream_is_tried_again(world):
    world.sync(tag(APP, OLD))
    busy = lose(0, 1, error=ConflictError)
    outcome = applied(world, writer=Meddled(world.client, before=busy))[APP]
    assert (outcome.result, outcome.error, world.spec(APP)) == ("pruned", "", None)


PAGE = (404, b"default backend - 404")
"""What a load balancer answers that has no backend."""


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_page_of_a_load_balancer_is_no_proof_that_a_tag_is_gone(world, method):
    world.sync(tag(APP, OLD))
    plan, replan = planned(world)
    with front(world.url, lambda seen, _: PAGE if seen == method else None) as url:
        outcome = Applier(ClusterWriter(World(world.api, url=url).client), replan).apply(plan.changes[0])
    assert (outcome.result, outcome.wrote) == ("failed", "no")
    assert "404: the server answered 'default backend - 404'" in outcome.error
    assert world.spec(APP)


def test_a_tag_that_vanished_in_the_last_round_trip_is_somebody_elses_prune(world):
    world.sync(tag(APP, OLD))
    outcome = applied(world, writer=Meddled(world.client, before=once(lambda: world.delete(APP))))[APP]
    assert (outcome.result, outcome.error, outcome.wrote) == ("unchanged", "", "no")


# --------------------------------------------------------------------------------------------------------- the others


def test_what_needs_no_write_sends_nothing(world):
    writer = Meddled(world.client)
    applier = Applier(writer, lambda *_: pytest.fail("nothing is planned again"))
    assert applier.apply(Unchanged(key(APP))).result == "unchanged"
    assert applier.apply(Skip(key(APP))).result == "skipped"
    assert (writer.sent, world.requests()) == ([], [])


def test_a_stopped_run_begins_no_write_and_says_so(world):
    plan, replan = planned(world, *WANTED["POST"])
    outcome = Applier(Meddled(world.client), replan, stopped=lambda: True).apply(plan.changes[0])
    assert (outcome.result, outcome.error) == ("skipped", "interrupted before it was written")
    assert world.writes() == []


def test_a_failure_is_an_outcome_and_not_an_exception(world):
    class Broken(Meddled):
        def send(self, request):
            raise ClusterError(f"{request.method} {request.path}: 500: out of order")

    outcome = applied(world, *WANTED["POST"], writer=Broken(world.client))[APP]
    assert (outcome.result, "out of order" in outcome.error) == ("failed", True)


def test_a_follower_is_not_made_before_its_image_is_there(importing):
    importing.post(tag(BASE, OLD))
    follower = desired(WEB, from_=follows("base:v1"))
    assert applied(importing, follower)[WEB].result == "created"
    assert importing.items(WEB) == importing.items(BASE) != []


def test_a_follower_whose_image_does_not_come_in_time_is_not_made(world):
    world.post(tag(BASE, OLD))
    outcome = applied(world, desired(WEB, from_=follows("base:v1")), patience=0.15)[WEB]
    assert (outcome.result, "still not imported after 0.15 s" in outcome.error) == ("failed", True)
    assert world.spec(WEB) is None


def test_a_reference_that_follows_needs_no_image(world):
    world.post(tag(BASE, OLD))
    fields = {"/tag/reference": True}
    assert applied(world, desired(WEB, fields, from_=follows("base:v1")), patience=0)[WEB].result == "created"


def test_a_tag_from_an_image_stream_image_waits_for_nothing(world):
    world.api.push("team-a", "base", "v1")
    (digest,) = world.items(BASE)
    pinned = {"kind": "ImageStreamImage", "name": f"base@{digest}"}
    assert applied(world, desired(WEB, from_=pinned))[WEB].result == "created"
    assert world.items(WEB) == [digest]


def test_the_plan_of_a_create_says_what_is_sent(world):
    (create,) = planned(world, *WANTED["POST"])[0].changes
    writer = Meddled(world.client)
    applied(world, *WANTED["POST"], writer=writer)
    assert isinstance(create, Create)
    assert writer.sent == list(create.requests)
    assert world.spec(APP)["from"] == docker(OLD)


def test_an_interrupt_ends_the_wait_of_a_follower_and_writes_nothing(world):
    world.post(tag(BASE, OLD))
    asked = []
    outcome = applied(
        world,
        desired(WEB, from_=follows("base:v1")),
        patience=30.0,
        stopped=lambda: asked.append(1) or len(asked) > 1,
    )[WEB]
    assert (outcome.result, outcome.error) == ("skipped", "interrupted before it was written")
    assert world.spec(WEB) is None
