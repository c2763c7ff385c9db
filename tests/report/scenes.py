"""Reports of each kind, made by the real planner where one is planned, for the tests of all formats."""

import functools

from msgspec.structs import replace

from syncer import imagestreamtag
from syncer.errors import ClusterError, GateError
from syncer.model import (
    Commit,
    Create,
    Desired,
    Gate,
    Impact,
    Import,
    ImportState,
    Live,
    LiveState,
    Manifests,
    ObjectKey,
    Origin,
    Outcome,
    Plan,
    Problem,
    Prune,
    Report,
    Resolution,
    Resolved,
    Scope,
    SetReport,
    SetsReport,
    Severity,
    Skip,
    SourceInfo,
    Target,
    Unchanged,
    Unread,
    Update,
    Use,
    Veto,
)
from syncer.plan import Limit, Policy, make_plan
from syncer.plan.resolving import Answer, resolve, with_resolved
from syncer.report.failures import failed

OWNER = "git.example.com/platform/images/tags"
COMMIT = "3f2a91c05d7be1c2a0f4e6b8d9c7a5b3e1f00d42"
SOURCE = SourceInfo("https://git.example.com/platform/images.git", "main", COMMIT, "tags", dirty=False)
TARGET = Target("https://api.prod.example.com:6443", "prod", "streams")


def digest(letter="a"):
    return "sha256:" + (letter * 64)[:64]


def key(text):
    namespace, _, name = text.partition("/")
    stream, _, tag = name.partition(":")
    return ObjectKey(namespace, stream, tag)


def docker(name):
    return {"kind": "DockerImage", "name": name}


def desired(text, image="", *, file="", line=1, **fields):
    one = key(text)
    named = {"/tag/from": docker(image or f"quay.example.com/{one.namespace}/{one.stream}:{one.tag}")}
    named |= fields.pop("fields", {})
    return Desired(one, named, Origin(file or f"tags/{one.namespace}/{one.stream}.yaml", line))


def live(text, image="", *, applied=None, owner=OWNER, **more):
    """One live tag; with `applied` (a Desired) it carries this owner's marks, else none."""
    one = key(text)
    annotations = dict(more.pop("annotations", {}))
    if applied is not None:
        annotations[imagestreamtag.OWNER] = imagestreamtag.owner_mark(owner, one)
        annotations[imagestreamtag.LAST_APPLIED] = imagestreamtag.record(applied.fields)
    spec = {
        "name": one.tag,
        "from": docker(image or f"quay.example.com/{one.namespace}/{one.stream}:{one.tag}"),
        "generation": 1,
        "importPolicy": {"importMode": "Legacy"},
        "referencePolicy": {"type": "Source"},
        **more.pop("spec", {}),
    }
    told = {name: more.pop(name, "") for name in ("message", "since")}
    image_state = Import(more.pop("state", ImportState.IMPORTED), more.pop("digest", digest("3f")), **told)
    return Live(one, spec, annotations, "5f0c8d0e-uid", "4711", image_state, **more)


def plan(wanted=(), tags=(), problems=(), impact=None, **policy):
    manifests = Manifests({one.key: one for one in wanted}, tuple(problems))
    state = LiveState({tag.key: tag for tag in tags}, "streams")
    given = {"owner": OWNER, "scope": Scope(namespaces=("team-a", "team-b"), derived=True), **policy}
    return make_plan(manifests, state, Policy(**given), impact=impact)


def report(planned, **more):
    timings = {"source": 0.412, "list": 1.25, "plan": 0.031}
    return Report(**{"source": SOURCE, "target": TARGET, "plan": planned, "timings": timings, **more})


# ------------------------------------------------------------------------------------------------ what is planned


def empty():
    return report(plan([], [], allow_empty=True))


def nothing_to_do():
    """All as git says; one import fails, another is pending."""
    tags = [desired(f"team-a/app:v{n}") for n in range(1, 4)]
    lives = [
        live("team-a/app:v1", applied=tags[0]),
        live("team-a/app:v2", applied=tags[1], state=ImportState.PENDING, digest=""),
        live(
            "team-a/app:v3",
            applied=tags[2],
            state=ImportState.FAILED,
            digest="",
            message="Internal error occurred: quay.example.com/team-a/app:v3: manifest unknown",
            since="2026-03-01T08:15:00Z",
        ),
    ]
    return report(plan(tags, lives))


def _everyday():
    scheduled = {"/tag/importPolicy/scheduled": True, "/metadata/annotations/example.com~1team": "payments"}
    old = desired("team-a/app:prod", "quay.example.com/team-a/app:1.2")
    drifted = desired("team-a/app:stage", "quay.example.com/team-a/app:1.3")
    both = desired("team-b/api:prod", "quay.example.com/team-b/api@" + digest("ab"))
    gone = desired("team-b/api:old")
    kept = desired("team-b/api:kept")
    steady = [desired(f"team-b/web:v{n}", line=10 * n) for n in range(1, 5)]
    wanted = [
        desired("team-a/app:v2", fields=scheduled, line=3),
        desired("team-a/tools:latest", line=1),
        replace(old, fields={"/tag/from": docker("quay.example.com/team-a/app:1.3")}),
        drifted,
        replace(both, fields={"/tag/from": docker("quay.example.com/team-b/api@" + digest("cd"))}),
        desired("team-b/web:adopted", line=60, fields={"/tag/importPolicy/scheduled": True}),
        desired("team-b/web:theirs", line=70),
        *steady,
    ]
    lives = [
        live("team-a/app:prod", "quay.example.com/team-a/app:1.2", applied=old),
        live("team-a/app:stage", "quay.example.com/team-a/app:hotfix", applied=drifted),
        live("team-b/api:prod", "quay.example.com/team-b/api:by-hand", applied=both),
        live("team-b/api:old", applied=gone),
        live("team-b/api:kept", applied=kept, annotations={"argocd.argoproj.io/sync-options": "Prune=false"}),
        live("team-b/web:adopted"),
        live("team-b/web:theirs", "quay.example.com/x:1", applied=steady[0], owner="git.example.com/other/repo"),
        *(live(str(one.key), applied=one) for one in steady[1:]),
        live(
            "team-b/web:v1",
            applied=steady[0],
            state=ImportState.FAILED,
            message="Internal error occurred: quay.example.com/team-b/web:v1: Get https://quay.example.com/v2/: EOF",
            since="2026-03-01T08:15:00Z",
        ),
    ]
    return wanted, lives


def everyday():
    """A bit of everything that a plan holds."""
    problem = Problem(
        Severity.WARNING,
        "duplicate-key",
        "key scheduled is given twice, the last one counts",
        "remove one of them",
        "tags/team-a/app.yaml",
        7,
        5,
    )
    planned = plan(*_everyday(), problems=[problem])
    changes = tuple(_committed(change) for change in planned.changes)
    return report(replace(planned, changes=changes), notes=("kubectl's last-applied was the base of 1 tag",))


PROMOTION = Commit("3f2a91c05d7be1c2a0f4e6b8d9c7a5b3e1f00d42", "2026-02-27T09:30:00Z", "Ann Author", "Promote app 1.3")


def _committed(change):
    if change.origin is None or isinstance(change, Unchanged) or change.key.stream == "tools":
        return change
    return replace(change, origin=replace(change.origin, commit=PROMOTION))


def applied():
    """The everyday plan after a sync, in which one write failed, one was left, and one import was waited for."""
    planned = everyday()
    outcomes = {}
    for change in planned.plan.changes:
        match change:
            case Create():
                made = Outcome(change.key, "created", image=Import(ImportState.IMPORTED, digest("e")))
            case Update():
                made = Outcome(change.key, "configured")
            case Prune():
                made = Outcome(change.key, "skipped", "changed since it was planned")
            case Unchanged():
                made = Outcome(change.key, "unchanged")
            case Skip():
                made = Outcome(change.key, "skipped")
        outcomes[change.key] = made
    outcomes[key("team-a/app:prod")] = Outcome(
        key("team-a/app:prod"), "failed", "the server refused: imagestreamtags is forbidden"
    )
    undo_file = "/var/lib/syncer/undo of 1.jsonl"
    return replace(planned, applied=True, outcomes=outcomes, undo_file=undo_file)


def resolved():
    """A plan whose images were looked up: one of each answer, and a follower that moves along."""
    app, prod, other = desired("team-a/app:v1"), key("team-a/app:prod"), key("team-b/web:prod")
    follows = [Desired(one, {"/tag/from": {"kind": "ImageStreamTag", "name": "app:v1"}}, app.origin) for one in (prod,)]
    wanted = [
        replace(app, fields={"/tag/from": docker("quay.example.com/team-a/app:1.3")}),
        *follows,
        replace(
            desired("team-a/app:same"), fields={"/tag/from": docker("quay.example.com/team-a/app@" + digest("3f"))}
        ),
        *(desired(f"team-a/new:{name}") for name in ("denied", "failed", "forbidden", "found", "missing")),
        Desired(
            other,
            {"/tag/from": {"kind": "ImageStreamTag", "name": "new:failed", "namespace": "team-a"}},
            Origin("tags/team-b/web.yaml", 4),
        ),
    ]
    lives = [
        live("team-a/app:v1", applied=app),
        live("team-a/app:prod", applied=follows[0], spec={"from": {"kind": "ImageStreamTag", "name": "app:v1"}}),
        live("team-a/app:same", applied=desired("team-a/app:same")),
    ]
    denied = 'you may not have access to the container image "quay.example.com/team-a/new:denied"'
    gone = 'dockerimage.image.openshift.io "quay.example.com/team-a/new:missing" not found'
    refused = "imagestreamimports.image.openshift.io is forbidden"
    answers = {
        app.key: Answer(digest("cd"), "2026-02-04T08:00:00Z"),
        key("team-a/app:same"): Answer(digest("3f")),
        key("team-a/new:denied"): Answer(fault="denied", message=denied),
        key("team-a/new:failed"): Answer(fault="failed", message="Internal error occurred: EOF"),
        key("team-a/new:forbidden"): Answer(fault="forbidden", message=refused),
        key("team-a/new:found"): Answer(digest("ab"), "2026-02-01T08:00:00Z"),
        key("team-a/new:missing"): Answer(fault="missing", message=gone),
    }
    planned = plan(wanted, lives)
    built = {digest("3f"): "2026-01-03T12:30:00Z", **{one.digest: one.built for one in answers.values() if one.built}}
    found = resolve(planned.changes, {one.key: one for one in lives}, answers, {})
    return report(with_resolved(planned, found, built))


def stopped():
    """A plan that two gates stop."""
    tags = [desired(f"team-a/app:v{n}") for n in range(20)]
    wanted = [replace(one, fields={"/tag/from": docker("quay.example.com/x:2")}) for one in tags[:6]]
    lives = [live(str(one.key), applied=one) for one in tags]
    return report(plan(wanted, lives, max_change=Limit(count=5)))


def broken():
    """Manifests that do not parse: incomplete, and nothing is pruned."""
    gone = desired("team-a/app:old")
    problems = [
        Problem(Severity.WARNING, "no-such-namespace", "namespace team-z does not exist", namespace="team-z"),
        Problem(
            Severity.ERROR,
            "yaml",
            "mapping values are not allowed here",
            "indent the key, or quote the value",
            "tags/team-a/app.yaml",
            12,
            9,
        ),
        Problem(Severity.ERROR, "name", "the name has no colon", "", "tags/x.yaml", 3, 0, "team-a", "app"),
    ]
    return report(
        plan([], [live("team-a/app:old", applied=gone)], problems=problems, allow_empty=True),
        source=replace(SOURCE, dirty=True, ref=""),
    )


def impact():
    """Who uses the tags that change or go, and what could not be looked at; more users than people read."""
    tags = [desired("team-a/app:prod", "quay.example.com/app:1"), desired("team-a/app:live")]
    gone = [desired("team-a/app:old"), desired("team-a/app:older")]
    wanted = [replace(tags[0], fields={"/tag/from": docker("quay.example.com/app:2")}), tags[1]]
    lives = [live(str(one.key), one.fields["/tag/from"]["name"], applied=one) for one in (*tags, *gone)]
    prod, live_, old = (key(f"team-a/app:{name}") for name in ("prod", "live", "old"))
    found = Impact(
        {
            prod: (
                Use("Deployment", "team-a", "web", "trigger", ("web",), pods=3),
                Use("CronJob", "team-a", "report", "image", ("fetch", "send")),
                Use("ImageStreamTag", "team-a", "app:live", "follows"),
                Use("StatefulSet", "team-a", "db", "trigger", ("db",), paused=True, pods=1, via=(live_,)),
                Use("ImageStreamTag", "team-b", "copy:prod", "keeps"),
                *(Use("Pod", "team-a", f"shell-{n:02}", "digest", ("main",), pods=1) for n in range(12)),
            ),
            old: (Use("BuildConfig", "team-a", "app", "output"),),
        },
        (
            Unread("Pod", "team-b", "pods is forbidden: cannot list"),
            Unread("BuildConfig", "team-b", "buildconfigs is forbidden: cannot list"),
        ),
    )
    return report(plan(wanted, lives, impact=found))


HOSTILE = (
    "\x1b[31mred\x1b]0;title\x07 [bold]markup[/bold] <script>alert(1)</script> @octocat "
    "![x](http://evil.example/x.png) "
    "]]> `code` ``two`` | pipe \r\n::error::injected \u202ereversed\u2066 \x9b2J \ud800 {{ 7*7 }} &amp; --> #42 %0A"
)
"""What a registry, a commit or an annotation might hold."""


def hostile():
    """Every place that data can come to is hostile."""
    bad = HOSTILE
    one = ObjectKey("team-a", f"app{bad}", f"v1{bad}")
    update = Update(
        key=one,
        reason=bad,
        origin=Origin(f"tags/{bad},x:y.yaml", 3, Commit(bad, bad, bad, bad)),
        image=Import(ImportState.FAILED, bad, bad, bad),
        fields=everyday().plan.changes[0].fields
        + tuple(
            replace(field, path=f"/metadata/annotations/{bad}", base=bad, live={"a": [bad]}, desired=bad + "2")
            for change in everyday().plan.changes
            for field in change.fields[:1]
        ),
        vetoes=(Veto(bad, bad),),
        resolved=Resolved(Resolution.MOVES, bad, bad, bad, bad, bad, one),
    )
    skip = Skip(ObjectKey(f"ns{bad}", "a", "b"), bad, vetoes=(Veto("x", bad),))
    create = make_plan(
        Manifests({one.key: one for one in [desired("team-a/a:b", f"quay.example.com/{bad}")]}, ()),
        LiveState({}, "tags"),
        Policy(OWNER, Scope(all_namespaces=True)),
    ).changes
    changes = (update, *create, skip)
    planned = Plan(
        owner=f"owner-{bad}",
        scope=Scope(namespaces=(bad,)),
        changes=changes,
        gates=(Gate(bad, stopped=True, message=bad, option=bad),),
        problems=(Problem(Severity.ERROR, bad, bad, bad, bad, 1, 1, bad, bad),),
        complete=False,
        impact=Impact({one: (Use(bad, bad, bad, "trigger", (bad,), via=(one,)),)}, (Unread(bad, bad, bad),)),
    )
    return Report(
        SourceInfo(f"https://user:hunter2@git.example.com/{bad}", bad, bad, bad, dirty=True),
        Target(f"https://admin:hunter2@api.example.com/{bad}", bad, "tags"),
        planned,
        {update.key: Outcome(update.key, "failed", bad)},
        applied=True,
        interrupted=True,
        undo_file=f"/tmp/{bad}",  # noqa: S108 - nothing is written there
        notes=(bad,),
    )


def of_several():
    """What three sets came to: applied, stopped by a gate, and without a cluster to talk to."""
    down = ClusterError("GET /version: cannot connect to https://api.dr.example.com:6443", hint="check the network")
    gone = failed(down, SOURCE, Target("", "dr"), "", Scope(namespaces=("team-a",)))
    gate = GateError("stopped, nothing was written: would prune 14 of 20 owned tags (--max-prune 14 lets it pass)")
    return SetsReport(
        (
            SetReport("prod", applied(), 4),
            SetReport("test", stopped(), gate.exit_code, gate.message, gate.hint),
            SetReport("dr", gone, down.exit_code, down.message, down.hint),
        ),
        exit_code=1,
    )


def hostile_sets():
    """A set whose report, and whose error, hold all that a terminal, a page or a pipeline could trip over."""
    bad = hostile().plan.owner
    gone = failed(ClusterError(bad, hint=bad), SourceInfo(bad), Target(bad, bad), bad, Scope())
    return SetsReport((SetReport("a", hostile(), 4), SetReport("b", gone, 1, bad, bad)), exit_code=1, interrupted=True)


@functools.cache
def huge(number=10_000):
    """A plan of many changes in fifty namespaces, a tenth of each kind but creates and updates."""
    changes = []
    for n in range(number):
        one = ObjectKey(f"team-{n // 7 % 50:02}", f"stream-{n % 977:03}", f"v{n}")
        wanted = desired(str(one), line=n + 1)
        tag = live(str(one), "quay.example.com/old/app:1", applied=wanted)
        match n % 10:
            case 0:
                changes.append(Prune(one, "gone from git", image=tag.image, live=tag))
            case 1:
                changes.append(Skip(one, "not ours to write", wanted.origin, vetoes=(Veto("owned", "by another"),)))
            case 2 | 3:
                changes.append(Unchanged(one, "as git says", wanted.origin, tag.image))
            case 4 | 5 | 6:
                [update] = plan([wanted], [tag], scope=Scope(all_namespaces=True)).changes
                changes.append(update)
            case _:
                [create] = plan([wanted], [], scope=Scope(all_namespaces=True)).changes
                changes.append(create)
    changes.sort(key=lambda change: change.key)
    return report(Plan(OWNER, Scope(all_namespaces=True), tuple(changes), (), (), complete=True))


ALL = {
    "empty": empty,
    "nothing-to-do": nothing_to_do,
    "everyday": everyday,
    "applied": applied,
    "resolved": resolved,
    "stopped": stopped,
    "impact": impact,
    "broken": broken,
    "hostile": hostile,
}

SEVERAL = {"sets": of_several, "sets-hostile": hostile_sets}
