"""A report as Prometheus metrics."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.parser import text_string_to_metric_families

from syncer.model import Cause, ImportState, Severity
from syncer.report import facts
from syncer.report.values import visible

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from syncer.model import Report

VETOES: Final = frozenset(
    {
        "changed",
        "copied",
        "drift",
        "followed",
        "forbidden",
        "narrowed",
        "no-prune",
        "not-owned",
        "out-of-scope",
        "owned",
        "protected",
        "pushed",
        "unparsed",
        "use-unknown",
        "used",
    }
)
"""Every veto of a plan, so that one that is gone is pushed as 0: a Pushgateway keeps what it is told nothing of."""
LAST_SUCCESS = "syncer_last_success_timestamp_seconds"


def registry_of(report: Report, *, now: datetime, last_success: float | None, of_set: str = "") -> CollectorRegistry:
    """Measure a run that ended now. Each metric has the label `owner`; times are seconds since the epoch.

    Of several sync sets each has the label `set`, too: two clusters may have one owner. `last_success` is when a run
    last made the cluster what git says; None leaves that metric out.
    """
    registry, changes = CollectorRegistry(), report.plan.changes
    common = {"owner": visible(report.plan.owner), **({"set": of_set} if of_set else {})}

    def gauge(name: str, told: str, values: Mapping[str, float], label: str = "") -> None:
        made = Gauge(name, told, (*common, *([label] if label else [])), registry=registry)
        for value, number in values.items():
            made.labels(*common.values(), *([value] if label else [])).set(number)

    gauge("syncer_last_run_timestamp_seconds", "When the last run ended.", {"": now.timestamp()})
    if last_success is not None:
        gauge(LAST_SUCCESS, "When the last run ended that made the cluster what git says.", {"": last_success})
    planned = {action: number for action, number in facts.summary(report).items() if action in facts.ACTIONS}
    gauge("syncer_planned_tags", "Tags by what the run planned for them.", planned, "action")
    if report.applied:
        gauge("syncer_tags", "Tags by what became of them.", facts.results(report), "outcome")
    drifted = sum(any(field.cause in (Cause.DRIFT, Cause.BOTH) for field in change.fields) for change in changes)
    gauge("syncer_drifted_tags", "Tags that the cluster changed past git.", {"": drifted})
    vetoes = Counter(visible(veto.code) for change in changes for veto in change.vetoes)
    counted = {code: vetoes[code] for code in sorted(VETOES | vetoes.keys())}
    gauge("syncer_vetoes", "Vetoes that kept tags as they are.", counted, "veto")
    failed = len(facts.imports_in(report, ImportState.FAILED))
    gauge("syncer_import_failures", "Tags whose last import failed.", {"": failed})
    gauge("syncer_gates_stopped", "Gates that the plan does not pass.", {"": sum(g.stopped for g in report.plan.gates)})
    found = Counter(problem.severity for problem in report.plan.problems)
    problems = {str(severity): found[severity] for severity in Severity}
    gauge("syncer_problems", "Problems that the run found.", problems, "severity")
    timings = {visible(stage): seconds for stage, seconds in report.timings.items()}
    gauge("syncer_duration_seconds", "How long each stage of the last run took.", timings, "stage")
    return registry


def last_success_in(text: str, owner: str) -> float | None:
    """Find when an owner's last success was, in metrics that an earlier run wrote; None where they do not say."""
    try:
        samples = [sample for metric in text_string_to_metric_families(text) for sample in metric.samples]
    except ValueError:
        return None
    found = (s.value for s in samples if s.name == LAST_SUCCESS and s.labels.get("owner") == visible(owner))
    return next(found, None)
