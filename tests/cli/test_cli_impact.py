"""`--impact` and `--prune-used` on the command line, in the environment and in syncer.yaml."""

import json

import pytest
from workloads_of import triggered
from world import World, tag, text_of

from syncer.cli import run
from syncer.localapi import LocalAPI


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with one tag's manifest, and a cluster where a Deployment follows it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tags").mkdir()
    (tmp_path / "tags" / "app.yaml").write_text(text_of([tag("team-a/app:v1")]))
    with LocalAPI(imports=False) as api:
        World(api).put(triggered("team-a/web", "app:v1"))
        yield ["tags", "--owner", "demo", "--server", api.url, "-n", "team-a", "--no-progress"]


def planned(capsys):
    return json.loads(capsys.readouterr().out)


def test_a_plan_tells_who_waits_for_a_tag_that_will_be_made(place, capsys):
    assert run(["plan", *place, "--impact"]) == 0
    assert "app.yaml:1 → team-a/app:v1 → Deployment team-a/web (container web)" in capsys.readouterr().out


def test_prune_used_without_impact_is_wrong_usage(place, capsys):
    assert run(["sync", *place, "--prune-used"]) == 64
    assert "--prune-used goes with --impact" in capsys.readouterr().err


@pytest.mark.parametrize("way", ["environment", "file"])
def test_impact_may_be_asked_for_once_and_for_all(place, way, tmp_path, monkeypatch, capsys):
    if way == "file":
        (tmp_path / "syncer.yaml").write_text("impact: true\n")
    else:
        monkeypatch.setenv("SYNCER_PLAN_IMPACT", "true")
    assert run(["plan", *place, "-o", "json"]) == 0
    assert planned(capsys)["impact"] == {"complete": True, "unread": []}


def test_a_stage_tells_how_many_workloads_were_listed(place, capsys):
    place.remove("--no-progress")
    assert run(["plan", *place, "--impact", "-o", "jsonl"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    ended = next(line for line in lines if line["type"] == "stage_ended" and line["stage"] == "impact")
    assert ended["counts"] == {"workloads": 1}
