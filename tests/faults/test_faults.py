"""A bounded sample of seeded schedules of faults; `make soak` plays thousands."""

import collections

import pytest
from faultproxy import FAULTS
from schedules import Schedule, stage

from syncer import apply, cluster
from syncer.cluster import pages
from syncer.errors import UnreachableError
from syncer.plan import planner

ALONE, MEDDLED = 60, 40
"""How many schedules are played: a few tenths of a second each, most of them spent in the local API."""
PIECE = 5

pytestmark = pytest.mark.timeout(300)  # a busy machine takes its time


@pytest.fixture(scope="module")
def played_on():
    with stage() as opened:
        yield opened


@pytest.mark.parametrize("first", range(0, ALONE, PIECE))
def test_after_whatever_faults_the_outcomes_are_true_and_the_next_run_makes_it_right(played_on, first):
    for seed in range(first, first + PIECE):
        played_on.play(Schedule(seed))


@pytest.mark.parametrize("first", range(1000, 1000 + MEDDLED, PIECE))
def test_whoever_else_writes_meanwhile_the_outcomes_are_true_and_nothing_unproven_is_deleted(played_on, first):
    for seed in range(first, first + PIECE):
        played_on.play(Schedule(seed, meddled=True))


def test_the_sample_meets_every_fault():
    sample = [Schedule(seed) for seed in range(ALONE)]
    assert {kind for schedule in sample for kind in schedule.kinds} == FAULTS.keys()
    assert any(schedule.broken_connections for schedule in sample)
    assert any(schedule.forbidden for schedule in sample)


def test_a_seed_gives_the_same_schedule_and_the_same_faults(played_on):
    one, again = (played_on.play(Schedule(14)) for _ in range(2))
    assert one == again
    assert one.injected


# ----------------------------------------------------------------------------------- a judge that finds nothing is none


def _takes_lost_for_done(self, request):
    try:
        self._client.send(request)
    except UnreachableError:
        return


def _reads_one_page(self, get, reduce, on_page):  # noqa: ARG001 - a method's
    items, _ = self._page(get(self._path, {"limit": self._page_size}))
    return {name: reduce(item) for name, item in self._named(items)}


SABOTAGE = {
    "a lost answer counts as done": (cluster.ClusterWriter, "send", _takes_lost_for_done),
    "what was lost is believed to have landed": (apply.Applier, "_landed", lambda *_: True),
    "only the first page is read": (pages._List, "read", _reads_one_page),  # noqa: SLF001 - it is to be broken
    "a tag is pruned whatever its mark": (planner, "prune_vetoes", lambda *_: ()),
}


@pytest.mark.parametrize("what", SABOTAGE)
def test_the_judge_notices_a_syncer_that_is_broken(played_on, monkeypatch, what):
    target, name, broken = SABOTAGE[what]
    monkeypatch.setattr(target, name, broken)
    schedules = (Schedule(seed, meddled=seed % 2 == 1) for seed in range(2000, 2200))
    with pytest.raises(AssertionError, match=r"again: python tests/faults/soak\.py --seed"):
        collections.deque(map(played_on.play, schedules), maxlen=0)
