"""The JSON document as text: one object, or a line each for header, changes, problems, gates and summary.

Everything beyond ASCII is escaped, so that the text is safe on any terminal and in any encoding.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from syncer.report.document import document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncer.model import Json, Report

_LISTS = {"changes": "change", "problems": "problem", "gates": "gate"}
_LAST = ("summary", "timings")


def render(report: Report) -> str:
    """Write the document, keys sorted, indented by two, with a final newline."""
    return json.dumps(document(report), sort_keys=True, indent=2).replace("\x7f", "\\u007f") + "\n"


def render_lines(report: Report) -> str:
    """Write JSON Lines; the key `type` says what a line is: `header`, `change`, `problem`, `gate`, `summary`."""
    return "".join(line(entry) for entry in _entries(document(report)))


def line(entry: Json) -> str:
    """Write one JSON value on one line."""
    return json.dumps(entry, sort_keys=True, separators=(",", ":")).replace("\x7f", "\\u007f") + "\n"


def _entries(whole: dict[str, Json]) -> Iterator[dict[str, Json]]:
    header = {key: value for key, value in whole.items() if key not in _LISTS and key not in _LAST}
    yield {"type": "header", **header}
    for key, kind in _LISTS.items():
        for entry in whole[key]:
            yield {"type": kind, **entry}
    yield {"type": "summary", **{key: whole[key] for key in _LAST}}
