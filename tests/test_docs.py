"""Every command in README and docs runs, in order, page by page, against a local API and real git repositories.

A console block holds commands (`$ …`) and what they print; `…` in a printed line stands for anything, and lines may be
left out. A yaml block whose first line names a file (`# tags/api.yaml`) is that file. What cannot run is in NOT_RUN.
"""

import fnmatch
import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import click
import pytest
import yaml

from syncer.cli import cli, run
from syncer.cli.command import walk
from syncer.localapi import LocalAPI

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "manifests-example" / "README.md"]
OR_CODE = ' || echo "exit code $?"'
SHELL = re.compile(r"[|;&<>$()*`]")

NOT_RUN = {
    r"(?!oc apply -f \.\./web\.yaml)(kubectl|oc) .*": "not everywhere; tests/localapi runs kubectl on the local API",
    r"make soak": "a sample of it is among the tests",
    r"make (demo|test|lint|check|golden)( .*)?": "CI runs each of them; the tests would run themselves",
    r"(\.venv/bin/)?syncer serve .*": "it does not end; the local API of the page stands in for it",
    r"(pip|docker|podman|pipx) .*": "it would take packages or images from the network",
}


@dataclass
class Block:
    """A fenced block of a page."""

    language: str
    lines: list = field(default_factory=list)


@dataclass
class Step:
    """A command, what the page says that it prints, and the files to write before it."""

    command: str
    printed: list = field(default_factory=list)
    files: dict = field(default_factory=dict)


def blocks_of(page):
    found, block = [], None
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            block = None if block else Block(line[3:].strip())
            found += [block] if block else []
        elif block:
            block.lines.append(line)
    return found


def steps_of(page):
    steps, files = [], {}
    for block in blocks_of(page):
        if block.language == "console":
            for line in block.lines:
                if line.startswith("$ "):
                    steps.append(Step(re.sub(r"\s+# .*", "", line[2:]).strip(), [], files))
                    files = {}
                elif line:
                    steps[-1].printed.append(line)
        elif block.language == "yaml" and (name := re.fullmatch(r"# ([\w./-]+\.yaml)", block.lines[0])):
            files = {**files, name[1]: "\n".join(block.lines) + "\n"}
    return steps


def reason_not_to_run(command):
    return next((reason for pattern, reason in NOT_RUN.items() if re.fullmatch(pattern, command)), None)


CHECKOUT = (ROOT / "README.md", ROOT / "manifests-example" / "README.md")
"""Pages that begin in a checkout of syncer; the others begin in a clone of the reader's own repository."""
NEW = ("first-ten-minutes.md",)
"""Pages for whose reader there is no manifest yet; the others' repository holds those of manifests-example."""

PAGES_THAT_RUN = [page for page in PAGES if any(not reason_not_to_run(step.command) for step in steps_of(page))]


def identity(page):
    return str(page.relative_to(ROOT))


class Reader:
    """Somebody who follows a page: a home, a kubeconfig, a clone of the team's repository, and a terminal."""

    def __init__(self, folder, apis, monkeypatch, capfd):
        (api, self.served), self.monkeypatch, self.capfd = apis, monkeypatch, capfd
        self.api, self.undo_files = api, itertools.count(1)
        self.home = folder / "home"
        self.home.mkdir()
        kubeconfig = self.home / "kubeconfig"
        kubeconfig.write_text(KUBECONFIG.format(server=api.url, other=self.served.url))
        (self.home / ".gitconfig").write_text(
            f'[user]\n  name = Ann\n  email = ann@example.com\n[url "file://{folder}/"]\n'
            "  insteadOf = https://git.example.com/\n[init]\n  defaultBranch = main\n"
        )
        for name in [name for name in os.environ if name.startswith(("SYNCER_", "GIT_", "KUBE", "XDG_"))]:
            monkeypatch.delenv(name)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        for name, value in {"HOME": self.home, "KUBECONFIG": kubeconfig, "PATH": path, "COLUMNS": "120"}.items():
            monkeypatch.setenv(name, str(value))
        monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        self.folder = folder
        shutil.copytree(ROOT / "manifests-example", folder / "syncer" / "manifests-example")

    def open(self, page):
        """Make https://git.example.com/team/tags.git, a clone of it in ~/tags, and go where the page begins."""
        folder, seed = self.folder, self.folder / "seed"
        if page.name in NEW:
            seed.mkdir()
            (seed / "README").write_text("Tags of team-a\n")
        else:
            own = ("deploy", "README.md", "syncer.yaml", ".git*")  # a reader's repository has none of these
            shutil.copytree(ROOT / "manifests-example", seed, ignore=shutil.ignore_patterns(*own))
        for command in (
            "git init -q && git add . && git commit -qm 'The tags of three teams'",
            f"git clone -q --bare . {folder}/team/tags.git",
            f"git clone -q https://git.example.com/team/tags.git {self.home}/tags",
        ):
            subprocess.run(command, shell=True, cwd=seed, check=True)  # noqa: S602 - the tests' own words
        self.monkeypatch.chdir(folder / "syncer" if page in CHECKOUT else self.home / "tags")

    def apply(self, manifest):
        """Make an object of the group apps, as oc would."""
        namespace, plural = manifest["metadata"]["namespace"], f"{manifest['kind'].lower()}s"
        url = f"{self.api.url}/apis/{manifest['apiVersion']}/namespaces/{namespace}/{plural}"
        headers = {"Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(manifest).encode(), headers)) as answer:  # noqa: S310 - loopback
            return f"{answer.status}\n"

    def do(self, step):
        """Run one command as it stands there. Gives its exit code and all that it printed."""
        for name, text in step.files.items():
            path = Path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        # Undo files are told apart by second and process: here one process runs many commands in a second.
        undo = self.home / ".local" / "state" / "syncer" / f"undo-{next(self.undo_files)}.jsonl"
        several = "--all-sets" in step.command or step.command.count("--set ") > 1  # each set has a file of its own
        self.monkeypatch.setenv("XDG_STATE_HOME", str(undo.parent / undo.stem if several else undo.parents[1]))
        for name in ("SYNC", "APPLY", "RESTORE"):
            self.monkeypatch.setenv(f"SYNCER_{name}_UNDO_FILE", "" if several else str(undo))
        command = step.command.replace("http://127.0.0.1:8080", self.served.url)
        words = shlex.split(command)
        match words:
            case ["cd", folder]:
                self.monkeypatch.chdir(os.path.expanduser(folder))  # noqa: PTH111 - as the shell does
                return 0, ""
            case ["oc", "apply", "-f", file]:
                return 0, self.apply(yaml.safe_load(Path(file).read_text()))
            case ["export", pair]:
                self.monkeypatch.setenv(*pair.split("=", 1))
                return 0, ""
            case ["syncer" | ".venv/bin/syncer", *arguments] if not SHELL.search(command.removesuffix(OR_CODE)):
                # The same entry point without a new process: a page takes a second, not a minute.
                asked = arguments[: -len(shlex.split(OR_CODE))] if command.endswith(OR_CODE) else arguments
                code = run([os.path.expanduser(each) for each in asked])  # noqa: PTH111 - as the shell does
            case _:
                code = subprocess.run(
                    ["bash", "-c", f"exec 2>&1; {command}"], check=False, stdin=subprocess.DEVNULL
                ).returncode
        out, err = self.capfd.readouterr()
        if code and command.endswith(OR_CODE):
            code, err = 0, f"{err}exit code {code}\n"
        return code, (out + err).replace(self.api.url, "https://api.example.com:6443")


KUBECONFIG = """apiVersion: v1
kind: Config
current-context: prod
contexts:
- {{name: prod, context: {{cluster: prod}}}}
- {{name: test, context: {{cluster: test}}}}
clusters:
- {{name: prod, cluster: {{server: '{server}'}}}}
- {{name: test, cluster: {{server: '{other}'}}}}
"""


@pytest.fixture
def reader(tmp_path, monkeypatch, capfd):
    with LocalAPI(import_delay=0.01) as api, LocalAPI(import_delay=0.01) as served:
        yield Reader(tmp_path, (api, served), monkeypatch, capfd)


@pytest.mark.parametrize("page", PAGES_THAT_RUN, ids=identity)
def test_every_command_of_the_page_runs_and_prints_what_the_page_says(reader, page):
    reader.open(page)
    for step in steps_of(page):
        if reason_not_to_run(step.command):
            continue
        code, output = reader.do(step)
        assert code == 0, f"$ {step.command}\n{output}"
        lines = [line.rstrip() for line in output.splitlines()]
        for line in step.printed:
            pattern = re.sub(r"([\[\]?*])", r"[\1]", line.strip()).replace("…", "*")
            place = next((n for n, each in enumerate(lines) if fnmatch.fnmatchcase(each.strip(), pattern)), None)
            assert place is not None, f"$ {step.command}\nthe page says: {line}\nit printed:\n{output}"
            lines = lines[place + 1 :]


COMMANDS = dict(walk(click.Context(cli, info_name="syncer")))
INLINE = re.compile(r"`(syncer [^`]+)`")
SCRIPT = re.compile(r"^\s*(?:- |run: )*(syncer [^\n]+)")


def mentions(page):
    """Give commands in the running text, and in the pipelines of yaml blocks."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = INLINE.findall(text.replace("\n", " "))
    found += [match[1] for block in blocks_of(page) for line in block.lines if (match := SCRIPT.match(line))]
    return [each for each in found if not re.search(r"[…|<>]|\b(COMMAND|SHELL)\b", each)]


@pytest.mark.parametrize("page", PAGES, ids=identity)
def test_every_command_that_the_page_mentions_has_these_options(page):
    for text in mentions(page):
        words = shlex.split(text)[1:]
        name = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in COMMANDS), "")
        if words[0].startswith("-"):
            continue
        assert name, f"{page.name}: there is no `{text}`"
        command, rest = COMMANDS[name], words[len(name.split()) :]
        known = {option for param in command.params for option in param.opts}
        for word in rest:
            if word.startswith("-") and word != "-":
                option = word.partition("=")[0]
                assert option in known or option in {"-h", "--help"}, f"{page.name}: {text}: no option {option}"


def test_nothing_is_left_out_without_need():
    commands = [step.command for page in PAGES for step in steps_of(page)]
    assert [pattern for pattern in NOT_RUN if not any(re.fullmatch(pattern, each) for each in commands)] == []


def test_every_page_is_in_the_table_of_the_readme_and_every_link_leads_somewhere():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for page in PAGES[1:]:
        assert f"({page.relative_to(ROOT)})" in readme or page.parent.name == "manifests-example", page
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            assert "://" in target or (page.parent / target).exists(), f"{page.name}: {target}"
