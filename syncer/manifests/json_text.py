"""JSON text (RFC 8259) → a document, with places, and with duplicate keys seen, which `json` loses."""

from __future__ import annotations

import re
from bisect import bisect_right
from json import JSONDecodeError
from json.decoder import scanstring  # type: ignore[attr-defined]  # typeshed does not list it; the json package itself imports it
from typing import TYPE_CHECKING, Any, Final

from syncer.manifests.document import Builder
from syncer.manifests.problems import BrokenTextError, Flaw, Place
from syncer.manifests.yaml_text import number

if TYPE_CHECKING:
    from syncer.manifests.document import Document
    from syncer.model import Json

_SPACE: Final = re.compile(r"[ \t\n\r]*")
_NUMBER: Final = re.compile(r"(-?(?:0|[1-9][0-9]*))(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORDS: Final = {"true": True, "false": False, "null": None}
_WORD: Final = re.compile(r"true|false|null")


def json_document(text: str) -> Document | None:
    """Parse a JSON text, None where it is empty.

    Raises BrokenTextError at the first place that cannot be read on.
    """
    return _Parser(text).parse()


class _Parser:
    """One pass over a text, without recursion."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]
        self._builder = Builder()

    def parse(self) -> Document | None:
        self._skip()
        if self._at == len(self._text):
            return None
        ends: list[str] = []
        while True:
            self._value(ends)
            while ends and self._next_is(ends[-1]):
                self._builder.close()
                ends.pop()
            if not ends:
                break
            self._separator(ends[-1])
        if self._at != len(self._text):
            raise self._broken("expected the end of the document")
        return self._builder.finish()

    def _value(self, ends: list[str]) -> None:
        """Read a scalar, or open containers down to the first scalar or empty container."""
        while (opening := self._text[self._at : self._at + 1]) in {"{", "["}:
            container: dict[str, Any] | list[Any] = {} if opening == "{" else []
            self._builder.open(container, self._place())
            ends.append("}" if opening == "{" else "]")
            self._advance(1)
            if self._text.startswith(ends[-1], self._at):
                return
            if opening == "{":
                self._key()
        place = self._place()
        value, shown = self._scalar()
        self._builder.scalar(value, shown, place)

    def _separator(self, end: str) -> None:
        if not self._next_is(","):
            raise self._broken(f"expected ',' or {end!r}")
        if end == "}":
            self._key()

    def _key(self) -> None:
        if not self._text.startswith('"', self._at):
            raise self._broken("expected a key in double quotes")
        place = self._place()
        value, shown = self._scalar()
        self._builder.scalar(value, shown, place)
        if not self._next_is(":"):
            raise self._broken("expected ':'")

    def _scalar(self) -> tuple[Json, str]:
        """Read a string, number, boolean or null; gives it with its text."""
        if self._text.startswith('"', self._at):
            try:
                value, end = scanstring(self._text, self._at + 1, True)  # noqa: FBT003 - positional only
            except JSONDecodeError as error:
                self._at = error.pos
                raise self._broken(error.msg[:1].lower() + error.msg[1:]) from error
            self._advance(end - self._at)
            return value, value
        if match := _WORD.match(self._text, self._at):
            self._advance(len(match[0]))
            return _WORDS[match[0]], match[0]
        if match := _NUMBER.match(self._text, self._at):
            self._advance(len(match[0]))
            return (float(match[0]) if match[2] or match[3] else number(match[1])), match[0]
        raise self._broken("expected a value")

    def _next_is(self, token: str) -> bool:
        """Step over a token and the space behind it, if it is there."""
        if not self._text.startswith(token, self._at):
            return False
        self._advance(len(token))
        return True

    def _advance(self, count: int) -> None:
        self._at += count
        self._skip()

    def _skip(self) -> None:
        if match := _SPACE.match(self._text, self._at):
            self._at = match.end()

    def _place(self) -> Place:
        line = bisect_right(self._lines, self._at)
        return Place(line, self._at - self._lines[line - 1] + 1)

    def _broken(self, message: str) -> BrokenTextError:
        found = self._text[self._at : self._at + 1]
        but = f", but found {found!r}" if found else ", but the text ends"
        return BrokenTextError(Flaw("syntax", f"not JSON: {message}{but}", self._place()))
