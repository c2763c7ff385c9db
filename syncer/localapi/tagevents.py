"""The history of images in `status.tags`: adding to it, and moving the tags of a stream that follow one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from syncer.localapi.values import Doc

if TYPE_CHECKING:
    from collections.abc import Mapping

History: TypeAlias = dict[str, Doc]
"""A tag's name to its entry `{tag, items, conditions}`; an item is an event `{created, dockerImageReference, ...}`."""


class NoSuchImage(Exception):  # noqa: N818 - it becomes a cause, the text is the server's
    """No image of the stream, or more than one, goes by this id."""


def latest(history: History, tag: str) -> Doc | None:
    """Return the newest event of a tag, the very object that is in the history, or None."""
    items = history.get(tag or "latest", {}).get("items")
    return items[0] if items else None


def add_event(history: History, tag: str, event: Doc) -> bool:
    """Put an event on top of a tag's history, merging it into the newest where it is the same; tell if that changed.

    A change clears the conditions of the tag, unless it is the first event.
    """
    entry = history.get(tag)
    if not entry or not entry["items"]:
        history[tag] = {"tag": tag, "items": [dict(event)]}
        return True
    previous = entry["items"][0]
    same_reference = previous["dockerImageReference"] == event["dockerImageReference"]
    same_image = previous["image"] == event["image"]
    if same_reference and same_image and previous["generation"] == event["generation"]:
        return False
    entry.pop("conditions", None)
    if same_reference or same_image:
        previous["image"] = event["image"]
        previous["dockerImageReference"] = event["dockerImageReference"]
        previous["generation"] = event["generation"]
    else:
        entry["items"].insert(0, dict(event))
    return True


def follow(stream: str, namespace: str, tags: Mapping[str, Doc], history: History, moved: str) -> None:
    """Move every tag of the stream that follows `moved` in the same stream to its newest image (fact 10)."""
    event = dict(history[moved]["items"][0])
    for name, tag in tags.items():
        source = tag.get("from")
        if not source or source.get("kind") != "ImageStreamTag":
            continue
        if source.get("namespace", namespace) != namespace:
            continue
        followed_stream, colon, followed = source.get("name", "").partition(":")
        if not colon:
            followed_stream, followed = stream, followed_stream
        if followed_stream == stream and (followed or "latest") == moved:
            add_event(history, name, event)


def follow_changes(stream: str, namespace: str, tags: Mapping[str, Doc], new: History, old: History | None) -> None:
    """Move the followers of every tag whose newest image is not the one in `old`."""
    for name in sorted(new):
        items = new[name]["items"]
        if not items:
            continue
        if old is not None:
            before = old.get(name, {}).get("items")
            if before and before[0] == items[0]:
                continue
        follow(stream, namespace, tags, new, name)


def find_image(history: History, wanted: str, now: str) -> Doc:
    """Return a new event for the image that goes by a digest, or the start of one. Raises `NoSuchImage`."""
    found: dict[str, Doc] = {}
    for entry in history.values():
        for item in entry["items"] or ():
            if _matches(item["image"], wanted):
                found[item["image"]] = item
    if not found:
        raise NoSuchImage(f'imagestreamimage.image.openshift.io "{wanted}" not found')
    if len(found) > 1:
        names = ", ".join(sorted(found))
        raise NoSuchImage(
            f'Operation cannot be fulfilled on imagestreamimage.image.openshift.io "{wanted}": '
            f'multiple images match the prefix "{wanted}": {names}'
        )
    (item,) = found.values()
    return {
        "created": now,
        "dockerImageReference": item["dockerImageReference"],
        "image": item["image"],
        "generation": 0,
    }


def _matches(image: str, wanted: str) -> bool:
    _, colon, value = image.partition(":")
    return (bool(colon) and value.startswith(wanted)) or image.startswith(wanted)
