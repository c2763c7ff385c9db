"""The settings file: where it is, what it says for a command, and for one of its sets.

Its keys are options; a mapping under a command's name holds what is for that command alone, `sets` what is kept in
sync. The narrower place wins: a set, then a command, then the top.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from itertools import combinations
from typing import TYPE_CHECKING, Final

from syncer.errors import UsageError
from syncer.settings.model import Command, Key, SyncSet, Value
from syncer.settings.reading import Problems, compose, entries, value_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ruamel.yaml.nodes import Node, ScalarNode

SETS: Final = "sets"
SET_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._-]*"
CLUSTER: Final = ("kubeconfig", "context", "server")
"""What tells one cluster from another."""
SCOPE: Final = ("namespace", "all-namespaces")
"""Two ways to say one thing: whoever says either leaves nothing of what was said before, less narrowly."""


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """What one file says. Values are kept as they are written; the command line reads them as it reads flags."""

    path: Path
    top: Mapping[str, Value] = field(default_factory=dict)
    commands: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    sets: Mapping[str, SyncSet] = field(default_factory=dict)
    shared: Mapping[str, Key] = field(default_factory=dict)
    """What a key means where it is for every command. One that means another thing by it, only its section reaches."""

    def choose(self, name: str) -> SyncSet:
        """Give the set of a name. Raises UsageError."""
        if name not in self.sets:
            guess = get_close_matches(name, self.sets, 1)
            there = f"there are: {', '.join(self.sets)}" if self.sets else "the file has no `sets:`"
            raise UsageError(
                f"{self.path}: there is no set {name!r}", hint=f"did you mean {guess[0]}?" if guess else there
            )
        return self.sets[name]

    def every_set(self) -> tuple[SyncSet, ...]:
        """Give all sets. Raises UsageError where there are none."""
        if not self.sets:
            raise UsageError(f"{self.path} has no `sets:`", hint="--all-sets takes those of the settings file")
        return tuple(self.sets.values())

    def only_set(self) -> SyncSet | None:
        """Give the set to take where neither set nor SOURCE was named. Raises UsageError where there are several."""
        if len(self.sets) > 1:
            names = ", ".join(self.sets)
            raise UsageError(f"{self.path} has {len(self.sets)} sets: which one?", hint=f"give --set, one of {names}")
        return next(iter(self.sets.values()), None)

    def values(self, command: Command, chosen: SyncSet | None = None) -> dict[str, Value]:
        """Give what the file says for a command, by key; files that it names count from its own folder."""
        means = {name for name, key in command.keys.items() if name in self.shared and key.means(self.shared[name])}
        top, ours = (
            {name: each[name] for name in each if name in means} for each in (self.top, chosen.values if chosen else {})
        )
        found: dict[str, Value] = {}
        for layer in (top, self.commands.get(command.name, {}), ours):
            if not layer.keys().isdisjoint(SCOPE):
                found = {name: value for name, value in found.items() if name not in SCOPE}
            found.update(layer)
        return {
            name: Value(tuple(command.keys[name].anchor(text, self.path.parent) for text in value.texts), value.place)
            for name, value in found.items()
        }


def load(path: Path, commands: Iterable[Command]) -> SettingsFile:
    """Read a file and check all but what only flags' own types can tell. Raises UsageError, naming every place."""
    problems = Problems(str(path))
    root = compose(path, problems)
    reader = _Reader(problems, {command.name: command for command in commands})
    settings = reader.file(path, root) if root else SettingsFile(path)
    problems.check()
    return settings


class _Reader:
    """Reads nodes by what the commands take; what is wrong goes into `problems`."""

    def __init__(self, problems: Problems, commands: Mapping[str, Command]) -> None:
        self.problems = problems
        self.commands = commands
        self.everywhere = union(commands.values())
        self.in_sets = union(command for command in commands.values() if command.has_set)

    def file(self, path: Path, root: Node) -> SettingsFile:
        top: dict[str, Value] = {}
        sections: dict[str, Mapping[str, Value]] = {}
        sets: dict[str, SyncSet] = {}
        for key, node in entries(root, self.problems, path.name):
            name = key.value
            if name == SETS:
                sets = dict(self.sets(node))
            elif name in self.commands:
                sections[name] = self.options(node, f"`{name}`", self.commands[name].keys)
            else:
                self.option(key, node, "", self.everywhere, top)
        settings = SettingsFile(path, top, sections, sets, self.everywhere)
        self.owners(settings)
        return settings

    def sets(self, node: Node) -> Iterable[tuple[str, SyncSet]]:
        for key, value in entries(node, self.problems, f"`{SETS}`"):
            if not re.fullmatch(SET_NAME, key.value):
                self.problems.add(key, f"{key.value!r} is no name of a set: letters, digits, `.`, `_` and `-`")
            where = f"set {key.value}"
            yield key.value, SyncSet(key.value, self.problems.place(key), self.options(value, where, self.in_sets))

    def options(self, node: Node, where: str, keys: Mapping[str, Key]) -> Mapping[str, Value]:
        found: dict[str, Value] = {}
        for key, value in entries(node, self.problems, where):
            self.option(key, value, where, keys, found)
        return found

    def option(self, key: ScalarNode, node: Node, where: str, keys: Mapping[str, Key], found: dict[str, Value]) -> None:
        known = keys.get(key.value)
        if not known:
            self.problems.add(key, self.unknown(key.value, where, keys))
        elif value := value_of(key, node, self.problems, multiple=known.multiple):
            found[key.value] = value

    def unknown(self, name: str, where: str, keys: Mapping[str, Key]) -> str:
        """Say that there is no such key, and what was meant."""
        message = f"unknown key {name!r}" + (f" in {where}" if where else "")
        if guess := get_close_matches(name, [*keys, *(() if where else (SETS, *self.commands))], 1):
            return f"{message}; did you mean {guess[0]}?"
        takers = [command.name for command in self.commands.values() if name in command.keys]
        return f"{message}; it is an option of {', '.join(takers)}" if takers else message

    def owners(self, settings: SettingsFile) -> None:
        """Two sets of one owner in one cluster would prune each other's tags, unless they name other namespaces."""
        sets = [(each, {**settings.top, **each.values}) for each in settings.sets.values()]
        for (first, one), (each, other) in combinations(sets, 2):
            said, also = (
                [values[key].texts if key in values else () for key in ("owner", *CLUSTER)] for values in (one, other)
            )
            if "owner" not in one or said != also or _are_apart(settings.top, first.values, each.values):
                continue
            text = f"sets {first.name} and {each.name} have one owner in one cluster: they would prune each other"
            self.problems.found.append((each.place, text))


def _are_apart(top: Mapping[str, Value], one: Mapping[str, Value], other: Mapping[str, Value]) -> bool:
    """Whether two sets name their namespaces, and share none."""
    said = [values if any(key in values for key in SCOPE) else top for values in (one, other)]
    if any("namespace" not in values or "all-namespaces" in values for values in said):
        return False
    return not set(said[0]["namespace"].texts) & set(said[1]["namespace"].texts)


def union(commands: Iterable[Command]) -> dict[str, Key]:
    """Give every key that one of the commands has; of several meanings, the first command's."""
    return {name: key for command in reversed([*commands]) for name, key in command.keys.items()}
