"""The three-way diff and the JSON patch, as tables and laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.diff import apply_patch, patch, three_way
from syncer.model import Cause, FieldChange

ABSENT = object()
GIT, DRIFT, BOTH, ADOPTED = Cause.GIT, Cause.DRIFT, Cause.BOTH, Cause.ADOPTED


def mapping(value):
    return {} if value is ABSENT else {"/a": value}


@pytest.mark.parametrize(
    ("base", "live", "desired", "cause"),
    [
        ("x", "x", "x", None),
        ("x", "x", "y", GIT),
        ("x", "y", "x", DRIFT),
        ("x", "y", "z", BOTH),
        ("x", "y", "y", None),
        ("x", ABSENT, "x", DRIFT),
        (ABSENT, ABSENT, "x", GIT),
        (ABSENT, "y", "x", BOTH),
        (ABSENT, "x", "x", None),
        ("x", "x", ABSENT, GIT),
        ("x", "y", ABSENT, BOTH),
        ("x", ABSENT, ABSENT, None),
        (ABSENT, "y", ABSENT, None),
    ],
)
def test_each_way_that_three_sides_can_differ_has_its_cause(base, live, desired, cause):
    changes = three_way(mapping(base), mapping(live), mapping(desired), {})
    base, live, desired = (None if side is ABSENT else side for side in (base, live, desired))
    assert changes == ((FieldChange("/a", cause, base, live, desired),) if cause else ())


@pytest.mark.parametrize(
    ("base", "live", "desired", "cause"),
    [
        (ABSENT, ABSENT, "default", None),
        ("default", ABSENT, "default", None),
        (ABSENT, "default", ABSENT, None),
        ("x", "x", ABSENT, GIT),
        ("x", "default", ABSENT, None),
        ("default", "x", "default", DRIFT),
    ],
)
def test_absent_and_default_are_the_same(base, live, desired, cause):
    changes = three_way(mapping(base), mapping(live), mapping(desired), {"/a": "default"})
    assert [change.cause for change in changes] == ([cause] if cause else [])


def test_without_a_base_every_difference_is_adopted():
    changes = three_way(None, {"/a": 1, "/kept": 1}, {"/a": 2}, {})
    assert [(change.path, change.cause) for change in changes] == [("/a", ADOPTED)]


def test_a_field_that_goes_back_to_its_default_is_set_to_it():
    (change,) = three_way({"/a": "x"}, {"/a": "x"}, {}, {"/a": "default"})
    assert change.desired == "default"


def test_a_patch_tests_what_was_seen_and_then_sets_it():
    document = {"tag": {"from": {"name": "old"}}}
    assert patch(document, {"/tag/from": {"name": "new"}}, ["/tag/from"]) == [
        {"op": "test", "path": "/tag/from", "value": {"name": "old"}},
        {"op": "replace", "path": "/tag/from", "value": {"name": "new"}},
    ]


def test_a_patch_tests_absence_as_null_at_the_outermost_absent_parent():
    operations = patch({"metadata": {}}, {"/metadata/annotations/a": "b"}, ["/metadata/annotations/a"])
    assert operations == [
        {"op": "test", "path": "/metadata/annotations", "value": None},
        {"op": "add", "path": "/metadata/annotations", "value": {}},
        {"op": "add", "path": "/metadata/annotations/a", "value": "b"},
    ]


def test_a_patch_removes_what_is_to_be_absent_and_only_if_it_is_there():
    assert patch({"a": {"b": 1}}, {"/a/b": None}, []) == [{"op": "remove", "path": "/a/b"}]
    assert patch({"a": {}}, {"/a/b": None, "/c/d": None}, []) == []


def test_keys_with_slashes_and_tildes_are_escaped():
    document = {"a~b/c": {"x/y~z": "1"}}
    path = "/a~0b~1c/x~1y~0z"
    assert patch(document, {path: "2"}, [path]) == [
        {"op": "test", "path": path, "value": "1"},
        {"op": "replace", "path": path, "value": "2"},
    ]
    assert apply_patch(document, patch(document, {path: "2"}, [path])) == {"a~b/c": {"x/y~z": "2"}}


def test_a_failed_test_is_a_value_error_and_leaves_the_document():
    document = {"a": 1}
    with pytest.raises(ValueError, match="tested"):
        apply_patch(document, [{"op": "test", "path": "/a", "value": 2}, {"op": "remove", "path": "/a"}])
    assert document == {"a": 1}


def test_a_test_of_null_holds_where_the_key_is_absent_but_not_below_what_is_absent():
    assert apply_patch({"a": {}}, [{"op": "test", "path": "/a/b", "value": None}]) == {"a": {}}
    with pytest.raises(ValueError, match="not found"):
        apply_patch({"a": {}}, [{"op": "test", "path": "/a/b/c", "value": None}])


@pytest.mark.parametrize("test", [{"value": 1}, {}], ids=["another value", "no value"])
def test_a_test_of_anything_but_null_does_not_hold_where_the_key_is_absent(test):
    with pytest.raises(ValueError):  # noqa: PT011 - jsonpatch words it
        apply_patch({"a": {}}, [{"op": "test", "path": "/a/b", **test}])


scalars = st.one_of(st.booleans(), st.text(max_size=3), st.dictionaries(st.sampled_from("kn"), st.text(max_size=2)))
parents = ["/p", "/q/r", "/a~1b"]
paths = st.builds("{}/{}".format, st.sampled_from(parents), st.sampled_from("xyz"))
mappings = st.dictionaries(paths, scalars, max_size=5)


def nested(flat):
    document = {}
    for path, value in flat.items():
        *outer, last = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
        parent = document
        for part in outer:
            parent = parent.setdefault(part, {})
        parent[last] = value
    return document


def flat(document, at=""):
    found = {}
    for key, value in document.items():
        path = f"{at}/{key.replace('~', '~0').replace('/', '~1')}"
        if path in parents or any(parent.startswith(path + "/") for parent in parents):
            found |= flat(value, path)
        else:
            found[path] = value
    return found


@given(base=st.one_of(st.none(), mappings), live=mappings, desired=mappings)
def test_a_patch_of_the_changes_gives_desired_on_managed_paths_and_leaves_the_others(base, live, desired):
    changes = three_way(base, live, desired, {})
    values = {change.path: change.desired for change in changes}
    after = flat(apply_patch(nested(live), patch(nested(live), values, values)))
    managed = {*desired, *(base or {})}
    assert after == {path: value for path, value in live.items() if path not in managed} | dict(desired)


@given(base=st.one_of(st.none(), mappings), live=mappings, desired=mappings)
def test_a_second_diff_of_what_was_applied_is_empty(base, live, desired):
    values = {change.path: change.desired for change in three_way(base, live, desired, {})}
    after = flat(apply_patch(nested(live), patch(nested(live), values, values)))
    assert three_way(desired, after, desired, {}) == ()


@given(seen=mappings, other=mappings, desired=mappings)
def test_a_patch_never_applies_to_a_document_that_differs_in_what_it_guards(seen, other, desired):
    operations = patch(nested(seen), desired, desired)
    differs = any(seen.get(path) != other.get(path) for path in desired)
    if differs:
        with pytest.raises(ValueError):  # noqa: PT011 - which operation fails first is not the law
            apply_patch(nested(other), operations)
