"""Which files of a source count: the suffixes of manifests, `--path` and `--exclude`."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from syncer.errors import SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

SUFFIXES: Final = (".yaml", ".yml", ".json")
"""What a manifest's name ends with, in any case: `APP.YAML` must not be lost without a word."""


def is_manifest(path: str) -> bool:
    """Tell by its name whether a file is read."""
    return path.lower().endswith(SUFFIXES)


class Selection(Struct, frozen=True):
    """What `--path` and `--exclude` leave of a source. Paths are relative to SOURCE, with `/`."""

    paths: tuple[str, ...]
    excludes: re.Pattern[str] | None

    @property
    def narrowed(self) -> bool:
        """Whether options may have left files out."""
        return bool(self.paths or self.excludes)

    def takes(self, path: str) -> bool:
        """Tell whether a file is within the paths and not excluded."""
        within = not self.paths or any(_within(path, folder) for folder in self.paths)
        return within and not (self.excludes and self.excludes.fullmatch(path))

    def check(self, listed: Iterable[str]) -> None:
        """Raise SourceError for a path that no listed file is within: it is misspelt, or gone."""
        missing = set(self.paths)
        for path in listed:
            if not missing:
                return
            missing -= {folder for folder in missing if _within(path, folder)}
        for folder in self.paths:
            if folder in missing:
                raise SourceError(f"--path {folder} matches nothing", hint="it is a folder, relative to SOURCE")


def select(paths: Iterable[str], excludes: Iterable[str]) -> Selection:
    """Make a selection of options.

    Raises UsageError for a path that leads out of SOURCE, and for an empty pattern.
    """
    folders = tuple(_folder(path) for path in paths)
    patterns = [_translate(pattern) for pattern in excludes]
    everything = any(not folder for folder in folders)
    return Selection(() if everything else folders, re.compile("|".join(patterns)) if patterns else None)


def _folder(path: str) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not path:
        raise UsageError(f"--path {path!r} is not within SOURCE", hint="it is a folder, relative to SOURCE")
    return "" if str(pure) == "." else str(pure)


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _translate(pattern: str) -> str:
    """Turn a pattern, in the terms of .gitignore without `!`, into a regular expression for the whole path.

    A pattern with a slash, other than at its end, counts from SOURCE; one without fits at any depth. `*` and `?` stop
    at slashes, `**` does not, and what fits a folder fits all that is in it (gitignore(5), "pattern format").
    """
    bare = pattern.strip("/")
    if not bare:
        raise UsageError("--exclude has an empty pattern", hint="it is a pattern as in .gitignore, such as 'charts/**'")
    anchored = "/" in pattern.rstrip("/")
    body = "" if anchored else "(?:.*/)?"
    at = 0
    for match in re.finditer(r"(?:(?<=/)|^)\*\*/|(?<=/)\*\*$|\*+|\?|\[[!^]?\]?[^\]]*\]", bare):
        body += re.escape(bare[at : match.start()]) + _wildcard(match[0], at_end=match.end() == len(bare))
        at = match.end()
    return body + re.escape(bare[at:]) + "(?:/.*)?"


def _wildcard(token: str, *, at_end: bool) -> str:
    if token == "**/":  # noqa: S105 - a token of a pattern
        return "(?:.*/)?"
    if token == "**" and at_end:  # noqa: S105 - likewise
        return ".*"
    if token.startswith("*"):
        return "[^/]*"
    if token == "?":  # noqa: S105 - likewise
        return "[^/]"
    negated = token[1] in "!^"
    members = token[2 if negated else 1 : -1].replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")
    return f"(?!/)[{'^' if negated else ''}{members}]"
