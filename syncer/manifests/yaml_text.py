"""YAML 1.2 text → documents, by the core schema: `on`, `yes` and `1:30` are strings, `0o17` is a number.

`_events` is the one function that knows a YAML library.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Protocol

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from syncer.manifests.document import Builder
from syncer.manifests.problems import BrokenTextError, Flaw, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from syncer.manifests.document import Document
    from syncer.model import Json

_TEMPLATE_HINT: Final = "a file that is no manifest, such as a template, can be left out with --exclude"
_CORE: Final = "tag:yaml.org,2002:"

# https://yaml.org/spec/1.2.2/#1032-tag-resolution
_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INT: Final = re.compile(r"[-+]?[0-9]+\Z|0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_SPECIAL_FLOAT: Final = re.compile(r"[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z")
_NUMERIC_START: Final = frozenset("0123456789+-.")


class _Mark(Protocol):
    """A place in a text, from 0."""

    line: int
    column: int


class _Event(Protocol):
    """What this module reads of an event; not every event has all of it."""

    start_mark: _Mark
    anchor: Any
    tag: object
    value: str
    style: str | None


def yaml_documents(text: str) -> Iterator[Document]:
    """Yield each document of a YAML text that is not empty.

    Raises BrokenTextError at the first place that cannot be read on; the documents before it have been yielded by then.
    """
    builder = Builder()
    empty = True
    for event in _events(text):
        match type(event).__name__:
            case "ScalarEvent":
                place = _place(event.start_mark)
                empty = empty and event.value == "" and event.style is None
                plain = event.style is None and _tag(event) is None
                builder.scalar(_resolve(event, builder, place), event.value, place, event.anchor, plain=plain)
            case "MappingStartEvent" | "SequenceStartEvent" as kind:
                empty = False
                place = _place(event.start_mark)
                _check_tag(event, builder, place, "map" if kind.startswith("Mapping") else "seq")
                builder.open({} if kind.startswith("Mapping") else [], place, event.anchor)
            case "MappingEndEvent" | "SequenceEndEvent":
                builder.close()
            case "AliasEvent":
                builder.alias(event.anchor, _place(event.start_mark))
            case "DocumentStartEvent":
                builder, empty = Builder(), True
            case "DocumentEndEvent":
                if not empty:
                    yield builder.finish()


def _events(text: str) -> Iterator[_Event]:
    """Parse a text into YAML's serialization events (https://yaml.org/spec/1.2.2/#31-processes)."""
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = " ".join(part for part in (error.context, error.problem) if part)
        place = _place(mark) if mark else Place(1, 1)
        raise BrokenTextError(Flaw("syntax", message, place, _TEMPLATE_HINT)) from error
    except ReaderError as error:
        before = text[: error.position]
        place = Place(before.count("\n") + 1, len(before) - before.rfind("\n"))
        message = f"the character U+{ord(text[error.position]):04X} may not stand in YAML"
        raise BrokenTextError(Flaw("syntax", message, place)) from error
    except (YAMLError, ValueError) as error:
        raise BrokenTextError(Flaw("syntax", str(error).partition("\n")[0], Place(1, 1), _TEMPLATE_HINT)) from error


def _place(mark: _Mark) -> Place:
    return Place(mark.line + 1, mark.column + 1)


def _tag(event: _Event) -> str | None:
    """Give the tag that the text itself states, None where it states none."""
    return None if event.tag is None else str(event.tag)


def _check_tag(event: _Event, builder: Builder, place: Place, expected: str) -> None:
    tag = _tag(event)
    if tag not in {None, "!", _CORE + expected}:
        shown = str(tag).replace(_CORE, "!!")
        builder.flaw("yaml-tag", f"the YAML tag {shown} is not understood", place, hint="write it without", hard=False)


def _resolve(event: _Event, builder: Builder, place: Place) -> Json:
    """Give a scalar's value: by its tag where it has one, as a string where it is quoted, else by how it looks."""
    text: str = event.value
    tag = _tag(event)
    if tag in {"!", _CORE + "str"} or (tag is None and event.style is not None):
        return text
    value = resolve_plain(text)
    if tag is None:
        return value
    if (fits := _FITS.get(tag.removeprefix(_CORE))) is None:
        _check_tag(event, builder, place, "str")
        return text
    if not fits(value):
        shown = tag.replace(_CORE, "!!")
        builder.flaw("yaml-tag", f"{text!r} is not what the YAML tag {shown} says", place, hard=False)
    return value


_FITS: Final[dict[str, Callable[[Json], bool]]] = {
    "null": lambda value: value is None,
    "bool": lambda value: isinstance(value, bool),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}


def resolve_plain(text: str) -> Json:
    """Give the value of an unquoted scalar by the core schema of YAML 1.2."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in _NUMERIC_START:
        if _INT.match(text):
            return number(text)
        if _FLOAT.match(text):
            return float(text)
        if _SPECIAL_FLOAT.match(text):
            return float(text.replace(".", ""))
    return text


def number(text: str) -> int | float:
    """Read a whole number. One with too many digits for Python's guard becomes a float: no field takes it anyway."""
    try:
        return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)
    except ValueError:
        return float("inf")
