"""What the GitHub action does: runs syncer, which writes the job's summary, and tells the pull request what came of it.

Everything comes by the environment: the action's inputs as INPUT_…, the rest as the runner sets it
(https://docs.github.com/en/actions/reference/workflows-and-actions/variables). Only the standard library is used.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MODES = ("plan", "sync", "apply")
CHANGES = 2
"""The exit code of a plan that has changes, with --detailed-exitcode."""
PAGE = 100
MAX_PAGES = 50


def main(environ: Mapping[str, str]) -> int:
    """Run one mode, and give the code that the step ends with: 0 also for a plan that has changes."""
    mode = environ["INPUT_MODE"]
    if mode == "auto":
        mode = "plan" if environ["GITHUB_EVENT_NAME"].startswith("pull_request") else "sync"
    if mode not in MODES:
        print(f"::error title=syncer::mode {mode!r} is none of auto, {', '.join(MODES)}")
        return 64
    with tempfile.TemporaryDirectory(dir=environ["RUNNER_TEMP"]) as secrets:
        reports = Path(environ["RUNNER_TEMP"], "syncer-plan")
        reports.mkdir(exist_ok=True)
        markdown, text = Path(secrets, "report.md"), Path(secrets, "report.txt")
        command = command_of(mode, environ, reports / "plan.json", cluster_of(environ, Path(secrets)))
        command += ["-o", "github", "-o", f"markdown={markdown}", "-o", f"text={text}"]
        code = subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode
        if text.exists():
            print(text.read_text(encoding="utf-8"), flush=True)
        if markdown.exists():
            report = markdown.read_text(encoding="utf-8")
            if mode == "plan" and environ["INPUT_COMMENT"] == "true":
                comment(environ, report)
    append(environ, "GITHUB_OUTPUT", f"exit-code={code}\nchanges={str(code == CHANGES).lower()}\n")
    kept = "plan.json" if mode == "plan" else "undo.jsonl"
    if (reports / kept).exists():
        append(environ, "GITHUB_OUTPUT", f"{kept.partition('.')[0]}={reports / kept}\n")
    return 0 if code == CHANGES else code


def command_of(mode: str, environ: Mapping[str, str], plan: Path, cluster: list[str]) -> list[str]:
    """Give the command line; nothing secret is on it."""
    syncer = environ.get("SYNCER") or str(Path(environ["RUNNER_TEMP"], "syncer/bin/syncer"))
    if mode != "plan":
        cluster = [*cluster, "--undo-file", str(plan.with_name("undo.jsonl"))]
    more = [*cluster, *shlex.split(environ["INPUT_ARGS"]), "--detailed-exitcode"]
    if mode == "apply":
        return [syncer, "apply", str(plan), *more]
    scope = [option for name in environ["INPUT_NAMESPACES"].split() for option in ("-n", name)]
    owner = ["--owner", environ["INPUT_OWNER"]] if environ["INPUT_OWNER"] else []
    keep = ["-o", f"json={plan}"] if mode == "plan" else []
    return [syncer, mode, environ["INPUT_SOURCE"], *scope, *owner, *keep, *more]


def cluster_of(environ: Mapping[str, str], folder: Path) -> list[str]:
    """Put token and certificate authority into files that only this user reads, and give the options that name them."""
    options = ["--server", environ["INPUT_SERVER"]]
    for name in ("token", "certificate-authority"):
        content = environ["INPUT_" + name.upper().replace("-", "_")]
        if content:
            path = folder / name
            path.touch(mode=0o600)
            path.write_text(content.strip() + "\n", encoding="utf-8")
            options += [f"--{name}-file" if name == "token" else f"--{name}", str(path)]
    return options


def append(environ: Mapping[str, str], name: str, text: str) -> None:
    """Append to one of the files by which the runner is told things."""
    with Path(environ[name]).open("a", encoding="utf-8") as file:
        file.write(text)


# ------------------------------------------------------------------------------------------------- the comment


def comment(environ: Mapping[str, str], report: str) -> None:
    """Say a report on the pull request: in the comment that an earlier plan of this owner left, else in a new one.

    What fails here is a warning: a token of a fork's pull request may not comment, and the plan is no worse for it.
    """
    event = json.loads(Path(environ["GITHUB_EVENT_PATH"]).read_text(encoding="utf-8"))
    number = (event.get("pull_request") or {}).get("number")
    if not number:
        return
    marker = report.partition("\n")[0]
    issues = f"/repos/{environ['GITHUB_REPOSITORY']}/issues"
    try:
        for old in comments(environ, f"{issues}/{number}/comments"):
            # Anybody can write the marker; only what the bot itself wrote is replaced.
            if old["body"].startswith(marker) and old["user"]["type"] == "Bot":
                call(environ, "PATCH", f"{issues}/comments/{old['id']}", {"body": report})
                return
        call(environ, "POST", f"{issues}/{number}/comments", {"body": report})
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.HTTPError) else error
        print(f"::warning title=syncer::the comment could not be written: {reason}")


def comments(environ: Mapping[str, str], path: str) -> Iterator[dict[str, Any]]:
    """Yield the comments of a pull request, page by page."""
    for page in range(1, MAX_PAGES + 1):
        found = call(environ, "GET", f"{path}?per_page={PAGE}&page={page}")
        yield from found
        if len(found) < PAGE:
            return


def call(environ: Mapping[str, str], method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
    """Send one request to GitHub's API. Raises OSError, also where it refuses, and ValueError."""
    request = urllib.request.Request(  # noqa: S310 - the runner names the API
        environ["GITHUB_API_URL"] + path,
        None if body is None else json.dumps(body).encode(),
        {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {environ['INPUT_GITHUB_TOKEN']}",
            "Content-Type": "application/json",
            "X-GitHub-Api-Version": "2022-11-28",
        },
        method=method,
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - likewise
        return json.load(answer)


if __name__ == "__main__":
    sys.exit(main(os.environ))
