"""Only what differs changes: every other byte of a file stays."""

import difflib
import json

import pytest
from builders import follows, image, key
from hypothesis import given, settings
from hypothesis import strategies as st

from syncer.manifests import parse_manifests
from syncer.manifests.editing import commented, edited
from syncer.manifests.writing import significant
from syncer.model import Blob

NOTE = "/metadata/annotations/note"
FROM = "/tag/from"
SCHEDULED = "/tag/importPolicy/scheduled"
LOCAL = "/tag/referencePolicy/type"

PLAIN = """\
# Why this tag is here.
apiVersion: image.openshift.io/v1
kind: ImageStreamTag
metadata:
    name:   app:v1   # odd   spacing
    namespace: "team-a"
    annotations:
        other: 'it''s'   # kept

        note: old
tag:
    from:
        kind: DockerImage   # a kind
        # about the name
        name: quay.io/example/app:v1
    importPolicy: {scheduled: true}

# The end.
"""
TWO = """\
---
apiVersion: v1
kind: ConfigMap
data: {"a":   1}
--- # ours
{kind: ImageStreamTag, apiVersion: image.openshift.io/v1, metadata: {name: app:v1, namespace: team-a,
  annotations: {note: old}},
 tag: {from: {kind: DockerImage, name: 'quay.io/example/app:v1'}, # comment
       importPolicy: {scheduled: true}}}
...
---
apiVersion: v1
kind: List
items:
- kind: ImageStreamTag
  apiVersion: image.openshift.io/v1
  metadata: {name: 'app:v2', namespace: team-a}
  tag: {from: &from {kind: DockerImage, name: quay.io/example/app:v2}}
"""
STREAM = """\
apiVersion: image.openshift.io/v1
kind: ImageStream
metadata: {name: app, namespace: team-a, labels: {a: b}}
spec:
  tags:
  - annotations:
      note: |
        old

    importPolicy:
      scheduled: true   # nightly
    name: v1
    from:
      kind: DockerImage
      name: >-
        quay.io/example/app:v1
  # the next one
  - name: v2
    from: {kind: DockerImage, name: quay.io/example/app:v2}
"""
LIST = """\
kind: ImageStreamTagList
apiVersion: image.openshift.io/v1
items:
  -
    metadata:
      annotations: {note: old}
      name: app:v1
      namespace: team-a
    tag:
      from: {kind: DockerImage, name: quay.io/example/app:v1}
      importPolicy:
        scheduled: true
      annotations:
        note: "old"
"""
OBJECT = {
    "kind": "ImageStreamTag",
    "apiVersion": "image.openshift.io/v1",
    "metadata": {"name": "app:v1", "namespace": "team-a", "annotations": {"note": "old"}},
    "tag": {"from": {"kind": "DockerImage", "name": "quay.io/example/app:v1"}, "importPolicy": {"scheduled": True}},
}
LAYOUTS = {
    "plain.yaml": PLAIN,
    "crlf.yaml": PLAIN.replace("\n", "\r\n"),
    "cr.yaml": PLAIN.replace("\n", "\r"),
    "no-end.yaml": PLAIN[: PLAIN.index("\n\n# The end.")],
    "bom.yaml": "\ufeff" + PLAIN,
    "two.yaml": TWO,
    "stream.yaml": STREAM,
    "list.yaml": LIST,
    "two-spaces.json": json.dumps(OBJECT, indent=2) + "\n",
    "four.json": json.dumps(OBJECT, indent=4),
    "tabs.json": json.dumps(OBJECT, indent="\t"),
    "tabs.yaml": json.dumps(OBJECT, indent="\t") + "\n",
    "compact.json": json.dumps(OBJECT, separators=(",", ":")),
    "line.json": json.dumps(OBJECT),
    "list.json": json.dumps({"kind": "List", "apiVersion": "v1", "items": [OBJECT]}, indent=3),
}
HAVE = {FROM: image("quay.io/example/app:v1"), SCHEDULED: True, NOTE: "old"}

CHANGES = {
    "pull spec": {FROM: image("quay.io/example/app:v9")},
    "follower": {FROM: follows("base:v1", "base"), SCHEDULED: None},
    "value": {NOTE: "new"},
    "hostile": {NOTE: "1.10"},
    "lines": {NOTE: "one\ntwo\n"},
    "unicode": {NOTE: "😀 \u2028 ,}]"},
    "added": {
        LOCAL: "Local",
        "/tag/importPolicy/insecure": True,
        "/tag/reference": True,
        "/metadata/annotations/x.io~1y": "z",
    },
    "note removed": {NOTE: None},
    "schedule removed": {SCHEDULED: None},
    "all": {NOTE: None, SCHEDULED: None, FROM: follows("v0"), LOCAL: "Local", "/metadata/annotations/a": "b"},
}


def wanted(name, change):
    have = HAVE | ({"/metadata/annotations/other": "it's"} if "odd   spacing" in LAYOUTS[name] else {})
    have |= {NOTE: "old\n"} if name == "stream.yaml" else {}
    return {path: value for path, value in (have | change).items() if value is not None}


def edit(name, change):
    blob = Blob(name, LAYOUTS[name].encode())
    return blob.data, edited(blob, {key(): wanted(name, change)})


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_made_in_every_layout_and_is_read_back(name, change):
    _, after = edit(name, CHANGES[change])
    manifests = parse_manifests([Blob(name, after)])
    assert [problem for problem in manifests.problems if problem.code != "not-applied"] == []
    assert significant(manifests.desired[key()].fields) == wanted(name, CHANGES[change])


@pytest.mark.parametrize("name", LAYOUTS)
def test_nothing_to_change_changes_nothing(name):
    before, after = edit(name, {})
    assert after == before


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name not in {"compact.json", "line.json"}])
@pytest.mark.parametrize("change", ["pull spec", "value"])
def test_a_value_that_changes_changes_its_line_alone(name, change):
    before, after = edit(name, CHANGES[change])
    pairs = list(zip(before.splitlines(), after.splitlines(), strict=True)) if name != "stream.yaml" else []
    differing = [(old, new) for old, new in pairs if old != new]
    places = 2 if (name, change) == ("list.yaml", "value") else 1
    assert len(differing) == (places if pairs else 0)


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("change", CHANGES)
def test_comments_and_line_ends_stay(name, change):
    before, after = (data.decode() for data in edit(name, CHANGES[change]))
    for comment in (
        "# Why",
        "# odd   spacing",
        "# a kind",
        "# about",
        "# The end.",
        "# ours",
        "# comment",
        "# the next one",
    ):
        assert before.count(comment) == after.count(comment)
    if "\r\n" in before:
        assert after.count("\n") == after.count("\r\n") == after.count("\r")
    elif "\r" in before:
        assert "\n" not in after
    assert before.startswith("\ufeff") == after.startswith("\ufeff")
    if change in ("pull spec", "value"):
        assert before.endswith("\n") == after.endswith("\n")


def diff(name, change):
    before, after = edit(name, change)
    lines = difflib.unified_diff(before.decode().splitlines(), after.decode().splitlines(), lineterm="", n=0)
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def test_what_is_added_looks_like_what_is_there():
    assert diff("plain.yaml", {LOCAL: "Local", "/metadata/annotations/new": "on"}) == [
        '+        new: "on"',
        "+    referencePolicy:",
        "+        type: Local",
    ]
    assert diff("two-spaces.json", {LOCAL: "Local"}) == [
        "+    },",
        '+    "referencePolicy": {',
        '+      "type": "Local"',
    ]
    assert diff("stream.yaml", {LOCAL: "Local"}) == ["+    referencePolicy:", "+      type: Local"]


def test_what_is_removed_goes_with_the_mapping_that_it_leaves_empty():
    assert diff("stream.yaml", {SCHEDULED: None}) == ["-    importPolicy:", "-      scheduled: true   # nightly"]
    assert diff("plain.yaml", {NOTE: None}) == ["-        note: old"]
    assert diff("tabs.json", {SCHEDULED: None}) == [
        "-\t\t},",
        '-\t\t"importPolicy": {',
        '-\t\t\t"scheduled": true',
    ]


def test_quotes_stay_what_they_are():
    assert diff("list.yaml", {NOTE: "it's"}) == [
        "-      annotations: {note: old}",
        '+      annotations: {note: "it\'s"}',
        '-        note: "old"',
        '+        note: "it\'s"',
    ]


def test_two_tags_of_a_file_are_changed_at_once():
    for name in ("two.yaml", "stream.yaml"):
        blob = Blob(name, LAYOUTS[name].encode())
        other = key("team-a/app:v2")
        after = edited(blob, {key(): HAVE | {NOTE: "a"}, other: {FROM: image("quay.io/x:2"), NOTE: "b"}})
        found = parse_manifests([Blob(name, after)]).desired
        assert (found[key()].fields[NOTE], found[other].fields[NOTE]) == ("a", "b")


ALIASED = """\
apiVersion: v1
kind: List
items:
- &first
  apiVersion: image.openshift.io/v1
  kind: ImageStreamTag
  metadata: {name: app:v1, namespace: team-a}
  tag: &tag
    from: {kind: DockerImage, name: quay.io/example/app:v1}
    importPolicy: &policy {scheduled: true}
- <<: *first
  metadata: {name: app:v2, namespace: team-a}
- apiVersion: image.openshift.io/v1
  kind: ImageStreamTag
  metadata: {name: app:v3, namespace: team-a}
  tag:
    from: {kind: DockerImage, name: quay.io/example/app:v3}
    importPolicy: *policy
"""


def test_what_an_alias_shares_is_never_changed_for_another_tag():
    blob = Blob("a.yaml", ALIASED.encode())
    assert edited(blob, {key(): {FROM: image("quay.io/x:1"), SCHEDULED: True}}) is None
    third = {FROM: image("quay.io/example/app:v3"), SCHEDULED: True, "/tag/importPolicy/insecure": True}
    after = edited(blob, {key("team-a/app:v3"): third})
    assert parse_manifests([Blob("a.yaml", after)]).desired[key("team-a/app:v3")].fields == third


def test_a_null_gives_way_to_what_is_wanted():
    text = ALIASED.replace(
        "metadata: {name: app:v3, namespace: team-a}",
        "metadata:\n    annotations:\n    name: app:v3\n    namespace: team-a",
    )
    want = {FROM: image("quay.io/example/app:v3"), SCHEDULED: True, NOTE: "x"}
    after = edited(Blob("a.yaml", text.encode()), {key("team-a/app:v3"): want})
    assert after == text.replace("annotations:\n", "annotations: {note: x}\n").encode()


values = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
random_fields = st.fixed_dictionaries(
    {FROM: st.sampled_from([image("quay.io/x:1"), follows("v0"), follows("b:1", "base"), HAVE[FROM]])},
    optional={
        NOTE: values,
        "/metadata/annotations/other": values,
        "/metadata/annotations/x.io~1y": values,
        SCHEDULED: st.sampled_from([True]),
        "/tag/importPolicy/importMode": st.just("PreserveOriginal"),
        "/tag/reference": st.sampled_from([True]),
        LOCAL: st.just("Local"),
    },
)


@settings(max_examples=60)
@given(st.sampled_from(sorted(LAYOUTS)), st.lists(random_fields, min_size=2, max_size=3))
def test_any_fields_can_be_written_into_any_layout_one_after_the_other(name, wishes):
    data = LAYOUTS[name].encode()
    for fields in wishes:
        if fields[FROM]["kind"] != "DockerImage":
            fields.pop(SCHEDULED, None)
        data = edited(Blob(name, data), {key(): fields})
        assert data is not None
        assert significant(parse_manifests([Blob(name, data)]).desired[key()].fields) == fields


COMMENTED = """\
kind: ImageStream
apiVersion: image.openshift.io/v1
metadata: {name: app, namespace: team-a}
spec:
  tags:
  - {name: a, from: {kind: DockerImage, name: r/a:1}}
  - name: b
    from: {name: r/b:1, kind: DockerImage}
  - name: c
    from:
      kind: DockerImage
      name: >-
        r/c:1
  - name: d
    from:
      kind: DockerImage
      name: r/d:1
  - name: e
    from: {kind: DockerImage,
      name: 'r/e:1'	#  old
    }
  - name: f
    from:
      kind: DockerImage
      name: r/f:1 # two words
  - name: g
    from:
      name: r/g:1
      kind: DockerImage
"""


def test_a_comment_stands_behind_a_value_where_there_is_room_for_one():
    blob = Blob("tags.yaml", COMMENTED.encode())
    words = {key(f"team-a/app:{name}"): "new" for name in "abcdefgx"}
    after = commented(blob, words).decode()
    assert [line for line in after.splitlines() if line not in COMMENTED.splitlines()] == [
        "      name: r/d:1  # new",
        "      name: 'r/e:1'\t# new",
        "      name: r/g:1  # new",
    ]
    assert commented(Blob("tags.yaml", after.encode()), words).decode() == after


@pytest.mark.parametrize("eol", ["\n", "\r\n"])
def test_a_comment_keeps_the_line_end_the_mark_and_the_end_of_the_file(eol):
    text = PLAIN.partition("    importPolicy")[0].rstrip("\n").replace("\n", eol)
    after = commented(Blob("a.yaml", b"\xef\xbb\xbf" + text.encode()), {key(): "1.0"})
    assert after == b"\xef\xbb\xbf" + f"{text}  # 1.0".encode()


def test_json_gets_no_comment():
    whole = {"kind": "ImageStreamTag", "apiVersion": "image.openshift.io/v1", "metadata": {"name": "app:v1"}}
    data = json.dumps({**whole, "tag": {"from": image("r/a:1")}}, indent=1).encode()
    assert commented(Blob("a.json", data), {key(): "1.0"}, default_namespace="team-a") == data
