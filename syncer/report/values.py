"""Writes data for people: what is invisible is escaped, what is long is cut, what differs never looks alike."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from syncer.model import Unchanged

if TYPE_CHECKING:
    from collections.abc import Iterable

    from syncer.model import Json, Report

ABSENT: Final = "(absent)"
LONGEST: Final = 160
"""Characters up to which a value is written out."""
_CONTEXT: Final = 24
_BARE: Final = re.compile(r"[A-Za-z0-9_./@+=*~-][A-Za-z0-9_.:/@+=,*~-]*")
_WORDS: Final = frozenset({"true", "false", "null"})
_DIGEST: Final = re.compile(r"\bsha256:([0-9a-f]{64})\b")
_SHORTEST: Final = 12


def visible(text: str) -> str:
    r"""Write what does not show (control and format characters, odd spaces, surrogates) as `\x1b`, `\u202e`.

    A newline is such a character, too: the result is one line. Ordinary text comes back as it is.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(char)
    number = ord(char)
    if number > 0xFFFF:  # noqa: PLR2004 - the end of the plane that \u can write
        return f"\\U{number:08x}"
    return named or (f"\\x{number:02x}" if number <= 0xFF else f"\\u{number:04x}")  # noqa: PLR2004 - one byte


def sentence(text: str, longest: int = 600) -> str:
    """Write a message on one line; one that is absurdly long (a registry's HTML page) is cut, and says so."""
    text = visible(text)
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text):,} characters)"


class Values(Struct, frozen=True):
    """Writes JSON values for people. `digits` is how much of a digest tells all digests of a report apart."""

    digits: int = _SHORTEST

    @classmethod
    def of(cls, report: Report) -> Values:
        """Find out how short digests can be written in a report, as git does with commits."""
        return cls(shortest_prefix(_digests(report)))

    def one(self, value: Json) -> str:
        """Write one value; a long one is cut, and says its length and a hash of what is left out."""
        text = self._plain(value)
        if len(text) <= LONGEST:
            return text
        checksum = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        head, tail = text[: LONGEST // 2], text[-_CONTEXT:]
        return f"{head}…{tail} ({len(text):,} characters, hash {checksum})"

    def pair(self, old: Json, new: Json) -> tuple[str, str]:
        """Write two values that differ; of long ones, what surrounds the first difference."""
        before, after = self._plain(old), self._plain(new)
        if before == after:
            return _typed(old), _typed(new)
        if _differ_beyond_ascii(before.replace('"', ""), after.replace('"', "")):
            before, after = _ascii(before), _ascii(after)
        same = _shared(before, after)
        return _window(before, same), _window(after, same)

    def digest(self, digest: str) -> str:
        """Write a digest, shortened; anything else that stands in its place is written out."""
        return _DIGEST.sub(lambda match: f"sha256:{match[1][: self.digits]}…", visible(digest))

    def _plain(self, value: Json) -> str:
        """Write a value on one line: strings bare where nothing else could be meant, else as JSON."""
        match value:
            case None:
                return ABSENT
            case str() if _BARE.fullmatch(value) and value not in _WORDS and not _is_number(value):
                return self.digest(value)
            case {"kind": str(kind), "name": str(name), **rest} if _BARE.fullmatch(kind) and _is_namespace(rest):
                place = f" in {self._plain(rest['namespace'])}" if rest else ""
                return f"{kind} {self._plain(name)}{place}"
            case _:
                return visible(json.dumps(value, sort_keys=True, ensure_ascii=False))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_namespace(rest: dict[Json, Json]) -> bool:
    return not rest or (rest.keys() == {"namespace"} and isinstance(rest["namespace"], str))


def _typed(value: Json) -> str:
    """Write a value in full, for the odd pair that would else look alike."""
    return ABSENT if value is None else _ascii(json.dumps(value, sort_keys=True))


def _ascii(text: str) -> str:
    return "".join(char if char.isascii() else _escaped(char) for char in text)


def _window(text: str, same: int) -> str:
    if len(text) <= LONGEST:
        return text
    start = max(0, same - _CONTEXT)
    end = start + LONGEST // 2
    head, tail = "…" if start else "", "…" if end < len(text) else ""
    return f"{head}{text[start:end]}{tail} ({len(text):,} characters)"


def _differ_beyond_ascii(one: str, other: str) -> bool:
    """Whether two texts first differ in a letter that may look like the other one's."""
    place = _shared(one, other)
    return not (one[place : place + 1] + other[place : place + 1]).isascii()


def _shared(one: str, other: str) -> int:
    """Count the characters with which two texts both begin."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (left, right) in pairs if left != right), min(len(one), len(other)))


def shortest_prefix(digests: Iterable[str]) -> int:
    """Count the hex digits, 12 or more, that tell all of the given digests apart."""
    distinct = set(digests)
    longest = max(map(len, distinct), default=0)
    lengths = range(_SHORTEST, longest + 1)
    return next((n for n in lengths if len({digest[:n] for digest in distinct}) == len(distinct)), _SHORTEST)


def _digests(report: Report) -> Iterable[str]:
    """Yield the hex part of every digest that a report may show."""
    for change in report.plan.changes:
        outcome = report.outcomes.get(change.key)
        images = [change.image, *([outcome.image] if outcome and outcome.image else [])]
        resolved = [change.resolved.digest, change.resolved.live_digest] if change.resolved else []
        values = [value for field in change.fields for value in (field.base, field.live, field.desired)]
        values += [change.live.spec] if change.live and not isinstance(change, Unchanged) else []
        values += [request.body for request in change.requests if request.method == "POST"]
        for image in images:
            if len(image.digest) > _SHORTEST:
                yield image.digest.removeprefix("sha256:")
        for value in (*values, *resolved):
            if value is not None and not isinstance(value, bool):
                yield from _DIGEST.findall(str(value))
