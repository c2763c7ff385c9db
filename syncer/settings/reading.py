"""YAML text → nodes with places; ruamel.yaml is known here only.

Nodes, not values: a scalar stays the text that it is, so that `ref: 1.10` is the branch of that name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from syncer.errors import UsageError
from syncer.settings.model import Place, Value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_SIZE: Final = 1 << 20
"""Bytes. A file with a hundred sets has some ten thousand."""

_NULL: Final = "tag:yaml.org,2002:null"


@dataclass(slots=True)
class Problems:
    """What is wrong with one file, in the order of its lines."""

    file: str
    found: list[tuple[Place, str]] = field(default_factory=list)

    def add(self, node: Node, message: str) -> None:
        """Note what is wrong at a node."""
        self.found.append((self.place(node), message))

    def place(self, node: Node) -> Place:
        """Give the place of a node."""
        return Place(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def check(self) -> None:
        """Raise UsageError that names them all, if there are any."""
        if self.found:
            message = "\n".join(f"{place}: {text}" for place, text in sorted(self.found))
            raise UsageError(message, hint="`syncer config --schema` says what the file may hold")


def compose(path: Path, problems: Problems) -> Node | None:
    """Read the one document of a file; None where it is empty. Raises UsageError where it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SIZE + 1)
    except OSError as error:
        hint = "--config and SYNCER_CONFIG take the path of a syncer.yaml"
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint=hint) from error
    if len(data) > MAX_SIZE:
        raise UsageError(f"{path} is larger than {MAX_SIZE >> 20} MiB", hint="it should hold settings, not manifests")
    try:
        text = data.decode("utf-8-sig")
        node: Node | None = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(problems.file, mark.line + 1, mark.column + 1) if mark else Place(problems.file, 1, 1)
        message = " ".join(part for part in (error.context, error.problem) if part)
        raise UsageError(f"{place}: {message}", hint="settings are one YAML mapping") from error
    except UnicodeDecodeError as error:
        place = Place(problems.file, data.count(b"\n", 0, error.start) + 1, 1)
        raise UsageError(f"{place}: not UTF-8: the byte 0x{data[error.start]:02X}", hint="save it as UTF-8") from error
    except ReaderError as error:
        place = Place(problems.file, text.count("\n", 0, error.position) + 1, 1)
        message = f"{place}: the character U+{error.character:04X} may not stand in YAML"
        raise UsageError(message, hint="settings are one YAML mapping") from error
    except (YAMLError, ValueError, RecursionError) as error:
        message = "too deep" if isinstance(error, RecursionError) else str(error).partition("\n")[0]
        raise UsageError(f"{path} is no YAML: {message}", hint="settings are one YAML mapping") from error
    return None if node is None or is_null(node) else node


def entries(node: Node, problems: Problems, what: str) -> Iterator[tuple[ScalarNode, Node]]:
    """Yield the keys of a mapping, each once, with their values."""
    if not isinstance(node, MappingNode):
        if not is_null(node):
            problems.add(node, f"{what} must be a mapping")
        return
    seen: dict[str, Node] = {}
    for key, value in node.value:
        if not isinstance(key, ScalarNode):
            problems.add(key, f"a key of {what} is a word")
        elif (first := seen.setdefault(key.value, key)) is not key:
            problems.add(key, f"{key.value} is here twice; first in line {first.start_mark.line + 1}")
        else:
            yield key, value


def value_of(key: ScalarNode, node: Node, problems: Problems, *, multiple: bool) -> Value | None:
    """Read the value of an option: one scalar, or where it is repeatable a list of them."""
    items = node.value if multiple and isinstance(node, SequenceNode) else [node]
    for item in items:
        if not isinstance(item, ScalarNode) or is_null(item):
            expected = "one value, or a list" if multiple else "one value"
            # What is left empty stands nowhere: the parser finds it in the next line.
            problems.add(
                key if is_null(item) else item, f"{key.value} takes {expected}; leave the key out for the default"
            )
            return None
    return Value(tuple(item.value for item in items), problems.place(node))


def is_null(node: Node) -> bool:
    """Tell whether nothing, `~` or `null` is written there."""
    return isinstance(node, ScalarNode) and str(node.tag) == _NULL
