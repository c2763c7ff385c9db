"""The short cut for manifests of the common shape gives what the whole check gives, or nothing."""

import random

import pytest

from syncer.manifests import _Reading, parse_manifests
from syncer.manifests.plain import plain_tags
from syncer.model import Blob

TAG = """apiVersion: image.openshift.io/v1
kind: ImageStreamTag
metadata:
  name: app:v1
  namespace: team-a
  annotations:
    example.com/team: "team a"
tag:
  from:
    kind: DockerImage
    name: registry.example.com/team/app:v1
  importPolicy: {scheduled: true, importMode: PreserveOriginal}
  referencePolicy:
    type: Local
"""
FOLLOWER = """# the stable one
kind: ImageStreamTag
apiVersion: 'image.openshift.io/v1'
metadata: {name: "web:stable"}
tag: {from: {kind: ImageStreamTag, name: v1}, reference: false}
"""
STREAM = """apiVersion: image.openshift.io/v1
kind: ImageStream
metadata:
  name: base
  namespace: team-b
spec:
  tags:
  - name: v1
    from:
      kind: DockerImage
      name: registry.example.com/base@sha256:0101010101010101010101010101010101010101010101010101010101010101

  # the newest
  - from:
      kind: ImageStreamTag
      name: "web:stable"
      namespace: team-a
    name: v2
    annotations:
      example.com/note: it's - well
        - known
"""
FOREIGN = """# what runs it
apiVersion: apps/v1
kind: Deployment
metadata:
  name: app
spec:
  paused: yes
  command: [sh, -c, "exec app"]
  script: |
    set -e
    app --port=1 # no comment
  note: >-
    two lines
    of one

    text
"""
NOTED = """apiVersion: image.openshift.io/v1
kind: ImageStreamTag
metadata:
  name: noted:v1
  namespace: équipe
  annotations:
    example.com/note: |-
      größer als 3 — “ja”
        - 日本語 🙂
      # no comment

      end
    example.com/folded: >
      one
      two
tag:
  from:
    kind: DockerImage
    name: registry.example.com/noted:v1
""".replace("équipe", "team-c")
PLAIN = {
    "a tag": TAG,
    "flow style and quotes": FOLLOWER,
    "a stream": STREAM,
    "several documents": f"{TAG}---\n{FOLLOWER}---\n{STREAM}",
    "markers at both ends": f"# first\n---\n{TAG}---\n# last\n---\n",
    "no document": "# nothing\n\n",
    "another kind": FOREIGN,
    "another kind of the same group": "apiVersion: v1\nkind: ConfigMap\ndata: {}\n",
    "other kinds among tags": f"{FOREIGN}---\n{TAG}---\n{FOREIGN}---\n# nothing\n---\n{NOTED}",
    "block scalars, and characters beyond ASCII": NOTED,
    "indicators inside of words": TAG.replace("team a", "a&b*c!d|e>f?g<h`i"),
    "backslashes": TAG.replace('"team a"', "C:\\\\team\\\\a"),
    "the line ends of Windows": f"{NOTED}---\n{STREAM}".replace("\n", "\r\n"),
    "empty": "",
    "no newline at the end": TAG.rstrip("\n"),
}
UNUSUAL = {
    "a tag described twice": (TAG + "---\n" + TAG, "duplicate-tag"),
    "a key twice": (TAG.replace("kind: ImageStreamTag", "kind: ImageStreamTag\nkind: ImageStreamTag"), "duplicate-key"),
    "a field that is none": (TAG.replace("  from:", "  form:"), "unknown-field"),
    "a number for a name": (TAG.replace("app:v1", "1", 1), "type"),
    "labels": (TAG.replace("  name: app:v1", "  labels: {a: b}\n  name: app:v1"), "not-applied"),
    "a word that is none of its field": (TAG.replace("Local", "Remote"), "value"),
    "a scheduled follower": (FOLLOWER.replace("reference: false", "importPolicy: {scheduled: true}"), "conflict"),
    "a merge key": (TAG.replace("  name: app:v1", "  <<: {name: b:v1}\n  name: app:v1"), None),
    "an alias": (TAG.replace("team-a", "&n team-a").replace('"team a"', "*n"), None),
    "a block scalar with an indentation": (TAG.replace('"team a"', "|2\n        team\n        a"), None),
    "a block scalar in a stream": (STREAM.replace("it's - well", "|-\n       tags:\n       - x\n      #"), None),
    "an escape": (TAG.replace("team a", "team\\ta"), None),
    "a line end of Mac OS": (TAG.replace("\n", "\r"), None),
    "a line separator": (TAG.replace("team a", "team\u2028a"), None),
    "a space that does not break": (TAG.replace("team a", "team\u00a0a"), None),
    "a tab": (TAG.replace('"team a"', "team\ta"), None),
    "a kind that the group has not": ("apiVersion: image.openshift.io/v1\nkind: ImageTags\n", "unknown-kind"),
    "a list": ("apiVersion: v1\nkind: List\nitems: []\n", None),
    "no apiVersion": ("kind: ConfigMap\n", None),
    "a kind of ours with another apiVersion": (TAG.replace("image.openshift.io/v1", "v1"), "api-version"),
    "no mapping": ("- a\n- b\n", None),
    "a marker with content": (f"--- # first\n{TAG}", None),
    "flow style of several lines": (
        TAG.replace("scheduled: true, importMode", "scheduled\n  : true, importMode"),
        "syntax",
    ),
    "an end marker": (f"{TAG}...\n", None),
    "JSON": ('{"apiVersion": "v1",\t"kind": "ConfigMap"}', None),
}
EDITS = [
    *"abv1~0-_.:,#'\"{}[] \n%@=+()$;^",
    *(
        ": ",
        " #",
        "- ",
        "  ",
        "\n\n",
        "---\n",
        "\n---\n",
        "\n- ",
        "\n  ",
        " \n",
        "...\n",
        "''",
        '""',
        "- - ",
        "? ",
        "%YAML 1.1\n",
    ),
    *(
        "null",
        "true",
        "yes",
        "1_000",
        "0b1",
        "1:30",
        "0x1F",
        ".inf",
        "kind: ",
        "tags:",
        "name: ",
        "namespace: x",
        "a: b\n",
    ),
    *(
        "apiVersion",
        "tag",
        "from",
        "scheduled",
        "{a: b}",
        "[a, b]",
        "'a: b'",
        "\ta",
        "\r\n",
        "!",
        "&a ",
        "*a",
        "|\n",
        ">-\n",
    ),
    *("é", "日本", "🙂", "\u0085", "\u2028", "\u00a0", "\ufeff", "\x7f", "\\", "\\n", "?", "<<: ", "`", "|", ">", "&"),
    *(
        " |-\n      ",
        " >\n      ",
        "|+\n",
        " |2\n",
        "      text\n",
        "\n      \n",
        "\n\n      # text\n",
        "\r",
        "kind: List\n",
    ),
]


def whole(text, default_namespace="team-z"):
    """Read a text by the whole check alone."""
    reading = _Reading(default_namespace)
    reading.whole(Blob("tags.yaml", text.encode()))
    return reading


def plain(text, default_namespace="team-z"):
    return plain_tags(Blob("tags.yaml", text.encode()), default_namespace)


def agrees(text):
    """Hold the short cut to its promise; tell whether it read the text."""
    found = plain(text)
    if found is None or len({tag.key for tag in found.tags}) < len(found.tags):
        return False
    checked = whole(text)
    assert (checked.problems, checked.ignored) == ([], found.ignored), text
    assert list(checked.desired.values()) == found.tags, text
    return True


def edited(random_):
    """Make a text by a few edits, any of which may be what nobody thought of."""
    text = random_.choice(list(PLAIN.values()))
    for _ in range(random_.randint(1, 4)):
        at = random_.randint(0, len(text))
        text = (
            text[:at]
            + random_.choice(["", *EDITS, random_.choice(EDITS)])
            + text[at + random_.choice([0, 0, 1, 1, 2, 9]) :]
        )
    return text


@pytest.mark.parametrize("name", PLAIN)
def test_the_common_shapes_are_read_as_the_whole_check_reads_them(name):
    assert agrees(PLAIN[name])


@pytest.mark.parametrize("name", UNUSUAL)
def test_whatever_is_unusual_is_left_to_the_whole_check(name):
    text, code = UNUSUAL[name]
    found = plain(text)
    assert found is None or code == "duplicate-tag"
    manifests = parse_manifests([Blob("tags.yaml", text.encode())], default_namespace="team-z")
    assert code is None or code in {problem.code for problem in manifests.problems}


def test_over_edited_texts_the_short_cut_and_the_whole_check_never_differ():
    dice = random.Random(20260301)  # noqa: S311 - it makes texts
    read = sum(agrees(edited(dice)) for _ in range(8_000))
    assert read > 400  # else the edits say little


def test_a_tag_that_two_files_describe_is_told_by_the_whole_check():
    blobs = [Blob("a.yaml", TAG.encode()), Blob("b.yaml", f"{STREAM}---\n{TAG}".encode())]
    manifests = parse_manifests(blobs)
    assert [(problem.code, problem.file, problem.line) for problem in manifests.problems] == [
        ("duplicate-tag", "b.yaml", 26)
    ]
    assert {key.tag for key in manifests.desired} == {"v1", "v2"}
    assert {key.stream for key in manifests.desired} == {"base"}


def test_a_large_file_and_a_json_file_are_left_to_the_whole_check():
    assert plain_tags(Blob("tags.JSON", TAG.encode()), "") is None
    assert plain(TAG + "# \n" * 50_000) is None
