"""What `syncer validate` found: `file:line:column: message`, the line with a caret, a hint; for machines, too."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from msgspec.structs import asdict

from syncer import __version__
from syncer.model import Severity
from syncer.report import facts, github, gitlab
from syncer.report.findings import of_problem, worst_first
from syncer.report.values import sentence, visible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncer.model import Json, Problem, SourceInfo

FORMATS: Final = ("text", "json", "github", "gitlab")

_WIDEST: Final = 120
"""Columns of a quoted line; of a longer one, what surrounds the place."""
_TAB: Final = "    "
_BREAK: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""Where YAML 1.1's libyaml, which counts the lines, sees one end. JSON knows \\n only."""
_COLORS: Final = {Severity.ERROR: "1;31", Severity.WARNING: "33"}


@dataclass(frozen=True, slots=True)
class Validation:
    """What a validation came to.

    `texts` are the files that problems stand in, as far as they could be read, `ignored` documents of other kinds.
    """

    source: SourceInfo
    problems: tuple[Problem, ...]
    texts: Mapping[str, bytes]
    files: int
    tags: int
    ignored: int

    @property
    def failed(self) -> bool:
        """Whether anything is an error, and not only a warning."""
        return any(problem.severity is Severity.ERROR for problem in self.problems)


def render(format: str, validation: Validation, *, color: bool = False) -> str:  # noqa: A002 - the option's own word
    """Write a validation in one of FORMATS; `color` matters to `text` only. Raises ValueError for another format."""
    match format:
        case "text":
            return _text(validation, color=color)
        case "json":
            document = json.dumps(_document(validation), sort_keys=True, indent=2)
            return document.replace("\x7f", "\\u007f") + "\n"
        case "github":
            return github.commands(worst_first(map(of_problem, validation.problems))) + f"{headline(validation)}\n"
        case "gitlab":
            return gitlab.code_quality(worst_first(map(of_problem, validation.problems)))
        case _:
            raise ValueError(f"{format!r} is no format; there are {', '.join(FORMATS)}")


def headline(validation: Validation) -> str:
    """Say in one line what was read and what was found."""
    read = f"{_counted(validation.tags, 'tag')} in {_counted(validation.files, 'file')}"
    if validation.ignored:
        read += f", {_counted(validation.ignored, 'document')} of other kinds left alone"
    counts = Counter(problem.severity for problem in validation.problems)
    found = [_counted(counts[severity], severity) for severity in Severity if counts[severity]]
    fine = "nothing is wrong" if validation.tags else "no ImageStreamTag was found"
    return f"{read}: {' and '.join(found) or fine}"


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _document(validation: Validation) -> dict[str, Json]:
    counts = Counter(problem.severity for problem in validation.problems)
    return {
        "format_version": facts.FORMAT_VERSION,
        "syncer_version": __version__,
        "source": {**asdict(validation.source), "url": facts.without_userinfo(validation.source.url)},
        "summary": {
            "files": validation.files,
            "tags": validation.tags,
            "ignored": validation.ignored,
            "errors": counts[Severity.ERROR],
            "warnings": counts[Severity.WARNING],
        },
        "problems": [{**asdict(problem), "severity": str(problem.severity)} for problem in validation.problems],
    }


# -------------------------------------------------------------------------------------------------------- text


def _text(validation: Validation, *, color: bool) -> str:
    lines = _Lines(validation.texts)
    out = []
    for problem in validation.problems:
        severity = _painted(str(problem.severity), _COLORS[problem.severity], color=color)
        place = f"{visible(problem.file)}:{problem.line}:{problem.column}"
        out.append(f"{place}: {severity}: {sentence(problem.message)} [{problem.code}]")
        quoted, caret = _quoted(lines.line(problem), problem.column)
        if quoted.strip():
            out += [f"    {quoted}".rstrip(), f"    {_painted(caret, '1;32', color=color)}"]
        if problem.hint:
            out.append(f"    Hint: {sentence(problem.hint)}")
        out.append("")
    out.append(headline(validation))
    if validation.problems:
        out.append(f"`syncer validate --explain {validation.problems[0].code}` tells more; so for every [code].")
    return "".join(f"{line}\n" for line in out)


def _painted(text: str, style: str, *, color: bool) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if color else text


class _Lines:
    """The lines of files, split once a file."""

    def __init__(self, texts: Mapping[str, bytes]) -> None:
        self._texts = texts
        self._file, self._lines = "", list[str]()

    def line(self, problem: Problem) -> str:
        """Give the line that a problem stands in; empty where there is none, as at the end of a file."""
        if self._file != problem.file:
            text = self._texts.get(problem.file, b"").removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
            self._file = problem.file
            self._lines = text.split("\n") if problem.file.lower().endswith(".json") else _BREAK.split(text)
        return self._lines[problem.line - 1] if problem.line <= len(self._lines) else ""


def _quoted(line: str, column: int) -> tuple[str, str]:
    """Give a line as it can be shown, and below it a caret at the column: both cut where the line is too long."""
    first = max(0, column - 1 - _WIDEST * 2 // 3) if len(line) > _WIDEST else 0
    before = "".join(map(_shown, line[first : column - 1]))
    shown = before + "".join(map(_shown, line[column - 1 : first + _WIDEST]))
    head, tail = "…" * (first > 0), "…" * (first + _WIDEST < len(line))
    return f"{head}{shown}{tail}", f"{' ' * (len(head) + _width(before))}^"


def _shown(character: str) -> str:
    return _TAB if character == "\t" else visible(character)


def _width(text: str) -> int:
    """Count the columns that a text takes on a terminal (Unicode Standard Annex 11)."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.combining(character) > 0 for character in text)
