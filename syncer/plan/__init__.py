"""Desired, live and policy make a Plan: what a run would do, why, and what forbids it. Pure: same input, same plan."""

from syncer.plan.gates import Limit
from syncer.plan.order import waves
from syncer.plan.planner import Planner, Policy, make_plan

__all__ = ["Limit", "Planner", "Policy", "make_plan", "waves"]
