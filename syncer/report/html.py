"""The report as one self-contained HTML page, which asks nobody for anything. Only here is jinja2 imported."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, TypeVar

import jinja2
from markupsafe import Markup

from syncer.model import ImportState
from syncer.report import facts, impact, sets
from syncer.report.values import Values, sentence, visible

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from syncer.model import Change, Json, ObjectKey, Report, SetReport, SetsReport

T = TypeVar("T")

REQUESTS_SHOWN: Final = 500
"""Changes up to which the page holds every request; beyond, it would be too big for a phone."""
STATES: Final = (*facts.ACTIONS, "failed")


def render(report: Report) -> str:
    """Write the page. Script and style are allowed by their hash alone, so nothing that data brings along can run."""
    page = _page(report)
    kind = "sync" if report.applied else "plan"
    return _written(kind, facts.headline(report), [page], _resource("report.css"), shown=len(facts.shown(report)))


def render_sets(report: SetsReport) -> str:
    """Write one page of several sync sets: what each came to, and below it a section a set."""
    planned = [each for each in report.sets if not sets.failed(each)]
    numbers = {each.name: number for number, each in enumerate(report.sets, 1)}
    return _written(
        "sync" if any(each.report.applied for each in report.sets) else "plan",
        sets.headline(report),
        [_page(each.report, each.name, numbers[each.name]) for each in planned],
        _resource("report.css") + _resource("sets.css"),
        shown=sum(len(facts.shown(each.report)) for each in planned),
        told=[_set(each) for each in report.sets],
    )


def _written(  # noqa: PLR0913 - what the template takes
    kind: str,
    headline: str,
    pages: list[dict[str, Any]],
    style: str,
    *,
    shown: int,
    told: Sequence[dict[str, Any]] = (),
) -> str:
    script = _resource("report.js")
    numbers = Counter[str]()
    for page in pages:
        numbers.update(dict(page["states"]))
    return (
        _environment()
        .from_string(_resource("report.html.j2"))
        .render(
            style=Markup(style),  # noqa: S704 - a file of this package
            script=Markup(script),  # noqa: S704 - likewise
            style_hash=_hash(style),
            script_hash=_hash(script),
            kind=kind,
            headline=headline,
            pages=pages,
            sets=told,
            states=[(state, numbers[state]) for state in STATES],
            causes=[(str(cause), words) for cause, words in facts.CAUSES.items()],
            with_requests=shown <= REQUESTS_SHOWN,
        )
    )


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        autoescape=True,
        finalize=_finalize,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _finalize(value: object) -> object:
    """Escape what does not show in everything that a template writes, before the HTML escaping."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _resource(name: str) -> str:
    return files("syncer.report").joinpath("templates", name).read_text(encoding="utf-8")


def _hash(text: str) -> Markup:
    """Give the source expression by which a Content-Security-Policy allows an inline text (CSP 3, section 2.3.1)."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return Markup("'sha256-{}'").format(Markup(digest))  # noqa: S704 - base64


# -------------------------------------------------------------------------------------------------------- data


def _set(each: SetReport) -> dict[str, Any]:
    end = sets.ENDS.get(each.exit_code, "")
    told = {"name": each.name, "line": sets.line(each), "as_it_should": not end, "end": end.capitalize()}
    return {**told, "error": sentence(each.error), "hint": sentence(each.hint)}


def _page(report: Report, name: str = "", number: int = 0) -> dict[str, Any]:
    """Give what the template tells of a report, which is that of a set where it has a name; `number` makes its ids."""
    source, target, plan = report.source, report.target, report.plan
    values = Values.of(report)
    groups = facts.by_namespace(plan.changes)
    listed = facts.listed(report, plan.changes)
    failed_imports, problems, notes = (
        facts.imports_in(report, ImportState.FAILED),
        facts.problems(report),
        facts.notes(report),
    )
    compared = [f"context {target.context}"] if target.context else []
    counts = Counter(facts.status_of(report, change) for change in plan.changes)
    return {
        "set": name,
        "id": f"set-{number}-" if number else "",
        "about": f"{name}/" if name else "",
        "header": [
            ("Source", facts.without_userinfo(source.url), facts.source_words(source)),
            ("Target", facts.without_userinfo(target.server), [*compared, f"by {facts.LISTINGS[target.listing]}"]),
            ("Owner", plan.owner or "none", []),
            ("Scope", facts.scope_words(plan.scope), []),
        ],
        "complete": plan.complete,
        "gates": _some(plan.gates),
        "problems": _some([(str(problem.severity), facts.place(problem), problem) for problem in problems]),
        "failed_imports": _some([_failed_import(change, image, values) for change, image in failed_imports]),
        "notes": _some(notes),
        "states": [(state, counts[state]) for state in STATES],
        "namespaces": [_namespace(report, where, changes, values, listed) for where, changes in groups.items()],
        "left_out": len(plan.changes) - len(listed),
        "total": len(plan.changes),
        "timings": [(stage, f"{seconds:.2f} s") for stage, seconds in sorted(report.timings.items())],
    }


def _some(entries: Sequence[T]) -> tuple[Sequence[T], int]:
    """Give as many entries of a list as a page has, and how many more there are."""
    return entries[: facts.MOST_SAID], max(len(entries) - facts.MOST_SAID, 0)


def _failed_import(change: Change, image: Any, values: Values) -> dict[str, str]:  # noqa: ANN401 - an Import
    digest = values.digest(image.digest) if image.digest else ""
    return {"key": str(change.key), "since": image.since, "message": sentence(image.message), "digest": digest}


def _namespace(
    report: Report, name: str, changes: list[Change], values: Values, listed: Container[ObjectKey]
) -> dict[str, Any]:
    counts = Counter(facts.status_of(report, change) for change in changes)
    total, changes = len(changes), [change for change in changes if change.key in listed]
    return {
        "name": name,
        "total": total,
        "left_out": total - len(changes),
        "bar": list(_bar(counts, total)),
        "counts": [(state, counts[state]) for state in STATES if counts[state]],
        "changed": [
            _change(report, change, values) for change in changes if change.action != "unchanged" or change.resolved
        ],
        "unchanged": [
            _change(report, change, values)
            for change in changes
            if change.action == "unchanged" and not change.resolved
        ],
    }


def _bar(counts: Mapping[str, int], total: int) -> Iterator[tuple[str, int, str, str]]:
    """Yield the parts of a bar: state, number, and where it begins and how wide it is, in percent."""
    before = 0
    for state in STATES:
        if counts[state]:
            yield state, counts[state], f"{before * 100 / total:.3f}", f"{counts[state] * 100 / total:.3f}"
            before += counts[state]


def _change(report: Report, change: Change, values: Values) -> dict[str, Any]:
    outcome = facts.outcome_of(report, change)
    image = facts.image_of(report, change)
    fields = facts.fields_of(change)
    return {
        "name": change.key.name,
        "sign": facts.SIGNS[change.action],
        "action": change.action,
        "status": facts.status_of(report, change),
        "outcome": outcome.result if outcome else "",
        "error": sentence(outcome.error) if outcome else "",
        "reason": facts.why(change),
        "where": f"{change.origin.file}:{change.origin.line}" if change.origin else "",
        "causes": " ".join(sorted({str(field.cause) for field in fields})),
        "fields": [
            {
                "name": facts.field_name(field.path),
                "pair": values.pair(field.live, field.desired),
                "cause": "" if facts.told_above(change) else facts.CAUSES[field.cause],
                "base": values.one(field.base) if facts.moved_apart(field) else "",
            }
            for field in fields
        ],
        "asked": [(facts.field_name(path), values.one(value)) for path, value in facts.asked_for(change).items()],
        "vetoes": [(veto.code, sentence(veto.message)) for veto in change.vetoes],
        "users": impact.users_of(report, change),
        "import": (str(image.state), values.digest(image.digest) if image.digest else ""),
        "resolved": facts.resolved_words(change, values.digest),
        "found": bool(change.resolved and change.resolved.digest),
        "requests": [(f"{r.method} {r.path}", _lines(r.body)) for r in change.requests],
    }


def _lines(body: Json) -> list[str]:
    return json.dumps(body, indent=2, sort_keys=True).splitlines() if body is not None else []
