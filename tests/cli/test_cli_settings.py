"""Flag, environment, syncer.yaml, default: in this order, each value with its origin."""

import json
import os
import subprocess

import click
import jsonschema
import pytest
import yaml
from world import tag, text_of

from syncer.cli import cli, run
from syncer.cli.command import Command, vocabulary, walk

ROOT = click.Context(cli, info_name="syncer")
KNOWN = {each.name: each for each in vocabulary(ROOT)}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def write(here):
    def call(text, name="syncer.yaml"):
        path = here / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    return call


@pytest.fixture
def config(capsysbinary):
    """Give value and origin of each option."""

    def call(*arguments):
        assert run(["config", *arguments]) == 0
        rows = [line.split() for line in capsysbinary.readouterr().out.decode().splitlines()[2:]]
        return {row[0]: (" ".join(row[1:-1]), row[-1]) for row in rows}

    return call


def test_a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default(config, write, monkeypatch):
    assert config("plan")["page-size"] == ("500", "default")
    write("page-size: 4\n")
    assert config("plan")["page-size"] == ("4", "syncer.yaml:1")
    monkeypatch.setenv("SYNCER_PLAN_PAGE_SIZE", "3")
    assert config("plan")["page-size"] == ("3", "SYNCER_PLAN_PAGE_SIZE")
    assert config("plan", "--page-size", "2")["page-size"] == ("2", "--page-size")
    assert config("sync")["page-size"] == ("4", "syncer.yaml:1")


OPTIONS = [
    (name, param)
    for name, command in walk(ROOT)
    if isinstance(command, Command)
    for param in command.params
    if isinstance(param, click.Option) and param.name not in {"config", "set", "all_sets", "explain"}
]


def sample(param):
    """Give a value that is not the default."""
    if param.is_flag:
        return "true"
    match param.type:
        case click.Choice():
            return next(choice for choice in param.type.choices if choice != param.default)
        case click.IntRange():
            return "7"
        case _:
            path = os.path.abspath("x")  # noqa: PTH100
            samples = {"duration": "7s", "output": "json=x", "path": path, "lease": "team-a/lock", "shard": "3/8"}
            samples["NAMESPACE/STREAM:TAG"] = "team-a/app:v7"
            return samples.get(param.type.name, "7")


@pytest.mark.parametrize(("name", "param"), OPTIONS, ids=lambda each: getattr(each, "name", each))
def test_every_option_is_an_environment_variable_and_a_key_of_the_file(config, write, monkeypatch, name, param):
    text, key = sample(param), max(param.opts, key=len)[2:]
    monkeypatch.delenv(f"SYNCER_{name}_NO_PROGRESS".upper(), raising=False)
    write(f"{name}:\n  {key}: {text}\n")
    assert config(*name.split())[key] == (text, "syncer.yaml:2")
    variable = f"SYNCER_{name}_{key}".upper().replace("-", "_").replace(" ", "_")
    monkeypatch.setenv(variable, text)
    assert config(*name.split())[key] == (text, variable)


def test_every_command_with_options_reads_the_file():
    plain = {name: command.params for name, command in walk(ROOT) if not isinstance(command, Command)}
    assert {name for name, params in plain.items() if any(isinstance(each, click.Option) for each in params)} == {
        "config"
    }


def test_no_option_has_the_name_of_a_command_or_of_the_sets_but_one_which_is_said_in_its_section(config, write):
    keys = {name for command in KNOWN.values() for name in command.keys}
    assert keys & {*KNOWN, "sets", "set", "config"} == {"pin"}
    write("pin: {dry-run: true}\nrestore: {pin: true}\n")
    assert (config("pin")["dry-run"], config("restore")["pin"]) == (
        ("true", "syncer.yaml:1"),
        ("true", "syncer.yaml:2"),
    )


def test_the_schema_for_editors_is_one_and_takes_every_key(syncer):
    schema = json.loads(syncer("config", "--schema").out)
    jsonschema.Draft202012Validator.check_schema(schema)
    for name, command in KNOWN.items():
        assert schema["properties"][name]["properties"].keys() == command.keys.keys()
        assert command.keys.keys() <= schema["properties"].keys()
    text = "output: [text, json=plan.json]\nref: 1.10\n"
    text += "sync: {wait: 5m}\nsets: {a: {source: ., max-prune: 20, namespace: x}}"
    jsonschema.validate(yaml.safe_load(text), schema)
    for wrong in (
        "output: pdf",
        "on-drift: ignore",
        "sync: {wait: soon}",
        "no-prune: 7",
        "concurrency: 65",
        "namespace: A",
        "validate: {output: html}",
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(yaml.safe_load(wrong), schema)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("page-size: many", "syncer.yaml:1:12: page-size: 'many' is not a valid integer range"),
        ("plan:\n  request-timeout: soon", "syncer.yaml:2:20: request-timeout: 'soon' is no duration"),
        ("no-prune: perhaps", "syncer.yaml:1:11: no-prune: 'perhaps' is not a valid boolean"),
        ("on-drift: ignore", "syncer.yaml:1:11: on-drift: 'ignore' is not one of 'revert'"),
        ("plan: {output: [text, pdf]}", "syncer.yaml:1:16: output: 'pdf' is no output: give FORMAT[=PATH], of text"),
        ("max-prune: 900%", "syncer.yaml:1:12: max-prune: '900%' is no limit: give a number of tags (20)"),
        ("plan: {owner: a b}", "syncer.yaml:1:15: owner: 'a b': an owner holds no space"),
        ("plan: {take-from: a b}", "syncer.yaml:1:19: take-from: 'a b': an owner holds no space"),
        ("namespace: [a, B_c]", "syncer.yaml:1:12: namespace: 'B_c' is no namespace"),
        ("all-namespaces: true\nnamespace: a", "syncer.yaml:2:12: namespace excludes all-namespaces"),
        ("owners: x", "syncer.yaml:1:1: unknown key 'owners'; did you mean owner?"),
    ],
)
def test_64_for_a_file_that_is_wrong_with_line_and_column(syncer, write, text, error):
    write(text)
    ended = syncer("plan", ".")
    assert (ended.code, ended.out, error in ended.err) == (64, "", True), ended.err


def test_64_for_a_format_that_this_command_does_not_write_with_line_and_column(syncer, write):
    write("validate: {output: [text, html]}\nexport:\n  output: junit=x")
    assert "syncer.yaml:1:20: output: 'html' is no output: give FORMAT[=PATH], of text" in syncer("validate", ".").err
    assert "syncer.yaml:3:11: output: 'junit=x' is no output" in syncer("export", "x").err


def test_formats_for_every_command_reach_those_that_write_them_all(config, write):
    write("output: [text, html=x]")
    assert config("plan")["output"][0] == "text html=x"
    assert config("validate")["output"] == ("-", "default")


@pytest.mark.parametrize("flags", [["-n", ""], ["-n", "a/b"], ["-n", "A"], ["-A", "-n", "a"]])
@pytest.mark.parametrize("command", [["plan", "."], ["export", "x"], ["doctor"], ["owner", "rename", "a", "b"]])
def test_64_for_a_scope_that_cannot_be_before_anything_is_read(syncer, command, flags):
    ended = syncer(*command, *flags, "--server", "http://127.0.0.1:1")
    assert (ended.code, ended.out, "Read" in ended.err) == (64, "", False), ended.err
    assert "is no namespace" in ended.err or "-A and -n exclude each other" in ended.err


def test_64_for_a_lock_that_is_no_lease_with_line_and_column(syncer, write):
    write("sync:\n  lock: Team/syncer")
    ended = syncer("sync", ".")
    assert (ended.code, ended.out) == (64, "")
    assert "syncer.yaml:2:9: lock: 'Team/syncer' is no name of a Lease" in ended.err


@pytest.mark.parametrize(("option", "text"), [("PAGE_SIZE", "z"), ("MAX_CHANGE", "x"), ("OUTPUT", "text pdf")])
def test_64_for_a_variable_that_is_wrong_with_its_name(syncer, monkeypatch, option, text):
    monkeypatch.setenv(f"SYNCER_PLAN_{option}", text)
    ended = syncer("plan", ".")
    assert (ended.code, ended.out) == (64, "")
    assert f"Error: SYNCER_PLAN_{option}: '{text.split()[-1]}' is n" in ended.err


def test_a_wrong_file_keeps_nobody_from_help(syncer, write):
    write("{")
    assert syncer("plan", "--help").code == 0
    assert syncer("plan", ".").code == 64


def test_a_plan_by_set_takes_source_scope_owner_and_cluster_from_the_file(syncer, write, world):
    write(text_of([tag("team-a/app:v1")]), "tags/a.yaml")
    write(f"server: {world.url}\noutput: json\nsets:\n  a: {{source: tags, owner: ann, namespace: [team-a, team-b]}}\n")
    for arguments in (["plan"], ["plan", "--set", "a"], ["sync", "--dry-run"]):
        ended = syncer(*arguments)
        assert (ended.code, ended.err) == (0, "")
        report = json.loads(ended.out)
        assert report["owner"] == "ann"
        assert report["scope"]["namespaces"] == ["team-a", "team-b"]
        assert report["summary"]["create"] == 1


def test_a_source_on_the_command_line_is_not_a_set_of_the_file(config, write):
    write("sets: {a: {source: tags, owner: ann}}")
    assert config("plan", "elsewhere")["owner"] == ("-", "default")
    both = config("plan", "elsewhere", "--set", "a")
    assert (both["source"], both["owner"]) == (("elsewhere", "argument"), ("ann", "syncer.yaml:1"))


def test_the_only_set_of_the_file_is_taken_by_all_that_need_a_source_and_config_says_so(config, syncer, write):
    write("sets: {a: {source: tags, owner: ann, namespace: team-b}}")
    write(text_of([tag("team-a/app:v1")]), "tags/a.yaml")
    assert config("plan")["source"] == ("tags", "syncer.yaml:1")
    assert config("plan", ".")["owner"] == ("-", "default")
    ended = syncer("validate")
    assert (ended.code, "is out of scope: a sync of team-b leaves it alone" in ended.out) == (0, True), ended.err


def test_what_a_code_means_is_said_whatever_the_file_holds(syncer, write):
    write("sets: {a: {source: x}, b: {source: y}}")
    assert syncer("validate", "--explain", "syntax").code == 0
    ended = syncer("validate")
    assert (ended.code, "give --set, one of a, b" in ended.err) == (64, True)


def test_64_where_it_is_not_said_which_set(syncer, write):
    write("sets: {a: {source: x}, b: {source: y}}")
    ended = syncer("plan")
    assert (ended.code, "give --set, one of a, b" in ended.err) == (64, True)
    ended = syncer("plan", "--set", "c")
    assert (ended.code, "there is no set 'c'" in ended.err) == (64, True)


def test_a_set_whose_name_is_empty_as_of_a_variable_that_is_not_set_is_none(config, write):
    write("sets: {a: {source: x, owner: ann}, b: {source: y}}")
    assert config("plan", "elsewhere", "--set", "")["owner"] == ("-", "default")
    assert config("validate", "elsewhere", "--set", "")["source"] == ("elsewhere", "argument")


def test_64_for_a_set_without_a_file_and_without_any_source(syncer):
    ended = syncer("plan", "--set", "a")
    assert (ended.code, "there is no syncer.yaml here" in ended.err) == (64, True)
    ended = syncer("plan")
    assert (ended.code, "SOURCE" in ended.err) == (64, True)


def test_another_file_may_be_named_and_its_paths_count_from_its_folder(config, syncer, write, monkeypatch):
    write("owner: here")
    write("source: tags\nkubeconfig: k\noutput: [text, json=p.json]\ntoken-file: /run/token", "ops/prod.yaml")
    found = config("plan", "--config", "ops/prod.yaml")
    assert found["owner"] == ("-", "default")
    values = {name: found[name][0] for name in ("source", "kubeconfig", "output", "token-file")}
    assert values == {
        "source": "ops/tags",
        "kubeconfig": "ops/k",
        "output": "text json=ops/p.json",
        "token-file": "/run/token",
    }
    monkeypatch.setenv("SYNCER_CONFIG", "ops/prod.yaml")
    assert config("plan")["source"] == ("ops/tags", "ops/prod.yaml:1")
    ended = syncer("plan", "--config", "absent.yaml")
    assert (ended.code, "absent.yaml cannot be read" in ended.err) == (64, True)


@pytest.mark.parametrize("source", ["-", "https://git.example.com/tags.git", "git@git.example.com:team/tags.git"])
def test_a_url_stays_as_it_is(config, write, source):
    write(f"source: '{source}'", "ops/prod.yaml")
    assert config("plan", "--config", "ops/prod.yaml")["source"][0] == source


@pytest.mark.parametrize(
    ("file", "variable", "flags", "expected"),
    [
        ("all-namespaces: true", "", ["-n", "a"], ("a", "false")),
        ("namespace: a", "", ["-A"], ("-", "true")),
        ("all-namespaces: true", "SYNCER_PLAN_NAMESPACE", [], ("x", "false")),
        ("owner: x", "SYNCER_PLAN_NAMESPACE", ["-A"], ("-", "true")),
        ("namespace: a", "", ["-n", "b"], ("b", "false")),
    ],
)
def test_a_scope_that_is_said_more_strongly_leaves_nothing_of_the_other(  # noqa: PLR0913, PLR0917 - a table
    config, write, monkeypatch, file, variable, flags, expected
):
    write(file)
    if variable:
        monkeypatch.setenv(variable, "x")
    found = config("plan", *flags)
    assert (found["namespace"][0], found["all-namespaces"][0]) == expected


def test_credentials_in_a_url_are_not_shown(syncer, write):
    write("source: https://ann:s3cret@git.example.com/t.git?token=s3cret\nserver: https://bob:s3cret@api.example.com\n")
    ended = syncer("config", "plan")
    assert ("s3cret" in ended.out + ended.err, "git.example.com/t.git" in ended.out) == (False, True)


def test_in_a_repository_that_nobody_trusts_no_settings_count_with_an_empty_file(syncer, here, write, monkeypatch):
    victim = here.parent / "victim"
    victim.write_text("kept")
    write("validate: {output: [json=../victim]}")
    write(text_of([tag("team-a/app:v1")]), "app/tag.yaml")
    assert syncer("validate", "app", "--config", os.devnull).code == 0
    monkeypatch.setenv("SYNCER_CONFIG", os.devnull)
    assert syncer("validate", "app").code == 0
    assert victim.read_text() == "kept"
    monkeypatch.delenv("SYNCER_CONFIG")
    assert syncer("validate", "app").code == 0
    assert victim.read_text() != "kept"


def test_a_file_in_a_repository_that_is_read_by_url_has_no_say(syncer, world, checkout):
    author = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false"]
    (checkout / "syncer.yaml").write_text("owner: mallory\n")
    for arguments in (["add", "."], ["commit", "-m", "settings"]):
        subprocess.run(["git", *author, *arguments], cwd=checkout, check=True, capture_output=True)
    for source in (f"file://{checkout}", str(checkout)):
        ended = syncer("plan", source, "--server", world.url, "-o", "json")
        report = json.loads(ended.out)
        assert (ended.code, report["owner"] == "mallory", report["problems"]) == (0, False, []), source


def test_a_settings_file_in_source_is_no_manifest_and_no_problem(syncer, world, write):
    write(text_of([tag("team-a/app:v1")]), "a.yaml")
    write(f"server: {world.url}\nsource: .\nowner: ann\noutput: json\n")
    ended = syncer("plan")
    report = json.loads(ended.out)
    assert (ended.code, report["summary"]["create"], report["problems"]) == (0, 1, [])


def test_config_says_of_which_command_and_what_else_there_is(syncer, write):
    write("sets: {a: {source: x}, b: {source: y}}")
    assert syncer("config", "--set", "a").out.startswith("# syncer sync; settings file: syncer.yaml, set a\n")
    assert "none of its sets (a, b)" in syncer("config", "plan").out
    ended = syncer("config", "schema")
    assert (ended.code, "no command 'schema' has settings" in ended.err, "plan, sync" in ended.err) == (64, True, True)
