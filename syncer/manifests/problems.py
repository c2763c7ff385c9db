"""What can be wrong with a manifest: one list of codes, and the two ways in which a text can be flawed."""

from __future__ import annotations

from importlib.resources import files
from typing import Final, NamedTuple

from msgspec import Struct

CODES: Final = (
    "alias",
    "alias-bomb",
    "annotation-conflict",
    "annotation-key",
    "annotations-too-large",
    "api-version",
    "complex-key",
    "conflict",
    "duplicate-key",
    "duplicate-tag",
    "encoding",
    "file-name",
    "file-size",
    "file-unreadable",
    "floating-tag",
    "followed-circle",
    "follows-nothing",
    "lfs-pointer",
    "link-outside",
    "merge-key",
    "missing-field",
    "name",
    "namespace",
    "no-namespace",
    "not-applied",
    "out-of-scope",
    "pull-spec",
    "syntax",
    "tag-name",
    "too-deep",
    "type",
    "unknown-field",
    "unknown-kind",
    "value",
    "yaml-tag",
)
"""Each code of a problem, which scripts may rely on. What it means is told by the page of that name in `explained`."""


def explanation(code: str) -> str:
    """Give the page (Markdown) that explains one of CODES: what is wrong, why it matters, and how it is mended."""
    return files("syncer.manifests").joinpath("explained", f"{code}.md").read_text(encoding="utf-8")


class Place(NamedTuple):
    """A line and a column, both from 1. A tuple, for there is one for each word of 10,000 files."""

    line: int
    column: int


class Flaw(Struct, frozen=True):
    """Something wrong with a text, whatever it says. `hard`: wrong in a document of any kind, not only of ours."""

    code: str
    message: str
    place: Place
    hint: str = ""
    hard: bool = True


class BrokenTextError(Exception):
    """The text cannot be read on: the flaw says where and why. Never leaves this package."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.message)
        self.flaw = flaw
