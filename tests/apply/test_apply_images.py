"""Waiting for images, by generation; patience runs out, and nothing hangs."""

import itertools
import threading
import time
from types import SimpleNamespace

import pytest
from builders import key, live
from msgspec.structs import replace
from world import tag

from syncer.apply import follow_imports, images
from syncer.apply.images import wait_for_image
from syncer.cluster import ClusterWriter
from syncer.errors import ClusterError
from syncer.events import ImportMoved
from syncer.model import Import, ImportState, Outcome

APP = "team-a/app:v1"
ABSENT = "registry.invalid/team/app:v1"
NEW = "registry.example.com/team/app:v2"


def waited(world, text=APP, patience=5.0):
    return wait_for_image(ClusterWriter(world.client), key(text), patience)


def followed(world, *texts, patience=5.0, result="created", **more):
    outcomes = [Outcome(key(text), result) for text in texts]
    return follow_imports(ClusterWriter(world.client), outcomes, patience, concurrency=2, **more)


def test_an_image_that_is_awaited_is_given_once_it_is_there(importing):
    importing.post(tag(APP))
    image = waited(importing)
    assert (image.state, [image.digest]) == (ImportState.IMPORTED, importing.items(APP))


def test_the_image_of_the_last_import_is_awaited_and_not_an_older_one(importing):
    importing.post(tag(APP))
    old = waited(importing).digest
    importing.point(APP, NEW)
    assert waited(importing).digest not in ("", old)


def test_an_import_that_failed_ends_the_wait_at_once(importing):
    importing.post(tag(APP, ABSENT))
    began = time.monotonic()
    image = waited(importing, patience=30.0)
    assert (image.state, "no such host" in image.message) == (ImportState.FAILED, True)
    assert time.monotonic() - began < 5


class Scripted:
    """Gives the images of one stream, read after read; the last ones stay."""

    def __init__(self, *reads):
        self.reads, self.asked = list(reads), []

    def read_stream(self, namespace, stream):
        self.asked.append((namespace, stream))
        states = self.reads.pop(0) if len(self.reads) > 1 else self.reads[0]
        if states is None:
            return None
        return {tag.key: tag for tag in (live(f"a/s:{n}", state=s, digest=d) for n, (s, d) in enumerate(states))}


PENDING, THERE = (ImportState.PENDING, ""), (ImportState.IMPORTED, "sha256:1")


@pytest.mark.parametrize(
    ("reads", "more", "asked"),
    [
        ([[PENDING, THERE]], {}, 1),
        ([[(ImportState.IMPORTED, "sha256:2")]], {}, 1),
        ([[(ImportState.FAILED, "")]], {}, 1),
        ([None], {}, 1),
        ([[PENDING], [PENDING, (ImportState.IMPORTED, "sha256:2")], [THERE, PENDING]], {}, 3),
        ([[PENDING], [(ImportState.FAILED, "")]], {}, 2),
        ([[PENDING]], {"stopped": lambda: True}, 1),
        ([[PENDING]], {"patience": 0.0}, 1),
        ([[PENDING]], {"patience": 0.02}, 2),
    ],
    ids=["there", "another", "failed", "no stream", "comes", "fails", "stopped", "no patience", "some patience"],
)
def test_a_digest_is_awaited_while_an_import_may_still_bring_it(monkeypatch, reads, more, asked):
    slept = []
    clock = iter(count / 100 for count in itertools.count())
    monkeypatch.setattr(images, "FIRST_PAUSE", 0.005)
    monkeypatch.setattr(images, "time", SimpleNamespace(sleep=slept.append, monotonic=lambda: next(clock)))
    writer = Scripted(*reads)
    images.wait_for_digest(writer, "a", "s", "sha256:1", **{"patience": 9.0, **more})
    assert writer.asked == [("a", "s")] * asked
    assert slept == [0.005, 0.0075][: asked - 1]


class Clock:
    """A clock that moves when somebody sleeps."""

    def __init__(self):
        self.now, self.slept = 1000.0, []

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(images, "time", found)
    return found


class Told:
    """Gives the same image at each read, or one after the other until the last."""

    def __init__(self, *found):
        self.found, self.asked = list(found), []

    def read_stream(self, namespace, stream):
        self.asked.append((namespace, stream))
        image = self.found.pop(0) if len(self.found) > 1 else self.found[0]
        if isinstance(image, Exception):
            raise image
        return image and {key(f"{namespace}/{stream}:v1"): replace(live(f"{namespace}/{stream}:v1"), image=image)}


UNDER_WAY, DONE = Import(ImportState.PENDING), Import(ImportState.IMPORTED, "sha256:1")
AGAIN = Import(ImportState.FAILED, "", "no such host", asked_again=True)


@pytest.mark.parametrize(
    ("image", "patience", "waited"),
    [
        (UNDER_WAY, 60.0, 60.0),
        (UNDER_WAY, 10.0, 10.0),
        (AGAIN, 60.0, 30.0),
        (AGAIN, 10.0, 10.0),
        (AGAIN, 90.0, 30.0),
    ],
)
def test_a_wait_is_as_long_as_patience_and_shorter_where_only_the_earlier_failure_shows(clock, image, patience, waited):
    writer = Told(image)
    assert wait_for_image(writer, key(APP), patience) == image
    assert waited - 2 <= sum(clock.slept) <= waited
    assert clock.slept[:3] == pytest.approx([0.1, 0.15, 0.225])
    assert max(clock.slept) <= 2.0
    assert clock.slept[9:12] == [2.0] * 3 or patience <= 10
    assert len(writer.asked) == len(clock.slept) + 1


def test_a_wait_that_would_end_just_when_patience_does_is_waited(clock):
    assert wait_for_image(Told(UNDER_WAY, DONE), key(APP), 0.1) == DONE
    assert clock.slept == [0.1]
    outcome = Outcome(key(APP), "created")
    found = follow_imports(Told(UNDER_WAY, DONE), [outcome], 0.1, concurrency=1)
    assert found == {key(APP): replace(outcome, image=DONE)}
    images.wait_for_digest(writer := Told(UNDER_WAY, DONE), "team-a", "app", "sha256:1", 0.1)
    assert len(writer.asked) == 2


def test_a_wait_that_is_stopped_or_over_or_of_no_tag_sleeps_no_more(clock):
    assert wait_for_image(Told(UNDER_WAY), key(APP), 60.0, lambda: True) == UNDER_WAY
    assert wait_for_image(Told(None), key(APP), 60.0) is None
    assert wait_for_image(Told(DONE), key(APP), 60.0) == DONE
    assert clock.slept == []


def followed_alone(writer, *names, patience=60.0, **more):
    outcomes = [Outcome(key(f"team-a/{name}:v1"), "configured", wrote="yes") for name in names]
    told = []
    found = follow_imports(writer, outcomes, patience, concurrency=2, tell=told.append, **more)
    assert [each.key for each in found.values()] == [each.key for each in outcomes]
    return [each.image for each in found.values()], told


def test_imports_are_read_until_the_last_is_over_and_each_is_told_once(clock):
    app, web = Told(UNDER_WAY, DONE), Told(UNDER_WAY, UNDER_WAY, UNDER_WAY, DONE)

    class Both:
        def read_stream(self, namespace, stream):
            return (app if stream == "app" else web).read_stream(namespace, stream)

    states, told = followed_alone(Both(), "web", "app")
    assert states == [DONE, DONE]
    assert told == [ImportMoved(key(APP), DONE), ImportMoved(key("team-a/web:v1"), DONE)]
    assert (len(app.asked), len(web.asked)) == (2, 4)
    assert clock.slept == pytest.approx([0.1, 0.15, 0.225])


@pytest.mark.parametrize(
    ("reads", "patience", "waited"),
    [
        ([UNDER_WAY], 90.0, 90.0),
        ([UNDER_WAY], 10.0, 10.0),
        ([AGAIN], 90.0, 30.0),
        ([AGAIN], 10.0, 10.0),
    ],
)
def test_imports_are_waited_for_as_long_as_patience_and_shorter_where_nothing_but_failures_shows(
    clock, reads, patience, waited
):
    states, told = followed_alone(Told(*reads), "app", patience=patience)
    assert (states, told) == (reads, [])
    assert waited - 2 <= sum(clock.slept) <= waited + 2
    assert max(clock.slept) <= 2.0


def test_the_silence_begins_anew_with_each_import_that_is_over(clock):
    pending = [UNDER_WAY] * 15

    class Both:
        def __init__(self):
            self.web = Told(*pending, DONE)

        def read_stream(self, namespace, stream):
            return (
                self.web.read_stream(namespace, stream) if stream == "web" else Told(AGAIN).read_stream("team-a", "app")
            )

    states, told = followed_alone(Both(), "app", "web", patience=900.0)
    assert states == [AGAIN, DONE]
    assert [event.key.stream for event in told] == ["web"]
    began = sum(clock.slept[:15])
    assert began + 30 <= sum(clock.slept) <= began + 34


def test_no_more_streams_are_read_at_a_time_than_asked_for():
    busy, most, lock = [], [], threading.Lock()

    class Slow(Told):
        def read_stream(self, namespace, stream):
            with lock:
                busy.append(stream)
                most.append(len(busy))
            time.sleep(0.02)
            with lock:
                busy.remove(stream)
            return super().read_stream(namespace, stream)

    followed_alone(Slow(DONE), "a", "b", "c", "d", "e", "f")
    assert max(most) <= 2


def test_an_error_or_an_interrupt_ends_the_wait_with_what_is_known(clock):
    broken = Told(UNDER_WAY, ClusterError("503"))
    assert followed_alone(broken, "app") == ([UNDER_WAY], [])
    assert followed_alone(Told(ClusterError("503")), "app") == ([None], [])
    assert clock.slept == [0.1]
    assert followed_alone(Told(UNDER_WAY), "app", stopped=lambda: True) == ([UNDER_WAY], [])
    assert followed_alone(Told(None), "app") == (
        [Import(ImportState.NONE)],
        [ImportMoved(key(APP), Import(ImportState.NONE))],
    )
    assert clock.slept == [0.1]


@pytest.mark.parametrize("patience", [0.0, 0.15])
def test_the_wait_ends_when_patience_does(world, patience):
    world.post(tag(APP))
    began = time.monotonic()
    assert waited(world, patience=patience).state is ImportState.PENDING
    assert time.monotonic() - began <= patience + 2


@pytest.mark.parametrize("text", ["team-a/app:absent", "team-a/absent:v1", "no-such-team/app:v1"])
def test_a_tag_that_is_not_there_is_not_awaited(world, text):
    world.post(tag(APP))
    assert waited(world, text, patience=30.0) is None


def test_a_tag_that_nothing_imports_is_not_awaited(world):
    world.post(tag(APP, reference=True))
    assert waited(world, patience=30.0).state is ImportState.NONE


def test_a_follower_within_the_stream_is_awaited_by_what_it_follows(importing):
    importing.sync(tag(APP), tag("team-a/app:latest", {"kind": "ImageStreamTag", "name": "v1"}), wait=5.0)
    old = importing.items("team-a/app:latest")[0]
    importing.point(APP, NEW)
    assert waited(importing, "team-a/app:latest").digest != old
    assert importing.items("team-a/app:latest")[0] == importing.items(APP)[0] != old


def test_a_circle_of_followers_does_not_hang(world):
    world.post(tag(APP, reference=True))
    world.post(tag("team-a/app:v2", {"kind": "ImageStreamTag", "name": "v1"}))
    world.patch(APP, [{"op": "replace", "path": "/tag/from", "value": {"kind": "ImageStreamTag", "name": "v2"}}])
    assert waited(world, patience=30.0).state is ImportState.NONE


def test_the_imports_of_a_run_are_followed_to_their_end(importing):
    texts = [APP, "team-a/app:bad", "team-b/web:v1"]
    for text, source in zip(texts, [NEW, ABSENT, NEW], strict=True):
        importing.post(tag(text, source))
    found = followed(importing, *texts)
    assert [found[key(text)].image.state for text in texts] == ["imported", "failed", "imported"]
    assert [found[key(text)].result for text in texts] == ["created"] * 3


def test_imports_that_do_not_end_are_pending_when_patience_runs_out(world):
    world.post(tag(APP))
    assert followed(world, APP, patience=0.0)[key(APP)].image.state is ImportState.PENDING


def test_an_interrupt_ends_the_wait(world):
    world.post(tag(APP))
    began = time.monotonic()
    found = followed(world, APP, patience=30.0, stopped=lambda: True)
    assert (found[key(APP)].image.state, time.monotonic() - began < 5) == (ImportState.PENDING, True)


def test_a_tag_that_vanished_has_no_image(world):
    assert followed(world, APP)[key(APP)].image.state is ImportState.NONE


@pytest.mark.parametrize("result", ["unchanged", "skipped", "failed", "pruned"])
def test_what_was_not_written_is_not_followed(world, result):
    assert followed(world, APP, result=result) == {}
    assert world.requests() == []


def failed_again(world, text=APP, source=ABSENT):
    """Leave a tag whose import failed, and was asked for again: it fails again word for word."""
    world.post(tag(text, source))
    world.settle(text)
    world.patch(text, [{"op": "add", "path": "/tag/generation", "value": 0}])


def test_an_import_that_fails_again_word_for_word_is_failed_once_nothing_moves_any_more(importing, monkeypatch):
    monkeypatch.setattr(images, "SILENCE", 0.3)
    failed_again(importing)
    importing.post(tag("team-b/web:v1"))
    found = followed(importing, APP, "team-b/web:v1", patience=30.0)
    image = found[key(APP)].image
    assert (image.state, image.asked_again) == (ImportState.FAILED, True)
    assert "no such host" in image.message
    assert found[key("team-b/web:v1")].image.state is ImportState.IMPORTED


def test_an_import_that_was_asked_for_again_has_its_time_before_it_counts_as_failed_again(world, monkeypatch):
    monkeypatch.setattr(images, "SILENCE", 30.0)
    world.api.push("team-a", "app", "v1")
    seen = []

    class Slow(ClusterWriter):
        def read_stream(self, namespace, stream):
            seen.append(1)
            tags = super().read_stream(namespace, stream)
            (live,) = tags.values()
            failed = Import(ImportState.FAILED, "", "no such host", asked_again=True)
            return tags if len(seen) > 3 else {live.key: replace(live, image=failed)}

    found = follow_imports(Slow(world.client), [Outcome(key(APP), "configured")], 30.0, concurrency=1)
    assert (found[key(APP)].image.state, len(seen)) == (ImportState.IMPORTED, 4)


def test_a_follower_does_not_wait_for_long_for_what_failed_again(importing, monkeypatch):
    monkeypatch.setattr(images, "SILENCE", 0.3)
    failed_again(importing)
    began = time.monotonic()
    assert waited(importing, patience=60.0).state is ImportState.FAILED
    assert time.monotonic() - began < 20
