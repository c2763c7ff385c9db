"""Who uses what a plan changes or prunes: how far a plan reaches, who is found, what keeps a tag from being pruned."""

import pytest
from builders import DIGEST, desired, follows, image, key, live, live_state, manifests, policy, synced
from msgspec.structs import replace

from syncer.model import Impact, Prune, Severity, Unread, Use, Veto
from syncer.plan import make_plan
from syncer.plan.impact import Reach, alters, impact_of, impact_problems, unread_in, use_vetoes
from syncer.workloads import Link, Target, Workload, Workloads

V1, PROD, LIVE, COPY = map(key, ("team-a/app:v1", "team-a/app:prod", "team-a/app:live", "team-a/copy:prod"))
TAG = Target("team-a", "app", "v1")
OTHER_DIGEST = "sha256:" + "2" * 64
MOVED = desired(from_=image("q/x:2"))


def planned(wanted, tags, **more):
    return make_plan(manifests(*wanted), live_state(*tags), policy(allow_empty=True, **more))


def reach(wanted, tags, **more):
    return Reach.of(planned(wanted, tags, **more), live_state(*tags))


def workload(name="web", *links, kind="Deployment", namespace="team-a", owner=None):
    return Workload(kind, namespace, name, links or (Link(TAG, "image", "web"),), owner)


def pod(name, *links, owner=None, namespace="team-a"):
    return workload(name, *links, kind="Pod", owner=owner, namespace=namespace)


def users(*found, wanted=(MOVED,), tags=None, at=V1):
    """Give the uses of a tag that git moves, where these workloads were found."""
    tags = [synced(desired())] if tags is None else tags
    return impact_of(reach(wanted, tags), Workloads(found)).uses[at]


# --------------------------------------------------------------------------------------------------- reach


@pytest.mark.parametrize(
    ("wanted", "tags", "altered"),
    [
        ([desired()], [], {V1}),
        ([], [synced(desired())], {V1}),
        ([MOVED], [synced(desired())], {V1}),
        ([desired(fields={"/tag/importPolicy/scheduled": True})], [synced(desired())], {V1}),
        ([desired(fields={"/metadata/annotations/a": "b"})], [synced(desired())], set()),
        ([desired()], [synced(desired())], set()),
        ([desired()], [live()], set()),
        ([desired()], [synced(desired(), owner="theirs")], set()),
    ],
    ids=["create", "prune", "points elsewhere", "way of import", "annotation", "unchanged", "adopted", "skipped"],
)
def test_a_plan_alters_what_it_makes_moves_or_removes_and_not_annotations(wanted, tags, altered):
    changes = planned(wanted, tags).changes
    assert {change.key for change in changes if alters(change)} == altered
    assert reach(wanted, tags).altered.keys() == altered


FOLLOWER, FAR = desired("team-a/app:prod", from_=follows("v1")), desired("team-a/copy:prod", from_=follows("app:v1"))


def test_a_follower_moves_along_within_its_stream_and_in_another_only_where_this_run_moves_it():
    tags = [synced(desired()), synced(FOLLOWER), synced(FAR)]
    moving = reach([MOVED, FOLLOWER, FAR], tags)
    assert list(moving.moved_by(V1)) == [(PROD, True), (COPY, True)]
    left = reach([MOVED, FOLLOWER], tags, prune=False)
    assert list(left.moved_by(V1)) == [(PROD, True), (COPY, False)]
    assert left.followers == {V1: (PROD, COPY)}
    assert list(left.moved_by(PROD)) == []
    other = replace(synced(FAR), key=key("team-b/app:prod"), spec={"from": follows("app:v1", "team-a")})
    assert list(reach([MOVED], [tags[0], other]).moved_by(V1)) == [(other.key, False)]


def test_a_follower_keeps_its_image_where_the_tag_goes():
    tags = [synced(desired()), live(str(PROD), spec={"from": follows("v1")})]
    plan = planned([], tags)
    gone = replace(plan, changes=(Prune(V1, live=tags[0]),))
    assert list(Reach.of(gone, live_state(*tags)).moved_by(V1)) == [(PROD, False)]


def test_a_tag_that_git_points_elsewhere_follows_what_it_will_follow():
    tags = [synced(desired()), synced(FOLLOWER)]
    away = desired(str(PROD), from_=image("q/y:1"))
    assert reach([MOVED, away], tags).followers == {}
    assert reach([MOVED, desired(str(LIVE), from_=follows("v1"))], tags).followers == {V1: (LIVE, PROD)}


def test_targets_are_the_altered_tags_and_what_moves_along_each_by_name_and_by_digest():
    last = desired(str(LIVE), from_=follows("prod"))
    tags = [synced(desired()), synced(FOLLOWER, digest=OTHER_DIGEST), synced(last, digest=""), synced(FAR)]
    assert reach([MOVED, FOLLOWER, last], tags, prune=False).targets() == {
        TAG,
        Target("team-a", "app", digest=DIGEST),
        Target("team-a", digest=DIGEST),
        Target("team-a", "app", "prod"),
        Target("team-a", "app", digest=OTHER_DIGEST),
        Target("team-a", digest=OTHER_DIGEST),
        Target("team-a", "app", "live"),
    }
    assert reach([desired()], []).targets() == {TAG}
    both = reach(
        [MOVED, FOLLOWER, desired("team-b/app:v1")], [synced(desired(), digest=""), synced(FOLLOWER, digest="")]
    )
    assert both.targets() == {TAG, Target("team-a", "app", "prod"), Target("team-b", "app", "v1")}
    circle = [desired("team-a/app:a", from_=follows("b")), desired("team-a/app:b", from_=follows("a"))]
    assert reach(circle, []).targets() == {Target("team-a", "app", "a"), Target("team-a", "app", "b")}


def test_a_plan_that_alters_nothing_reaches_nothing():
    assert reach([desired()], [synced(desired()), synced(FOLLOWER)], prune=False) == Reach({}, {}, {})


# --------------------------------------------------------------------------------------------------- users


def test_a_user_is_told_once_by_the_strongest_of_its_ways_with_the_containers_of_that_way():
    digest = Target("team-a", "app", digest=DIGEST)
    links = [
        Link(digest, "digest", "c"),
        Link(TAG, "image", "b"),
        Link(TAG, "image", "a"),
        Link(TAG, "image", ""),
        Link(TAG, "image", "b"),
    ]
    assert users(workload("web", *links)) == (Use("Deployment", "team-a", "web", "image", ("a", "b")),)
    stronger = (*links, Link(TAG, "trigger", "t"))
    assert users(workload("web", *stronger)) == (Use("Deployment", "team-a", "web", "trigger", ("t",)),)


@pytest.mark.parametrize(("pauses", "paused"), [([True], True), ([True, False], False), ([True, True], True)])
def test_a_user_is_paused_where_all_of_its_triggers_are(pauses, paused):
    links = [Link(TAG, "trigger", "web", paused=one) for one in pauses]
    assert [use.paused for use in users(workload("web", *links, Link(TAG, "image", "web")))] == [paused]


def test_users_are_told_in_the_order_of_kind_namespace_and_name():
    found = [
        workload("web", kind="StatefulSet"),
        workload("web"),
        workload("api"),
        workload("api", namespace="team-0"),
        workload("elsewhere", Link(Target("team-a", "app", "v2"), "image")),
    ]
    assert [str(use) for use in users(*found)] == [
        "Deployment team-0/api (container web, names it as image)",
        "Deployment team-a/api (container web, names it as image)",
        "Deployment team-a/web (container web, names it as image)",
        "StatefulSet team-a/web (container web, names it as image)",
    ]


RUNS = Link(Target("team-a", digest=DIGEST), "digest", "main")


def replace_container(name):
    return RUNS._replace(container=name)


def test_pods_are_counted_under_what_they_belong_to():
    pods = [pod(f"web-{n}", RUNS, owner=("Deployment", "web")) for n in range(3)]
    elsewhere = [
        pod("web-9", RUNS, owner=("Deployment", "web"), namespace="team-b"),
        pod("db-0", RUNS, owner=("StatefulSet", "web")),
    ]
    assert users(workload(), *pods, *elsewhere) == (
        Use("Deployment", "team-a", "web", "image", ("web",), pods=3),
        Use("Deployment", "team-b", "web", "digest", ("main",), pods=1),
        Use("StatefulSet", "team-a", "web", "digest", ("main",), pods=1),
    )


def test_pods_whose_owner_does_not_name_the_tag_stand_for_it_and_those_of_nobody_for_themselves():
    named = Link(TAG, "image", "main")
    side = [pod(f"old-{n}", replace_container(n), owner=("Deployment", "old")) for n in "ab"]
    assert users(*side) == (Use("Deployment", "team-a", "old", "digest", ("a", "b"), pods=2),)
    found = [
        pod("old-1", RUNS, owner=("Deployment", "old")),
        pod("old-2", named, owner=("Deployment", "old")),
        pod("by-hand", RUNS),
    ]
    assert users(*found) == (
        Use("Deployment", "team-a", "old", "image", ("main",), pods=2),
        Use("Pod", "team-a", "by-hand", "digest", ("main",), pods=1),
    )


@pytest.mark.parametrize(
    ("owner", "told"),
    [
        (("Job", "report-2911"), [("CronJob", "report", 1)]),
        (("Job", "report-x1"), [("CronJob", "report", 0), ("Job", "report-x1", 1)]),
        (("Job", "-2911"), [("CronJob", "report", 0), ("Job", "-2911", 1)]),
        (("Deployment", "report-2911"), [("CronJob", "report", 0), ("Deployment", "report-2911", 1)]),
    ],
)
def test_a_pod_of_a_job_belongs_to_the_cronjob_that_may_have_made_it(owner, told):
    found = users(workload("report", kind="CronJob"), pod("p", RUNS, owner=owner))
    assert [(use.kind, use.name, use.pods) for use in found] == told


def test_a_pod_of_a_job_that_no_cronjob_made_stands_for_the_job():
    named = users(workload("my-report", kind="CronJob"), pod("p", RUNS, owner=("Job", "my-report-2911")))
    assert [(use.kind, use.name, use.pods) for use in named] == [("CronJob", "my-report", 1)]
    assert [str(use) for use in users(pod("p", RUNS, owner=("Job", "report-2911")))] == [
        "Job team-a/report-2911 (container main, runs its image), 1 Pod"
    ]


def test_users_of_followers_come_after_the_tags_own_each_with_its_way():
    last = desired(str(LIVE), from_=follows("prod"))
    tags = [synced(desired()), synced(FOLLOWER), synced(last, digest=""), synced(FAR)]
    tags[3] = replace(tags[3], annotations={})  # nobody's, and so it stays as it is
    found = [
        workload("db", Link(Target("team-a", "app", "prod"), "trigger", "db")),
        workload("end", Link(Target("team-a", "app", "live"), "trigger", "end")),
        workload("copy", Link(Target("team-a", "copy", "prod"), "trigger", "copy")),
        workload("web"),
    ]
    assert users(*found, wanted=[MOVED, FOLLOWER, last], tags=tags) == (
        Use("Deployment", "team-a", "web", "image", ("web",)),
        Use("ImageStreamTag", "team-a", "app:prod", "follows"),
        Use("ImageStreamTag", "team-a", "copy:prod", "keeps"),
        Use("Deployment", "team-a", "db", "trigger", ("db",), via=(PROD,)),
        Use("ImageStreamTag", "team-a", "app:live", "follows", via=(PROD,)),
        Use("Deployment", "team-a", "end", "trigger", ("end",), via=(PROD, LIVE)),
    )


def test_a_circle_of_followers_is_told_once():
    circle = [desired("team-a/app:a", from_=follows("b")), desired("team-a/app:b", from_=follows("a"))]
    found = users(wanted=circle, tags=[], at=circle[0].key)
    assert found == (Use("ImageStreamTag", "team-a", "app:b", "follows"),)


# -------------------------------------------------------------------------------------------------- vetoes


def test_what_is_used_is_kept_and_the_first_three_users_are_named():
    uses = tuple(Use("Deployment", "team-a", f"web-{n}", "image") for n in range(1004))
    named = ", ".join(f"Deployment team-a/web-{n} (names it as image)" for n in range(3))
    for count, more in [(1004, " and 1,001 more"), (4, " and 1 more"), (3, "")]:
        vetoes = use_vetoes({V1}, Impact({V1: uses[:count]}), live_state(live()))
        message = f"it is used by {named}{more}; --prune-used prunes it all the same"
        assert vetoes == {V1: Veto("used", message)}


TWIN, FOREIGN = live("team-a/app:twin"), live("team-a/other:twin")


@pytest.mark.parametrize(
    ("use", "tags", "going", "kept"),
    [
        (Use("Pod", "team-a", "p", "digest"), [live()], {V1}, True),
        (Use("Pod", "team-a", "p", "digest"), [live(), TWIN], {V1}, False),
        (Use("Pod", "team-a", "p", "image"), [live(), TWIN], {V1}, True),
        (Use("Pod", "team-a", "p", "digest"), [live(), TWIN], {V1, TWIN.key}, True),
        (Use("Pod", "team-a", "p", "digest"), [live(), FOREIGN], {V1}, True),
        (Use("Pod", "team-a", "p", "digest"), [live(digest=""), live("team-a/app:twin", digest="")], {V1}, True),
        (Use("ImageStreamTag", "team-a", "app:prod", "follows"), [live()], {V1}, False),
    ],
    ids=["runs it", "has a twin", "names it", "whose twin goes", "another stream's", "no image", "a follower"],
)
def test_who_keeps_a_tag(use, tags, going, kept):
    vetoes = use_vetoes(going, Impact({V1: (use,)}), live_state(*tags))
    assert (V1 in vetoes) is kept


PODS, JOBS = Unread("Pod", "team-a", "no"), Unread("CronJob", "team-a", "no")
BUILDS = Unread("BuildConfig", "", "no")


@pytest.mark.parametrize(
    ("unread", "named"),
    [
        ((PODS,), "Pods in team-a"),
        ((PODS, JOBS), "Pods and CronJobs in team-a"),
        ((PODS, JOBS, Unread("Deployment", "team-a", "no")), "Pods, CronJobs and Deployments in team-a"),
        ((BUILDS,), "BuildConfigs in all namespaces"),
        ((replace(PODS, namespace="team-b"),), ""),
        ((), ""),
    ],
)
def test_kinds_that_could_not_be_looked_at_are_named_with_their_namespace(unread, named):
    impact = Impact({}, unread)
    assert unread_in(impact, "team-a") == named
    message = f"{named} may not be listed, and may use it; --prune-used prunes it all the same"
    assert use_vetoes({V1}, impact, live_state(live())) == ({V1: Veto("use-unknown", message)} if named else {})


def test_each_namespace_where_something_could_not_be_looked_at_is_warned_of_once():
    hint = "syncer doctor SOURCE --impact -o role prints the Role that it takes"
    told = list(impact_problems(Impact({}, (PODS, BUILDS, JOBS))))
    assert [(one.severity, one.code, one.namespace, one.message, one.hint) for one in told] == [
        (
            Severity.WARNING,
            "impact-unread",
            "team-a",
            "not allowed to list Pods and CronJobs: the impact is incomplete",
            hint,
        ),
        (
            Severity.WARNING,
            "impact-unread",
            "",
            "not allowed to list BuildConfigs in all namespaces: the impact is incomplete",
            hint,
        ),
    ]
    assert impact_of(Reach({}, {}, {}), Workloads((), (PODS,))) == Impact({}, (PODS,))
