"""The story of a run, top to bottom: read git, list live, plan, pass the gates, apply, report."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Literal

from msgspec.structs import replace

from syncer import imagestreamtag
from syncer.cluster import ClusterWriter, ReadAhead, namespaces_of, read_live, read_stream, skim_live
from syncer.errors import ClusterError, GateError, ManifestError, SourceError, SyncerError, UsageError
from syncer.events import nobody
from syncer.manifests import parse_manifests
from syncer.manifests.checks import default_namespace
from syncer.model import LiveState, Outcome, Report, Scope, Severity, SourceInfo, Target
from syncer.plan import Planner, Policy, make_plan
from syncer.plan.bystanders import beside_manifests
from syncer.plan.order import emptied_streams
from syncer.source import read_source
from syncer.sync.cache import NO_CACHE
from syncer.sync.commits import with_commits
from syncer.sync.run import Run, Stopwatch, no_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path
    from typing import BinaryIO

    from syncer.apply import Applier
    from syncer.cluster import Client, Skimmed
    from syncer.events import Tell
    from syncer.model import Bystander, Live, Manifests, ObjectKey, Plan, Shard, Source
    from syncer.plan import Limit
    from syncer.plan.planner import OnDrift
    from syncer.plan.renaming import Renamer
    from syncer.plan.staleness import Exactly
    from syncer.source import SourceSpec
    from syncer.sync.cache import Cache, Last, Seen
    from syncer.sync.run import Lock


@dataclass(frozen=True, slots=True)
class Options:
    """What a run is asked to do. `wait` is how long, in seconds, imports are waited for; None: only for followers.

    `resolve` asks the cluster which images the plan would bring, without an import.
    """

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
    impact: bool = False
    prune_used: bool = False
    wait: float | None = None
    retry_imports: bool = False
    import_failures: Literal["warn", "error"] = "warn"
    undo_file: Path | None = None
    resolve: bool = False
    shard: Shard | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What git says, and whose it is."""

    source: Source
    manifests: Manifests
    owner: str
    only: frozenset[ObjectKey] | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan and what it was made of, so that a tag can be planned again.

    `outside` are tags beyond the scope that tags in it follow.
    `left` is what is left of the plan where an earlier run did some of it. `shard`: which part of a saved plan it is.
    `unmoved_since`: see `Report`.
    """

    source: Source
    live: LiveState
    policy: Policy
    plan: Plan
    planner: Planner | Exactly | Renamer
    notes: tuple[str, ...] = ()
    outside: Mapping[ObjectKey, Live] = field(default_factory=dict)
    left: Plan | None = None
    shard: Shard | None = None
    unmoved_since: str = ""


def plan(options: Options, client: Client, stdin: BinaryIO, *, tell: Tell = nobody, cache: Cache = NO_CACHE) -> Run:
    """Report what a sync would do; change nothing, ever. `tell` hears how far it is."""
    watch = Stopwatch(tell)
    with read_ahead(options, client) as ahead:
        begun = _begin(options, client, stdin, watch, cache)
        prepared = _prepared(options, client, begun, watch, cache, ahead)
    return Run(report_of(prepared, client, watch))


def sync(  # noqa: PLR0913 - the last three are the world's, and have names
    options: Options,
    client: Client,
    stdin: BinaryIO,
    *,
    lock: Lock = no_lock,
    stopped: Callable[[], bool] = bool,
    tell: Tell = nobody,
    cache: Cache = NO_CACHE,
) -> Run:
    """Plan, pass the gates, and apply: the cluster's tags become what git says. `tell` hears what happens.

    Once `stopped` holds no new write begins. A refusal comes before the first write. The lock is held from before the
    live state is read, so that what was planned is still true when it is written.
    """
    watch = Stopwatch(tell)
    begun = _begin(options, client, stdin, watch, cache)
    with lock(owner_of(options, begun.source)) as before_write:
        with read_ahead(options, client) as ahead:
            prepared = _prepared(options, client, begun, watch, cache, ahead)
        return carry_out(options, client, prepared, watch, before_write=before_write, stopped=stopped)


def carry_out(  # noqa: PLR0913 - what every story of a run that writes ends with
    options: Options,
    client: Client,
    prepared: Prepared,
    watch: Stopwatch,
    *,
    before_write: Callable[[], None],
    stopped: Callable[[], bool],
) -> Run:
    """Pass the gates, put the way back on disk, and apply."""
    from syncer.apply import FOLLOWER_PATIENCE, Applier, undo_file  # noqa: PLC0415 - a plan has no use for it

    refusal = _refusal(options, prepared)
    if refusal:
        return Run(report_of(prepared, client, watch), refusal)
    writer = ClusterWriter(client, before_write, stopped)
    patience = FOLLOWER_PATIENCE if options.wait is None else options.wait
    made, server = prepared.left or prepared.plan, client.connection.server
    with undo_file(options.undo_file, made, prepared.source.info, server) as note:
        applier = Applier(writer, prepared.planner.change, patience, stopped, note)
        waits = options.wait is not None
        outcomes = {change.key: Outcome(change.key, "unchanged") for change in prepared.plan.changes}
        outcomes |= carry_through(made, applier, watch, concurrency=options.concurrency, wait_for_imports=waits)
    report = replace(
        report_of(prepared, client, watch),
        outcomes=outcomes,
        applied=True,
        notes=(*prepared.notes, *_notes(prepared, outcomes)),
        interrupted=stopped(),
        undo_file=way_back(options.undo_file, made),
    )
    return Run(report, import_failures=options.import_failures)


def way_back(path: Path | None, made: Plan) -> str:
    """Give the path of the undo file that a run of a plan writes; empty where it writes none."""
    return str(path) if path and any(change.requests for change in made.changes) else ""


def carry_through(
    made: Plan, applier: Applier, watch: Stopwatch, *, concurrency: int, wait_for_imports: bool
) -> dict[ObjectKey, Outcome]:
    """Apply a plan, and wait for the imports that it began; what `sync` and `restore` have in common."""
    from syncer.apply import apply_plan, follow_imports  # noqa: PLC0415 - likewise

    with watch.stage("apply", sum(bool(change.requests) for change in made.changes)) as stage:
        outcomes = apply_plan(made, applier, concurrency=concurrency, tell=stage.hear)
        stage.counts.update(Counter(outcome.result for outcome in outcomes.values()))
    written = [outcome for outcome in outcomes.values() if outcome.result in ("created", "configured")]
    if wait_for_imports:
        with watch.stage("wait", len(written)) as stage:
            images = follow_imports(
                applier.writer,
                written,
                applier.patience,
                concurrency=concurrency,
                stopped=applier.stopped,
                tell=stage.hear,
            )
            stage.counts.update(Counter(str(outcome.image.state) for outcome in images.values() if outcome.image))
        outcomes |= images
    return outcomes


@dataclass(slots=True)
class Begun:
    """A run that has read git, and not parsed it yet: perhaps the last run will do.

    `seen` and `last` are what the cache is asked, and what it has of such a run.
    """

    source: Source
    seen: Seen | None
    last: Last | None


def _begin(options: Options, client: Client, stdin: BinaryIO, watch: Stopwatch, cache: Cache) -> Begun:
    source = fetch(options, stdin, watch)
    seen = cache.seen(options, source, client.connection)
    return Begun(source, seen, cache.last(seen) if seen else None)


def _prepared(  # noqa: PLR0913, PLR0917 - what a run has come to when it holds its lock
    options: Options, client: Client, begun: Begun, watch: Stopwatch, cache: Cache, ahead: ReadAhead
) -> Prepared:
    """Plan, unless the last run had nothing to do, and neither git nor the cluster moved since."""
    skimmed, last = None, begun.last
    if last:
        with watch.stage("live") as stage:
            size = {"page_size": options.page_size, "concurrency": options.concurrency}
            skimmed = skim_live(client, last.scope, **size, ahead=ahead.finish())
            made = last.plan() if skimmed.versions == last.versions else None
            if made:
                stage.counts["tags"] = last.listed
                return _unmoved(begun.source, last, made)
    wanted = without_files(parse(options, begun.source, watch, ahead))
    begun.source = wanted.source
    prepared = prepare(options, client, wanted, watch, (lambda: skimmed) if skimmed else ahead.finish)
    if begun.seen:
        cache.keep(begun.seen, prepared)
    return prepared


def _unmoved(source: Source, last: Last, made: Plan) -> Prepared:
    """Have an earlier plan that left nothing to do be this run's."""
    live, policy = LiveState({}, last.listing), Policy(made.owner, made.scope)
    notes = tuple(_of_part(made.scope))
    source = replace(source, blobs=())
    return Prepared(source, live, policy, made, Planner(policy, live, {}), notes, unmoved_since=last.time)


def read_ahead(options: Options, client: Client) -> ReadAhead:
    """Begin to ask for the lists that are known to be in scope, while git is read and parsed."""
    ahead = ReadAhead(client, page_size=options.page_size, concurrency=options.concurrency)
    shard = Scope(shard=options.shard)
    for namespace in _given(options):
        if not (namespace and shard.leaves(namespace)):
            ahead.begin(namespace)
    return ahead


def _given(options: Options) -> tuple[str, ...]:
    """Name what is listed whatever the manifests say."""
    return namespaces_of(Scope(options.all_namespaces, tuple(sorted(options.namespaces))))


def read(options: Options, stdin: BinaryIO, watch: Stopwatch, ahead: ReadAhead | None = None) -> Wanted:
    """Read git; the files themselves have been parsed, and are kept no longer. `ahead`: see `parse`."""
    return without_files(parse(options, fetch(options, stdin, watch), watch, ahead))


def without_files(wanted: Wanted) -> Wanted:
    """Let go of the files of what was parsed."""
    return dataclasses.replace(wanted, source=replace(wanted.source, blobs=()))


def read_files(options: Options, stdin: BinaryIO, watch: Stopwatch) -> Wanted:
    """Read git, and keep its files."""
    return parse(options, fetch(options, stdin, watch), watch)


def fetch(options: Options, stdin: BinaryIO, watch: Stopwatch) -> Source:
    """Read git; nothing is parsed yet."""
    with watch.stage("source") as stage:
        source = read_source(options.source, stdin=stdin)
        stage.counts["files"] = len(source.blobs)
    return source


def parse(options: Options, source: Source, watch: Stopwatch, ahead: ReadAhead | None = None) -> Wanted:
    """Parse what was read. Where only that tells the scope, the list of a namespace is asked for once it is named."""
    with watch.stage("manifests", len(source.blobs)) as stage:
        default = default_namespace(options.namespaces)
        manifests = parse_manifests(
            stage.each(source.blobs),
            default_namespace=default,
            unread=source.problems,
            leaves=Scope(shard=options.shard).leaves if options.shard else None,
            named=ahead.begin if ahead and not _given(options) else lambda _: None,
        )
        stage.counts.update(files=manifests.files, tags=len(manifests.desired), problems=len(manifests.problems))
    return Wanted(source, manifests, owner_of(options, source), _changed(source, manifests, default))


def owner_of(options: Options, source: Source) -> str:
    """Name the owner: as given, else after the source."""
    return options.owner or source.owner or fallback_owner(source.info)


def readable(options: Options, stdin: BinaryIO, watch: Stopwatch) -> Wanted:
    """Read a folder whose files are going to be edited. Raises ManifestError where one cannot be read."""
    wanted = read_files(options, stdin, watch)
    errors = [problem for problem in wanted.manifests.problems if problem.severity is Severity.ERROR]
    if errors:
        place = f"{errors[0].file}:{errors[0].line}:{errors[0].column}"
        hint = (
            f"`syncer validate {options.source.location}` shows all; --exclude leaves files out that are no manifests"
        )
        raise ManifestError(f"{place}: {errors[0].message} ({len(errors)} in all); nothing was written", hint=hint)
    return wanted


def _changed(source: Source, manifests: Manifests, default: str) -> frozenset[ObjectKey] | None:
    """Name the tags that files name, or named, which changed since a commit; None where none was given.

    All files are parsed, though a run be narrowed to what changed: only then it is known that no other file names a tag
    that left one, and so its prune has the same proof as in any run.
    """
    if source.since is None:
        return None
    before = parse_manifests(source.since.before, default_namespace=default).desired
    now = {key for key, desired in manifests.desired.items() if desired.origin.file in source.since.paths}
    return frozenset(now | before.keys())


def prepare(
    options: Options,
    client: Client,
    wanted: Wanted,
    watch: Stopwatch,
    skimmed: Callable[[], Skimmed | None] = lambda: None,
) -> Prepared:
    """List live, plan. `skimmed` gives pages that were asked for before, see `read_live`."""
    source, manifests = wanted.source, wanted.manifests
    scope = scope_of(manifests, options.namespaces, all_namespaces=options.all_namespaces, shard=options.shard)
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
        only=wanted.only,
        prune_used=options.prune_used,
    )
    named, kept = {key.namespace for key in manifests.desired}, beside_manifests(manifests, policy)
    live = list_live(options, client, scope, watch, named=named, kept=kept, skimmed=skimmed)
    outside = _followed_outside(client, manifests, scope)
    with watch.stage("plan") as stage:
        made = make_plan(manifests, live, policy, outside)
        stage.counts.update(Counter(change.action for change in made.changes))
    if options.impact:
        from syncer.sync.impact import with_impact  # noqa: PLC0415 - a run that is not asked for it pays no import

        replan = partial(make_plan, manifests, live, policy, outside)
        limits = {"page_size": options.page_size, "concurrency": options.concurrency}
        made = with_impact(made, replan, client, live, watch, **limits)
    made, notes = with_commits(made, options.source, source.info, watch)
    prepared = Prepared(
        source, live, policy, made, Planner(policy, live, {}, outside), (*notes, *_of_part(scope)), outside
    )
    if not options.resolve:
        return prepared
    from syncer.sync.resolving import with_images  # noqa: PLC0415 - a run that is not asked for it pays no import

    return with_images(prepared, client, watch, concurrency=options.concurrency)


def _of_part(scope: Scope) -> Iterator[str]:
    """Say what a plan of one part of the namespaces cannot know."""
    if scope.shard:
        yield (
            f"Part {scope.shard} of the namespaces: gates are held against each namespace; the figure over all of them"
            " is not known here. A follower of a tag in another part's namespace takes the image that is there."
        )


def list_live(  # noqa: PLR0913 - what, how, and three that most stories leave out
    options: Options,
    client: Client,
    scope: Scope,
    watch: Stopwatch,
    *,
    named: Collection[str] = (),
    kept: Callable[[Live], Live | Bystander] | None = None,
    skimmed: Callable[[], Skimmed | None] = lambda: None,
) -> LiveState:
    """List what the cluster has in scope; every story that lists does so by this. For the last see `read_live`."""
    with watch.stage("live") as stage:
        live = read_live(
            client,
            scope,
            page_size=options.page_size,
            concurrency=options.concurrency,
            on_page=stage.add,
            named=named,
            kept=kept,
            skimmed=skimmed(),
        )
        stage.counts["tags"] = sum(1 for _ in live.everyone())
    return live


def scope_of(
    manifests: Manifests, namespaces: Collection[str], *, all_namespaces: bool, shard: Shard | None = None
) -> Scope:
    """Give what is listed: what was asked for, else the namespaces that the manifests name. Raises UsageError.

    Of these only the namespaces of one part, where there is a `shard`.
    """
    if all_namespaces:
        if namespaces:
            raise UsageError("-A and -n exclude each other", hint="give one of them")
        return Scope(all_namespaces=True, shard=shard)
    named = set(namespaces) or {key.namespace for key in manifests.desired}
    ours = tuple(sorted(name for name in named if not Scope(shard=shard).leaves(name)))
    return Scope(namespaces=ours, derived=not namespaces, shard=shard)


def _followed_outside(client: Client, manifests: Manifests, scope: Scope) -> Mapping[ObjectKey, Live]:
    """Read the tags beyond the scope that tags in it follow; what may not be read is not known, and stays out."""
    if scope.all_namespaces:
        return {}
    targets = (imagestreamtag.followed_by(key, desired.fields) for key, desired in manifests.desired.items())
    streams = {(t.namespace, t.stream) for t in targets if t is not None and not scope.covers(t.namespace)}
    found: dict[ObjectKey, Live] = {}
    for namespace, stream in sorted(streams):
        try:
            found.update(read_stream(client, namespace, stream) or {})
        except ClusterError:
            continue
    return found


def _refusal(options: Options, prepared: Prepared) -> SyncerError | None:
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


def fallback_owner(info: SourceInfo) -> str:
    """Name an owner where nothing else does; a plan can be looked at by it, and no sync started."""
    return f"local/{info.path or info.url}"


def report_of(prepared: Prepared, client: Client, watch: Stopwatch) -> Report:
    """Build the report of a plan."""
    return Report(
        source=prepared.source.info,
        target=Target(client.connection.server, client.connection.context, prepared.live.listing),
        plan=prepared.plan,
        notes=(*prepared.notes, *_notes(prepared)),
        timings=watch.seconds,
        shard=prepared.shard,
        unmoved_since=prepared.unmoved_since,
    )


def _notes(prepared: Prepared, outcomes: Mapping[ObjectKey, Outcome] | None = None) -> Iterator[str]:
    """Say which ImageStreams are left without a tag, by what was planned or by what came of it."""
    done = {key for key, outcome in (outcomes or {}).items() if outcome.result in ("pruned", "created")}
    written = [change for change in prepared.plan.changes if outcomes is None or change.key in done]
    for namespace, stream in emptied_streams(prepared.live, written):
        yield (
            f"ImageStream {namespace}/{stream} is left without a tag; it is not removed"
            f" (oc delete imagestream {stream} -n {namespace})"
        )
