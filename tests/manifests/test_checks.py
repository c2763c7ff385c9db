"""What is wrong only in view of all manifests together."""

import json

import pytest
from world import docker, tag

from syncer.manifests import parse_manifests
from syncer.manifests.checks import Rules, check
from syncer.model import Blob

PINNED = "registry.example.com/app@sha256:" + "1" * 64
STREAM = """\
apiVersion: v1
kind: List
items:
- apiVersion: image.openshift.io/v1
  kind: ImageStream
  metadata: {name: app, namespace: team-a}
  spec:
    tags:
    - name: v1
      from:
        kind: DockerImage
        name: registry.example.com/app:v1
    - name: prod
      from: {kind: ImageStreamTag, name: v2}
"""


def follows(name, **more):
    return {"kind": "ImageStreamTag", "name": name, **more}


def checked(*texts, **rules):
    blobs = [Blob(f"{number}.yaml", text.encode()) for number, text in enumerate(texts)]
    default = rules.get("namespaces", ())
    found = check(
        parse_manifests(blobs, default_namespace=default[0] if len(default) == 1 else ""), blobs, Rules(**rules)
    )
    return [(str(p.severity), p.code, p.file, p.line, p.column, f"{p.namespace}/{p.name}") for p in found]


def texts(*manifests):
    return [json.dumps(manifest) for manifest in manifests]


def codes(*manifests, **rules):
    return [(code, name) for _, code, *_, name in checked(*texts(*manifests), **rules)]


def test_each_place_is_that_of_the_field_in_an_imagestream_within_a_list_too():
    assert checked(STREAM, namespaces=("team-b",), require_digests=True) == [
        ("warning", "out-of-scope", "0.yaml", 6, 36, "team-a/app:v1"),
        ("warning", "out-of-scope", "0.yaml", 6, 36, "team-a/app:prod"),
        ("error", "floating-tag", "0.yaml", 12, 15, "team-a/app:v1"),
        ("warning", "follows-nothing", "0.yaml", 14, 42, "team-a/app:prod"),
    ]


def test_a_follower_of_a_tag_of_another_file_is_all_right_and_of_none_is_a_warning():
    there, gone = tag("team-b/base:v1"), tag("team-a/app:v2", follows("base:v2", namespace="team-b"))
    assert codes(there, tag("team-a/app:v1", follows("base:v1", namespace="team-b")), gone) == [
        ("follows-nothing", "team-a/app:v2")
    ]


def test_tags_that_follow_each_other_in_a_circle_are_warned_of_and_who_only_follows_them_is_not():
    circle = [
        tag("team-a/app:v1", follows("app:v2", namespace="team-b")),
        tag("team-b/app:v2", follows("v3")),
        tag("team-b/app:v3", follows("app:v1", namespace="team-a")),
    ]
    names = ["team-a/app:v1", "team-b/app:v2", "team-b/app:v3"]
    assert codes(*circle, tag("team-b/app:v4", follows("v3"))) == [("followed-circle", name) for name in names]
    assert codes(*circle[:2], tag("team-b/app:v3")) == []


def test_a_misspelt_name_comes_with_the_right_one():
    blobs = [
        Blob(f"{n}.json", t.encode())
        for n, t in enumerate(texts(tag("a/api:1.0"), tag("a/api:prod", follows("api:1.O"))))
    ]
    (problem,) = check(parse_manifests(blobs), blobs, Rules())
    assert problem.hint == "did you mean 'api:1.0'?"
    assert "a/api:1.O" in problem.message


def test_a_tag_of_a_namespace_that_is_not_described_is_somebody_elses():
    assert codes(tag("team-a/app:v1", follows("nodejs:20", namespace="openshift"))) == []


def test_a_followed_tag_that_has_errors_of_its_own_is_not_nowhere():
    broken = tag("team-a/app:v1", docker("A b"))
    assert [code for code, _ in codes(broken, tag("team-a/app:prod", follows("v1")))] == ["pull-spec"]


@pytest.mark.parametrize("option", [{"whole": False}, {}])
def test_where_not_every_file_is_read_no_tag_is_said_to_be_nowhere(option):
    more = [] if option else ["a: ["]
    assert "follows-nothing" not in {code for _, code, *_ in checked(STREAM, *more, **option)}


def test_a_namespace_that_is_only_a_default_is_in_scope():
    manifest = tag("x/app:v1")
    del manifest["metadata"]["namespace"]
    assert codes(manifest, namespaces=("team-a",)) == []


def test_digests_are_asked_of_images_and_not_of_what_follows_a_tag():
    followed = [
        tag("a/app:v1", PINNED),
        tag("a/app:v2", f"{PINNED.replace('@', ':v2@')}"),
        tag("a/app:p", follows("v1")),
    ]
    assert codes(*followed, require_digests=True) == []
    assert codes(tag("a/app:v1"), require_digests=True) == [("floating-tag", "a/app:v1")]
    assert codes(tag("a/app:v1")) == []
