"""The data folder: made closed, used by one, with sockets that fit."""

import os
from pathlib import Path

import pytest

from chatmail import folder as folders
from chatmail.folder import MAX_LOG, MAX_SOCKET_PATH
from chatmail.trouble import Trouble


def test_it_is_closed_to_others(tmp_path: Path) -> None:
    folder = folders.at(tmp_path / "a" / "data")
    folder.make()
    assert [path.stat().st_mode & 0o077 for path in (folder.root, folder.run, folder.log)] == [0, 0, 0]


def test_one_at_a_time(tmp_path: Path) -> None:
    folder = folders.at(tmp_path)
    with folder.lock(), pytest.raises(Trouble, match=rf"in use by process {os.getpid()}"):
        folder.lock()
    folder.lock().close()


def test_sockets_fit_however_long_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/tmp")
    near, far = folders.at(Path("/srv/chatmail")), folders.at(tmp_path / ("x" * 120))
    assert near.run == Path("/srv/chatmail/run")
    assert len(str(far.run / ".s.PGSQL.5432.lock")) <= MAX_SOCKET_PATH
    assert far.run != folders.at(tmp_path / ("y" * 120)).run


def test_a_run_folder_that_is_a_link_is_not_trusted(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Trouble, match=r"belongs to somebody else"):
        folders.at(tmp_path / "data").make()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Trouble, match=r"file/data.*--data"):
        folders.at(tmp_path / "file" / "data").make()


def test_a_long_log_moves_aside(tmp_path: Path) -> None:
    folder = folders.at(tmp_path)
    folder.make()
    with (folder.log / "postgres.log").open("wb") as file:
        file.truncate(MAX_LOG + 1)
    with folder.open_log("postgres") as file:
        assert file.tell() == 0
    assert (folder.log / "postgres.log.old").stat().st_size == MAX_LOG + 1
