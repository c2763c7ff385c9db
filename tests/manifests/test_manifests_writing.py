"""Fields → the text of a manifest, and strings that readers of any YAML take for what they are."""

import json
import re
from pathlib import Path

import pytest
import yaml
from builders import follows, key
from hypothesis import example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from syncer.manifests import parse_manifests
from syncer.manifests.writing import block, flow, manifest_text, quoted
from syncer.model import Blob

EXAMPLE = Path(__file__).parents[2] / "manifests-example"
HOSTILE = [
    "on",
    "y",
    "No",
    "TRUE",
    "null",
    "~",
    "",
    "1.10",
    "0x1f",
    "0o17",
    "1_000",
    "1e3",
    ".5",
    "20:30",
    "-",
    "- a",
    "? a",
]
HOSTILE += [
    "a: b",
    "a #b",
    "#a",
    "&a",
    "*a",
    "!a",
    "|",
    ">",
    "%a",
    "@a",
    "`a",
    "'a'",
    '"a"',
    "[a]",
    "{a}",
    "a,b",
    "a:",
    ":a",
]
HOSTILE += [
    "2026-01-31",
    "2001-12-14T21:59:43Z",
    "<<",
    "=",
    " a",
    "a ",
    "a\n",
    "\na",
    "a\nb",
    "a\n\nb\n",
    "a\n b\n",
    " a\nb",
]
HOSTILE += [
    "a\n\n",
    "a \nb",
    "a\tb",
    "\ta",
    "a\r\nb",
    "a\x85b",
    "a\u2028b",
    "\ufeff",
    "\x00",
    "\x1b[2J",
    "é",
    "日本",
    "😀",
    "\u202e",
]
HOSTILE += [
    "---",
    "...",
    "--- a\n...\n",
    "1/2",
    "10.0.0.1:5000/a",
    "infinity",
    ".inf",
    "a" * 5000,
    "a b " * 500,
    "\\",
    "C:\\x",
]


def readings(text):
    """Read by YAML 1.1, by YAML 1.2, and as syncer reads it."""
    yield yaml.safe_load(text)
    yield YAML(typ="safe", pure=True).load(text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_string_is_read_as_that_string(text):
    assert (
        list(readings("\n".join(block({"a": text, "b": {"c": text}}, 0)) + "\n")) == [{"a": text, "b": {"c": text}}] * 2
    )
    assert list(readings(f"a: {flow({'b': text, 'c': text})}\n")) == [{"a": {"b": text, "c": text}}] * 2
    assert json.loads(quoted(text, in_json=True)) == text


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("quote", ["", "'", '"'])
def test_a_hostile_string_is_read_as_that_string_as_a_value_a_key_and_an_annotation(text, quote):
    if len(text) < 1000:  # of a longer key YAML says that it needs a `?`, and Kubernetes that it is too long
        assert list(readings(f"{flow({text: text})}\n")) == [{text: text}] * 2
    assert list(readings(f"a: {flow(text, quote)}\n")) == [{"a": text}] * 2
    assert list(readings("\n".join(block({"a": text}, 2)) + "\n")) == [{"a": text}] * 2
    fields = {"/tag/from": follows("v1"), "/metadata/annotations/note": text}
    manifests = parse_manifests([Blob("a.yaml", manifest_text(key(), fields).encode())])
    assert manifests.desired[key()].fields == fields


@given(st.text("ab01.:-+_eExXoOnf/ ~yTZ", max_size=6))
@example("1e5")
def test_what_stands_without_quotes_is_a_string_to_every_reader(text):
    assert list(readings(f"a: {flow(text)}\n")) == [{"a": text}] * 2


@pytest.mark.parametrize(
    "text",
    ["What new routes use", "registry.example.com/ubi9/ubi:9.4", "10.0.0.1:5000/team/app:v1", "api:2.3.1", "disabled"],
)
def test_what_needs_no_quotes_gets_none(text):
    assert flow(text) == text


def test_a_text_of_several_lines_is_a_block_that_people_can_read():
    assert block({"note": "one\n  two\n"}, 4) == ["    note: |", "      one", "        two"]


@pytest.mark.parametrize(
    "file", sorted(EXAMPLE.glob("acme-*/*/*.yaml")), ids=lambda file: str(file.relative_to(EXAMPLE))
)
def test_a_manifest_is_written_as_the_example_is(file):
    text = file.read_text()
    (desired,) = parse_manifests([Blob("a.yaml", text.encode())]).desired.values()
    bare = re.sub(r"(?m)^#.*\n|\s+#.*$", "", text)
    assert manifest_text(desired.key, desired.fields) == bare


def test_every_field_has_its_place_and_what_holds_anyway_is_left_out():
    fields = {
        "/tag/from": {"kind": "ImageStreamImage", "name": "app@sha256:" + "1" * 64, "namespace": "base"},
        "/tag/reference": True,
        "/tag/importPolicy/insecure": True,
        "/tag/importPolicy/scheduled": False,
        "/tag/importPolicy/importMode": "PreserveOriginal",
        "/tag/referencePolicy/type": "Source",
        "/metadata/annotations/syncer.dev~1owner": "demo team-a/app:v1",
        "/metadata/annotations/b": "1.10",
        "/metadata/annotations/a": "x",
    }
    assert (
        manifest_text(key(), fields)
        == """\
apiVersion: image.openshift.io/v1
kind: ImageStreamTag
metadata:
  name: app:v1
  namespace: team-a
  annotations:
    a: x
    b: "1.10"
tag:
  reference: true
  from:
    kind: ImageStreamImage
    name: app@sha256:1111111111111111111111111111111111111111111111111111111111111111
    namespace: base
  importPolicy:
    insecure: true
    importMode: PreserveOriginal
"""
    )
