"""Label and field selectors: `a=b`, `a in (b,c)`, `!a`, ... as predicates, with the server's words for nonsense."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from syncer.localapi import statuses
from syncer.localapi.validation import label_value, qualified_name

_TOKEN = re.compile(r"[ \t\r\n]*(==|!=|[=!<>(),]|[^ \t\r\n=!<>(),]+)")
_SYMBOLS = frozenset({"==", "!=", "=", "!", "<", ">", "(", ")", ","})
_OPERATORS = "in, notin, =, ==, !=, gt, lt"

Labels = Mapping[str, str]
Predicate = Callable[[Labels], bool]


class _Bad(Exception):  # noqa: N818 - becomes a 400
    pass


@dataclass
class _Tokens:
    """The tokens of a selector; the end is an empty text."""

    items: list[str]
    at: int = 0

    def peek(self) -> str:
        return self.items[self.at] if self.at < len(self.items) else ""

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token


def _is_name(token: str) -> bool:
    return bool(token) and token not in _SYMBOLS


def label_selector(text: str) -> Predicate:
    """Return a predicate on labels. Raises 400."""
    tokens = _Tokens(_TOKEN.findall(text))
    try:
        requirements = _requirements(tokens)
    except _Bad as error:
        raise statuses.bad_request(str(error)) from error
    return lambda labels: all(requirement(labels) for requirement in requirements)


def _requirements(tokens: _Tokens) -> list[Predicate]:
    found: list[Predicate] = []
    while first := tokens.peek():
        if not _is_name(first) and first != "!":
            raise _Bad(f"found '{first}', expected: !, identifier, or 'end of string'")
        try:
            found.append(_requirement(tokens))
        except _Bad as error:
            raise _Bad(f"unable to parse requirement: {error}") from error
        separator = tokens.take()
        if not separator:
            break
        if separator != ",":
            raise _Bad(f"found '{separator}', expected: ',' or 'end of string'")
        if not _is_name(tokens.peek()) and tokens.peek() != "!":
            raise _Bad(f"found '{tokens.peek()}', expected: identifier after ','")
    return found


def _requirement(tokens: _Tokens) -> Predicate:
    absent = tokens.peek() == "!"
    if absent:
        tokens.take()
    key = tokens.take()
    if not _is_name(key):
        raise _Bad(f"found '{key}', expected: identifier")
    if problems := qualified_name(key):
        raise _Bad(f'<nil>: Invalid value: "{key}": {"; ".join(problems)}')
    if absent:
        return lambda labels: key not in labels
    if tokens.peek() in ("", ","):
        return lambda labels: key in labels
    return _comparison(key, tokens)


def _comparison(key: str, tokens: _Tokens) -> Predicate:
    operator = tokens.take()
    if operator in ("in", "notin"):
        values = _values(tokens)
        _check_values(key, values)
        if operator == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if operator not in ("=", "==", "!=", "<", ">"):
        raise _Bad(f"found '{operator}', expected: {_OPERATORS}")
    value = _one_value(tokens)
    if operator in "<>":
        return _number(key, operator, value)
    _check_values(key, {value})
    if operator == "!=":
        return lambda labels: labels.get(key) != value
    return lambda labels: labels.get(key) == value


def _one_value(tokens: _Tokens) -> str:
    if tokens.peek() in ("", ","):
        return ""
    value = tokens.take()
    if not _is_name(value):
        raise _Bad(f"found '{value}', expected: identifier")
    return value


def _number(key: str, operator: str, value: str) -> Predicate:
    if not re.fullmatch(r"[+-]?\d+", value):
        raise _Bad(
            f"values[0][{key}]: Invalid value: \"{value}\": for 'Gt', 'Lt' operators, the value must be an integer"
        )

    def compare(labels: Labels) -> bool:
        present = labels.get(key, "")
        if not re.fullmatch(r"[+-]?\d+", present):
            return False
        return int(present) > int(value) if operator == ">" else int(present) < int(value)

    return compare


def _values(tokens: _Tokens) -> set[str]:
    opening = tokens.take()
    if opening != "(":
        raise _Bad(f"found '{opening}' expected: '('")
    values: set[str] = set()
    expect_value = True
    while True:
        item = tokens.take()
        if item in (",", ")"):
            if expect_value:
                values.add("")
            if item == ")":
                return values
            expect_value = True
        elif _is_name(item) and expect_value:
            values.add(item)
            expect_value = False
        else:
            raise _Bad(f"found '{item}', expected: ',' or ')'")


def _check_values(key: str, values: set[str]) -> None:
    for index, value in enumerate(sorted(values)):
        if problems := label_value(value):
            raise _Bad(f'values[{index}][{key}]: Invalid value: "{value}": {"; ".join(problems)}')


@dataclass(frozen=True)
class FieldTerm:
    """One term of a field selector."""

    field: str
    value: str
    equal: bool


def field_terms(text: str, known: tuple[str, ...]) -> list[FieldTerm]:
    """Return the terms of a field selector. Raises 400 for syntax and for a field that is not known."""
    terms = []
    for part in _split_terms(text):
        found = re.search(r"(?<!\\)(!=|==|=)", part)
        if not found:
            raise statuses.bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        field = part[: found.start()]
        value = re.sub(r"\\([\\,=])", r"\1", part[found.end() :])
        terms.append(FieldTerm(field, value, found.group() != "!="))
    for term in terms:
        if term.field not in known:
            message = f'"{term.field}" is not a known field selector: only "metadata.name", "metadata.namespace"'
            raise statuses.bad_request(message)
    return terms


def _split_terms(text: str) -> list[str]:
    return [part for part in re.split(r"(?<!\\),", text) if part]


def matches(terms: list[FieldTerm], fields: Mapping[str, str]) -> bool:
    """Tell whether fields satisfy all terms."""
    return all((fields.get(term.field, "") == term.value) == term.equal for term in terms)
