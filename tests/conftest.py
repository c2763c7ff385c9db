"""What many tests share: hypothesis that takes the same examples everywhere, and folders of their own."""

import pytest
from hypothesis import settings

settings.register_profile("syncer", derandomize=True, deadline=None)
settings.load_profile("syncer")


@pytest.fixture(autouse=True)
def _homes(tmp_path_factory, monkeypatch):
    """Undo files and cached runs of tests go nowhere near the user's."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
