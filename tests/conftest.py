"""What many tests share: hypothesis that takes the same examples everywhere."""

from hypothesis import settings

settings.register_profile("syncer", derandomize=True, deadline=None)
settings.load_profile("syncer")
