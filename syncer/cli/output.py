"""Writes a report in each format that was asked for, to stdout or to files."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncer.errors import SyncerError, UsageError
from syncer.report import FORMATS, render

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncer.model import Report


@dataclass(frozen=True, slots=True)
class Output:
    """One rendering that was asked for; an empty path is stdout."""

    format: str
    path: str = ""


def parse_outputs(texts: Sequence[str], *, quiet: bool, formats: Sequence[str] = FORMATS) -> list[Output]:
    """Read `FORMAT[=PATH]` options; text goes to stdout where nothing else does. Raises UsageError."""
    outputs = []
    for text in texts:
        name, equals, path = text.partition("=")
        if name not in formats or (equals and not path):
            raise UsageError(
                f"-o {text}: no such output", hint=f"FORMAT[=PATH], with FORMAT one of {', '.join(formats)}"
            )
        outputs.append(Output(name, path))
    to_stdout = [output for output in outputs if not output.path]
    if len(to_stdout) > 1:
        names = ", ".join(output.format for output in to_stdout)
        raise UsageError(f"{names} cannot all go to stdout", hint="give all but one of them a path: -o FORMAT=PATH")
    if not to_stdout and not quiet:
        outputs.append(Output("text"))
    return outputs


def write_report(report: Report, outputs: Sequence[Output], given: dict[str, Any]) -> None:
    """Write a report to all its outputs. Raises SyncerError where a file cannot be written."""
    color = not given["no_color"] and not os.environ.get("NO_COLOR") and sys.stdout.isatty()
    width = shutil.get_terminal_size((100, 24)).columns
    verbose, now = given["verbose"], datetime.now(UTC)
    for output in outputs:
        if output.path:
            text = render(output.format, report, width=100, color=False, verbose=verbose, now=now)
            write_file(Path(output.path), text)
        else:
            text = render(output.format, report, width=width, color=color, verbose=verbose, now=now)
            click.echo(text, nl=False)


@dataclass(slots=True)
class ImportProgress:
    """Tells on stderr how many of the imports that are waited for are over, each time the number changes."""

    silent: bool = False
    _told: int = -1

    def __call__(self, done: int, of: int) -> None:
        """Tell, if there is news."""
        if not self.silent and done != self._told:
            self._told = done
            click.echo(f"Imports: {done} of {of} over", err=True)


def write_file(path: Path, text: str) -> None:
    """Write a file as a whole or not at all; into a device or a pipe, such as /dev/stderr. Raises SyncerError."""
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="utf-8", delete=False) as file:
            file.write(text)
        Path(file.name).chmod(0o644)
        Path(file.name).replace(path)
    except OSError as error:
        raise SyncerError(f"{path} cannot be written: {error.strerror}", hint="give another path to -o") from error
