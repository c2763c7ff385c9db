"""The data that flows through a run: made once, frozen, and passed down.

    Blob → Desired ┐
                   ├→ Change → Plan → Outcome → Report
    page →  Live   ┘

Nothing here touches the world. JSON values are plain Python: dict, list, str, int, float, bool, None.

The classes are msgspec's: a frozen dataclass takes twenty times as long to make an object, and thirty times as long to
be defined, which every start of the program would pay for. `gc=False`: what is frozen is part of no circle, and need
not be looked at when Python collects garbage. A changed copy is made by `msgspec.structs.replace`.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Json = Any
"""A JSON value. The alias marks where one is meant; its shape is checked where it enters."""


class ObjectKey(NamedTuple):
    """Which tag: namespace, stream and tag, all non-empty. Sorts as people read: namespace, stream, tag.

    A tuple, for tags are looked up and sorted by it all the time.
    """

    namespace: str
    stream: str
    tag: str

    @property
    def name(self) -> str:
        """The object's name on the server: `stream:tag`."""
        return f"{self.stream}:{self.tag}"

    def __str__(self) -> str:
        return f"{self.namespace}/{self.stream}:{self.tag}"


class Severity(StrEnum):
    """How bad a problem is: an error makes the run incomplete, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Commit(Struct, frozen=True, gc=False):
    """A commit of git: its full id, when it was committed (RFC 3339, UTC), its author's name, its subject."""

    id: str
    time: str
    author: str
    subject: str


class Origin(Struct, frozen=True, gc=False):
    """Where in the source something stands: a path relative to the repository, and a line from 1.

    `commit` is the one that changed the file last, None where that is not known.
    """

    file: str
    line: int
    commit: Commit | None = None


class Problem(Struct, frozen=True, gc=False):
    """Something a user should know or mend. `line` and `column` count from 1, 0 where there is none."""

    severity: Severity
    code: str
    message: str
    hint: str = ""
    file: str = ""
    line: int = 0
    column: int = 0
    namespace: str = ""
    name: str = ""


# ---------------------------------------------------------------------------------------------------- desired


class Blob(Struct, frozen=True, gc=False):
    """One file of a source: its path relative to the source's root, with `/`, and its bytes."""

    path: str
    data: bytes


class SourceInfo(Struct, frozen=True, gc=False):
    """What was read: the report's `source`. `commit` is empty outside git; `path` is the folder in the repository."""

    url: str
    ref: str = ""
    commit: str = ""
    path: str = ""
    dirty: bool = False


class Since(Struct, frozen=True, gc=False):
    """What changed since a commit: the paths of files that came, went or differ, and what these held then."""

    paths: frozenset[str]
    before: Sequence[Blob]


class Source(Struct, frozen=True, gc=False):
    """What a source holds: its files, in path order, and what they are called.

    `owner` is the default owner, empty without a remote. `narrowed` is true where options left files out, so that a tag
    that no manifest names may yet be in git. `problems` stand for files that cannot be read.
    """

    info: SourceInfo
    blobs: Sequence[Blob]
    owner: str = ""
    narrowed: bool = False
    since: Since | None = None
    problems: Sequence[Problem] = ()


class Desired(Struct, frozen=True, gc=False):
    """What git says of one tag: the managed fields by JSON pointer, such as `/tag/from`, and where it says so."""

    key: ObjectKey
    fields: Mapping[str, Json]
    origin: Origin


class Manifests(Struct, frozen=True, gc=False):
    """All that the files of a source say.

    `ignored` counts documents of other kinds, `left` the tags that are left to other parts.
    """

    desired: Mapping[ObjectKey, Desired]
    problems: Sequence[Problem]
    files: int = 0
    ignored: int = 0
    left: int = 0

    @property
    def parsed(self) -> bool:
        """Whether every file parsed and validated."""
        return all(problem.severity is not Severity.ERROR for problem in self.problems)


# ------------------------------------------------------------------------------------------------------- live


class ImportState(StrEnum):
    """Where a tag's image stands: `none` where nothing is to be imported and no image is there."""

    IMPORTED = "imported"
    PENDING = "pending"
    FAILED = "failed"
    NONE = "none"


class Import(Struct, frozen=True, gc=False):
    """A tag's image: its state, the digest that is there (an old one, too), and the registry's last word.

    `since` is the failed condition's lastTransitionTime, RFC 3339. `asked_again`: it was asked for once more after that
    failure, and may be under way, or have failed again just as before: the server does not tell these apart.
    """

    state: ImportState
    digest: str = ""
    message: str = ""
    since: str = ""
    asked_again: bool = False


class Live(Struct, frozen=True, gc=False):
    """One tag as the cluster has it.

    `spec` is the raw entry of the stream's `spec.tags` (None for a tag that only a push made). `uid` and
    `resource_version` are the stream's (fact 7): neither identifies the tag. `stream_annotations` are those of the
    ImageStream, empty where the tag list was read.
    """

    key: ObjectKey
    spec: Mapping[str, Json] | None
    annotations: Mapping[str, str]
    uid: str
    resource_version: str
    image: Import
    stream_annotations: Mapping[str, str] = field(default_factory=dict)


class Bystander(Struct, frozen=True, gc=False):
    """A live tag that a run does not touch, and that follows no other: all that is kept of it is what others may need.

    `owned`: it carries the mark of the owner that the run is for.
    """

    key: ObjectKey
    image: Import
    owned: bool


Listing = Literal["tags", "streams"]


class LiveState(Struct, frozen=True, gc=False):
    """All tags in scope. It exists only after the last page of every list.

    A tag is in `tags`, or it is one of the `bystanders`, which in most runs nearly all of them are. `forbidden` and
    `missing` name namespaces that could not be listed (with the server's message) or do not exist. `versions` sums up
    which objects, each in which version, were listed; empty where that is not known of all. `elsewhere` maps tags in
    namespaces that are left to other parts to the tag in this part that each follows.
    """

    tags: Mapping[ObjectKey, Live]
    listing: Listing
    forbidden: Mapping[str, str] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    bystanders: Mapping[ObjectKey, Bystander] = field(default_factory=dict)
    versions: str = ""
    elsewhere: Mapping[ObjectKey, ObjectKey] = field(default_factory=dict)

    def everyone(self) -> Iterator[Live | Bystander]:
        """Go through all tags."""
        return chain(self.tags.values(), self.bystanders.values())

    def get(self, key: ObjectKey) -> Live | Bystander | None:
        """Give what is known of a tag, None where it is not there."""
        return self.tags.get(key) or self.bystanders.get(key)


class Shard(Struct, frozen=True, gc=False):
    """One of `count` parts of a whole, by its index from 0: the completion index of an Indexed Job.

    `plan` is the checksum of the plan that is applied in parts.
    """

    index: int
    count: int
    plan: str = ""

    def holds(self, *names: str) -> bool:
        """Whether what goes by these names is in this part: in one of them all, the same on each machine (SHA-256)."""
        digest = hashlib.sha256("/".join(names).encode()).digest()
        return int.from_bytes(digest[:8]) % self.count == self.index

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


class Scope(Struct, frozen=True, gc=False):
    """What is listed and may be pruned: all namespaces, or those named. `derived`: taken from the manifests.

    `shard`: of these only the namespaces of one part.
    """

    all_namespaces: bool = False
    namespaces: tuple[str, ...] = ()
    derived: bool = False
    shard: Shard | None = None

    def covers(self, namespace: str) -> bool:
        """Whether the namespace is in scope."""
        return (self.all_namespaces or namespace in self.namespaces) and not self.leaves(namespace)

    def leaves(self, namespace: str) -> bool:
        """Whether the namespace is left to another part."""
        return self.shard is not None and not self.shard.holds(namespace)


# ----------------------------------------------------------------------------------------------------- impact

How = Literal["follows", "keeps", "trigger", "image", "build", "output", "digest"]
"""How something uses a tag: a tag follows it, and moves along or keeps its image; a trigger waits for it to move; a
container names it as its image; a build starts from it, or pushes to it; a container runs its image by digest."""

_HOWS: Mapping[How, str] = {
    "follows": "",
    "keeps": "keeps its image",
    "trigger": "",
    "image": "names it as image",
    "build": "builds from it",
    "output": "pushes to it",
    "digest": "runs its image",
}


class Use(Struct, frozen=True, gc=False):
    """Who uses a tag, and how. `kind` is that of a workload, or ImageStreamTag for a tag that follows it.

    `paused`: its trigger does nothing at present. `pods` counts its Pods that run. `via` are the followers between the
    tag and this user, the tag's own first.
    """

    kind: str
    namespace: str
    name: str
    how: How
    containers: tuple[str, ...] = ()
    paused: bool = False
    pods: int = 0
    via: tuple[ObjectKey, ...] = ()

    def __str__(self) -> str:
        place = f"{self.namespace}/{self.name}"
        word = f"container{'s' * (len(self.containers) > 1)} " if self.containers else ""
        told = (f"{word}{', '.join(self.containers)}", _HOWS[self.how], "paused" * self.paused)
        more = ", ".join(part for part in told if part)
        pods = f", {self.pods:,} Pod{'s' * (self.pods != 1)}" if self.pods and self.kind != "Pod" else ""
        kind = "" if self.kind == "ImageStreamTag" else f"{self.kind} "
        return f"{kind}{place}{f' ({more})' if more else ''}{pods}"


class Unread(Struct, frozen=True, gc=False):
    """Objects of a kind that may not be listed, with the server's message; an empty namespace means all."""

    kind: str
    namespace: str
    message: str


class Impact(Struct, frozen=True, gc=False):
    """What follows the tags that a plan changes or prunes, and what could not be looked at."""

    uses: Mapping[ObjectKey, tuple[Use, ...]]
    unread: tuple[Unread, ...] = ()


# ------------------------------------------------------------------------------------------------------- plan


class Cause(StrEnum):
    """Who moved a field: git, the cluster (drift), both, an undo; or nobody: a first sync adopts or takes a tag."""

    GIT = "git"
    DRIFT = "drift"
    BOTH = "both"
    ADOPTED = "adopted"
    TAKEN = "taken"
    UNDO = "undo"


class FieldChange(Struct, frozen=True, gc=False):
    """One field that differs, by JSON pointer. None stands for a field that is absent."""

    path: str
    cause: Cause
    base: Json
    live: Json
    desired: Json


class Request(Struct, frozen=True, gc=False):
    """One HTTP request, exactly as it is sent. `body` is a JSON value, None for no body."""

    method: Literal["POST", "PATCH", "DELETE"]
    path: str
    content_type: str = ""
    body: Json = None


class Veto(Struct, frozen=True, gc=False):
    """Why a tag is left as it is: a code that scripts can rely on, and a sentence."""

    code: str
    message: str


class Resolution(StrEnum):
    """What was found of the image that a tag is going to have.

    `missing`: the registry has no such image; `denied`: it does not let the cluster in; `forbidden`: this client may
    not have the cluster ask; `failed`: no usable answer; `unknown`: the followed tag's new image is not known.
    """

    NEW = "new"
    MOVES = "moves"
    SAME = "same"
    MISSING = "missing"
    DENIED = "denied"
    FORBIDDEN = "forbidden"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Resolved(Struct, frozen=True, gc=False):
    """The image that a tag is going to have, as the cluster found it without an import, and the one that it has.

    `built` are the images' own dates, RFC 3339, empty where not known. `follows` is the tag that it moves with.
    """

    state: Resolution
    digest: str = ""
    built: str = ""
    live_digest: str = ""
    live_built: str = ""
    message: str = ""
    follows: ObjectKey | None = None


class _Change(Struct, frozen=True, gc=False):
    """What every change has: the tag, the reason in words, where git says it, and the tag's image now.

    `resolved` is there where the run was asked to find out what image the tag is going to have.
    """

    action: ClassVar[Literal["create", "update", "prune", "unchanged", "skip"]]
    key: ObjectKey
    reason: str = ""
    origin: Origin | None = None
    image: Import = Import(ImportState.NONE)
    fields: tuple[FieldChange, ...] = ()
    requests: tuple[Request, ...] = ()
    vetoes: tuple[Veto, ...] = ()
    live: Live | None = None
    desired: Desired | None = None
    resolved: Resolved | None = None


class Create(_Change, frozen=True, gc=False):
    """The tag is not there: one POST makes it."""

    action = "create"


class Update(_Change, frozen=True, gc=False):
    """The tag differs: guarded JSON patches. `adopts`: it was nobody's, or another owner's, before this sync."""

    action = "update"
    adopts: bool = False

    @property
    def moves(self) -> bool:
        """Whether it alters what the tag points to, or how it is imported: what the change gate counts."""
        return any(change.path.startswith("/tag/") for change in self.fields)


class Prune(_Change, frozen=True, gc=False):
    """The tag is ours and gone from git: a DELETE, after a fresh read."""

    action = "prune"


class Unchanged(_Change, frozen=True, gc=False):
    """The tag is as git says."""

    action = "unchanged"


class Skip(_Change, frozen=True, gc=False):
    """The tag is left as it is although it differs; the vetoes say why."""

    action = "skip"


Change = Create | Update | Prune | Unchanged | Skip


class Gate(Struct, frozen=True, gc=False):
    """A limit that a plan was held against. `stopped`: the plan is over it; the option lets it pass."""

    name: str
    stopped: bool
    message: str
    option: str = ""


class Plan(Struct, frozen=True, gc=False):
    """What a run would do, in the order it would do it; made of frozen parts, deterministic for the same input.

    `impact` is None where nobody asked for it.
    """

    owner: str
    scope: Scope
    changes: tuple[Change, ...]
    gates: tuple[Gate, ...]
    problems: tuple[Problem, ...]
    complete: bool
    impact: Impact | None = None


# ------------------------------------------------------------------------------------------------------ apply


Wrote = Literal["yes", "no", "unknown"]
"""Whether a write of ours took effect; unknown where its answer was lost: another run may have done the same."""

Result = Literal["created", "configured", "pruned", "unchanged", "skipped", "failed"]


class Outcome(Struct, frozen=True, gc=False):
    """What became of one change.

    `error` says why it failed, or why the run left it (`skipped`) although it was planned; `image` is the import state
    after a wait. `wrote`: whether it was this run that wrote. What another run was quicker with is `unchanged`.
    """

    key: ObjectKey
    result: Result
    error: str = ""
    image: Import | None = None
    wrote: Wrote = "no"


class Target(Struct, frozen=True, gc=False):
    """Which cluster was compared with: the report's `target`."""

    server: str
    context: str = ""
    listing: Listing = "streams"


class Report(Struct, frozen=True, gc=False):
    """All that a run has to say; every format is made of it. `outcomes` is empty for a plan that was not applied.

    `restores`: the plan is a way back. `undo_file` is the way back from this run, empty where it wrote none.
    `shard`: the part of a saved plan that this run applied, None where it was no part. `unmoved_since`: the plan is
    that of a run at this time (RFC 3339), since which neither git nor the cluster moved; empty where it is not.
    """

    source: SourceInfo
    target: Target
    plan: Plan
    outcomes: Mapping[ObjectKey, Outcome] = field(default_factory=dict)
    applied: bool = False
    interrupted: bool = False
    restores: bool = False
    undo_file: str = ""
    notes: tuple[str, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    shard: Shard | None = None
    unmoved_since: str = ""


class SetReport(Struct, frozen=True, gc=False):
    """What one sync set of several came to. `error` and `hint` say why it stopped as a whole, if it did."""

    name: str
    report: Report
    exit_code: int
    error: str = ""
    hint: str = ""


class SetsReport(Struct, frozen=True, gc=False):
    """What a run of several sync sets came to: each of them, in the order that they were asked for."""

    sets: tuple[SetReport, ...]
    exit_code: int
    interrupted: bool = False


class Explanation(Struct, frozen=True, gc=False):
    """All that can be said of one tag; `report` is of a plan that holds its change, or none where there is none.

    `commits` are those that changed its manifest last, newest first; `lacking` says why there are none. `followed` are
    the tags that it follows, one behind the other, None for one that is not on the cluster; `followers` those that
    follow it, as far as git and its stream show them.
    """

    key: ObjectKey
    report: Report
    live: Live | None
    desired: Desired | None
    commits: tuple[Commit, ...] = ()
    lacking: str = ""
    followed: Mapping[ObjectKey, Live | None] = field(default_factory=dict)
    followers: tuple[ObjectKey, ...] = ()

    @property
    def change(self) -> Change | None:
        """What a sync would do."""
        return next(iter(self.report.plan.changes), None)
