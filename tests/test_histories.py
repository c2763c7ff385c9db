"""Laws over random histories: of git, of what people do on the cluster, and of runs with every kind of option.

A judge stands before each DELETE that a run sends, and looks at the cluster itself, at that moment: what it lets pass
must be proven. It shares no code with the planner.
"""

import itertools
import json
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from world import MERGE_PATCH, Once, World, docker, make_client, stdin, tag

from syncer import sync
from syncer.localapi import LocalAPI
from syncer.plan import Limit
from syncer.plan.saved import load
from syncer.report import render
from syncer.source import SourceSpec

NAMES = ["a/s:1", "a/s:2", "a/t:1", "b/s:1", "b/t:1"]
OWNERS = ("demo", "rival")
OWNER = "syncer.dev/owner"
MARKS = [{"syncer.dev/prune": "disabled"}, {"helm.sh/resource-policy": "keep"}, {"release.openshift.io/keep": "x"}]
EVERYWHERE = {"namespaces": ("a", "b")}
DEFAULTS = {"importPolicy": {"importMode": "Legacy"}, "referencePolicy": {"type": "Source"}}

names, owners, marks = st.sampled_from(NAMES), st.sampled_from(OWNERS), st.sampled_from(MARKS)
IMAGES = [docker("q.example.com/x:1"), docker("q.example.com/x:2")]
FOLLOWS = [{"kind": "ImageStreamTag", "namespace": text[0], "name": text[2:]} for text in NAMES]
sources = st.sampled_from([*IMAGES * 10, *FOLLOWS])
manifests = st.fixed_dictionaries(
    {"source": sources},
    optional={
        "annotations": st.one_of(st.just({"note": "x"}), st.just({"note": "y", "more": "z"}), marks),
        "importPolicy": st.fixed_dictionaries({"insecure": st.booleans()}),
        "referencePolicy": st.just({"type": "Local"}),
        "reference": st.booleans(),
    },
)
rules = st.fixed_dictionaries(
    {"namespaces": st.sampled_from([("a",), ("a", "b"), ("a", "b"), ("b",)])},
    optional={
        "prune": st.sampled_from([True, True, False]),
        "on_drift": st.sampled_from(["revert", "report", "fail"]),
        "take_from": owners,
        "adopt_pushed": st.booleans(),
        "max_prune": st.sampled_from(["0", "1", "50%"]).map(Limit.parse),
    },
)
HOW = [*["sync"] * 3, *["restored"] * 5, "saved", "broken", "narrowed"]


def edits(text):
    """What people do to one tag."""
    return st.one_of(
        st.tuples(st.just("point"), st.just(text), sources),
        st.tuples(
            st.just("annotate"), st.just(text), st.one_of(marks, st.sampled_from([{"note": "x"}, {OWNER: None}]))
        ),
        st.tuples(st.just("protect_stream"), st.just(text), st.one_of(marks, st.just({"syncer.dev/prune": None}))),
        st.tuples(st.just("copy"), names, st.just(text)),
        st.tuples(st.just("forge"), st.just(text), owners),
        st.tuples(st.sampled_from(["delete", "delete_stream", "push"]), st.just(text)),
        st.tuples(st.just("create"), st.just(text), sources),
    )


@st.composite
def rounds(draw):
    """A few commits, a few edits, most of them about one tag, and then a run."""
    text, other = draw(names), draw(names)
    commit = st.tuples(st.just("gone"), st.just("demo"), st.sampled_from([text, other]))
    runs = {
        "all": st.tuples(st.just("run"), st.just("demo"), st.just(EVERYWHERE), st.sampled_from(HOW)),
        "some": st.tuples(st.just("run"), st.just("demo"), rules, st.sampled_from(HOW)),
        "any": st.tuples(st.just("run"), owners, rules, st.sampled_from(HOW)),
        "meddled": st.tuples(st.just("meddled"), st.just("demo"), st.just(EVERYWHERE), edits(text)),
        "undo": st.tuples(st.just("undo"), st.integers(0, 5)),
        "rename": st.tuples(st.just("rename"), st.permutations(OWNERS)),
    }
    kind = draw(st.sampled_from(["all"] * 5 + ["some"] * 4 + ["meddled"] * 4 + ["any", "undo", "rename"]))
    return [
        *draw(st.lists(commit, max_size=2)),
        *draw(st.lists(st.tuples(st.just("git"), owners, names, manifests), max_size=1)),
        *draw(st.lists(edits(text), max_size=2)),
        draw(runs[kind]),
    ]


repositories = st.dictionaries(names, manifests, min_size=3)


@pytest.fixture(scope="module")
def api():
    with LocalAPI(import_delay=0) as running:
        yield running


@dataclass
class Law:
    """What the run that is under way may delete.

    `only`: nothing but what an undo file says was made; `seen`: nothing that differs from this.
    """

    owner: str
    kept: set = field(default_factory=set)
    namespaces: tuple = ()
    allowed: bool = True
    most: float = float("inf")
    only: set | None = None
    seen: dict | None = None


class Judge:
    """A client that looks at the cluster before each write, and fails where a delete is not proven."""

    def __init__(self, story):
        self._story, self._world = story, story.world
        self._client = make_client(story.world.url, pool_size=1)
        self.law, self.deleted = None, []

    def __getattr__(self, name):
        return getattr(self._client, name)

    def send(self, request, **more):
        if request.method == "DELETE":
            self._judge(request)
        return self._client.send(request, **more)

    def _judge(self, request):
        parts = request.path.split("/")
        namespace, name = parts[5], parts[7]
        text, law = f"{namespace}/{name}", self.law
        stream = self._world.stream(text)
        spec = self._world.spec(text)
        if spec is None:
            return  # gone already
        annotations, around = spec.get("annotations") or {}, stream["metadata"].get("annotations") or {}
        assert annotations.get(OWNER) == f"{law.owner} {text}", f"{text} is not provably {law.owner}'s: {annotations}"
        assert text not in law.kept, f"{text} is in git"
        assert namespace in law.namespaces, f"{text} is out of scope"
        assert law.allowed, f"{text}: nothing was to be pruned"
        assert not {key for mark in MARKS for key in mark} & {*annotations, *around}, f"{text} is protected"
        assert request.body["preconditions"]["uid"] == stream["metadata"]["uid"]
        assert law.only is None or text in law.only, f"{text} was not made by that run"
        assert law.seen is None or self._story.state()[text] == law.seen[text], f"{text} has changed"
        self.deleted.append(text)
        assert len(self.deleted) <= law.most


class History:
    """One cluster, two sync sets, and what happens to them, step by step."""

    def __init__(self, api, folder, repositories):
        self.world, self.folder = World(api), folder
        self.world.clear()
        self.judge = Judge(self)
        self.git = dict(zip(OWNERS, repositories, strict=True))
        self.undo, self.numbers = [], itertools.count()

    def do(self, step):
        getattr(self, f"_{step[0]}")(*step[1:])

    # git

    def _git(self, owner, text, manifest):
        self.git[owner][text] = manifest

    def _gone(self, owner, text):
        self.git[owner].pop(text, None)

    def _manifests(self, owner):
        return [tag(text, **manifest) for text, manifest in sorted(self.git[owner].items())]

    # people; where something is not there, the server says so, and nothing happens

    def _point(self, text, source):
        self._patch(text, {"tag": {"from": {"namespace": None, **source}}})

    def _annotate(self, text, annotations):
        self._patch(text, {"metadata": {"annotations": annotations}})

    def _patch(self, text, body):
        namespace, name = text.split("/")
        if self.world.spec(text):
            self.world("PATCH", f"{namespace}/imagestreamtags/{name}", body, MERGE_PATCH)

    def _protect_stream(self, text, annotations):
        namespace, name = text.split("/")
        stream = f"{namespace}/imagestreams/{name.split(':')[0]}"
        self.world("PATCH", stream, {"metadata": {"annotations": annotations}}, MERGE_PATCH)

    def _copy(self, text, to):
        spec = self.world.spec(text)
        if spec and not self.world.spec(to):
            self._make(to, {key: spec[key] for key in ("from", "annotations") if spec.get(key)})

    def _forge(self, text, owner):
        self._annotate(text, {OWNER: f"{owner} {NAMES[NAMES.index(text) - 1]}"})

    def _delete(self, text):
        namespace, name = text.split("/")
        self.world("DELETE", f"{namespace}/imagestreamtags/{name}")

    def _delete_stream(self, text):
        namespace, name = text.split("/")
        self.world("DELETE", f"{namespace}/imagestreams/{name.split(':')[0]}")

    def _push(self, text):
        namespace, name = text.split("/")
        self.world.api.push(namespace, *name.split(":"))

    def _create(self, text, source):
        if not self.world.spec(text):
            self._make(text, {"from": source})

    def _make(self, text, stanza):
        namespace, name = text.split("/")
        kind = {"apiVersion": "image.openshift.io/v1", "kind": "ImageStreamTag"}
        metadata = {"name": name, "namespace": namespace}
        self.world("POST", f"{namespace}/imagestreamtags", {**kind, "metadata": metadata, "tag": stanza})

    # runs

    def _run(self, owner, rule, how):
        run, before = getattr(self, f"_how_{how}", self._how_sync), self.state()
        self._law(owner, rule, how)
        run(owner, rule)
        self._check_followers(rule["namespaces"])
        if how == "restored" and self.undo[-1].exists():
            self._restore_exactly(before)

    def _meddled(self, owner, rule, edit):
        self._law(owner, rule, "sync")
        self._how_sync(owner, rule, stopped=Once(lambda: self.do(edit)))

    def _law(self, owner, rule, how):
        allowed = rule.get("prune", True) and how not in ("broken", "narrowed") and bool(self.git[owner])
        limit = rule.get("max_prune")
        seen = self.state()
        owned = [text for text, (_, noted) in seen.items() if noted.get(OWNER) == f"{owner} {text}"]
        share = float("inf") if limit is None else limit.count
        share = len(owned) * limit.percent / 100 if share is None else share
        self.judge.law = Law(owner, set(self.git[owner]), rule["namespaces"], allowed, share, seen=seen)
        self.judge.deleted = []

    def _options(self, owner, rule, location="-", excludes=()):
        self.undo.append(self.folder / f"undo-{next(self.numbers)}.jsonl")
        source = SourceSpec(location, excludes=excludes)
        return sync.Options(
            source, owner=owner, wait=0, allow_dirty=True, concurrency=1, undo_file=self.undo[-1], **rule
        )

    def _how_sync(self, owner, rule, **more):
        return sync.sync(self._options(owner, rule), self.judge, stdin(self._manifests(owner)), **more)

    def _how_broken(self, owner, rule):
        wanted = [*self._manifests(owner), {"apiVersion": "image.openshift.io/v1", "kind": "ImageStreamTag"}]
        assert sync.sync(self._options(owner, rule), self.judge, stdin(wanted)).refusal

    def _how_narrowed(self, owner, rule):
        source = self.folder / f"git-{next(self.numbers)}"
        source.mkdir()
        for number, manifest in enumerate(self._manifests(owner)):
            (source / f"{number}.json").write_text(json.dumps(manifest))
        (source / "left-out.json").write_text("{")
        options = self._options(owner, {**rule, "allow_empty": True}, str(source), excludes=("left-out.json",))
        assert sync.sync(options, self.judge, stdin([])).report.plan.complete

    def _how_saved(self, owner, rule):
        options = self._options(owner, rule)
        planned = sync.plan(options, self.judge, stdin(self._manifests(owner)))
        saved = load(render("json", planned.report).encode(), "plan.json")
        sync.apply_saved(options, saved, self.judge)

    def _undo(self, number):
        """Restore some earlier run, whatever has happened since."""
        there = [path for path in self.undo if path.exists()]
        if there:
            self._restore(there[number % len(there)])

    def _restore(self, path):
        header, *entries = [json.loads(line) for line in path.read_text().splitlines()]
        absent, written = (
            {f"{entry['namespace']}/{entry['name']}" for entry in entries if value in entry.items()}
            for value in (("before", None), ("wrote", "yes"))
        )
        self.judge.law = Law(header["owner"], namespaces=("a", "b"), only=absent & written)
        self.judge.deleted = []
        undo_file = self.folder / f"undo-{next(self.numbers)}.jsonl"
        return sync.restore(sync.RestoreOptions(path, wait=0, undo_file=undo_file, concurrency=1), self.judge)

    def _rename(self, pair):
        self.judge.law = None  # no delete at all
        options = sync.Options(SourceSpec(""), all_namespaces=True, concurrency=1)
        sync.rename_owner(options, *pair, self.judge)

    # laws

    def state(self):
        """Give spec and annotations of all tags, defaults filled in, without what only the server counts."""
        tags = {}
        for live in self.world.live("a", "b").tags.values():
            spec = {
                name: value for name, value in (live.spec or {}).items() if name not in ("generation", "annotations")
            }
            for name, default in DEFAULTS.items():
                spec[name] = {**default, **(spec.get(name) or {})}
            tags[str(live.key)] = (live.spec and spec, dict(live.annotations))
        return tags

    def _check_followers(self, namespaces):
        """No tag that was deleted is followed by one that is there, as far as the run could see."""
        for text, (spec, _) in self.state().items():
            source = (spec or {}).get("from") or {}
            if source.get("kind") == "ImageStreamTag" and text[0] in namespaces:
                assert f"{source['namespace']}/{source['name']}" not in self.judge.deleted

    def _restore_exactly(self, before):
        after = self.state()
        outcomes = {str(key): outcome for key, outcome in self._restore(self.undo[-1]).report.outcomes.items()}
        now = self.state()
        for text in {*before, *after, *now}:
            if now.get(text) != before.get(text):
                why = self._excuse(text, before.get(text), now, outcomes.get(text))
                assert why, (text, before.get(text), after.get(text), now.get(text), outcomes.get(text))

    def _excuse(self, text, was, now, outcome):
        """Say why a tag is not as it was: there are four reasons, and the report told each."""
        if was is None:
            noted = now[text][1]
            around = (self.world.stream(text)["metadata"].get("annotations") or {}).keys()
            if {key for mark in MARKS for key in mark} & {*noted, *around}:
                return outcome.result == "skipped" and "protected"
            namespace, name = text.split("/")
            following = {"kind": "ImageStreamTag", "namespace": namespace, "name": name}
            return any((spec or {}).get("from") == following for spec, _ in now.values()) and "followed"
        if was[0] is None:
            return outcome.result == "skipped" and "pushed"
        return outcome.result == "failed" and was[0]["from"]["kind"] == "ImageStreamTag" and "follows what is not there"


@settings(max_examples=15)
@given(repositories=st.tuples(repositories, repositories), history=st.lists(rounds(), min_size=3, max_size=6))
def test_no_tag_without_proof_is_ever_deleted_and_a_restore_gives_the_state_before(
    api, tmp_path_factory, repositories, history
):
    story = History(api, tmp_path_factory.mktemp("history"), [dict(each) for each in repositories])
    for step in (
        ("run", "demo", EVERYWHERE, "restored"),
        ("run", "demo", EVERYWHERE, "sync"),
        *itertools.chain(*history),
    ):
        story.do(step)
