"""The JSON Schema of `syncer.yaml`, for editors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncer.settings.file import SET_NAME, SETS, union

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncer.settings.model import Command, Key


def json_schema(commands: Iterable[Command]) -> dict[str, Any]:
    """Describe the file: every option at the top and in sets, and those of each command in its section."""
    commands = list(commands)
    sections = {command.name: _mapping(f"Only for `syncer {command.name}`.", [command]) for command in commands}
    in_sets = _mapping(
        "What is kept in sync: its source, scope, owner, cluster.", [each for each in commands if each.has_set]
    )
    names = {f"^{SET_NAME}$": {"$ref": "#/$defs/set"}}
    sets = {
        "type": "object",
        "description": "By name, for --set.",
        "patternProperties": names,
        "additionalProperties": False,
    }
    top = _mapping("Settings of syncer: options for every command, sections for one, and sets.", commands)
    top["properties"] |= {**sections, SETS: sets}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "syncer.yaml",
        **top,
        "$defs": {"set": in_sets},
    }


def _mapping(description: str, commands: Iterable[Command]) -> dict[str, Any]:
    return {
        "type": ["object", "null"],
        "description": description,
        "properties": {name: _property(key) for name, key in sorted(union(commands).items())},
        "additionalProperties": False,
    }


def _property(key: Key) -> dict[str, Any]:
    one = dict(key.schema)
    return {"description": key.help, **({"anyOf": [one, {"type": "array", "items": one}]} if key.multiple else one)}
