"""The undo file: what every tag was like that a run is about to change. JSON lines, on disk before the first write.

The first line says whose run it was and how many tags follow; then a line a tag holds it as it was (`before`, null
where there was none) and the fields that the run gives it (`after`, null where it prunes it). All that is on disk
before the first write. After each write a line says what came of it (`wrote`: yes, no, or unknown).

A crash may cut the file at any byte: a line without its end is passed over. A tag that was cut off was never written.
One whose outcome was cut off may have been: restore puts its old values back where it is as the run would have left
it, and does not delete it, for that is not proof that the run made it. Two runs of one owner send the same bytes.
"""

from __future__ import annotations

import dataclasses
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from threading import Lock
from typing import TYPE_CHECKING, Final

from syncer import __version__, imagestreamtag
from syncer.errors import SyncerError
from syncer.model import Import, ImportState, Json, Live, ObjectKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from syncer.model import Change, Outcome, Plan, SourceInfo, Wrote

FORMAT: Final = "1.0"


@dataclass(frozen=True, slots=True)
class Before:
    """A tag as it was: its spec as the stream had it (None: only a push made it), annotations, and digest."""

    spec: Mapping[str, Json] | None
    annotations: Mapping[str, str]
    digest: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag that a run was to write, and whether it did. `line` counts from 1 in the undo file."""

    key: ObjectKey
    before: Before | None
    after: Mapping[str, Json] | None
    line: int
    wrote: Wrote = "unknown"


@dataclass(frozen=True, slots=True)
class Undo:
    """An undo file that was read: whose run on which server, and its entries."""

    server: str
    owner: str
    entries: tuple[Entry, ...]


@contextmanager
def undo_file(path: Path | None, plan: Plan, source: SourceInfo, server: str) -> Iterator[Callable[[Outcome], None]]:
    """Keep the undo file of a plan while it is applied; gives what notes an outcome in it, by any thread.

    Raises SyncerError where it cannot be written; then nothing may be written to the cluster. No path, or nothing to
    write: no file.
    """
    if path is None or not any(change.requests for change in plan.changes):
        yield lambda _: None
        return
    with _written(path, plan, source, server) as file:
        yield _Outcomes(file).note


class _Outcomes:
    """Appends outcomes to an undo file. They are on disk when the system writes them there.

    Where a power cut, or a full disk, loses some, restore is more careful and not less: no reason to sync each of them,
    nor to end the run. Nothing follows what could not be written whole.
    """

    def __init__(self, file: FileIO) -> None:
        self._file: FileIO | None = file
        self._lock = Lock()

    def note(self, outcome: Outcome) -> None:
        line = _line({"namespace": outcome.key.namespace, "name": outcome.key.name, "wrote": outcome.wrote})
        with self._lock:
            try:
                whole = self._file is None or self._file.write(line) == len(line)
            except OSError:
                whole = False
            if not whole:
                self._file = None


def _written(path: Path, plan: Plan, source: SourceInfo, server: str) -> FileIO:
    """Write the lines of the tags, and give the file, open to append to."""
    written = [change for change in plan.changes if change.requests]
    header = {
        "syncer_undo": FORMAT,
        "syncer_version": __version__,
        "server": server,
        "owner": plan.owner,
        "source": {"url": source.url, "commit": source.commit},
        "changes": len(written),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("xb") as whole:
            whole.writelines(map(_line, [header, *map(_entry, written)]))
            whole.flush()
            os.fsync(whole.fileno())
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return FileIO(path, "a")
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
    entries: dict[ObjectKey, Entry] = {}
    for number, record in enumerate(records[1:], 2):
        entry = _read_entry(path, number, record, entries)
        entries[entry.key] = entry
    return Undo(str(header.get("server", "")), str(header.get("owner", "")), tuple(entries.values()))


def _line(record: dict[str, Json]) -> bytes:
    return json.dumps(record, sort_keys=True, ensure_ascii=False).encode() + b"\n"


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
            json.dumps(record, ensure_ascii=False).encode()  # half of a surrogate pair is no text
        except (ValueError, RecursionError) as error:
            raise SyncerError(f"{path}:{number}: this line is no JSON: the file was changed") from error
        if not isinstance(record, dict):
            raise SyncerError(f"{path}:{number}: this line is no JSON object: the file was changed")
        yield record


def _read_entry(path: Path, number: int, record: dict[str, Json], known: Mapping[ObjectKey, Entry]) -> Entry:
    """Read the line of a tag, or of what came of one."""
    try:
        stream, _, tag = record["name"].partition(":")
        key = ObjectKey(record["namespace"], stream, tag)
        if not (key.namespace.strip("./") and stream.strip("./") and tag.strip("./")):
            raise ValueError  # noqa: TRY301 - the handler below words it
        if "wrote" in record:
            wrote: Wrote = record["wrote"] if record["wrote"] in ("yes", "no") else "unknown"
            return dataclasses.replace(known[key], wrote=wrote)
        before, after = record["before"], record["after"]
        kept = None if before is None else Before(before["spec"], dict(before["annotations"]), before["digest"])
        imagestreamtag.manifest_of({} if after is None else after)
        if kept:
            live = Live(key, kept.spec, kept.annotations, "", "", Import(ImportState.NONE, kept.digest))
            imagestreamtag.check(live)
        return Entry(key, kept, after, number)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise SyncerError(f"{path}:{number}: this line lacks what an undo file holds: the file was changed") from error
