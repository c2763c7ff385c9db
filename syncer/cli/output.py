"""Where a command tells what it does: events while it runs, and its report, in each format that was asked for."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self, TextIO

import click

from syncer.cli import show_error
from syncer.cli.log import LOG
from syncer.cli.options import tell
from syncer.cli.progress import progress
from syncer.errors import SyncerError, UsageError
from syncer.events import Progress, RunEnded, RunFailed, SetsEnded, Waiting, nobody
from syncer.model import Scope, SourceInfo, Target
from syncer.report import pieces
from syncer.report.facts import complaint
from syncer.report.failures import failed
from syncer.report.values import sentence
from syncer.source.location import display_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import TracebackType

    from syncer.events import Event, Tell
    from syncer.model import Report, SetsReport
    from syncer.sync import Run


@dataclass(frozen=True, slots=True)
class Output:
    """One rendering that was asked for; an empty path is stdout."""

    format: str
    path: str = ""


def parse_outputs(texts: Sequence[str], *, quiet: bool) -> list[Output]:
    """Read `FORMAT[=PATH]` options; text goes to stdout where nothing else does. Raises UsageError."""
    outputs = []
    for text in texts:
        name, _, path = text.partition("=")
        outputs.append(Output(name, path))
    _check_apart(outputs)
    if not quiet and all(output.path for output in outputs):
        outputs.append(Output("text"))
    return outputs


def _check_apart(outputs: Sequence[Output]) -> None:
    """Raise UsageError where two outputs would go to one place, and one of them be lost."""
    to_stdout = [output.format for output in outputs if not output.path]
    if len(to_stdout) > 1:
        hint = "give all but one of them a path: -o FORMAT=PATH"
        raise UsageError(f"{', '.join(to_stdout)} cannot all go to stdout", hint=hint)
    taken: dict[str, str] = {}
    for output in outputs:
        place = os.path.realpath(output.path) if output.path else ""
        if place in taken and not place.startswith(("/dev/", "/proc/")):
            both = f"{taken[place]} and {output.format}"
            raise UsageError(f"{both} cannot both go to {output.path}", hint="give each a path of its own")
        taken[place] = output.format


class Voice:
    """Tells what a run does, for as long as it is open: on stderr, to JSON lines, and in its report's files.

    Opening it raises SyncerError where an output cannot be written. An error that leaves it is told, too. Nothing that
    goes wrong with telling ends a run.
    """

    def __init__(self, given: dict[str, Any], outputs: Sequence[Output]) -> None:
        self._given = given
        self._outputs = outputs
        self._lines: list[Lines] = []
        self._open = ExitStack()
        self._finished = False

    def __enter__(self) -> Self:
        for output in self._outputs:
            if output.format == "jsonl":
                self._lines.append(Lines(opened(output.path) if output.path else sys.stdout, output.path))
                self._open.callback(self._lines[-1].close)
            elif output.path:
                make_room(output.path)
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        if isinstance(error, SyncerError):
            self.tell(RunFailed(error))
        self._hush()
        if isinstance(error, SyncerError) and not (self._finished or isinstance(error, UsageError)):
            # The terminal has the error, on stderr, which matters more than a report that cannot be written.
            asked = [output for output in self._outputs if output.path or output.format != "text"]
            with suppress(SyncerError, OSError):
                self._write(failed_report(error, self._given), asked)
        self._open.close()

    def wait(self, message: str) -> None:
        """Tell what keeps the run waiting: on stderr whatever was asked for, and as an event."""
        tell(message)
        self.tell(Waiting(message))

    def tell(self, event: Event) -> None:
        """Pass an event on."""
        for lines in self._lines:
            lines.write(event)

    def sleep(self, seconds: float) -> None:
        """Wait between two attempts."""
        time.sleep(seconds)

    def _hush(self) -> None:
        """Show nothing any more: what is printed now must not get between the bars."""

    def _write(self, report: Report | SetsReport, outputs: Sequence[Output]) -> None:
        """Write a report to outputs, but for JSON lines, which have it already."""
        write_report(report, [output for output in outputs if output.format != "jsonl"], self._given)

    def _check(self) -> None:
        """Raise what went wrong with JSON lines."""
        for lines in self._lines:
            lines.check()


class Reporting(Voice):
    """Tells what a command does, on stderr, too. Making one raises UsageError for outputs that cannot be."""

    def __init__(self, given: dict[str, Any]) -> None:
        super().__init__(given, parse_outputs(given["outputs"], quiet=given["quiet"]))
        self._lock = threading.Lock()
        self._showing = ExitStack()
        self._shows: Callable[[str], Tell] = lambda _: nobody
        self._show: dict[str, Tell] = {}
        self._over = False
        self.tells_text = any(output.format == "text" and not output.path for output in self._outputs)

    def __enter__(self) -> Self:
        super().__enter__()
        crossed = any(not lines.path for lines in self._lines) and sys.stdout.isatty()
        silent = self._given["quiet"] or self._given["no_progress"] or crossed
        if LOG.json:
            from syncer.cli.loglines import LogLines  # noqa: PLC0415 - people read no JSON

            self._shows = lambda name: LogLines(silent=silent, of_set=name)
        else:
            self._shows = self._showing.enter_context(progress(silent=silent, color=not _no_color(self._given)))
        return self

    def tell(self, event: Event, of_set: str = "") -> None:
        """Pass an event on, one at a time, whatever thread it comes from; `of_set` names the one set of several."""
        with self._lock:
            if self._over:  # what an interrupt left behind still speaks, but nobody listens
                return
            if of_set not in self._show:
                self._show[of_set] = self._shows(of_set)
            self._show[of_set](event)
            for lines in self._lines:
                lines.write(event, of_set)

    def finish(self, run: Run, interrupted: int = 0) -> int:
        """Write the report to all outputs, say why a run was refused, and give the exit code.

        Where no text on stdout says what went wrong, a line on stderr does. `interrupted` is the exit code of a run
        that a signal ended, else 0. Raises SyncerError where an output could not be written, after all others were.
        """
        self._finished = True
        code = interrupted or run.exit_code(detailed=self._given["detailed_exitcode"])
        self.tell(RunEnded(run.report, code, run.refusal))
        self._hush()
        self._write(run.report, self._outputs)
        if run.refusal:
            show_error(run.refusal)
        elif code in (1, 4) and not self.tells_text:
            show_error(SyncerError(sentence(complaint(run.report))))
        self._check()
        return code

    def finish_sets(self, report: SetsReport) -> int:
        """Write the report of several sets to all outputs, say which of them went wrong, and give the exit code.

        Raises SyncerError as `finish`.
        """
        self.tell(SetsEnded(report))
        self._finished = self._over = True
        self._hush()
        self._write(report, self._outputs)
        for each in report.sets:
            said = each.error or (sentence(complaint(each.report)) if each.exit_code in (1, 4) else "")
            if said and (each.error or not self.tells_text):
                hint = {"hint": each.hint} if each.hint else {}
                LOG.say("error", said, **hint, exit_code=each.exit_code, set=each.name)
        self._check()
        return report.exit_code

    def _hush(self) -> None:
        self._showing.close()


def failed_report(error: SyncerError, given: dict[str, Any]) -> Report:
    """Make the report of a run that failed as a whole, by what it was asked for."""
    source = next((str(given[name]) for name in ("source", "plan", "undo") if given.get(name)), "")
    target = Target(given.get("server", ""), given.get("context", ""))
    scope = Scope(given.get("all_namespaces", False), tuple(given.get("namespaces", ())))
    owner, shard = given.get("owner") or "", given.get("shard")
    return failed(error, SourceInfo(display_url(source)), target, owner, scope, shard)


@dataclass(slots=True)
class Lines:
    """JSON lines, flushed one by one. What cannot be written is kept as an error: the run goes on."""

    file: TextIO
    path: str = ""
    _error: OSError | None = None
    _progress: dict[str, float] = field(default_factory=dict)

    def write(self, event: Event, of_set: str = "") -> None:
        """Write an event; of those that say how far a stage is, one a second, for each set of several."""
        if self._error:
            return
        if isinstance(event, Progress):
            if time.monotonic() - self._progress.get(of_set, 0.0) < 1.0:
                return
            self._progress[of_set] = time.monotonic()
        from syncer.report.eventlines import event_lines  # noqa: PLC0415 - most runs write none

        try:
            self.file.writelines(event_lines(event, datetime.now(UTC), of_set))
            self.file.flush()
        except OSError as error:
            self._error = error

    def check(self) -> None:
        """Raise what went wrong: BrokenPipeError where the reader of stdout is gone, else SyncerError."""
        if self._error and not self.path:
            raise_for_stdout(self._error)
        if self._error:
            raise unwritable(self.path, self._error)

    def close(self) -> None:
        """Close a file that was opened here."""
        if self.path:
            with suppress(OSError):  # it has been told: what closing writes is what could not be written before
                self.file.close()


def write_report(report: Report | SetsReport, outputs: Sequence[Output], given: dict[str, Any]) -> None:
    """Write a report to all its outputs. Raises SyncerError where a file cannot be written."""
    color = not _no_color(given) and sys.stdout.isatty()
    width = shutil.get_terminal_size((100, 24)).columns
    verbose, now = given["verbose"], datetime.now(UTC)
    for output in sorted(outputs, key=lambda output: not output.path):  # the reader of stdout may be gone
        if output.path:
            text = pieces(output.format, report, width=100, color=False, verbose=verbose, now=now)
            write_file(Path(output.path), text)
        else:
            text = pieces(output.format, report, width=width, color=color, verbose=verbose, now=now)
            try:
                for piece in text:
                    click.echo(piece, nl=False)
            except OSError as error:
                raise_for_stdout(error)
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary and any(output.format == "github" for output in outputs):
        add_to_summary(summary, report)


def add_to_summary(path: str, report: Report | SetsReport) -> None:
    """Add the report to the summary of a step of GitHub Actions. Raises SyncerError."""
    from syncer.report.github import SUMMARY_LIMIT, step_summary  # noqa: PLC0415 - only a step pays for it

    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(step_summary(report, SUMMARY_LIMIT - file.tell()))
    except OSError as error:
        raise SyncerError(f"$GITHUB_STEP_SUMMARY {path} cannot be written: {error.strerror}") from error


def _no_color(given: dict[str, Any]) -> bool:
    return bool(given["no_color"] or os.environ.get("NO_COLOR"))


def write_file(path: Path, pieces: Iterable[str]) -> None:
    """Write a file as a whole or not at all; into a device or a pipe, such as /dev/stderr. Raises SyncerError."""
    try:
        if path.exists() and not path.is_file():
            with path.open("w", encoding="utf-8") as file:
                file.writelines(pieces)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as undone:
            with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="utf-8", delete=False) as part:
                undone.callback(Path(part.name).unlink)  # a disk that is full must not stay so
                part.writelines(pieces)
            Path(part.name).chmod(0o644)
            Path(part.name).replace(path)
            undone.pop_all()
    except OSError as error:
        raise unwritable(str(path), error) from error


def make_room(path: str) -> None:
    """Make the folder of a file that is written in the end. Raises SyncerError where that cannot be."""
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


def opened(path: str) -> TextIO:
    """Open a file that grows while the run goes on. Raises SyncerError."""
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return Path(path).open("w", encoding="utf-8")
    except OSError as error:
        raise unwritable(path, error) from error


def raise_for_stdout(error: OSError) -> NoReturn:
    """Raise what went wrong with stdout: BrokenPipeError where its reader is gone, else SyncerError."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python must not complain about it at exit
    if isinstance(error, BrokenPipeError):
        raise error
    raise unwritable("stdout", error) from error


def unwritable(path: str, error: OSError) -> SyncerError:
    """Make the error of an output that cannot be written."""
    return SyncerError(f"{path} cannot be written: {error.strerror}", hint="give another path to -o")
