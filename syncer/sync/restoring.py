"""Puts back what a run changed or pruned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from syncer.apply import FOLLOWER_PATIENCE, Applier, Restorer, read_undo, undo_file
from syncer.cluster import ClusterWriter, read_live
from syncer.errors import ForbiddenError, UsageError
from syncer.events import nobody
from syncer.model import Prune, Report, SourceInfo, Target
from syncer.sync.run import Run, Stopwatch, no_lock
from syncer.sync.story import carry_through, way_back

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from syncer.cluster import Client
    from syncer.events import Tell
    from syncer.model import Live, ObjectKey, Plan
    from syncer.sync.run import Lock


@dataclass(frozen=True, slots=True)
class RestoreOptions:
    """What a restore is asked to do. `pin` puts back digests; `undo_file` is where its own way back is written."""

    undo: Path
    pin: bool = False
    dry_run: bool = False
    page_size: int = 500
    concurrency: int = 8
    wait: float = FOLLOWER_PATIENCE
    undo_file: Path | None = None


def restore(
    options: RestoreOptions,
    client: Client,
    *,
    lock: Lock = no_lock,
    stopped: Callable[[], bool] = bool,
    tell: Tell = nobody,
) -> Run:
    """Put back what a run changed or pruned, as its undo file says, where it has not moved since.

    The lock is the one of that run's owner; a dry run takes none.
    """
    watch = Stopwatch(tell)
    undo = read_undo(options.undo)
    server = client.connection.server
    if undo.entries and undo.server != server:
        raise UsageError(f"{options.undo} is of a run on {undo.server}, not on {server}", hint="give that cluster")
    with (no_lock if options.dry_run else lock)(undo.owner) as before_write:
        writer = ClusterWriter(client, before_write, stopped)
        streams = sorted({(entry.key.namespace, entry.key.stream) for entry in undo.entries})
        with watch.stage("live", len(streams)) as stage:
            read = (writer.read_stream(*place) or {} for place in stage.each(streams))
            live = {key: tag for tags in read for key, tag in tags.items()}
            stage.counts["tags"] = len(live)
        restorer = Restorer(undo, str(options.undo), options.pin)
        made = restorer.plan(live)
        if any(isinstance(change, Prune) for change in made.changes):
            made = restorer.plan({**_whole_namespaces(client, made, options), **live})
        source, target = SourceInfo(str(options.undo)), Target(server, client.connection.context)
        if options.dry_run:
            return Run(Report(source, target, made, restores=True, timings=watch.seconds))
        with undo_file(options.undo_file, made, source, server) as note:
            applier = Applier(writer, restorer.replan, options.wait, stopped, note)
            outcomes = carry_through(made, applier, watch, concurrency=options.concurrency, wait_for_imports=True)
    made = replace(made, problems=restorer.shortfalls(outcomes))
    report = Report(
        source,
        target,
        made,
        outcomes,
        applied=True,
        interrupted=stopped(),
        restores=True,
        undo_file=way_back(options.undo_file, made),
        timings=watch.seconds,
    )
    return Run(report)


def _whole_namespaces(client: Client, made: Plan, options: RestoreOptions) -> Mapping[ObjectKey, Live]:
    """List all tags of a plan's namespaces, for one in another stream may follow what is to be removed."""
    found = read_live(client, made.scope, page_size=options.page_size, concurrency=options.concurrency)
    for namespace, message in found.forbidden.items():
        raise ForbiddenError(
            message, hint=f"what is to be removed in {namespace} might be followed there; nothing was written"
        )
    return found.tags
