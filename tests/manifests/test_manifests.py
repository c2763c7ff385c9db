"""Documents → desired tags, and every problem at its place."""

import json
import textwrap

import pytest

from syncer.manifests import parse_manifests
from syncer.model import Blob, ObjectKey, Severity

HEAD = "apiVersion: image.openshift.io/v1\nkind: ImageStreamTag\n"
META = "metadata: {name: 'app:v1', namespace: team-a}\n"
FROM = "  from: {kind: DockerImage, name: quay.io/team/app:v1}\n"
WRONG_TYPES = [("type", 6, column) for column in (20, 26, 35, 40)]
NAMED = "apiVersion: image.openshift.io/v1\nkind: ImageStream\nmetadata: {name: a, namespace: a}\n"
TAG = f"{HEAD}{META}tag:\n{FROM}"
STREAM = "apiVersion: image.openshift.io/v1\nkind: ImageStream\n"


def parse(*texts, path="a.yaml", **options):
    names = [path] if len(texts) == 1 else [f"{number}.yaml" for number in range(len(texts))]
    return parse_manifests([Blob(*each) for each in zip(names, map(str.encode, texts), strict=True)], **options)


def one(text, **options):
    """Parse the manifest of one tag, in which nothing is wrong."""
    manifests = parse(textwrap.dedent(text), **options)
    assert manifests.problems == ()
    (desired,) = manifests.desired.values()
    return desired


def problems(text, **options):
    return [
        (problem.code, problem.line, problem.column) for problem in parse(textwrap.dedent(text), **options).problems
    ]


# ------------------------------------------------------------------------------------------------ what is desired


def test_every_managed_field_is_taken_as_it_is_given():
    desired = one("""\
        apiVersion: image.openshift.io/v1
        kind: ImageStreamTag
        metadata:
          name: app:v1
          namespace: team-a
          annotations: {a: b, syncer.dev/prune: disabled, x.io/Y_z: ""}
        tag:
          from: {kind: ImageStreamTag, name: "base:v1", namespace: base}
          reference: true
          importPolicy: {insecure: true, scheduled: false, importMode: PreserveOriginal}
          referencePolicy: {type: Local}
    """)
    assert desired.key == ObjectKey("team-a", "app", "v1")
    assert desired.fields == {
        "/tag/from": {"kind": "ImageStreamTag", "name": "base:v1", "namespace": "base"},
        "/tag/reference": True,
        "/tag/importPolicy/insecure": True,
        "/tag/importPolicy/scheduled": False,
        "/tag/importPolicy/importMode": "PreserveOriginal",
        "/tag/referencePolicy/type": "Local",
        "/metadata/annotations/a": "b",
        "/metadata/annotations/syncer.dev~1prune": "disabled",
        "/metadata/annotations/x.io~1Y_z": "",
    }  # fmt: skip
    assert (desired.origin.file, desired.origin.line) == ("a.yaml", 1)


def test_nothing_is_added_to_what_is_given():
    assert one(TAG).fields == {"/tag/from": {"kind": "DockerImage", "name": "quay.io/team/app:v1"}}


def test_values_are_plain_python():
    fields = one(f"{TAG}  reference: true\n  annotations: {{a: &x 'b', c: *x}}\n").fields
    assert {type(value) for value in fields.values()} == {dict, bool, str}


@pytest.mark.parametrize("where", ["metadata", "tag", "both"])
def test_annotations_in_either_place_are_the_annotations(where):
    metadata = "  annotations: {a: b}\n" if where != "tag" else ""
    tag = "  annotations: {a: b}\n" if where != "metadata" else ""
    text = f"{HEAD}metadata:\n  name: app:v1\n  namespace: team-a\n{metadata}tag:\n{FROM}{tag}"
    assert one(text).fields["/metadata/annotations/a"] == "b"


def test_annotations_that_record_what_was_applied_are_no_desire():
    annotations = (
        "syncer.dev/owner: x, syncer.dev/last-applied: '{}', kubectl.kubernetes.io/last-applied-configuration: x"
    )
    desired = one(f"{TAG}  annotations: {{{annotations}}}\n")
    assert list(desired.fields) == ["/tag/from"]


def test_an_export_with_our_records_in_one_place_only_is_no_conflict():
    text = f"""{HEAD}metadata:
  name: app:v1
  namespace: team-a
  annotations: {{a: b, syncer.dev/owner: x}}
tag:
{FROM}  annotations: {{a: b}}
"""
    assert one(text).fields["/metadata/annotations/a"] == "b"


def test_what_oc_get_leaves_is_passed_over():
    desired = one("""\
        apiVersion: image.openshift.io/v1
        generation: 3
        image:
          dockerImageLayers: [{mediaType: x, name: y, size: 3}]
          metadata: {name: "sha256:00"}
        kind: ImageStreamTag
        conditions: [{type: ImportSuccess, status: "False"}]
        lookupPolicy:
          local: false
        metadata:
          creationTimestamp: "2026-11-23T09:40:13Z"
          managedFields: []
          name: app:v1
          namespace: team-a
          resourceVersion: "25212"
          selfLink: /x
          uid: 53992724-131a-48be-bf6a-e606fa63eeeb
        tag:
          annotations: null
          from: {kind: DockerImage, name: quay.io/team/app:v1}
          generation: 3
          importPolicy: {importMode: Legacy}
          name: v1
          referencePolicy: {type: Source}
    """)
    assert set(desired.fields) == {"/tag/from", "/tag/importPolicy/importMode", "/tag/referencePolicy/type"}


def test_empty_choices_are_absent_ones():
    """The server takes '' for the default, and answers with the default."""
    text = f"{TAG}  importPolicy: {{importMode: ''}}\n  referencePolicy: {{type: ''}}\n"
    assert list(one(text).fields) == ["/tag/from"]


def test_the_default_namespace_is_for_manifests_without_one():
    text = f"{HEAD}metadata: {{name: 'app:v1'}}\ntag:\n{FROM}"
    assert one(text, default_namespace="team-b").key.namespace == "team-b"
    assert one(TAG, default_namespace="team-b").key.namespace == "team-a"


def test_a_json_manifest_is_a_manifest():
    body = {
        "apiVersion": "image.openshift.io/v1",
        "kind": "ImageStreamTag",
        "metadata": {"name": "app:v1", "namespace": "team-a"},
        "tag": {"from": {"kind": "DockerImage", "name": "quay.io/team/app:v1"}},
    }
    assert one(json.dumps(body, indent="\t"), path="a.json").key == ObjectKey("team-a", "app", "v1")


# ---------------------------------------------------------------------------------------- documents and lists


def test_a_file_holds_several_documents_and_lists():
    text = f"""\
# a comment
{HEAD}{META}tag:
{FROM}---
---
apiVersion: v1
kind: ConfigMap
---
apiVersion: v1
kind: List
items:
- apiVersion: image.openshift.io/v1
  kind: ImageStreamTag
  metadata: {{name: "app:v2", namespace: team-a}}
  tag:
  {FROM}- apiVersion: v1
  kind: Secret
---
apiVersion: image.openshift.io/v1
kind: ImageStreamTagList
items:
- metadata: {{name: "app:v3", namespace: team-a}}
  tag:
  {FROM}"""
    manifests = parse(text)
    assert manifests.problems == ()
    assert {desired.key.tag: desired.origin.line for desired in manifests.desired.values()} == {
        "v1": 2,
        "v2": 15,
        "v3": 26,
    }
    assert (manifests.files, manifests.ignored) == (1, 2)


@pytest.mark.parametrize("text", ["a: 1\n", "- a\n", "just text\n", "kind: ConfigMap\napiVersion: v1\n", "kind: [a]\n"])
def test_documents_of_other_kinds_are_counted_and_left_alone(text):
    manifests = parse(text)
    assert (manifests.ignored, manifests.problems, manifests.desired) == (1, (), {})


def test_other_kinds_of_the_group_are_left_alone():
    manifests = parse("apiVersion: image.openshift.io/v1\nkind: ImageStreamImport\n")
    assert (manifests.ignored, manifests.problems) == (1, ())


def test_an_imagestream_is_its_tags():
    text = f"""\
{STREAM}metadata: {{name: app, namespace: team-a}}
spec:
  lookupPolicy: {{local: false}}
  tags:
  - name: v1
    annotations: {{a: b}}
    from: {{kind: DockerImage, name: quay.io/team/app:v1}}
    importPolicy: {{scheduled: true}}
  - name: latest
    from: {{kind: ImageStreamTag, name: v1}}
status: {{dockerImageRepository: x, tags: []}}
"""
    manifests = parse(text)
    assert manifests.problems == ()
    assert [(str(desired.key), desired.origin.line) for desired in manifests.desired.values()] == [
        ("team-a/app:v1", 7),
        ("team-a/app:latest", 11),
    ]
    assert manifests.desired[ObjectKey("team-a", "app", "v1")].fields == {
        "/tag/from": {"kind": "DockerImage", "name": "quay.io/team/app:v1"},
        "/tag/importPolicy/scheduled": True,
        "/metadata/annotations/a": "b",
    }


def test_an_imagestream_without_tags_desires_nothing():
    manifests = parse(f"{STREAM}metadata: {{name: app, namespace: team-a}}\n")
    assert (manifests.desired, manifests.problems, manifests.ignored) == ({}, (), 0)


# -------------------------------------------------------------------------------------------- what is not applied


def test_labels_and_lookup_policy_warn_with_the_cure():
    metadata = "metadata:\n  name: app:v1\n  namespace: team-a\n  labels: {a: b}\n"
    text = f"{HEAD}{metadata}lookupPolicy: {{local: true}}\ntag:\n{FROM}"
    manifests = parse(text)
    assert [(problem.severity, problem.code, problem.line) for problem in manifests.problems] == [
        (Severity.WARNING, "not-applied", 6),
        (Severity.WARNING, "not-applied", 7),
    ]
    assert "oc label imagestream app a=b -n team-a" in manifests.problems[0].hint
    assert "oc set image-lookup app -n team-a" in manifests.problems[1].hint
    assert manifests.parsed
    assert len(manifests.desired) == 1


def test_what_an_imagestream_has_beside_its_tags_warns():
    text = f"""\
{STREAM}metadata:
  name: app
  namespace: team-a
  labels: {{a: b}}
  annotations: {{a: b, openshift.io/image.dockerRepositoryCheck: x}}
spec:
  lookupPolicy: {{local: true}}
  dockerImageRepository: quay.io/team/app
"""
    manifests = parse(text)
    assert [(problem.code, problem.line) for problem in manifests.problems] == [
        ("not-applied", 6),
        ("not-applied", 7),
        ("not-applied", 9),
        ("not-applied", 10),
    ]
    assert manifests.parsed


# ------------------------------------------------------------------------------------------------ what is wrong


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{HEAD}tag:\n{FROM}", [("missing-field", 1, 1)]),
        (f"{HEAD}metadata:\ntag:\n{FROM}", [("missing-field", 3, 10)]),
        (f"{HEAD}metadata: x\ntag:\n{FROM}", [("type", 3, 11)]),
        (f"{HEAD}metadata: {{namespace: a}}\ntag:\n{FROM}", [("missing-field", 3, 1)]),
        (f"{HEAD}metadata: {{namespace: a, name: 1}}\ntag:\n{FROM}", [("type", 3, 32)]),
        (
            f"{HEAD}metadata: {{namespace: a, generateName: x}}\ntag:\n{FROM}",
            [("missing-field", 3, 1), ("unknown-field", 3, 26)],
        ),
        (f"{HEAD}metadata: {{name: 'a:b'}}\ntag:\n{FROM}", [("no-namespace", 3, 1)]),
        (f"{HEAD}{META}", [("missing-field", 1, 1)]),
        (f"{HEAD}{META}tag:\n", [("missing-field", 4, 5)]),
        (f"{HEAD}{META}tag: {{}}\n", [("missing-field", 4, 1)]),
        (f"{HEAD}{META}tag: x\n", [("type", 4, 6)]),
        (f"{HEAD}{META}tag: {{from: }}\n", [("missing-field", 4, 13)]),
        (f"{HEAD}{META}tag: {{from: x}}\n", [("type", 4, 13)]),
        (f"{HEAD}{META}tag: {{from: {{}}}}\n", [("missing-field", 4, 7), ("missing-field", 4, 7)]),
        (f"{HEAD}{META}tag: {{from: {{kind: DockerImage, name: ''}}}}\n", [("missing-field", 4, 39)]),
        (f"{HEAD}{META}tag: {{from: {{kind: Dockerimage, name: a}}}}\n", [("value", 4, 20)]),
        (f"{HEAD}{META}tag: {{from: {{kind: DockerImage, name: 1.5}}}}\n", [("type", 4, 39)]),
        (f"{HEAD}{META}tag: {{from: {{kind: DockerImage, name: 'A b'}}}}\n", [("pull-spec", 4, 39)]),
        (f"{HEAD}{META}tag: {{from: {{kind: ImageStreamTag, name: 'a:b:c'}}}}\n", [("name", 4, 42)]),
        (f"{HEAD}{META}tag: {{from: {{kind: ImageStreamImage, name: 'a:b'}}}}\n", [("name", 4, 44)]),
        (f"{HEAD}{META}tag: {{from: {{kind: DockerImage, name: a, namespace: b}}}}\n", [("conflict", 4, 42)]),
        (f"{HEAD}{META}tag: {{from: {{kind: ImageStreamTag, name: a, namespace: B}}}}\n", [("namespace", 4, 56)]),
        (
            f"{HEAD}{META}tag: {{from: {{kind: ImageStreamTag, name: a}}, importPolicy: {{scheduled: true}}}}\n",
            [("conflict", 4, 72)],
        ),
        (f"{TAG}  referencePolicy: {{type: local}}\n", [("value", 6, 27)]),
        (f"{TAG}  importPolicy: {{importMode: All}}\n", [("value", 6, 30)]),
        (f"{TAG}  importPolicy: {{insecure: 'true'}}\n", [("type", 6, 28)]),
        (f"{TAG}  importPolicy: true\n", [("type", 6, 17)]),
        (f"{TAG}  reference: yes\n", [("type", 6, 14)]),
        (f"{TAG}  annotations: {{a: 1, b: true, c: , d: [x]}}\n", WRONG_TYPES),
        (f"{TAG}  annotations: {{'a b': c}}\n", [("annotation-key", 6, 17)]),
        (f"{TAG}  annotations: {{a: {'x' * 300_000}}}\n", [("annotations-too-large", 6, 3)]),
        (f"{TAG}  name: v2\n", [("tag-name", 6, 9)]),
        (f"{TAG}spec: {{}}\n", [("unknown-field", 6, 1)]),
        (f"kind: ImageStreamTag\napiVersion: v1\n{META}tag:\n{FROM}", [("api-version", 2, 13)]),
        (f"kind: ImageStreamTag\napiVersion: image.openshift.io/v2\n{META}tag:\n{FROM}", [("api-version", 2, 13)]),
        (f"kind: ImageStreamTag\n{META}tag:\n{FROM}", [("api-version", 1, 1)]),
        ("kind: ImageStream\napiVersion: v1\nmetadata: {name: a, namespace: b}\n", [("api-version", 2, 13)]),
        ("kind: ImageStreamTags\napiVersion: image.openshift.io/v1\n", [("unknown-kind", 1, 7)]),
        ("apiVersion: image.openshift.io/v1\nmetadata: {}\n", [("unknown-kind", 1, 1)]),
        ("apiVersion: v1\nkind: List\nitems: x\n", [("type", 3, 8)]),
        (f"{STREAM}metadata: {{namespace: a}}\n", [("missing-field", 3, 1)]),
        (f"{STREAM}metadata: {{name: 'a:b', namespace: a}}\n", [("name", 3, 18)]),
        (f"{NAMED}spec: {{tags: {{}}}}\n", [("type", 4, 14)]),
        (f"{NAMED}spec: {{tags: [x]}}\n", [("type", 4, 15)]),
        (f"{NAMED}spec: {{tags: [{{name: b}}]}}\n", [("missing-field", 4, 15)]),
        (f"{NAMED}spec:\n  tags:\n  - from: {{kind: DockerImage, name: a}}\n", [("missing-field", 6, 5)]),
    ],
)
def test_what_is_wrong_has_its_place(text, expected):
    manifests = parse(text)
    assert [(problem.code, problem.line, problem.column) for problem in manifests.problems] == expected
    assert not manifests.parsed
    assert manifests.desired == {}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("app:v1", False),
        ("app:V1_2.3-x", False),
        ("my-app.x_y:1", False),
        ("app", True),
        ("app:", True),
        (":v1", True),
        ("a:b:c", True),
        ("App:v1", True),
        ("app-:v1", True),
        ("a--b:v1", True),
        ("app:.v1", True),
        ("app:-v1", True),
        (f"app:{'v' * 128}", False),
        (f"app:{'v' * 129}", True),
        (f"{'a' * 249}:v1", False),
        (f"{'a' * 250}:v1", True),
        ("app:v1 ", True),
        ("app:v\u0661", True),
    ],
)
def test_a_name_is_a_stream_and_a_tag(name, wrong):
    text = f"{HEAD}metadata: {{namespace: teams, name: {json.dumps(name)}}}\ntag:\n{FROM}"
    assert problems(text) == ([("name", 3, 36)] if wrong else [])


@pytest.mark.parametrize(
    ("key", "value", "hint"),
    [
        ("spec", "{}", "`tag:` where other kinds have `spec:`"),
        ("metdata", "{}", "did you mean 'metadata'?"),
        ("from", "{}", "it belongs into `tag`"),
        ("Tag", "{}", "did you mean 'tag'?"),
    ],
)
def test_an_unknown_field_comes_with_a_hint(key, value, hint):
    (problem,) = parse(f"{TAG}{key}: {value}\n").problems
    assert problem.code == "unknown-field"
    assert hint in problem.hint


def test_an_image_without_a_tag_is_explained():
    (problem,) = parse(f"{HEAD}{META}image: {{}}\n").problems
    assert "what the server has imported" in problem.hint


def test_different_annotations_in_the_two_places_are_an_error():
    metadata = "metadata:\n  name: app:v1\n  namespace: team-a\n  annotations: {a: b}\n"
    text = f"{HEAD}{metadata}tag:\n{FROM}  annotations: {{a: c}}\n"
    assert problems(text) == [("annotation-conflict", 9, 3)]


def test_problems_of_all_files_are_found_and_sorted():
    manifests = parse("a: [\n", f"{HEAD}{META}tag: {{from: x}}\nspec: {{}}\n", TAG, "b: b: b\n")
    assert [(problem.file, problem.code, problem.line) for problem in manifests.problems] == [
        ("0.yaml", "syntax", 2),
        ("1.yaml", "type", 4),
        ("1.yaml", "unknown-field", 5),
        ("2.yaml", "duplicate-tag", 3),
        ("3.yaml", "syntax", 1),
    ]
    assert manifests.files == 4


def test_a_syntax_error_does_not_hide_the_documents_before_it():
    manifests = parse(f"{TAG}---\na: [\n")
    assert list(manifests.desired) == [ObjectKey("team-a", "app", "v1")]
    assert [problem.code for problem in manifests.problems] == ["syntax"]


def test_a_tag_that_is_described_twice_names_both_places_and_is_not_desired():
    first = f"# first\n{HEAD}{META}tag:\n{FROM}"
    second = f"{STREAM}metadata: {{name: app, namespace: team-a}}\nspec:\n  tags:\n  - name: v1\n  {FROM}"
    manifests = parse(first, second)
    (problem,) = manifests.problems
    assert (problem.code, problem.file, problem.line, problem.column) == ("duplicate-tag", "1.yaml", 6, 11)
    assert "0.yaml:2" in problem.message
    assert (problem.namespace, problem.name) == ("team-a", "app:v1")
    assert manifests.desired == {}


def test_a_problem_of_one_tag_leaves_the_others_desired():
    text = f"""\
{STREAM}metadata: {{name: app, namespace: team-a}}
spec:
  tags:
  - {{name: v1, from: {{kind: DockerImage, name: a}}}}
  - {{name: v2, from: {{kind: Nonsense, name: a}}}}
"""
    manifests = parse(text)
    assert [key.tag for key in manifests.desired] == ["v1"]
    assert [(problem.code, problem.name) for problem in manifests.problems] == [("value", "app:v2")]
