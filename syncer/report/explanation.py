"""An Explanation as text and as JSON: one tag, for a person who was woken by it."""

from __future__ import annotations

import json
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from msgspec.structs import asdict
from rich.text import Text

from syncer import __version__, imagestreamtag
from syncer.model import ImportState
from syncer.report import facts
from syncer.report.document import change_of, import_of
from syncer.report.text import STYLES, Page
from syncer.report.values import ABSENT, Values, sentence, visible

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from syncer.model import Explanation, Json, ObjectKey

SIDE_BY_SIDE: Final = 90
"""Columns from which on the three states stand side by side."""
STATES: Final = ("last applied", "live", "git")
_WORDS: Final = {
    "create": "would create it",
    "update": "would update it",
    "prune": "would prune it",
    "unchanged": "leaves it as it is",
    "skip": "leaves it alone",
}
_LABEL: Final = 11


def render_json(told: Explanation) -> str:
    """Write an explanation as JSON; `#/$defs/explanation` of the schema describes it."""
    live, change, plan = told.live, told.change, told.report.plan
    mark = imagestreamtag.owner_of(live) if live else None
    base = imagestreamtag.base_of(live) if live else None
    document = {
        "format_version": facts.FORMAT_VERSION,
        "syncer_version": __version__,
        "namespace": told.key.namespace,
        "name": told.key.name,
        "owner": plan.owner,
        "complete": plan.complete,
        "change": change_of(told.report, change) if change else None,
        "base": base,
        "live": dict(imagestreamtag.live_fields(live)) if live else None,
        "desired": dict(told.desired.fields) if told.desired else None,
        "import": import_of(live.image) if live else None,
        "marked": {"owner": mark[0], "copied": not mark[1]} if mark else None,
        "commits": [asdict(commit) for commit in told.commits],
        "follows": [
            {"namespace": key.namespace, "name": key.name, "live": tag is not None}
            for key, tag in told.followed.items()
        ],
        "followers": [{"namespace": key.namespace, "name": key.name} for key in told.followers],
    }
    return json.dumps(document, sort_keys=True, indent=2).replace("\x7f", "\\u007f") + "\n"


def _named(key: ObjectKey) -> dict[str, Json]:
    return {"namespace": key.namespace, "name": key.name}


def render_text(told: Explanation, *, width: int, color: bool, now: datetime | None = None) -> str:
    """Write an explanation in lines of at most `width` columns: what a sync does, then why, then all that is known."""
    page = Page(width, Values.of(told.report))
    _verdict(page, told, now)
    page.blank()
    _states(page, told)
    page.blank()
    for label, lines in (
        ("Owner", _owner(told)),
        ("Manifest", _manifest(told, now)),
        ("Image", _image(told, now)),
        ("Follows", _follows(page, told)),
        ("Followers", [visible(str(key)) for key in told.followers] or ["none that git or its stream shows"]),
    ):
        for number, line in enumerate(lines):
            page.labelled(f"{label if not number else '':<{_LABEL}}", Text(line))
    return page.text(color=color)


def _verdict(page: Page, told: Explanation, now: datetime | None) -> None:
    change = told.change
    page.line(Text(visible(str(told.key)), "bold"))
    if change is None:
        page.line(Text("A sync leaves it alone: git does not name it, and it is not marked as this owner's."), indent=2)
        return
    told_of = Text.assemble(
        "A sync ", (_WORDS[change.action], STYLES[change.action]), f": {visible(facts.why(change, now))}."
    )
    page.line(told_of, indent=2, hang=2)
    for veto in change.vetoes:
        page.line(Text.assemble((f"{visible(veto.code)}: ", "magenta"), sentence(veto.message)), indent=4, hang=2)
    for request in change.requests:
        page.line(Text(f"{request.method} {visible(request.path)}", "dim"), indent=4, hang=2)
    if not told.report.plan.complete:
        page.line(
            Text("Not every manifest parsed; a sync would not begin. `syncer plan` names them.", "bold red"), indent=2
        )


def _states(page: Page, told: Explanation) -> None:
    """Lay out what was applied last, what is live and what git asks for, a field a row, what differs marked."""
    base = imagestreamtag.base_of(told.live) if told.live else None
    live = imagestreamtag.live_fields(told.live) if told.live else {}
    desired = told.desired.fields if told.desired else {}
    sources: tuple[Mapping[str, Json], ...] = (base or {}, live, desired)
    causes = {field.path: facts.CAUSES[field.cause] for field in facts.fields_of(told.change)} if told.change else {}
    paths = [path for path in sorted({path for source in sources for path in source}) if _worth(path, sources)]
    if paths and page.width >= SIDE_BY_SIDE:
        _columns(page, [Text(state, "dim") for state in STATES])
    for path in paths:
        style = STYLES["update"] if path in causes else ""
        name = Text.assemble((visible(facts.field_name(path)), style or "bold"), (f"  {causes.get(path, '')}", "dim"))
        page.line(name, hang=2)
        cells = [page.values.one(source.get(path)) for source in sources]
        told_cells = [Text(cell, "dim" if cell == ABSENT else style) for cell in cells]
        if page.width >= SIDE_BY_SIDE:
            _columns(page, told_cells)
        else:
            for state, cell in zip(STATES, told_cells, strict=True):
                page.labelled(f"  {state:<14}", cell)


def _worth(path: str, sources: tuple[Mapping[str, Json], ...]) -> bool:
    """Whether a field is worth a row: not where nobody asked for more than the server's default."""
    default = imagestreamtag.DEFAULTS.get(path)
    return any(source.get(path) not in (None, default) for source in sources)


def _columns(page: Page, cells: list[Text]) -> None:
    """Add three cells side by side, each wrapped."""
    room = (page.width - 2) // 3 - 2
    columns = [page.wrapped(cell, room) for cell in cells]
    for pieces in zip_longest(*columns, fillvalue=Text()):
        line = Text("  ")
        for piece in pieces:
            line += piece + Text(" " * (room + 2 - piece.cell_len))
        page.line(line)


def _owner(told: Explanation) -> list[str]:
    mark = imagestreamtag.owner_of(told.live) if told.live else None
    if mark is None:
        return ["no mark of any sync set"]
    if not mark[1]:
        return [f"{visible(mark[0])}, but the mark was made for another tag and copied here: it proves nothing"]
    ours = "this sync set" if mark[0] == told.report.plan.owner else f"another one than {told.report.plan.owner}"
    return [f"{visible(mark[0])} ({visible(ours)})"]


def _manifest(told: Explanation, now: datetime | None) -> list[str]:
    if told.desired is None:
        return ["git does not name it"]
    origin = told.desired.origin
    lines = [f"{visible(origin.file)}:{origin.line}"]
    lines += [
        f"{commit.id[:7]}  {facts.ago(commit.time, now) or commit.time[:10]}  {sentence(commit.subject, 80)}  "
        f"({visible(commit.author)})"
        for commit in told.commits
    ]
    return [*lines, told.lacking] if told.lacking else lines


def _image(told: Explanation, now: datetime | None) -> list[str]:
    if told.live is None:
        return ["the tag is not on the cluster"]
    image = told.live.image
    lines = [image.digest or "none"]
    if image.state is not ImportState.NONE:
        since = f" {facts.age(image.since, now)}since {visible(image.since)}" if image.since else ""
        lines.append(f"import {image.state}{since}" + (f": {sentence(image.message)}" if image.message else ""))
    return lines


def _follows(page: Page, told: Explanation) -> list[str]:
    lines = []
    for key, live in told.followed.items():
        if live is None:
            lines.append(f"{visible(str(key))}, which is not on the cluster, or may not be read")
        else:
            digest = page.values.digest(live.image.digest) if live.image.digest else "no image"
            lines.append(f"{visible(str(key))}  {digest}  import {live.image.state}")
    return lines or ["no tag"]
