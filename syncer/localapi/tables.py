"""Shows objects as the tables that `kubectl get` prints: NAME, IMAGE REFERENCE, UPDATED, ..."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from syncer.localapi import statuses
from syncer.localapi.values import Doc, seconds

_NAME = (
    "Name must be unique within a namespace. Is required when creating resources, although some resources may allow a "
    "client to request the generation of an appropriate name automatically. Name is primarily intended for creation "
    "idempotence and configuration definition. Cannot be updated. More info: "
    "https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names"
)
_TAGS_WIDTH = 40

Cells: TypeAlias = Callable[[Doc, float], list[object]]


def _column(name: str, description: str, priority: int = 0, form: str = "") -> Doc:
    return {"name": name, "type": "string", "format": form, "description": description, "priority": priority}


_REFERENCE = "dockerImageReference is the string that can be used to pull this image."
_REPOSITORY = (
    "dockerImageRepository represents the effective location this stream may be accessed at. May be empty until the "
    "server determines where the repository is located"
)
_TAG_COLUMNS = [
    _column("Name", _NAME, form="name"),
    _column("Image Reference", _REFERENCE),
    _column("Updated", "Last update time."),
    _column("Image Name", "image associated with the ImageStream and tag.", 1),
]
_STREAM_COLUMNS = [
    _column("Name", _NAME, form="name"),
    _column("Image Repository", _REPOSITORY),
    _column("Tags", "Human readable list of tags."),
    _column("Updated", "Last update time."),
]
_OTHER_COLUMNS = [_column("Name", _NAME, form="name"), _column("Created At", "When it was created.")]


def duration(elapsed: float) -> str:
    """Return how long something took in words: `4 seconds`, `About an hour`, `3 weeks`."""
    whole = int(elapsed)
    if whole < 1:
        return "Less than a second"
    if whole == 1:
        return "1 second"
    minutes, hours = whole // 60, int(elapsed / 3600 + 0.5)
    steps: list[tuple[bool, str]] = [
        (whole < 60, f"{whole} seconds"),  # noqa: PLR2004 - a clock's numbers
        (minutes == 1, "About a minute"),
        (minutes < 60, f"{minutes} minutes"),  # noqa: PLR2004
        (hours == 1, "About an hour"),
        (hours < 48, f"{hours} hours"),  # noqa: PLR2004
        (hours < 24 * 7 * 2, f"{hours // 24} days"),
        (hours < 24 * 30 * 2, f"{hours // 24 // 7} weeks"),
        (hours < 24 * 365 * 2, f"{hours // 24 // 30} months"),
    ]
    return next((words for fits, words in steps if fits), f"{hours // 24 // 365} years")


def _ago(stamp: str | None, now: float) -> str:
    return f"{duration(now - seconds(stamp))} ago" if stamp else ""


def _tag_cells(doc: Doc, now: float) -> list[object]:
    image = doc["image"]
    updated = _ago(doc["metadata"].get("creationTimestamp"), now)
    name = image["metadata"].get("name", "")
    return [doc["metadata"]["name"], image.get("dockerImageReference", ""), updated, name]


def _stream_cells(doc: Doc, now: float) -> list[object]:
    entries = doc["status"].get("tags") or []
    newest = max((entry["items"][0]["created"] for entry in entries if entry["items"]), default=None)
    repository = doc["spec"].get("dockerImageRepository") or doc["status"]["dockerImageRepository"]
    return [doc["metadata"]["name"], repository, tags_up_to(entries, _TAGS_WIDTH), _ago(newest, now)]


def _other_cells(doc: Doc, _now: float) -> list[object]:
    return [doc["metadata"]["name"], doc["metadata"].get("creationTimestamp")]


def tags_up_to(entries: list[Doc], width: int) -> str:
    """Return the names of tags, newest image first, as many as about fit, and how many more there are."""
    names = _newest_first(entries)
    shown, remaining = len(names), width
    for index, name in enumerate(names):
        remaining -= len(name) + 1
        if remaining >= 0:
            continue
        # One at least; and a little wider where the line would stay much too short without it.
        fits = width // 4 < remaining + len(name) and width // 4 >= -remaining
        if index and fits:
            continue
        shown = max(index, 1)
        break
    more = f" + {len(names) - shown} more..." if shown < len(names) else ""
    return ",".join(names[:shown]) + more


def _newest_first(entries: list[Doc]) -> list[str]:
    def created(entry: Doc) -> str:
        return str(entry["items"][0]["created"]) if entry["items"] else ""

    by_name = sorted(entries, key=lambda entry: str(entry["tag"]))
    return [entry["tag"] for entry in sorted(by_name, key=created, reverse=True)]


_KINDS: dict[str, tuple[list[Doc], Cells]] = {
    "ImageStreamTag": (_TAG_COLUMNS, _tag_cells),
    "ImageStream": (_STREAM_COLUMNS, _stream_cells),
}


def table(  # noqa: PLR0913, PLR0917 - what a table is of, and how it is to look
    kind: str, docs: list[Doc], metadata: Doc, include: str, now: float, api_version: str = "meta.k8s.io/v1"
) -> Doc:
    """Return the Table of objects of one kind; `include` is what each row carries: None, Metadata or Object.

    Raises 400 for another `include`.
    """
    if include not in ("", "None", "Metadata", "Object"):
        cause = statuses.invalid_value("includeObject", include, "must be 'Metadata', 'Object', 'None', or empty")
        raise statuses.bad_request(f"Unable to convert to Table as requested: includeObject: {cause.message}")
    columns, cells = _KINDS.get(kind, (_OTHER_COLUMNS, _other_cells))
    rows = [{"cells": cells(doc, now), "object": _row_object(doc, include, api_version)} for doc in docs]
    head = {"kind": "Table", "apiVersion": api_version, "metadata": metadata}
    return {**head, "columnDefinitions": columns, "rows": rows}


def _row_object(doc: Doc, include: str, api_version: str) -> Doc | None:
    if include == "None":
        return None
    return doc if include == "Object" else partial(doc, api_version)


def partial(doc: Doc, api_version: str = "meta.k8s.io/v1") -> Doc:
    """Return an object's metadata as a PartialObjectMetadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": api_version, "metadata": doc["metadata"]}
