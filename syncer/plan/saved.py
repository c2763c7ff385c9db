"""Saved plans: the JSON document of a plan, read back into the Plan that it was made of.

What is read is judged whole before any of it is used: its version, its checksum, the type of each value, and whether
each request is one for the tag that it stands with.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn, TypeVar, cast, get_args

from msgspec.structs import replace

from syncer import imagestreamtag
from syncer.errors import SourceError
from syncer.imagestreamtag import LAST_APPLIED, annotation_path
from syncer.model import (
    Cause,
    Commit,
    Create,
    Desired,
    FieldChange,
    Gate,
    How,
    Impact,
    Import,
    ImportState,
    Json,
    Live,
    ObjectKey,
    Origin,
    Outcome,
    Plan,
    Problem,
    Prune,
    Report,
    Request,
    Resolution,
    Resolved,
    Result,
    Scope,
    Severity,
    Shard,
    Skip,
    SourceInfo,
    Target,
    Unchanged,
    Unread,
    Update,
    Use,
    Veto,
)

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from syncer.model import Change

_T = TypeVar("_T")

AGAIN: Final = "make a new one: syncer plan SOURCE -o json=PLAN"
_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_VERSION: Final = re.compile(r"1\.\d+")
_UNBOUND: Final = frozenset({"checksum", "timings", "syncer_version"})
"""What may differ between two documents of the same plan, besides the checksum itself."""
_KINDS: Final[Mapping[str, type[Change]]] = {kind.action: kind for kind in (Create, Update, Prune, Unchanged, Skip)}
_STATES: Final = {str(state): state for state in ImportState}
_METHODS: Final[Mapping[str, re.Pattern[str]]] = {
    "create": re.compile("POST"),
    "update": re.compile("PATCH( PATCH)*"),
    "prune": re.compile("DELETE"),
    "unchanged": re.compile(""),
    "skip": re.compile(""),
}


@dataclass(frozen=True, slots=True)
class Saved:
    """A plan as it was saved: what it was made of, and the cluster that it was made for."""

    source: SourceInfo
    target: Target
    plan: Plan
    checksum: str = ""


# -------------------------------------------------------------------------------------------------- the document


def checksum(document: Mapping[str, Json]) -> str:
    """Give the SHA-256 of a document's canonical JSON, to notice edits by hand: anybody can compute it anew.

    An iterator stands for a list. Of a list, one item at a time is held as text.
    """
    digest = hashlib.sha256()
    for number, name in enumerate(sorted(document.keys() - _UNBOUND)):
        digest.update(f"{',' if number else '{'}{_canonical(name)}:".encode())
        for text in _items(document[name]):
            digest.update(text.encode())
    digest.update(b"}")
    return f"sha256:{digest.hexdigest()}"


def _items(value: Json) -> Iterator[str]:
    if not isinstance(value, list | Iterator):
        yield _canonical(value)
        return
    yield "["
    for number, item in enumerate(value):
        yield f"{',' * bool(number)}{_canonical(item)}"
    yield "]"


def _canonical(value: Json) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def load(data: bytes, name: str) -> Saved:
    """Read a saved plan; `name` is what messages call it. Raises SourceError."""
    return _saved(_whole(data, name))


def load_report(data: bytes, name: str) -> Report:
    """Read the report of a run, with what came of it; `name` is what messages call it. Raises SourceError."""
    part = _whole(data, name)
    saved = _saved(part)
    applied = part.of("applied", bool)
    outcomes = zip(saved.plan.changes, part.items("changes"), strict=True) if applied else ()
    return Report(
        saved.source,
        saved.target,
        saved.plan,
        outcomes={change.key: _outcome(change.key, each) for change, each in outcomes},
        applied=applied,
        interrupted=part.of("interrupted", bool),
        undo_file=part.of("undo_file", str),
        notes=part.texts("notes"),
        timings={stage: part.part("timings").of(stage, float) for stage in part.of("timings", dict)},
        shard=_shard(part.part("shard")) if "shard" in part.value else None,
    )


def _shard(part: _Part) -> Shard:
    index, count = part.of("index", int), part.of("count", int)
    if not 0 <= index < count:
        raise part.wrong(f"is part {index} of {count}")
    return Shard(index, count, part.of("plan", str) if "plan" in part.value else "")


def _outcome(key: ObjectKey, part: _Part) -> Outcome:
    result = part.one_of("outcome", get_args(Result))
    return Outcome(key, cast("Result", result), part.of("error", str))


def _whole(data: bytes, name: str) -> _Part:
    try:
        document = json.loads(data, parse_constant=_no_constant)
        _check_whole(document, name)
        if _SURROGATE.search(data):  # half of a pair has no UTF-8, and so is in no name, no request and no report
            json.dumps(document, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise SourceError(f"{name}:{error.lineno}:{error.colno}: not JSON: {error.msg}", hint=AGAIN) from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{name} is not JSON", hint=AGAIN) from error
    return _Part(document, name)


def _no_constant(_: str) -> NoReturn:
    raise ValueError


def _check_whole(document: Json, name: str) -> None:
    version = document.get("format_version") if isinstance(document, dict) else None
    if not isinstance(version, str):
        raise SourceError(f"{name} is no saved plan: it has no format_version", hint=AGAIN)
    if not _VERSION.fullmatch(version):
        raise SourceError(f"{name} has format_version {version!r}; this syncer reads 1.x", hint=AGAIN)
    if isinstance(document.get("sets"), list):
        raise SourceError(
            f"{name} is the report of several sync sets, and what is asked for is that of one",
            hint=f"take one out: jq '.sets[] | select(.name == \"NAME\") | .report' {name} > one.json; "
            "or plan one alone: syncer plan --set NAME -o json=PLAN",
        )
    if "checksum" not in document:
        raise SourceError(f"{name} is no saved plan: it has no checksum", hint=AGAIN)
    if document["checksum"] != checksum(document):
        raise SourceError(
            f"{name} is not as it was written: its checksum does not match, so it was edited or damaged",
            hint=f"change the manifests instead, and {AGAIN}",
        )


class _Part(NamedTuple):
    """A value of the document and where it stands, so that a wrong one can be named: `key` of the part `up`.

    A tuple, and its place is put into words only when it is needed: a plan of a million tags has thirty million values.
    """

    value: Json
    name: str
    up: _Part | None = None
    key: str | int = ""

    @property
    def where(self) -> str:
        if self.up is None:
            return ""
        return (
            f"{self.up.where}[{self.key}]" if isinstance(self.key, int) else f"{self.up.where}.{self.key}".lstrip(".")
        )

    def wrong(self, what: str) -> SourceError:
        return SourceError(f"{self.name} is no plan that can be applied: {self.where or 'it'} {what}", hint=AGAIN)

    def part(self, name: str) -> _Part:
        if not isinstance(self.value, dict):
            raise self.wrong("is no object")
        if name not in self.value:
            raise self.wrong(f"has no {name}")
        return _Part(self.value[name], self.name, self, name)

    def of(self, name: str, kind: type[_T]) -> _T:
        try:
            value = self.value[name]
        except (TypeError, LookupError):
            value = self.part(name).value
        if type(value) is not kind:
            raise self.part(name).wrong(f"is no {kind.__name__}")
        return value

    def one_of(self, name: str, words: Container[str]) -> str:
        value = self.of(name, str)
        if value not in words:
            raise self.part(name).wrong(f"is {value!r}")
        return value

    def items(self, name: str) -> list[_Part]:
        found = self.of(name, list)
        part = self.part(name) if found else self
        return [_Part(each, self.name, part, n) for n, each in enumerate(found)]

    def texts(self, name: str) -> tuple[str, ...]:
        for item in self.items(name):
            if not isinstance(item.value, str):
                raise item.wrong("is no str")
        return tuple(self.of(name, list))


def _saved(part: _Part) -> Saved:
    source, target, scope, owner = part.part("source"), part.part("target"), part.part("scope"), part.of("owner", str)
    listing = target.one_of("listing", ("tags", "streams"))
    changes = tuple(_change(each, owner) for each in part.items("changes"))
    if len({change.key for change in changes}) != len(changes):
        raise part.part("changes").wrong("name a tag twice")
    return Saved(
        source=SourceInfo(
            **{name: source.of(name, str) for name in ("url", "ref", "commit", "path")}, dirty=source.of("dirty", bool)
        ),
        target=Target(target.of("server", str), target.of("context", str), "tags" if listing == "tags" else "streams"),
        plan=Plan(
            owner=owner,
            scope=Scope(
                scope.of("all_namespaces", bool),
                scope.texts("namespaces"),
                scope.of("derived", bool),
                _shard(scope.part("shard")) if "shard" in scope.value else None,
            ),
            changes=changes,
            gates=tuple(_gate(each) for each in part.items("gates")),
            problems=tuple(_problem(each) for each in part.items("problems")),
            complete=part.of("complete", bool),
            impact=_impact(part) if "impact" in part.value else None,
        ),
        checksum=part.of("checksum", str),
    )


def _impact(part: _Part) -> Impact:
    unread = part.part("impact").items("unread")
    changes = [change for change in part.items("changes") if "impact" in change.value]
    return Impact(
        {_key(change): tuple(_use(use) for use in change.items("impact")) for change in changes},
        tuple(Unread(each.of("kind", str), each.of("namespace", str), each.of("message", str)) for each in unread),
    )


def _use(part: _Part) -> Use:
    return Use(
        part.of("kind", str),
        part.of("namespace", str),
        part.of("name", str),
        how=cast("How", part.one_of("how", get_args(How))),
        containers=part.texts("containers"),
        paused=part.of("paused", bool),
        pods=part.of("pods", int),
        via=tuple(_named(text) for text in part.texts("via")),
    )


def _resolved(part: _Part) -> Resolved:
    follows = part.part("follows")
    return Resolved(
        Resolution(part.one_of("state", [*Resolution])),
        **{name: part.of(name, str) for name in ("digest", "built", "live_digest", "live_built", "message")},
        follows=None if follows.value is None else _key(follows),
    )


def _gate(part: _Part) -> Gate:
    name, message, option = (part.of(each, str) for each in ("name", "message", "option"))
    return Gate(name, part.of("stopped", bool), message, option)


def _problem(part: _Part) -> Problem:
    return Problem(
        Severity(part.one_of("severity", [*Severity])),
        **{name: part.of(name, str) for name in ("code", "message", "hint", "file", "namespace", "name")},
        line=part.of("line", int),
        column=part.of("column", int),
    )


# ------------------------------------------------------------------------------------------------------- changes


def _change(part: _Part, owner: str) -> Change:
    key, image = _key(part), _image(part.part("import"))
    change = _KINDS[part.one_of("action", _KINDS)](
        key=key,
        reason=part.of("reason", str),
        origin=_origin(part.part("origin")),
        image=image,
        fields=tuple(_field(each) for each in part.items("fields")),
        requests=tuple(_request(each, key) for each in part.items("requests")),
        vetoes=tuple(Veto(each.of("code", str), each.of("message", str)) for each in part.items("vetoes")),
        live=_observed(part.part("observed"), key, image),
        resolved=_resolved(part.part("resolved")) if "resolved" in part.value else None,
    )
    _check_change(change, part, owner)
    if isinstance(change, Update) and change.live:
        change = replace(change, adopts=imagestreamtag.owner_of(change.live) != (owner, True))
    return replace(change, desired=_desired(change, part))


def _key(part: _Part) -> ObjectKey:
    key = _named(f"{part.of('namespace', str)}/{part.of('name', str)}")
    if not all(key):
        raise part.wrong("has no namespace, or no name of the form STREAM:TAG")
    return key


def _named(text: str) -> ObjectKey:
    namespace, _, name = text.partition("/")
    stream, _, tag = name.partition(":")
    return ObjectKey(namespace, stream, tag)


def _origin(part: _Part) -> Origin | None:
    if part.value is None:
        return None
    origin = Origin(part.of("file", str), part.of("line", int))
    if "commit" not in part.value:
        return origin
    commit = part.part("commit")
    told = (commit.of(name, str) for name in ("id", "time", "author", "subject"))
    return replace(origin, commit=Commit(*told))


def _check_change(change: Change, part: _Part, owner: str) -> None:
    """Refuse what no planner makes: requests of another kind, and a write whose proof is not there."""
    if not _METHODS[change.action].fullmatch(" ".join(request.method for request in change.requests)):
        raise part.wrong(f"has requests that are none of {change.action}")
    if isinstance(change, Update | Prune) and change.live is None:
        raise part.wrong("does not say what was observed")
    if isinstance(change, Prune) and change.live and imagestreamtag.owner_of(change.live) != (owner, True):
        raise part.wrong(f"prunes a tag that is not marked as owned by {owner}")


def _image(part: _Part) -> Import:
    state = _STATES[part.one_of("state", _STATES)]
    return Import(state, part.of("digest", str), part.of("message", str), part.of("since", str))


def _field(part: _Part) -> FieldChange:
    base, live, desired = (part.part(name).value for name in ("base", "live", "desired"))
    return FieldChange(part.of("path", str), Cause(part.one_of("cause", [*Cause])), base, live, desired)


def _request(part: _Part, key: ObjectKey) -> Request:
    path, kind, body = part.of("path", str), part.of("content_type", str), part.part("body").value
    tag_path, tags_path = imagestreamtag.tag_path(key), imagestreamtag.tags_path(key.namespace)
    match part.of("method", str), body:
        case "POST", {"metadata": {"name": key.name, "namespace": key.namespace}, "tag": {}} if path == tags_path:
            return Request("POST", path, kind, body)
        case "PATCH", [*operations] if path == tag_path and all(map(_is_operation, operations)):
            return Request("PATCH", path, kind, body)
        case "DELETE", {"preconditions": {"uid": str()}} if path == tag_path:
            return Request("DELETE", path, kind, body)
        case _:
            raise part.wrong(f"is no request for {key}")


def _is_operation(value: Json) -> bool:
    return isinstance(value, dict) and isinstance(value.get("op"), str) and isinstance(value.get("path"), str)


def _observed(part: _Part, key: ObjectKey, image: Import) -> Live | None:
    if part.value is None:
        return None
    spec, annotations = part.part("spec"), part.of("annotations", dict)
    if not all(isinstance(value, str) for value in annotations.values()):
        raise part.part("annotations").wrong("hold what is no str")
    return Live(
        key=key,
        spec=None if spec.value is None else part.of("spec", dict),
        annotations=annotations,
        uid=part.of("uid", str),
        resource_version="",
        image=replace(image, digest=part.of("digest", str)),
    )


def _desired(change: Change, part: _Part) -> Desired | None:
    """Give what git asked for, which the mark that goes along with a write records; it decides the order of writes."""
    match change:
        case Create() | Update():
            try:
                fields = _recorded(json.loads(_record(change)))
            except (KeyError, ValueError, AttributeError, TypeError):
                raise part.wrong(f"records no {LAST_APPLIED}") from None
        case Unchanged() | Skip() if change.live:
            fields = imagestreamtag.live_fields(change.live)
        case _:
            return None
    origin = change.origin or Origin("", 0)
    return Desired(change.key, fields, Origin(origin.file, origin.line))


def _recorded(manifest: Json) -> dict[str, Json]:
    return imagestreamtag.fields_of((manifest.get("metadata") or {}).get("annotations") or {}, manifest["tag"])


def _record(change: Create | Update) -> str:
    """Find last-applied as it will be in the end; a patch leaves it out where it stays as it is."""
    if change.requests[0].method == "POST":
        return str(change.requests[0].body["metadata"]["annotations"][LAST_APPLIED])
    written = [
        op["value"]
        for request in change.requests
        for op in request.body
        if op["path"] == annotation_path(LAST_APPLIED) and op["op"] != "test"
    ]
    return str(written[-1] if written or not change.live else change.live.annotations[LAST_APPLIED])
