"""The stories of a run. `story` is the file to open first: plan and sync, top to bottom."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from syncer.sync.cache import Cache
    from syncer.sync.explaining import ExplainOptions, explain
    from syncer.sync.exporting import export
    from syncer.sync.merging import merged
    from syncer.sync.renaming import rename_owner
    from syncer.sync.repointing import pin, promote
    from syncer.sync.restoring import RestoreOptions, restore
    from syncer.sync.run import Run, no_lock
    from syncer.sync.saved import apply_saved
    from syncer.sync.server_dry_run import validate_on_server
    from syncer.sync.story import Options, plan, sync

__all__ = [
    "Cache",
    "ExplainOptions",
    "Options",
    "RestoreOptions",
    "Run",
    "apply_saved",
    "explain",
    "export",
    "merged",
    "no_lock",
    "pin",
    "plan",
    "promote",
    "rename_owner",
    "restore",
    "sync",
    "validate_on_server",
]

_HOMES: Final = {
    "Cache": "cache",
    "ExplainOptions": "explaining",
    "Options": "story",
    "RestoreOptions": "restoring",
    "Run": "run",
    "apply_saved": "saved",
    "export": "exporting",
    "explain": "explaining",
    "merged": "merging",
    "no_lock": "run",
    "pin": "repointing",
    "plan": "story",
    "promote": "repointing",
    "rename_owner": "renaming",
    "restore": "restoring",
    "sync": "story",
    "validate_on_server": "server_dry_run",
}


def __getattr__(name: str) -> object:
    """Load a story when it is asked for: a plan has no use for the others, and small runs are made of imports."""
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(f"syncer.sync.{_HOMES[name]}"), name)
