"""What counts as JSON: what Python's own parser reads, less what a Kubernetes API server never sends."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.cluster.answers import decode
from syncer.errors import ClusterError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON, max_size=4), st.booleans())
def test_every_value_is_read_as_pythons_own_parser_reads_it(value, ascii_):
    data = json.dumps(value, ensure_ascii=ascii_).encode()
    assert decode(data, "GET /") == json.loads(data) == value


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": 18446744073709551616, "b": -123456789012345678901234567890}',
        b'{"a": 1, "a": 2}',
        b'{"a": [0.1, 1E5, -0.0, 5e-324, 12345678901234567.25]}',
        b'{"a": "\\u0000\\ud83d\\ude00\\/"}',
        b' {"a": {}}\r\n',
    ],
)
def test_large_numbers_duplicate_keys_and_escapes_are_read_as_pythons_own_parser_reads_them(text):
    assert decode(text, "GET /") == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": "\\ud83d"}',
        b'{"a": NaN}',
        b'{"a": 1e400}',
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\x80"}',
        b'{"a": "\x01"}',
        b'{"a": 01}',
        b'{"a": 1} {}',
        b'{"a": 1,}',
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": ' + b"[" * 100_000,
    ],
)
def test_what_no_api_server_sends_is_told_as_no_json(text):
    with pytest.raises(ClusterError, match="GET /: the answer is not JSON but"):
        decode(text, "GET /")
