"""`syncer validate`: checks manifests offline."""

from __future__ import annotations

import difflib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncer.cli.options import SOURCE_OPTIONS, namespaces, source_of, told_as
from syncer.cli.types import Location
from syncer.errors import UsageError

if TYPE_CHECKING:
    from syncer.report.diagnostics import Validation


def _explain(ctx: click.Context, _param: click.Parameter, code: str | None) -> None:
    """Print the page of a code, and end the run; without a code go on."""
    from syncer.manifests import CODES, explanation  # noqa: PLC0415 - `--help` pays for no import it does not need

    if code is None or ctx.resilient_parsing:
        return
    if code not in CODES:
        close = difflib.get_close_matches(code, CODES, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(CODES)}"
        raise UsageError(f"--explain: there is no code {code!r}", hint=hint)
    click.echo(explanation(code), nl=False)
    ctx.exit()


def _codes(_ctx: click.Context, _param: click.Parameter, typed: str) -> list[str]:
    from syncer.manifests import CODES  # noqa: PLC0415 - `--help` pays for no import it does not need

    return [code for code in CODES if code.startswith(typed)]


@click.command("validate")
@click.argument("source", type=Location())
@SOURCE_OPTIONS
@namespaces("A namespace that a sync would be given; repeatable. One alone is the default for manifests without one.")
@click.option(
    "--require-digests", is_flag=True, help="Take it for an error if a tag points to an image without digest."
)
@click.option(
    "--explain",
    metavar="CODE",
    is_eager=True,
    expose_value=False,
    callback=_explain,
    shell_complete=_codes,
    help="Print what a code such as `pull-spec` means, and exit.",
)
@told_as("text", "json", "github", "gitlab")
def command(**given: Any) -> int:
    """Check the manifests of SOURCE, without a cluster: all that is wrong, each at its file, line and column.

    SOURCE is a git URL, a directory, or - for manifests on stdin. Exits with 1 if there is an error; warnings are told,
    and do not count.

    \b
    Examples:
      syncer validate .
      syncer validate . -n team-a --require-digests -o github
      git show HEAD:app.yaml | syncer validate -
      syncer validate --explain pull-spec
    """
    from syncer.cli.output import parse_outputs, write_file  # noqa: PLC0415 - `--help` pays for no import
    from syncer.report.diagnostics import render  # noqa: PLC0415 - likewise

    outputs = parse_outputs(given["outputs"], quiet=given["quiet"])
    validation = _validated(given)
    color = not given["no_color"] and not os.environ.get("NO_COLOR") and sys.stdout.isatty()
    for output in outputs:
        text = render(output.format, validation, color=color and not output.path)
        if output.path:
            write_file(Path(output.path), [text])
        else:
            click.echo(text, nl=False)
    return 1 if validation.failed else 0


def _validated(given: dict[str, Any]) -> Validation:
    from syncer.manifests import parse_manifests  # noqa: PLC0415 - `--help` pays for no import it does not need
    from syncer.manifests.checks import Rules, check, default_namespace  # noqa: PLC0415 - likewise
    from syncer.report.diagnostics import Validation  # noqa: PLC0415 - likewise
    from syncer.source import read_source  # noqa: PLC0415 - likewise

    source = read_source(source_of(given), stdin=sys.stdin.buffer)
    default = default_namespace(given["namespaces"])
    manifests = parse_manifests(source.blobs, default_namespace=default, unread=source.problems)
    rules = Rules(given["namespaces"], require_digests=given["require_digests"], whole=not source.narrowed)
    problems = check(manifests, source.blobs, rules)
    flawed = {problem.file for problem in problems}
    texts = {blob.path: blob.data for blob in source.blobs if blob.path in flawed}
    return Validation(source.info, problems, texts, manifests.files, len(manifests.desired), manifests.ignored)
