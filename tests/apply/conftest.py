"""What the tests of applying share: clusters with and without imports, and retries that do not pause for long."""

import pytest
from world import World

from syncer.apply import changes
from syncer.localapi import LocalAPI


@pytest.fixture(scope="module")
def quiet_server():
    with LocalAPI(imports=False) as api:
        yield api


@pytest.fixture(scope="module")
def importing_server():
    with LocalAPI(import_delay=0.05) as api:
        yield api


@pytest.fixture
def world(quiet_server):
    """A cluster that imports nothing."""
    world = World(quiet_server)
    world.clear()
    return world


@pytest.fixture
def importing(importing_server):
    """A cluster whose import controller runs."""
    world = World(importing_server)
    world.clear()
    return world


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(changes, "PAUSE", 0.001)
