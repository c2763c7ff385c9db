"""Walks a plan through a Writer: streams in parallel, one stream serially, an outcome for every tag.

Only what was planned is sent. Where the cluster answers that something moved, the tag is read and planned again; it is
written only if the change is still the approved one.
"""

from syncer.apply.changes import Applier
from syncer.apply.images import FOLLOWER_PATIENCE, follow_imports
from syncer.apply.restore import Restorer
from syncer.apply.run import apply_plan
from syncer.apply.undo import read_undo, undo_file
from syncer.apply.writer import Writer

__all__ = [
    "FOLLOWER_PATIENCE",
    "Applier",
    "Restorer",
    "Writer",
    "apply_plan",
    "follow_imports",
    "read_undo",
    "undo_file",
]
