"""Changes what a manifest says of a tag, and leaves every other byte of its file as it is.

The text is edited by position: comments, order, quotes, indentation and line ends of what does not change are never
written anew. One difference a tag is mended at a time, and the text is read again, until none is left.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from syncer.imagestreamtag import DEFAULTS, MANAGED, OWN_ANNOTATIONS, annotation_path, unescape
from syncer.manifests import described, parse_manifests
from syncer.manifests.nodes import tree
from syncer.manifests.writing import STEP, block, flow, literal, ordered, quoted, scalar, significant
from syncer.model import Blob

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from syncer.manifests.document import Path
    from syncer.manifests.nodes import Node, Tree
    from syncer.manifests.objects import Found
    from syncer.model import Json, ObjectKey

_MARK: Final = b"\xef\xbb\xbf"
_MOST_ROUNDS: Final = 1000
"""Differences of one tag; each annotation is one."""
_WORD: Final = re.compile(r"(?:([ \t]+)#[ \t]*\S*)?[ \t]*")
"""What may stand behind a value and give way to a comment: nothing, or a comment of one word."""
_BREAK: Final = re.compile("\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class _Difference:
    """A value that is to be set at a path of a document, or (None) removed."""

    path: Path
    value: Json


@dataclass(frozen=True, slots=True)
class _Edit:
    """A piece of a text, and what takes its place."""

    start: int
    end: int
    text: str


def edited(blob: Blob, wanted: Mapping[ObjectKey, Mapping[str, Json]], *, default_namespace: str = "") -> bytes | None:
    """Give the bytes of a file in which each wanted tag, described there, has these fields, and all else is as it was.

    None where that cannot be done, such as for a value that several tags share by a YAML alias.
    """
    data = blob.data
    for _ in range(_MOST_ROUNDS):
        step = _round(Blob(blob.path, data), wanted, default_namespace)
        if step is None or step == data:
            break
        data = step
    return data if _is_as_wanted(blob, Blob(blob.path, data), wanted, default_namespace) else None


def _is_as_wanted(
    before: Blob, after: Blob, wanted: Mapping[ObjectKey, Mapping[str, Json]], default_namespace: str
) -> bool:
    was = parse_manifests([before], default_namespace=default_namespace)
    now = parse_manifests([after], default_namespace=default_namespace)
    expected = {key: significant(desired.fields) for key, desired in was.desired.items()}
    expected |= {key: significant(fields) for key, fields in wanted.items()}
    found = {key: significant(desired.fields) for key, desired in now.desired.items()}
    return now.parsed and found == expected and now.ignored == was.ignored


def _round(blob: Blob, wanted: Mapping[ObjectKey, Mapping[str, Json]], default_namespace: str) -> bytes | None:
    """Mend the first difference of each tag; None where something cannot be mended."""
    found = {one.desired.key: one for one in described(blob, default_namespace=default_namespace)}
    differences = [
        (found[key], _first_difference(found[key], fields)) for key, fields in wanted.items() if key in found
    ]
    if len(differences) < len(wanted) or not any(difference for _, difference in differences):
        return None
    mark, source, whole = _opened(blob)
    editor = _Editor(source, whole.is_json)
    edits = [
        editor.edit(whole.root(one.name.document.start), difference) for one, difference in differences if difference
    ]
    return mark + _changed(source, edits)


def _opened(blob: Blob) -> tuple[bytes, str, Tree]:
    """Give the byte order mark of a file, if it has one, its text, and where everything stands in it."""
    mark, text = (_MARK, blob.data[len(_MARK) :]) if blob.data.startswith(_MARK) else (b"", blob.data)
    source = text.decode("utf-8")
    may_be_json = blob.path.lower().endswith(".json") or source.lstrip().startswith("{")
    return mark, source, tree(source, may_be_json=may_be_json)


def _changed(source: str, edits: Iterable[_Edit]) -> bytes:
    pieces, at = list[str](), 0
    for edit in sorted(edits, key=lambda edit: edit.start):
        pieces += [source[at : edit.start], edit.text]
        at = edit.end
    return "".join([*pieces, source[at:]]).encode("utf-8", "surrogatepass")


# ----------------------------------------------------------------------------------------------------- comments


def commented(blob: Blob, words: Mapping[ObjectKey, str], *, default_namespace: str = "") -> bytes:
    """Give the bytes of a file in which a comment behind the image of each tag says what it was called.

    A comment of one word that stands there is replaced, and any other one stays. JSON has no comments, and a value with
    more behind it on its line gets none.
    """
    found = {one.desired.key: one for one in described(blob, default_namespace=default_namespace)}
    mark, source, whole = _opened(blob)
    if whole.is_json:
        return blob.data
    edits = (_comment(source, whole, found[key], word) for key, word in words.items() if key in found)
    data = mark + _changed(source, filter(None, edits))
    return data if _is_as_wanted(blob, Blob(blob.path, data), {}, default_namespace) else blob.data


def _comment(source: str, whole: Tree, found: Found, word: str) -> _Edit | None:
    node = whole.root(found.name.document.start)
    for step in (*found.stanza, "from", "name"):
        if step not in node.children:
            return None
        node = node.children[step][1]
    line = _BREAK.search(source, node.end)
    end = line.start() if line else len(source)
    rest = _WORD.fullmatch(source, node.end, end)
    return _Edit(node.end, end, f"{rest[1] or '  '}# {word}") if rest and node.quote not in {"|", ">"} else None


# ------------------------------------------------------------------------------------------------ what differs


def _first_difference(found: Found, wanted: Mapping[str, Json]) -> _Difference | None:
    return next(_differences(found, wanted), None)


def _differences(found: Found, wanted: Mapping[str, Json]) -> Iterator[_Difference]:
    """Find what a document says otherwise than is wanted, in the order in which it is mended."""
    wanted = significant(wanted)
    for pointer in MANAGED:
        path = (*found.stanza, *pointer.removeprefix("/tag/").split("/"))
        have, want = _value(found, path), wanted.get(pointer)
        if pointer == "/tag/from" and isinstance(have, dict) and isinstance(want, dict):
            yield from _of_mapping(path, {name: value for name, value in have.items() if value != ""}, ordered(want))
        elif (None if have in ("", DEFAULTS.get(pointer)) else have) != want:
            yield _Difference(path, want)
    prefix = annotation_path("")
    annotations = {unescape(p.removeprefix(prefix)): v for p, v in wanted.items() if p.startswith(prefix)}
    for place in _annotation_places(found):
        have = {name: value for name, value in (_value(found, place) or {}).items() if name not in OWN_ANNOTATIONS}
        yield from _of_mapping(place, have, annotations)


def _of_mapping(path: Path, have: Mapping[str, Json], want: Mapping[str, Json]) -> Iterator[_Difference]:
    for name in (*want, *(name for name in have if name not in want)):
        if have.get(name) != want.get(name):
            yield _Difference((*path, name), want.get(name))


def _annotation_places(found: Found) -> list[Path]:
    """Name the places where a tag has its annotations, and if it has none, the one where they belong."""
    of_object = found.stanza[-1] == "tag"
    places = [(*found.metadata, "annotations"), (*found.stanza, "annotations")] if of_object else []
    places = places or [(*found.stanza, "annotations")]
    return [place for place in places if _value(found, place)] or places[:1]


def _value(found: Found, path: Path) -> Json:
    value: Json = found.name.document.value
    for step in path:
        match value, step:
            case dict(), _:
                value = value.get(step)
            case list(), int():
                value = value[step]
            case _:
                return None
    return value


# -------------------------------------------------------------------------------------------------- how it is written


class _Editor:
    """Writes differences into one text, as the text around them is written."""

    def __init__(self, source: str, is_json: bool) -> None:  # noqa: FBT001 - private
        self._source = source
        self._json = is_json
        match = _BREAK.search(source)
        self._eol = match[0] if match else "\n"

    def edit(self, root: Node, difference: _Difference) -> _Edit:
        """Give the edit that sets or removes a value."""
        line = [root]
        for step in difference.path:
            if step not in line[-1].children:
                break
            line.append(line[-1].children[step][1])
        rest = difference.path[len(line) - 1 :]
        if difference.value is None:
            return _Edit(0, 0, "") if rest else self._remove(line, difference.path)
        value = difference.value
        for step in reversed(rest[1:]):
            value = {step: value}
        if not rest:
            return self._replace(line[-2], line[-1], value)
        if line[-1].kind == "Mapping":
            return self._insert(line, str(rest[0]), value)
        return self._replace(line[-2], line[-1], {rest[0]: value})

    def _replace(self, parent: Node, node: Node, value: Json) -> _Edit:
        if self._json:
            return _Edit(node.start, node.end, _json(value))
        space = " " if self._source[node.start - 1 : node.start] == ":" else ""
        if isinstance(value, str) and not parent.flow and node.quote not in {"'", '"'}:
            text = literal(value, parent.column + STEP, self._eol)
            if text is not None:
                return _Edit(node.start, node.end, space + text)
        return _Edit(node.start, node.end, space + flow(value, node.quote if node.quote in {"'", '"'} else ""))

    def _remove(self, line: list[Node], path: Path) -> _Edit:
        """Remove a key; a mapping that would be left empty goes as a whole, as far up as there is one."""
        depth = len(path)
        while depth > 1 and isinstance(path[depth - 2], str) and len(line[depth - 1].children) == 1:
            depth -= 1
        parent, step = line[depth - 1], path[depth - 1]
        key, value = parent.children[step]
        names = list(parent.children)
        at = names.index(step)
        following = parent.children[names[at + 1]][0] if at + 1 < len(names) else None
        start = self._line_start(key.start)
        if not parent.flow and not self._source[start : key.start].strip(" "):
            return _Edit(start, self._line_end(value.end, with_break=True), "")
        if following:
            comma = self._source.find(",", value.end) + 1
            has_comment = "#" in self._source[value.end : following.start]
            return _Edit(key.start, comma if has_comment else following.start, "")
        before = parent.children[names[at - 1]][1].end if at else key.start
        has_comment = "#" in self._source[before : key.start]  # it stays, and so does the comma, which YAML allows
        return _Edit(key.start if has_comment else before, value.end, "")

    def _insert(self, line: list[Node], key: str, value: Json) -> _Edit:
        mapping = line[-1]
        if not mapping.children:
            return _Edit(mapping.start + 1, mapping.end - 1, self._pair(key, value, ": "))
        last_key, last = list(mapping.children.values())[-1]
        if not mapping.flow:
            at = self._line_end(last.end)
            lines = block({key: value}, mapping.column, self._step(line))
            return _Edit(at, at, "".join(self._eol + text for text in lines))
        between = self._source[last_key.end : last.start] if self._json else ": "
        start = self._line_start(last_key.start)
        indent = self._source[start : last_key.start]
        if indent.strip() or start <= mapping.start:
            return _Edit(last.end, last.end, f", {self._pair(key, value, between)}")
        pair = self._pair(key, value, between, indent, self._closing_indent(mapping))
        return _Edit(last.end, last.end, f",{self._eol}{indent}{pair}")

    def _pair(self, key: str, value: Json, between: str, indent: str = "", outer: str = "") -> str:
        """Write a key and its value in flow style; in JSON with an indent, a mapping over several lines."""
        if not self._json:
            return f"{scalar(key)}: {flow(value)}"
        if not indent or not isinstance(value, dict):
            return f"{quoted(key, in_json=True)}{between}{_json(value)}"
        step = indent.removeprefix(outer)
        inner = [
            f"{indent}{step}{self._pair(name, one, between, indent + step, indent)}" for name, one in value.items()
        ]
        body = f",{self._eol}".join(inner)
        return f"{quoted(key, in_json=True)}{between}{{{self._eol}{body}{self._eol}{indent}}}"

    def _step(self, line: list[Node]) -> int:
        """Tell by how many columns blocks are indented here: as another child of the mapping, or the mapping itself."""
        mapping = line[-1]
        for _, child in mapping.children.values():
            if child.kind == "Mapping" and not child.flow and child.column > mapping.column:
                return child.column - mapping.column
        outer = line[-2] if len(line) > 1 else mapping
        return mapping.column - outer.column if outer.kind == "Mapping" and mapping.column > outer.column else STEP

    def _closing_indent(self, mapping: Node) -> str:
        start = self._line_start(mapping.end - 1)
        return self._source[start : mapping.end - 1] if not self._source[start : mapping.end - 1].strip() else ""

    def _line_start(self, at: int) -> int:
        return max(self._source.rfind("\n", 0, at), self._source.rfind("\r", 0, at)) + 1

    def _line_end(self, at: int, *, with_break: bool = False) -> int:
        match = _BREAK.search(self._source, at)
        return len(self._source) if match is None else match.end() if with_break else match.start()


def _json(value: Json) -> str:
    return quoted(value, in_json=True) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
