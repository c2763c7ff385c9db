"""Decodes JSON into typed values the way the server's own decoder does: zero values, wrong types, unknown fields.

A type is declared once (see `kinds`) and gives three things: a document with the declared fields only, in their
order, with zero values where the field is always written; the strict errors (unknown and duplicate fields); and Go's
message for a value of the wrong type.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from syncer.localapi.values import Doc

_INDEX = re.compile(r"\[\d+\]")
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")


class WrongType(Exception):  # noqa: N818 - it is the decoder's verdict, not our failure
    """The JSON holds a value which the Go field cannot; the text is the Go decoder's."""


class Pairs(dict[str, Any]):
    """A JSON object that remembers which keys were written more than once."""

    duplicates: tuple[str, ...] = ()


def pairs_hook(pairs: list[tuple[str, Any]]) -> Pairs:
    """Build `Pairs`; the hook for `json.loads(object_pairs_hook=...)`."""
    result = Pairs(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        result.duplicates = tuple(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return result


@dataclass
class Walk:
    """Where the decoder stands, and the strict errors found so far."""

    path: str = ""
    struct: str = ""
    strict: list[str] = field(default_factory=list)

    def at(self, key: str, struct: str) -> Walk:
        """Return the walk one field deeper."""
        return Walk(f"{self.path}.{key}" if self.path else key, struct, self.strict)

    def item(self, index: int) -> Walk:
        """Return the walk at one item of a list."""
        return Walk(f"{self.path}[{index}]", self.struct, self.strict)

    def wrong(self, value: object, go_type: str) -> WrongType:
        """Return Go's complaint about a value of another type."""
        name = {bool: "bool", str: "string", int: "number", float: "number", list: "array"}.get(type(value), "object")
        if name == "number" and go_type.startswith("int"):
            name = f"number {value}"
        path = _INDEX.sub("", self.path)
        where = f"Go struct field {self.struct}.{path}" if self.struct else "Go value"
        return WrongType(f"json: cannot unmarshal {name} into {where} of type {go_type}")


class Type(Protocol):
    """A Go type: how to decode it, and its zero value."""

    @property
    def go(self) -> str:
        """Return Go's name of the type."""

    def decode(self, value: Any, walk: Walk) -> Any:  # noqa: ANN401 - any JSON value
        """Return the typed value, or raise `WrongType`."""

    def zero(self) -> Any:  # noqa: ANN401 - any JSON value
        """Return what is written for a value that was not given."""


@dataclass(frozen=True)
class Scalar:
    """A string, bool or integer."""

    go: str
    python: type
    default: object

    def decode(self, value: Any, walk: Walk) -> Any:  # noqa: ANN401 - any JSON value
        """Accept exactly this type; a bool is no number."""
        too_large = isinstance(value, int) and not -(2**63) <= value < 2**63
        if type(value) is not self.python or too_large:
            raise walk.wrong(value, self.go)
        return value

    def zero(self) -> object:
        """Return Go's zero value."""
        return self.default


@dataclass(frozen=True)
class Time:
    """A `metav1.Time`: an RFC 3339 text or null."""

    go: str = "v1.Time"

    def decode(self, value: Any, walk: Walk) -> Any:  # noqa: ANN401 - any JSON value
        """Accept a time; keep its text."""
        if not isinstance(value, str):
            raise walk.wrong(value, "string")
        if not _TIME.match(value):
            raise WrongType(f'parsing time "{value}" as "2006-01-02T15:04:05Z07:00": cannot parse "{value}" as "2006"')
        return value

    def zero(self) -> None:
        """Return null, as the server writes an unset time."""
        return


@dataclass(frozen=True)
class Raw:
    """Any JSON value, kept as it is."""

    go: str = "runtime.RawExtension"

    def decode(self, value: Any, _walk: Walk) -> Any:  # noqa: ANN401 - any JSON value
        """Keep it."""
        return value

    def zero(self) -> None:
        """Return null."""
        return


@dataclass(frozen=True)
class Many:
    """A list of one type. Empty and null are the same to the server."""

    of: Type

    @property
    def go(self) -> str:
        """Return Go's name of the type."""
        return f"[]{self.of.go}"

    def decode(self, value: Any, walk: Walk) -> Any:  # noqa: ANN401 - any JSON value
        """Decode each item."""
        if not isinstance(value, list):
            raise walk.wrong(value, self.go)
        return [
            self.of.zero() if item is None else self.of.decode(item, walk.item(i)) for i, item in enumerate(value)
        ] or None

    def zero(self) -> None:
        """Return null."""
        return


@dataclass(frozen=True)
class Table:
    """A map from strings to one type. Empty and null are the same to the server, for it stores protobuf."""

    of: Type

    @property
    def go(self) -> str:
        """Return Go's name of the type."""
        return f"map[string]{self.of.go}"

    def decode(self, value: Any, walk: Walk) -> Any:  # noqa: ANN401 - any JSON value
        """Decode each value; the keys come out sorted, as Go writes maps."""
        if not isinstance(value, dict):
            raise walk.wrong(value, self.go)
        _note_duplicates(value, walk)
        return {
            key: self.of.zero() if value[key] is None else self.of.decode(value[key], walk) for key in sorted(value)
        } or None

    def zero(self) -> None:
        """Return null."""
        return


@dataclass(frozen=True)
class Maybe:
    """A pointer: absent and zero differ."""

    of: Type

    @property
    def go(self) -> str:
        """Return Go's name of the type that is pointed to."""
        return self.of.go

    def decode(self, value: Any, walk: Walk) -> Any:  # noqa: ANN401 - any JSON value
        """Decode what is pointed to."""
        return self.of.decode(value, walk)

    def zero(self) -> None:
        """Return null."""
        return


@dataclass(frozen=True)
class Field:
    """A field of a struct; `keep` writes it even when it is zero (no `omitempty`)."""

    of: Type
    keep: bool = False


@dataclass(frozen=True)
class Struct:
    """A Go struct: its fields in order, and what is filled in after decoding."""

    go: str
    fields: Mapping[str, Field]
    defaults: Callable[[Doc], None] | None = None

    def decode(self, value: Any, walk: Walk) -> Doc:  # noqa: ANN401 - any JSON value
        """Decode the declared fields in their order; note the others as strict errors."""
        if not isinstance(value, dict):
            raise walk.wrong(value, self.go)
        _note_duplicates(value, walk)
        bare = self.go.rsplit(".", 1)[-1]
        decoded: Doc = {}
        # In the order of the text, for that is the order of the strict errors.
        for key, given in value.items():
            if key not in self.fields:
                walk.strict.append(f'unknown field "{walk.at(key, bare).path}"')
            elif given is not None:
                decoded[key] = self.fields[key].of.decode(given, walk.at(key, bare))
        return self._build(decoded)

    def _build(self, decoded: Doc) -> Doc:
        result: Doc = {}
        for key, declared in self.fields.items():
            got = decoded[key] if key in decoded else declared.of.zero()
            struct = isinstance(declared.of, Struct)
            pointer = isinstance(declared.of, Maybe) and key in decoded
            if declared.keep or struct or pointer or got not in (None, "", False, 0):
                result[key] = got
        if self.defaults:
            self.defaults(result)
        return result

    def zero(self) -> Doc:
        """Return the struct with nothing set."""
        return self._build({})


def _note_duplicates(value: Mapping[str, Any], walk: Walk) -> None:
    if isinstance(value, Pairs):
        for key in value.duplicates:
            walk.strict.append(f'duplicate field "{walk.at(key, "").path}"')


TEXT = Scalar("string", str, "")
FLAG = Scalar("bool", bool, default=False)
INT = Scalar("int64", int, 0)
TIME = Time()
RAW = Raw()
