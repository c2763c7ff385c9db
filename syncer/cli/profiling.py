"""`--profile`: where the time of a run went."""

from __future__ import annotations

import io
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

_FUNCTIONS: Final = 30


@contextmanager
def profiled(*, asked: bool) -> Iterator[dict[str, float]]:
    """Tell on stderr, at the end, the seconds of each stage that was put into what this gives, and of each function."""
    stages: dict[str, float] = {}
    if not asked:
        yield stages
        return
    import cProfile  # noqa: PLC0415 - who asks for a profile pays for it
    import pstats  # noqa: PLC0415 - likewise

    profile = cProfile.Profile()
    profile.enable()
    try:
        yield stages
    finally:
        profile.disable()
        for stage, seconds in stages.items():
            click.echo(f"{stage:<10}{seconds:9.3f} s", err=True)
        table = io.StringIO()
        pstats.Stats(profile, stream=table).strip_dirs().sort_stats("tottime").print_stats(_FUNCTIONS)
        click.echo(table.getvalue().rstrip(), err=True)
