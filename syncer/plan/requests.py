"""The exact requests of a change. What stands here is what is sent, and nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from syncer import imagestreamtag
from syncer.diff import patch
from syncer.imagestreamtag import LAST_APPLIED, OWNER, annotation_path
from syncer.model import Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from syncer.model import Desired, FieldChange, Json, Live, ObjectKey

FROM: Final = "/tag/from"
GENERATION: Final = "/tag/generation"
IMPORT_MODE: Final = "/tag/importPolicy/importMode"
REIMPORTING: Final = frozenset({FROM, "/tag/reference", IMPORT_MODE})
"""A change of these gives a tag a new generation, and so perhaps another image (fact 11)."""
JSON: Final = "application/json"
JSON_PATCH: Final = "application/json-patch+json"


def own_annotations(owner: str, desired: Desired) -> dict[str, str]:
    """Give the marks that a sync leaves on a tag: whose it is, and what was applied."""
    return {
        OWNER: imagestreamtag.owner_mark(owner, desired.key),
        LAST_APPLIED: imagestreamtag.record(desired.fields),
    }


def create_request(owner: str, desired: Desired) -> Request:
    """Build the POST of a tag that has no spec yet."""
    prefix = annotation_path("")
    annotations = {
        imagestreamtag.unescape(path.removeprefix(prefix)): value
        for path, value in desired.fields.items()
        if path.startswith(prefix)
    }
    annotations |= own_annotations(owner, desired)
    body = imagestreamtag.new_object(desired.key, desired.fields, annotations)
    return Request("POST", imagestreamtag.tags_path(desired.key.namespace), JSON, body)


def update_requests(
    live: Live, fields: Iterable[FieldChange], marks: Mapping[str, str], *, refollow: bool, reimport: bool
) -> tuple[Request, ...]:
    """Build the guarded JSON patches that set the fields and the marks; PATCH is an upsert (fact 3).

    `refollow` makes a follower in another stream take the image that its tag has now, and keeps its history: importMode
    goes to the other value and back (fact 10). `reimport` asks for the image of a `DockerImage` tag again (fact 11).
    """
    document = imagestreamtag.document_of(live)
    values = {change.path: change.desired for change in fields}
    guards = [FROM, *values, annotation_path(OWNER)]
    values |= {annotation_path(name): value for name, value in marks.items() if live.annotations.get(name) != value}
    if reimport:
        values[GENERATION] = 0
        guards.append(GENERATION)  # else it would ask for another import each time that it is sent
    if not refollow:
        return (_patch_request(live.key, document, values, guards),)
    mode = imagestreamtag.live_fields(live).get(IMPORT_MODE, imagestreamtag.DEFAULTS[IMPORT_MODE])
    other = "PreserveOriginal" if mode == "Legacy" else "Legacy"
    recorded = annotation_path(LAST_APPLIED)
    between = imagestreamtag.record(imagestreamtag.recorded_fields(marks[LAST_APPLIED]) | {IMPORT_MODE: mode})
    away = _patch_request(live.key, document, values | {IMPORT_MODE: other, recorded: between}, [*guards, IMPORT_MODE])
    back = [
        {"op": "test", "path": IMPORT_MODE, "value": other},
        {"op": "replace", "path": IMPORT_MODE, "value": mode},
        {"op": "replace", "path": recorded, "value": marks[LAST_APPLIED]},
    ]
    return (away, Request("PATCH", imagestreamtag.tag_path(live.key), JSON_PATCH, back))


def only_refollows(sent: Sequence[Request], live: Live) -> bool:
    """Whether the requests of an update leave a tag as it is, but for the image that it takes."""
    own = {annotation_path(name): live.annotations.get(name) for name in (OWNER, LAST_APPLIED)}
    final = {op["path"]: op["value"] for request in sent for op in request.body if op["op"] in {"add", "replace"}}
    return len(sent) > 1 and all(path == IMPORT_MODE or own.get(path) == value for path, value in final.items())


def mark_request(live: Live, marks: Mapping[str, str]) -> Request:
    """Build the guarded JSON patch that sets marks and nothing else."""
    values = {annotation_path(name): value for name, value in marks.items()}
    return _patch_request(live.key, imagestreamtag.document_of(live), values, [FROM, annotation_path(OWNER)])


def prune_request(live: Live) -> Request:
    """Build the DELETE of a tag; the stream's uid goes along as a precondition (fact 8)."""
    body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": live.uid}}
    return Request("DELETE", imagestreamtag.tag_path(live.key), JSON, body)


def sets(requests: Iterable[Request], path: str) -> bool:
    """Whether one of the patches among requests writes a path, not only tests it."""
    patches = (request.body for request in requests if request.method == "PATCH")
    return any(op["path"] == path and op["op"] != "test" for body in patches for op in body)


def _patch_request(key: ObjectKey, document: Json, values: Mapping[str, Json], guards: Iterable[str]) -> Request:
    return Request("PATCH", imagestreamtag.tag_path(key), JSON_PATCH, patch(document, values, guards))
