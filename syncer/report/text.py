"""The report for a terminal. Only here is rich imported; it lays out and colours, and never reads markup from data."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from rich.text import Text

from syncer.model import ImportState, Severity
from syncer.report import facts, impact, sets
from syncer.report.values import Values, sentence, visible

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console

    from syncer.model import Change, FieldChange, Problem, Report, SetsReport

DETAILED: Final = 300
"""Changes that are told in detail; any further one gets its line, unless `verbose`."""
CHAINS: Final = 50
"""Tags whose users are shown, unless `verbose`."""
NARROWEST: Final = 24
_NAME_COLUMN: Final = 32
_ROOMY: Final = 60

STYLES: Final = {
    "create": "green",
    "update": "yellow",
    "prune": "red",
    "unchanged": "dim",
    "skip": "magenta",
    "failed": "bold red",
}


def render(report: Report, *, width: int, color: bool, verbose: bool = False, now: datetime | None = None) -> str:
    """Write a report in lines of at most `width` columns; `verbose` shows unchanged tags and every detail, too.

    With `now` failed imports and commits have their age.
    """
    page = Page(max(width, NARROWEST), Values.of(report))
    _header(page, report)
    _changes(page, report, verbose=verbose, now=now)
    _impact(page, report, verbose=verbose)
    _imports(page, report, now)
    _problems(page, facts.problems(report))
    _gates(page, report)
    page.section("Notes", [Text(sentence(note)) for note in facts.notes(report)])
    page.blank()
    page.line(Text(facts.headline(report), "bold"))
    return page.text(color=color)


def render_sets(
    report: SetsReport, *, width: int, color: bool, verbose: bool = False, now: datetime | None = None
) -> str:
    """Write what each sync set has to say, under its name; then a line a set, and one about all."""
    width = max(width, NARROWEST)
    parts = []
    for each in report.sets:
        page = Page(width, Values())
        page.rule(f"Set {visible(each.name)}")
        if sets.failed(each):
            page.labelled("Target  ", Text(visible(sets.where(each))))
            page.labelled("Error   ", Text(sentence(each.error), "red"))
            if each.hint:
                page.labelled("Hint    ", Text(sentence(each.hint), "dim"))
        parts.append(page.text(color=color))
        if not sets.failed(each):
            parts.append(render(each.report, width=width, color=color, verbose=verbose, now=now))
        parts.append("\n")
    return "".join(parts) + _sums(report, width, color=color)


def _sums(report: SetsReport, width: int, *, color: bool) -> str:
    page = Page(width, Values())
    page.rule("All sets")
    column = min(max((len(each.name) for each in report.sets), default=0), _NAME_COLUMN)
    for each in report.sets:
        style = "red" if each.exit_code in sets.ENDS else ""
        page.line(Text.assemble(f"{visible(each.name):<{column}}  ", (sets.line(each), style)), hang=column + 2)
    page.blank()
    page.line(Text(sets.headline(report), "bold"))
    return page.text(color=color)


@dataclass(slots=True)
class Page:
    """Collects lines, wrapped with a hanging indent."""

    width: int
    values: Values
    lines: list[Text] = field(default_factory=list)

    def line(self, text: Text, indent: int = 0, hang: int = 0) -> None:
        """Add a line; where it is too long, what follows is indented by `hang` more."""
        text.rstrip()
        if indent + text.cell_len <= self.width:
            self.lines.append(Text(" " * indent) + text if indent else text)
            return
        deeper = indent + hang
        wrapped = iter(self.wrapped(text, max(self.width - deeper, NARROWEST // 2)))
        self.lines.append(Text(" " * indent) + next(wrapped))
        self.lines += [Text(" " * deeper) + rest for rest in wrapped]

    def wrapped(self, text: Text, room: int) -> list[Text]:
        """Break a text into lines of at most so many columns."""
        return list(text.wrap(self._ruler(), room, tab_size=1))

    def labelled(self, label: str, text: Text) -> None:
        """Add a line that begins with a label, and goes on beside it where it is too long."""
        first = len(self.lines)
        self.line(text, indent=len(label))
        self.lines[first] = Text.assemble((label, "dim"), self.lines[first][len(label) :])

    def blank(self) -> None:
        """Add an empty line, never two of them."""
        if self.lines and self.lines[-1].plain:
            self.lines.append(Text())

    def rule(self, title: str) -> None:
        """Add a title that nobody scrolls past."""
        told = f"── {title} "
        self.line(Text(told + "─" * max(self.width - len(told), 2), "bold"))

    def section(self, title: str, entries: list[Text]) -> None:
        """Add a titled list, or nothing where it is empty."""
        if entries:
            self.blank()
            self.line(Text(title, "bold"))
            for entry in entries[: facts.MOST_SAID]:
                self.line(entry, indent=2, hang=2)
        if len(entries) > facts.MOST_SAID:
            self.line(Text(f"and {len(entries) - facts.MOST_SAID:,} more; -o json=PATH has them all", "dim"), indent=2)

    def text(self, *, color: bool) -> str:
        """Give all lines, each ended by a newline."""
        if not color:
            return "".join(f"{line.plain.rstrip()}\n" for line in self.lines)
        console = self._ruler(color=True)
        for line in self.lines:
            console.print(line, no_wrap=True, overflow="ignore", crop=False)
        return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]  # the StringIO of _ruler

    def _ruler(self, *, color: bool = False) -> Console:
        """Make a console that looks at no environment and no terminal."""
        from rich.console import Console  # noqa: PLC0415 - a short report without colour has no need of it

        return Console(
            file=io.StringIO(),
            width=self.width,
            height=25,
            color_system="standard" if color else None,
            force_terminal=color,
            force_jupyter=False,
            legacy_windows=False,
            markup=False,
            emoji=False,
            highlight=False,
            _environ={},
        )


# ------------------------------------------------------------------------------------------------------ header


def _header(page: Page, report: Report) -> None:
    source, target, plan = report.source, report.target, report.plan
    server = [facts.without_userinfo(target.server)]
    server += [f"context {target.context}"] if target.context else []
    server += [f"by {facts.LISTINGS[target.listing]}"]
    for label, parts in (
        ("Source", [facts.without_userinfo(source.url), *facts.source_words(source)]),
        ("Target", server),
        ("Owner", [plan.owner or "none"]),
        ("Scope", [facts.scope_words(plan.scope)]),
    ):
        told = "  ".join(visible(part) for part in parts)
        page.labelled(f"{label:<8}", Text(told))
    if not plan.complete:
        page.line(Text("Incomplete: not every file parsed, or not every list ended.", "bold red"))


# ----------------------------------------------------------------------------------------------------- changes


def _changes(page: Page, report: Report, *, verbose: bool, now: datetime | None) -> None:
    changes = facts.shown(report, unchanged=verbose)
    detailed = _detailed(report, changes, verbose=verbose)
    listed = frozenset(change.key for change in changes) if verbose else facts.listed(report, changes)
    for namespace, every in facts.by_namespace(changes).items():
        page.blank()
        counts = ", ".join(facts.counted(every))
        page.line(Text.assemble((visible(namespace), "bold"), (f"  {counts}", "dim")), hang=2)
        group = [change for change in every if change.key in listed]
        if not group:
            continue
        longest = _NAME_COLUMN if page.width >= _ROOMY else 0
        column = min(max(len(change.key.name) for change in group), longest)
        stream = group[0].key.stream
        for change in group:
            if change.key.stream != stream and detailed:
                page.blank()
            stream = change.key.stream
            _change(page, report, change, column, now)
            if change.key in detailed:
                _details(page, report, change)
            else:
                _error(page, report, change)
    unlisted, untold = len(changes) - len(listed), len(listed) - len(detailed)
    if untold:
        page.blank()
        told = f"The details of {untold:,} changes are left out; -v shows them, so does -o json=PATH or -o html=PATH."
        page.line(Text(told, "dim"))
    if unlisted:
        told = f"{unlisted:,} more changes are left out, the least urgent ones; -v shows them, so does -o json=PATH."
        page.line(Text(told, "dim"))


def _detailed(report: Report, changes: list[Change], *, verbose: bool) -> set[object]:
    """Choose the changes that are told in detail: where there are too many, what went wrong or takes away first."""
    if not verbose and len(changes) > DETAILED:
        changes = facts.by_urgency(report, changes)[:DETAILED]
    return {change.key for change in changes}


def _change(page: Page, report: Report, change: Change, column: int, now: datetime | None) -> None:
    style = STYLES[facts.status_of(report, change)]
    row = Text.assemble((f"{facts.SIGNS[change.action]} {visible(change.key.name):<{column}}", style))
    outcome = facts.outcome_of(report, change)
    if outcome:
        row.append("  ").append(outcome.result, style)
    row.append(f"  {visible(facts.why(change, now))}")
    if change.origin:
        row.append(f"  {visible(change.origin.file)}:{change.origin.line}", "dim")
    page.line(row, indent=2, hang=4)


def _error(page: Page, report: Report, change: Change) -> None:
    outcome = facts.outcome_of(report, change)
    if outcome and outcome.error:
        page.line(Text.assemble((f"{outcome.result}: {sentence(outcome.error)}", "red")), indent=6, hang=2)


def _details(page: Page, report: Report, change: Change) -> None:
    _error(page, report, change)
    for veto in change.vetoes:
        told = Text.assemble((f"left as it is ({visible(veto.code)}): ", "magenta"), sentence(veto.message))
        page.line(told, indent=6, hang=2)
    for path, value in facts.asked_for(change).items():
        page.line(Text(f"{_field(path)}  {page.values.one(value)}"), indent=6, hang=2)
    told_above = facts.told_above(change)
    for field_change in facts.fields_of(change):
        _field_change(page, field_change, told_above=told_above)
    resolved = facts.resolved_words(change, page.values.digest)
    if resolved and change.resolved:
        style = "" if change.resolved.digest else "bold red"
        page.line(Text.assemble("image  ", (resolved, style)), indent=6, hang=2)
    image = facts.image_of(report, change)
    if image.state in (ImportState.FAILED, ImportState.PENDING):
        page.line(Text(f"import {image.state}", "red" if image.state is ImportState.FAILED else "dim"), indent=6)


def _field_change(page: Page, change: FieldChange, *, told_above: bool) -> None:
    old, new = page.values.pair(change.live, change.desired)
    told = Text.assemble(f"{_field(change.path)}  ", (old, "red"))
    became = Text.assemble("→ ", (new, "green"))
    if not told_above:
        became.append(f"  {facts.CAUSES[change.cause]}", "dim")
    if 6 + told.cell_len + 1 + became.cell_len <= page.width:
        page.line(told + Text(" ") + became, indent=6)
    else:
        page.line(told, indent=6, hang=2)
        page.line(became, indent=8, hang=2)
    if facts.moved_apart(change):
        page.line(Text(f"was {page.values.one(change.base)} when last applied", "dim"), indent=8, hang=2)


def _field(path: str) -> str:
    return visible(facts.field_name(path))


# ------------------------------------------------------------------------------- what goes beyond one change


def _impact(page: Page, report: Report, *, verbose: bool) -> None:
    chains = impact.chains(report)
    shown = chains if verbose else chains[:CHAINS]
    for number, chain in enumerate(shown):
        if not number:
            page.blank()
            page.line(Text("Impact", "bold"))
        told = Text.assemble((chain.where, "dim"), f" → {chain.tag}")
        first, *others = chain.users
        if others:
            page.line(told, indent=2, hang=4)
            for user in chain.users:
                page.line(Text(f"→ {user}" if not user.startswith("and ") else user), indent=6, hang=2)
        else:
            page.line(told.append(f" → {first}"), indent=2, hang=4)
    if len(shown) < len(chains):
        page.line(Text(f"and {len(chains) - len(shown):,} more tags; -v shows them", "dim"), indent=2)


def _imports(page: Page, report: Report, now: datetime | None) -> None:
    failed = []
    for change, image in facts.imports_in(report, ImportState.FAILED):
        told = Text.assemble((visible(str(change.key)), "red"))
        if image.since:
            told.append(f"  {facts.age(image.since, now)}since {visible(image.since)}")
        told.append(f"  {sentence(image.message)}")
        if image.digest:
            told.append(f"  still has {page.values.digest(image.digest)}", "dim")
        failed.append(told)
    page.section("Failed imports", failed)
    pending = facts.imports_in(report, ImportState.PENDING)
    page.section("Pending imports", [Text(visible(str(change.key))) for change, _ in pending])


def _problems(page: Page, problems: list[Problem]) -> None:
    entries = []
    for problem in problems:
        style = "bold red" if problem.severity is Severity.ERROR else "yellow"
        place = visible(facts.place(problem))
        told = Text.assemble((str(problem.severity), style), f"  {place}: " if place else "  ")
        entries.append(told.append(sentence(problem.message)))
        if problem.hint:
            entries.append(Text(f"  {sentence(problem.hint)}", "dim"))
    page.section("Problems", entries)


def _gates(page: Page, report: Report) -> None:
    entries = []
    for gate in report.plan.gates:
        word = "stops" if gate.stopped else "passes"
        told = Text.assemble((f"{visible(gate.name)} {word}", "bold red" if gate.stopped else "green"))
        told.append(f"  {sentence(gate.message)}")
        entries.append(told)
        if gate.stopped and gate.option:
            entries.append(Text.assemble("  ", (visible(gate.option), "bold"), " lets it pass"))
    page.section("Gates", entries)
