"""Several stories side by side: none holds up another, a signal ends each in good order, the worst code counts."""

import itertools
import signal
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.errors import InterruptedRunError
from syncer.sync.sets import MOST, WORST_FIRST, Claim, Interruptible, contested, side_by_side, worst


class Signal:
    """The exit code of a signal, 0 until it is sent."""

    def __init__(self):
        self.code = 0

    def __call__(self):
        return self.code


def run(stories, signalled=int, grace=5.0):
    told = lambda name, error: (name, error.exit_code)  # noqa: E731 - as short as what it stands for
    with side_by_side(stories, signalled=signalled, interrupted=told, grace=grace) as ended:
        return ended


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((), 0),
        ((0, 0), 0),
        ((0, 2), 2),
        ((2, 75), 75),
        ((75, 3), 3),
        ((3, 5), 5),
        ((3, 4), 4),
        ((4, 1), 1),
        ((1, 64), 64),
        ((64, 130), 130),
        ((130, 143), 143),
    ],
)
def test_the_worst_code_counts_in_the_order_that_is_documented(codes, expected):
    assert {worst(each) for each in itertools.permutations(codes)} == {expected}


@given(st.lists(st.sampled_from(WORST_FIRST), min_size=1))
def test_the_worst_code_is_one_of_them_and_0_only_where_all_are(codes):
    assert worst(codes) in codes
    assert (worst(codes) == 0) == (set(codes) == {0})


def test_stories_run_at_the_same_time_and_what_they_came_to_is_in_the_order_asked_for():
    meeting = threading.Barrier(3)

    def story(number):
        def told(_):
            meeting.wait(20)  # only if all three are there
            time.sleep(0.05 * (3 - number))
            return number

        return told

    assert list(run({name: story(n) for n, name in enumerate("cab")}).items()) == [("c", 0), ("a", 1), ("b", 2)]


def test_more_stories_than_there_is_room_for_queue_and_none_is_lost():
    busy, most, lock = 0, 0, threading.Lock()

    def story(_):
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
        time.sleep(0.01)
        with lock:
            busy -= 1
        return True

    assert run({str(number): story for number in range(2 * MOST + 1)}) == dict.fromkeys(
        map(str, range(2 * MOST + 1)), True
    )
    assert most <= MOST


def test_without_any_story_nothing_is_told():
    assert run({}) == {}


def test_a_story_that_reads_ends_at_its_next_event_after_a_signal():
    sent = Signal()

    def story(hand):
        hand.check()
        sent.code = signal.SIGTERM + 128
        with pytest.raises(InterruptedRunError) as raised:
            hand.check()
        return raised.value.exit_code

    assert run({"a": story}, sent) == {"a": 143}


def test_a_story_that_writes_is_not_ended_but_asked_to_stop_and_waited_for_beyond_any_grace():
    sent = Signal()

    def story(hand):
        assert not hand.stopped()
        sent.code = 130
        hand.check()
        time.sleep(0.5)
        assert hand.stopped()
        return "in good order"

    assert run({"a": story}, sent, grace=0.05) == {"a": "in good order"}


def test_a_story_that_hangs_is_told_without_and_waited_for_in_the_end():
    sent, over = Signal(), threading.Event()
    ended = []

    def story(hand):
        sent.code = 143
        over.wait(20)
        with pytest.raises(InterruptedRunError):
            hand.check()
        ended.append(True)

    with side_by_side(
        {"a": story}, signalled=sent, interrupted=lambda name, error: (name, error.exit_code), grace=0.05
    ) as told:
        assert (told, ended) == ({"a": ("a", 143)}, [])
        over.set()
    assert ended == [True]


def test_a_pause_between_two_attempts_ends_with_the_signal():
    sent = Signal()
    hand = Interruptible(sent)
    threading.Timer(0.2, setattr, (sent, "code", 130)).start()
    began = time.monotonic()
    with pytest.raises(InterruptedRunError):
        hand.sleep(60)
    assert time.monotonic() - began < 30
    hand.stopped()
    hand.sleep(0.01)  # who writes pauses as ever


BASE = Claim("a", "https://api", "", "tags")


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ({}, {}, True),
        ({}, {"server": "https://other"}, False),
        ({}, {"server": "HTTPS://Api.:0443/"}, True),
        ({}, {"server": "https://api:6443"}, False),
        ({}, {"server": "https://api/clusters/b"}, False),
        ({}, {"server": "http://api"}, False),
        ({"server": "http://127.0.0.1:8080"}, {"server": "http://localhost:8080"}, True),
        ({"server": "http://127.0.0.1:8080"}, {"server": "http://127.1:8080"}, True),
        ({}, {"source": "others"}, False),
        ({"owner": "x"}, {"owner": "x", "source": "others"}, True),
        ({"owner": "x"}, {"owner": "y"}, False),
        ({"owner": "tags"}, {}, False),
        ({"namespaces": {"n"}}, {"namespaces": {"m"}}, False),
        ({"namespaces": {"n"}}, {"namespaces": {"n", "m"}}, True),
        ({"namespaces": {"n"}}, {}, True),
        ({"namespaces": {"n"}}, {"all_namespaces": True}, True),
        ({"paths": {"p"}}, {"paths": {"q"}}, False),
        ({"paths": {"p"}}, {"paths": {"p", "q"}}, True),
        ({"paths": {"p"}}, {}, True),
        ({"paths": {"p"}, "owner": "x"}, {"paths": {"q"}, "owner": "x", "source": "others"}, True),
    ],
)
def test_two_sets_meet_where_each_might_prune_what_the_other_made(one, other, meet):
    claims = [
        Claim(**{**{field: getattr(BASE, field) for field in Claim.__slots__}, **more, "name": name})
        for name, more in (("one", one), ("other", other))
    ]
    named = "" if claims[0].owner else ", named after tags,"
    told = [f"sets one and other have one owner{named} in one cluster: they would prune each other"] * meet
    assert contested(claims) == told
    assert claims[0].meets(claims[1]) == claims[1].meets(claims[0])
