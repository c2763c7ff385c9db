"""Completion: what a shell is given, how fast, and that nothing is ever printed in between."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from world import tag, text_of

from syncer.cli import candidates, cli
from syncer.cli.completion import VARIABLE

SYNCER = Path(sys.executable).with_name("syncer")
KUBECONFIG = """{contexts: [
  {name: 'default/api-crc-testing:6443/kubeadmin', context: {cluster: c}},
  {name: 'default/api-other:6443/ann', context: {cluster: c}}]}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def complete(here):
    """Ask as bash does, by the line up to the cursor; give the values."""

    def call(line, *, by="bash", more=None):
        words = {"COMP_WORDS": line, "COMP_CWORD": "0", "_SYNCER_COMPLETE": f"{by}_complete", **(more or {})}
        done = subprocess.run(
            [SYNCER], env={**os.environ, **words}, cwd=here, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        return [each.partition(",")[2] for each in done.stdout.split("\n") if each]

    return call


def test_commands_options_and_choices(complete):
    assert complete("syncer pl") == ["plan"]
    assert complete("syncer plan --on-d") == ["--on-drift"]
    assert complete("syncer plan --on-drift re") == ["revert", "report"]
    assert complete("syncer completion z") == ["zsh"]


def test_formats(complete):
    assert complete("syncer plan -o js") == ["json", "jsonl"]
    assert complete("syncer plan --output=js") == ["json", "jsonl"]
    assert complete("syncer validate -o ") == ["text", "json", "github", "gitlab"]
    assert complete("syncer export . -o ") == ["text", "json"]


def test_codes_that_can_be_explained(complete):
    assert complete("syncer validate --explain file-") == ["file-name", "file-size", "file-unreadable"]


@pytest.mark.parametrize("command", ["explain", "promote", "promote a/b:c", "pin --tag"])
def test_tags_that_manifests_here_describe(complete, here, command, monkeypatch):
    monkeypatch.setattr(candidates, "PATIENCE", 30)
    (here / "sub").mkdir()
    (here / "sub" / "tags.yaml").write_text(text_of([tag("team-a/app:v1"), tag("team-b/app:v1")]))
    (here / "broken.yaml").write_text("kind: [")
    assert complete(f"syncer {command} ") == ["team-a/app:v1", "team-b/app:v1"]
    assert complete(f"syncer {command} team-a/app:") == ["v1"]


def test_contexts_of_every_kubeconfig_and_only_the_rest_after_a_colon_in_bash(complete, here, monkeypatch):
    (here / "a").write_text(KUBECONFIG)
    (here / "b").write_text("contexts: [{name: kind}]")
    monkeypatch.setenv("KUBECONFIG", f"a{os.pathsep}absent{os.pathsep}b")
    names = ["default/api-crc-testing:6443/kubeadmin", "default/api-other:6443/ann"]
    assert complete("syncer plan --context ") == [*names, "kind"]
    assert complete("syncer plan --context default/api-crc-testing:6") == ["6443/kubeadmin"]
    assert complete("syncer plan --kubeconfig b --context ") == ["kind"]


@pytest.mark.parametrize("text", ["", "- x", "{", "contexts: 7", "contexts: [7]", "contexts: [{}]", "\x00"])
def test_a_kubeconfig_that_is_none_gives_nothing_and_no_error(complete, here, monkeypatch, text):
    (here / "a").write_text(text)
    monkeypatch.setenv("KUBECONFIG", "a")
    assert complete("syncer plan --context ") == []


def test_namespaces_of_the_cluster(world, monkeypatch):
    monkeypatch.setattr(candidates, "PATIENCE", 30)  # what a busy machine needs, which no person would wait for
    world.post(tag("team-a/app:v1"))
    world.post(tag("team-b/app:v1"))
    asking = ShellComplete(cli, {}, "syncer", VARIABLE)
    found = asking.get_completions(["plan", "--server", world.url, "-n"], "team-")
    assert [each.value for each in found] == ["team-a", "team-b"]


def test_namespaces_of_manifests_where_there_is_no_cluster(complete, here):
    (here / "tags").mkdir()
    (here / "tags" / "a.yaml").write_text("kind: X\nmetadata:\n  namespace: team-a\n  name: x\n")
    (here / "tags" / "b.json").write_text(text_of([tag("team-b/app:v1")]))
    (here / "c.yaml").write_text("metadata: {namespace: 'other', name: x}  # the namespace: its own\n")
    assert complete("syncer plan -n ") == ["other", "team-a", "team-b"]
    assert complete("syncer plan tags -n team-") == ["team-a", "team-b"]


def test_a_cluster_that_does_not_answer_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(candidates, "PATIENCE", 0.05)
    began = time.monotonic()
    assert candidates._in_time(lambda: time.sleep(20) or ["late"], 0.05) == []  # noqa: SLF001 - a timeout of 0.05 s is no option
    assert time.monotonic() - began < 10


def test_refs_of_the_repository(complete, checkout):
    subprocess.run(["git", "tag", "v1"], cwd=checkout, check=True)
    assert complete(f"syncer plan {checkout} --ref ") == ["main", "v1"]
    assert complete("syncer plan --ref ") == []


def test_sets_of_the_settings_file(complete, here):
    (here / "syncer.yaml").write_text("sets: {payments: {source: p}, web: {source: w}}")
    assert complete("syncer plan --set ") == ["payments", "web"]
    assert complete("syncer plan --set web --set ") == ["payments"]
    assert complete("syncer sync --all-s") == ["--all-sets"]
    (here / "syncer.yaml").write_text("{")
    assert complete("syncer plan --set ") == []


@pytest.mark.parametrize("line", ["syncer nope ", "syncer plan --nope ", "syncer plan 'a", "syncer plan a b c ", ""])
def test_what_cannot_be_completed_is_no_error(complete, line):
    assert isinstance(complete(line), list)


def test_an_unknown_shell_is_no_error(complete):
    assert complete("syncer ", by="tcsh") == []


def test_zsh_and_fish_are_answered_in_their_own_form(complete):
    assert complete("syncer pl", by="zsh", more={"COMP_CWORD": "1"})[-1] == ""
    assert complete("syncer pl", by="fish", more={"COMP_CWORD": "pl"})[0].startswith("plan\t")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_is_one_that_it_can_read(syncer, shell, tmp_path):
    ended = syncer("completion", shell)
    assert (ended.code, ended.err, "_SYNCER_COMPLETE" in ended.out) == (0, "", True)
    if shutil.which(shell):
        script = tmp_path / "script"
        script.write_text(ended.out)
        assert subprocess.run([shell, "-n", script], capture_output=True, check=False).returncode == 0


def test_bash_completes_by_the_script(here, monkeypatch):
    (here / "a").write_text(KUBECONFIG)
    monkeypatch.setenv("KUBECONFIG", "a")
    story = """
        source <(syncer completion bash)
        COMP_LINE="syncer plan --context default/api-o"; COMP_POINT=${#COMP_LINE}
        _syncer_completion syncer; echo "${COMPREPLY[0]}"
    """
    path = f"{SYNCER.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", story], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("default/api-other:6443/ann\n", "")


def in_fish(line):
    """Give what fish offers for a line: word, tab, description."""
    story = f"syncer completion fish | source; complete -C '{line}'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", story], env=shell_environment(), capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def in_zsh(line):
    """Press Tab at the end of a line in an interactive zsh, and give what the line is then."""
    begin = (
        "_shown() { print -r -- \"[$BUFFER]\"; exit }; zle -N _shown; bindkey '^G' _shown\n"
        "autoload -U compinit && compinit -D -u && source <(syncer completion zsh) && print be''gun\n"
    )
    ours, theirs = pty.openpty()
    environment = {**shell_environment(), "TERM": "dumb"}
    seen = b""
    with subprocess.Popen(["zsh", "-f", "-i"], stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as zsh:
        try:
            for typed, awaited in ((begin, b"begun\r"), (f"{line}\t\x07", b"]\r")):
                os.write(ours, typed.encode())
                while awaited not in seen:
                    assert select.select([ours], [], [], 30)[0], seen
                    seen += os.read(ours, 4096)
        finally:
            zsh.kill()
    os.close(ours)
    os.close(theirs)
    return re.search(rb"\[([^][]*)\]\r", seen)[1].decode()


def shell_environment():
    return {**os.environ, "PATH": f"{SYNCER.parent}{os.pathsep}{os.environ['PATH']}"}


needs_fish = pytest.mark.skipif(not shutil.which("fish"), reason="there is no fish here; CI installs it")
needs_zsh = pytest.mark.skipif(not shutil.which("zsh"), reason="there is no zsh here; CI installs it")


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("syncer pl", ["plan"]),
        ("syncer plan -o js", ["json", "jsonl"]),
        ("syncer plan --output=js", ["--output=json", "--output=jsonl"]),
        ("syncer plan --context default/api-o", ["default/api-other:6443/ann"]),
        ("syncer plan --context=default/api-o", ["--context=default/api-other:6443/ann"]),
    ],
)
@needs_fish
def test_fish_completes_by_the_script(here, monkeypatch, line, offered):
    (here / "a").write_text(KUBECONFIG)
    monkeypatch.setenv("KUBECONFIG", "a")
    assert [each.partition("\t")[0] for each in in_fish(line)] == offered


@needs_fish
def test_fish_shows_a_description_beyond_its_first_comma():
    assert in_fish("syncer appl")[0].startswith("apply\tApply exactly the saved PLAN, or refuse")


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("syncer pl", "syncer plan "),
        ("syncer plan -o ma", "syncer plan -o markdown "),
        ("syncer plan --output=ma", "syncer plan --output=markdown "),
        ("syncer plan --context default/api-o", "syncer plan --context default/api-other:6443/ann "),
        ("syncer plan --context=default/api-o", "syncer plan --context=default/api-other:6443/ann "),
    ],
)
@needs_zsh
def test_zsh_completes_by_the_script(here, monkeypatch, line, completed):
    (here / "a").write_text(KUBECONFIG)
    monkeypatch.setenv("KUBECONFIG", "a")
    assert in_zsh(line) == completed


def test_64_for_another_shell(syncer):
    ended = syncer("completion", "tcsh")
    assert (ended.code, "'bash', 'zsh', 'fish'" in ended.err) == (64, True)
