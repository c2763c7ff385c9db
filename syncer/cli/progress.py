"""Shows on stderr how far a run is: bars where it is a terminal, else a line a stage and a line every ten seconds."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import click

from syncer.cli.log import about
from syncer.events import Progress, StageBegan, StageEnded, nobody

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from syncer.events import Event, Stage, Tell

STAGES: Final[Mapping[Stage, tuple[str, str, str]]] = {
    "source": ("Reading", "Read", "files"),
    "manifests": ("Parsing", "Parsed", "files"),
    "live": ("Listing", "Listed", "tags"),
    "resolve": ("Resolving", "Resolved", "images"),
    "impact": ("Listing", "Listed", "workloads"),
    "validate": ("Validating", "Validated", "changes"),
    "write": ("Writing", "Wrote", "files"),
    "apply": ("Applying", "Applied", "changes"),
    "wait": ("Importing", "Waited for", "images"),
}
"""What a stage does, did, and what it counts. Planning takes no time that anybody would notice."""

EVERY: Final = 10.0
"""Seconds between two lines of one stage."""


@contextmanager
def progress(*, silent: bool, color: bool) -> Iterator[Callable[[str], Tell]]:
    """Give what shows a run's events on stderr for as long as it is open; `silent` shows nothing.

    It is made by the name of a sync set, where several run side by side; empty where one does.
    """
    if silent:
        yield lambda _: nobody
    elif sys.stderr.isatty():
        with _bars(color=color) as bars:
            yield lambda name: BarProgress(bars, about(name))
    else:
        yield lambda name: LineProgress(echo=lambda text: click.echo(f"{about(name)}{text}", err=True))


@dataclass(slots=True)
class LineProgress:
    """A line when a stage is over, and one every ten seconds while it is not; none of a stage with nothing to do."""

    echo: Callable[[str], None] = lambda text: click.echo(text, err=True)
    clock: Callable[[], float] = time.monotonic
    _began: float = 0.0
    _told: float = 0.0
    _done: dict[Stage, int] = field(default_factory=dict)

    def __call__(self, event: Event) -> None:
        """Show an event, if it is news."""
        match event:
            case StageBegan(stage, _) if stage in STAGES:
                self._began = self._told = self.clock()
            case Progress(stage, done, total) if stage in STAGES:
                self._done[stage] = done
                if self.clock() - self._told >= EVERY:
                    self._told = self.clock()
                    doing, _, what = STAGES[stage]
                    of = f"of {total:,} {what}" if total else f"{what} so far"
                    self.echo(f"{doing}: {done:,} {of} ({self._told - self._began:.0f} s)")
            case StageEnded(stage, seconds, counts) if stage in STAGES:
                _, did, what = STAGES[stage]
                number = counts.get(what, self._done.get(stage, 0))
                if number:
                    self.echo(f"{did} {number:,} {what if number > 1 else what[:-1]} ({seconds:.1f} s)")
            case _:
                pass


@contextmanager
def _bars(*, color: bool) -> Iterator[Bars]:
    from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it
    from rich.progress import (  # noqa: PLC0415 - likewise
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.progress import Progress as Bars  # noqa: PLC0415 - likewise

    console = Console(stderr=True, no_color=not color, markup=False, emoji=False, highlight=False)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[what]}", markup=False),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=console, transient=True, redirect_stdout=False) as bars:
        yield bars


@dataclass(slots=True)
class BarProgress:
    """A bar a stage, which goes away when the run is over, for the report says all of it."""

    bars: Bars
    about: str = ""
    _tasks: dict[Stage, TaskID] = field(default_factory=dict)

    def __call__(self, event: Event) -> None:
        """Move the bars."""
        match event:
            case StageBegan(stage, total) if stage in STAGES:
                doing, _, what = STAGES[stage]
                self._tasks[stage] = self.bars.add_task(f"{self.about}{doing}", total=total, what=what)
            case Progress(stage, done, total) if stage in self._tasks:
                self.bars.update(self._tasks[stage], completed=done, total=total)
            case StageEnded(stage, _, counts) if stage in self._tasks:
                task = self.bars.tasks[self._tasks[stage]]
                number = counts.get(STAGES[stage][2], int(task.completed))
                self.bars.update(task.id, completed=number, total=number)
            case _:
                pass
