"""What many tests share: hypothesis that takes the same examples everywhere, and folders of their own."""

import pytest
from hypothesis import HealthCheck, Phase, settings

settings.register_profile("syncer", derandomize=True, deadline=None)
# For mutants.py: that a law is broken is all that counts there.
settings.register_profile(
    "mutants",
    settings.get_profile("syncer"),
    max_examples=30,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("syncer")


@pytest.fixture(autouse=True)
def _homes(tmp_path_factory, monkeypatch):
    """Undo files and cached runs of tests go nowhere near the user's."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
