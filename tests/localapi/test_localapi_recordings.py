"""Every exchange recorded from a real server agrees, one test per scenario."""

import json
from functools import cache
from pathlib import Path

import pytest
from localapi_replay import disagreements

from syncer.localapi import Identity, LocalAPI

RECORDINGS = Path(__file__).parent / "recordings"
TOKENS = {
    "admin-token": Identity("admin", "admin"),
    "viewer-token": Identity("viewer", "view"),
    "editor-token": Identity("editor", "edit", ("team-a",)),
    "nobody-token": Identity("nobody"),
}
SETTINGS = {
    "semantics": {"imports": False},
    "listing": {"imports": False, "tokens": TOKENS},
    "imports": {"import_delay": 0.05},
}
SCENARIOS = {
    (file, scenario["name"]): scenario
    for file in SETTINGS
    for scenario in json.loads((RECORDINGS / f"{file}.json").read_text())
}
EXCHANGES = {"semantics": 151, "listing": 72, "imports": 39}


@cache
def replayed(file):
    """Replay a whole file, for its scenarios build on one another; return the disagreements by scenario."""
    with LocalAPI(**SETTINGS[file]) as api:
        token = "admin-token" if file == "listing" else ""
        return {name: disagreements(found, api.url, token) for (of, name), found in SCENARIOS.items() if of == file}


@pytest.mark.parametrize(("file", "name"), SCENARIOS)
def test_the_server_answers_as_the_real_one_did(file, name):
    assert replayed(file)[name] == []


@pytest.mark.parametrize("file", SETTINGS)
def test_no_exchange_is_left_out(file):
    steps = [step for (of, _), scenario in SCENARIOS.items() if of == file for step in scenario["steps"]]
    assert sum(not step.get("setup") for step in steps) == EXCHANGES[file]
