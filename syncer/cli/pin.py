"""`syncer pin`: writes digests into manifests."""

from __future__ import annotations

from typing import Any

import click

from syncer.cli.options import CLUSTER, NARROWED, client_of, told_as
from syncer.cli.types import TagName


@click.command("pin")
@click.argument("source", default=".", metavar="DIR", type=click.Path())
@NARROWED
@click.option("--tag", "tags", type=TagName(), multiple=True, help="Pin this tag alone; repeatable.")
@click.option("--dry-run", is_flag=True, help="Only tell: write no file.")
@told_as("text", "json")
@CLUSTER
def command(**given: Any) -> int:
    """Write the digest of each image into the manifests in DIR: `app:1.0` becomes `app@sha256:…  # 1.0`.

    The cluster looks the images up, with its own pull secrets, and imports none. Files are edited in place; comments,
    order and layout stay. If one image is not found, every file is left as it was, and the exit code is 1. Tags that
    are scheduled, or take no image from a registry, are left.

    \b
    Examples:
      syncer pin . && git diff
      syncer pin . --path team-a --dry-run
      syncer pin . --tag team-a/app:prod
    """
    from syncer import sync  # noqa: PLC0415 - `--help` pays for no import it does not need
    from syncer.cli.repointing import options_of, told  # noqa: PLC0415 - likewise

    made = sync.pin(options_of(given), client_of(given), lambda _: None, only=given["tags"], dry_run=given["dry_run"])
    return told(made, given)
