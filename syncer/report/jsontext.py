"""The JSON document as text: one object, or a line each for header, changes, problems, gates and summary.

Everything beyond ASCII is escaped, so that the text is safe on any terminal and in any encoding. A report of a million
tags is some hundreds of megabytes of text, which is therefore made piece by piece, a change at a time.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec

from syncer.plan.saved import checksum
from syncer.report import sets
from syncer.report.document import change_of, frame_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from syncer.model import Json, Report, SetsReport

_LISTS = {"changes": "change", "problems": "problem", "gates": "gate"}
_LAST = ("summary", "timings")


def pieces(report: Report) -> Iterator[str]:
    """Yield the document's text: keys sorted, indented by two, with a final newline."""
    yield from _whole(report)
    yield "\n"


def sets_pieces(report: SetsReport) -> Iterator[str]:
    """Yield the document of several sync sets; that of each is the very one that it has alone, further in."""
    frame = sets.document(report)
    opening = "{\n"
    for name in sorted(frame):
        yield f'{opening}  "{name}": '
        if name == "sets":
            yield from _sets(frame[name], report)
        else:
            yield _indented(frame[name], 2)
        opening = ",\n"
    yield "\n}\n"


def _sets(entries: Iterable[Json], report: SetsReport) -> Iterator[str]:
    opening = "["
    for entry, each in zip(entries, report.sets, strict=True):
        head = _indented(entry, 4).removesuffix("\n    }")  # of its keys `report` is the last
        yield f'{opening}\n    {head},\n      "report": '
        yield from (piece.replace("\n", "\n      ") for piece in _whole(each.report))
        yield "\n    }"
        opening = ","
    yield "[]" if opening == "[" else "\n  ]"


def _whole(report: Report) -> Iterator[str]:
    frame = _sealed(report)
    opening = "{\n"
    for name in sorted((*frame, "changes")):
        yield f'{opening}  "{name}": '
        if name == "changes":
            yield from _array(_changes(report))
        else:
            yield _indented(frame[name], 2)
        opening = ",\n"
    yield "\n}"


def lines(report: Report, **more: Json) -> Iterator[str]:
    """Yield JSON Lines; the key `type` says what a line is: `header`, `change`, `problem`, `gate`, `summary`.

    `more` are further keys of each line.
    """
    frame = _sealed(report)
    header = {key: value for key, value in frame.items() if key not in _LISTS and key not in _LAST}
    yield line({"type": "header", **header, **more})
    for key, kind in _LISTS.items():
        for entry in _changes(report) if key == "changes" else frame[key]:
            yield line({"type": kind, **entry, **more})
    yield line({"type": "summary", **{key: frame[key] for key in _LAST}, **more})


def sets_lines(report: SetsReport) -> Iterator[str]:
    """Yield the lines of each sync set, which they name by the key `set`, and one of type `sets` about all."""
    for each in report.sets:
        yield from lines(each.report, set=each.name)
    yield sets_line(report)


def sets_line(report: SetsReport) -> str:
    """Write what several sync sets came to on one line."""
    return line({"type": "sets", **sets.document(report)})


def line(entry: Json) -> str:
    """Write one JSON value on one line."""
    return f"{_compact(entry)}\n"


def _sealed(report: Report) -> dict[str, Json]:
    """Give the document without its changes. Its checksum comes before most of them, and so they are made twice."""
    frame = frame_of(report)
    return frame | {"checksum": checksum(frame | {"changes": _changes(report)})}


def _changes(report: Report) -> Iterator[dict[str, Json]]:
    return (change_of(report, change) for change in report.plan.changes)


def _array(values: Iterable[Json]) -> Iterator[str]:
    opening = "["
    for value in values:
        yield f"{opening}\n    {_indented(value, 4)}"
        opening = ","
    yield "[]" if opening == "[" else "\n  ]"


def _indented(value: Json, columns: int) -> str:
    """Write a value over several lines, all but the first of them behind so many columns."""
    try:  # it takes a twentieth of the time
        text = msgspec.json.format(_compact(value), indent=2)
    except msgspec.DecodeError:  # half of a surrogate pair, which it does not take
        text = _escaped(json.dumps(value, sort_keys=True, indent=2))
    return text.replace("\n", "\n" + " " * columns)


def _compact(value: Json) -> str:
    return _escaped(json.dumps(value, sort_keys=True, separators=(",", ":")))


def _escaped(text: str) -> str:
    return text.replace("\x7f", "\\u007f")
