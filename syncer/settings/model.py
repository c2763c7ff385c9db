"""What flows: the keys that a file may hold, and the values that it holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


def _as_it_is(text: str, _folder: Path) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Key:
    """One option of a command. `schema` is the JSON Schema of one value; `multiple`: there may be a list of them."""

    name: str
    parameter: str
    help: str
    schema: Mapping[str, Any] = field(hash=False)
    multiple: bool = False
    anchor: Callable[[str, Path], str] = _as_it_is
    """Makes a value that names a file, relative to the settings file's folder, one for the working directory."""

    def means(self, other: Key) -> bool:
        """Tell whether two commands take the same values by this name."""
        return (self.schema, self.multiple) == (other.schema, other.multiple)


@dataclass(frozen=True, slots=True)
class Command:
    """A command, by the words that are typed, and its keys by name. `has_set`: it takes `--set`."""

    name: str
    keys: Mapping[str, Key]
    has_set: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in a file; line and column from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Value:
    """What the file says for a key: the scalars as they are written, to be read as a flag's text would be."""

    texts: tuple[str, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class SyncSet:
    """One of the things that a file says to keep in sync: values by key; source, scope, owner, context among them."""

    name: str
    place: Place
    values: Mapping[str, Value]
