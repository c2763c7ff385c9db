"""A run as log lines in JSON: each change, each failure, and what the run came to, beside the lines of its progress."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncer.cli.log import LOG
from syncer.cli.progress import LineProgress
from syncer.events import Applied, ImportMoved, RunEnded
from syncer.model import ImportState
from syncer.report import facts

if TYPE_CHECKING:
    from syncer.cli.log import Level
    from syncer.events import Event


class LogLines:
    """Listens to the events of a run; `silent` leaves out how far it is."""

    def __init__(self, *, silent: bool) -> None:
        self._progress = None if silent else LineProgress(echo=lambda text: LOG.say("info", text))

    def __call__(self, event: Event) -> None:
        """Write an event, if a log should hold it."""
        if self._progress:
            self._progress(event)
        match event:
            case Applied(outcome):
                named = {"namespace": outcome.key.namespace, "name": outcome.key.name, "outcome": outcome.result}
                if outcome.error:
                    LOG.say("error", f"{outcome.key} {outcome.result}: {outcome.error}", **named)
                else:
                    LOG.say("info", f"{outcome.key} {outcome.result}", **named)
            case ImportMoved(key, image) if image.state is ImportState.FAILED:
                LOG.say("warning", f"{key}: the import failed: {image.message}", namespace=key.namespace, name=key.name)
            case RunEnded(report, code):
                level: Level = "info" if code in (0, 2) else "error"
                counts = facts.results(report) if report.applied else facts.summary(report)
                LOG.say(level, facts.headline(report), owner=report.plan.owner, exit_code=code, tags=counts)
            case _:
                pass
