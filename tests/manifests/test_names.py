"""Names and pull specs, as the server judges them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.manifests import names

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("spec", "good"),
    [
        ("app", True),
        ("team/app:v1", True),
        ("registry.example.com/team/app", True),
        ("registry.example.com:5000/a/b/c/app:V1.0_x", True),
        ("localhost/app", True),
        ("Registry.Example.com/app", True),
        (f"quay.io/app@{DIGEST}", True),
        (f"quay.io/app:v1@{DIGEST}", True),
        ("a__b/c---d/e.f", True),
        ("quay.io/App", False),
        ("quay.io/app:", False),
        ("quay.io/app:.v1", False),
        (f"quay.io/app:{'v' * 129}", False),
        ("https://quay.io/app", False),
        ("docker://quay.io/app", False),
        ("quay.io//app", False),
        ("quay.io/app/", False),
        ("quay.io/a..b", False),
        ("quay.io/app@sha256:00", False),
        (f"quay.io/app@md5:{'0' * 32}", False),
        (f"quay.io/app@sha256:{'0' * 63}", False),
        ("not a pull spec !!", False),
        (" quay.io/app", False),
        ("quay.io/app\n", False),
        ("a" * 255, True),
        ("a" * 256, False),
    ],
)
def test_a_pull_spec(spec, good):
    assert (names.bad_pull_spec(spec) == "") is good


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ("https://quay.io/app", "without a scheme"),
        ("quay.io/App", "lower case"),
        ("a" * 256, "255"),
        ("a@sha256:" + "0" * 32, "64"),
    ],
)
def test_a_bad_pull_spec_says_what_it_should_be(spec, word):
    assert word in names.bad_pull_spec(spec)


@given(st.sampled_from("a-._/:@A0"), st.integers(1, 2000), st.sampled_from(["", "!", "/", ":", "@"]))
def test_no_pull_spec_takes_long_to_judge(character, count, end):
    started = time.perf_counter()
    names.bad_pull_spec(f"a{character}" * count + end)
    names.bad_pull_spec(character * count + end)
    names.bad_stream(f"a{character}" * count + end)
    names.bad_annotation_key(f"a{character}" * count + end)
    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("v1", True),
        ("app:v1", True),
        ("App:v1", False),
        ("app:", False),
        (":v1", False),
        ("a:b:c", False),
        (".v1", False),
    ],
)
def test_what_an_imagestreamtag_names(name, good):
    assert (names.bad_tag_reference(name) == "") is good


@pytest.mark.parametrize(
    ("name", "good"),
    [
        (f"app@{DIGEST}", True),
        (DIGEST, False),
        ("app@v1", False),
        (f"app:v1@{DIGEST}", False),
        (f"App@{DIGEST}", False),
    ],
)
def test_what_an_imagestreamimage_names(name, good):
    assert (names.bad_image_reference(name) == "") is good


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("team-a", True),
        ("0", True),
        ("a" * 63, True),
        ("a" * 64, False),
        ("-a", False),
        ("a-", False),
        ("A", False),
        ("a.b", False),
        ("", False),
    ],
)
def test_a_namespace(name, good):
    assert (names.bad_namespace(name) == "") is good


@pytest.mark.parametrize(
    ("key", "good"),
    [
        ("a", True),
        ("Example.com/My_Name.x-y", True),
        ("openshift.io/image.dockerRepositoryCheck", True),
        ("a" * 63, True),
        ("a" * 64, False),
        ("/a", False),
        ("a/", False),
        ("a/b/c", False),
        ("a b", False),
        ("-a", False),
        ("ex_ample.com/a", False),
        ("", False),
    ],
)
def test_an_annotation_key(key, good):
    assert (names.bad_annotation_key(key) == "") is good
