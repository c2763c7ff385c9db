"""The three-way diff of plain mappings into a JSON patch with causes. It knows nothing of Kubernetes.

A mapping has JSON pointers (RFC 6901) for keys; a path that is not in it is absent. `defaults` says what an absent path
means, so that absent and default are the same.
"""

from __future__ import annotations

import copy
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import jsonpatch

from syncer.model import Cause, FieldChange, Json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MISSING: Final = object()


def three_way(
    base: Mapping[str, Json] | None,
    live: Mapping[str, Json],
    desired: Mapping[str, Json],
    defaults: Mapping[str, Json],
) -> tuple[FieldChange, ...]:
    """List the managed paths where live is not as desired, in path order, each with who moved it.

    A path is managed if desired names it, or base did: what neither names is somebody else's. A path that only base
    names was removed and goes back to its default, or away. Without a base every difference is of cause `adopted`.
    """

    def value(fields: Mapping[str, Json], path: str) -> Json:
        return fields.get(path, defaults.get(path))

    # Most tags differ in nothing, so that this line is most of the work.
    differing = [path for path, want in desired.items() if live.get(path, defaults.get(path)) != want]
    differing += [path for path in base or () if path not in desired and value(live, path) != defaults.get(path)]
    changes = []
    for path in sorted(differing):
        was, have, want = value(base or {}, path), value(live, path), value(desired, path)
        if base is None:
            cause = Cause.ADOPTED
        elif have == was:
            cause = Cause.GIT
        else:
            cause = Cause.DRIFT if want == was else Cause.BOTH
        changes.append(FieldChange(path, cause, was, have, want))
    return tuple(changes)


def patch(document: Json, values: Mapping[str, Json], guards: Iterable[str]) -> list[dict[str, Json]]:
    """Write a JSON patch (RFC 6902) that sets each path of a document, or removes it where the value is None.

    It starts with a `test` of what stands at each guard, so that it applies only to what was seen. Absence is tested as
    null, which a Kubernetes API server takes for one level (fact 7); a path below an absent parent is guarded by the
    parent's absence.
    """
    tests: dict[str, Json] = {}
    for path in guards:
        place, value = _seen(document, path)
        tests.setdefault(place, value)
    operations = [{"op": "test", "path": path, "value": value} for path, value in tests.items()]
    result = copy.deepcopy(document)
    for path, value in values.items():
        operations += _set(result, path, value)
    return operations


def apply_patch(document: Json, operations: Iterable[Mapping[str, Json]]) -> Json:
    """Apply a JSON patch to a copy of a document, as a Kubernetes API server does.

    Raises ValueError where a test fails or an operation cannot be carried out.
    """
    try:
        return _ServerPatch(list(operations)).apply(document)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        raise ValueError(str(error)) from error


def _seen(document: Json, path: str) -> tuple[str, Json]:
    """Find what a test can ask for: the path and its value, or the outermost absent parent and null."""
    place, here = "", document
    for part in path.split("/")[1:]:
        place += f"/{part}"
        here = here.get(part.replace("~1", "/").replace("~0", "~"))
        if here is None:
            break
    return place, here


def _set(document: Json, path: str, value: Json) -> list[dict[str, Json]]:
    """Set one path of a document in place, and list the operations that do the same."""
    operations: list[dict[str, Json]] = []
    *outer, last = path.split("/")[1:]
    place, parent = "", document
    for part in outer:
        place += f"/{part}"
        key = part.replace("~1", "/").replace("~0", "~")
        if parent.get(key) is None:
            if value is None:
                return operations
            operations.append({"op": "add", "path": place, "value": {}})
            parent[key] = {}
        parent = parent[key]
    key = last.replace("~1", "/").replace("~0", "~")
    if value is not None:
        operations.append({"op": "replace" if key in parent else "add", "path": path, "value": value})
        parent[key] = value
    elif parent.pop(key, None) is not None:
        operations.append({"op": "remove", "path": path})
    return operations


class _ServerTest(jsonpatch.TestOperation):
    """A `test` of null that holds where the key is absent, as the Go library of API servers has it (fact 7)."""

    def apply(self, obj: Json) -> Json:
        if self.operation.get("value", MISSING) is None:
            parent, key = self.pointer.to_last(obj)
            if isinstance(parent, dict) and parent.get(key) is None:
                return obj
        return super().apply(obj)


class _ServerPatch(jsonpatch.JsonPatch):
    operations = MappingProxyType({**jsonpatch.JsonPatch.operations, "test": _ServerTest})
