"""The pure parts, by table: pull specs, patches, tables, typed decoding, versions, the histories of tags."""

import pytest

from syncer.localapi.kinds import IMAGE_STREAM_TAG
from syncer.localapi.patching import apply_patch, merge, strategic_merge
from syncer.localapi.pullspecs import BadPullSpec, PullSpec, digest_for, parse_pull_spec
from syncer.localapi.schema import Walk, WrongType
from syncer.localapi.statuses import StatusError
from syncer.localapi.store import Compacted, Store
from syncer.localapi.tables import duration, tags_up_to
from syncer.localapi.tagevents import NoSuchImage, add_event, find_image, follow_changes
from syncer.localapi.validation import label_value, namespace_name, qualified_name, stream_name

A, B = "a" * 64, "b" * 64
MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("busybox", ("", "busybox", "", "")),
        ("library/busybox:1", ("", "library/busybox", "1", "")),
        ("localhost/x", ("localhost", "x", "", "")),
        ("r.example:5000/a/b/c:v1", ("r.example:5000", "a/b/c", "v1", "")),
        (f"r.example/a:v1@sha256:{A}", ("r.example", "a", "v1", f"sha256:{A}")),
    ],
)
def test_a_pull_spec_falls_into_parts(text, parts):
    assert parse_pull_spec(text) == PullSpec(*parts)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "at least one component"),
        ("a b", "invalid reference format"),
        ("x/Y", "must be lowercase"),
        (f"x@sha256:{'a' * 40}", "checksum digest length"),
        (f"x@md5:{'a' * 32}", "unsupported digest"),
        ("x/" + "y" * 254, "not be more than 255"),
        ("x:v1\n", "invalid reference format"),
    ],
)
def test_a_text_that_is_no_pull_spec_is_told_why(text, why):
    with pytest.raises(BadPullSpec, match=why):
        parse_pull_spec(text)


def test_a_digest_is_the_same_for_the_same_text():
    assert digest_for("x:1") == digest_for("x:1") != digest_for("x:2")
    assert digest_for(f"x@sha256:{A}") == f"sha256:{A}"


@pytest.mark.parametrize(
    ("patch", "wanted"),
    [
        ([{"op": "add", "path": "/c", "value": 1}], {"a": {"b": [1, 2]}, "c": 1}),
        ([{"op": "add", "path": "/a/b/-", "value": 3}], {"a": {"b": [1, 2, 3]}}),
        ([{"op": "add", "path": "/a/b/0", "value": 0}], {"a": {"b": [0, 1, 2]}}),
        ([{"op": "replace", "path": "/a/b/-1", "value": 9}], {"a": {"b": [1, 9]}}),
        ([{"op": "replace", "path": "/new", "value": 9}], {"a": {"b": [1, 2]}, "new": 9}),
        ([{"op": "remove", "path": "/a/b/1"}], {"a": {"b": [1]}}),
        ([{"op": "move", "from": "/a/b", "path": "/b"}], {"a": {}, "b": [1, 2]}),
        ([{"op": "copy", "from": "/a/b/0", "path": "/b"}], {"a": {"b": [1, 2]}, "b": 1}),
        ([{"op": "add", "path": "/x~1y~0z", "value": 1}], {"a": {"b": [1, 2]}, "x/y~z": 1}),
        ([{"op": "test", "path": "/nosuch", "value": None}], {"a": {"b": [1, 2]}}),
        ([{"op": "test", "path": "", "value": {"a": {"b": [1, 2]}}}], {"a": {"b": [1, 2]}}),
        ([{"op": "test", "path": "/a", "value": {"b": [1, 2]}}], {"a": {"b": [1, 2]}}),
        ([{"op": "test", "path": "/a/nosuch/x", "value": None}], None),
        ([{"op": "test", "path": "/a", "value": {"b": [1, True]}}], None),
        ([{"op": "test", "path": "/a/b/0", "value": 1.0}], None),
        ([{"op": "test", "path": "/a/b/7", "value": None}], None),
        ([{"op": "remove", "path": "/a/b/2"}], None),
        ([{"op": "remove", "path": "/a/b/x"}], None),
        ([{"op": "add", "path": "/a/b/4", "value": 1}], None),
        ([{"op": "add", "path": "/nosuch/x", "value": 1}], None),
        ([None], None),
    ],
)
def test_a_json_patch(patch, wanted):
    doc = {"a": {"b": [1, 2]}}
    if wanted is None:
        with pytest.raises(StatusError) as caught:
            apply_patch(doc, patch, "application/json-patch+json")
        assert caught.value.code == 422
    else:
        assert apply_patch(doc, patch, "application/json-patch+json") == wanted
    assert doc == {"a": {"b": [1, 2]}}


@pytest.mark.parametrize(
    ("patch", "wanted"),
    [
        ({"a": None}, {"b": {"c": 1}}),
        ({"b": {"c": None, "d": 2}}, {"a": 1, "b": {"d": 2}}),
        ({"b": 3}, {"a": 1, "b": 3}),
        ({"n": {"x": None, "y": 1}}, {"a": 1, "b": {"c": 1}, "n": {"y": 1}}),
    ],
)
def test_a_merge_patch(patch, wanted):
    assert merge({"a": 1, "b": {"c": 1}}, patch) == wanted


@pytest.mark.parametrize(
    ("patch", "wanted"),
    [
        ([{"name": "b", "x": 2}], [{"name": "a", "x": 1}, {"name": "b", "x": 2}]),
        ([{"name": "a", "y": 2}], [{"name": "a", "x": 1, "y": 2}]),
        ([{"name": "a", "$patch": "delete"}], []),
        ([{"name": "z", "$patch": "delete"}], [{"name": "a", "x": 1}]),
        ([{"$patch": "replace"}, {"name": "c"}], [{"name": "c"}]),
    ],
)
def test_a_strategic_merge_patch_of_tags(patch, wanted):
    doc = {"spec": {"tags": [{"name": "a", "x": 1}]}}
    assert strategic_merge(doc, {"spec": {"tags": patch}}) == {"spec": {"tags": wanted}}


@pytest.mark.parametrize(
    ("elapsed", "words"),
    [
        (0.5, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (MINUTE, "About a minute"),
        (2 * MINUTE, "2 minutes"),
        (HOUR, "About an hour"),
        (47 * HOUR, "47 hours"),
        (3 * DAY, "3 days"),
        (15 * DAY, "2 weeks"),
        (70 * DAY, "2 months"),
        (800 * DAY, "2 years"),
    ],
)
def test_a_time_in_words(elapsed, words):
    assert duration(elapsed) == words


def test_tags_up_to_a_width_and_how_many_more():
    entries = [{"tag": f"tag-{n:02}", "items": [{"created": f"2026-01-{n:02}"}]} for n in range(1, 21)]
    assert tags_up_to(entries, 40) == "tag-20,tag-19,tag-18,tag-17,tag-16 + 15 more..."
    assert tags_up_to(entries[:2], 40) == "tag-02,tag-01"
    assert tags_up_to([{"tag": "x" * 60, "items": []}], 40) == "x" * 60


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (stream_name, ["a", "a.b-c_d", "0"], ["A", "a--b", "-a", "", "a/b", ".."]),
        (namespace_name, ["a", "a-b"], ["A", "a.b", "-a", "a" * 64]),
        (qualified_name, ["a", "A.b_c", "x.y/z"], ["", "a b", "/a", "X/a", "a/b/c", "a" * 64]),
        (label_value, ["", "a", "A.b_c"], ["a b", "-a", "a" * 64]),
    ],
)
def test_names(check, good, bad):
    assert [name for name in good if check(name)] == []
    assert [name for name in bad if not check(name)] == []


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"tag": {"from": {"name": 1}}}, "number into Go struct field ObjectReference.tag.from.name of type string"),
        ({"tag": "x"}, "string into Go struct field ImageStreamTag.tag of type v1.TagReference"),
        ({"tag": {"annotations": {"a": 1}}}, "number into Go struct field TagReference.tag.annotations of type string"),
        ({"tag": {"generation": 1.5}}, "number 1.5 into Go struct field TagReference.tag.generation of type int64"),
    ],
)
def test_a_wrong_type_is_told_in_gos_words(value, message):
    with pytest.raises(WrongType, match=f"json: cannot unmarshal {message}"):
        IMAGE_STREAM_TAG.decode(value, Walk())


def test_decoding_orders_fields_and_fills_in_defaults():
    tag = IMAGE_STREAM_TAG.decode({"tag": {"generation": None, "reference": False, "name": "v1"}}, Walk())["tag"]
    assert tag == {
        "name": "v1",
        "annotations": None,
        "generation": None,
        "importPolicy": {"importMode": "Legacy"},
        "referencePolicy": {"type": "Source"},
    }


def doc(name, value):
    return {"metadata": {"name": name, "namespace": "ns"}, "value": value}


def values(entries):
    return [(key, version.doc["value"]) for key, version in entries]


def test_a_snapshot_shows_a_revision_whatever_happened_since():
    store = Store()
    table = store.table("things")
    table.put(doc("a", 1), 0)
    table.put(doc("b", 1), 0)
    then = store.revision
    table.put(doc("a", 2), 0)
    table.delete("ns", "b", 0)
    table.put(doc("c", 1), 0)
    assert values(table.snapshot("ns/", then)) == [("ns/a", 1), ("ns/b", 1)]
    assert values(table.snapshot("ns/")) == [("ns/a", 2), ("ns/c", 1)]
    assert values(table.snapshot("other/")) == []


def test_a_state_is_forgotten_when_it_was_replaced_a_lifetime_ago():
    store = Store(lifetime=10)
    table = store.table("things")
    table.put(doc("a", 1), now=0)
    then = store.revision
    table.put(doc("a", 2), now=5)
    store.age(14)
    assert values(table.snapshot("ns/", then)) == [("ns/a", 1)]
    store.age(15)
    with pytest.raises(Compacted):
        table.snapshot("other/", then)
    with pytest.raises(Compacted):
        store.events_after(then)


def event(image, generation=1):
    return {"created": "", "dockerImageReference": f"x@{image}", "image": image, "generation": generation}


@pytest.mark.parametrize(
    ("second", "changed", "images"),
    [
        (event(A), False, [(A, 1)]),
        (event(A, 2), True, [(A, 2)]),
        (event(B, 2), True, [(B, 2), (A, 1)]),
        ({**event(B, 2), "dockerImageReference": f"x@{A}"}, True, [(B, 2)]),
    ],
)
def test_an_event_is_merged_into_the_newest_where_it_is_the_same(second, changed, images):
    history = {}
    add_event(history, "v1", event(A))
    history["v1"]["conditions"] = [{"type": "ImportSuccess"}]
    assert add_event(history, "v1", second) is changed
    assert [(item["image"], item["generation"]) for item in history["v1"]["items"]] == images
    assert ("conditions" in history["v1"]) is not changed


@pytest.mark.parametrize(
    ("source", "moves"),
    [
        ({"kind": "ImageStreamTag", "name": "v1"}, True),
        ({"kind": "ImageStreamTag", "name": "app:v1"}, True),
        ({"kind": "ImageStreamTag", "name": "app:v1", "namespace": "ns"}, True),
        ({"kind": "ImageStreamTag", "name": "app:v1", "namespace": "other"}, False),
        ({"kind": "ImageStreamTag", "name": "other:v1"}, False),
        ({"kind": "ImageStreamTag", "name": "v2"}, False),
        ({"kind": "DockerImage", "name": "v1"}, False),
        (None, False),
    ],
)
def test_a_tag_moves_along_with_the_one_it_follows_in_its_stream(source, moves):
    history = {"v1": {"tag": "v1", "items": [event(A)]}}
    follow_changes("app", "ns", {"stable": {"from": source}}, history, {})
    assert ("stable" in history) is moves


def test_an_image_is_found_by_its_digest_or_the_start_of_it():
    history = {"v1": {"tag": "v1", "items": [event(f"sha256:{A}"), event(f"sha256:ab{B}")]}}
    assert find_image(history, f"sha256:{A}", "now")["image"] == f"sha256:{A}"
    assert find_image(history, "aa", "now")["image"] == f"sha256:{A}"
    for wanted in ("c", "a"):
        with pytest.raises(NoSuchImage):
            find_image(history, wanted, "now")
