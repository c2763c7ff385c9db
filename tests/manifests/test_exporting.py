"""Which files an export writes: names that are safe, and texts of which a plan shows nothing but adoption."""

import re
from pathlib import PurePosixPath

import pytest
from builders import DIGEST, follows, image, key, live, live_state, policy
from hypothesis import given, settings
from hypothesis import strategies as st

from syncer import imagestreamtag as ist
from syncer.manifests import parse_manifests
from syncer.manifests.exporting import export, file_path
from syncer.model import Blob, ImportState, Live, LiveState, ObjectKey, Scope, Update
from syncer.plan import make_plan

EVERYWHERE = Scope(all_namespaces=True)
PINNED = {"kind": "ImageStreamImage", "name": f"base@{DIGEST}", "namespace": "base"}


def nothing_taken(_):
    return False


def exported(*tags, files=(), taken=(), **more):
    manifests = parse_manifests(files)
    return export(manifests, files, live_state(*tags), EVERYWHERE, lambda path: path.casefold() in taken, **more)


# ------------------------------------------------------------------------------------------------------- names

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=140) | st.sampled_from(
    ["..", ".", "-rf", ".git", "a/b", "con", "NUL.1", "a.", "v1:2", "a\x00b", " ", "é", "A" * 128, "v" * 300]
)


@given(st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=8, unique=True))
def test_a_file_s_name_is_safe_unique_in_any_case_and_the_same_each_time(names):
    taken = set()
    for stream, tag in names:
        one = ObjectKey("team-a", stream, tag)
        path = file_path(one, lambda path: path.casefold() in taken)
        assert path == file_path(one, lambda path: path.casefold() in taken)
        assert path.casefold() not in taken
        taken.add(path.casefold())
        parts = PurePosixPath(path).parts
        assert len(parts) == 3
        assert path.endswith(".yaml")
        for part in parts:
            assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,220}", part)
            assert not re.fullmatch(r"(?i)(con|nul|aux|prn|com\d|lpt\d)(\..*)?", part)
            assert not part.endswith(".")


@pytest.mark.parametrize("tag", ["v1", "1.10", "V1_2.3-x", "latest", "_", "9.4", "x" * 128, "a.json"])
def test_an_ordinary_tag_gives_its_file_its_name(tag):
    assert file_path(ObjectKey("team-a", "app.x_y-z", tag), nothing_taken) == f"team-a/app.x_y-z/{tag}.yaml"


def test_tags_that_differ_in_case_alone_get_files_of_their_own():
    made = exported(live("team-a/app:v1"), live("team-a/app:V1"))
    assert made.files[0].path == "team-a/app/V1.yaml"
    assert re.fullmatch(r"team-a/app/v1-[0-9a-f]{10}\.yaml", made.files[1].path)
    again = exported(live("team-a/app:v1"), live("team-a/app:V1"), files=[Blob(f.path, f.data) for f in made.files])
    assert (again.files, len(again.unchanged)) == ((), 2)


def test_a_file_that_is_there_and_is_something_else_is_not_taken():
    (file,) = exported(live(), taken={"tags/team-a/app/v1.yaml"}, folder="tags").files
    assert re.fullmatch(r"tags/team-a/app/v1-[0-9a-f]{10}\.yaml", file.path)


# -------------------------------------------------------------------------------------------------- what is written


def test_what_only_a_push_made_is_left_out_and_named():
    pushed = Live(key(), None, {}, "uid-1", "7", live().image)
    made = exported(pushed, live("team-a/app:v2"))
    assert made.pushed == (key(),)
    assert [file.tags for file in made.files] == [(key("team-a/app:v2"),)]


@pytest.mark.parametrize(
    ("tag", "why"),
    [
        (live("team-a/app:b:c"), "exactly one colon"),
        (live(spec={"from": None}), "from is missing"),
        (live(annotations={"a b": "c"}), "the annotation 'a b'"),
        (live(annotations={"a": "\ud800"}), "surrogate"),
        (live(spec={"from": image("A b")}), "pull spec"),
    ],
)
def test_what_no_manifest_can_say_is_a_warning_and_left_out(tag, why):
    made = exported(tag)
    assert made.files == ()
    (problem,) = made.problems
    assert (str(problem.severity), problem.code) == ("warning", "not-exportable")
    assert why in problem.message


def test_a_tag_that_is_described_and_not_live_keeps_its_manifest_and_is_named():
    files = [Blob(file.path, file.data) for file in exported(live(), live("team-b/app:v1")).files]
    made = exported(live(), files=files)
    assert (made.files, [str(d.key) for d in made.gone]) == ((), ["team-b/app:v1"])
    state = LiveState({}, "streams", forbidden={"team-b": "no"})
    made = export(parse_manifests(files), files, state, Scope(namespaces=("team-b",)), nothing_taken)
    assert made.gone == ()


def test_a_tag_that_differs_is_corrected_where_it_stands():
    text = b"# mine\n" + exported(live()).files[0].data.replace(b"namespace: team-a", b"namespace: team-a # here")
    (file,) = exported(live(spec={"from": image("quay.io/x:2")}), files=[Blob("odd.yaml", text)]).files
    assert (file.path, file.before) == ("odd.yaml", text)
    assert file.data == text.replace(b"quay.io/example/app:v1", b"quay.io/x:2")


SHARED = b"""\
apiVersion: v1
kind: List
items:
- &first
  apiVersion: image.openshift.io/v1
  kind: ImageStreamTag
  metadata: {name: 'app:v1', namespace: team-a}
  tag: {from: {kind: DockerImage, name: quay.io/example/app:v1}}
- <<: *first
  metadata: {name: 'app:v2', namespace: team-a}
"""


def test_what_cannot_be_edited_is_an_error_and_the_file_stays():
    made = exported(live(spec={"from": image("quay.io/x:2")}), live("team-a/app:v2"), files=[Blob("a.yaml", SHARED)])
    assert made.files == ()
    assert [(str(p.severity), p.code, p.file) for p in made.problems] == [("error", "not-edited", "a.yaml")]


# ------------------------------------------------------------------------------------------------------- the law

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    [
        "on",
        "1.10",
        "~",
        "",
        "a\nb\n",
        "\n",
        "日本",
        "{a: b}",
        "- x",
        "2026-01-31",
        "'",
        '"',
        "\\",
        "a: b #c",
        "😀\u2028",
    ]
)
annotations = st.dictionaries(
    st.sampled_from(
        ["on", "note", "y", "acme.example.com/x", "1.10", ist.KUBECTL_LAST_APPLIED, ist.OWNER, ist.LAST_APPLIED]
    ),
    texts,
    max_size=4,
)
sources = st.sampled_from(
    [image("quay.io/x:1"), image(f"10.0.0.1:5000/a/b@{DIGEST}"), follows("2"), follows("t:1", "b"), PINNED]
)
NAMED = [
    f"{namespace}/{stream}:{tag}" for namespace in ("a", "b") for stream in ("s", "1.10") for tag in ("1", "on", "ON")
]


@st.composite
def live_tags(draw, name):
    source = draw(sources)
    spec = {
        "from": source,
        "importPolicy": {
            "importMode": draw(st.sampled_from(["Legacy", "PreserveOriginal"])),
            **({"scheduled": True} if source["kind"] == "DockerImage" and draw(st.booleans()) else {}),
            **({"insecure": True} if draw(st.booleans()) else {}),
        },
        "referencePolicy": {"type": draw(st.sampled_from(["Source", "Local"]))},
        **({"reference": True} if draw(st.booleans()) else {}),
    }
    state = draw(st.sampled_from(list(ImportState)))
    if draw(st.integers(0, 9)) == 0:
        return Live(key(name), None, {}, "uid-1", "7", live().image)
    return live(name, spec=spec, annotations=draw(annotations), state=state)


worlds = st.lists(st.sampled_from(NAMED), unique=True, max_size=6).flatmap(
    lambda names: st.tuples(*(live_tags(name) for name in names))
)


def planned(files, tags):
    manifests = parse_manifests(files)
    assert manifests.problems == ()
    plan = make_plan(manifests, live_state(*tags), policy())
    described = {tag.key for tag in tags if tag.spec is not None}
    assert {change.key for change in plan.changes if change.desired} == described
    return plan.changes


@settings(max_examples=40)
@given(worlds)
def test_a_plan_of_what_was_exported_shows_nothing_but_adoption(tags):
    made = exported(*tags)
    assert made.problems == ()
    for change in planned([Blob(file.path, file.data) for file in made.files], tags):
        if isinstance(change, Update):
            assert change.fields == ()


@settings(max_examples=40)
@given(worlds, worlds)
def test_an_export_over_an_older_one_says_what_is_live_now(before, now):
    files = {file.path: file.data for file in exported(*before).files}
    made = exported(
        *now, files=[Blob(path, data) for path, data in sorted(files.items())], taken={p.casefold() for p in files}
    )
    assert made.problems == ()
    after = files | {file.path: file.data for file in made.files}
    kept = {desired.key for desired in made.gone}
    blobs = [Blob(path, data) for path, data in sorted(after.items())]
    found = parse_manifests(blobs).desired
    assert set(found) == {tag.key for tag in now if tag.spec is not None} | kept | (set(found) & set(made.pushed))
    again = exported(*now, files=blobs)
    assert again.files == ()
