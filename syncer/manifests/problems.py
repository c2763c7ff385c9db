"""What can be wrong with a manifest: one table of codes, and the two ways in which a text can be flawed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

CODES: Final[dict[str, str]] = {
    "alias": "A YAML alias names an anchor that is not there, or one that it stands inside of.",
    "alias-bomb": "YAML aliases repeat so much that the document would grow beyond any use.",
    "annotation-conflict": "`metadata.annotations` and `tag.annotations` differ; the server refuses that (fact 4).",
    "annotation-key": "An annotation's key is none that Kubernetes takes: an optional DNS prefix, a slash, a name.",
    "annotations-too-large": "The annotations of one object hold more than the 256 KiB that Kubernetes takes.",
    "api-version": "The object is of another apiVersion than image.openshift.io/v1, or of none.",
    "complex-key": "A mapping's key is itself a mapping, a list or null, which JSON cannot hold.",
    "conflict": "Two fields are each valid but not together; the server refuses them.",
    "duplicate-key": "A mapping holds the same key twice; one of the two values would be lost.",
    "duplicate-tag": "Two manifests describe the same tag; it cannot be equal to both.",
    "encoding": "The file is not UTF-8 text.",
    "lfs-pointer": "The file is a Git LFS pointer, and the manifest itself was not fetched.",
    "merge-key": "The value of a merge key `<<` is neither a mapping nor a list of mappings.",
    "missing-field": "A field is not there without which there is no tag to make.",
    "name": "The name is not `stream:tag` with both parts valid.",
    "namespace": "The namespace is not an RFC 1123 label.",
    "no-namespace": "The manifest names no namespace and no default was given.",
    "not-applied": "A field is valid, but cannot be set through a tag, so nothing comes of it.",
    "pull-spec": "The name of an image is no pull spec that the server can parse.",
    "syntax": "The text is neither YAML nor JSON.",
    "tag-name": "`tag.name` differs from the tag in `metadata.name`; the server would ignore it.",
    "too-deep": "The document is nested deeper than any manifest has reason to be.",
    "type": "A value is of another type than the field takes.",
    "unknown-field": "The object has no such field; the server would drop it without a word.",
    "unknown-kind": "The group image.openshift.io has no such kind.",
    "value": "The value is none of those that the field takes.",
    "yaml-tag": "A YAML tag such as `!Ref` gives a value that JSON cannot hold.",
}
"""Each code of a problem, which scripts may rely on, with what it means in one sentence."""


class Place(NamedTuple):
    """A line and a column, both from 1. A tuple, for there is one for each word of 10,000 files."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Flaw:
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
