"""A Report as text: each format is a function to text, loaded only when it is asked for.

Nothing in here looks at a clock, the environment or a terminal; what a format needs to know comes as a parameter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from syncer.model import Report

FORMATS: Final = ("text", "json", "jsonl", "markdown", "html", "junit", "github", "gitlab")


def render(
    format: str,  # noqa: A002 - the option's own word
    report: Report,
    **options: Any,  # noqa: ANN401 - those of `pieces`
) -> str:
    """Write a report as one text; see `pieces`."""
    return "".join(pieces(format, report, **options))


def pieces(  # noqa: PLR0911, PLR0913 - one flat table: a format a line, each imported only when it is asked for
    format: str,  # noqa: A002 - the option's own word
    report: Report,
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
