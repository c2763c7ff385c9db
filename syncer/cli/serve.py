"""`syncer serve`: the local API."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from syncer.cli.types import Duration
from syncer.errors import SyncerError, UsageError


@click.command("serve")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Port on 127.0.0.1; 0: a free one."
)
@click.option(
    "--profile",
    type=click.Choice(["openshift", "documented"]),
    default="openshift",
    show_default=True,
    help="Answer as a real OpenShift does, or as its API reference promises.",
)
@click.option("--no-import", is_flag=True, help="Import no image: tags stay pending.")
@click.option("--import-delay", type=Duration(), default="300ms", show_default=True, help="How long an import takes.")
@click.option(
    "--tokens",
    type=click.Path(),
    metavar="FILE",
    help="YAML: TOKEN: {user: NAME, role: view|edit|admin, namespaces: [NS], resources: [PLURAL]}.",
)
def command(**given: Any) -> None:
    """Serve an ImageStreamTag API on loopback, to try, to develop, to test. It forgets all when it stops.

    Imports are simulated: a registry `….invalid` does not exist, an image `no-such-…` is not there, a repository
    `no-access-…/…` lets nobody in, and every other pull spec has an image.

    \b
    Examples:
      syncer serve --port 8080
      kubectl --server http://127.0.0.1:8080 get imagestreamtags -A
      syncer sync manifests-example --allow-dirty --owner demo --server http://127.0.0.1:8080
    """
    try:
        from syncer import localapi  # noqa: PLC0415 - it needs an extra that a sync does not
    except ImportError as error:
        raise UsageError("the local API is not installed", hint="pip install 'syncer[serve]'") from error

    try:
        tokens = localapi.load_tokens(Path(given["tokens"])) if given["tokens"] else None
    except OSError as error:
        raise UsageError(f"--tokens: {given['tokens']} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"--tokens: {error}") from error
    try:
        localapi.run(
            port=given["port"],
            profile=given["profile"],
            imports=not given["no_import"],
            import_delay=given["import_delay"],
            tokens=tokens,
            on_listen=lambda url: click.echo(f"Listening on {url}"),
        )
    except OSError as error:
        message = f"port {given['port']} cannot be listened on: {error.strerror}"
        raise SyncerError(message, hint="give another --port, or 0 for a free one") from error
