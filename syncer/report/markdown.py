"""The report as Markdown, for comments on pull requests.

All data stands in `<code>`, each character that could mean something as a character reference: neither Markdown nor
HTML, mentions, issue numbers, links or GitLab's quick actions are read from it, in a table, a summary or elsewhere.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import quote

from syncer.model import ImportState
from syncer.report import facts, impact, sets
from syncer.report.values import Values, sentence, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from syncer.model import Change, FieldChange, Import, ObjectKey, Problem, Report, SetsReport

T = TypeVar("T")

LIMIT: Final = 65_536
"""Characters that GitHub takes for a comment. Bytes are counted, to be within it by any count."""

_PROSE: Final = re.compile(r"[A-Za-z](?:[A-Za-z0-9,;:()%'.-]| (?! ))*")
_LINKED: Final = re.compile(r"www\.|GH-\d", re.IGNORECASE)
_MEANING: Final = re.compile(r"[^A-Za-z0-9 /:;.,()%=+-]|:(?=/)|(?<=www)\.|(?<= ) ", re.IGNORECASE | re.ASCII)
_OPEN: Final = 20
"""Changes up to which the folds are open."""
LEAST: Final = 4096
"""Bytes below which there is no use in a report."""
_TAIL: Final = 600
"""Bytes kept for saying what was left out, and for closing what is open."""


def render(report: Report, *, limit: int = LIMIT) -> str:
    """Write Markdown of less than `limit` bytes, whatever the plan; what is left out is counted.

    The first line marks the comment, so that the next run can find and replace it.
    """
    page = _Page(limit - _TAIL)
    page.add(f"{marker(report.plan.owner)}\n")
    page.add(f"### {facts.headline(report)}\n\n")
    _body(page, report)
    return "".join(page.parts)


def render_sets(report: SetsReport, *, limit: int = LIMIT) -> str:
    """Write Markdown of less than `limit` bytes: a table of the sync sets, below it as much of each as there is room.

    The first line marks the comment as in `render`, by the names of the sets.
    """
    page = _Page(limit - _TAIL)
    page.add(f"{marker('sets ' + ' '.join(each.name for each in report.sets))}\n")
    page.add(f"### {sets.headline(report)}\n\n| Set | Cluster | Exit code | |\n|---|---|---|---|\n")
    for number, each in enumerate(report.sets):
        cells = (_code(each.name), _said(sets.where(each)), str(each.exit_code), _said(sets.line(each)))
        if page.room < LEAST or not page.add(f"| {' | '.join(cells)} |\n"):
            page.add(f"\n… and {len(report.sets) - number:,} more sets\n", must=True)
            break
    with_plan = [each for each in report.sets if not sets.failed(each)]
    for number, each in enumerate(with_plan):
        part = _Page(page.room // (len(with_plan) - number) - _TAIL)
        if part.room < LEAST or not part.add(f"\n#### Set {_code(each.name)}: {facts.headline(each.report)}\n\n"):
            page.add(f"\n**{len(with_plan) - number:,} sets are left out: the text would be too long.**\n", must=True)
            break
        _body(part, each.report)
        page.add("".join(part.parts), must=True)
    return "".join(page.parts)


def _body(page: _Page, report: Report) -> None:
    _alerts(page, report)
    _header(page, report)
    page.add_some("\n#### Impact\n\n", impact.chains(report), _chain)
    page.add_some("\n#### Failed imports\n\n", facts.imports_in(report, ImportState.FAILED), _failed_import)
    page.add_some("\n#### Problems\n\n", facts.problems(report), _problem)
    _namespaces(page, report)
    page.add_some("\n", facts.notes(report), lambda note: f"- {_said(note)}\n")


def marker(owner: str) -> str:
    """Give the line by which a comment of this owner is found again; what HTML comments cannot hold is %-encoded."""
    safe = quote(owner, safe="/:.~_", errors="replace").replace("--", "-%2D")
    return f"<!-- syncer:report {safe[:500]} -->"


class _Page:
    """Collects parts as long as there is room."""

    def __init__(self, room: int) -> None:
        self.parts: list[str] = []
        self.room = room

    def take(self, part: str, *, must: bool = False) -> bool:
        """Take the room that a part needs, and say whether it was there; `must` takes from what is kept for the end."""
        size = len(part.encode("utf-8"))
        if size > self.room and not must:
            return False
        self.room -= size
        return True

    def add(self, part: str, *, must: bool = False) -> bool:
        """Add a part if there is room for it."""
        taken = self.take(part, must=must)
        self.parts += [part] if taken else []
        return taken

    def add_some(self, title: str, things: Sequence[T], told: Callable[[T], str]) -> None:
        """Add a titled list, as much of it as fits into a third of the room; say how many were left out."""
        least = self.room * 2 // 3
        if things and self.add(title):
            for number, thing in enumerate(things):
                part = told(thing)
                if self.room - len(part.encode("utf-8")) < least:
                    self.add(f"- … and {len(things) - number:,} more\n", must=True)
                    break
                self.add(part)


# -------------------------------------------------------------------------------------------------------- data


def _code(text: str) -> str:
    """Write data so that only its characters show."""
    return f"<code>{_MEANING.sub(_reference, visible(text))}</code>" if text else ""


def _reference(match: re.Match[str]) -> str:
    char = match[0]
    if not char.isascii():
        return char
    return "&nbsp;" if char == " " else f"&#{ord(char)};"


def _said(text: str) -> str:
    """Write a message: as prose where it is made of harmless characters, else as data."""
    text = sentence(text)
    return text if _PROSE.fullmatch(text) and not _LINKED.search(text) else _code(text)


# ------------------------------------------------------------------------------------------------------- parts


def _alerts(page: _Page, report: Report) -> None:
    stopped = [gate for gate in report.plan.gates if gate.stopped]
    for gate in stopped:
        way = f"<br>{_code(gate.option)} lets it pass." if gate.option else ""
        page.add(f"> [!CAUTION]\n> Gate {_code(gate.name)} stops a sync: {_said(gate.message)}.{way}\n\n")
    if not report.plan.complete:
        page.add("> [!WARNING]\n> Incomplete: not every file parsed, or not every list ended.\n\n")


def _header(page: _Page, report: Report) -> None:
    source, target = report.source, report.target
    read = [facts.without_userinfo(source.url), *facts.source_words(source)]
    compared = [facts.without_userinfo(target.server), *([f"context {target.context}"] if target.context else [])]
    compared.append(f"by {facts.LISTINGS[target.listing]}")
    for label, parts in (
        ("Source", read),
        ("Target", compared),
        ("Owner", [report.plan.owner]),
        ("Scope", [facts.scope_words(report.plan.scope)]),
    ):
        page.add(f"- {label}: {', '.join(_said(part) for part in parts)}\n")


def _chain(chain: impact.Chain) -> str:
    head = f"- {_said(chain.where)} → {_code(chain.tag)}"
    if len(chain.users) == 1:
        return f"{head} → {_said(chain.users[0])}\n"
    return f"{head}\n{''.join(f'  - {_said(user)}{chr(10)}' for user in chain.users)}"


def _failed_import(failed: tuple[Change, Import]) -> str:
    change, image = failed
    since = f" since {_code(image.since)}" if image.since else ""
    return f"- {_code(str(change.key))}{since}: {_said(image.message)}\n"


def _problem(problem: Problem) -> str:
    place = _code(facts.place(problem))
    hint = f" ({_said(problem.hint)})" if problem.hint else ""
    return f"- **{problem.severity}** {place}{': ' if place else ''}{_said(problem.message)}{hint}\n"


def _namespaces(page: _Page, report: Report) -> None:
    """Add a fold a namespace, with a table row a change; where not all fit, the most urgent ones are there."""
    values, changes = Values.of(report), facts.shown(report)
    groups = facts.by_namespace(changes)
    is_open = " open" if len(changes) <= _OPEN else ""
    rows: dict[ObjectKey, str] = {}
    folds: dict[str, str] = {}
    for change in facts.by_urgency(report, changes):
        row, namespace = _row(report, change, values), change.key.namespace
        fold = _fold(namespace, groups[namespace], is_open)
        if not page.take(row if namespace in folds else row + fold + _CLOSED):
            break
        rows[change.key], folds[namespace] = row, fold
    for namespace, group in groups.items():
        if namespace in folds:
            told = (rows[change.key] for change in group if change.key in rows)
            page.parts += [folds[namespace], *told, _CLOSED]
    if len(rows) < len(changes):
        left_out = f"{len(changes) - len(rows):,} of {len(changes):,} changes are left out: the text would be too long."
        page.add(f"\n**{left_out}** `-o html=PATH` and `-o json=PATH` have them all.\n", must=True)


_CLOSED: Final = "\n</details>\n"


def _fold(namespace: str, changes: list[Change], is_open: str) -> str:
    title = f"<b>{_code(namespace)}</b> {', '.join(facts.counted(changes))}"
    return f"\n<details{is_open}><summary>{title}</summary>\n\n| | Tag | Why | Where |\n|---|---|---|---|\n"


def _row(report: Report, change: Change, values: Values) -> str:
    status, outcome = facts.status_of(report, change), facts.outcome_of(report, change)
    why = [f"**{outcome.result}**"] if outcome else []
    why += [_said(outcome.error)] if outcome and outcome.error else []
    why.append(_said(facts.why(change)))
    why += [f"left as it is: {_said(veto.message)}" for veto in change.vetoes]
    why += [f"{_name(path)} {_code(values.one(value))}" for path, value in facts.asked_for(change).items()]
    why += [_field(change, field, values) for field in facts.fields_of(change)]
    resolved = facts.resolved_words(change, values.digest)
    why += [f"image {_said(resolved)}"] if resolved else []
    image = facts.image_of(report, change)
    if image.state in (ImportState.FAILED, ImportState.PENDING):
        why.append(f"import {image.state}")
    where = f"{change.origin.file}:{change.origin.line}" if change.origin else ""
    cells = (f"{_code(facts.SIGNS[change.action])} {status}", _code(change.key.name), "<br>".join(why), _code(where))
    return f"| {' | '.join(cells)} |\n"


def _field(change: Change, field: FieldChange, values: Values) -> str:
    old, new = values.pair(field.live, field.desired)
    told = "" if facts.told_above(change) else f" ({facts.CAUSES[field.cause]})"
    was = f", was {_code(values.one(field.base))} when last applied" if facts.moved_apart(field) else ""
    return f"{_name(field.path)} {_code(old)} → {_code(new)}{told}{was}"


def _name(path: str) -> str:
    return _code(facts.field_name(path))
