"""`syncer validate`, as a person, a pipeline and a hook run it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from syncer.manifests import CODES, explanation
from syncer.source.unread import MAX_FILE

ROOT = Path(__file__).parents[2]
WRONG = """\
apiVersion: image.openshift.io/v1
kind: ImageStreamTag
metadata: {name: "api:1.0", namespace: team-a, annotations: {team: 日本}, labels: {a: b}}
tag:
  from:
    kind: Dockerimage
    name: registry.example.com/api:1.0
  referencePolicy: {type: local}
"""
PLACE = re.compile(
    r"(?P<file>[^:]+):(?P<line>\d+):(?P<column>\d+): (error|warning): (?P<message>.+) \[(?P<code>[a-z-]+)\]"
)


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "tags"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.yaml").write_text(WRONG)
    (folder / "sub" / "b.yaml").write_text("a: [\n")
    return folder


def test_every_problem_of_every_file_has_its_place_its_line_and_a_caret(syncer, folder):
    ended = syncer("validate", folder)
    assert ended.code == 1
    assert ended.err == ""
    assert ended.out == (Path(__file__).parent / "golden-validate.txt").read_text()


def test_a_file_that_cannot_be_read_hides_no_problem_of_another(syncer, folder):
    (folder / "link.yaml").symlink_to("../elsewhere.yaml")
    (folder / os.fsdecode(b"caf\xe9.yaml")).write_text("a")
    with (folder / "big.yml").open("wb") as file:
        file.truncate(MAX_FILE + 1)
    told = json.loads(syncer("validate", folder, "-o", "json").out)
    found = [(problem["file"], problem["code"]) for problem in told["problems"]]
    unread = [("big.yml", "file-size"), ("caf\\xe9.yaml", "file-name"), ("link.yaml", "link-outside")]
    assert [each for each in found if each in unread] == unread
    assert {file for file, _ in found} == {"a.yaml", "sub/b.yaml", *(file for file, _ in unread)}
    text = syncer("validate", folder).out
    place = "link.yaml:1:1: error: it is a symbolic link to ../elsewhere.yaml, which is not in SOURCE [link-outside]\n"
    assert place + "    Hint: put the manifest itself there" in text


def test_each_caret_stands_below_what_is_wrong(syncer, folder):
    lines = syncer("validate", folder).out.split("\n")
    below = []
    for line, quoted, caret in zip(lines, lines[1:], lines[2:], strict=False):
        if (match := PLACE.fullmatch(line)) and caret.strip() == "^":
            columns = quoted.replace("日本", "....")  # each of the two takes two columns
            below.append((match["code"], columns[caret.index("^") :]))
    assert below == [
        ("not-applied", "labels: {a: b}}"),
        ("value", "Dockerimage"),
        ("value", "local}"),
    ]


def test_what_is_right_exits_with_0_and_says_how_much_was_read(syncer):
    ended = syncer("validate", ROOT / "manifests-example")
    assert (ended.code, ended.err) == (0, "")
    assert re.fullmatch(r"26 tags in \d+ files, \d+ documents of other kinds left alone: nothing is wrong\n", ended.out)


def test_a_warning_is_told_and_does_not_fail(syncer):
    ended = syncer("validate", ROOT / "manifests-example", "-n", "acme-web", "-n", "acme-platform")
    assert ended.code == 0
    assert ended.out.count("[out-of-scope]") == 9
    assert ended.out.endswith("tells more; so for every [code].\n")
    assert re.search(r"^26 tags in \d+ files, .*: 9 warnings$", ended.out, re.MULTILINE)


def test_digests_can_be_required_by_option_or_environment(syncer, monkeypatch):
    ended = syncer("validate", ROOT / "manifests-example", "--require-digests")
    assert ended.code == 1
    assert ended.out.count("[floating-tag]") == 11
    monkeypatch.setenv("SYNCER_VALIDATE_REQUIRE_DIGESTS", "1")
    assert syncer("validate", ROOT / "manifests-example").out == ended.out


def test_stdin_a_ref_and_a_url_are_validated_too(syncer, checkout):
    assert syncer("validate", "-", stdin=WRONG).out.startswith("<stdin>:3:73: warning: labels are not applied")
    (checkout / "app.yaml").write_text("a: [\n")
    assert syncer("validate", checkout).code == 1
    assert syncer("validate", checkout, "--ref", "main").out == "1 tag in 1 file: nothing is wrong\n"
    assert syncer("validate", f"file://{checkout}").out == "1 tag in 1 file: nothing is wrong\n"
    nothing = "0 tags in 0 files: no ImageStreamTag was found\n"
    assert syncer("validate", checkout, "--exclude", "app.yaml").out == nothing


def test_json_holds_what_the_report_would_say_of_each_problem(syncer, folder):
    ended = syncer("validate", folder, "-o", "json")
    document = json.loads(ended.out)
    assert ended.code == 1
    assert document["summary"] == {"files": 2, "tags": 0, "ignored": 0, "errors": 3, "warnings": 1}
    assert [(p["file"], p["line"], p["column"], p["code"]) for p in document["problems"]] == [
        ("a.yaml", 3, 73, "not-applied"),
        ("a.yaml", 6, 11, "value"),
        ("a.yaml", 8, 27, "value"),
        ("sub/b.yaml", 2, 1, "syntax"),
    ]
    planned = {"severity", "code", "message", "hint", "file", "line", "column", "namespace", "name"}
    assert {frozenset(problem) for problem in document["problems"]} == {frozenset(planned)}


def test_github_and_gitlab_get_annotations_at_the_place_the_worst_first(syncer, folder, tmp_path):
    report = tmp_path / "quality.json"
    ended = syncer("validate", folder, "-o", "github", "-o", f"gitlab={report}")
    lines = ended.out.splitlines()
    assert lines[0].startswith("::error file=a.yaml,line=6,col=11,title=value team-a/api%3A1.0::tag.from.kind must be")
    assert [line.partition(" ")[0] for line in lines[:-1]] == ["::error"] * (len(lines) - 2) + ["::warning"]
    entries = json.loads(report.read_text())
    assert len({entry["fingerprint"] for entry in entries}) == len(entries) == len(lines) - 1
    assert entries[0]["location"] == {"path": "a.yaml", "lines": {"begin": 6}}


def test_quiet_prints_nothing_and_the_exit_code_tells(syncer, folder):
    ended = syncer("validate", folder, "-q")
    assert (ended.code, ended.out, ended.err) == (1, "", "")


@pytest.mark.parametrize("code", CODES)
def test_every_code_can_be_explained(syncer, code):
    ended = syncer("validate", "--explain", code)
    assert (ended.code, ended.out) == (0, explanation(code))


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ((), "Missing argument 'SOURCE'"),
        (("--explain", "pullspec"), "did you mean pull-spec?"),
        (("--explain", "???"), "there are alias, "),
        ((".", "-o", "junit"), "of text, json, github, gitlab"),
    ],
)
def test_wrong_usage_is_64_and_says_what_to_do(syncer, arguments, hint):
    ended = syncer("validate", *arguments)
    assert (ended.code, ended.out) == (64, "")
    assert hint in ended.err


def test_a_source_that_cannot_be_read_is_an_error_in_one_line(syncer, tmp_path):
    ended = syncer("validate", tmp_path / "nowhere")
    assert ended.code == 1
    assert ended.err.startswith("Error: SOURCE ")


def test_a_terminal_cannot_be_taken_over_by_a_file(syncer):
    ended = syncer("validate", "-", stdin="kind: ImageStreamTag\napiVersion: v1 # \x1b[2J\u202e\n")
    assert "\x1b" not in ended.out
    assert "\u202e" not in ended.out


def test_a_long_line_is_cut_around_the_place(syncer):
    text = WRONG.replace("team: 日本", f"a: {'x' * 5000}, b: 1")
    ended = syncer("validate", "-", stdin=text)
    [quoted, caret] = ended.out.split("\n")[1:3]
    assert len(quoted) < 130
    assert quoted[caret.index("^")] == "1"
    assert quoted.startswith("    …xxx")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_whatever_ends_them(syncer, end):
    ended = syncer("validate", "-", stdin=WRONG.replace("\n", end).encode())
    [quoted] = [line for line in ended.out.split("\n") if "type: local" in line]
    assert quoted == "      referencePolicy: {type: local}"


def test_it_loads_neither_kubernetes_nor_rich():
    program = (
        "import sys; from syncer.cli import run; code = run(['validate', 'manifests-example']);"
        "print(sorted({'kubernetes', 'rich', 'urllib3', 'jinja2'} & set(sys.modules))); sys.exit(code)"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"


def test_the_pre_commit_hook_runs_this_command_on_the_files_that_are_read(syncer, monkeypatch):
    [hook] = YAML(typ="safe").load((ROOT / ".pre-commit-hooks.yaml").read_text())
    program, *arguments = hook["entry"].split()
    assert program == "syncer"
    monkeypatch.chdir(ROOT / "manifests-example")
    assert syncer(*arguments, *hook["args"]).code == 0
    assert hook["pass_filenames"] is False  # a follower in a file that is committed may follow a tag in one that is not
    for name in ("a.yaml", "b/c.yml", "d.json"):
        assert re.search(hook["files"], name)
    assert not re.search(hook["files"], "README.md")
