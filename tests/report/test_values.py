import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.report.values import LONGEST, Values, sentence, shortest_prefix, visible

A, B = "sha256:" + "ab" * 32, "sha256:" + "ab" * 31 + "cd"
TEXT = st.text(st.characters(exclude_categories=()))
SIMPLE = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
REFERENCE = st.fixed_dictionaries({"kind": TEXT, "name": TEXT}, optional={"namespace": TEXT})
JSON = st.recursive(SIMPLE | REFERENCE, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=4)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "(absent)"),
        ("(absent)", '"(absent)"'),
        (True, "true"),
        ("true", '"true"'),
        (3, "3"),
        ("3", '"3"'),
        ("1e3", '"1e3"'),
        ("", '""'),
        ("quay.io/a:1", "quay.io/a:1"),
        ("two words", '"two words"'),
        ("Grüße", '"Grüße"'),
        ("a\x1b[2J", '"a\\u001b[2J"'),
        ({"kind": "DockerImage", "name": "quay.io/a:1"}, "DockerImage quay.io/a:1"),
        ({"kind": "ImageStreamTag", "name": "b:1", "namespace": "x"}, "ImageStreamTag b:1 in x"),
        ({"kind": "ImageStreamTag", "name": "b:1 in x"}, 'ImageStreamTag "b:1 in x"'),
        ({"kind": "DockerImage", "name": "a", "more": 1}, '{"kind": "DockerImage", "more": 1, "name": "a"}'),
        (f"quay.io/a@{A}", "quay.io/a@sha256:abababababab…"),
    ],
)
def test_a_value_is_written_so_that_nothing_else_could_be_meant(value, text):
    assert Values().one(value) == text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x" * 1000 + "a", "x" * 1000 + "b"),
        ("a" + "x" * 1000, "b" + "x" * 1000),
        ("x" * 1000, "x" * 1001),
        ("x" * LONGEST, "x" * (LONGEST + 1)),
        ("p\u0430ypal", "paypal"),
        ("a\u200bb", "ab"),
        ("e\u0301", "\u00e9"),
        (1, 1.0),
        (True, "true"),
        ("two  words", "two words"),
    ],
)
def test_two_values_that_differ_never_look_alike(old, new):
    before, after = Values().pair(old, new)
    assert before != after
    assert max(len(before), len(after)) < LONGEST + 30


def test_confusable_letters_are_written_as_numbers_where_values_differ_in_them():
    assert Values().pair("p\u0430ypal.example/x", "paypal.example/x") == (
        '"p\\u0430ypal.example/x"',
        "paypal.example/x",
    )


@given(JSON, JSON)
def test_whatever_differs_is_written_differently(old, new):
    if repr(old) != repr(new):
        assert len(set(Values(64).pair(old, new))) == 2 or old == new


@given(JSON)
def test_whatever_is_written_can_be_printed(value):
    assert Values().one(value).isprintable()
    assert all(text.isprintable() for text in Values().pair(value, [value]))


@given(TEXT)
def test_a_message_is_one_printable_line(text):
    assert visible(text).isprintable()
    assert sentence(text).isprintable()


def test_digests_are_as_long_as_it_takes_to_tell_them_apart():
    assert shortest_prefix([]) == 12
    assert shortest_prefix(["a" * 64, "b" * 64]) == 12
    assert shortest_prefix([A[7:], B[7:], "c" * 64]) == 63
    assert Values(63).pair(A, B)[0] != Values(63).pair(A, B)[1]


def test_a_long_message_says_that_it_was_cut():
    assert sentence("x" * 5000).endswith("… (5,000 characters)")
