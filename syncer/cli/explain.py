"""`syncer explain`: all about one tag."""

from __future__ import annotations

import os
import shutil
import sys
from datetime import UTC, datetime
from typing import Any

import click

from syncer.cli.options import CLUSTER, SOURCE_OPTIONS, client_of, source_of
from syncer.cli.types import Location, TagName


@click.command("explain")
@click.argument("tag", metavar="NAMESPACE/STREAM:TAG", type=TagName())
@click.argument("source", default=".", type=Location())
@SOURCE_OPTIONS
@click.option("--owner", default="", help="Id of the sync set. Default: the URL of origin, and SOURCE's path in it.")
@click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print it."
)
@click.option("--no-color", is_flag=True, help="Print without colour; so does $NO_COLOR.")
@CLUSTER
def command(**given: Any) -> int:
    """Explain one tag: what was applied last, what is live and what git says, side by side; and what a sync would do.

    Names its owner, manifest, last commits, image, import and followers, and each reason why it stays as it is. Reads
    the streams that this takes, and writes nothing. SOURCE is the folder that you are in by default.

    \b
    Examples:
      syncer explain team-a/app:prod
      syncer explain team-a/app:prod https://github.com/example/tags
      syncer explain team-a/app:prod . -o json
    """
    from syncer import sync  # noqa: PLC0415 - `--help` pays for no import it does not need
    from syncer.report.explanation import render_json, render_text  # noqa: PLC0415 - likewise

    key = given["tag"]
    run = sync.Options(source_of(given), namespaces=(key.namespace,), owner=given["owner"])
    told = sync.explain(sync.ExplainOptions(key, run), client_of(given), sys.stdin.buffer)
    if given["output"] == "json":
        text = render_json(told)
    else:
        color = not given["no_color"] and not os.environ.get("NO_COLOR") and sys.stdout.isatty()
        width = shutil.get_terminal_size((100, 24)).columns
        text = render_text(told, width=width, color=color, now=datetime.now(UTC))
    click.echo(text, nl=False)
    return 0
