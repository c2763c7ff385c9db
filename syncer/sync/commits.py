"""Names the commit behind each change of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from syncer.model import Unchanged
from syncer.source import last_commits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from syncer.model import Change, Commit, Plan, SourceInfo
    from syncer.source import SourceSpec
    from syncer.sync.run import Stopwatch


def with_commits(made: Plan, source: SourceSpec, info: SourceInfo, watch: Stopwatch) -> tuple[Plan, tuple[str, ...]]:
    """Name the commit that changed each manifest last, for the changes of a plan; and say why some are not named."""
    changed = {change.origin.file for change in made.changes if change.origin and not isinstance(change, Unchanged)}
    if not (changed and info.commit):
        return made, ()
    with watch.stage("history") as stage:
        history = last_commits(source.location, info, changed)
        stage.counts["files"] = len(history.commits)
    changes = tuple(_with_commit(change, history.commits) for change in made.changes)
    return replace(made, changes=changes), tuple(filter(None, [history.lacking]))


def _with_commit(change: Change, commits: Mapping[str, Commit]) -> Change:
    commit = commits.get(change.origin.file) if change.origin and not isinstance(change, Unchanged) else None
    if commit is None or change.origin is None:
        return change
    return replace(change, origin=replace(change.origin, commit=commit))
