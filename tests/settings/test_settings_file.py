"""What `syncer.yaml` says, and every problem with its place."""

from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncer.errors import UsageError
from syncer.settings import Command, Key, json_schema, load


def key(name, schema=None, **more):
    return Key(name, name.replace("-", "_"), f"About {name}.", schema or {"type": ["string", "integer"]}, **more)


def command(name, *keys, has_set=True):
    return Command(name, {each.name: each for each in keys}, has_set)


SIZE = key("page-size", {"type": "integer", "minimum": 1})
NAMESPACE, EVERYWHERE = key("namespace", multiple=True), key("all-namespaces", {"type": "boolean"})
SOURCE = key("source", anchor=lambda text, folder: str(folder / text))
PLAN = command("plan", SOURCE, SIZE, NAMESPACE, EVERYWHERE, key("owner"), key("context"), key("ref"))
SYNC = command("sync", *PLAN.keys.values(), key("wait"))
SERVE = command("serve", key("port", {"type": "integer"}), has_set=False)
COMMANDS = (PLAN, SYNC, SERVE)


@pytest.fixture
def read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(text, name="syncer.yaml"):
        path = tmp_path.joinpath(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return load(path.relative_to(tmp_path), COMMANDS)

    return call


def texts(values):
    return {name: value.texts for name, value in values.items()}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null\n", "sets:\n", "plan:\n", "sets: {}\nplan: {}\n"])
def test_a_file_that_says_nothing_sets_nothing(read, text):
    file = read(text)
    assert (file.values(PLAN), file.only_set()) == ({}, None)


def test_the_narrower_place_wins(read):
    file = read("page-size: 1\nwait: 5s\nsync: {page-size: 2}\nsets: {a: {page-size: 3}, b: {owner: x}}\n")
    assert texts(file.values(PLAN)) == {"page-size": ("1",)}
    assert texts(file.values(SYNC)) == {"page-size": ("2",), "wait": ("5s",)}
    assert texts(file.values(SYNC, file.choose("a"))) == {"page-size": ("3",), "wait": ("5s",)}
    assert texts(file.values(SYNC, file.choose("b"))) == {"page-size": ("2",), "wait": ("5s",), "owner": ("x",)}


def test_a_narrower_scope_leaves_nothing_of_a_wider_one(read):
    file = read(
        "all-namespaces: true\nsync: {namespace: a}\nsets: {all: {all-namespaces: true}, b: {namespace: [b]}}\n"
    )
    assert texts(file.values(PLAN)) == {"all-namespaces": ("true",)}
    assert texts(file.values(SYNC)) == {"namespace": ("a",)}
    assert texts(file.values(SYNC, file.choose("b"))) == {"namespace": ("b",)}
    assert texts(file.values(SYNC, file.choose("all"))) == {"all-namespaces": ("true",)}


def test_a_key_that_means_another_thing_to_a_command_reaches_it_only_in_its_section(read):
    other = command("doctor", key("owner", {"enum": ["x"]}), key("page-size", SIZE.schema))
    commands = (*COMMANDS, other)
    read("owner: ann\npage-size: 3\n")
    assert texts(load(Path("syncer.yaml"), commands).values(other)) == {"page-size": ("3",)}
    Path("syncer.yaml").write_text("owner: ann\ndoctor: {owner: x}\n")
    assert texts(load(Path("syncer.yaml"), commands).values(other)) == {"owner": ("x",)}


def test_a_value_is_the_text_that_is_written(read):
    file = read("ref: 1.10\nowner: 007\nnamespace: [on, 'no', 1_0]\n")
    assert texts(file.values(PLAN)) == {"ref": ("1.10",), "owner": ("007",), "namespace": ("on", "no", "1_0")}


def test_each_value_knows_its_line_and_column(read):
    file = read("\npage-size: 7\nsets:\n  a:\n    namespace:\n    - x\n")
    assert str(file.values(PLAN)["page-size"].place) == "syncer.yaml:2:12"
    assert str(file.values(PLAN, file.choose("a"))["namespace"].place) == "syncer.yaml:6:5"


def test_paths_count_from_the_folder_of_the_file(read):
    assert texts(read("source: tags\n", "ops/syncer.yaml").values(PLAN)) == {"source": ("ops/tags",)}
    assert texts(read("source: tags\n").values(PLAN)) == {"source": ("tags",)}


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("pagesize: 1", ["1:1: unknown key 'pagesize'; did you mean page-size?"]),
        ("plans: {}", ["1:1: unknown key 'plans'; did you mean plan?"]),
        ("set: {}", ["1:1: unknown key 'set'; did you mean sets?"]),
        ("qqq: 1", ["1:1: unknown key 'qqq'"]),
        ("plan: {wait: 5s}", ["1:8: unknown key 'wait' in `plan`; it is an option of sync"]),
        ("sets: {a: {port: 1}}", ["1:12: unknown key 'port' in set a; it is an option of serve"]),
        ("owner:\n", ["1:1: owner takes one value; leave the key out for the default"]),
        ("owner: [a]", ["1:8: owner takes one value; leave the key out for the default"]),
        (
            "namespace: [a, {b: c}, ~]",
            ["1:16: namespace takes one value, or a list; leave the key out for the default"],
        ),
        ("- owner", ["1:1: syncer.yaml must be a mapping"]),
        ("sets: [a]", ["1:7: `sets` must be a mapping"]),
        ("plan: 7", ["1:7: `plan` must be a mapping"]),
        ("sets: {a: b}", ["1:11: set a must be a mapping"]),
        ("sets: {'a b': {}}", ["1:8: 'a b' is no name of a set: letters, digits, `.`, `_` and `-`"]),
        ("owner: a\nowner: b", ["2:1: owner is here twice; first in line 1"]),
        ("[a]: b", ["1:1: a key of syncer.yaml is a word"]),
        ("sets: {a: {}, a: {}}", ["1:15: a is here twice; first in line 1"]),
        (
            "x: 1\ny: 2\nplan:\n  z: 3",
            ["1:1: unknown key 'x'", "2:1: unknown key 'y'", "4:3: unknown key 'z' in `plan`"],
        ),
        (
            "owner: o\nsets: {a: {}, b: {namespace: x}}",
            ["2:15: sets a and b have one owner in one cluster: they would prune each other"],
        ),
        (
            "owner: o\nsets: {a: {namespace: [x, y]}, b: {namespace: x}, c: {namespace: z}, d: {all-namespaces: true}}",
            [
                f"2:{column}: sets {pair} have one owner in one cluster: they would prune each other"
                for column, pair in ((32, "a and b"), (70, "a and d"), (70, "b and d"), (70, "c and d"))
            ],
        ),
    ],
)
def test_every_problem_has_its_place_and_a_way_out(read, text, messages):
    with pytest.raises(UsageError) as raised:
        read(text)
    assert raised.value.message.splitlines() == [f"syncer.yaml:{message}" for message in messages]


@pytest.mark.parametrize("top", ["", "all-namespaces: true\n", "namespace: x\n"])
def test_sets_of_one_owner_in_one_cluster_may_share_it_by_namespaces(read, top):
    found = read(f"{top}owner: o\nsets: {{a: {{namespace: [x, y]}}, b: {{namespace: z}}}}")
    assert list(found.sets) == ["a", "b"]


def test_one_owner_in_two_clusters_is_no_problem(read):
    read("owner: o\nsets: {a: {context: test}, b: {context: prod}}")


@pytest.mark.parametrize("text", ["a: [", "a: b: c", "\ta: b", "a: &a [*b]", "[" * 1500, "a: \x00", "--- a\n--- b\n"])
def test_what_is_no_yaml_is_told_with_its_place(read, text):
    with pytest.raises(UsageError, match=r"^syncer\.yaml(:\d+:\d+: | is no YAML: )"):
        read(text)


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    for path in (tmp_path, tmp_path / "absent.yaml"):
        with pytest.raises(UsageError, match="cannot be read"):
            load(path, COMMANDS)


def test_a_file_that_is_far_too_large_is_not_parsed(read):
    with pytest.raises(UsageError, match="larger than 1 MiB"):
        read("#" * (1 << 20) + "\n")


@given(text=st.text() | st.text(alphabet="aownerst: {}[]-&*!\n'\"#"))
def test_no_text_does_more_than_refuse_itself(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "hostile.yaml"
    path.write_bytes(text.encode(errors="surrogatepass"))
    try:
        load(path, COMMANDS)
    except UsageError as error:
        assert error.message  # noqa: PT017 - most texts are refused, some are settings


def test_an_unknown_set_is_told_with_those_that_there_are(read):
    file = read("sets: {payments: {}, web: {}}")
    with pytest.raises(UsageError) as raised:
        file.choose("payment")
    assert raised.value.hint == "did you mean payments?"
    with pytest.raises(UsageError) as raised:
        file.choose("x")
    assert raised.value.hint == "there are: payments, web"
    with pytest.raises(UsageError) as raised:
        read("").choose("x")
    assert raised.value.hint == "the file has no `sets:`"


def test_the_only_set_is_taken_unnamed_and_of_several_none(read):
    assert read("sets: {web: {}}").only_set().name == "web"
    with pytest.raises(UsageError) as raised:
        read("sets: {web: {}, pay: {}}").only_set()
    assert raised.value.hint == "give --set, one of web, pay"


VALID = {"page-size": 5, "namespace": ["a"], "plan": {"owner": "x"}, "sets": {"a": {"namespace": "b"}, "b": None}}


def test_the_schema_takes_what_the_reader_takes():
    jsonschema.Draft202012Validator.check_schema(json_schema(COMMANDS))
    jsonschema.validate(VALID, json_schema(COMMANDS))


@pytest.mark.parametrize("wrong", [{"x": 1}, {"plan": {"wait": 1}}, {"sets": {"a": {"port": 1}}}, {"page-size": 0}])
def test_the_schema_refuses_what_the_reader_refuses(wrong):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, json_schema(COMMANDS))
