"""What `syncer pin` and `syncer promote` share: their options, and how they tell what they did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from syncer.cli.output import parse_outputs, write_file
from syncer.report.repointed import render
from syncer.source import SourceSpec
from syncer.sync import Options

if TYPE_CHECKING:
    from syncer.report.repointed import Repointed


def options_of(given: dict[str, Any]) -> Options:
    """Turn options into what is asked for. Raises UsageError, also for outputs that cannot be."""
    parse_outputs(given["outputs"], quiet=given["quiet"])
    spec = SourceSpec(given["source"], "", given["paths"], given["excludes"])
    return Options(spec, namespaces=given["namespaces"], concurrency=given["concurrency"])


def told(made: Repointed, given: dict[str, Any]) -> int:
    """Write it to each output, and give the exit code."""
    for output in parse_outputs(given["outputs"], quiet=given["quiet"]):
        text = render(output.format, made)
        if output.path:
            write_file(Path(output.path), [text])
        else:
            click.echo(text, nl=False)
    return made.exit_code
