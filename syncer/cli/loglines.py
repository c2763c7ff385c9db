"""A run as log lines in JSON: each change, each failure, and what the run came to, beside the lines of its progress."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.cli.log import LOG
from syncer.cli.progress import LineProgress
from syncer.events import Applied, ImportMoved, RunEnded, SetsEnded
from syncer.model import ImportState
from syncer.report import facts, sets

if TYPE_CHECKING:
    from syncer.cli.log import Level
    from syncer.events import Event


class LogLines:
    """Listens to the events of a run, of one set of several where it has a name; `silent` leaves out how far it is."""

    def __init__(self, *, silent: bool, of_set: str = "") -> None:
        self._set = {"set": of_set} if of_set else {}
        self._progress = None if silent else LineProgress(echo=lambda text: LOG.say("info", text, **self._set))

    def __call__(self, event: Event) -> None:
        """Write an event, if a log should hold it."""
        if self._progress:
            self._progress(event)
        match event:
            case Applied(outcome):
                named = {"namespace": outcome.key.namespace, "name": outcome.key.name, "outcome": outcome.result}
                named |= self._set
                if outcome.error:
                    LOG.say("error", f"{outcome.key} {outcome.result}: {outcome.error}", **named)
                else:
                    LOG.say("info", f"{outcome.key} {outcome.result}", **named)
            case ImportMoved(key, image) if image.state is ImportState.FAILED:
                named = {"namespace": key.namespace, "name": key.name, **self._set}
                LOG.say("warning", f"{key}: the import failed: {image.message}", **named)
            case RunEnded(report, code):
                counts = facts.results(report) if report.applied else facts.summary(report)
                told = {"owner": report.plan.owner, "exit_code": code, "tags": counts, **self._set}
                LOG.say(_level(code), facts.headline(report), **told)
            case SetsEnded(report):
                told = {"exit_code": report.exit_code, "sets": len(report.sets), "tags": sets.summary(report)}
                LOG.say(_level(report.exit_code), sets.headline(report), **told)
            case _:
                pass


def _level(code: int) -> Level:
    return "info" if code in (0, 2) else "error"
