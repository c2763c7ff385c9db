"""`syncer promote`: points a tag's manifest at the image that another tag has."""

from __future__ import annotations

from typing import Any

import click

from syncer.cli.options import CLUSTER, NARROWED, client_of, told_as
from syncer.cli.types import TagName


@click.command("promote")
@click.argument("origin", metavar="FROM", type=TagName())
@click.argument("to", metavar="TO", type=TagName())
@click.argument("source", default=".", metavar="[DIR]", type=click.Path())
@NARROWED
@click.option(
    "--kind",
    type=click.Choice(["ImageStreamImage", "DockerImage"]),
    default="ImageStreamImage",
    show_default=True,
    help="How TO names the image: as one of FROM's stream, or by its pull spec, for another cluster.",
)
@click.option("--dry-run", is_flag=True, help="Only tell: write no file.")
@told_as("text", "json")
@CLUSTER
def command(**given: Any) -> int:
    """Point the manifest of TO in DIR at the digest that FROM has on the cluster now; the next sync moves TO there.

    FROM and TO are NAMESPACE/STREAM:TAG. One file is edited, in place; comments, order and layout stay. Nothing is
    written to the cluster: review it, commit it, sync it. DIR is the folder that you are in by default.

    \b
    Examples:
      syncer promote team-a/app:test team-a/app:prod && git diff
      syncer promote test/app:rc prod/app:live tags
      syncer promote test/app:rc prod/app:live --context test --kind DockerImage
    """
    from syncer import sync  # noqa: PLC0415 - `--help` pays for no import it does not need
    from syncer.cli.repointing import options_of, told  # noqa: PLC0415 - likewise

    made = sync.promote(
        options_of(given),
        client_of(given),
        lambda _: None,
        given["origin"],
        given["to"],
        kind=given["kind"],
        dry_run=given["dry_run"],
    )
    return told(made, given)
