"""Gates: limits that a whole plan is held against before its first write. Each says its figures and the way past it."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from msgspec import Struct

from syncer.errors import UsageError
from syncer.model import Cause, Gate, Prune, Update

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from syncer.model import Change, ObjectKey


class Limit(Struct, frozen=True):
    """How much is too much: more than `count` and (where both are given) more than `percent` of the owned live tags."""

    count: int | None = None
    percent: float | None = None

    @classmethod
    def parse(cls, text: str) -> Limit:
        """Read `N` or `N%`; it replaces both figures of the default. Raises UsageError."""
        match = re.fullmatch(r"(\d{1,9})(%?)", text.strip())
        if not match or (match[2] and int(match[1]) > 100):  # noqa: PLR2004 - a percentage ends at a hundred
            raise UsageError(f"{text!r} is no limit", hint="give a number of tags (20) or a percentage (50%)")
        return cls(percent=float(match[1])) if match[2] else cls(count=int(match[1]))

    def exceeded(self, number: int, total: int) -> bool:
        """Whether a number of tags, out of the owned live ones, is over the limit."""
        over_count = self.count is None or number > self.count
        over_percent = self.percent is None or number * 100 > self.percent * total
        return over_count and over_percent

    def __str__(self) -> str:
        figures = [f"more than {self.count}"] if self.count is not None else []
        figures += [f"more than {self.percent:g} %"] if self.percent is not None else []
        return " and ".join(figures)


DEFAULT_LIMIT = Limit(count=10, percent=30)


def limit_gates(
    changes: Collection[Change],
    owned: Iterable[ObjectKey],
    max_prune: Limit | None,
    max_change: Limit | None,
    *,
    whole: bool,
) -> Iterator[Gate]:
    """Yield the gates that stop too many prunes, or too many changes, over the run or in one namespace.

    A change is an update that alters what a tag points to or how it is imported; creates and adoption are free. Where
    this is not the `whole` of what one owner has, only namespaces can be judged.
    """
    pruned = [change.key for change in changes if isinstance(change, Prune)]
    moved = [change.key for change in changes if isinstance(change, Update) and change.moves and not change.adopts]
    owned = list(owned) if pruned or moved else []
    yield from _limit_gate("prune", pruned, owned, max_prune or DEFAULT_LIMIT, whole=whole)
    yield from _limit_gate("change", moved, owned, max_change or DEFAULT_LIMIT, whole=whole)


def empty_gate() -> Gate:
    """Build the gate that stops a source without a manifest."""
    message = "the source holds no ImageStreamTag manifest: everything that this owner made would be pruned"
    return Gate("empty", stopped=True, message=message, option="--allow-empty")


def drift_gates(changes: Collection[Change]) -> Iterator[Gate]:
    """Yield the gate that stops at drift, for `--on-drift fail`."""
    drifted = [change.key for change in changes if any(f.cause in (Cause.DRIFT, Cause.BOTH) for f in change.fields)]
    if drifted:
        tags = "1 tag" if len(drifted) == 1 else f"{len(drifted)} tags"
        named = ", ".join(map(str, drifted[:3])) + (", …" if len(drifted) > 3 else "")  # noqa: PLR2004 - enough to look
        message = f"{tags} drifted on the cluster ({named})"
        yield Gate("drift", stopped=True, message=message, option="--on-drift revert")


def _limit_gate(
    name: str, keys: list[ObjectKey], owned: Collection[ObjectKey], limit: Limit, *, whole: bool
) -> Iterator[Gate]:
    numbers = Counter(key.namespace for key in keys)
    totals: Mapping[str, int] = Counter(key.namespace for key in owned)
    places = [("", len(keys), len(owned))] if whole else []
    if len(totals) > 1 or not whole:
        places += [(f" in namespace {where}", number, totals[where]) for where, number in sorted(numbers.items())]
    for where, number, total in places:
        if limit.exceeded(number, total):
            share = f" ({number * 100 / total:.0f} %)" if total else ""
            message = f"would {name} {number} of {total} owned tags{share}{where}; the limit is {limit}"
            yield Gate(name, stopped=True, message=message, option=f"--max-{name} {len(keys)}")
