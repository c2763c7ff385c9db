"""The undo file: what every tag was like that a run is about to change. JSON lines, on disk before the first write.

The first line says whose run it was and how many lines follow; each other line holds one tag as it was (`before`, null
where there was none) and the fields that the run gives it (`after`, null where it prunes it). A line that a crash cut
off is passed over: the file is complete before the first write, so what a cut line tells of was never done.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from syncer import __version__, imagestreamtag
from syncer.errors import SyncerError
from syncer.model import Json, ObjectKey

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from syncer.model import Change, Plan, SourceInfo

FORMAT: Final = "1.0"


@dataclass(frozen=True, slots=True)
class Before:
    """A tag as it was: its spec as the stream had it (None: only a push made it), annotations, and digest."""

    spec: Mapping[str, Json] | None
    annotations: Mapping[str, str]
    digest: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag that a run was to write. `line` counts from 1 in the undo file."""

    key: ObjectKey
    before: Before | None
    after: Mapping[str, Json] | None
    line: int


@dataclass(frozen=True, slots=True)
class Undo:
    """An undo file that was read: whose run on which server, and its entries."""

    server: str
    owner: str
    entries: tuple[Entry, ...]


def write_undo(path: Path, plan: Plan, source: SourceInfo, server: str) -> None:
    """Put the undo file of a plan on disk, durably. Raises SyncerError; then nothing may be written to the cluster."""
    written = [change for change in plan.changes if change.requests]
    header = {
        "syncer_undo": FORMAT,
        "syncer_version": __version__,
        "server": server,
        "owner": plan.owner,
        "source": {"url": source.url, "commit": source.commit},
        "changes": len(written),
    }
    lines = [header, *map(_entry, written)]
    text = "".join(json.dumps(line, sort_keys=True, ensure_ascii=False) + "\n" for line in lines)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise SyncerError(
            f"the undo file {path} cannot be written ({error.strerror}); nothing was written to the cluster",
            hint="give another path: --undo-file PATH",
        ) from error


def read_undo(path: Path) -> Undo:
    """Read an undo file, whole or cut off anywhere by a crash. Raises SyncerError with file:line."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise SyncerError(f"{path} cannot be read: {error.strerror}") from error
    records = list(_records(path, lines))
    if not records:
        return Undo("", "", ())
    header = records[0]
    if header.get("syncer_undo") != FORMAT:
        raise SyncerError(f"{path}:1: this is no undo file of syncer, or one of another version")
    entries = (_read_entry(path, number, record) for number, record in enumerate(records[1:], 2))
    return Undo(str(header.get("server", "")), str(header.get("owner", "")), tuple(entries))


def _entry(change: Change) -> dict[str, Json]:
    live = change.live
    before = live and {"spec": live.spec, "annotations": dict(live.annotations), "digest": live.image.digest}
    return {
        "namespace": change.key.namespace,
        "name": change.key.name,
        "action": change.action,
        "before": before,
        "after": dict(change.desired.fields) if change.desired else None,
    }


def _records(path: Path, lines: list[bytes]) -> Iterator[dict[str, Json]]:
    """Parse line by line; the last one may have been cut off, for it has no line end."""
    for number, line in enumerate(lines[:-1], 1):
        try:
            record = json.loads(line)
        except ValueError as error:
            raise SyncerError(f"{path}:{number}: this line is no JSON: the file was changed") from error
        if not isinstance(record, dict):
            raise SyncerError(f"{path}:{number}: this line is no JSON object: the file was changed")
        yield record


def _read_entry(path: Path, number: int, record: dict[str, Json]) -> Entry:
    try:
        stream, _, tag = record["name"].partition(":")
        before, after = record["before"], record["after"]
        kept = before and Before(before["spec"], dict(before["annotations"]), before["digest"])
        if after is not None:
            imagestreamtag.manifest_of(after)
        return Entry(ObjectKey(record["namespace"], stream, tag), kept, after, number)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise SyncerError(f"{path}:{number}: this line lacks what an undo file holds: the file was changed") from error
