"""Says what has moved since a plan was saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.model import Problem, Severity
from syncer.plan.staleness import FOLLOWED
from syncer.report.facts import field_name
from syncer.report.values import Values

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncer.plan.staleness import Move


def stale_problems(moves: Iterable[Move]) -> tuple[Problem, ...]:
    """Turn each move into a problem of code `stale`, named by its tag."""
    return tuple(
        Problem(Severity.ERROR, "stale", _words(move), namespace=move.key.namespace, name=move.key.name)
        for move in moves
    )


def _words(move: Move) -> str:
    if not move.path:
        there = Values().one((move.was if move.now is None else move.now).get("/tag/from"))
        if move.now is None:
            return f"was there when planned (tag.from {there}), is gone"
        return f"was not there when planned, is there now (tag.from {there})"
    if move.path == FOLLOWED:
        return f"was followed by no tag that stays when planned; now {move.now}"
    was, now = Values().pair(move.was, move.now)
    return f"{field_name(move.path)} was {was} when planned, is {now}"
