"""The value that is being checked, with all that a problem has to say of it."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from syncer.model import Origin, Problem, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from syncer.manifests.document import Document, Path
    from syncer.manifests.problems import Flaw
    from syncer.model import Json

_LONGEST: Final = 500
"""Characters. The longest name that a server takes has 253."""


class Scene(Struct, frozen=True):
    """A value of a document: where it stands, whose it is, and the list that problems go to."""

    file: str
    document: Document
    problems: list[Problem]
    value: Json
    path: Path = ()
    namespace: str = ""
    name: str = ""

    def at(self, *steps: str | int) -> Scene:
        """Step down. What is not there, or is null, is None."""
        value: Any = self.value
        for step in steps:
            match value, step:
                case dict(), str():
                    value = value.get(step)
                case list(), int():
                    value = value[step]
                case _:
                    value = None
        path = (*self.path, *steps)
        return Scene(self.file, self.document, self.problems, value, path, self.namespace, self.name)

    def called(self, namespace: str, name: str) -> Scene:
        """Say which object the problems are about from here on."""
        return Scene(self.file, self.document, self.problems, self.value, self.path, namespace, name)

    def __iter__(self) -> Iterator[Scene]:
        """Step through a list."""
        return (self.at(index) for index in range(len(self.value)))

    @property
    def absent(self) -> bool:
        """Whether the value is not there, null or an empty string, which the server takes for the same."""
        return self.value is None or self.value == ""

    @property
    def pointer(self) -> str:
        """The way to the value as people write it: `spec.tags[0].from`."""
        parts = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return "".join(parts).removeprefix(".")

    @property
    def origin(self) -> Origin:
        """Where the value begins."""
        return Origin(self.file, self.document.place(self.path).line)

    @property
    def reported(self) -> int:
        """How many problems were reported so far, of whatever value."""
        return len(self.problems)

    def sound_since(self, reported: int) -> bool:
        """Whether no error was reported since there were that many problems."""
        return all(problem.severity is not Severity.ERROR for problem in self.problems[reported:])

    def error(self, code: str, message: str, *, hint: str = "", key: bool = False) -> None:
        """Report an error at the value, or (`key`) at the key that leads to it."""
        self._report(Severity.ERROR, code, message, hint, key=key)

    def warning(self, code: str, message: str, *, hint: str = "") -> None:
        """Report a warning at the key that leads to the value."""
        self._report(Severity.WARNING, code, message, hint, key=True)

    def flaw(self, flaw: Flaw) -> None:
        """Report a flaw of the text."""
        self.problems.append(of_flaw(flaw, self.file, self.namespace, self.name))

    def _report(self, severity: Severity, code: str, message: str, hint: str, *, key: bool) -> None:
        place = self.document.place(self.path, key=key)
        namespace, name = cut(self.namespace), cut(self.name)
        self.problems.append(
            Problem(severity, code, cut(message), cut(hint), self.file, place.line, place.column, namespace, name)
        )

    # ------------------------------------------------------------------------------------------------- values

    def mapping(self) -> Mapping[str, Json]:
        """Give the value as a mapping; absent is empty, any other type an error (and empty)."""
        if self.value is None or isinstance(self.value, dict):
            return self.value or {}
        self.error("type", f"{self.pointer} must be a mapping, not {shown(self.value)}")
        return {}

    def list(self) -> list[Json]:
        """Give the value as a list; absent is empty, any other type an error (and empty)."""
        if self.value is None or isinstance(self.value, list):
            return self.value or []
        self.error("type", f"{self.pointer} must be a list, not {shown(self.value)}")
        return []

    def string(self) -> str:
        """Give the value as a string; absent is empty, any other type an error (and empty)."""
        if self.value is None or isinstance(self.value, str):
            return self.value or ""
        hint = "" if isinstance(self.value, dict | list) else "put it in quotes"
        self.error("type", f"{self.pointer} must be a string, not {shown(self.value)}", hint=hint)
        return ""

    def boolean(self) -> bool | None:
        """Give the value as a boolean; absent is None, any other type an error (and None)."""
        if self.value is None or isinstance(self.value, bool):
            return self.value
        hint = "write true or false, without quotes" if isinstance(self.value, str) else ""
        self.error("type", f"{self.pointer} must be true or false, not {shown(self.value)}", hint=hint)
        return None

    def choice(self, options: tuple[str, ...]) -> str | None:
        """Give the value as one of a few words; absent or empty is None, any other word an error (and None)."""
        word = self.string()
        if not word or word in options:
            return word or None
        self.error("value", f"{self.pointer} must be {listed(options)}, not {word!r}", hint=guess(word, options))
        return None

    def only(self, known: Iterable[str], hints: Mapping[str, str]) -> None:
        """Report every key of a mapping that is none of the known ones. `hints` has a cure for some of them."""
        known = tuple(known)
        for key in self.mapping():
            if key not in known:
                of = f"{self.pointer} has" if self.path else "there is"
                hint = hints.get(key) or guess(key, known)
                self.at(key).error("unknown-field", f"{of} no field {key!r}", hint=hint, key=True)


def of_flaw(flaw: Flaw, file: str, namespace: str = "", name: str = "") -> Problem:
    """Turn a flaw of a text into a problem."""
    line, column = flaw.place.line, flaw.place.column
    return Problem(Severity.ERROR, flaw.code, cut(flaw.message), flaw.hint, file, line, column, namespace, name)


def cut(text: str) -> str:
    """Shorten what a problem says where a manifest has a word that is longer than anything meant to be read."""
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def guess(word: str, options: Iterable[str]) -> str:
    """Suggest the option that was probably meant; empty where none is close."""
    if len(word) > _LONGEST:
        return ""
    options = {option.casefold(): option for option in options}
    close = difflib.get_close_matches(word.casefold(), options, n=1, cutoff=0.6)
    return f"did you mean {options[close[0]]!r}?" if close else ""


def listed(options: tuple[str, ...]) -> str:
    """Write options as prose: `A, B or C`."""
    return " or ".join(part for part in (", ".join(options[:-1]), options[-1]) if part)


def shown(value: Json) -> str:
    """Name a value by its type, with the value itself where it is short."""
    match value:
        case None:
            return "null"
        case bool():
            return f"the boolean {str(value).lower()}"
        case int() | float():
            return f"the number {value}"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "a mapping"
