"""A server that stops answering in the middle of a run: waited for within a budget, then given up for all."""

import threading
import time

import pytest

from syncer.cluster.outage import Outage
from syncer.errors import ClusterError, ConflictError, NotSentError, ServerGoneError, UnreachableError


class Server:
    """Answers by a script of errors and answers; the last one stays."""

    def __init__(self, *script):
        self.script = list(script)
        self.asked = 0
        self.lock = threading.Lock()

    def __call__(self):
        with self.lock:
            self.asked += 1
            answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def outage(budget=0.2, **more):
    return Outage(budget, **{"pause": 0.01, **more})


AWAY = [NotSentError("refused"), ClusterError("unavailable", status=503), ClusterError("bad gateway", status=502)]


@pytest.mark.parametrize("error", AWAY, ids=["refused", "503", "502"])
def test_a_server_that_comes_back_is_waited_for_and_that_is_said(error):
    told, server = [], Server(*[error] * 5, "answer")
    assert outage(5.0, tell=told.append).through(server, again=ClusterError) == "answer"
    assert server.asked == 6
    assert [text.partition(",")[0] for text in told] == ["the server does not answer", "the server answers again"]


def test_a_moment_is_not_worth_a_word():
    told, server = [], Server(NotSentError("refused"), "answer")
    assert outage(tell=told.append).through(server) == "answer"
    assert told == []


def test_a_server_that_is_gone_costs_one_budget_however_many_ask():
    told, server = [], Server(NotSentError("refused"))
    shared, began = outage(0.3, tell=told.append), time.monotonic()
    with pytest.raises(NotSentError, match="refused"):
        shared.through(server)
    asked = server.asked
    for _ in range(5000):
        with pytest.raises(ServerGoneError, match="the server stopped answering; not tried"):
            shared.through(server)
    assert server.asked == asked
    assert time.monotonic() - began < 10
    assert told[-1].startswith("the server stopped answering")


def test_all_that_wait_when_the_budget_ends_stop_waiting():
    server, errors = Server(NotSentError("refused")), []
    shared = outage(0.2)

    def ask():
        try:
            shared.through(server)
        except ClusterError as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(errors) == 8


def test_the_budget_is_the_runs_and_not_one_of_each_outage():
    shared, away = outage(0.2), [NotSentError("refused")] * 4
    for _ in range(20):
        try:
            shared.through(Server(*away, "answer"))
        except NotSentError:
            break
    with pytest.raises(ServerGoneError):
        shared.through(Server("answer"))


def test_a_write_whose_effect_is_not_known_is_never_sent_again():
    server = Server(UnreachableError("no answer"), "answer")
    with pytest.raises(UnreachableError, match="no answer"):
        outage().through(server)
    assert server.asked == 1


@pytest.mark.parametrize(
    "error", [ConflictError("moved", status=409), UnreachableError("etcd timed out", status=500)], ids=["409", "500"]
)
def test_a_server_that_answers_is_not_away_whatever_it_answers(error):
    server = Server(error)
    shared = outage(0.0)
    for _ in range(10):
        with pytest.raises(type(error)):
            shared.through(server)


def test_one_exchange_that_hung_for_longer_than_the_budget_is_not_the_end():
    shared = outage(0.0)
    with pytest.raises(UnreachableError):
        shared.through(Server(UnreachableError("no answer in 300 s")))
    assert shared.through(Server("answer")) == "answer"


def test_an_interrupt_ends_the_wait():
    began = time.monotonic()
    with pytest.raises(NotSentError):
        outage(60.0).through(Server(NotSentError("refused")), stopped=lambda: True)
    assert time.monotonic() - began < 10


def test_what_must_not_be_sent_now_is_sent_once_it_may_be():
    held = Server(NotSentError("the lock could not be renewed"), None)
    server = Server("answer")
    assert outage().through(server, before=held) == "answer"
    assert (held.asked, server.asked) == (2, 1)


def test_what_must_not_be_sent_any_more_is_not():
    server = Server("answer")
    with pytest.raises(ClusterError, match="lost"):
        outage().through(server, before=Server(ClusterError("the lock was lost")))
    assert server.asked == 0
