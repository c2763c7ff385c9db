"""Applies patches as the server does, its own quirks included: JSON patch, merge patch, strategic merge patch.

The quirks of JSON patch (fact 7): `test` of null holds for a key that is absent; `replace` of a key that is absent
adds it; negative indices count from the end; a patch that cannot be applied is one 422 without any word on why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncer.localapi import statuses
from syncer.localapi.decoding import NotJson, parse_json, parse_yaml
from syncer.localapi.schema import Pairs
from syncer.localapi.values import Doc, clone

if TYPE_CHECKING:
    from collections.abc import Callable

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
PATCH_TYPES = (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH)

_MOST_OPERATIONS = 10_000
_MERGE_KEYS = {
    ("spec", "tags"): "name",
    ("status", "tags"): "tag",
    ("metadata", "ownerReferences"): "uid",
    ("image", "signatures"): "name",
    ("image", "metadata", "ownerReferences"): "uid",
}
_SETS = {("metadata", "finalizers")}


class _CannotApply(Exception):  # noqa: N818 - every cause looks the same to the client
    pass


def load_patch(text: bytes, media_type: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return the patch of a request's body. Raises 400."""
    prefix = "error decoding YAML: " if media_type == APPLY_PATCH else "error decoding patch: "
    prefix = "" if media_type == STRATEGIC_PATCH else prefix
    try:
        patch = parse_yaml(text) if media_type == APPLY_PATCH else parse_json(text)
    except NotJson as error:
        raise statuses.bad_request(f"{prefix}{error}") from error
    wanted, go_type = (
        (list, "[]handlers.jsonPatchOp") if media_type == JSON_PATCH else (dict, "map[string]interface {}")
    )
    if patch is not None and not isinstance(patch, wanted):
        got = {list: "array", str: "string", bool: "bool", int: "number", float: "number"}.get(type(patch), "object")
        raise statuses.bad_request(f"{prefix}json: cannot unmarshal {got} into Go value of type {go_type}")
    if media_type == JSON_PATCH:
        return _checked_operations(patch if isinstance(patch, list) else [], prefix)
    return patch or {}


def _checked_operations(patch: list[Any], prefix: str) -> list[Any]:
    if len(patch) > _MOST_OPERATIONS:
        message = f"The allowed maximum operations in a JSON patch is {_MOST_OPERATIONS}, got {len(patch)}"
        raise statuses.StatusError(413, "RequestEntityTooLarge", f"Request entity too large: {message}")
    names = {
        list: "array",
        str: "string",
        bool: "bool",
        int: "number",
        float: "number",
        dict: "object",
        Pairs: "object",
    }
    for operation in patch:
        if not isinstance(operation, dict | None):
            got = names[type(operation)]
            raise statuses.bad_request(
                f"{prefix}json: cannot unmarshal {got} into Go value of type handlers.jsonPatchOp"
            )
        for key in ("op", "path", "from"):
            value = (operation or {}).get(key)
            if not isinstance(value, str | None):
                got = names[type(value)]
                where = f"Go struct field jsonPatchOp.{key}"
                raise statuses.bad_request(f"{prefix}json: cannot unmarshal {got} into {where} of type string")
    return patch


def strict_errors(patch: Any, media_type: str) -> list[str]:  # noqa: ANN401 - any JSON value
    """Return what strict decoding finds in the patch itself: fields that are no part of an operation, duplicates."""
    if media_type != JSON_PATCH:
        return [f'duplicate field "{path}"' for path in _duplicates(patch, "")]
    found = []
    for index, operation in enumerate(patch):
        unknown = [key for key in operation or () if key not in ("op", "path", "from", "value")]
        found += [f'json patch unknown field "[{index}].{key}"' for key in unknown]
        found += [f'json patch duplicate field "[{index}].{path}"' for path in _duplicates(operation, "")]
    return found


def _duplicates(value: Any, path: str) -> list[str]:  # noqa: ANN401 - any JSON value
    found: list[str] = []
    if isinstance(value, Pairs):
        found += [f"{path}{key}" for key in value.duplicates]
    if isinstance(value, dict):
        for key, item in value.items():
            found += _duplicates(item, f"{path}{key}.")
    return found


def apply_patch(doc: Doc, patch: Any, media_type: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return the patched document; `doc` is left alone. Raises 422 for a JSON patch that cannot be applied."""
    if media_type == JSON_PATCH:
        try:
            return apply_json_patch(doc, patch)
        except _CannotApply as error:
            raise statuses.unprocessable() from error
    if media_type == MERGE_PATCH:
        return merge(doc, patch)
    return strategic_merge(doc, patch)


def apply_json_patch(doc: Doc, patch: list[Any]) -> Any:  # noqa: ANN401 - any JSON value
    """Return the document after all operations."""
    root: list[Any] = [clone(doc)]
    for operation in patch:
        action = _ACTIONS.get((operation or {}).get("op") or "")
        path = (operation or {}).get("path")
        if action is None or path is None:
            raise _CannotApply
        action(root, path, operation)
    return root[0]


def _find(root: list[Any], path: str) -> tuple[Any, str]:
    """Return the container that a path ends in, and the key in it."""
    parts = path.split("/")
    if len(parts) < 2:  # noqa: PLR2004 - no slash at all
        raise _CannotApply
    at = root[0]
    for part in parts[1:-1]:
        at = _get(at, _unescape(part))
        if not isinstance(at, dict | list):
            raise _CannotApply
    return at, _unescape(parts[-1])


def _unescape(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")


def _index(key: str, length: int) -> int:
    try:
        index = int(key)
    except ValueError as error:
        raise _CannotApply from error
    if not -length <= index < length:
        raise _CannotApply
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
            raise _CannotApply
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
            raise _CannotApply
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
        raise _CannotApply


def _same(one: Any, other: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Tell whether two JSON values are equal; to Go, true is no 1, and a key that is null is not one that is absent."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and bool(one == other)


_ACTIONS: dict[str, Callable[[list[Any], str, Doc], None]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}


def merge(doc: Any, patch: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a document after a merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(doc) if isinstance(doc, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def strategic_merge(doc: Any, patch: Any, path: tuple[str, ...] = ()) -> Any:  # noqa: ANN401 - any JSON value
    """Return a document after a strategic merge patch: lists with a merge key are merged item by item."""
    if isinstance(patch, list):
        return _merge_list(doc if isinstance(doc, list) else [], patch, path)
    if not isinstance(patch, dict):
        return patch
    directive = patch.get("$patch")
    patch = {key: value for key, value in patch.items() if not key.startswith("$")}
    if directive == "delete":
        return {}
    result = dict(doc) if isinstance(doc, dict) and directive != "replace" else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = strategic_merge(result.get(key), value, (*path, key))
    return result


def _merge_list(present: list[Any], patch: list[Any], path: tuple[str, ...]) -> list[Any]:
    if path in _SETS:
        return [*present, *(item for item in patch if item not in present)]
    merge_key = _MERGE_KEYS.get(path)
    if merge_key is None or not all(isinstance(item, dict) for item in patch):
        return patch
    if any(item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if "$patch" not in item]
    result = list(present)
    for item in patch:
        index = next((i for i, old in enumerate(result) if old.get(merge_key) == item.get(merge_key)), None)
        if item.get("$patch") == "delete":
            if index is not None:
                del result[index]
        elif index is None:
            result.append(item)
        else:
            result[index] = strategic_merge(result[index], item)
    return result
