"""The story of a run, top to bottom: read git, list live, plan, pass the gates, apply, report."""

from __future__ import annotations

import dataclasses
import re
import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from syncer import imagestreamtag
from syncer.apply import FOLLOWER_PATIENCE, Applier, Restorer, apply_plan, follow_imports, read_undo, write_undo
from syncer.cluster import ClusterWriter, read_live, read_stream, server_version
from syncer.errors import (
    ClusterError,
    ForbiddenError,
    GateError,
    ManifestError,
    SourceError,
    StalePlanError,
    SyncerError,
    UsageError,
)
from syncer.manifests import parse_manifests
from syncer.model import ImportState, Problem, Report, Scope, Severity, Source, SourceInfo, Target
from syncer.plan import Planner, Policy, make_plan
from syncer.plan.saved import AGAIN
from syncer.plan.staleness import Exactly, gates_again, moved, unfit
from syncer.report.moves import stale_problems
from syncer.source import read_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import BinaryIO

    from syncer.cluster import Client
    from syncer.model import Import, Live, LiveState, Manifests, ObjectKey, Outcome, Plan
    from syncer.plan import Limit
    from syncer.plan.planner import OnDrift
    from syncer.plan.saved import Saved
    from syncer.source import SourceSpec

    Lock = Callable[[str], AbstractContextManager[Callable[[], None]]]
    """Takes the lock of an owner for as long as the context lasts; gives what raises ClusterError once it is lost."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is asked to do. `wait` is how long, in seconds, imports are waited for; None: only for followers."""

    source: SourceSpec
    namespaces: tuple[str, ...] = ()
    all_namespaces: bool = False
    owner: str = ""
    page_size: int = 500
    concurrency: int = 8
    prune: bool = True
    max_prune: Limit | None = None
    max_change: Limit | None = None
    on_drift: OnDrift = "revert"
    allow_empty: bool = False
    allow_dirty: bool = False
    adopt_pushed: bool = False
    take_from: str = ""
    wait: float | None = None
    retry_imports: bool = False
    import_failures: Literal["warn", "error"] = "warn"
    undo_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """What a run came to: the report, and the refusal where it stopped before its first write."""

    report: Report
    refusal: SyncerError | None = None
    import_failures: Literal["warn", "error"] = "warn"

    def exit_code(self, *, detailed: bool = False) -> int:
        """Give the exit code (design: 0, 1, 2, 3, 4)."""
        report = self.report
        if self.refusal:
            return self.refusal.exit_code
        if any(outcome.error for outcome in report.outcomes.values()):
            return 4
        if self.import_failures == "error" and any(image.state is ImportState.FAILED for image in _images(report)):
            return 4
        if any(problem.severity is Severity.ERROR for problem in report.plan.problems):
            return 4 if report.applied else 1
        changes = any(change.requests for change in report.plan.changes)
        return 2 if detailed and changes else 0


@dataclass(slots=True)
class Stopwatch:
    """Seconds by stage, for the report's `timings`."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = round(time.perf_counter() - began, 3)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What git says, and whose it is."""

    source: Source
    manifests: Manifests
    owner: str


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A plan and what it was made of, so that a tag can be planned again."""

    source: Source
    live: LiveState
    policy: Policy
    plan: Plan
    planner: Planner | Exactly


def no_lock(_owner: str) -> AbstractContextManager[Callable[[], None]]:
    """Let a run go on without a lock between runs."""
    return nullcontext(lambda: None)


def plan(options: Options, client: Client, stdin: BinaryIO) -> Run:
    """Report what a sync would do; send no write verb, ever."""
    watch = Stopwatch()
    prepared = _prepare(options, client, _read(options, stdin, watch), watch)
    return Run(_report(prepared, client, watch))


def sync(  # noqa: PLR0913 - the last four are the world's, and have names
    options: Options,
    client: Client,
    stdin: BinaryIO,
    *,
    lock: Lock = no_lock,
    stopped: Callable[[], bool] = bool,
    on_outcome: Callable[[Outcome], None] = lambda _: None,
    on_import: Callable[[int, int], None] = lambda _done, _all: None,
) -> Run:
    """Plan, pass the gates, and apply: the cluster's tags become what git says.

    Once `stopped` holds no new write begins. A refusal comes before the first write. The lock is held from before the
    live state is read, so that what was planned is still true when it is written.
    """
    watch = Stopwatch()
    wanted = _read(options, stdin, watch)
    with lock(wanted.owner) as before_write:
        prepared = _prepare(options, client, wanted, watch)
        return _carry_out(
            options,
            client,
            prepared,
            watch,
            before_write=before_write,
            stopped=stopped,
            on_outcome=on_outcome,
            on_import=on_import,
        )


def _carry_out(  # noqa: PLR0913 - what `sync` and `apply_saved` have in common, and come with
    options: Options,
    client: Client,
    prepared: _Prepared,
    watch: Stopwatch,
    *,
    before_write: Callable[[], None],
    stopped: Callable[[], bool],
    on_outcome: Callable[[Outcome], None],
    on_import: Callable[[int, int], None],
) -> Run:
    """Pass the gates, put the way back on disk, and apply."""
    refusal = _refusal(options, prepared)
    if refusal:
        return Run(_report(prepared, client, watch), refusal)
    if options.undo_file and any(change.requests for change in prepared.plan.changes):
        write_undo(options.undo_file, prepared.plan, prepared.source.info, client.connection.server)
    writer = ClusterWriter(client, before_write)
    patience = FOLLOWER_PATIENCE if options.wait is None else options.wait
    applier = Applier(writer, prepared.planner.change, patience, stopped)
    with watch.stage("apply"):
        outcomes = apply_plan(prepared.plan, applier, concurrency=options.concurrency, on_outcome=on_outcome)
    if options.wait is not None:
        with watch.stage("wait"):
            outcomes |= follow_imports(
                writer,
                outcomes.values(),
                options.wait,
                concurrency=options.concurrency,
                stopped=stopped,
                on_progress=on_import,
            )
    return Run(_report(prepared, client, watch, outcomes), import_failures=options.import_failures)


def apply_saved(  # noqa: PLR0913 - as `sync`, and the plan
    options: Options,
    saved: Saved,
    client: Client,
    *,
    lock: Lock = no_lock,
    stopped: Callable[[], bool] = bool,
    on_outcome: Callable[[Outcome], None] = lambda _: None,
    on_import: Callable[[int, int], None] = lambda _done, _all: None,
) -> Run:
    """Apply exactly a saved plan, or refuse where anything that it would touch has moved since.

    The whole scope is listed again, for the gates judge by what the owner has now, not by what a file says. Of the
    options those of the source, the scope and the policy count for nothing: the plan has them.
    """
    watch, server, made = Stopwatch(), client.connection.server, saved.plan
    if refusal := unfit(saved, server):
        return Run(Report(saved.source, saved.target, made), refusal)
    with lock(made.owner) as before_write:
        with watch.stage("live"):
            live = read_live(client, made.scope, page_size=options.page_size, concurrency=options.concurrency)
        for namespace, message in live.forbidden.items():
            raise ForbiddenError(message, hint=f"the plan lists {namespace}; nothing was written")
        moves = [move for change in made.changes for move in moved(change, live.tags.get(change.key))]
        made = dataclasses.replace(
            made,
            gates=gates_again(made, live, options.max_prune, options.max_change),
            problems=(*made.problems, *stale_problems(moves)),
        )
        policy = Policy(made.owner, made.scope)
        source = Source(saved.source, (), "" if made.owner == _fallback_owner(saved.source) else made.owner)
        prepared = _Prepared(source, live, policy, made, Exactly(made, Planner(policy, live, {})))
        if moves:
            tags = sorted({str(move.key) for move in moves})
            named = ", ".join(tags[:3]) + (", …" if len(tags) > 3 else "")  # noqa: PLR2004 - enough to look
            refusal = StalePlanError(f"the plan is stale, nothing was written; moved since: {named}", hint=AGAIN)
            return Run(_report(prepared, client, watch), refusal)
        return _carry_out(
            options,
            client,
            prepared,
            watch,
            before_write=before_write,
            stopped=stopped,
            on_outcome=on_outcome,
            on_import=on_import,
        )


def _fallback_owner(info: SourceInfo) -> str:
    """Name an owner where nothing else does; a plan can be looked at by it, and no sync started."""
    return f"local/{info.path or info.url}"


@dataclass(frozen=True, slots=True)
class RestoreOptions:
    """What a restore is asked to do. `pin` puts back digests; `undo_file` is where its own way back is written."""

    undo: Path
    pin: bool = False
    dry_run: bool = False
    concurrency: int = 8
    wait: float = FOLLOWER_PATIENCE
    undo_file: Path | None = None


def restore(
    options: RestoreOptions, client: Client, *, lock: Lock = no_lock, stopped: Callable[[], bool] = bool
) -> Run:
    """Put back what a run changed or pruned, as its undo file says, where it has not moved since.

    The lock is the one of that run's owner; a dry run takes none.
    """
    watch = Stopwatch()
    undo = read_undo(options.undo)
    server = client.connection.server
    if undo.entries and undo.server != server:
        raise UsageError(f"{options.undo} is of a run on {undo.server}, not on {server}", hint="give that cluster")
    with (no_lock if options.dry_run else lock)(undo.owner) as before_write:
        writer = ClusterWriter(client, before_write)
        with watch.stage("live"):
            streams = sorted({(entry.key.namespace, entry.key.stream) for entry in undo.entries})
            live = {key: tag for place in streams for key, tag in (writer.read_stream(*place) or {}).items()}
        restorer = Restorer(undo, str(options.undo), options.pin)
        made = restorer.plan(live)
        source, target = SourceInfo(str(options.undo)), Target(server, client.connection.context)
        if options.dry_run:
            return Run(Report(source, target, made, timings=watch.seconds))
        if options.undo_file and any(change.requests for change in made.changes):
            write_undo(options.undo_file, made, source, server)
        applier = Applier(writer, restorer.replan, options.wait, stopped)
        with watch.stage("apply"):
            outcomes = apply_plan(made, applier, concurrency=options.concurrency)
        with watch.stage("wait"):
            outcomes |= follow_imports(
                writer, outcomes.values(), options.wait, concurrency=options.concurrency, stopped=stopped
            )
    made = dataclasses.replace(made, problems=restorer.shortfalls(outcomes))
    return Run(Report(source, target, made, outcomes, applied=True, timings=watch.seconds))


def validate_on_server(options: Options, client: Client, stdin: BinaryIO) -> Run:
    """Plan, and have the server validate each change by `dryRun=All`; what it refuses becomes a problem.

    Raises UsageError unless the server's version is known to keep a dry run dry (fact 14).
    """
    version = server_version(client)
    if not _dry_run_is_safe(version):
        raise UsageError(
            f"--dry-run=server is refused: OpenShift {version or 'of a version that cannot be read'} may really write",
            hint="--dry-run sends no write; a server dry run of these objects is known to be safe from 4.20 on",
        )
    watch = Stopwatch()
    prepared = _prepare(options, client, _read(options, stdin, watch), watch)
    refused = []
    with watch.stage("validate"):
        for change in prepared.plan.changes:
            for request in change.requests[:1]:  # a second patch builds on the first, which a dry run did not store
                try:
                    client.send(request, dry_run_server=True)
                except ClusterError as error:
                    key = change.key
                    refused.append(
                        Problem(
                            Severity.ERROR, "refused", error.message, error.hint, namespace=key.namespace, name=key.name
                        )
                    )
    made = dataclasses.replace(prepared.plan, problems=(*prepared.plan.problems, *refused))
    return Run(_report(dataclasses.replace(prepared, plan=made), client, watch))


def _dry_run_is_safe(version: str) -> bool:
    match = re.match(r"(\d+)\.(\d+)\.", version)
    return match is not None and (int(match[1]), int(match[2])) >= (4, 20)


def _read(options: Options, stdin: BinaryIO, watch: Stopwatch) -> _Wanted:
    """Read git."""
    with watch.stage("source"):
        source = read_source(options.source, stdin=stdin)
    with watch.stage("manifests"):
        default_namespace = options.namespaces[0] if len(options.namespaces) == 1 else ""
        manifests = parse_manifests(source.blobs, default_namespace=default_namespace)
    owner = options.owner or source.owner or _fallback_owner(source.info)
    return _Wanted(source, manifests, owner)


def _prepare(options: Options, client: Client, wanted: _Wanted, watch: Stopwatch) -> _Prepared:
    """List live, plan."""
    source, manifests = wanted.source, wanted.manifests
    scope = _scope(options, manifests)
    with watch.stage("live"):
        live = read_live(client, scope, page_size=options.page_size, concurrency=options.concurrency)
        outside = _followed_outside(client, manifests, scope)
    policy = Policy(
        owner=wanted.owner,
        scope=scope,
        prune=options.prune,
        narrowed=source.narrowed,
        on_drift=options.on_drift,
        allow_empty=options.allow_empty,
        max_prune=options.max_prune,
        max_change=options.max_change,
        adopt_pushed=options.adopt_pushed,
        take_from=options.take_from,
        retry_imports=options.retry_imports,
    )
    with watch.stage("plan"):
        made = make_plan(manifests, live, policy, outside)
    return _Prepared(source, live, policy, made, Planner(policy, live, {}, outside))


def _scope(options: Options, manifests: Manifests) -> Scope:
    if options.all_namespaces:
        if options.namespaces:
            raise UsageError("-A and -n exclude each other", hint="give one of them")
        return Scope(all_namespaces=True)
    if options.namespaces:
        return Scope(namespaces=tuple(sorted(set(options.namespaces))))
    return Scope(namespaces=tuple(sorted({key.namespace for key in manifests.desired})), derived=True)


def _followed_outside(client: Client, manifests: Manifests, scope: Scope) -> Mapping[ObjectKey, Live]:
    """Read the tags beyond the scope that tags in it follow; what may not be read is not known, and stays out."""
    targets = (imagestreamtag.followed_by(key, desired.fields) for key, desired in manifests.desired.items())
    streams = {(t.namespace, t.stream) for t in targets if t is not None and not scope.covers(t.namespace)}
    found: dict[ObjectKey, Live] = {}
    for namespace, stream in sorted(streams):
        try:
            found.update(read_stream(client, namespace, stream) or {})
        except ClusterError:
            continue
    return found


def _refusal(options: Options, prepared: _Prepared) -> SyncerError | None:
    """Say why nothing may be written, the most basic reason first."""
    source, made = prepared.source, prepared.plan
    errors = sum(problem.severity is Severity.ERROR and bool(problem.file) for problem in made.problems)
    if errors:
        return ManifestError(f"{errors} error{'s' * (errors > 1)} in the manifests; nothing was written")
    if source.info.dirty and not options.allow_dirty:
        return SourceError(
            f"{source.info.url} is dirty: it holds what is in no commit; nothing was written",
            hint="commit it, or give --allow-dirty",
        )
    if not (options.owner or source.owner):
        return UsageError("the source has no remote to name its owner after", hint="give --owner NAME")
    if made.gates:
        messages = "; ".join(f"{gate.message} ({gate.option} lets it pass)" for gate in made.gates)
        return GateError(f"stopped, nothing was written: {messages}")
    return None


def _images(report: Report) -> Iterator[Import]:
    """Yield where the image of each tag stands, as it was seen last."""
    for change in report.plan.changes:
        outcome = report.outcomes.get(change.key)
        yield (outcome and outcome.image) or change.image


def _report(
    prepared: _Prepared, client: Client, watch: Stopwatch, outcomes: Mapping[ObjectKey, Outcome] | None = None
) -> Report:
    return Report(
        source=prepared.source.info,
        target=Target(client.connection.server, client.connection.context, prepared.live.listing),
        plan=prepared.plan,
        outcomes=outcomes or {},
        applied=outcomes is not None,
        timings=watch.seconds,
    )
