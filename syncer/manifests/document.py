"""A parsed document: plain Python values, and where in the text each of them stands."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct, field

from syncer.manifests.problems import BrokenTextError, Flaw, Place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncer.model import Json

_SURROGATE: Final = re.compile("[\ud800-\udfff]")

Path = tuple[str | int, ...]
"""The way from a document's root to a value: keys and indices."""

MAX_DEPTH: Final = 100
"""Levels of nesting. A Kubernetes object has a dozen; Python's own recursion ends near 1,000."""

MAX_EXPANDED: Final = 100_000
"""Values that aliases may add to one document. An export of a large stream has some thousands, none of them aliased."""


class Document(Struct, frozen=True):
    """One document of a file. `marks` holds, for each container, the places of each key and of its value."""

    value: Json
    start: Place
    marks: Mapping[int, Mapping[str | int, tuple[Place, Place]]]
    flaws: tuple[Flaw, ...] = ()

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Find where a value stands, or (`key`) the key that leads to it.

        A value that is absent is placed at the innermost thing on the way that is there.
        """
        value, found = self.value, (self.start, self.start)
        for step in path:
            mark = self.marks.get(id(value), {}).get(step)
            if mark is None:
                return found[0]
            value, found = value[step], mark
        return found[0] if key else found[1]


class _Frame(Struct):
    """A container that is being filled. `key` is the one whose value comes next, None where a key comes next."""

    container: Json
    place: Place
    anchor: str | None
    marks: dict[str | int, tuple[Place, Place]]
    weight: int = 1
    key: str | None = None
    key_place: Place | None = None
    merges: list[Json] = field(default_factory=list)


class Builder:
    """Builds one document from a stream of events, without recursion; both parsers feed it.

    An alias shares the value it names, so memory stays in proportion to the text; what the text would grow to when the
    aliases are written out is counted, and bounded.
    """

    def __init__(self) -> None:
        self._stack: list[_Frame] = []
        self._marks: dict[int, dict[str | int, tuple[Place, Place]]] = {}
        self._anchors: dict[str, tuple[Json, int] | None] = {}
        self._flaws: list[Flaw] = []
        self._expanded = 0
        self._root: Json = None
        self._start = Place(1, 1)

    def finish(self) -> Document:
        """Hand over what was built."""
        return Document(self._root, self._start, self._marks, tuple(self._flaws))

    def flaw(self, code: str, message: str, place: Place, *, hint: str = "", hard: bool = True) -> None:
        """Note something wrong that does not keep the text from being read on."""
        self._flaws.append(Flaw(code, message, place, hint, hard))

    def open(self, container: dict[str, Json] | list[Json], place: Place, anchor: str | None = None) -> None:
        """Begin a mapping or a list, given empty."""
        if len(self._stack) >= MAX_DEPTH:
            message = f"nested deeper than {MAX_DEPTH} levels"
            raise BrokenTextError(Flaw("too-deep", message, place))
        frame = _Frame(container, place, anchor, {})
        self._marks[id(container)] = frame.marks
        if anchor is not None:
            self._anchors[anchor] = None
        self._stack.append(frame)

    def close(self) -> None:
        """End the mapping or list that was begun last."""
        frame = self._stack.pop()
        for source in frame.merges:
            for key, value in source.items():
                if key not in frame.container:
                    frame.container[key] = value
                    frame.marks[key] = self._marks[id(source)][key]
        self._add(frame.container, frame.place, frame.weight, frame.anchor)

    def scalar(self, value: Json, text: str, place: Place, anchor: str | None = None, *, plain: bool = False) -> None:
        """Add a scalar, or a key: a key is its text, as in JSON. `plain`: unquoted YAML, where `<<` merges."""
        if not text.isascii() and _SURROGATE.search(text):
            text = value = self._paired(text, place)  # only a string holds one, and a string is its own text
        frame = self._stack[-1] if self._stack else None
        if frame is None or not isinstance(frame.container, dict) or frame.key is not None:
            self._add(value, place, 1, anchor)
            return
        if value is None:
            self.flaw("complex-key", "null cannot be a key", place, hint="quote it, or name it", hard=False)
        self._add_key(frame, text, place, merges=plain and text == "<<")
        if anchor is not None:
            self._anchors[anchor] = (text, 1)

    def alias(self, name: str, place: Place) -> None:
        """Add what an anchor names."""
        if self._anchors.get(name) is None:
            cause = "stands inside what it names" if name in self._anchors else "names no anchor that comes before it"
            raise BrokenTextError(Flaw("alias", f"the alias *{name} {cause}", place))
        value, weight = self._anchors[name] or (None, 0)
        self._expanded += weight
        if self._expanded > MAX_EXPANDED:
            message = f"aliases repeat more than {MAX_EXPANDED:,} values"
            raise BrokenTextError(Flaw("alias-bomb", message, place, "write out what the aliases stand for"))
        self._add(value, place, weight, None)

    def _paired(self, text: str, place: Place) -> str:
        """Join the surrogate pairs that JSON's escapes write a character beyond the first plane by."""
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self.flaw("encoding", "half of a surrogate pair is no character", place, hint="write the character itself")
            return text.encode("utf-8", "replace").decode()

    def _add(self, value: Json, place: Place, weight: int, anchor: str | None) -> None:
        """Put a value where it belongs: the root, a list's end, or a mapping's next key or value."""
        if anchor is not None:
            self._anchors[anchor] = (value, weight)
        if not self._stack:
            self._root, self._start = value, place
            return
        frame = self._stack[-1]
        frame.weight += weight
        if isinstance(frame.container, list):
            frame.marks[len(frame.container)] = (place, place)
            frame.container.append(value)
        elif frame.key is None:
            if not isinstance(value, str):
                self.flaw("complex-key", "a key must be a string", place, hint="quote it, or name it", hard=False)
            self._add_key(frame, str(value) if isinstance(value, str) else f"?{place.line}:{place.column}", place)
        else:
            self._add_value(frame, frame.key, value, place)

    def _add_key(self, frame: _Frame, key: str, place: Place, *, merges: bool = False) -> None:
        if key in frame.marks:
            first = frame.marks[key][0]
            self.flaw(
                "duplicate-key",
                f"the key {key!r} is here for the second time; the first is on line {first.line}",
                place,
                hint="remove one of the two",
            )
        frame.key, frame.key_place = ("<<" if merges else key), place
        if merges:
            frame.merges.append(None)

    def _add_value(self, frame: _Frame, key: str, value: Json, place: Place) -> None:
        merges = bool(frame.merges) and frame.merges[-1] is None
        if merges:
            frame.merges.pop()
            sources = value if isinstance(value, list) else [value]
            if all(isinstance(source, dict) for source in sources):
                frame.merges.extend(sources)
            else:
                self.flaw("merge-key", "a merge key `<<` takes a mapping or a list of mappings", place)
        else:
            frame.container[key] = value
            frame.marks[key] = (frame.key_place or place, place)
        frame.key = None
