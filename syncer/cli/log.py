"""What is said on stderr: lines for people, or with `--log-format json` a JSON object a line, for a log store."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from syncer.report.values import visible

if TYPE_CHECKING:
    from syncer.errors import SyncerError

Level = Literal["info", "warning", "error"]

_LONGEST: Final = 10_000
"""Characters. What is wrong with a settings file is one message, of many lines."""

_WORDS: Final[dict[Level, str]] = {"info": "", "warning": "Warning: ", "error": "Error: "}


class Log:
    """Says one thing a call. It has one format a process: that of the command that runs."""

    def __init__(self) -> None:
        self.json = False

    def say(self, level: Level, message: str, **more: Any) -> None:
        """Say a message; `more` becomes further keys of the JSON object, people are told `hint` and `set` of them."""
        if self.json:
            time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            click.echo(json.dumps({"time": time, "level": level, "message": message, **more}), err=True)
            return
        click.echo(f"{_WORDS[level]}{about(more.get('set', ''))}{_shown(message)}", err=True)
        if more.get("hint"):
            click.echo(f"Hint: {_shown(more['hint'])}", err=True)

    def error(self, error: SyncerError) -> None:
        """Say what happened and what to do."""
        self.say("error", error.message, **({"hint": error.hint} if error.hint else {}), exit_code=error.exit_code)


def about(name: str) -> str:
    """Give what stands before a message about one sync set of several; nothing where there is no name."""
    return f"set {name}: " if name else ""


def _shown(text: str) -> str:
    """Keep what a message quotes (names, an answer, what git says) from steering the terminal, or flooding it."""
    lines = [visible(line) for line in text[:_LONGEST].split("\n")]
    return "\n".join(lines) + ("…" if len(text) > _LONGEST else "")


LOG: Final = Log()


def _choose(_: click.Context, __: click.Parameter, value: str) -> str:
    LOG.json = value == "json"
    return value


LOG_FORMAT = click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    is_eager=True,  # so that a usage error is in this format, too
    callback=_choose,
    help="How stderr is written: for people, or as a JSON object a line.",
)
