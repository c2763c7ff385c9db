"""What changed in git since a commit, and what it was then."""

import io

import pytest
from test_source import commit, git, put

from syncer.errors import SourceError, UsageError
from syncer.source import SourceSpec, read_source


def read(location, **options):
    return read_source(SourceSpec(str(location), **options), stdin=io.BytesIO())


@pytest.fixture
def repository(tmp_path):
    """One commit tagged `before`, and one that edits, deletes, renames and adds a file."""
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "--quiet", "-b", "main")
    put(
        root,
        {"a/kept.yaml": "k: 1\n", "a/edited.yaml": "e: 1\n", "a/gone.yaml": "g: 1\n", "b/old.yaml": "long: text\n" * 9},
    )
    commit(root)
    git(root, "tag", "before")
    put(root, {"a/edited.yaml": "e: 2\n", "b/new.yaml": "long: text\n" * 9, "b/added.yaml": "n: 1\n"})
    (root / "a/gone.yaml").unlink()
    (root / "b/old.yaml").unlink()
    commit(root)
    return root


CHANGED = {"a/edited.yaml", "a/gone.yaml", "b/added.yaml", "b/new.yaml", "b/old.yaml"}


@pytest.mark.parametrize("kind", ["a commit", "as it lies there", "a bare clone", "a URL"])
def test_files_that_came_went_or_differ_are_named_and_their_former_text_is_read(repository, tmp_path, kind):
    location, options = repository, {}
    if kind == "a commit":
        options = {"ref": "main"}
    elif kind == "a bare clone":
        location = tmp_path / "bare"
        git(tmp_path, "clone", "--quiet", "--bare", str(repository), str(location))
    elif kind == "a URL":
        location = f"file://{repository}"
    source = read(location, since="before", **options)
    assert source.since.paths == CHANGED
    assert {blob.path: blob.data[:4] for blob in source.since.before} == {
        "a/edited.yaml": b"e: 1",
        "a/gone.yaml": b"g: 1",
        "b/old.yaml": b"long",
    }
    assert [blob.path for blob in source.blobs] == ["a/edited.yaml", "a/kept.yaml", "b/added.yaml", "b/new.yaml"]


def test_what_lies_there_uncommitted_or_untracked_has_changed_too(repository):
    put(repository, {"a/kept.yaml": "k: 2\n", "b/untracked.yaml": "u: 1\n"})
    source = read(repository, since="main")
    assert source.since.paths == {"a/kept.yaml", "b/untracked.yaml"}
    assert [blob.data for blob in source.since.before] == [b"k: 1\n"]


def test_only_what_is_in_source_and_its_paths_is_read_as_it_was(repository):
    assert [blob.path for blob in read(repository / "b", since="before").since.before] == ["b/old.yaml"]
    assert [blob.path for blob in read(repository, since="before", paths=("b",)).since.before] == ["b/old.yaml"]
    put(repository, {"c/first.yaml": "f: 1\n"})
    assert read(repository / "c", since="before").since.before == []


def test_without_it_nothing_is_compared(repository):
    assert read(repository).since is None


def test_a_commit_that_is_not_there_is_an_error_that_says_how_to_get_it(repository):
    with pytest.raises(SourceError, match="there is no branch, tag or commit 'nowhere'") as error:
        read(repository, since="nowhere")
    assert error.value.hint == "it may not be here yet: git fetch origin nowhere"
    with pytest.raises(SourceError, match="nowhere cannot be fetched"):
        read(f"file://{repository}", since="nowhere")


@pytest.mark.parametrize(("location", "since", "error"), [("-", "main", UsageError), (".", "--output=x", UsageError)])
def test_it_is_refused_where_it_has_no_meaning_or_is_an_option(location, since, error):
    with pytest.raises(error, match="--since"):
        read(location, since=since)


def test_outside_git_there_is_no_commit_to_compare_with(tmp_path):
    with pytest.raises(SourceError) as error:
        read(tmp_path, since="main")
    assert error.value.hint == "leave out --since"
