"""What `syncer pin` and `syncer promote` came to: which tags point where from now on, and what was left."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from msgspec.structs import asdict

from syncer import __version__
from syncer.model import Severity
from syncer.report import facts
from syncer.report.values import Values, sentence, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from syncer.model import Json, ObjectKey, Origin, Problem, Target

FORMATS: Final = ("text", "json")
FORMAT_VERSION: Final = "1.0"
"""Of the JSON document; minor versions only add."""
_DONE: Final = {"Pin": ("pinned", "to pin", "pinned before"), "Promote": ("promoted", "to promote", "there already")}


@dataclass(frozen=True, slots=True)
class Edit:
    """A tag's `from`, as it was and as it becomes; `built` is the image's own date, RFC 3339, empty where not known."""

    key: ObjectKey
    origin: Origin
    was: Mapping[str, Json]
    becomes: Mapping[str, Json]
    built: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """A tag that stays as it is, and why."""

    key: ObjectKey
    origin: Origin
    reason: str


@dataclass(frozen=True, slots=True)
class Repointed:
    """What came of it. `written`: the files are; else it was a dry run, or an error kept all of them as they were."""

    did: Literal["Pin", "Promote"]
    directory: str
    target: Target
    edits: tuple[Edit, ...] = ()
    left: tuple[Left, ...] = ()
    as_it_was: int = 0
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    written: bool = False

    @property
    def exit_code(self) -> int:
        """Give the exit code: 1 where something could not be done, so that nothing was."""
        return int(any(problem.severity is Severity.ERROR for problem in self.problems))


def render(format: str, made: Repointed) -> str:  # noqa: A002 - the option's own word
    """Write it in one of FORMATS. Raises ValueError for another format."""
    match format:
        case "text":
            return "".join(f"{line}\n" for line in _lines(made))
        case "json":
            return json.dumps(_document(made), sort_keys=True, indent=2).replace("\x7f", "\\u007f") + "\n"
        case _:
            raise ValueError(f"{format!r} is no format; there are {', '.join(FORMATS)}")


def headline(made: Repointed) -> str:
    """Say in one line what was done."""
    done, to_do, before = _DONE[made.did]
    errors = sum(problem.severity is Severity.ERROR for problem in made.problems)
    if errors:
        return f"{made.did}: {errors:,} error{'s' * (errors > 1)}, every file was left as it was"
    counts = ((len(made.edits), done if made.written else to_do), (made.as_it_was, before), (len(made.left), "left"))
    return f"{made.did}: {', '.join(f'{number:,} {word}' for number, word in counts if number) or 'nothing to do'}"


def _lines(made: Repointed) -> Iterator[str]:
    for edit in made.edits:
        yield f"~ {_place(edit.origin)}  {visible(str(edit.key))}  {_move(made, edit)}"
    for left in made.left:
        yield f"= {_place(left.origin)}  {visible(str(left.key))} is left: {left.reason}"
    for problem in made.problems:
        yield f"{problem.severity}: {visible(facts.place(problem))}: {sentence(problem.message)}"
        if problem.hint:
            yield f"  {sentence(problem.hint)}"
    for note in made.notes:
        yield f"note: {sentence(note)}"
    yield headline(made)


def _move(made: Repointed, edit: Edit) -> str:
    """Write from what to what; of a pin only the digest, for the repository stays."""
    values, built = Values(), f" (built {visible(edit.built[:10])})" if edit.built else ""
    if made.did == "Pin":
        digest = str(edit.becomes["name"]).rpartition("@")[2]
        return f"{values.one(edit.was['name'])} → {values.digest(digest)}{built}"
    was, becomes = values.pair(dict(edit.was), dict(edit.becomes))
    return f"{was} → {becomes}{built}"


def _place(origin: Origin) -> str:
    return f"{visible(origin.file)}:{origin.line}"


def _document(made: Repointed) -> dict[str, Json]:
    return {
        "format_version": FORMAT_VERSION,
        "syncer_version": __version__,
        "directory": made.directory,
        "target": {"server": facts.without_userinfo(made.target.server), "context": made.target.context},
        "written": made.written,
        "edits": [
            {**_named(one), "was": dict(one.was), "becomes": dict(one.becomes), "built": one.built}
            for one in made.edits
        ],
        "left": [{**_named(one), "reason": one.reason} for one in made.left],
        "unchanged": made.as_it_was,
        "problems": [{**asdict(problem), "severity": str(problem.severity)} for problem in made.problems],
        "notes": list(made.notes),
    }


def _named(one: Edit | Left) -> dict[str, Json]:
    return {"tag": str(one.key), "file": one.origin.file, "line": one.origin.line}
