"""A Report as text: each format is a function to text, loaded only when it is asked for.

Nothing in here looks at a clock, the environment or a terminal; what a format needs to know comes as a parameter.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from syncer.model import Report, SetsReport

FORMATS: Final = ("text", "json", "jsonl", "markdown", "html", "junit", "github", "gitlab")


def render(
    format: str,  # noqa: A002 - the option's own word
    report: Report | SetsReport,
    **options: Any,  # noqa: ANN401 - those of `pieces`
) -> str:
    """Write a report as one text; see `pieces`."""
    return "".join(pieces(format, report, **options))


def pieces(  # noqa: PLR0911, PLR0913 - one flat table: a format a line, each imported only when it is asked for
    format: str,  # noqa: A002 - the option's own word
    report: Report | SetsReport,
    *,
    width: int = 80,
    color: bool = False,
    verbose: bool = False,
    now: datetime | None = None,
) -> Iterable[str]:
    """Give the text of a report in one of FORMATS, in pieces where the whole may be too large to be held.

    `width` (columns), `color`, `verbose` and `now` matter to `text` only. Raises ValueError for another format.
    """
    # ruff: noqa: PLC0415 - rich and jinja2 take longer to import than most reports to write
    from syncer.model import SetsReport

    if isinstance(report, SetsReport):
        return _of_sets(format, report, width=width, color=color, verbose=verbose, now=now)
    match format:
        case "text":
            from syncer.report import text

            return [text.render(report, width=width, color=color, verbose=verbose, now=now)]
        case "json":
            from syncer.report import jsontext

            return jsontext.pieces(report)
        case "jsonl":
            from syncer.report import jsontext

            return jsontext.lines(report)
        case "markdown":
            from syncer.report import markdown

            return [markdown.render(report)]
        case "html":
            from syncer.report import html

            return [html.render(report)]
        case "junit":
            from syncer.report import junit

            return [junit.render(report)]
        case "github":
            from syncer.report import github

            return [github.render(report)]
        case "gitlab":
            from syncer.report import gitlab

            return [gitlab.render(report)]
        case _:
            raise ValueError(f"{format!r} is no format; there are {', '.join(FORMATS)}")


def _of_sets(format: str, report: SetsReport, **options: object) -> Iterable[str]:  # noqa: A002 - the option's own word
    """Give the text of the report of several sync sets: of each what its own says, and what all came to."""
    if format not in FORMATS:
        raise ValueError(f"{format!r} is no format; there are {', '.join(FORMATS)}")
    if format in ("json", "jsonl"):
        from syncer.report import jsontext

        return jsontext.sets_pieces(report) if format == "json" else jsontext.sets_lines(report)
    module = import_module(f"syncer.report.{format}")
    return [module.render_sets(report, **(options if format == "text" else {}))]
