"""The story of an export: read the folder, list live, decide what to write, write it; adopt it, if asked to."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from msgspec import structs

from syncer.errors import SourceError, UsageError
from syncer.imagestreamtag import LAST_APPLIED, OWNER, annotation_path
from syncer.manifests.checks import default_namespace
from syncer.manifests.exporting import export as decide
from syncer.model import Manifests, Problem, Severity, Source, SourceInfo, Target, Update
from syncer.plan.planner import problems_of
from syncer.report.exported import Exported
from syncer.source.writing import existing, write_file
from syncer.sync.run import Stopwatch, no_lock
from syncer.sync.story import Wanted, carry_out, list_live, prepare, readable, scope_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from syncer.cluster import Client
    from syncer.manifests.exporting import File
    from syncer.model import Change, LiveState
    from syncer.sync.run import Lock, Run
    from syncer.sync.story import Options

_MARKS: Final = frozenset({annotation_path(OWNER), annotation_path(LAST_APPLIED), "/metadata/annotations"})


def export(  # noqa: PLR0913 - as `sync`, and the folder
    options: Options,
    directory: Path,
    client: Client,
    stdin: BinaryIO,
    *,
    adopt: bool = False,
    lock: Lock = no_lock,
    stopped: Callable[[], bool] = bool,
) -> Exported:
    """Write what the cluster has into a folder of manifests, so that a plan of them shows nothing but adoption.

    With `adopt` the tags that the folder then says rightly get the marks of a sync, and nothing else. Raises
    ManifestError where a manifest that is there cannot be read: it might describe the tag.
    """
    watch = Stopwatch()
    wanted = _read(options, directory, stdin, watch)
    scope = scope_of(wanted.manifests, options.namespaces, all_namespaces=options.all_namespaces)
    if not (scope.all_namespaces or scope.namespaces):
        raise UsageError(
            f"no manifest in {directory} names a namespace", hint="say what to export: -n NAMESPACE, or -A"
        )
    if adopt and not (options.owner or wanted.source.owner):
        raise UsageError("the folder has no remote to name its owner after", hint="give --owner NAME")
    with (lock if adopt else no_lock)(wanted.owner) as before_write:
        live = list_live(options, client, scope, watch)
        folder, taken = wanted.source.info.path, existing(directory)
        decided = decide(
            wanted.manifests,
            wanted.source.blobs,
            live,
            scope,
            lambda path: _below(path, folder).casefold() in taken,
            folder=folder,
            default_namespace=default_namespace(options.namespaces),
        )
        with watch.stage("write"):
            unwritten = dict(_write(directory, folder, decided.files))
        again = _read(options, directory, stdin, watch)
        problems = (*decided.problems, *_unlisted(live), *unwritten.values(), *_unread(decided.files, again, unwritten))
        decided = dataclasses.replace(
            decided, files=tuple(file for file in decided.files if file.path not in unwritten), problems=problems
        )
        target = Target(client.connection.server, client.connection.context, live.listing)
        if not adopt:
            return Exported(str(directory), target, scope, decided)
        run = _adopt(options, client, again, watch, before_write, stopped)
        return Exported(str(directory), target, scope, decided, run.report, run.exit_code())


def _read(options: Options, directory: Path, stdin: BinaryIO, watch: Stopwatch) -> Wanted:
    if directory.is_dir():
        return readable(options, stdin, watch)
    if directory.exists() or "://" in options.source.location or options.source.location == "-":
        raise UsageError(f"{options.source.location} is no folder", hint="give a folder, which need not be there yet")
    return Wanted(Source(SourceInfo(str(directory)), ()), Manifests({}, ()), options.owner)


def _below(path: str, folder: str) -> str:
    return path.removeprefix(f"{folder}/") if folder else path


def _write(directory: Path, folder: str, files: tuple[File, ...]) -> Iterator[tuple[str, Problem]]:
    """Write each file; yields those that could not be written, and why."""
    for file in files:
        try:
            write_file(directory, _below(file.path, folder), file.data, before=file.before)
        except SourceError as error:
            yield file.path, Problem(Severity.ERROR, "not-written", error.message, error.hint, file.path)


def _unread(files: tuple[File, ...], again: Wanted, unwritten: Mapping[str, Problem]) -> Iterator[Problem]:
    """Find files that were written and that no plan will read."""
    read_now = {blob.path for blob in again.source.blobs}
    for file in files:
        if file.path not in read_now and file.path not in unwritten:
            message = f"{file.path} was written, and is left out by git or --exclude: no plan will see it"
            hint = "`git check-ignore -v` tells by which pattern"
            yield Problem(Severity.WARNING, "not-read", message, hint, file.path)


def _unlisted(live: LiveState) -> Iterator[Problem]:
    yield from problems_of((), live)
    for namespace in sorted(live.missing):
        message = f"namespace {namespace} does not exist"
        yield Problem(Severity.WARNING, "no-such-namespace", message, namespace=namespace)


def _adopt(  # noqa: PLR0913, PLR0917 - what a sync is made of
    options: Options,
    client: Client,
    wanted: Wanted,
    watch: Stopwatch,
    before_write: Callable[[], None],
    stopped: Callable[[], bool],
) -> Run:
    """Sync what differs by nothing but the marks. No gate counts such changes."""
    options = dataclasses.replace(options, prune=False, allow_dirty=True)
    prepared = prepare(options, client, wanted, watch)
    changes = tuple(change for change in prepared.plan.changes if not change.requests or _only_marks(change))
    plan = structs.replace(prepared.plan, changes=changes, gates=())
    prepared = dataclasses.replace(prepared, plan=plan)
    return carry_out(options, client, prepared, watch, before_write=before_write, stopped=stopped)


def _only_marks(change: Change) -> bool:
    """Tell whether a change writes the marks of a sync, and nothing else."""
    return isinstance(change, Update) and all(
        operation["op"] == "test" or operation["path"] in _MARKS
        for request in change.requests
        for operation in request.body
    )
