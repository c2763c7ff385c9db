"""The text of manifests → desired tags, every problem with its file, line and column.

YAML 1.2 and JSON, several documents a file, lists of objects. Nothing stops at the first problem: a syntax error in
one file does not hide those of another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct, field
from msgspec.structs import replace

from syncer.manifests.objects import image_stream, image_stream_tag
from syncer.manifests.plain import plain_tags
from syncer.manifests.problems import CODES, BrokenTextError, explanation
from syncer.manifests.scene import Scene, guess, of_flaw
from syncer.manifests.text import documents
from syncer.model import Blob, Desired, Manifests, ObjectKey, Origin, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from syncer.manifests.document import Document
    from syncer.manifests.objects import Found
    from syncer.manifests.plain import Plain

__all__ = ["CODES", "described", "explanation", "parse_manifests"]

_GROUP: Final = "image.openshift.io"
_VERSION: Final = f"{_GROUP}/v1"
_OURS: Final = {"ImageStreamTag": image_stream_tag, "ImageStream": image_stream}
_LISTS: Final = {f"{kind}List": kind for kind in _OURS}
_OTHERS: Final = (
    "Image",
    "ImageSignature",
    "ImageStreamImage",
    "ImageStreamImport",
    "ImageStreamLayers",
    "ImageStreamMapping",
    "ImageTag",
)
_KINDS: Final = (*_OURS, *_LISTS, *_OTHERS, *(f"{kind}List" for kind in (*_OTHERS, "Secret")))
"""Every kind of the group; another one is a misspelling, which must not pass for a document of no concern."""


def parse_manifests(
    blobs: Iterable[Blob],
    *,
    default_namespace: str = "",
    unread: Iterable[Problem] = (),
    leaves: Callable[[str], bool] | None = None,
    named: Callable[[str], object] = lambda _: None,
) -> Manifests:
    """Read every document of every file, and check those that describe tags.

    `default_namespace` is for manifests that name none; without it such a manifest is an error. `unread` are problems
    of files that could not be read: they join those found here, sorted by file, line and column. A tag that has an
    error, or is described twice, is not in `desired`: what is not understood is not done. As `parsed` is false then,
    its absence must not be taken for a wish to prune it. Tags of namespaces that the run `leaves` to others are
    checked, counted, and not kept. `named` hears of each namespace as soon as a tag in it is kept.
    """
    reading = _Reading(default_namespace, leaves, named)
    problems = list(unread)
    files = len(problems)
    for blob in blobs:
        files += 1
        plain = plain_tags(blob, default_namespace)
        if plain is None or not reading.plain(plain):
            reading.whole(blob)
    once = dict.fromkeys((*problems, *reading.problems))  # a value that two checks look at is wrong once
    ordered = sorted(once, key=lambda problem: (problem.file, problem.line, problem.column, problem.code))
    left = sum(map(leaves, (key.namespace for key in reading.seen))) if leaves else 0
    return Manifests(reading.desired, tuple(ordered), files, reading.ignored, left)


def described(blob: Blob, *, default_namespace: str = "") -> list[Found]:
    """Find every tag that a file describes, sound or not, and where each of its fields stands."""
    reading = _Reading(default_namespace)
    found: list[Found] = []
    try:
        for document in documents(blob):
            found += reading.document(blob.path, document)
    except BrokenTextError:
        pass  # what stands before it was found
    return found


class _Reading(Struct):
    """What was found so far."""

    default_namespace: str
    leaves: Callable[[str], bool] | None = None
    named: Callable[[str], object] = lambda _: None
    namespaces: set[str] = field(default_factory=set)
    desired: dict[ObjectKey, Desired] = field(default_factory=dict)
    seen: dict[ObjectKey, Origin] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    ours: int = 0
    ignored: int = 0

    def plain(self, file: Plain) -> bool:
        """Keep tags in which nothing is wrong, unless one is described twice: that is for the whole check to tell."""
        found = {tag.key: tag for tag in file.tags}
        if len(found) < len(file.tags) or not self.seen.keys().isdisjoint(found):
            return False
        leaves = self.leaves
        self._want({key: tag for key, tag in found.items() if not leaves(key.namespace)} if leaves else found)
        self.seen |= {key: tag.origin for key, tag in found.items()}
        self.ignored += file.ignored
        return True

    def whole(self, blob: Blob) -> None:
        """Read a file whatever is in it, and say what is wrong and where."""
        try:
            for document in documents(blob):
                self.document(blob.path, document)
        except BrokenTextError as error:
            self.problems.append(of_flaw(error.flaw, blob.path))

    def document(self, file: str, document: Document) -> list[Found]:
        """Read one document, and give what it describes. What only keeps it from being JSON is wrong only in ours."""
        before = self.ours
        found = list(self._object(Scene(file, document, self.problems, document.value)))
        concerns = self.ours > before
        flaws = [of_flaw(flaw, file) for flaw in document.flaws if flaw.hard or concerns]
        self.problems.extend(flaws)
        for each in found:
            self._keep(each, sound=each.sound and not flaws)
        return found

    def _object(self, scene: Scene, kind: str = "", version: str = "") -> Iterator[Found]:
        """Read an object, or a list of them. `kind` and `version` are what the items of a typed list may leave out."""
        kind, version = _word(scene.at("kind")) or kind, _word(scene.at("apiVersion")) or version
        if kind == "List" and version == "v1":
            yield from self._items(scene)
        elif not self._is_ours(scene, kind, version):
            self.ignored += 1
        elif kind in _LISTS:
            yield from self._items(scene, _LISTS[kind], version)
        elif kind in _OURS:
            for found in _OURS[kind](scene, self.default_namespace):
                yield found if version == _VERSION else replace(found, sound=False)

    def _items(self, scene: Scene, kind: str = "", version: str = "") -> Iterator[Found]:
        items = scene.at("items")
        for item in items if items.list() else ():
            yield from self._object(item, kind, version)

    def _is_ours(self, scene: Scene, kind: str, version: str) -> bool:
        """Tell whether an object describes tags; one that only fails to say so correctly is ours, and an error."""
        of_ours = kind in _OURS or kind in _LISTS
        misspelt = version.partition("/")[0] == _GROUP and kind not in _KINDS
        if misspelt:
            hint = guess(kind, _KINDS) if kind else "add `kind: ImageStreamTag`"
            message = f"{_GROUP} has no kind {kind!r}" if kind else "kind is missing"
            scene.at("kind").error("unknown-kind", message, hint=hint)
        elif of_ours and version != _VERSION:
            message = (
                f"the apiVersion of an {kind} is {_VERSION}, not {version!r}" if version else "apiVersion is missing"
            )
            scene.at("apiVersion").error("api-version", message, hint=f"write `apiVersion: {_VERSION}`")
        self.ours += of_ours or misspelt
        return of_ours or misspelt

    def _want(self, tags: Mapping[ObjectKey, Desired]) -> None:
        self.desired |= tags
        for namespace in {key.namespace for key in tags} - self.namespaces:
            self.namespaces.add(namespace)
            self.named(namespace)

    def _keep(self, found: Found, *, sound: bool) -> None:
        key, origin = found.desired.key, found.desired.origin
        first = self.seen.setdefault(key, origin)
        if first is not origin:
            message = f"{key} is described twice; first at {first.file}:{first.line}"
            found.name.error("duplicate-tag", message, hint="remove one of the two")
            self.desired.pop(key, None)
        elif sound and not (self.leaves and self.leaves(key.namespace)):
            self._want({key: found.desired})


def _word(scene: Scene) -> str:
    return scene.value if isinstance(scene.value, str) else ""
