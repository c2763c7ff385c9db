"""YAML 1.2 text → documents, by the core schema: `on`, `yes` and `1:30` are strings, `0o17` is a number."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Final

from syncer.manifests.document import Builder
from syncer.manifests.events import StumbledError, exact_events, fast_events
from syncer.manifests.problems import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from syncer.manifests.document import Document
    from syncer.manifests.events import Event
    from syncer.model import Json

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


def yaml_documents(text: str) -> Iterator[Document]:
    """Yield each document of a YAML text that is not empty.

    The fast parser goes first; from the place where it stumbles the exact one takes over, which words the error, if
    there is one. Raises BrokenTextError at the first place that cannot be read on; the documents before it have been
    yielded by then.
    """
    whole = 0
    try:
        for document in _build(fast_events(text)):
            whole += 1
            yield document
    except StumbledError:
        yield from islice(_build(exact_events(text)), whole, None)


def _build(events: Iterable[Event]) -> Iterator[Document]:
    """Put events together to documents."""
    builder = Builder()
    empty = True
    for event in events:
        match type(event).__name__:
            case "ScalarEvent":
                mark = event.start_mark
                place = Place(mark.line + 1, mark.column + 1)
                empty = empty and event.value == "" and not event.style
                plain = not event.style and event.tag is None
                value = resolve_plain(event.value) if plain else _resolve(event, builder, place)
                builder.scalar(value, event.value, place, event.anchor, plain=plain)
            case "MappingStartEvent" | "SequenceStartEvent" as kind:
                empty = False
                place = _place(event)
                _check_tag(event, builder, place, "map" if kind.startswith("Mapping") else "seq")
                builder.open({} if kind.startswith("Mapping") else [], place, event.anchor)
            case "MappingEndEvent" | "SequenceEndEvent":
                builder.close()
            case "AliasEvent":
                builder.alias(event.anchor, _place(event))
            case "DocumentStartEvent":
                builder, empty = Builder(), True
            case "DocumentEndEvent" if not empty:
                yield builder.finish()


def _place(event: Event) -> Place:
    return Place(event.start_mark.line + 1, event.start_mark.column + 1)


def _tag(event: Event) -> str | None:
    """Give the tag that the text itself states, None where it states none."""
    return None if event.tag is None else str(event.tag)


def _check_tag(event: Event, builder: Builder, place: Place, expected: str) -> None:
    tag = _tag(event)
    if tag not in {None, "!", _CORE + expected}:
        shown = str(tag).replace(_CORE, "!!")
        builder.flaw("yaml-tag", f"the YAML tag {shown} is not understood", place, hint="write it without", hard=False)


def _resolve(event: Event, builder: Builder, place: Place) -> Json:
    """Give the value of a scalar that is quoted or has a tag: what the tag says, else a string."""
    text: str = event.value
    tag = _tag(event)
    if tag in {None, "!", _CORE + "str"}:
        return text
    value = resolve_plain(text)
    if (fits := _FITS.get(str(tag).removeprefix(_CORE))) is None:
        _check_tag(event, builder, place, "str")
        return text
    if not fits(value):
        shown = str(tag).replace(_CORE, "!!")
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
