"""YAML text → serialization events, by either of two libraries; no other module knows one.

ruamel.yaml is exact, and words errors well. PyYAML's binding to libyaml is some twenty times as fast; it is there with
the kubernetes package, unless that was built without libyaml. Its YAML 1.1 differs in what scalars mean, which is not
decided here, and hardly in syntax: what it cannot read, ruamel.yaml reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from syncer.manifests.problems import BrokenTextError, Flaw, Place

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEMPLATE_HINT: Final = "a file that is no manifest, such as a template, can be left out with --exclude"


class Mark(Protocol):
    """A place in a text, from 0."""

    line: int
    column: int


class Event(Protocol):
    """What is read of an event, in either library; not every event has all of it. `tag`: the one that is written."""

    start_mark: Mark
    anchor: Any
    tag: object
    value: str
    style: str | None


class StumbledError(Exception):
    """The fast parser cannot read on."""


def fast_events(text: str) -> Iterator[Event]:
    """Parse a text into YAML's serialization events (https://yaml.org/spec/1.2.2/#31-processes), fast.

    Raises StumbledError where it cannot.
    """
    # ruff: noqa: PLC0415 - most runs read plain manifests only, and need neither library
    try:
        import yaml  # type: ignore[import-untyped] # the stubs are a package of their own, for three names
        from yaml.cyaml import CParser  # type: ignore[import-untyped] # likewise
    except ImportError as error:  # pragma: no cover - PyYAML without libyaml
        raise StumbledError from error
    try:
        parser = CParser(text)
        while parser.check_event():
            yield parser.get_event()
    except (yaml.YAMLError, ValueError) as error:
        raise StumbledError from error


def exact_events(text: str) -> Iterator[Event]:
    """Parse a text into YAML's serialization events, by YAML 1.2.

    Raises BrokenTextError where it is no YAML.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError
    from ruamel.yaml.reader import ReaderError

    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = " ".join(part for part in (error.context, error.problem) if part)
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        raise BrokenTextError(Flaw("syntax", message, place, _TEMPLATE_HINT)) from error
    except ReaderError as error:
        before = text[: error.position]
        place = Place(before.count("\n") + 1, len(before) - before.rfind("\n"))
        message = f"the character U+{ord(text[error.position]):04X} may not stand in YAML"
        raise BrokenTextError(Flaw("syntax", message, place)) from error
    except (YAMLError, ValueError) as error:
        raise BrokenTextError(Flaw("syntax", str(error).partition("\n")[0], Place(1, 1), _TEMPLATE_HINT)) from error
