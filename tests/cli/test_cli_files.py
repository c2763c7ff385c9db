"""Files that reports go to."""

import os
import threading

import pytest

from syncer.cli.output import write_file
from syncer.errors import SyncerError


def test_a_report_into_a_pipe_is_written_to_and_the_pipe_stays(tmp_path):
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_file(pipe, "report\n")
    reader.join()
    assert read == ["report\n"]
    assert pipe.is_fifo()


def test_a_report_into_a_folder_that_is_not_there_makes_it(tmp_path):
    write_file(tmp_path / "a" / "b.json", "{}")
    assert (tmp_path / "a" / "b.json").read_text() == "{}"


def test_a_report_that_cannot_be_written_is_an_error_and_leaves_nothing(tmp_path):
    folder = tmp_path / "reports"
    (folder / "taken.json").mkdir(parents=True)
    with pytest.raises(SyncerError, match="cannot be written"):
        write_file(folder / "taken.json", "{}")
    assert [path.name for path in folder.iterdir()] == ["taken.json"]


def test_without_a_home_a_sync_asks_where_to_keep_the_undo_file(syncer, world, checkout, monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr("pathlib.Path.home", no_home)
    ended = syncer("sync", checkout, "--server", world.url, "--undo-file", "")
    assert (ended.code, world.writes()) == (64, [])
    assert "--undo-file" in ended.err
    assert syncer("plan", checkout, "--server", world.url).code == 0
