r"""Applies JSON patches as the server's library does, its quirks included (fact 7).

`test` of null holds for a key that is absent; `replace` of a key that is absent adds it; negative indices count from
the end; and `test` compares texts as they are written: `"\u00e4"` is not `"ä"`, and `"&"` is not `"\u0026"`, which is
how Go writes it. Source: evanphx/json-patch v4, `lazyNode.equal`.
"""

from __future__ import annotations

import json
from json.decoder import scanstring  # type: ignore[attr-defined]
from json.scanner import py_make_scanner  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

from syncer.localapi.decoding import NotJson
from syncer.localapi.schema import pairs_hook
from syncer.localapi.values import Doc, clone

if TYPE_CHECKING:
    from collections.abc import Callable

_ESCAPED_BY_GO = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


class CannotApply(Exception):  # noqa: N818 - every cause looks the same to the client
    """An operation does not fit the document."""


class _Written(str):
    """A text that remembers how it stands in the JSON, between its quotes."""

    __slots__ = ("source",)
    source: str


class _Decoder(json.JSONDecoder):
    """Gives every text as `_Written`; the decoder in C leaves no room for that."""

    def __init__(self) -> None:
        super().__init__(object_pairs_hook=pairs_hook)
        self.parse_string = _written
        self.scan_once = py_make_scanner(self)


def _written(text: str, begin: int, strict: bool = True) -> tuple[str, int]:  # noqa: FBT001, FBT002 - as scanstring
    value, end = scanstring(text, begin, strict)
    result = _Written(value)
    result.source = text[begin : end - 1]
    return result, end


def written(text: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value of a JSON text, its texts able to tell how they were written. Raises `NotJson`."""
    try:
        return _Decoder().decode(text.decode(json.detect_encoding(text), "surrogatepass"))
    except RecursionError as error:
        raise NotJson("exceeded max depth") from error


def apply_json_patch(doc: Doc, patch: list[Any]) -> Any:  # noqa: ANN401 - any JSON value
    """Return the document after all operations."""
    root: list[Any] = [clone(doc)]
    for operation in patch:
        name, path, source = ((operation or {}).get(key) for key in ("op", "path", "from"))
        action = _ACTIONS.get(name) if isinstance(name, str) else None
        if action is None or not isinstance(path, str) or not isinstance(source, str | None):
            raise CannotApply
        action(root, path, operation)
    return _plain(root[0])


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a value whose texts are texts and nothing more."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def _find(root: list[Any], path: str) -> tuple[Any, str]:
    """Return the container that a path ends in, and the key in it."""
    parts = path.split("/")
    if len(parts) < 2:  # noqa: PLR2004 - no slash at all
        raise CannotApply
    at = root[0]
    for part in parts[1:-1]:
        at = _get(at, _unescape(part))
        if not isinstance(at, dict | list):
            raise CannotApply
    return at, _unescape(parts[-1])


def _unescape(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")


def _index(key: str, length: int) -> int:
    try:
        index = int(key)
    except ValueError as error:
        raise CannotApply from error
    if not -length <= index < length:
        raise CannotApply
    return index % length


def _get(container: Any, key: str) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(container, dict):
        return container.get(key)
    return container[_index(key, len(container))]


def _put(container: Any, key: str, value: Any) -> None:  # noqa: ANN401 - any JSON value
    if isinstance(container, dict):
        container[key] = value
    elif key == "-":
        container.append(value)
    else:
        container.insert(_index(key, len(container) + 1), value)


def _drop(container: Any, key: str) -> None:  # noqa: ANN401 - any JSON value
    if isinstance(container, dict):
        if key not in container:
            raise CannotApply
        del container[key]
    else:
        del container[_index(key, len(container))]


def _add(root: list[Any], path: str, operation: Doc) -> None:
    _put(*_find(root, path), clone(operation.get("value")))


def _remove(root: list[Any], path: str, _operation: Doc) -> None:
    _drop(*_find(root, path))


def _replace(root: list[Any], path: str, operation: Doc) -> None:
    value = clone(operation.get("value"))
    if not path:
        if not isinstance(value, dict | list):
            raise CannotApply
        root[0] = value
        return
    container, key = _find(root, path)
    if isinstance(container, dict):
        container[key] = value
    else:
        container[_index(key, len(container))] = value


def _move(root: list[Any], path: str, operation: Doc) -> None:
    source, key = _find(root, operation.get("from") or "")
    value = _get(source, key)
    _drop(source, key)
    _put(*_find(root, path), value)


def _copy(root: list[Any], path: str, operation: Doc) -> None:
    value = clone(_get(*_find(root, operation.get("from") or "")))
    _put(*_find(root, path), value)


def _test(root: list[Any], path: str, operation: Doc) -> None:
    present = _get(*_find(root, path)) if path else root[0]
    if not _same(present, operation.get("value")):
        raise CannotApply


def _same(one: Any, other: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Tell whether two JSON values are equal; to Go, true is no 1, and a key that is null is not one that is absent."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, str) and isinstance(other, str):
        return _source(one) == _source(other)
    return type(one) is type(other) and bool(one == other)


def _source(text: str) -> str:
    """Return how a text is written: by the client, or, where it comes from the stored object, by Go's encoder."""
    if isinstance(text, _Written):
        return text.source
    return json.dumps(text, ensure_ascii=False)[1:-1].translate(_ESCAPED_BY_GO)


_ACTIONS: dict[str, Callable[[list[Any], str, Doc], None]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
