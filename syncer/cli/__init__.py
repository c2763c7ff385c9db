"""The command line: one file a command. Wiring, printing and the exit code; the work is done below."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncer import __version__
from syncer.cli.command import Command
from syncer.cli.log import LOG
from syncer.errors import SyncerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS = (
    "plan",
    "sync",
    "apply",
    "restore",
    "owner",
    "validate",
    "export",
    "pin",
    "promote",
    "explain",
    "report",
    "doctor",
    "config",
    "completion",
    "schema",
    "serve",
    "demo",
)


class Commands(click.Group):
    """Loads a command's module when it is asked for, so that `--help` costs nothing."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """List the commands in the order that a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        """Import one command."""
        if name not in COMMANDS:
            return None
        module = __import__(f"syncer.cli.{name}", fromlist=["command"])
        return Command.of(module.command)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="syncer")
def cli() -> None:
    """Make the ImageStreamTags of an OpenShift cluster equal to what a git repository says.

    \b
    Look first, then act:
      syncer plan  https://github.com/example/tags -n team-a
      syncer sync  https://github.com/example/tags -n team-a

    \b
    No cluster at hand:
      syncer demo

    Exit codes: 0 done, 1 error, 2 changes (with --detailed-exitcode), 3 stopped by a gate, 4 applied in part, 5 stale
    plan, 64 wrong usage, 75 another run holds the lock, 130 and 143 interrupted. Of several sets the worst counts.
    """


def run(arguments: Sequence[str]) -> int:
    """Run one command and give its exit code; every error is one or two lines on stderr, never a traceback."""
    if "_SYNCER_COMPLETE" in os.environ:
        from syncer.cli.completion import complete  # noqa: PLC0415 - only a shell asks for it

        return complete(cli)
    LOG.json = False
    try:
        result: Any = cli.main(list(arguments), prog_name="syncer", standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last line of defence before a traceback
        return _ended(error)
    return result if isinstance(result, int) else 0


def _ended(error: BaseException) -> int:
    """Say how a command ended that did not return, and give its exit code."""
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case KeyboardInterrupt() | click.Abort():
            return 130
        case click.ClickException():
            # Click's own code for a usage error is 2, which must never read as "changes".
            if LOG.json:
                LOG.error(UsageError(error.format_message()))
            else:
                error.show()
            return UsageError.exit_code
        case SyncerError():
            show_error(error)
            return error.exit_code
        case BrokenPipeError():
            # The reader of stdout is gone, as in `syncer plan … | head`; Python must not complain about it at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        case _:
            show_error(defect(error))
            return 1


def defect(error: BaseException) -> SyncerError:
    """Make the error that is told of one that nobody expected."""
    import traceback  # noqa: PLC0415 - a run that ends as it should has no use for it

    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).name}:{frame.lineno}"
    hint = "this is a defect of syncer; please report it with the command that you ran"
    return SyncerError(f"internal error: {type(error).__name__} at {place}", hint=hint)


def show_error(error: SyncerError) -> None:
    """Say on stderr what happened and what to do."""
    LOG.error(error)
