"""SOURCE against real repositories: what is read, what it is called, what is refused."""

import io
import os
import subprocess

import pytest

from syncer.errors import SourceError, UsageError
from syncer.source import SourceSpec, read_source
from syncer.source.unread import MAX_FILE


def git(directory, *arguments):
    environment = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@example.com",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@example.com",
    }
    command = ["git", "-c", "protocol.file.allow=always", *arguments]
    return subprocess.run(command, cwd=directory, env=environment, check=True, capture_output=True, text=True).stdout


def put(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def commit(root, message="change"):
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "-m", message)
    return git(root, "rev-parse", "HEAD").strip()


def read(location, **options):
    return read_source(SourceSpec(str(location), **options), stdin=io.BytesIO())


def paths(source):
    return [blob.path for blob in source.blobs]


def flaws(source):
    return [(problem.code, problem.file, problem.message) for problem in source.problems]


@pytest.fixture
def repository(tmp_path):
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "--quiet", "-b", "main")
    put(root, {"team-a/app.yaml": "a: 1\n", "team-a/sub/x.yml": "x\n", "team-b/b.json": "{}", "README.md": "read me\n"})
    commit(root)
    return root


# ------------------------------------------------------------------------------------------------ a directory


def test_a_directory_is_read_as_it_lies_there(repository):
    put(repository, {"team-a/app.yaml": "a: 2\n", "new.yaml": "n\n"})
    (repository / "team-b/b.json").unlink()
    source = read(repository)
    assert [(blob.path, blob.data) for blob in source.blobs] == [
        ("new.yaml", b"n\n"),
        ("team-a/app.yaml", b"a: 2\n"),
        ("team-a/sub/x.yml", b"x\n"),
    ]


def test_a_clean_directory_says_so_and_names_its_commit_and_branch(repository):
    info = read(repository).info
    assert (info.commit, info.ref, info.path, info.dirty) == (
        git(repository, "rev-parse", "HEAD").strip(),
        "main",
        "",
        False,
    )


@pytest.mark.parametrize("name", ["team-a/app.yaml", "team-a/new.yaml", "team-a/new.txt"])
def test_a_change_under_source_makes_it_dirty(repository, name):
    put(repository, {name: "changed\n"})
    assert read(repository).info.dirty
    assert read(repository / "team-a").info.dirty
    assert not read(repository / "team-b").info.dirty


def test_a_deleted_file_makes_it_dirty(repository):
    (repository / "team-a/app.yaml").unlink()
    assert read(repository).info.dirty


def test_a_file_that_git_ignores_is_neither_read_nor_dirt(repository):
    put(repository, {".gitignore": "ignored.yaml\n"})
    commit(repository)
    put(repository, {"ignored.yaml": "i\n"})
    source = read(repository)
    assert "ignored.yaml" not in paths(source)
    assert not source.info.dirty


def test_a_file_that_is_tracked_and_ignored_is_read(repository):
    put(repository, {".gitignore": "*.yml\n"})
    commit(repository)
    assert "team-a/sub/x.yml" in paths(read(repository))


def test_the_paths_of_a_folder_are_relative_to_the_repository(repository):
    source = read(repository / "team-a")
    assert paths(source) == ["team-a/app.yaml", "team-a/sub/x.yml"]
    assert source.info.path == "team-a"


def test_reading_a_directory_writes_nothing_into_its_repository(repository):
    os.utime(repository / "team-a/app.yaml")
    before = (repository / ".git/index").read_bytes()
    read(repository)
    assert (repository / ".git/index").read_bytes() == before


def test_a_folder_outside_git_is_read_whole_and_counts_as_dirty(tmp_path):
    put(tmp_path, {"b/app.yaml": "b", "a.json": "a", ".hidden/c.yml": "c", ".git/config.yaml": "no", "x.txt": "no"})
    source = read(tmp_path)
    assert paths(source) == [".hidden/c.yml", "a.json", "b/app.yaml"]
    assert source.info.dirty
    assert (source.info.url, source.info.commit, source.owner) == (str(tmp_path), "", "")


def test_a_repository_without_a_commit_can_be_planned(tmp_path):
    git(tmp_path, "init", "--quiet", "-b", "main")
    put(tmp_path, {"a.yaml": "a"})
    source = read(tmp_path)
    assert (paths(source), source.info.commit, source.info.ref, source.info.dirty) == (["a.yaml"], "", "main", True)


def test_a_bare_repository_is_read_at_its_head(repository, tmp_path):
    git(tmp_path, "clone", "--quiet", "--bare", str(repository), "bare.git")
    source = read(tmp_path / "bare.git")
    assert paths(source) == ["team-a/app.yaml", "team-a/sub/x.yml", "team-b/b.json"]
    assert not source.info.dirty


def test_files_that_a_sparse_checkout_left_out_make_the_source_narrowed(repository):
    git(repository, "sparse-checkout", "set", "team-a")
    source = read(repository)
    assert "team-b/b.json" not in paths(source)
    assert source.narrowed


def test_submodules_and_nested_repositories_are_left_alone(repository, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet", "-b", "main")
    put(other, {"foreign.yaml": "f"})
    commit(other)
    git(repository, "submodule", "--quiet", "add", str(other), "module")
    commit(repository)
    git(repository, "clone", "--quiet", str(other), "nested")
    assert "foreign.yaml" not in "".join(paths(read(repository)))
    assert "foreign.yaml" not in "".join(paths(read(repository, ref="main")))


def test_suffixes_count_in_any_case(repository):
    put(repository, {"A.YAML": "a", "B.Json": "b"})
    assert {"A.YAML", "B.Json"} <= set(paths(read(repository)))


def test_git_of_the_environment_is_not_taken_for_that_of_source(repository, tmp_path, monkeypatch):
    """As in a hook of another repository."""
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet", "-b", "elsewhere")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git/index"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    source = read(repository)
    assert source.info.ref == "main"
    assert "team-a/app.yaml" in paths(source)
    assert not source.info.dirty


# ------------------------------------------------------------------------------------------------------ a ref


@pytest.mark.parametrize("as_url", [False, True])
@pytest.mark.parametrize("ref", ["main", "v1", "COMMIT", "SHORT", "v1~0", "refs/heads/old"])
def test_a_ref_is_read_from_the_object_database(repository, ref, as_url):
    first = git(repository, "rev-parse", "HEAD").strip()
    git(repository, "tag", "v1")
    git(repository, "branch", "old")
    put(repository, {"team-a/app.yaml": "a: 2\n"})
    second = commit(repository)
    put(repository, {"team-a/app.yaml": "a: 3\n"})
    name = ref.replace("COMMIT", first).replace("SHORT", first[:10])
    source = read(f"file://{repository}" if as_url else repository, ref=name)
    expected = (second, b"a: 2\n") if ref == "main" else (first, b"a: 1\n")
    assert (source.info.commit, source.blobs[0].data) == expected
    assert (source.info.ref, source.info.dirty) == (name, False)


def test_a_folder_of_a_ref_has_paths_relative_to_the_repository(repository):
    source = read(repository / "team-a", ref="main")
    assert paths(source) == ["team-a/app.yaml", "team-a/sub/x.yml"]


def test_a_ref_that_is_not_there_is_an_error_with_the_cure(repository):
    with pytest.raises(SourceError, match="no branch, tag or commit 'nope'") as raised:
        read(repository, ref="nope")
    assert "git fetch origin nope" in raised.value.hint


def test_a_folder_that_is_not_in_a_ref_is_an_error(repository):
    put(repository, {"later/a.yaml": "a"})
    with pytest.raises(SourceError, match="no folder 'later'"):
        read(repository / "later", ref="main")


def test_a_ref_outside_git_is_an_error(tmp_path):
    with pytest.raises(SourceError, match="no git repository"):
        read(tmp_path, ref="main")


@pytest.mark.parametrize(
    "ref", ["-x", "--upload-pack=x", "a:b", "+main", "^main", "refs/heads/*", "a b", "a\nb", ":/fix"]
)
def test_a_ref_that_git_would_take_for_something_else_is_refused(repository, ref):
    with pytest.raises(UsageError):
        read(repository, ref=ref)


# ------------------------------------------------------------------------------------------------------ a URL


def test_a_url_is_read_at_the_head_of_the_remote(repository):
    git(repository, "checkout", "--quiet", "-b", "trunk")
    source = read(f"file://{repository}")
    assert paths(source) == ["team-a/app.yaml", "team-a/sub/x.yml", "team-b/b.json"]
    assert (source.info.ref, source.info.dirty, source.info.path) == ("trunk", False, "")
    assert source.info.commit == git(repository, "rev-parse", "HEAD").strip()


def test_a_clone_runs_no_hooks_and_leaves_nothing_behind(repository, tmp_path, monkeypatch):
    template = tmp_path / "template/hooks"
    template.mkdir(parents=True)
    for name in ("post-checkout", "reference-transaction", "post-merge"):
        (template / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        (template / name).chmod(0o755)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(template.parent))
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    read(f"file://{repository}")
    read(f"file://{repository}", ref="main")
    assert not (tmp_path / "ran").exists()
    assert list(scratch.iterdir()) == []


def test_a_url_that_leads_nowhere_is_an_error_that_says_why(tmp_path):
    with pytest.raises(SourceError, match="does not appear to be a git repository"):
        read(f"file://{tmp_path}/nope")


def test_an_empty_repository_is_an_error(tmp_path):
    git(tmp_path, "init", "--quiet", "--bare", "empty.git")
    with pytest.raises(SourceError) as raised:
        read(f"file://{tmp_path}/empty.git")
    assert "no commit" in raised.value.hint


@pytest.mark.parametrize(
    "location",
    ["ext::sh -c touch% ran", "fd::7", "-u", "--upload-pack=x", "http://example.com/x", "git://example.com/x", ""],
)
def test_a_location_that_would_run_something_or_is_not_encrypted_is_refused(location):
    with pytest.raises(UsageError):
        read(location)


def test_credentials_of_a_url_are_in_no_error():
    with pytest.raises(SourceError) as raised:
        read("https://someone:s3cret@127.0.0.1:1/x.git")
    assert "s3cret" not in raised.value.message + raised.value.hint
    assert "someone" not in raised.value.message + raised.value.hint
    assert "https://127.0.0.1:1/x.git" in raised.value.message


# ------------------------------------------------------------------------------------------------- selections


def test_a_path_narrows_to_a_folder(repository):
    source = read(repository, paths=("team-b", "team-a/sub/"))
    assert paths(source) == ["team-a/sub/x.yml", "team-b/b.json"]
    assert source.narrowed
    assert not read(repository).narrowed


def test_a_path_counts_from_source(repository):
    assert paths(read(repository / "team-a", paths=("sub",))) == ["team-a/sub/x.yml"]


@pytest.mark.parametrize("options", [{}, {"ref": "main"}])
def test_a_path_that_matches_nothing_is_an_error(repository, options):
    with pytest.raises(SourceError, match="--path team-c matches nothing"):
        read(repository, paths=("team-a", "team-c"), **options)


@pytest.mark.parametrize("path", ["../x", "/etc", "", "a/../../b"])
def test_a_path_that_leads_out_of_source_is_refused(repository, path):
    with pytest.raises(UsageError):
        read(repository, paths=(path,))


def test_an_exclude_leaves_files_out_and_narrows(repository):
    source = read(repository, excludes=("*.json",))
    assert paths(source) == ["team-a/app.yaml", "team-a/sub/x.yml"]
    assert source.narrowed


# ------------------------------------------------------------------------------------------------------ files


@pytest.mark.parametrize("options", [{}, {"ref": "main"}])
@pytest.mark.parametrize(("link", "target"), [("team-a/l.yaml", "../../out.yaml"), ("l.yaml", "/etc/hostname")])
def test_a_symbolic_link_out_of_source_is_an_error_that_names_it(repository, link, target, options):
    (repository / link).symlink_to(target)
    commit(repository)
    source = read(repository, **options)
    assert flaws(source) == [("link-outside", link, f"it is a symbolic link to {target}, which is not in SOURCE")]
    assert len(source.blobs) == 3
    assert not read(repository, excludes=("l.yaml",), **options).problems


def test_a_linked_folder_outside_source_is_an_error(repository, tmp_path):
    put(tmp_path, {"outside/a.yaml": "a"})
    (repository / "linked").symlink_to(tmp_path / "outside")
    assert [flaw[:2] for flaw in flaws(read(repository / "."))] == [("link-outside", "linked")]
    put(tmp_path, {"plain/a.yaml": "a"})
    (tmp_path / "plain/linked").symlink_to(tmp_path / "outside")
    source = read(tmp_path / "plain")
    assert ([flaw[:2] for flaw in flaws(source)], paths(source)) == ([("link-outside", "linked")], ["a.yaml"])


@pytest.mark.parametrize("options", [{}, {"ref": "main"}])
def test_a_symbolic_link_within_source_is_not_followed(repository, options):
    (repository / "team-b/again.yaml").symlink_to("../team-a/app.yaml")
    (repository / "linked").symlink_to("team-a")
    commit(repository)
    assert paths(read(repository, **options)) == ["team-a/app.yaml", "team-a/sub/x.yml", "team-b/b.json"]


@pytest.mark.parametrize("options", [{}, {"ref": "main"}])
def test_a_file_that_is_too_large_is_an_error_that_names_it(repository, options):
    with (repository / "team-a/big.yaml").open("wb") as file:
        file.truncate(MAX_FILE + 1)
    commit(repository)
    for where in (repository, repository / "team-a"):
        [(code, file, message)] = flaws(read(where, **options))
        assert (code, file) == ("file-size", "team-a/big.yaml")
        assert message == "the file has 33,554,433 bytes; a manifest has at most 33,554,432"


@pytest.mark.parametrize("options", [{}, {"ref": "main"}])
def test_a_name_that_is_not_utf_8_is_an_error(repository, options):
    (repository / os.fsdecode(b"caf\xe9.yaml")).write_text("a")
    commit(repository)
    source = read(repository, **options)
    assert flaws(source) == [("file-name", r"caf\xe9.yaml", "the name of the file is not UTF-8")]
    assert len(source.blobs) == 3


@pytest.mark.parametrize("options", [{}, {"ref": "main"}])
def test_names_with_odd_characters_are_read(repository, options):
    put(repository, {'ü "\n\t .yaml': "a"})
    commit(repository)
    assert 'ü "\n\t .yaml' in paths(read(repository, **options))


def test_a_pipe_is_no_manifest(tmp_path):
    os.mkfifo(tmp_path / "pipe.yaml")
    assert paths(read(tmp_path)) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_is_an_error(tmp_path):
    put(tmp_path, {"locked/a.yaml": "a"})
    (tmp_path / "locked").chmod(0)
    with pytest.raises(SourceError, match="cannot be read"):
        read(tmp_path)


@pytest.mark.parametrize(("location", "cause"), [("nope", "does not exist"), ("file.yaml", "is a file")])
def test_a_location_that_is_no_directory_is_an_error(tmp_path, location, cause):
    put(tmp_path, {"file.yaml": "a"})
    with pytest.raises(SourceError, match=cause):
        read(tmp_path / location)


# ------------------------------------------------------------------------------------------------------ stdin


def test_stdin_is_one_file_and_never_dirty():
    source = read_source(SourceSpec("-"), stdin=io.BytesIO(b"a: 1\n"))
    assert [(blob.path, blob.data) for blob in source.blobs] == [("<stdin>", b"a: 1\n")]
    assert (source.info.url, source.info.dirty, source.owner, source.narrowed) == ("-", False, "", False)


@pytest.mark.parametrize("options", [{"ref": "main"}, {"paths": ("a",)}, {"excludes": ("a",)}])
def test_stdin_takes_no_options(options):
    with pytest.raises(UsageError):
        read_source(SourceSpec("-", **options), stdin=io.BytesIO())


# ------------------------------------------------------------------------------------------------ what it is called


@pytest.mark.parametrize(
    ("origin", "url", "owner"),
    [
        ("git@github.com:org/repo.git", "git@github.com:org/repo.git", "github.com/org/repo"),
        ("https://github.com/org/repo.git", "https://github.com/org/repo.git", "github.com/org/repo"),
        ("https://u:s3cret@github.com/org/repo", "https://github.com/org/repo", "github.com/org/repo"),
        ("https://token@github.com/org/repo/", "https://github.com/org/repo/", "github.com/org/repo"),
        ("ssh://git@host:2222/org/repo.git", "ssh://git@host:2222/org/repo.git", "host:2222/org/repo"),
    ],
)
def test_the_owner_is_the_origin_without_scheme_user_and_suffix(repository, origin, url, owner):
    git(repository, "remote", "add", "origin", origin)
    source = read(repository)
    assert (source.info.url, source.owner) == (url, owner)
    assert read(repository / "team-a").owner == f"{owner}/team-a"
    assert read(repository / "team-a", ref="main").owner == f"{owner}/team-a"


def test_without_a_remote_there_is_no_owner(repository):
    source = read(repository)
    assert (source.owner, source.info.url) == ("", str(repository))


def test_the_owner_of_a_url_is_the_url(repository):
    assert read(f"file://{repository}").owner == str(repository)
