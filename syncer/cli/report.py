"""`syncer report`: what becomes of reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from syncer.cli.options import OUTPUT
from syncer.errors import SourceError, UsageError


@click.group("report")
def command() -> None:
    """Work on reports that runs have written."""


@command.command("merge")
@click.argument("files", nargs=-1, required=True, type=click.Path(), metavar="FILE...")
@click.option(
    "--import-failures",
    type=click.Choice(["warn", "error"]),
    default="warn",
    show_default=True,
    help="What a failed import is: `error` exits with 4.",
)
@OUTPUT
def merge(**given: Any) -> int:
    """Fold the JSON reports of all parts of a plan into one, and exit as the whole would.

    FILE is what `syncer apply PLAN --shard INDEX/COUNT -o json=FILE` wrote; each part of the plan must be there, once.
    Exit code: 0 all parts are done, 4 some were applied in part or not at all, 3 or 5 none was.

    \b
    Examples:
      syncer report merge part-*.json
      syncer report merge part-*.json -o json=report.json -o markdown
    """
    from syncer import sync  # noqa: PLC0415 - `--help` pays for no import it does not need
    from syncer.cli.output import Reporting  # noqa: PLC0415 - likewise

    twice = next((name for name in given["files"] if given["files"].count(name) > 1), "")
    if twice:
        raise UsageError(f"{twice} is given twice", hint="give the file of each part once")
    with Reporting(given) as reporting:
        files = {name: _read(name) for name in given["files"]}
        return reporting.finish(sync.merged(files, import_failures=given["import_failures"]))


def _read(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        hint = "a part whose report is not there did not end: run it again"
        raise SourceError(f"{name} cannot be read: {error.strerror}", hint=hint) from error
