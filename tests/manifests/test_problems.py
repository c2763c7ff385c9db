"""Every code has its page, every page its code; and the examples of a page are what it says they are."""

import ast
import re
from pathlib import Path

import pytest

from syncer import manifests as package
from syncer.manifests import CODES, explanation, parse_manifests
from syncer.manifests.checks import Rules, check
from syncer.model import Blob

FOLDER = Path(package.__file__).parent
REPORTERS = {"error", "warning", "flaw", "Flaw", "_Suspect", "_unread"}
FILES = {"file-name", "file-size", "file-unreadable", "link-outside"}
"""What is wrong with a file, whatever its text says."""
WITHOUT_EXAMPLE = FILES | {"alias-bomb", "annotations-too-large", "encoding", "out-of-scope", "too-deep"}
"""What takes a large file, other bytes or an option to show."""


def emitted():
    """Give every code that a call in reading, parser or checks can report: words in its arguments that look it."""
    codes = set()
    for file in (*FOLDER.glob("*.py"), FOLDER.parent / "source/unread.py"):
        for call in ast.walk(ast.parse(file.read_text())):
            if isinstance(call, ast.Call) and _name(call.func) in REPORTERS:
                argument = call.args[3 if _name(call.func) == "_Suspect" else 0] if call.args else None
                words = ast.walk(argument) if argument else ()
                codes |= {n.value for n in words if isinstance(n, ast.Constant) and n.value != "DockerImage"}
    return codes


def _name(function):
    return getattr(function, "attr", getattr(function, "id", ""))


def test_every_code_that_can_be_emitted_has_its_page_and_every_page_its_code():
    pages = {page.stem for page in (FOLDER / "explained").glob("*.md")}
    assert emitted() == pages == set(CODES)
    assert sorted(CODES) == list(CODES)


def examples(code, word):
    return re.findall(rf"(?ms)^{word}:\n\n```yaml\n(.*?)^```", explanation(code))


def problems(text):
    blobs = [Blob("a.yaml", text.encode())]
    return {problem.code for problem in check(parse_manifests(blobs), blobs, Rules(require_digests="sha256" in text))}


@pytest.mark.parametrize("code", CODES)
def test_a_page_begins_with_its_code_and_a_sentence(code):
    heading, empty, sentence, *_ = explanation(code).split("\n")
    assert (heading, empty) == (f"# {code}", "")
    assert sentence[0].isupper() or sentence.startswith("`")
    assert all(len(line) <= 125 or line.startswith("    name:") for line in explanation(code).split("\n"))


@pytest.mark.parametrize("code", sorted(set(CODES) - WITHOUT_EXAMPLE))
def test_the_wrong_example_of_a_page_is_wrong_in_that_way_and_the_right_one_is_right(code):
    [wrong], [right] = examples(code, "Wrong"), examples(code, "Right")
    assert code in problems(wrong) | (digests(wrong) if code == "floating-tag" else set())
    assert problems(right) == set()


def digests(text):
    blobs = [Blob("a.yaml", text.encode())]
    return {problem.code for problem in check(parse_manifests(blobs), blobs, Rules(require_digests=True))}
