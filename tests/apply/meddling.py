"""Writers to whom something happens, and the short way from desired tags to outcomes."""

import threading

from builders import manifests, policy

from syncer.apply import Applier, apply_plan
from syncer.cluster import ClusterWriter
from syncer.errors import UnreachableError
from syncer.plan import Planner, make_plan


class Meddled(ClusterWriter):
    """Sends to a real server; `before` and `after` happen around each send, and are told its number and the request."""

    def __init__(self, client, *, before=lambda *_: None, after=lambda *_: None):
        super().__init__(client)
        self._before = before
        self._after = after
        self._lock = threading.Lock()
        self.sent = []

    def send(self, request):
        with self._lock:
            number = len(self.sent)
            self.sent.append(request)
        self._before(number, request)
        super().send(request)
        self._after(number, request)

    @property
    def names(self):
        """Give method and tag of each send, in order."""
        return [(request.method, _name(request)) for request in self.sent]


def lose(*numbers, error=UnreachableError):
    """Lose the sends, or the answers, of these numbers."""

    def meddle(number, request):
        if number in numbers:
            raise error(f"{request.method} {request.path}: the connection broke")

    return meddle


def once(action):
    """Do something around the first send only."""
    return lambda number, _: action() if number == 0 else None


def planned(world, *wanted, **more):
    """Plan for the cluster as it is, all of team-a and team-b; give the plan, and how to plan one tag again."""
    made = policy(**more)
    live = world.live("team-a", "team-b")
    return make_plan(manifests(*wanted), live, made), Planner(made, live, {}).change


def applied(world, *wanted, writer=None, concurrency=4, **more):
    """Plan and apply; give the outcomes by the tag's name. `more` is the policy's, or the applier's."""
    hooks = {name: more.pop(name) for name in ("patience", "stopped", "note") if name in more}
    plan, replan = planned(world, *wanted, **more)
    applier = Applier(writer or ClusterWriter(world.client), replan, **{"patience": 5.0, **hooks})
    outcomes = apply_plan(plan, applier, concurrency=concurrency)
    assert list(outcomes) == [change.key for change in plan.changes]
    return {str(outcome.key): outcome for outcome in outcomes.values()}


def _name(request):
    return request.body["metadata"]["name"] if request.method == "POST" else request.path.rpartition("/")[2]
