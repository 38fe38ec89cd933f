"""Files that are there whole or not at all."""

import os
from pathlib import Path

import pytest

from chatmail.trouble import Trouble
from chatmail.whole import to, written


def test_it_is_there_when_all_is_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with written(file) as write:
        write(b"some")
        assert not file.exists()
        write(b"thing")
    assert file.read_bytes() == b"something"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_what_was_there_stays_when_it_fails(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"before")
    with pytest.raises(ZeroDivisionError), written(file) as write:
        write(b"after")
        raise ZeroDivisionError
    assert file.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [file]


def test_what_a_crash_left_is_written_over_and_closed(tmp_path: Path) -> None:
    left = tmp_path / "file.part"
    left.write_bytes(b"half of something longer")
    left.chmod(0o644)
    with written(tmp_path / "file") as write:
        write(b"x")
    assert (tmp_path / "file").read_bytes() == b"x"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_two_at_once_do_not_mix(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with written(file) as write:
        write(b"first")
        with pytest.raises(Trouble, match="another command"), written(file):
            pass
        write(b"!")
    assert file.read_bytes() == b"first!"


@pytest.mark.parametrize("path", ["/dev/null", "/tmp"])
def test_what_is_no_file_is_left_alone(path: str) -> None:
    with pytest.raises(Trouble, match="no file"), written(Path(path)):
        pass
    assert not Path(path).is_file()


def test_a_name_that_leads_elsewhere_is_not_followed(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"mine")
    (tmp_path / "file.part").symlink_to(other)
    with pytest.raises(OSError), written(tmp_path / "file"):
        pass
    assert other.read_bytes() == b"mine"


def test_another_name_of_a_file_is_not_cut_short(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"mine")
    other.chmod(0o644)
    (tmp_path / "file.part").hardlink_to(other)
    with pytest.raises(Trouble, match="somebody else's"), written(tmp_path / "file"):
        pass
    assert other.read_bytes() == b"mine"
    assert other.stat().st_mode & 0o777 == 0o644


def test_what_somebody_else_made_there_gets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file.part").touch()
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with pytest.raises(Trouble, match="somebody else's"), written(tmp_path / "file") as write:
        write(b"secret")
    assert (tmp_path / "file.part").read_bytes() == b""


def test_all_is_written_where_a_pipe_takes_a_little_at_a_time() -> None:
    reading, writing = os.pipe()
    octets = os.urandom(300_000)
    if os.fork() == 0:
        os.close(reading)
        to(writing)(octets)
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        assert pipe.read() == octets
    os.wait()
