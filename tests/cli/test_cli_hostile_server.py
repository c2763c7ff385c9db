"""A server that was made to hurt: parts of its answers replaced, one at a time, by what they must not be."""

import itertools
import json
from collections import defaultdict

import click.utils
import pytest
from world import World, tag, text_of

from syncer.cluster import client as clients
from syncer.localapi import LocalAPI

ONE, TWO, OLD, NEW = "team-a/app:v1", "team-a/app:v2", "team-a/app:old", "team-a/web:v1"
WANTED = text_of([tag(ONE), tag(TWO, "registry.example.com/team/app:v9"), tag(NEW)])
BEFORE = [tag(ONE), tag(TWO), tag(OLD, "no-such.invalid/x:v1")]
OWNER = ("--owner", "demo")
STEERS = "\x1b]0;x\x07\x9b2J\u202e<script>alert(1)</script>::error::[x](javascript:y)"
WRONG = (None, True, 7, -1, 1.5, 10**18, "", "x", [], {}, [None], [[{}]], {"a": None}, STEERS)
"""What stands in place of each part of an answer."""

ONCE, Answer = clients.Client._once, clients._Answer  # noqa: SLF001 - one request and its answer, below all that judges it
MOST = 60
"""Runs of each test; where there are more parts and wrong values, each second or third is taken."""


@pytest.fixture(scope="module")
def importing():
    with LocalAPI(import_delay=0.01) as api:
        yield api


@pytest.fixture
def lived(importing):
    """A cluster in which a tag is as it should be, one is another, one is to go, and its import failed."""
    world = World(importing)
    world.clear()
    world.sync(*BEFORE, namespaces=("team-a",))
    world.settle(ONE, TWO, OLD)
    world.forget()
    return world


COMMANDS = {
    "plan": ("plan", "-", "-n", "team-a", *OWNER),
    "plan -A": ("plan", "-", "-A", *OWNER),
    "sync": ("sync", "-", "-n", "team-a", *OWNER, "--lock", "team-a/syncer", "--wait", "0s", "--retry-imports"),
    "explain": ("explain", ONE, "-", *OWNER),
    "export": ("export", "DIR", "-n", "team-a"),
    "doctor": ("doctor", "-", "-n", "team-a"),
    "owner rename": ("owner", "rename", "demo", "other", "-n", "team-a"),
}


class Replay:
    """Records the answers of a server once, and gives them again, one of them changed."""

    def __init__(self, *, thorough):
        self.thorough = thorough
        self.recorded = defaultdict(list)
        self.change = None
        self._at = defaultdict(int)

    def record(self, once):
        def recording(client, method, target, *more):
            answer = once(client, method, target, *more)
            self.recorded[method, target.partition("?")[0]].append(answer)
            return answer

        return recording

    def answer(self, _, method, target, *__):
        key = method, target.partition("?")[0]
        answers = self.recorded[key]
        if not answers:
            return Answer(404, b'{"kind": "Status", "reason": "NotFound"}', None, "")
        at = min(self._at[key], len(answers) - 1)
        self._at[key] += 1
        if self.change and self.change[0] == (key, at):
            return Answer(answers[at].status, json.dumps(self.change[1]).encode(), None, "")
        return answers[at]

    def again(self, change):
        self.change = change
        self._at.clear()

    def changes(self):
        """Yield, for each part of each answer, the answer with that part replaced.

        What is listed is replaced by each wrong value, parts of other answers by one each in turn.
        """
        turns = itertools.cycle(WRONG)
        for key, answers in self.recorded.items():
            listed = key[1].endswith("/imagestreams")
            for at, answer in enumerate(answers[:2]):
                body = json.loads(answer.data) if answer.data.startswith(b"{") else {"text": "plain"}
                for path in ((), *parts(body)):
                    for value in WRONG if listed and at == 0 and self.thorough else [next(turns)]:
                        yield (key, at), path, value, replaced(body, path, value)


def parts(value, path=()):
    """Yield the way to each part of a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield (*path, key)
        yield from parts(each, (*path, key))


def replaced(body, path, value):
    """Give a copy of a JSON value with one part replaced."""
    if not path:
        return value
    copy = body.copy()
    copy[path[0]] = replaced(body[path[0]], path[1:], value)
    return copy


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    """Have no client wait."""
    impatient = clients.Patience(attempts=2, outage=0.01, pause=0.0001)
    monkeypatch.setattr(
        clients.Client.__init__,
        "__kwdefaults__",
        {**clients.Client.__init__.__kwdefaults__, "sleep": lambda _: None, "patience": impatient},
    )


PARTS = [*((name, 0) for name in COMMANDS), *(("plan", part) for part in range(1, 5))]


@pytest.mark.parametrize(("name", "part"), PARTS)
def test_no_part_of_an_answer_that_is_not_what_it_must_be_is_an_internal_error(  # noqa: PLR0913, PLR0917 - fixtures
    syncer, lived, monkeypatch, tmp_path, name, part
):
    monkeypatch.setattr(click.utils, "should_strip_ansi", lambda *_: False)  # as on a terminal
    numbers, replay = itertools.count(), Replay(thorough=name == "plan")

    def run():
        words = {"DIR": tmp_path / f"export-{next(numbers)}"}
        command = [words.get(word, word) for word in COMMANDS[name]]
        if name == "owner rename":
            command += ["--undo-file", tmp_path / f"way-back-{next(numbers)}"]
        return syncer(*command, "--server", lived.url, stdin=WANTED)

    monkeypatch.setattr(clients.Client, "_once", replay.record(ONCE))
    assert run().code == 0
    assert replay.recorded
    monkeypatch.setattr(clients.Client, "_once", lambda *given: replay.answer(*given))  # noqa: PLW0108 - a method it is
    replay.again(None)
    assert run().code == 0, "the recording is not whole"
    wrong, changes = [], list(replay.changes())
    changes = changes[part :: 1 + len(changes) // MOST]
    for where, path, value, body in changes:
        replay.again((where, body))
        try:
            ended = run()
            assert ended.code in (0, 1, 3, 4, 5, 64, 75)
            assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(ended.out + ended.err)
        except AssertionError as error:
            wrong.append((where, path, value, str(error)[:400]))
    assert wrong == []
    assert len(changes) > 20
