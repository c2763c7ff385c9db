"""Text → a tree that knows from where to where each value stands, so that a value can be changed and no other."""

from __future__ import annotations

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]  # typeshed does not list it; the json package itself imports it
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

from syncer.manifests.events import StumbledError, exact_events, fast_events

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncer.manifests.problems import Place

_JSON_TOKEN: Final = re.compile(r"[ \t\n\r]*([{}\[\]:,\"]|[^ \t\n\r{}\[\]:,\"]+)")


class Node(Struct):
    """A value: its source is `source[start:end]`. `quote` is a scalar's first sign: `'`, `"`, `|`, `>` or none.

    `children` holds the key's node and the value's by key, or by index with the item twice. `column` counts from 0.
    """

    kind: str
    start: int
    end: int
    column: int = 0
    flow: bool = True
    quote: str = ""
    text: str = ""
    children: dict[str | int, tuple[Node, Node]] = field(default_factory=dict)


class Tree(Struct, frozen=True):
    """The documents of a text by the place (line, column) at which each begins. `is_json`: JSON all through."""

    roots: dict[tuple[int, int], Node]
    is_json: bool = False

    def root(self, start: Place) -> Node:
        """Give the document that begins at a place."""
        return next(iter(self.roots.values())) if self.is_json else self.roots[start]


def tree(text: str, *, may_be_json: bool) -> Tree:
    """Find out where everything stands. The text is known to be readable."""
    if may_be_json and _is_json(text):
        return Tree({(1, 1): _json_node(text, [0])}, is_json=True)
    try:
        return Tree(_yaml_nodes(text, fast_events(text)))
    except StumbledError:
        return Tree(_yaml_nodes(text, exact_events(text)))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _yaml_nodes(text: str, events: Iterable[Any]) -> dict[tuple[int, int], Node]:
    roots: dict[tuple[int, int], Node] = {}
    stack: list[tuple[Node, list[Node]]] = []
    for event in events:
        name = type(event).__name__
        if name in {"MappingEndEvent", "SequenceEndEvent"}:
            node, parts = stack.pop()
            _fill(node, parts)
            node.end = event.end_mark.index if node.flow else parts[-1].end
        elif name in {"ScalarEvent", "AliasEvent", "MappingStartEvent", "SequenceStartEvent"}:
            node, parts = _of_event(name, event, text), []
            if stack:
                stack[-1][1].append(node)
            else:
                roots[event.start_mark.line + 1, event.start_mark.column + 1] = node
            if name.endswith("StartEvent"):
                stack.append((node, parts))
    return roots


def _of_event(name: str, event: Any, source: str) -> Node:  # noqa: ANN401 - an event of either library
    start, end = event.start_mark, event.end_mark.index
    is_scalar = name == "ScalarEvent"
    quote = (event.style or "") if is_scalar else ""
    if quote in {"|", ">"}:
        end = len(source[:end].rstrip(" \t\r\n"))  # the mark stands behind the empty lines that follow
    flow = is_scalar or name == "AliasEvent" or bool(event.flow_style)
    kind = name.removesuffix("Event").removesuffix("Start")
    return Node(kind, start.index, end, start.column, flow, quote, event.value if is_scalar else "")


def _fill(node: Node, parts: list[Node]) -> None:
    """Hand a container its children."""
    if node.kind == "Sequence":
        node.children = {index: (part, part) for index, part in enumerate(parts)}
    else:
        node.children = {key.text: (key, value) for key, value in zip(parts[::2], parts[1::2], strict=True)}


def _json_node(text: str, at: list[int]) -> Node:
    """Read one value; `at` is the offset, moved on."""
    sign, start = _token(text, at)
    if sign == '"':
        value, at[0] = scanstring(text, start + 1, True)  # noqa: FBT003 - positional only
        return Node("Scalar", start, at[0], quote='"', text=value)
    if sign not in {"{", "["}:
        return Node("Scalar", start, at[0], text=sign)
    node = Node("Mapping" if sign == "{" else "Sequence", start, start)
    parts = list[Node]()
    while True:
        before = at[0]
        sign, _ = _token(text, at)
        if sign in {"}", "]"}:
            break
        if sign not in {",", ":"}:
            at[0] = before
            parts.append(_json_node(text, at))
    _fill(node, parts)
    node.end = at[0]
    return node


def _token(text: str, at: list[int]) -> tuple[str, int]:
    match = _JSON_TOKEN.match(text, at[0])
    if match is None:
        raise ValueError(text[at[0] : at[0] + 1])
    at[0] = match.end()
    return match[1], match.start(1)
