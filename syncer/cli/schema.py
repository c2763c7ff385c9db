"""`syncer schema`: the JSON Schema of the report."""

from __future__ import annotations

import click


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of the report that `-o json` writes.

    Its `$defs` describe what other commands print as JSON: `line` (-o jsonl), `explanation`, `validation`, `export`,
    `repointed` (pin, promote) and `diagnosis` (doctor).

    \b
    Example:
      syncer schema > report.schema.json
    """
    from syncer.report.document import schema  # noqa: PLC0415 - `--help` pays for no import it does not need

    click.echo(schema(), nl=False)
