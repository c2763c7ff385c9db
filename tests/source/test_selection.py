"""`--exclude` against git's own reading of the same patterns, and `--path`."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncer.errors import SourceError, UsageError
from syncer.source.selection import select


@pytest.mark.parametrize(
    ("pattern", "path", "excluded"),
    [
        ("*.json", "a.json", True),
        ("*.json", "x/y/a.json", True),
        ("*.json", "a.jsonx", False),
        ("charts", "charts/a.yaml", True),
        ("charts", "x/charts/y/a.yaml", True),
        ("charts", "mycharts/a.yaml", False),
        ("charts/", "x/charts/a.yaml", True),
        ("/charts", "charts/a.yaml", True),
        ("/charts", "x/charts/a.yaml", False),
        ("x/charts", "x/charts/a.yaml", True),
        ("x/charts", "y/x/charts/a.yaml", False),
        ("x/*.yaml", "x/a.yaml", True),
        ("x/*.yaml", "x/y/a.yaml", False),
        ("x/**", "x/y/a.yaml", True),
        ("x/**", "y/x/a.yaml", False),
        ("**/x/*.yaml", "a/b/x/c.yaml", True),
        ("**/x/*.yaml", "x/c.yaml", True),
        ("a/**/z.yaml", "a/z.yaml", True),
        ("a/**/z.yaml", "a/b/c/z.yaml", True),
        ("a?.yaml", "ab.yaml", True),
        ("a?.yaml", "a/.yaml", False),
        ("[ab].yaml", "b.yaml", True),
        ("[!ab].yaml", "b.yaml", False),
        ("[^ab].yaml", "c.yaml", True),
        ("[a-c].yaml", "b.yaml", True),
        ("a.yaml", "aXyaml", False),
        ("a+(b)$.yaml", "a+(b)$.yaml", True),
    ],
)
def test_an_exclude_reads_as_in_gitignore(pattern, path, excluded, tmp_path):
    selection = select((), (pattern,))
    assert selection.takes(path) is not excluded
    assert selection.narrowed
    assert git_ignores(tmp_path, pattern, path) is excluded


def git_ignores(root, pattern, path):
    """Ask git itself."""
    if not (root / ".git").exists():
        subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    (root / ".gitignore").write_text(f"{pattern}\n")
    command = ["git", "-C", str(root), "check-ignore", "--quiet", "--no-index", path]
    return subprocess.run(command, check=False).returncode == 0


PATTERNS = st.lists(st.sampled_from(["a", "b", "*", "**", "?", "/", ".", "[ab]"]), min_size=1, max_size=6).map("".join)
PATHS = st.lists(st.sampled_from(["a", "b", "ab", "a.b"]), min_size=1, max_size=4).map("/".join)


@given(PATTERNS.filter(lambda pattern: pattern.strip("/") and "//" not in pattern), PATHS)
@settings(max_examples=150)
def test_any_exclude_reads_as_git_reads_it(tmp_path_factory, pattern, path):
    root = tmp_path_factory.getbasetemp() / "ignoring"
    root.mkdir(exist_ok=True)
    assert select((), (pattern,)).takes(path) is not git_ignores(root, pattern, path)


@pytest.mark.parametrize("pattern", ["", "/", "//"])
def test_an_empty_pattern_is_refused(pattern):
    with pytest.raises(UsageError):
        select((), (pattern,))


def test_a_path_is_a_whole_folder_name():
    selection = select(("team",), ())
    assert selection.takes("team/a.yaml")
    assert not selection.takes("team-b/a.yaml")


def test_the_path_of_everything_narrows_nothing():
    assert not select((".",), ()).narrowed
    assert select(("./a/",), ()).paths == ("a",)


def test_each_path_must_match():
    selection = select(("a", "b"), ())
    selection.check(["a/x", "b"])
    with pytest.raises(SourceError, match="--path b"):
        selection.check(["a/x", "bb/x"])
