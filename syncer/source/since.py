"""What changed in git since a commit."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from syncer.model import Since
from syncer.source.objects import read_before, resolve

if TYPE_CHECKING:
    from syncer.source.command import Git
    from syncer.source.selection import Selection

_OPTIONS: Final = ("--name-only", "-z", "--no-renames", "--no-ext-diff", "--ignore-submodules=dirty")


def changed_since(git: Git, since: str, commit: str, folder: str, selection: Selection) -> Since:
    """Name the files that differ from those of a commit, and read what these were then.

    They are compared with those of `commit`, or, where it is empty, with those that lie there. A file that was renamed
    is one that went and one that came. Raises SourceError where there is no such commit.
    """
    base = resolve(git, since, hint=f"it may not be here yet: git fetch origin {since}")
    compared = [base, commit] if commit else [base]
    listed = [git.listing("diff", *_OPTIONS, *compared, "--")]
    if not commit:
        listed.append(git.listing("ls-files", "-z", "--others", "--exclude-standard", "--full-name"))
    for each in listed:
        if each.status:
            raise each.failure(f"what changed since {since} cannot be told")
    changed = frozenset(os.fsdecode(name) for each in listed for name in each.output.split(b"\0") if name)
    return Since(changed, read_before(git, base, folder, selection, changed))
