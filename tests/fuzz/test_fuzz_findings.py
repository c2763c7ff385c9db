"""What fuzzing found, and a little of it in each run of the tests: seeds with bytes changed, cut out and repeated."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from targets import TARGETS, seeds

UNDO = b'{"syncer_undo": "1.0"}\n%s\n'
ODD = b'{"namespace": "a", "name": "a:b", "before": {"spec": 7, "annotations": {}, "digest": ""}, "after": null}'
PAGE = b'{"kind": "ImageStreamList", "items": [%s]}'
STREAM = b'{"metadata": {"namespace": "a", "name": "b"}, "spec": {"tags": [%s]}}'
FOUND = [
    ("undo", b"[" * 100_000 + b"\n"),
    ("undo", UNDO % b'{"namespace": "\\ud800", "name": "a:b", "before": null, "after": null}'),
    ("undo", UNDO % b'{"namespace": 7, "name": "a:b", "before": null, "after": null}'),
    ("undo", UNDO % ODD),
    ("page", PAGE % STREAM % b'{"name": "c", "annotations": {"syncer.dev/owner": 7}}'),
]


@pytest.mark.parametrize(("name", "data"), FOUND)
def test_what_fuzzing_found_is_an_error_that_users_are_told(name, data):
    TARGETS[name](data)


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_is_read(name):
    for data in seeds(name):
        TARGETS[name](data)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=200)
@given(data=st.data())
def test_bytes_that_were_changed_are_an_error_that_users_are_told(name, data):
    changed = bytearray(data.draw(st.sampled_from(seeds(name)))[:4000])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed)))
        until = at + data.draw(st.integers(0, 20))
        changed[at:until] = data.draw(st.binary(max_size=8) | st.sampled_from(WORDS))
    TARGETS[name](bytes(changed))


WORDS = (
    b"null",
    b"7",
    b"[]",
    b"{}",
    b'"',
    b"\\ud800",
    b"*a",
    b"&a",
    b"<<",
    b"---\n",
    b"!!x",
    b"1e999",
    b"[" * 200,
    b"\n",
)
