"""Text → documents: YAML 1.2, JSON, encodings, and texts that were made to do harm."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncer.manifests import events, parse_manifests
from syncer.manifests.document import MAX_DEPTH
from syncer.manifests.problems import CODES, BrokenTextError
from syncer.manifests.text import documents
from syncer.manifests.yaml_text import yaml_documents
from syncer.model import Blob


def load(text, path="a.yaml"):
    """Parse one document, in which nothing is wrong."""
    (document,) = documents(Blob(path, text if isinstance(text, bytes) else text.encode()))
    assert document.flaws == ()
    return document.value


def problems(text, path="a.yaml"):
    data = text if isinstance(text, bytes) else text.encode()
    found = parse_manifests([Blob(path, data)]).problems
    return [(problem.code, problem.line, problem.column) for problem in found]


# ------------------------------------------------------------------------------------------------------- YAML


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("yes", "yes"),
        ("No", "No"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("Null", None),
        ("1:30", "1:30"),
        ("012", 12),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("-7", -7),
        ("1.50", 1.5),
        ("1e3", 1000.0),
        (".inf", float("inf")),
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31T10:00:00Z", "2026-01-31T10:00:00Z"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("!!str 1", "1"),
        ("! 1", "1"),
        ("!!int 1", 1),
        ("=", "="),
        ("v1.10", "v1.10"),
        ("1.10.2", "1.10.2"),
        ("1" * 5000, float("inf")),
    ],
)
def test_scalars_mean_what_yaml_1_2_says(text, value):
    loaded = load(f"- {text}\n")[0]
    assert (type(loaded), loaded) == (type(value), value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1 # c\nb: [x, 'y']\n", {"a": 1, "b": ["x", "y"]}),
        ("a: |\n  x\n  y\nb: >-\n  x\n  y\n", {"a": "x\ny\n", "b": "x y"}),
        ("1: a\ntrue: b\n1.0: c\n", {"1": "a", "true": "b", "1.0": "c"}),
        ("a: &x {b: 1}\nc: *x\n", {"a": {"b": 1}, "c": {"b": 1}}),
        ("a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n", {"a": {"b": 1, "c": 2}, "d": {"b": 1, "c": 3}}),
        ("- &x {b: 1}\n- &y {b: 2, c: 2}\n- <<: [*x, *y]\n", [{"b": 1}, {"b": 2, "c": 2}, {"b": 1, "c": 2}]),
        ("'<<': 1\n", {"<<": 1}),
        ("&k a: 1\nb: *k\n", {"a": 1, "b": "a"}),
        ("%YAML 1.1\n---\na: on\n", {"a": "on"}),
        ("a:\r\n  b: 1\r\n", {"a": {"b": 1}}),
        ("{a: http://x/y, b: [http://z]}", {"a": "http://x/y", "b": ["http://z"]}),
        ('{\n\t"a": 1\n}\n', {"a": 1}),
    ],
)
def test_yaml_becomes_plain_values(text, value):
    assert load(text) == value


def test_a_merged_key_keeps_its_place():
    (document,) = yaml_documents("a: &x\n  b: 1\nc:\n  <<: *x\n")
    assert document.place(("c", "b")) == (2, 6)


def test_documents_that_are_empty_are_none():
    assert [document.value for document in yaml_documents("---\n---\na: 1\n---\n# c\n--- \n...\n---\nb\n")] == [
        {"a": 1},
        "b",
    ]
    assert list(yaml_documents("")) == list(yaml_documents("# only this\n")) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1,\n", [("syntax", 2, 1)]),
        ("a: b: c\n", [("syntax", 1, 5)]),
        ("a:\n\t- b\n", [("syntax", 2, 1)]),
        ("ok: 1\n---\na: {{ .x }}: 2\n---\nb: 2\n", [("syntax", 3, 12)]),
        ("a: @x\n", [("syntax", 1, 4)]),
        ("a: b\n\x01\n", [("syntax", 2, 1)]),
        ("%YAML 2.0\n---\na: 1\n", [("syntax", 1, 1)]),
        ("a: *nope\n", [("alias", 1, 4)]),
        ("a: &a\n  - *a\n", [("alias", 2, 5)]),
        ("a: 1\nb: 2\na: 3\n", [("duplicate-key", 3, 1)]),
        ("<<: 1\n", [("merge-key", 1, 5)]),
    ],
)
def test_text_that_is_no_yaml_has_its_place(text, expected):
    assert problems(text) == expected


@pytest.mark.parametrize("text", ["a: !Ref x\n", "? [a, b]\n: c\n", "~: 1\n", "a: !!binary eA==\n", "a: !!int x\n"])
def test_what_only_keeps_a_document_from_being_json_is_wrong_only_in_ours(text):
    assert problems(f"kind: Other\n{text}") == []
    codes = [code for code, *_ in problems(f"kind: ImageStreamTag\napiVersion: image.openshift.io/v1\n{text}")]
    assert {"yaml-tag", "complex-key"} & set(codes)


def test_a_duplicate_key_names_both_lines():
    (problem,) = parse_manifests([Blob("a.yaml", b"a: 1\nb: 2\na: 3\n")]).problems
    assert "line 1" in problem.message
    assert problem.line == 3


# ------------------------------------------------------------------------------------------------------- JSON


def test_a_json_file_may_be_indented_by_tabs():
    assert load('{\n\t"a": [1, -2.5e1, "\\u00e9\\ud83d\\ude00", true, null, {}, []]\n}\n', "a.json") == {
        "a": [1, -25.0, "é😀", True, None, {}, []]
    }


def test_an_empty_json_file_holds_nothing():
    assert list(documents(Blob("a.json", b" \n"))) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[1,2", ("syntax", 1, 5)),
        ("[1,]", ("syntax", 1, 4)),
        ('{"a" 1}', ("syntax", 1, 6)),
        ('{"a":1,}', ("syntax", 1, 8)),
        ("{a: 1}", ("syntax", 1, 2)),
        ('{"a": 1}\n{"b": 2}', ("syntax", 2, 1)),
        ('{"a": "x\ny"}', ("syntax", 1, 9)),
        ('{"a": "x', ("syntax", 1, 7)),
        ("[01]", ("syntax", 1, 3)),
        ("[NaN]", ("syntax", 1, 2)),
        ("a: 1", ("syntax", 1, 1)),
        ("]", ("syntax", 1, 1)),
        ('{"a": 1,\n "a": 2}', ("duplicate-key", 2, 2)),
        ('["\\ud800"]', ("encoding", 1, 2)),
    ],
)
def test_text_that_is_no_json_has_its_place(text, expected):
    assert problems(text, "a.json") == [expected]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON, st.sampled_from([None, 2, "\t"]), st.booleans())
def test_json_means_what_pythons_json_says(value, indent, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert load(text.encode("utf-8"), "a.json") == json.loads(text)


@given(JSON)
def test_json_in_a_yaml_file_means_the_same(value):
    text = json.dumps({"a": value})
    assert load(text) == {"a": value}
    (document,) = yaml_documents(text)
    assert document.value == {"a": value}


@given(st.text('{}[]",:0 1-\n\t\\abtruefalsn', max_size=30))
def test_json_is_refused_where_python_refuses_it(text):
    try:
        expected = json.loads(text)
    except ValueError:
        expected = None
        valid = False
    else:
        valid = True
    try:
        found = list(documents(Blob("a.json", text.encode())))
    except BrokenTextError:
        assert not valid
    else:
        assert valid or not text.strip()
        assert not valid or found[0].value == expected


# ------------------------------------------------------------------------------------------- any text at all

TOKENS = (
    "a¦b: ¦- ¦\n¦  ¦? ¦: ¦&x ¦*x¦<<: ¦[¦]¦{¦}¦, ¦'¦\"¦|\n¦!t ¦#¦---\n¦...\n¦\t¦1¦é¦\x07¦%YAML 1.2\n"
    "¦kind: ImageStreamTag\n¦kind: ImageStream\n¦apiVersion: image.openshift.io/v1\n"
    "¦metadata: ¦tag: ¦spec: ¦from: ¦name: ¦tags: ¦items: ¦annotations: "
)
YAMLISH = st.lists(
    st.sampled_from(TOKENS.split("¦")),
    max_size=25,
).map("".join)


@given(YAMLISH | st.text())
@settings(max_examples=400)
def test_no_text_does_more_than_be_refused(text):
    found = parse_manifests([Blob("a.yaml", text.encode("utf-8", "surrogatepass"))])
    lines = text.count("\n") + text.count("\r") + text.count("\x85") + text.count("\u2028") + text.count("\u2029") + 2
    for problem in found.problems:
        assert problem.code in CODES
        assert 1 <= problem.line <= lines
        assert problem.column >= 1


@given(st.binary())
def test_no_bytes_do_more_than_be_refused(data):
    parse_manifests([Blob("a.yaml", data), Blob("b.json", data)])


@given(YAMLISH)
@settings(max_examples=400)
def test_both_yaml_parsers_say_the_same(text):
    """Where both can read a text at all."""
    try:
        fast = [(type(event).__name__, getattr(event, "value", None)) for event in events.fast_events(text)]
        exact = [(type(event).__name__, getattr(event, "value", None)) for event in events.exact_events(text)]
    except (events.StumbledError, BrokenTextError):
        return
    assert fast == exact


def test_the_exact_parser_takes_over_where_the_fast_one_stumbles(monkeypatch):
    text = "a: 1\n---\nb: 2\n---\nc: 3\n"
    whole = [document.value for document in yaml_documents(text)]

    def stumbles(text):
        for number, event in enumerate(events.exact_events(text)):
            if number == 8:
                raise events.StumbledError
            yield event

    monkeypatch.setattr("syncer.manifests.yaml_text.fast_events", stumbles)
    assert [document.value for document in yaml_documents(text)] == whole == [{"a": 1}, {"b": 2}, {"c": 3}]


# ---------------------------------------------------------------------------------------------------- harm


def bomb(levels):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


def test_an_alias_bomb_is_refused_at_once():
    started = time.perf_counter()
    assert problems(bomb(30)) == [("alias-bomb", 5, 45)]
    assert time.perf_counter() - started < 1


def test_a_few_aliases_are_no_bomb():
    assert problems(bomb(3)) == []


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000, '{"a":' * 100_000, "{a: " * 50_000])
@pytest.mark.parametrize("path", ["a.yaml", "a.json"])
def test_deep_nesting_is_refused_at_once(text, path):
    started = time.perf_counter()
    ((code, line, _),) = problems(text, path)
    assert code in ({"too-deep", "syntax"} if path == "a.json" else {"too-deep"})
    assert line == 1
    assert time.perf_counter() - started < 1


def test_as_deep_as_allowed_is_allowed():
    assert problems("[" * MAX_DEPTH + "]" * MAX_DEPTH) == []
    assert problems("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)) == [("too-deep", 1, MAX_DEPTH + 1)]


# ------------------------------------------------------------------------------------------------- encodings


def test_a_byte_order_mark_of_utf_8_is_passed_over():
    assert load(b"\xef\xbb\xbfa: \xc3\xa9\n") == {"a": "é"}
    assert load(b'\xef\xbb\xbf{"a": 1}', "a.json") == {"a": 1}


@pytest.mark.parametrize(
    ("data", "line", "column", "word"),
    [
        (b"a: 1\nb: \xe9\n", 2, 4, "0xE9"),
        ("a: 1\n".encode("utf-16"), 1, 1, "UTF-16"),
        ("a: 1\n".encode("utf-32"), 1, 1, "UTF-32"),
        ("a: 1\n".encode("utf-16-le"), 1, 2, "NUL"),
        (b"a: 1\nb: \xc3\xa9\x00\n", 2, 5, "NUL"),
    ],
)
def test_text_that_is_not_utf_8_says_what_it_is(data, line, column, word):
    (problem,) = parse_manifests([Blob("a.yaml", data)]).problems
    assert (problem.code, problem.line, problem.column) == ("encoding", line, column)
    assert word in problem.message


def test_an_lfs_pointer_says_what_to_do():
    data = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"
    (problem,) = parse_manifests([Blob("a.yaml", data)]).problems
    assert problem.code == "lfs-pointer"
    assert "git lfs pull" in problem.hint
