"""`syncer completion`: prints the script that has a shell complete commands, options and their values."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

VARIABLE = "_SYNCER_COMPLETE"
_BREAKS = ":="


class Bash(BashComplete):
    """Completes values with colons, as contexts of OpenShift have them: bash takes what follows for another word."""

    source_template = BashComplete.source_template.replace(
        'COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD', 'COMP_WORDS="${COMP_LINE:0:$COMP_POINT}" COMP_CWORD=0'
    )

    def get_completion_args(self) -> tuple[list[str], str]:
        """Split the line up to the cursor as a shell does, not as readline does."""
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)
        incomplete = words.pop() if not line[-1:].isspace() else ""
        self.typed = incomplete
        return words[1:], incomplete

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Leave out what readline keeps in front of the last break."""
        kept = max(self.typed.rfind(each) for each in _BREAKS) + 1
        value = item.value[kept:] if item.value.startswith(self.typed[:kept]) else item.value
        return f"{item.type},{value}"


class _WholeWords(ShellComplete):
    """Completes `--option=value` as one word, which zsh and fish take it for: what was typed must not be lost."""

    def get_completion_args(self) -> tuple[list[str], str]:
        words, self.typed = super().get_completion_args()
        return words, self.typed

    def format_completion(self, item: CompletionItem[Any]) -> str:
        option, equals, _ = self.typed.partition("=")
        if option.startswith("--") and equals and item.type == "plain":
            item = CompletionItem(f"{option}={item.value}", item.type, item.help)
        return super().format_completion(item)


class Zsh(_WholeWords, ZshComplete):
    """Completes in zsh."""


class Fish(_WholeWords, FishComplete):
    """Completes in fish. Click's script takes a description to end at its first comma."""

    source_template = FishComplete.source_template.replace('string split ","', 'string split --max 1 ","')


for _kind in (Bash, Zsh, Fish):
    add_completion_class(_kind)


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands, options, contexts, namespaces, tags, refs, formats and sets.

    \b
    Examples:
      source <(syncer completion bash)                                         in ~/.bashrc
      source <(syncer completion zsh)                                          in ~/.zshrc, after compinit
      syncer completion fish > ~/.config/fish/completions/syncer.fish          once
    """
    kind = get_completion_class(shell)
    assert kind  # noqa: S101 - Click knows all three
    click.echo(kind(ctx.find_root().command, {}, "syncer", VARIABLE).source())


def complete(group: click.Group) -> int:
    """Answer a shell. Nothing goes to stderr, no error ends it: a person is in the middle of typing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with suppress(Exception, SystemExit):
        group.main([], prog_name="syncer", complete_var=VARIABLE)
    sys.stdout.flush()
    return 0
