"""The tour: every command in it runs, and leaves its reports."""

import json

import pytest

from syncer.cli import run


@pytest.fixture(scope="module")
def toured(tmp_path_factory):
    reports = tmp_path_factory.mktemp("tour")
    assert run(["demo", "--reports", str(reports)]) == 0
    return reports


def summary(reports, name):
    return json.loads((reports / f"{name}.json").read_text())["summary"]


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("1-plan", {"create": 26}),
        ("2-sync", {"create": 26}),
        ("3-plan", {"unchanged": 26}),
        ("4-plan", {"update": 1, "unchanged": 25}),
        ("5-sync", {"update": 1, "unchanged": 25}),
        ("6-sync", {"update": 1, "unchanged": 25}),
        ("7-sync", {"prune": 2, "unchanged": 24}),
        ("8-sync", {"create": 1, "unchanged": 24}),
        ("9-plan", {"unchanged": 25}),
        ("10-restore", {"prune": 1}),
        ("11-plan", {"create": 1, "update": 1, "unchanged": 23}),
        ("14-sync", {"update": 9, "unchanged": 15}),
        ("15-plan", {"update": 1, "skip": 1, "unchanged": 22}),
    ],
)
def test_each_step_of_the_tour_does_what_it_tells(toured, name, counts):
    found = summary(toured, name)
    assert {action: number for action, number in found.items() if number} == counts


def test_the_failing_import_is_in_the_report_of_a_plan_without_changes(toured):
    changes = json.loads((toured / "9-plan.json").read_text())["changes"]
    assert [change["name"] for change in changes if change["import"]["state"] == "failed"] == ["fraud-check:0.1"]


def test_the_tour_knows_the_image_before_it_moves(toured):
    changes = json.loads((toured / "11-plan.json").read_text())["changes"]
    states = {change["name"]: change["resolved"]["state"] for change in changes if "resolved" in change}
    assert states == {"fraud-check:0.1": "failed", "storefront:stable": "moves"}


def test_the_tour_pins_and_promotes_and_production_gets_that_very_image(toured):
    pinned, promoted = (json.loads((toured / f"{name}.json").read_text()) for name in ("12-pin", "13-promote"))
    assert (len(pinned["edits"]), len(pinned["left"]), pinned["written"]) == (6, 4, True)
    [edit] = promoted["edits"]
    changes = {c["name"]: c for c in json.loads((toured / "14-sync.json").read_text())["changes"]}
    assert edit["becomes"] == {"kind": "ImageStreamImage", "name": f"api@{changes['api:2.3.0']['import']['digest']}"}
    assert changes["api:prod"]["import"]["digest"] == changes["api:2.3.0"]["import"]["digest"]


def test_the_tour_names_the_deployments_behind_a_tag_that_moves_and_one_that_stays(toured):
    text = " ".join((toured / "15-plan.txt").read_text().split())
    chain = "acme-web/storefront/stable.yaml:2 → acme-web/storefront:stable → Deployment acme-web/storefront"
    assert f"{chain} (container storefront), 1 Pod" in text
    assert "it is used by Deployment acme-payments/ledger (container ledger), 1 Pod" in text


def test_the_tour_leaves_every_format_of_every_step(toured):
    left = {path.name.partition(".")[2] for path in toured.iterdir() if path.name.startswith("8-sync")}
    assert left == {"txt", "json", "jsonl", "md", "html", "xml", "github.txt", "gitlab.json"}


def test_the_tour_can_be_taken_again_in_the_same_folder(toured):
    assert run(["demo", "--reports", str(toured)]) == 0
