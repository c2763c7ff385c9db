"""The stories of a run. `story` is the file to open first: plan and sync, top to bottom."""

from syncer.sync.restoring import RestoreOptions, restore
from syncer.sync.run import Run, no_lock
from syncer.sync.saved import apply_saved
from syncer.sync.server_dry_run import validate_on_server
from syncer.sync.story import Options, plan, sync

__all__ = [
    "Options",
    "RestoreOptions",
    "Run",
    "apply_saved",
    "no_lock",
    "plan",
    "restore",
    "sync",
    "validate_on_server",
]
