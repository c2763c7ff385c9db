"""Seeded runs of a sync through a proxy that makes faults, while others write, too; and what must hold in any case.

`Schedule(seed)` decides everything: git and cluster before, what the run is asked, which faults which request meets,
who else writes when. `play` carries it out and raises AssertionError where a promise is broken.
"""

import collections
import contextlib
import json
import random
import re
import ssl
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from faultproxy import FAULTS, WRITES, FaultProxy
from others import KINDS as EDITS
from others import Others
from world import World, docker, split, stdin, tag

from syncer import sync
from syncer.apply import changes, images, read_undo
from syncer.cluster import Client, ConnectionOptions, connect
from syncer.cluster.client import Patience
from syncer.errors import SyncerError
from syncer.localapi import LocalAPI
from syncer.plan import Limit
from syncer.source import SourceSpec

OWNER = "syncer.dev/owner"
RECORDS = ("syncer.dev/last-applied",)
NAMESPACES = ("a", "b", "c")
NAMES = [f"{namespace}/{stream}:{tag}" for namespace in NAMESPACES for stream in ("s", "t", "u") for tag in ("1", "2")]
IMAGES = [docker(f"q.example.com/x:{number}") for number in range(3)]
DEFAULTS = {
    "reference": False,
    "importPolicy": {"insecure": False, "scheduled": False, "importMode": "Legacy"},
    "referencePolicy": {"type": "Source"},
}
EVERYTHING = Limit(count=1000)
NOWHERE = re.compile("follows|Not found:")
"""What is said of a tag that follows what is not there or fails to import, and of one that must stay for it."""


class Schedule:
    """All that chance decides about one run. `meddled`: others write meanwhile."""

    def __init__(self, seed, *, meddled=False):
        self.seed, self.meddled = seed, meddled
        chance = self.chance = random.Random(seed)  # noqa: S311 - it makes tests
        slow = chance.random() < 0.04  # each answer that never comes costs a whole timeout
        kinds = [name for name in FAULTS if slow or name != "no_answer"]
        self.kinds = ["no_answer"] if slow else chance.sample(kinds, chance.choice([1, 1, 2, 4, len(kinds)]))
        self.rate = chance.choice([0.05, 0.2, 0.5, 0.9])
        self.most = chance.choice([1, 1, 2, 3, 9])
        self.only_writes = chance.random() < 0.4
        self.tls = chance.random() < 0.1
        self.broken_connections = chance.choice([0, 1, 3]) if self.tls else 0
        self.timeout = 0.2 if slow else 20.0
        self.forbidden = chance.choice(NAMESPACES) if chance.random() < 0.1 else ""
        self.forbidden_verbs = chance.choice([("GET",), WRITES])
        self.before = {text: self._manifest(text) for text in chance.sample(NAMES, chance.randint(4, 12))}
        self.wanted = self._evolved(self.before)
        self.edits = [self._edit() for _ in range(chance.choice([0, 1, 2, 4]))]
        self.meanwhile = [(chance.randint(0, 25), self._edit()) for _ in range(chance.randint(1, 5) if meddled else 0)]
        self.options = {
            "page_size": chance.choice([1, 2, 3, 500]),
            "concurrency": chance.choice([1, 1, 4]),
            "prune": chance.random() < 0.9,
            "retry_imports": chance.random() < 0.3,
            "on_drift": chance.choice(["revert", "revert", "revert", "report"]),
            **chance.choice([{"namespaces": NAMESPACES}, {"all_namespaces": True}]),
        }

    def fault(self, seen):
        """Name the fault of a request, and a seed for its details; the same whatever other threads do."""
        if self.forbidden and seen.namespace == self.forbidden and seen.method in self.forbidden_verbs:
            return "forbidden", ""
        about = f"{self.seed} {seen.method} {urlsplit(seen.path).path} {bool(seen.token)} {seen.number}"
        about += f" {seen.tag}" if seen.is_write else ""
        chance = random.Random(about)  # noqa: S311 - it makes faults
        if seen.number >= self.most or (self.only_writes and not seen.is_write) or chance.random() >= self.rate:
            return None
        return chance.choice(self.kinds), about

    def _manifest(self, text):
        chance = self.chance
        source = chance.choices(["image", "invalid", "follower"], [8, 1, 2])[0]
        if source == "follower":
            namespace, _, name = chance.choice([other for other in NAMES if other != text]).partition("/")
            origin = {"kind": "ImageStreamTag", "namespace": namespace, "name": name}
        else:
            origin = chance.choice(IMAGES) if source == "image" else docker("q.invalid/x:1")
        more = {
            "annotations": {"note": chance.choice(["x", "a&b <ü>"])},
            "importPolicy": chance.choice([{"insecure": True}, {"importMode": "PreserveOriginal"}]),
            "referencePolicy": {"type": "Local"},
            "reference": True,
        }
        kept = {name: value for name, value in more.items() if chance.random() < 0.25}
        return {"source": origin, **kept}

    def _evolved(self, before):
        """Give the next commit: some tags stay, some change, some go, some come."""
        chance, after = self.chance, {}
        for text, manifest in before.items():
            match chance.choices(["stays", "moves", "changes", "goes"], [4, 2, 2, 2])[0]:
                case "stays":
                    after[text] = manifest
                case "moves":
                    after[text] = {**manifest, "source": chance.choice(IMAGES)}
                case "changes":
                    after[text] = self._manifest(text)
        after |= {text: self._manifest(text) for text in chance.sample(NAMES, 3) if text not in before}
        return after or dict(before)

    def _edit(self):
        """Something that others do to one tag."""
        return self.chance.choice(EDITS), self.chance.choice(NAMES), self.chance.choice(IMAGES)


@contextlib.contextmanager
def stage():
    """Open a stage. Retries pause for less than in a run that nobody waits for; openssl makes the certificate."""
    pauses = (changes.PAUSE, images.FIRST_PAUSE)
    changes.PAUSE, images.FIRST_PAUSE = 0.0005, 0.002
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            LocalAPI(import_delay=0) as api,
            FaultProxy(api.url) as plain,
            FaultProxy(api.url, tls=_certified(Path(folder))) as tls,
        ):
            yield Stage(api, plain, tls)
    finally:
        changes.PAUSE, images.FIRST_PAUSE = pauses


def _certified(folder):
    """Make a certificate that nobody knows."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]
    files = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run([*command, *files], check=True, capture_output=True, timeout=30)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


@dataclass
class Played:
    """What came of a schedule."""

    result: str
    injected: collections.Counter = field(default_factory=collections.Counter)
    writes: int = 0


class Stage:
    """The cluster and the proxies, plain and with TLS, that schedules are played on, one after the other."""

    def __init__(self, api, plain, tls):
        self.api = api
        self.proxies = {False: plain, True: tls}

    def play(self, schedule):
        """Play one schedule; raises AssertionError with the command that plays it again, also where syncer crashed."""
        with tempfile.TemporaryDirectory() as folder:
            play = _Play(self, schedule, Path(folder))
            try:
                return play.play()
            except Exception as error:
                again = f"python tests/faults/soak.py --seed {schedule.seed}" + " --meddled" * schedule.meddled
                what = error if isinstance(error, AssertionError) else f"{error!r}; {play.heard}"
                raise AssertionError(f"{what}\n\nagain: {again}") from error


class _Play:
    def __init__(self, stage, schedule, folder):
        self.world, self.schedule, self.folder = World(stage.api), schedule, folder
        self.heard = []
        self.world.client.tell = self.heard.append
        self.others = Others(self.world)
        self.proxy = stage.proxies[schedule.tls]
        self.undo_file = folder / "undo.jsonl"
        self.touched = set()  # tags that others touched while the run went on
        self._edits = {}
        for number, edit in schedule.meanwhile:
            self._edits.setdefault(number, []).append(edit)

    def play(self):
        schedule, world = self.schedule, self.world
        world.clear()
        first = world.sync(*manifests(schedule.before), wait=0.5, namespaces=NAMESPACES)
        assert not first.refusal, first.report.plan.problems
        for edit in schedule.edits:
            self.others.do(edit)
        world.settle(*NAMES)
        self.state = state(world)
        expected = world.plan(*manifests(schedule.wanted), **self._limits())
        run, trouble = self._run()
        if trouble:
            assert not self._writes(), f"nothing was to be written: {trouble}"
            result = "error"
        else:
            self._check_plan(run, expected)
            self._check_outcomes(run)
            result = f"exit {run.exit_code()}"
            if run.exit_code() == 0 and not self.touched:
                self._check_equal(run)
        self._check_prunes()
        self._check_once()
        self._check_convergence()
        return Played(result, self.proxy.injected, len([e for e in self.proxy.log if e.took_effect]))

    def _limits(self):
        return {**self.schedule.options, "max_prune": EVERYTHING, "max_change": EVERYTHING, "wait": 0.5}

    def _run(self):
        schedule, token_file = self.schedule, self.folder / "token"
        rotates = "token_rotated" in schedule.kinds
        broken = schedule.broken_connections
        self.proxy.begin(self._rule, token_file=token_file if rotates else None, breaks=lambda n: n < broken)
        named = {"token_file": str(token_file)} if rotates else {}
        options = ConnectionOptions(
            server=self.proxy.url, request_timeout=schedule.timeout, insecure_skip_tls_verify=schedule.tls, **named
        )
        patience = Patience(attempts=4, pause=0.0005, outage=0.2)
        client = Client(connect(options, environ={}), pool_size=4, patience=patience, sleep=lambda _: None)
        asked = sync.Options(SourceSpec("-"), owner="demo", undo_file=self.undo_file, **self._limits())
        try:
            return sync.sync(asked, client, stdin(manifests(schedule.wanted))), None
        except SyncerError as error:
            return None, error

    def _rule(self, seen):
        for edit in self._edits.pop(self.proxy.count("request"), ()):
            if seen.method != "DELETE":  # between a fresh read and its delete is the one round trip that is admitted
                self.touched |= self.others.do(edit)
        return self.schedule.fault(seen)

    # what must hold

    def _writes(self):
        return [exchange for exchange in self.proxy.log if exchange.seen.is_write]

    def _check_plan(self, run, expected):
        """A plan that was made through faults is the plan that is made without them."""
        if self.touched or self.proxy.injected["forbidden"]:  # what may not be listed is left out
            return
        made, right = ({str(c.key): _sent(c.requests) for c in each.report.plan.changes} for each in (run, expected))
        assert made == right, "the plan is not that of the cluster as it was"

    def _check_outcomes(self, run):
        """Each outcome is true of what reached the server, and nothing reached it that was not planned."""
        planned = {str(change.key): change for change in run.report.plan.changes}
        done = collections.defaultdict(list)
        for exchange in self._writes():
            text = exchange.seen.tag
            assert text in planned, f"{exchange} was not planned"
            assert _is_planned(exchange.seen, planned[text]), f"{exchange} was not planned"
            if exchange.took_effect:
                done[text].append(exchange)
        noted = {str(e.key): e.wrote for e in read_undo(self.undo_file).entries} if self.undo_file.exists() else {}
        after = state(self.world)
        for key, outcome in run.report.outcomes.items():
            text, change = str(key), planned[str(key)]
            why = f"{outcome}, but the server saw {done[text]}"
            assert bool(done[text]) or outcome.wrote != "yes", why
            assert not done[text] or outcome.wrote != "no", why
            if outcome.result in ("created", "configured", "pruned"):
                assert done[text] or (text in self.touched and outcome.wrote == "unknown"), why
            if outcome.result == "unchanged":
                assert not done[text], why
            assert bool(outcome.error) >= (outcome.result == "failed"), why
            if change.requests:
                assert noted[text] == outcome.wrote, f"the undo file says {noted[text]} of {outcome}"
                if not outcome.error and text not in self.touched:
                    self._check_as_git_says(text, after, why)

    def _check_as_git_says(self, text, after, why):
        wanted = self.schedule.wanted.get(text)
        if wanted is None:
            assert text not in after, f"{text} is still there; {why}"
            return
        assert text in after, f"{text} is not there; {why}"
        spec, annotations = after[text]
        assert annotations.get(OWNER) == f"demo {text}", f"{annotations}; {why}"
        if self.schedule.options["on_drift"] == "revert":
            asked = _normal({"from": wanted["source"], **{k: v for k, v in wanted.items() if k in DEFAULTS}})
            assert spec == asked, f"{text} is {spec}; {why}"
            assert (wanted.get("annotations") or {}).items() <= annotations.items(), f"{annotations}; {why}"

    def _check_equal(self, run):
        """After exit code 0 the cluster is as git says, by the plan and by what is there."""
        after = state(self.world)
        skipped = {str(key) for key, outcome in run.report.outcomes.items() if outcome.result == "skipped"}
        for text in self.schedule.wanted.keys() - skipped:
            self._check_as_git_says(text, after, "exit 0")
        owned = {text for text, (_, annotations) in after.items() if annotations.get(OWNER) == f"demo {text}"}
        left = owned - self.schedule.wanted.keys() - skipped
        assert not left, f"exit 0, and {left} are still there"

    def _check_once(self):
        """No write took effect twice."""
        counted = collections.Counter(
            (e.seen.method, e.seen.tag, json.dumps(e.seen.body, sort_keys=True))
            for e in self.proxy.log
            if e.took_effect
        )
        twice = [what for what, number in counted.items() if number > 1 and what[1] not in self.touched]
        assert not twice, f"took effect twice: {twice}"

    def _check_prunes(self):
        """Each delete was proven by the read of its stream that came before it."""
        reads = {}
        for exchange in self.proxy.log:
            seen = exchange.seen
            path = urlsplit(seen.path).path
            if seen.method == "GET" and "/imagestreams/" in path:
                reads[seen.namespace, path.rpartition("/")[2]] = exchange
            if seen.method != "DELETE":
                continue
            text = seen.tag
            namespace, stream, name = split(text)
            read = reads.get((namespace, stream))
            assert read, f"{text} was deleted without a fresh read"
            around = json.loads(read.answer)
            entry = next(entry for entry in around["spec"]["tags"] if entry["name"] == name)
            annotations = entry.get("annotations") or {}
            assert annotations.get(OWNER) == f"demo {text}", f"{text} was not provably ours: {annotations}"
            assert text not in self.schedule.wanted, f"{text} is in git"
            assert "syncer.dev/prune" not in annotations, f"{text} is protected"
            assert seen.body["preconditions"]["uid"] == around["metadata"]["uid"]

    def _check_convergence(self):
        """A run without faults and without others makes it right, and the next one has nothing to do."""
        limits = {**self._limits(), "retry_imports": False, "on_drift": "revert", "prune": True}
        for _ in range(2):  # what a follower needs may come with the first
            last = self.world.sync(*manifests(self.schedule.wanted), **limits)
            assert not last.refusal, last.report.plan.problems
        wrong = {
            str(c.key): (c.action, c.reason, last.report.outcomes[c.key])
            for c in last.report.plan.changes
            if c.requests
        }
        hopeless = {
            text
            for text, (_, _, outcome) in wrong.items()
            if NOWHERE.search(outcome.error) or outcome.result == "unchanged"
        }
        assert not wrong.keys() - hopeless, f"it does not converge: {wrong}"
        left = {text for text, (_, noted) in state(self.world).items() if noted.get(OWNER) == f"demo {text}"}
        kept = {str(c.key) for c in last.report.plan.changes if c.action == "skip"} | hopeless
        assert left <= self.schedule.wanted.keys() | kept, f"orphaned: {left - self.schedule.wanted.keys() - kept}"


def manifests(wanted):
    return [tag(text, **manifest) for text, manifest in sorted(wanted.items())]


def state(world):
    """Give spec and annotations of all tags, defaults filled in, without what only the server counts."""
    return {
        str(live.key): (_normal(live.spec), dict(live.annotations)) for live in world.live(*NAMESPACES).tags.values()
    }


def _normal(spec):
    """Fill in the server's defaults, and leave out its own counting."""
    if spec is None:
        return None
    kept = {name: spec.get(name) for name in ("from", *DEFAULTS)}
    for name, default in DEFAULTS.items():
        kept[name] = {**default, **(kept[name] or {})} if isinstance(default, dict) else kept[name] or default
    return kept


def _sent(requests):
    return [(request.method, request.path, json.dumps(request.body, sort_keys=True)) for request in requests]


def _is_planned(seen, change):
    """Whether a write is one of the change's requests, or sets the same to the same after a fresh read."""
    for request in change.requests:
        if (request.method, request.path) == (seen.method, seen.path):
            if request.body == seen.body:
                return True
            if seen.method == "PATCH" and _set_by(seen.body) == _set_by(request.body):
                return True
    return False


def _set_by(body):
    """Give what a patch sets; our own records aside, for what was there of them may have moved."""
    records = [name.replace("/", "~1") for name in (OWNER, *RECORDS)]
    return {
        op["path"]: op.get("value")
        for op in body
        if op["op"] != "test" and op.get("value") != {} and not op["path"].endswith(tuple(records))
    }
