"""Hands the tags of one owner to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.errors import UsageError
from syncer.events import nobody
from syncer.model import Scope, Source, SourceInfo
from syncer.plan import Policy
from syncer.plan.renaming import Renamer
from syncer.sync.run import Run, Stopwatch, no_lock
from syncer.sync.story import Prepared, carry_out, list_live, report_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from syncer.cluster import Client
    from syncer.events import Tell
    from syncer.sync.run import Lock
    from syncer.sync.story import Options


def rename_owner(  # noqa: PLR0913 - as `sync`, and two owners
    options: Options,
    old: str,
    new: str,
    client: Client,
    *,
    dry_run: bool = False,
    lock: Lock = no_lock,
    stopped: Callable[[], bool] = bool,
    tell: Tell = nobody,
) -> Run:
    """Hand every tag in scope that `old` owns to `new`; nothing else of a tag changes, and none is pruned.

    The lock is the old owner's; a dry run takes none. Of the options those of the source and the policy count for
    nothing. Raises UsageError.
    """
    if old == new or not (old and new):
        raise UsageError("OLD and NEW are to be two owners", hint="a report names the owner of its run")
    if options.all_namespaces == bool(options.namespaces):
        raise UsageError("a rename needs a scope", hint="give -n NAMESPACE (repeatable), or -A")
    scope, watch = Scope(options.all_namespaces, tuple(sorted(set(options.namespaces)))), Stopwatch(tell)
    with (no_lock if dry_run else lock)(old) as before_write:
        live = list_live(options, client, scope, watch)
        renamer = Renamer(old, new)
        source = Source(SourceInfo(f"the marks of {old}"), (), owner=new)
        prepared = Prepared(source, live, Policy(new, scope), renamer.plan(live, scope), renamer)
        if dry_run:
            return Run(report_of(prepared, client, watch))
        return carry_out(options, client, prepared, watch, before_write=before_write, stopped=stopped)
