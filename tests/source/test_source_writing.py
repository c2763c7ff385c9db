"""Files are written as a whole or not at all, never outside, and never over what is not known."""

import os

import pytest

from syncer.errors import SourceError
from syncer.source.writing import existing, write_file, write_files


def everything(root):
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir())


def test_a_new_file_is_made_with_its_folders(tmp_path):
    root = tmp_path / "new"
    write_file(root, "a/b/c.yaml", b"x\n", before=None)
    assert (root / "a/b/c.yaml").read_bytes() == b"x\n"
    assert everything(root) == ["a/b/c.yaml"]


def test_a_new_file_has_the_mode_that_the_umask_leaves(tmp_path):
    old = os.umask(0o027)
    try:
        write_file(tmp_path, "a.yaml", b"x", before=None)
    finally:
        os.umask(old)
    assert (tmp_path / "a.yaml").stat().st_mode & 0o777 == 0o640


def test_a_file_that_is_replaced_keeps_its_mode(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_bytes(b"old")
    file.chmod(0o600)
    write_file(tmp_path, "a.yaml", b"new", before=b"old")
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"new", 0o600)


@pytest.mark.parametrize("before", [None, b"what was read"])
def test_a_file_that_is_not_what_was_read_stays(tmp_path, before):
    (tmp_path / "a.yaml").write_bytes(b"somebody's")
    with pytest.raises(SourceError, match=r"a\.yaml (is there by now|was changed while it was read)"):
        write_file(tmp_path, "a.yaml", b"mine", before=before)
    assert (tmp_path / "a.yaml").read_bytes() == b"somebody's"
    assert everything(tmp_path) == ["a.yaml"]


def test_a_file_system_without_hard_links_does(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    write_file(tmp_path, "a.yaml", b"x", before=None)
    assert (tmp_path / "a.yaml").read_bytes() == b"x"
    with pytest.raises(SourceError):
        write_file(tmp_path, "a.yaml", b"y", before=None)
    assert (tmp_path / "a.yaml").read_bytes() == b"x"
    assert everything(tmp_path) == ["a.yaml"]


@pytest.mark.parametrize("path", ["../a.yaml", "a/../../b.yaml", "/etc/a.yaml"])
def test_a_path_that_leads_out_is_refused(tmp_path, path):
    root = tmp_path / "in"
    with pytest.raises(SourceError):
        write_file(root, path, b"x", before=None)
    assert everything(tmp_path) == []


def test_no_link_is_followed(tmp_path):
    root, outside = tmp_path / "in", tmp_path / "out"
    root.mkdir()
    outside.mkdir()
    (outside / "a.yaml").write_bytes(b"theirs")
    (root / "folder").symlink_to(outside)
    (root / "a.yaml").symlink_to(outside / "a.yaml")
    (root / "dangling.yaml").symlink_to(outside / "new.yaml")
    for path, before in [("folder/b.yaml", None), ("a.yaml", b"theirs"), ("a.yaml", None), ("dangling.yaml", None)]:
        with pytest.raises(SourceError):
            write_file(root, path, b"mine", before=before)
    assert everything(outside) == ["a.yaml"]
    assert (outside / "a.yaml").read_bytes() == b"theirs"


def test_a_folder_that_is_itself_a_link_is_the_users_choice(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_file(tmp_path / "link", "a/b.yaml", b"x", before=None)
    assert everything(tmp_path / "real") == ["a/b.yaml"]


def test_a_file_where_a_folder_is_needed_is_an_error_that_says_so(tmp_path):
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(SourceError, match=r"a/b\.yaml cannot be written: not a directory"):
        write_file(tmp_path, "a/b.yaml", b"x", before=None)


def test_what_is_there_is_listed_in_lower_case_with_links_and_without_git(tmp_path):
    for path in ("A/b.YAML", ".git/config", ".hidden"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(b"")
    (tmp_path / "link").symlink_to("nowhere")
    assert existing(tmp_path) == {"a", "a/b.yaml", ".git", ".hidden", "link"}
    assert existing(tmp_path / "new") == frozenset()


def test_several_files_are_changed_or_none(tmp_path):
    for name in "abc":
        (tmp_path / f"{name}.yaml").write_text("old")
    (tmp_path / "b.yaml").write_text("changed since")
    with pytest.raises(SourceError, match=r"b\.yaml was changed while it was read"):
        write_files(tmp_path, [(f"{name}.yaml", b"new", b"old") for name in "abc"])
    assert [(tmp_path / f"{name}.yaml").read_text() for name in "abc"] == ["old", "changed since", "old"]
    write_files(tmp_path, [("a.yaml", b"new", b"old"), ("c.yaml", b"new", b"old")])
    assert [(tmp_path / f"{name}.yaml").read_text() for name in "ac"] == ["new", "new"]
