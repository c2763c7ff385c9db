"""Laws of a plan, over random git, base and live: nothing is deleted without proof, nothing is planned twice."""

import json

import jsonschema
from builders import OWNER, desired, follows, image, key, live, live_state, manifests, policy
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from syncer import imagestreamtag as ist
from syncer.diff import apply_patch
from syncer.model import (
    Create,
    Impact,
    ImportState,
    Live,
    Outcome,
    Problem,
    Prune,
    Report,
    Scope,
    Severity,
    Skip,
    SourceInfo,
    Target,
    Unchanged,
    Unread,
    Update,
    Use,
)
from syncer.plan import make_plan, waves
from syncer.plan.saved import load
from syncer.report.document import document, schema

NAMES = [f"{namespace}/{stream}:{tag}" for namespace in ("a", "b") for stream in ("s", "t") for tag in ("1", "2")]
names = st.sampled_from(NAMES)
origins = st.one_of(
    st.builds(image, st.sampled_from(["q/x:1", "q/x:2"])),
    st.builds(follows, st.sampled_from(["1", "s:2", "t:1"])),
    st.builds(follows, st.sampled_from(["s:1", "t:2"]), st.sampled_from(["a", "b"])),
)
fields = st.fixed_dictionaries(
    {"/tag/from": origins},
    optional={
        "/tag/importPolicy/importMode": st.sampled_from(["Legacy", "PreserveOriginal"]),
        "/tag/referencePolicy/type": st.sampled_from(["Source", "Local"]),
        "/tag/reference": st.booleans(),
        "/metadata/annotations/note": st.sampled_from(["x", "y"]),
    },
)
marks = st.sampled_from([None, "right", "copied", "theirs"])
records = st.one_of(st.none(), fields.map(ist.record), st.just("{"))
protections = st.sampled_from([{}, {}, {"syncer.dev/prune": "disabled"}, {"helm.sh/resource-policy": "keep"}])
digests = st.sampled_from(["", "sha256:" + "1" * 64, "sha256:" + "2" * 64])


@st.composite
def live_tags(draw, name):
    managed = ist.manifest_of(draw(fields))
    mark = draw(marks)
    annotations = {**managed.get("metadata", {}).get("annotations", {}), **draw(protections)}
    if mark:
        place = NAMES[NAMES.index(name) - 1] if mark == "copied" else name
        annotations[ist.OWNER] = ist.owner_mark("theirs" if mark == "theirs" else OWNER, key(place))
    record = draw(records)
    if record:
        annotations[ist.LAST_APPLIED] = record
    spec = {"importPolicy": {"importMode": "Legacy"}, **managed["tag"]}
    state = draw(st.sampled_from(list(ImportState)))
    tag = live(name, spec=spec, annotations=annotations, digest=draw(digests), state=state)
    if draw(st.integers(0, 9)) == 0:
        return Live(tag.key, None, {}, tag.uid, tag.resource_version, tag.image)
    return tag


@st.composite
def worlds(draw):
    """Manifests, a live state and a policy that have nothing to do with each other."""
    wanted = [desired(name, draw(fields)) for name in draw(st.lists(names, unique=True))]
    tags = [draw(live_tags(name)) for name in draw(st.lists(names, unique=True))]
    broken = Problem(Severity.ERROR, "syntax", "broken", file="x.yaml", line=1)
    more = {
        "scope": draw(st.sampled_from([Scope(all_namespaces=True), Scope(namespaces=("a",))])),
        "prune": draw(st.integers(0, 4)) > 0,
        "narrowed": draw(st.integers(0, 4)) == 0,
        "on_drift": draw(st.sampled_from(["revert", "report"])),
        "adopt_pushed": draw(st.booleans()),
        "take_from": draw(st.sampled_from(["", "theirs"])),
        "allow_empty": True,
    }
    problems = (broken,) if draw(st.integers(0, 4)) == 0 else ()
    return manifests(*wanted, problems=problems), live_state(*tags), policy(**more)


@st.composite
def impacts(draw):
    """Who uses what, and what nobody could look at."""
    how = st.sampled_from(["trigger", "image", "build", "output", "digest", "follows", "keeps"])
    users = st.builds(Use, st.sampled_from(["Deployment", "ImageStreamTag"]), st.just("a"), st.just("x"), how)
    uses = draw(st.dictionaries(names.map(key), st.lists(users, max_size=2).map(tuple)))
    unread = st.builds(Unread, st.just("Pod"), st.sampled_from(["", "a", "b", "c"]), st.just("forbidden"))
    return Impact(uses, tuple(draw(st.lists(unread, max_size=1))))


@settings(max_examples=40)
@given(worlds(), impacts())
def test_impact_changes_nothing_but_that_prunes_are_vetoed(world, impact):
    git, cluster, rules = world
    plain, told = make_plan(git, cluster, rules), make_plan(git, cluster, rules, impact=impact)
    for before, after in zip(plain.changes, told.changes, strict=True):
        if before != after:
            assert (type(before), type(after), before.key) == (Prune, Skip, after.key)
            assert {veto.code for veto in after.vetoes} <= {"used", "use-unknown", "followed"}
    known = [problem for problem in told.problems if problem.code != "impact-unread"]
    assert (known, told.complete, told.impact) == ([*plain.problems], plain.complete, impact)


@settings(max_examples=40)
@given(worlds(), impacts())
def test_no_tag_in_use_is_pruned_unless_that_is_allowed(world, impact):
    git, cluster, rules = world
    pruned = {one.key for one in make_plan(git, cluster, rules, impact=impact).changes if isinstance(one, Prune)}
    for one in pruned:
        strong = [use for use in impact.uses.get(one, ()) if use.kind == "Deployment" and use.how != "digest"]
        assert not strong
        assert not {"", one.namespace} & {each.namespace for each in impact.unread}
    free = make_plan(git, cluster, replace(rules, prune_used=True), impact=impact)
    plain = make_plan(git, cluster, rules)
    assert free.changes == plain.changes


@settings(max_examples=120)
@given(worlds())
def test_no_tag_is_ever_pruned_without_proof(world):
    git, cluster, rules = world
    plan = make_plan(git, cluster, rules)
    pruned = {change.key for change in plan.changes if isinstance(change, Prune)}
    after = {k: ist.live_fields(tag) for k, tag in cluster.tags.items() if k not in pruned}
    after |= {change.key: change.desired.fields for change in plan.changes if change.desired}
    staying_targets = {ist.followed_by(k, managed) for k, managed in after.items()}
    for k in pruned:
        tag = cluster.tags[k]
        assert tag.annotations[ist.OWNER] == f"{OWNER} {k}"
        assert k not in git.desired
        assert rules.scope.covers(k.namespace)
        assert git.parsed
        assert rules.prune
        assert not rules.narrowed
        assert not {"syncer.dev/prune", "helm.sh/resource-policy"} & set(tag.annotations)
        assert k not in staying_targets


@settings(max_examples=120)
@given(worlds())
def test_every_request_touches_the_tag_of_its_change_and_skips_and_unchanged_have_none(world):
    plan = make_plan(*world)
    for change in plan.changes:
        assert bool(change.requests) is isinstance(change, Create | Update | Prune)
        for request in change.requests:
            assert request.path in (ist.tag_path(change.key), ist.tags_path(change.key.namespace))
    written = [change for change in plan.changes if change.requests]
    assert sorted(c.key for wave in waves(plan.changes) for c in wave) == [c.key for c in written]


@settings(max_examples=120)
@given(worlds())
def test_a_second_plan_of_what_was_applied_is_all_unchanged(world):
    git, cluster, rules = world
    first = make_plan(git, cluster, rules)
    tags = {k: _settled(tag) for k, tag in cluster.tags.items()}
    for change in first.changes:
        match change:
            case Prune():
                del tags[change.key]
            case Create(requests=(request,)):
                body = json.loads(json.dumps(request.body))
                tags[change.key] = live(str(change.key), spec=body["tag"], annotations=body["metadata"]["annotations"])
            case Update():
                document = ist.document_of(change.live)
                for request in change.requests:
                    document = apply_patch(document, request.body)
                annotations = document["metadata"]["annotations"]
                tags[change.key] = live(str(change.key), spec=document["tag"], annotations=annotations)
            case Unchanged() | Skip():
                pass
    second = make_plan(git, live_state(*tags.values()), rules)
    left = [
        (c.action, str(c.key), c.reason, c.fields) for c in second.changes if c.requests and not _newly_free(c, first)
    ]
    assert left == []


@settings(max_examples=80)
@given(worlds(), st.randoms(use_true_random=False))
def test_the_same_input_in_another_order_gives_the_same_plan_and_the_same_order_of_writes(world, chance):
    git, cluster, rules = world

    def shuffled(mapping):
        return dict(chance.sample(list(mapping.items()), len(mapping)))

    plan = make_plan(git, cluster, rules)
    mixed = replace(cluster, tags=shuffled(cluster.tags))
    again = make_plan(replace(git, desired=shuffled(git.desired)), mixed, rules)
    assert again == plan
    assert waves(again.changes) == waves(plan.changes)


VALID = jsonschema.Draft202012Validator(json.loads(schema()))


@settings(max_examples=80)
@given(worlds(), st.sampled_from(["created", "configured", "pruned", "unchanged", "skipped", "failed"]))
def test_the_report_of_any_plan_is_valid_by_its_schema_and_reads_back_as_that_plan(world, result):
    git, cluster, rules = world
    plan = make_plan(git, cluster, rules)
    report = Report(SourceInfo("x"), Target("https://c"), plan)
    made = json.loads(json.dumps(document(report)))
    VALID.validate(made)
    assert [change.requests for change in load(json.dumps(made).encode(), "plan").plan.changes] == [
        change.requests for change in plan.changes
    ]
    outcomes = {change.key: Outcome(change.key, result, "told") for change in plan.changes}
    VALID.validate(json.loads(json.dumps(document(replace(report, outcomes=outcomes, applied=True)))))


def _settled(tag):
    """The tag once everything has its image: one digest for all, so that no follower is behind."""
    return replace(tag, image=live().image)


def _newly_free(change, first):
    """A prune that a follower forbade until the same run pruned or moved that follower."""
    before = {c.key: c for c in first.changes}.get(change.key)
    return isinstance(change, Prune) and isinstance(before, Skip) and before.vetoes[0].code == "followed"
