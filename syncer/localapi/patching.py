"""Applies patches as the server does: JSON patch, merge patch, strategic merge patch.

A JSON patch that cannot be applied is one 422 without any word on why (fact 7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncer.localapi import statuses
from syncer.localapi.decoding import NotJson, parse_json, parse_yaml
from syncer.localapi.jsonpatch import CannotApply, apply_json_patch, written
from syncer.localapi.schema import Pairs

if TYPE_CHECKING:
    from syncer.localapi.values import Doc

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


def load_patch(text: bytes, media_type: str, *, lenient: bool = False) -> Any:  # noqa: ANN401 - any JSON value
    """Return the patch of a request's body. Raises 400. Where it is lenient, some nonsense shows only on applying."""
    prefix = "error decoding YAML: " if media_type == APPLY_PATCH else "error decoding patch: "
    prefix = "" if media_type == STRATEGIC_PATCH else prefix
    try:
        patch = parse_yaml(text) if media_type == APPLY_PATCH else parse_json(text)
        operations = written(text) if media_type == JSON_PATCH else None
    except NotJson as error:
        raise statuses.bad_request(f"{prefix}{error}") from error
    if patch is None and media_type == MERGE_PATCH:
        raise statuses.bad_request("Invalid JSON Patch")
    wanted, go_type = (
        (list, "[]handlers.jsonPatchOp") if media_type == JSON_PATCH else (dict, "map[string]interface {}")
    )
    if lenient and media_type == MERGE_PATCH and isinstance(patch, list):
        return patch
    if patch is not None and not isinstance(patch, wanted):
        got = {list: "array", str: "string", bool: "bool", int: "number", float: "number"}.get(type(patch), "object")
        raise statuses.bad_request(f"{prefix}json: cannot unmarshal {got} into Go value of type {go_type}")
    if media_type == JSON_PATCH:
        _check_operations(patch or [], prefix, lenient=lenient)
        return operations or []
    return patch or {}


def _check_operations(patch: Any, prefix: str, *, lenient: bool) -> None:  # noqa: ANN401 - a JSON list
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
            if not lenient and not isinstance(value, str | None):
                got = names[type(value)]
                where = f"Go struct field jsonPatchOp.{key}"
                raise statuses.bad_request(f"{prefix}json: cannot unmarshal {got} into {where} of type string")


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
        except CannotApply as error:
            raise statuses.unprocessable() from error
    if media_type == MERGE_PATCH:
        return merge(doc, patch)
    return strategic_merge(doc, patch)


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
    if directive not in (None, "delete", "replace", "merge"):
        raise statuses.plain_error(f"unknown patch type found: {directive}")
    if directive == "delete":
        return {}
    result = dict(doc) if isinstance(doc, dict) and directive != "replace" else {}
    patch = _without_directives(patch, result)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = strategic_merge(result.get(key), value, (*path, key))
    return result


def _without_directives(patch: dict[str, Any], present: dict[str, Any]) -> dict[str, Any]:
    """Return what is left of a patch once its directives were carried out on what it is for."""
    plain = {key: value for key, value in patch.items() if not key.startswith("$")}
    retained = patch.get("$retainKeys")
    if retained is not None:
        if not isinstance(retained, list):
            raise statuses.bad_request("invalid patch format of retainKeys")
        if plain.keys() - set(retained):
            raise statuses.unprocessable()
        for key in present.keys() - set(retained):
            del present[key]
    for key, value in patch.items():
        directive, _, field = key.partition("/")
        if directive == "$deleteFromPrimitiveList" and isinstance(value, list):
            present[field] = [item for item in present.get(field) or () if item not in value]
    return plain


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
