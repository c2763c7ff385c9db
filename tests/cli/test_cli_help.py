"""`--help`: quick, grouped, with examples; it names the way past the command line.

The texts are kept: `make golden` writes them anew; look at the difference.
"""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from syncer.cli import cli
from syncer.cli.command import Command, walk

GOLDEN = Path(__file__).parent / "golden" / "help"
UPDATE = bool(os.environ.get("SYNCER_UPDATE_GOLDEN"))  # tests themselves see no SYNCER_…
COMMANDS = dict(walk(click.Context(cli, info_name="syncer")))
HEAVY = ("kubernetes", "git", "rich", "jinja2", "urllib3", "starlette", "uvicorn", "ruamel", "yaml")


def imported_by(*arguments):
    story = "import sys; from syncer.cli import run; run(sys.argv[1:]); print('\\n'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", story, *arguments], capture_output=True, text=True, check=True)
    assert "Usage: syncer" in done.stdout
    return set(done.stderr.split())


@pytest.mark.parametrize("arguments", [[], ["plan"], ["sync"]], ids=" ".join)
def test_help_imports_no_library_that_it_does_not_need(arguments):
    assert imported_by(*arguments, "--help") & set(HEAVY) == set()


def test_all_commands_together_import_none_either():
    story = "import sys; from syncer.cli import cli\nfrom syncer.cli.command import walk\nimport click\n"
    story += "list(walk(click.Context(cli))); print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", story], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & set(HEAVY) == set()


@pytest.fixture
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example(syncer, name):
    text = syncer(*name.split(), "--help").out
    assert "Example" in text
    assert f"syncer {name}" in text.partition("Example")[2]


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if isinstance(command, Command)])
def test_every_command_with_options_tells_of_the_environment_and_the_file(syncer, name):
    text = " ".join(syncer(*name.split(), "--help").out.split())
    assert f"(SYNCER_{name.upper().replace(' ', '_')}_" in text
    assert "syncer.yaml" in text


@pytest.mark.usefixtures("wide")
def test_options_that_commands_share_stand_in_groups(syncer):
    lines = syncer("sync", "--help").out.splitlines()
    titles = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert titles == ["Options:", "Source:", "Scope:", "Policy:", "Output:", "Cluster:", "Settings:"]


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_help_reads_as_it_is_kept(syncer, name):
    text = syncer(*name.split(), "--help").out
    file = GOLDEN / f"{name.replace(' ', '-') or 'syncer'}.txt"
    if UPDATE:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert file.is_file(), "a new command: `make golden` keeps its help"
    assert text == file.read_text(encoding="utf-8"), "if this is meant, `make golden` keeps it"


def test_no_help_is_kept_of_a_command_that_is_gone():
    assert {file.stem for file in GOLDEN.iterdir()} == {"syncer", *(name.replace(" ", "-") for name in COMMANDS)}
