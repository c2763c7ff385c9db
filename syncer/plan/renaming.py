"""Hands the tags of one owner to another: only the mark changes, nothing that a tag asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from syncer import imagestreamtag
from syncer.imagestreamtag import OWNER
from syncer.model import Desired, Origin, Plan, Skip, Unchanged, Update, Veto
from syncer.plan.planner import problems_of
from syncer.plan.requests import mark_request
from syncer.plan.vetoes import copied_veto

if TYPE_CHECKING:
    from syncer.model import Change, Live, LiveState, Scope

NOT_THEIRS = Veto("not-owned", "it no longer carries the mark that is renamed")


@dataclass(frozen=True, slots=True)
class Renamer:
    """Plans that every tag which `old` owns becomes one of `new`. Nothing is created or pruned."""

    old: str
    new: str

    def plan(self, live: LiveState, scope: Scope) -> Plan:
        """Plan for all tags in scope that carry the mark of the old owner; copied marks are left, and said."""
        owned = ((tag, imagestreamtag.owner_of(tag)) for _, tag in sorted(live.tags.items()))
        marked = [tag for tag, mark in owned if mark and mark[0] == self.old]
        changes = tuple(self.change(_as_it_is(tag), tag) for tag in marked)
        return Plan(self.new, scope, changes, (), tuple(problems_of(changes, live)), complete=not live.forbidden)

    def change(self, desired: Desired, live: Live | None) -> Change:
        """Decide on one tag, also when it is read again."""
        mark = imagestreamtag.owner_of(live) if live else None
        if live is None or mark is None or mark[0] not in (self.old, self.new):
            return Skip(desired.key, "not theirs", vetoes=(NOT_THEIRS,), live=live)
        image, desired = live.image, _as_it_is(live)
        if not mark[1]:
            return Skip(live.key, "not theirs", None, image, vetoes=(copied_veto(live),), live=live, desired=desired)
        if mark[0] == self.new:
            return Unchanged(live.key, f"owned by {self.new}", None, image, live=live, desired=desired)
        request = mark_request(live, {OWNER: imagestreamtag.owner_mark(self.new, live.key)})
        reason = f"renamed from {self.old} to {self.new}"
        return Update(live.key, reason, None, image, requests=(request,), live=live, desired=desired)


def _as_it_is(live: Live) -> Desired:
    return Desired(live.key, imagestreamtag.live_fields(live), Origin("", 0))
