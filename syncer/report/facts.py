"""What a report says, told once: every format takes its figures, groups and words from here."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Final, assert_never

from syncer import imagestreamtag
from syncer.model import (
    Cause,
    Create,
    Import,
    ImportState,
    Outcome,
    Prune,
    Request,
    Resolution,
    Severity,
    Skip,
    Unchanged,
    Update,
)
from syncer.report import impact
from syncer.report.values import sentence, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from syncer.model import Change, FieldChange, Json, ObjectKey, Problem, Report, Scope, SourceInfo

FORMAT_VERSION: Final = "1.0"
"""Of every JSON document that a command prints; minor versions only add."""

ACTIONS: Final = ("create", "update", "prune", "unchanged", "skip")
RESULTS: Final = ("created", "configured", "pruned", "unchanged", "skipped", "failed")

CAUSES: Final[Mapping[Cause, str]] = {
    Cause.GIT: "git changed it",
    Cause.DRIFT: "drifted on the cluster",
    Cause.BOTH: "git and the cluster both changed it",
    Cause.ADOPTED: "adopted",
    Cause.TAKEN: "taken",
    Cause.UNDO: "put back",
}
PLANNED: Final = {
    "create": "to create",
    "update": "to update",
    "prune": "to prune",
    "unchanged": "unchanged",
    "skip": "skipped",
}
SIGNS: Final = {"create": "+", "update": "~", "prune": "-", "unchanged": "=", "skip": "!"}
LISTINGS: Final = {"tags": "the tag list", "streams": "the stream list"}

_OWN: Final = frozenset(imagestreamtag.annotation_path(n) for n in (imagestreamtag.OWNER, imagestreamtag.LAST_APPLIED))
_USERINFO: Final = re.compile(r"(?<=://)[^/?#\s]*@")


# ---------------------------------------------------------------------------------------------------- a change


def fields_of(change: Change) -> tuple[FieldChange, ...]:
    """Give the fields that differ, without our own annotations."""
    return tuple(field for field in change.fields if field.path not in _OWN)


def moved_apart(field: FieldChange) -> bool:
    """Whether git and the cluster both moved a field, so that what was applied last tells a reader something."""
    return field.cause is Cause.BOTH


def told_above(change: Change) -> bool:
    """Whether the reason of a change already says who moved each of its fields."""
    causes = {field.cause for field in fields_of(change)}
    return len(causes) == 1 and change.reason.startswith(CAUSES[causes.pop()])


def outcome_of(report: Report, change: Change) -> Outcome | None:
    """Give what became of a change; None where nothing was applied. What the run did not reach is skipped."""
    if not report.applied:
        return None
    outcome = report.outcomes.get(change.key)
    if outcome:
        return outcome
    match change:
        case Unchanged():
            return Outcome(change.key, "unchanged")
        case Skip():
            return Outcome(change.key, "skipped")
        case Create() | Update() | Prune():
            return Outcome(change.key, "skipped", "the run ended before it")
        case _:
            assert_never(change)


def image_of(report: Report, change: Change) -> Import:
    """Give where a tag's image stands: after a wait as it is then, else as it was listed; a pruned tag has none."""
    outcome = report.outcomes.get(change.key)
    if outcome and outcome.result == "pruned":
        return Import(ImportState.NONE)
    return outcome.image if outcome and outcome.image else change.image


def status_of(report: Report, change: Change) -> str:
    """Give the one word that says most: the action, or `failed` where applying it failed."""
    outcome = outcome_of(report, change)
    return "failed" if outcome and outcome.result == "failed" else change.action


def asked_for(change: Change) -> dict[str, Json]:
    """Give what a tag that is made will ask for, and what a tag that goes away asked for, by JSON pointer."""
    match change:
        case Create(requests=(Request(body={"metadata": dict() as metadata, "tag": dict() as tag}), *_)):
            fields = imagestreamtag.fields_of(metadata.get("annotations") or {}, tag)
        case Prune(live=live) if live:
            defaults = imagestreamtag.DEFAULTS
            fields = {p: value for p, value in imagestreamtag.live_fields(live).items() if value != defaults.get(p)}
        case _:
            fields = {}
    return {path: value for path, value in fields.items() if path not in _OWN}


_UNRESOLVED: Final[Mapping[Resolution, str]] = {
    Resolution.MISSING: "does not exist",
    Resolution.DENIED: "no permission to pull it",
    Resolution.FORBIDDEN: "not looked up: no permission to ask",
    Resolution.FAILED: "could not be resolved",
}


def resolved_words(change: Change, digest: Callable[[str], str]) -> str:
    """Say which image a tag is going to have, digests by `digest`; empty where that was not looked up."""
    resolved = change.resolved
    if resolved is None:
        return ""
    follows = resolved.follows
    target = "" if not follows else follows.name if follows.namespace == change.key.namespace else str(follows)
    new, old = (
        f"{digest(one)}{f' (built {visible(built[:10])})' * bool(built)}"
        for one, built in ((resolved.digest, resolved.built), (resolved.live_digest, resolved.live_built))
    )
    match resolved.state:
        case Resolution.MOVES:
            return f"moves{f' with {visible(target)},' * bool(target)} from {old} to {new}"
        case Resolution.NEW:
            return f"gets {f'that of {visible(target)}, ' * bool(target)}{new}"
        case Resolution.SAME:
            return f"same image, {new}"
        case Resolution.UNKNOWN:
            verb = "moves with" if resolved.live_digest else "gets that of"
            return f"{verb} {visible(target)}, whose new image is not known" if target else "not known"
        case _:
            return _UNRESOLVED[resolved.state]


def why(change: Change, now: datetime | None = None) -> str:
    """Give the reason of a change with the commit that is behind it; its age with `now`, else its date."""
    commit = change.origin.commit if change.origin else None
    by_git = isinstance(change, Create) or {field.cause for field in change.fields} & {Cause.GIT, Cause.BOTH}
    if commit is None or not by_git:
        return change.reason
    told = f"{commit.id[:7]}, {ago(commit.time, now) or commit.time[:10]}"
    words = CAUSES[Cause.GIT]
    if change.reason.startswith(words):
        return f"{words} in {told}{change.reason.removeprefix(words)}"
    return f"{change.reason}; last commit {told}"


def age(since: str, now: datetime | None) -> str:
    """Say how long ago an RFC 3339 time is, as kubectl does: `for 3d, `; empty where it cannot be told."""
    number, unit = _span(since, now)
    return f"for {number}{unit[0]}, " if unit else ""


def ago(time: str, now: datetime | None) -> str:
    """Say how long ago an RFC 3339 time is, as git does: `2 days ago`; empty where it cannot be told."""
    number, unit = _span(time, now)
    return f"{number} {unit}{'s' * (number != 1)} ago" if unit else ""


def _span(since: str, now: datetime | None) -> tuple[int, str]:
    try:
        seconds = int((now - datetime.fromisoformat(since)).total_seconds()) if now else -1
    except (ValueError, TypeError):
        return 0, ""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds >= length * (2 if length > 1 else 0):
            return seconds // length, unit
    return 0, ""


# ------------------------------------------------------------------------------------------------- all changes


def summary(report: Report) -> dict[str, int]:
    """Count the changes by action, and those whose apply failed."""
    counts = Counter(change.action for change in report.plan.changes)
    failed = results(report)["failed"] if report.applied else 0
    return {**{action: counts[action] for action in ACTIONS}, "failed": failed}


def results(report: Report) -> dict[str, int]:
    """Count what became of the changes of an apply."""
    counts = Counter(outcome.result for change in report.plan.changes if (outcome := outcome_of(report, change)))
    return {result: counts[result] for result in RESULTS}


def shown(report: Report, *, unchanged: bool = False) -> list[Change]:
    """List the changes that a reader cares for, in plan order: without the unchanged, unless they are asked for.

    A tag that is unchanged and yet gets another image, with one that it follows, is among them.
    """
    return [
        change for change in report.plan.changes if unchanged or change.resolved or not isinstance(change, Unchanged)
    ]


MOST: Final = 10_000
"""Tags that a report for people lists one by one: as many as a browser, or somebody who scrolls, can take."""

MOST_SAID: Final = 1_000
"""Entries of a list of problems, failed imports or notes in a report for people."""

_URGENT: Final = ("failed", "prune", "skip", "update", "create", "unchanged")


def by_urgency(report: Report, changes: Iterable[Change]) -> list[Change]:
    """Sort changes for where not all can be told: what went wrong first, then what takes away or was left as it is."""
    return sorted(changes, key=lambda change: _URGENT.index(status_of(report, change)))


def listed(report: Report, changes: Sequence[Change]) -> frozenset[ObjectKey]:
    """Choose the changes that a report for people lists one by one; of more than MOST, the most urgent ones."""
    chosen = by_urgency(report, changes)[:MOST] if len(changes) > MOST else changes
    return frozenset(change.key for change in chosen)


def by_namespace(changes: Iterable[Change]) -> dict[str, list[Change]]:
    """Group changes by namespace, in the order in which each comes first."""
    groups: dict[str, list[Change]] = {}
    for change in changes:
        groups.setdefault(change.key.namespace, []).append(change)
    return groups


def counted(changes: Iterable[Change]) -> list[str]:
    """Count changes by action, in words: `2 to create`."""
    counts = Counter[str](change.action for change in changes)
    return [f"{counts[action]:,} {word}" for action, word in PLANNED.items() if counts[action]]


def imports_in(report: Report, state: ImportState) -> list[tuple[Change, Import]]:
    """List the tags whose import is in a state, whatever their action: all that stay, so far as is known."""
    staying = (change for change in report.plan.changes if report.applied or not isinstance(change, Prune))
    images = ((change, image_of(report, change)) for change in staying)
    return [(change, image) for change, image in images if image.state is state]


def problems(report: Report) -> list[Problem]:
    """List the problems, errors first, otherwise in the plan's order."""
    return sorted(report.plan.problems, key=lambda problem: problem.severity is not Severity.ERROR)


# ------------------------------------------------------------------------------------------------------- words


def headline(report: Report) -> str:
    """Sum up in one line: what a sync would do, or what one did."""
    counts, words = summary(report), PLANNED
    if report.applied:
        counts, words = results(report), {result: result for result in RESULTS}
    why = _why_skipped(report)
    told = [
        f"{counts[count]:,} {word}{why * word.startswith('skip')}" for count, word in words.items() if counts[count]
    ]
    at_rest = not any(counts[count] for count in words if count != "unchanged")
    if at_rest and report.plan.complete:
        told.insert(0, "nothing to do")
    if not report.plan.complete:
        told.append("incomplete: not everything could be listed or parsed")
    if report.interrupted:
        told.insert(0, "interrupted")
    did = ("Restore" if report.restores else "Sync") if report.applied else "Plan"
    shard = report.shard or report.plan.scope.shard
    part = f", part {shard}" if shard else ""
    return f"{did}{part}: {', '.join(told)}."


def complaint(report: Report) -> str:
    """Say in one line what is wrong: what makes a run end with 1 or 4; empty where nothing is."""
    told = [
        *(f"{place(p)}: {p.message}".removeprefix(": ") for p in problems(report) if p.severity is Severity.ERROR),
        *(f"{outcome.key}: {outcome.error}" for outcome in report.outcomes.values() if outcome.error),
        *(f"{change.key}: {image.message}" for change, image in imports_in(report, ImportState.FAILED)),
    ]
    more = f" (and {len(told) - 1:,} more)" if len(told) > 1 else ""
    return f"{told[0]}{more}" if told else ""


_UNMOVED: Final = "Neither git nor the cluster moved since the run at {}: this is its result (--no-cache plans anew)."


def notes(report: Report) -> list[str]:
    """List the remarks on the run as a whole, and the way back from it."""
    unmoved = [_UNMOVED.format(report.unmoved_since)] if report.unmoved_since else []
    return [*report.notes, *impact.remarks(report), *way_back(report), *unmoved]


def way_back(report: Report) -> list[str]:
    """Say how to go back from a run that wrote an undo file."""
    return [f"The way back: syncer restore {shlex.quote(report.undo_file)}"] if report.undo_file else []


def _why_skipped(report: Report) -> str:
    """Say in brackets why tags are skipped, by their first veto; empty where an interrupt, too, left some out."""
    reasons = Counter(_veto_words(change) for change in report.plan.changes if isinstance(change, Skip))
    if not reasons or (report.applied and reasons.total() != results(report)["skipped"]):
        return ""
    counted = [reason if len(reasons) == 1 else f"{count:,} {reason}" for reason, count in reasons.most_common()]
    return f" ({', '.join(counted)})"


def _veto_words(change: Change) -> str:
    code = change.vetoes[0].code if change.vetoes else "left as it is"
    owner = imagestreamtag.owner_of(change.live) if change.live and code == "owned" else None
    return f"owned by {sentence(without_userinfo(owner[0]), 100)}" if owner else code


def scope_words(scope: Scope) -> str:
    """Say what is listed and may be pruned."""
    part = f", part {scope.shard}" if scope.shard else ""
    if scope.all_namespaces:
        return f"all namespaces{part}"
    if not scope.namespaces:
        return "no namespace"
    word = "namespace" if len(scope.namespaces) == 1 else "namespaces"
    derived = " (those that the manifests name; namespaces that left git are not looked at)" if scope.derived else ""
    return f"{word} {', '.join(scope.namespaces)}{derived}{part}"


def source_words(source: SourceInfo) -> list[str]:
    """Say what was read, in parts: ref at commit, path, dirty."""
    at = " @ ".join(part for part in (source.ref, source.commit[:12]) if part)
    path = f"path {source.path}" if source.path else ""
    return [part for part in (at, path, "dirty: not all of it is committed" if source.dirty else "") if part]


def place(problem: Problem) -> str:
    """Say where a problem is, as `file:line:column`, with the tag or namespace where there is one; may be empty."""
    return ", ".join(_places(problem))


def _places(problem: Problem) -> Iterator[str]:
    if problem.file:
        numbers = (problem.line, problem.column) if problem.line else ()
        yield ":".join([problem.file, *(str(number) for number in numbers if number)])
    tag = "/".join(part for part in (problem.namespace, problem.name) if part)
    if tag:
        yield tag


def without_userinfo(url: str) -> str:
    """Give a URL without user and password: they must never be printed."""
    return _USERINFO.sub("", url)


def field_name(path: str) -> str:
    """Write a JSON pointer as people say it: `tag.from`, `annotations[example.com/team]`."""
    prefix = imagestreamtag.annotation_path("")
    if path.startswith(prefix):
        return f"annotations[{imagestreamtag.unescape(path.removeprefix(prefix))}]"
    return ".".join(imagestreamtag.unescape(part) for part in path.strip("/").split("/"))
