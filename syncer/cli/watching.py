"""What a run leaves for those who watch it: metrics and Events. Off unless asked for; what fails here is a warning."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import click

from syncer.cli.log import LOG
from syncer.errors import SyncerError, UsageError

if TYPE_CHECKING:
    from syncer.cluster import Client
    from syncer.sync import Run

METRICS_FILE = click.option(
    "--metrics-file",
    type=click.Path(),
    default="",
    metavar="PATH",
    help="Write Prometheus metrics here, for a textfile collector.",
)
PUSHGATEWAY = click.option(
    "--pushgateway", default="", metavar="URL", help="Push Prometheus metrics here, as job syncer and by owner."
)
EVENTS = click.option("--events", is_flag=True, help="Write an Event on each ImageStream whose tags changed or failed.")

_PATIENCE: Final = 10.0
"""Seconds that a Pushgateway may take to answer: the run is over, and nobody waits for more."""


def check_watching(given: dict[str, Any]) -> None:
    """Refuse, before the run, what could not be done after it. Raises UsageError."""
    if (given["metrics_file"] or given["pushgateway"]) and not find_spec("prometheus_client"):
        raise UsageError("metrics take the package prometheus-client", hint="pip install 'syncer[metrics]'")
    if given["pushgateway"] and urlsplit(given["pushgateway"]).scheme not in ("http", "https"):
        raise UsageError("--pushgateway: it is no URL of http or https", hint="as in http://pushgateway:9091")


def publish(run: Run, given: dict[str, Any], client: Client) -> None:
    """Tell whoever watches what came of a run; what cannot be told is a warning, for the run itself is over."""
    now, of_set = datetime.now(UTC), given.get("set", "")
    if given["metrics_file"]:
        _write(Path(given["metrics_file"]), run, now, of_set)
    if given["pushgateway"]:
        _push(given["pushgateway"], run, now, of_set)
    if given["events"] and run.report.applied:
        from syncer.cluster.events import send_events  # noqa: PLC0415 - most runs need none of it
        from syncer.report.events import events_of  # noqa: PLC0415 - likewise

        for trouble in send_events(client, events_of(run.report, now), given["concurrency"]):
            _warn(trouble, of_set)


def _warn(message: str, of_set: str) -> None:
    LOG.say("warning", message, **({"set": of_set} if of_set else {}))


def _success(run: Run, now: datetime) -> float | None:
    return now.timestamp() if run.report.applied and run.exit_code() == 0 else None


def _write(path: Path, run: Run, now: datetime, of_set: str) -> None:
    """Replace the file as a whole, so that no collector reads half of it; the time of an older success stays in it."""
    from prometheus_client import generate_latest  # noqa: PLC0415 - only who wants metrics needs the package

    from syncer.cli.output import write_file  # noqa: PLC0415 - `--help` pays for no import it does not need
    from syncer.report.metrics import last_success_in, registry_of  # noqa: PLC0415 - likewise

    try:
        before = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        last_success = _success(run, now) or last_success_in(before, run.report.plan.owner)
        registry = registry_of(run.report, now=now, last_success=last_success, of_set=of_set)
        write_file(path, [generate_latest(registry).decode()])
    except (OSError, SyncerError) as error:
        _warn(f"metrics: {error}", of_set)


def _push(url: str, run: Run, now: datetime, of_set: str) -> None:
    """Add to what the gateway holds of this owner: there, too, the time of an older success stays."""
    from prometheus_client import pushadd_to_gateway  # noqa: PLC0415 - only who wants metrics needs the package

    from syncer.report.metrics import registry_of  # noqa: PLC0415 - likewise

    registry = registry_of(run.report, now=now, last_success=_success(run, now), of_set=of_set)
    group = {"owner": run.report.plan.owner, **({"set": of_set} if of_set else {})}
    try:
        pushadd_to_gateway(url, "syncer", registry, grouping_key=group, timeout=_PATIENCE)
    except (OSError, ValueError) as error:  # urllib's own errors are OSErrors
        _warn(f"metrics: the Pushgateway at {urlsplit(url).hostname} did not take them: {error}", of_set)
