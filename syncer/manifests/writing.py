"""Managed fields → the text of a manifest, in the style of `manifests-example`: what is a default is left out.

A string is written so that readers of YAML 1.1 (kubectl, oc) and of 1.2 both take it for that string.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from syncer.imagestreamtag import API_VERSION, DEFAULTS, OWN_ANNOTATIONS, annotation_path, manifest_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from syncer.model import Json, ObjectKey

STEP: Final = 2
"""Columns by which a block is indented."""

_ORDER: Final = (
    "reference",
    "from",
    "importPolicy",
    "referencePolicy",
    "kind",
    "name",
    "namespace",
    "insecure",
    "scheduled",
)
"""Keys of a `tag` stanza and of what is in it, as people write them; others follow, sorted."""

_WORD: Final = r"[A-Za-z0-9_./@+=()-]+"
_PLAIN: Final = re.compile(rf"{_WORD}(?:[ :]{_WORD})*")
_RESERVED: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""Words that some reader takes for a boolean or null (https://yaml.org/type/bool.html)."""


def significant(fields: Mapping[str, Json]) -> dict[str, Json]:
    """Give managed fields without those that say what holds anyway, and without records of what was applied."""
    records = {annotation_path(name) for name in OWN_ANNOTATIONS}
    return {
        path: value
        for path, value in fields.items()
        if path not in records and not (path in DEFAULTS and value in (DEFAULTS[path], ""))
    }


def manifest_text(key: ObjectKey, fields: Mapping[str, Json]) -> str:
    """Write the manifest of one tag."""
    shape = manifest_of(significant(fields))
    metadata = {"name": key.name, "namespace": key.namespace, **shape.get("metadata", {})}
    lines = block({"apiVersion": API_VERSION, "kind": "ImageStreamTag", "metadata": metadata}, 0)
    lines += block({"tag": ordered(shape.get("tag", {}))}, 0)
    return "".join(f"{line}\n" for line in lines)


def ordered(stanza: Mapping[str, Json]) -> dict[str, Json]:
    """Put the keys of a `tag` stanza, and of the mappings in it, in the order that people write them in."""
    names = sorted(stanza, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))
    return {name: ordered(stanza[name]) if isinstance(stanza[name], dict) else stanza[name] for name in names}


def block(mapping: Mapping[str, Json], indent: int, step: int = STEP) -> list[str]:
    """Write a mapping in block style, a line each without its end."""
    lines = []
    for key, value in mapping.items():
        start = f"{' ' * indent}{scalar(key)}:"
        if isinstance(value, dict) and value:
            lines += [start, *block(value, indent + step, step)]
        elif isinstance(value, str) and _is_literal(value):
            lines += [f"{start} {_literal_head(value)}", *literal_lines(value, indent + step)]
        else:
            lines.append(f"{start} {flow(value)}")
    return lines


def flow(value: Json, quote: str = "") -> str:
    """Write a value on one line. `quote` is how the string was quoted that stood there: `'`, `"` or not at all."""
    match value:
        case dict():
            return "{" + ", ".join(f"{scalar(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
        case str():
            return scalar(value, quote)
        case _:
            return json.dumps(value)


def scalar(text: str, quote: str = "") -> str:
    """Write a string on one line, with the given quotes where they can hold it, else in double quotes where need be."""
    if quote == "'" and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return text if not quote and _is_plain(text) else quoted(text)


def quoted(text: str, *, in_json: bool = False) -> str:
    """Write a string in double quotes, by the rules of JSON, which are YAML's; what does not show is escaped."""

    def escaped(character: str) -> str:
        if ord(character) > 0xFFFF and not in_json:  # noqa: PLR2004 - the end of the plane that \\u can write
            return f"\\U{ord(character):08x}"
        return json.dumps(character)[1:-1] if not character.isascii() else f"\\u{ord(character):04x}"

    text = json.dumps(text, ensure_ascii=False)
    return text if text.isprintable() else "".join(c if c.isprintable() else escaped(c) for c in text)


def literal(text: str, indent: int, eol: str) -> str | None:
    """Write a text of several lines as a literal block, to stand behind a key; None where it cannot be one."""
    return eol.join([_literal_head(text), *literal_lines(text, indent)]) if _is_literal(text) else None


def literal_lines(text: str, indent: int) -> Iterator[str]:
    """Write the lines of a literal block; an empty one stays empty."""
    return (f"{' ' * indent}{line}" if line else "" for line in text.removesuffix("\n").split("\n"))


def _literal_head(text: str) -> str:
    return "|" if text.endswith("\n") else "|-"


def _is_literal(text: str) -> bool:
    """Tell whether a text has several lines that a literal block shows as they are, and an editor leaves alone."""
    lines = text.removesuffix("\n").split("\n")
    shows = all(line.isprintable() and line == line.rstrip() for line in lines)
    return "\n" in text and shows and bool(lines[0]) and not lines[0].startswith(" ") and bool(lines[-1])


def _is_plain(text: str) -> bool:
    """Tell whether a string can do without quotes. One that begins like a number does not, unless it is a path."""
    if not _PLAIN.fullmatch(text) or text.casefold() in _RESERVED:
        return False
    return text[0].isalpha() or text[0] in "_/" or (text[0].isdigit() and "/" in text)
