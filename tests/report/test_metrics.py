"""A report as metrics: each figure is that of the report, and the text is what Prometheus reads."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import scenes
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from syncer import plan
from syncer.model import ImportState
from syncer.report import facts
from syncer.report.metrics import VETOES, last_success_in, registry_of

VETO = re.compile(r"Veto\(\"([a-z-]+)\"")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def text_of(report, last_success=None):
    return generate_latest(registry_of(report, now=NOW, last_success=last_success)).decode()


def samples(report, **more):
    families = text_string_to_metric_families(text_of(report, **more))
    return {
        (s.name, *(v for k, v in sorted(s.labels.items()) if k != "owner")): s.value
        for f in families
        for s in f.samples
    }


SCENES = (scenes.everyday, scenes.applied, scenes.stopped, scenes.broken, scenes.hostile, scenes.empty)


@pytest.mark.parametrize("scene", SCENES)
def test_every_report_is_text_that_prometheus_reads(scene):
    assert ("syncer_last_run_timestamp_seconds",) in samples(scene())


def test_the_figures_are_those_of_the_report():
    report = scenes.applied()
    found = samples(report)
    assert {name[1]: value for name, value in found.items() if name[0] == "syncer_tags"} == facts.results(report)
    assert found["syncer_planned_tags", "prune"] == facts.summary(report)["prune"]
    assert found["syncer_import_failures",] == len(facts.imports_in(report, ImportState.FAILED))
    assert {n[1]: value for n, value in found.items() if n[0] == "syncer_duration_seconds"} == report.timings


def test_a_plan_has_no_outcomes_and_counts_drift_and_vetoes():
    report = scenes.everyday()
    found = samples(report)
    assert not [name for name in found if name[0] == "syncer_tags"]
    drifted = [c for c in report.plan.changes if any(field.cause in ("drift", "both") for field in c.fields)]
    assert found["syncer_drifted_tags",] == len(drifted) > 0
    vetoes = [veto.code for change in report.plan.changes for veto in change.vetoes]
    counted = {name[1]: value for name, value in found.items() if name[0] == "syncer_vetoes"}
    assert {code: value for code, value in counted.items() if value} == {code: vetoes.count(code) for code in vetoes}


@pytest.mark.parametrize("name", ["syncer_vetoes", "syncer_problems", "syncer_planned_tags"])
def test_what_there_is_none_of_is_zero_for_a_pushgateway_keeps_what_it_is_not_told(name):
    values = [value for labels, value in samples(scenes.empty()).items() if labels[0] == name]
    assert values
    assert not any(values)


def test_every_veto_of_a_plan_is_counted():
    written = {code for path in Path(plan.__file__).parent.glob("*.py") for code in VETO.findall(path.read_text())}
    assert len(written) > 10
    assert written == VETOES


def test_a_gate_that_stops_is_counted():
    assert samples(scenes.stopped())["syncer_gates_stopped",] > 0


def test_the_last_success_is_there_only_if_there_was_one_and_can_be_read_back():
    report = scenes.applied()
    assert last_success_in(text_of(report), scenes.OWNER) is None
    assert last_success_in(text_of(report, 12.5), scenes.OWNER) == 12.5
    assert last_success_in(text_of(report, 12.5), "another") is None


@pytest.mark.parametrize("text", ["", "not metrics {", "syncer_last_success_timestamp_seconds nonsense"])
def test_an_older_file_that_is_no_metrics_says_nothing(text):
    assert last_success_in(text, scenes.OWNER) is None
