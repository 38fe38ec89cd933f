"""The abuse log: what a line says, where it goes, and what a flood can do to the disk."""

import logging
import os
import re
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from shared import abuse
from shared.abuse import LINES, Book

PEER = ip_address("192.0.2.7")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "abuse.log"


@pytest.fixture(autouse=True)
def _off_again() -> Iterator[None]:
    yield
    abuse.configure("", "")


def test_a_line_is_a_time_a_service_a_word_and_an_address(file: Path) -> None:
    abuse.configure("imap", str(file))
    abuse.tell("wrong_password", PEER)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ imap wrong_password 192\.0\.2\.7\n", file.read_text())


@pytest.mark.parametrize(
    ("peer", "written"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:0::7", "2001:db8::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::7%eth0", "fe80::7"),
    ],
)
def test_an_address_is_written_as_a_firewall_takes_it(file: Path, peer: str, written: str) -> None:
    Book("imap", str(file)).write("wrong_password", ip_address(peer))
    assert file.read_text().split()[-1] == written


@pytest.mark.parametrize("nobody", ["::", "0.0.0.0"])
def test_an_unknown_address_is_not_written(file: Path, nobody: str) -> None:
    abuse.configure("imap", str(file))
    abuse.tell("wrong_password", ip_address(nobody))
    assert file.read_text() == ""


def test_off_is_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    abuse.configure("imap", "")
    abuse.tell("wrong_password", PEER)
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr() == ("", "")


def test_a_hyphen_is_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    abuse.configure("imap", "-")
    abuse.tell("wrong_password", PEER)
    assert capfd.readouterr().err.endswith("Z imap wrong_password 192.0.2.7\n")


def test_the_file_is_there_before_anything_happened(file: Path) -> None:
    abuse.configure("imap", str(file))
    assert file.exists()


def test_several_processes_share_a_file(file: Path) -> None:
    books = [Book("imap", str(file)), Book("submission", str(file))]
    for _ in range(3):
        for book in books:
            book.write("wrong_password", PEER)
    assert [line.split()[1] for line in file.read_text().splitlines()] == ["imap", "submission"] * 3


def test_a_file_moved_away_is_begun_anew(file: Path) -> None:
    book = Book("imap", str(file))
    book.write("wrong_password", PEER)
    file.rename(file.with_suffix(".1"))
    book.write("too_many_guesses", PEER)
    assert "too_many_guesses" in file.read_text()
    assert "too_many_guesses" not in file.with_suffix(".1").read_text()


def test_a_file_that_was_cut_is_written_from_its_beginning(file: Path) -> None:
    book = Book("imap", str(file))
    book.write("wrong_password", PEER)
    os.truncate(file, 0)
    book.write("too_many_guesses", PEER)
    assert file.read_bytes().count(b"\0") == 0
    assert len(file.read_text().splitlines()) == 1


def test_a_flood_is_paced(file: Path) -> None:
    clock = Clock()
    book = Book("imap", str(file), clock)
    for _ in range(10 * LINES.burst):
        book.write("too_many_connections", PEER)
    assert len(file.read_text().splitlines()) == pytest.approx(LINES.burst, abs=1)
    clock.now += 60
    for _ in range(10 * LINES.burst):
        book.write("too_many_connections", PEER)
    assert len(file.read_text().splitlines()) == pytest.approx(2 * LINES.burst, abs=2)


def test_a_large_file_grows_no_more_until_it_is_moved(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abuse, "LARGEST", 100)
    book = Book("imap", str(file))
    for _ in range(50):
        book.write("too_many_connections", PEER)
    assert 100 <= file.stat().st_size < 200
    file.rename(file.with_suffix(".1"))
    book.write("too_many_connections", PEER)
    assert file.stat().st_size < 100


def test_what_cannot_be_written_is_said_once_and_harms_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "later"
    book = Book("imap", str(folder / "abuse.log"))
    with caplog.at_level(logging.INFO, "chatmail"):
        for _ in range(3):
            book.write("wrong_password", PEER)
    assert [record.getMessage().split()[0] for record in caplog.records] == ["abuse_not_written"]
    assert str(PEER) not in caplog.text
    folder.mkdir()
    book.write("wrong_password", PEER)
    assert (folder / "abuse.log").exists()


def test_a_pipe_without_a_reader_does_not_hold_anybody_up(file: Path) -> None:
    os.mkfifo(file)
    Book("imap", str(file)).write("wrong_password", PEER)


def test_few_may_read_it(file: Path) -> None:
    Book("imap", str(file)).write("wrong_password", PEER)
    assert not file.stat().st_mode & 0o027
