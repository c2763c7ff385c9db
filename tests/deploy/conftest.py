"""What the tests of the deployment share: where things are, and an environment without the developer's own."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True)
def _environment(tmp_path, monkeypatch):
    for name in [name for name in os.environ if name.startswith(("SYNCER_", "GIT_", "KUBE", "GITHUB_"))]:
        monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("KUBECONFIG", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
