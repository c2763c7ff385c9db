"""What `syncer export` came to: which files were written, and what was left."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from msgspec.structs import asdict

from syncer import __version__
from syncer.model import Severity
from syncer.report import facts
from syncer.report.values import sentence, visible

if TYPE_CHECKING:
    from collections.abc import Iterator

    from syncer.manifests.exporting import Export
    from syncer.model import Json, Report, Scope, Target

FORMATS: Final = ("text", "json")


@dataclass(frozen=True, slots=True)
class Exported:
    """An export that was carried out: its files are written. `adoption` is the report of a sync of mere marks."""

    directory: str
    target: Target
    scope: Scope
    export: Export
    adoption: Report | None = None
    adoption_exit_code: int | None = None

    @property
    def exit_code(self) -> int:
        """Give the exit code: 1 where something could not be read or written, else the adoption's (0, 4)."""
        failed = any(problem.severity is Severity.ERROR for problem in self.export.problems)
        return 1 if failed else self.adoption_exit_code or 0


def render(format: str, exported: Exported, *, width: int = 100, color: bool = False) -> str:  # noqa: A002 - the option's own word
    """Write an export in one of FORMATS; `width` (of the adoption's report) and `color` matter to `text` only.

    Raises ValueError for another format.
    """
    match format:
        case "text":
            return _text(exported, width=width, color=color)
        case "json":
            text = json.dumps(_document(exported), sort_keys=True, indent=2)
            return text.replace("\x7f", "\\u007f") + "\n"
        case _:
            raise ValueError(f"{format!r} is no format; there are {', '.join(FORMATS)}")


def headline(exported: Exported) -> str:
    """Say in one line what was written."""
    export = exported.export
    new = sum(file.before is None for file in export.files)
    told = [f"{new:,} written", f"{len(export.files) - new:,} edited", f"{_tags(len(export.unchanged))} as they were"]
    told += [f"{len(export.gone):,} gone from the cluster"] if export.gone else []
    told += [f"{len(export.pushed):,} pushed ones left out"] if export.pushed else []
    return f"Export: {', '.join(told)}"


def _tags(number: int) -> str:
    return f"{number:,} tag{'' if number == 1 else 's'}"


# -------------------------------------------------------------------------------------------------------- text


def _text(exported: Exported, *, width: int, color: bool) -> str:
    text = "".join(f"{line}\n" for line in _lines(exported))
    if exported.adoption is None:
        return text
    from syncer.report import text as report  # noqa: PLC0415 - rich takes longer to import than an export to write

    return f"{text}\n{report.render(exported.adoption, width=width, color=color)}"


def _lines(exported: Exported) -> Iterator[str]:
    export = exported.export
    for file in export.files:
        tags = ", ".join(visible(str(key)) for key in file.tags)
        yield f"{'+' if file.before is None else '~'} {visible(file.path)}  {tags}"
    for desired in export.gone:
        place = f"{visible(desired.origin.file)}:{desired.origin.line}"
        yield f"! {place}  {visible(str(desired.key))} is not on the cluster; the file was kept"
    for key in export.pushed:
        yield f"! {visible(str(key))} is there by a push only, nothing asks for it: left out"
    for problem in export.problems:
        yield f"{problem.severity}: {sentence(problem.message)}"
        if problem.hint:
            yield f"  {sentence(problem.hint)}"
    yield headline(exported)


# -------------------------------------------------------------------------------------------------------- JSON


def _document(exported: Exported) -> dict[str, Json]:
    from syncer.report.document import document, scope_of  # noqa: PLC0415 - only JSON needs it

    export, target = exported.export, exported.target
    return {
        "format_version": facts.FORMAT_VERSION,
        "syncer_version": __version__,
        "directory": exported.directory,
        "target": {**asdict(target), "server": facts.without_userinfo(target.server)},
        "scope": scope_of(exported.scope),
        "summary": {
            "written": sum(file.before is None for file in export.files),
            "edited": sum(file.before is not None for file in export.files),
            "unchanged": len(export.unchanged),
            "gone": len(export.gone),
            "pushed": len(export.pushed),
        },
        "files": [
            {
                "path": file.path,
                "action": "written" if file.before is None else "edited",
                "tags": list(map(str, file.tags)),
            }
            for file in export.files
        ],
        "gone": [{"tag": str(d.key), "file": d.origin.file, "line": d.origin.line} for d in export.gone],
        "pushed": list(map(str, export.pushed)),
        "problems": [{**asdict(problem), "severity": str(problem.severity)} for problem in export.problems],
        "adoption": document(exported.adoption) if exported.adoption else None,
    }
