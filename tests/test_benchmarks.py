"""The benchmark itself works: what it measures is a plan without a change, and a sync that really writes."""

from benchmarks.__main__ import apply_row, plan_row


def test_a_plan_is_measured_beside_the_floor(tmp_path):
    floor, plan, again = plan_row(100, 1, tmp_path)
    assert 0 < floor.cpu < plan.cpu
    assert min(floor.memory, plan.memory, again.memory) > 0


def test_a_sync_is_measured_beside_bare_connections(tmp_path):
    bare, ours = apply_row(20, 2, 1, tmp_path, 0.001)
    assert min(bare, ours) > 0
