"""Draws the pictures of the README: a plan on a terminal, and the same plan as an HTML page.

Nothing in them is made up: the example repository is synced into a local API, git and the cluster move apart, and what
a plan then says is drawn, by rich and by Chromium. Only the server's name is that of a cluster instead of a port.
"""

# ruff: noqa: INP001 - a script

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from git import Repo
from msgspec.structs import replace
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from syncer import sync
from syncer.cluster import Client, ConnectionOptions, connect
from syncer.localapi import LocalAPI
from syncer.report import render
from syncer.source import SourceSpec

if TYPE_CHECKING:
    from syncer.model import Report

FOLDER = Path(__file__).parent / "pictures"
EXAMPLE = Path(__file__).parents[1] / "manifests-example"
SERVER = "https://api.prod.example.com:6443"
WIDTH = 112
ABSENT = """apiVersion: image.openshift.io/v1
kind: ImageStreamTag
metadata: {name: 'fraud-check:0.1', namespace: acme-payments}
tag: {from: {kind: DockerImage, name: 'registry.invalid/payments/fraud-check:0.1'}}
"""


def main() -> None:
    """Draw both."""
    FOLDER.mkdir(exist_ok=True)
    report, now = planned()
    (FOLDER / "terminal.svg").write_text(terminal(report, now), encoding="utf-8")
    page(render("html", report), FOLDER / "page.png")


def planned() -> tuple[Report, datetime]:
    """Sync the example, let git and the cluster move apart, and plan."""
    now = datetime.now(UTC).replace(microsecond=0)
    with tempfile.TemporaryDirectory() as scratch, LocalAPI() as api:
        repository = Path(scratch) / "tags"
        shutil.copytree(EXAMPLE, repository)
        git = Repo.init(repository, initial_branch="main")
        git.create_remote("origin", "https://git.example.com/acme/tags.git")
        failing = repository / "acme-payments" / "fraud-check.yaml"
        failing.write_text(ABSENT)
        commit(git, "The tags of three teams", now - timedelta(days=30))
        client = Client(connect(ConnectionOptions(server=api.url), environ={}))
        options = sync.Options(SourceSpec(str(repository)), wait=30.0)
        sync.sync(options, client, io.BytesIO())
        hotfix(api.url, "acme-platform", "ubi9:latest", "registry.example.com/platform/ubi9:hotfix")
        time.sleep(1)  # its import takes a moment
        promoted = repository / "acme-payments" / "api" / "prod.yaml"
        promoted.write_text(promoted.read_text().replace("api:2.3.0", "api:2.3.1"))
        for name in ("canary", "1.6.0-rc1"):
            (repository / "acme-web" / "storefront" / f"{name}.yaml").unlink()
        (repository / "acme-web" / "storefront" / "1.6.0.yaml").write_text(
            "apiVersion: image.openshift.io/v1\nkind: ImageStreamTag\n"
            "metadata: {name: 'storefront:1.6.0', namespace: acme-web}\n"
            "tag: {from: {kind: DockerImage, name: 'registry.example.com/web/storefront:1.6.0'}}\n"
        )
        commit(git, "Promote payments/api 2.3.1, release storefront 1.6.0", now - timedelta(days=2))
        report = sync.plan(options, client, io.BytesIO()).report
        git.close()
    return replace(report, target=replace(report.target, server=SERVER)), now


def commit(git: Repo, message: str, when: datetime) -> None:
    """Commit all that changed, at a given time."""
    names = {f"GIT_{role}_{part}": text for role in ("AUTHOR", "COMMITTER") for part, text in AUTHOR.items()}
    with git.git.custom_environment(**names, GIT_AUTHOR_DATE=when.isoformat(), GIT_COMMITTER_DATE=when.isoformat()):
        git.git.add("--all")
        git.git.commit("--quiet", "--message", message)


AUTHOR = {"NAME": "Acme", "EMAIL": "tags@acme.example.com"}


def hotfix(server: str, namespace: str, name: str, image: str) -> None:
    """Change a tag on the cluster, as somebody in a hurry would."""
    url = f"{server}/apis/image.openshift.io/v1/namespaces/{namespace}/imagestreamtags/{name}"
    body = json.dumps({"tag": {"from": {"kind": "DockerImage", "name": image}}}).encode()
    headers = {"Content-Type": "application/merge-patch+json"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers, method="PATCH")) as answer:  # noqa: S310 - the local API
        answer.read()


def terminal(report: Report, now: datetime) -> str:
    """Draw the text report as a terminal shows it; the picture asks nobody for a font."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="standard")
    console.print(Text.assemble(("$ ", "bold green"), "syncer plan .\n"))
    console.print(Text.from_ansi(render("text", report, width=WIDTH, color=True, now=now)))
    style = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    return console.export_svg(title="syncer plan", code_format=style, unique_id="terminal")


def page(text: str, picture: Path) -> None:
    """Have Chromium draw the top of the page."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or "google-chrome"
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "page.html"
        file.write_text(text, encoding="utf-8")
        options = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1200,1200")
        profile = f"--user-data-dir={scratch}/profile"
        command = [chromium, *options, profile, f"--screenshot={picture}", file.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)  # noqa: S603 - our own page


if __name__ == "__main__":
    main()
