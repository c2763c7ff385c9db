"""The alert rules ask for metrics and labels that a run has."""

import re
from datetime import UTC, datetime

import yaml
from conftest_deploy import DEPLOY

from syncer.model import Plan, Report, Scope, SourceInfo, Target
from syncer.report.metrics import registry_of


def test_the_alerts_ask_for_metrics_and_labels_that_there_are():
    report = Report(
        SourceInfo("-"), Target("https://api"), Plan("acme", Scope(), (), (), (), complete=True), applied=True
    )
    registry = registry_of(report, now=datetime.now(UTC), last_success=1.0)
    there = {metric.name for metric in registry.collect()}
    rules = yaml.safe_load((DEPLOY / "monitoring/alerts.yaml").read_text())["spec"]["groups"][0]["rules"]
    asked = {name for rule in rules for name in re.findall(r"syncer_\w+", rule["expr"])}
    assert len(asked) >= 5
    assert asked <= there
    assert {label for rule in rules for label in re.findall(r"\$labels\.(\w+)", str(rule))} == {"owner"}
    assert {rule["labels"]["severity"] for rule in rules} <= {"critical", "warning", "info"}
    assert all({"summary", "description"} == rule["annotations"].keys() for rule in rules)
