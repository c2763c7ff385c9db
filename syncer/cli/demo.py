"""`syncer demo`: the tour. Every command that it shows is the command that it runs."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from syncer.cli import run
from syncer.errors import SyncerError, UsageError

if TYPE_CHECKING:
    from git import Repo

EXAMPLE: Final = Path(__file__).parents[2] / "manifests-example"
PACKAGED: Final = Path(__file__).parents[1] / "manifests-example"
FORMATS: Final = {
    "text": "txt",
    "json": "json",
    "jsonl": "jsonl",
    "markdown": "md",
    "html": "html",
    "junit": "xml",
    "github": "github.txt",
    "gitlab": "gitlab.json",
}
ABSENT: Final = """apiVersion: image.openshift.io/v1
kind: ImageStreamTag
metadata:
  name: fraud-check:0.1
  namespace: acme-payments
tag:
  from:
    kind: DockerImage
    name: registry.invalid/payments/fraud-check:0.1
"""


@dataclass(frozen=True, slots=True)
class Tour:
    """Where the tour takes place: a git repository, a local API, a folder for reports."""

    repository: Path
    git: Repo
    server: str
    reports: Path

    def step(self, number: int, title: str, story: str, command: str, *options: str, expect: int = 0) -> None:
        """Tell what comes, show the command, run it, keep its reports. Raises SyncerError if it ends unexpectedly."""
        click.secho(f"\n{number}. {title}", bold=True)
        click.echo(f"   {story}\n")
        # The tour is the same everywhere, whatever syncer.yaml is here.
        kept = [f"--config={os.devnull}"]
        kept += [f"--output={kind}={self.reports / f'{number}-{command}.{suffix}'}" for kind, suffix in FORMATS.items()]
        if command == "restore":
            shown = [*options, "--server", self.server]
            click.secho(f"$ {shlex.join(['syncer', command, *shown])}", fg="cyan")
            code = run([command, *shown, *kept, f"--undo-file={self._undo_file(number)}"])
        else:
            shown = ["--owner", "acme", "--server", self.server, *options]
            click.secho(f"$ {shlex.join(['syncer', command, 'tags', *shown])}", fg="cyan")
            kept += [f"--undo-file={self._undo_file(number)}"] if command == "sync" else []
            code = run([command, str(self.repository), *shown, *kept])
        if code != expect:
            raise SyncerError(f"the tour stopped: `syncer {command}` exited with {code}, not {expect}")
        if expect:
            click.echo(f"(exit code {code})")

    def edit(self, number: int, title: str, story: str, command: str, *arguments: str) -> None:
        """Tell what comes, show a command that edits the repository, run it, keep what it tells."""
        click.secho(f"\n{number}. {title}", bold=True)
        click.echo(f"   {story}\n")
        click.secho(f"$ {shlex.join(['syncer', command, *arguments, 'tags', '--server', self.server])}", fg="cyan")
        kept = [f"--output={kind}={self.reports / f'{number}-{command}.{FORMATS[kind]}'}" for kind in ("text", "json")]
        code = run(
            [command, *arguments, str(self.repository), "--server", self.server, f"--config={os.devnull}", *kept]
        )
        if code:
            raise SyncerError(f"the tour stopped: `syncer {command}` exited with {code}, not 0")

    def _undo_file(self, number: int) -> Path:
        """Name a step's undo file; one that an earlier tour left goes away, for a run overwrites none."""
        path = self.reports / f"{number}-undo.jsonl"
        path.unlink(missing_ok=True)
        return path

    def commit(self, message: str) -> None:
        """Commit all that changed in the repository."""
        self.git.git.add("--all")
        self.git.git.commit("--quiet", "--message", message)

    def patch(self, namespace: str, name: str, patch: dict[str, Any]) -> None:
        """Change a tag on the cluster as somebody in a hurry would, past git and past syncer."""
        path = f"/apis/image.openshift.io/v1/namespaces/{namespace}/imagestreamtags/{name}"
        self._send("PATCH", path, patch, "application/merge-patch+json")

    def deploy(self, namespace: str, name: str, tag: str) -> None:
        """Make a Deployment that follows a tag, and the Pod that its controller would make."""
        path = f'spec.template.spec.containers[?(@.name=="{name}")].image'
        trigger = {"from": {"kind": "ImageStreamTag", "name": tag}, "fieldPath": path}
        place = {"name": name, "namespace": namespace}
        follows = {"annotations": {"image.openshift.io/triggers": json.dumps([trigger])}}
        deployment = {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {**place, **follows}}
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{name}-7d9c", "uid": "1", "controller": True}
        marks = {"labels": {"pod-template-hash": "7d9c"}, "ownerReferences": [owner]}
        pod = {"kind": "Pod", "apiVersion": "v1", "metadata": {**place, "name": f"{name}-7d9c-x2k4f", **marks}}
        self._send("POST", f"/apis/apps/v1/namespaces/{namespace}/deployments", deployment)
        self._send("POST", f"/api/v1/namespaces/{namespace}/pods", pod)

    def _send(self, method: str, path: str, body: dict[str, Any], content_type: str = "application/json") -> None:
        headers = {"Content-Type": content_type}
        request = urllib.request.Request(self.server + path, json.dumps(body).encode(), headers, method=method)  # noqa: S310 - the local API
        with urllib.request.urlopen(request) as response:  # noqa: S310 - the local API
            response.read()


def _create(tour: Tour) -> None:
    tour.step(1, "Look first", "A new cluster, a repository of 26 tags: a plan writes nothing.", "plan")
    tour.step(2, "Sync", "The same, applied: followed tags first, imports awaited.", "sync", "--wait", "30s")
    tour.step(3, "No change", "A second plan finds nothing to do.", "plan", "--detailed-exitcode")


def _drift(tour: Tour) -> None:
    hotfix = {"tag": {"from": {"kind": "DockerImage", "name": "registry.example.com/platform/ubi9:hotfix"}}}
    tour.patch("acme-platform", "ubi9:latest", hotfix)
    story = "Somebody has patched ubi9:latest by hand; exit code 2 tells a pipeline."
    tour.step(4, "Drift", story, "plan", "--detailed-exitcode", expect=2)
    tour.step(5, "Repair", "What git says is put back.", "sync", "--wait", "30s")


def _promote(tour: Tour) -> None:
    path = tour.repository / "acme-payments" / "api" / "prod.yaml"
    path.write_text(path.read_text().replace("api:2.3.0", "api:2.3.1"))
    tour.commit("Promote payments/api 2.3.1 to production")
    tour.step(6, "A change in git", "One line promotes api:2.3.1 to production.", "sync", "--wait", "30s")


def _prune(tour: Tour) -> None:
    for name in ("canary", "1.6.0-rc1"):
        (tour.repository / "acme-web" / "storefront" / f"{name}.yaml").unlink()
    tour.commit("The release candidate is over")
    tour.step(7, "Prune", "Two files left git; their tags go, the follower first.", "sync")


def _failing_import(tour: Tour) -> None:
    path = tour.repository / "acme-payments" / "fraud-check" / "0.1.yaml"
    path.parent.mkdir()
    path.write_text(ABSENT)
    tour.commit("Try the fraud check")
    story = "A registry that does not exist: the tag is made, its import fails, and every report says so."
    tour.step(8, "A failing import", story, "sync", "--wait", "30s")
    tour.step(9, "Still failing", "Nothing to do, and the failure is not forgotten.", "plan", "--detailed-exitcode")


def _restore(tour: Tour) -> None:
    story = "Each sync wrote first what was there before it: the last one is taken back."
    tour.step(10, "The way back", story, "restore", str(tour.reports / "8-undo.jsonl"))


def _digests(tour: Tour) -> None:
    path = tour.repository / "acme-web" / "storefront" / "stable.yaml"
    path.write_text(path.read_text().replace("storefront:1.5.0", "storefront:1.4.2"))
    tour.commit("Back to storefront 1.4.2")
    story = "The cluster looks the images up, and imports none: which digest runs then, and does it exist?"
    tour.step(11, "Know the image first", story, "plan", "--resolve")
    (tour.repository / "acme-payments" / "fraud-check" / "0.1.yaml").unlink()
    tour.commit("The fraud check has to wait")
    tour.edit(12, "Pin", "Each pull spec gets its digest, in place; what is scheduled is left.", "pin")
    story = "Production gets the very image that api:2.3.0 has now: an edit, for a review."
    tour.edit(13, "Promote", story, "promote", "acme-payments/api:2.3.0", "acme-payments/api:prod")
    tour.commit("Pin the images; production takes that of api 2.3.0")
    tour.step(14, "Sync it", "The pinned tags stay with their images; production moves.", "sync", "--wait", "30s")


def _impact(tour: Tour) -> None:
    tour.deploy("acme-web", "storefront", "storefront:stable")
    tour.deploy("acme-payments", "ledger", "ledger:prod")
    path = tour.repository / "acme-web" / "storefront" / "stable.yaml"
    path.write_text(path.read_text().replace("storefront:1.4.2", "storefront:1.5.0"))
    (tour.repository / "acme-payments" / "ledger" / "prod.yaml").unlink()
    tour.commit("Storefront 1.5.0 is stable again; no ledger in production any more")
    story = "Two Deployments follow tags: one tag moves, the other left git, and stays, for it is in use."
    tour.step(15, "What follows", story, "plan", "--impact")


CHAPTERS: Final = (_create, _drift, _promote, _prune, _failing_import, _restore, _digests, _impact)


@click.command("demo")
@click.option(
    "--reports",
    type=click.Path(),
    default="demo-output",
    show_default=True,
    metavar="DIR",
    help="Folder to leave the reports in.",
)
def command(reports: str) -> None:
    """Take the tour, without a cluster.

    A plan, a sync, drift, a promotion, a prune, a failing import, a restore; digests known, pinned, promoted; impact.
    Starts a local API, takes the example repository, and writes nothing but its reports.

    \b
    Example:
      syncer demo --reports /tmp/tour
    """
    try:
        from syncer.localapi import LocalAPI  # noqa: PLC0415 - it needs an extra that a sync does not
    except ImportError as error:
        raise UsageError("the local API is not installed", hint="pip install 'syncer[serve]'") from error
    from git import Repo  # noqa: PLC0415 - `--help` pays for no import it does not need

    folder = Path(reports)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, LocalAPI() as api:
        repository = Path(scratch) / "tags"
        shutil.copytree(EXAMPLE if EXAMPLE.is_dir() else PACKAGED, repository)
        git = Repo.init(repository, initial_branch="main")
        git.git.update_environment(**_AUTHOR)
        tour = Tour(repository, git, api.url, folder)
        tour.commit("The tags of three teams")
        for chapter in CHAPTERS:
            chapter(tour)
        git.close()
    click.secho(
        f"\nThe reports of each step are in {folder}{os.sep}; open {folder / '8-sync.html'} in a browser.", bold=True
    )


_AUTHOR: Final = {
    "GIT_AUTHOR_NAME": "Acme",
    "GIT_AUTHOR_EMAIL": "tags@acme.example.com",
    "GIT_COMMITTER_NAME": "Acme",
    "GIT_COMMITTER_EMAIL": "tags@acme.example.com",
}
