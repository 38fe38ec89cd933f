"""Armor: only base64 between the lines, however it is sliced."""

import pytest

from shared.openpgp import armor
from shared.openpgp.armor import Armor, read_armor
from tests.gate.recipe import BEGIN, END, armored, is_encrypted_armor, packet

OCTETS = packet(1, b"\3" + b"k" * 30) + packet(3, b"\4\7\0\2") + packet(18, b"\1" + bytes(range(256)) * 3)
PADDED = packet(18, b"\1" + b"y" * 99)  # needs two padding characters
TEXT = armored(OCTETS, checksum=b"=AAAA")


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer(kind: type) -> None:
    assert is_encrypted_armor(kind(TEXT))


def test_does_not_hold_on_to_a_buffer() -> None:
    octets = bytearray(TEXT)
    is_encrypted_armor(octets)
    octets.clear()  # a BufferError if a view were left


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 8, 9, 10, 1000])  # lines; there are nine
@pytest.mark.parametrize("more", [0, 1, 2])
def test_slices_make_no_difference(monkeypatch: pytest.MonkeyPatch, size: int, more: int) -> None:
    monkeypatch.setattr(armor, "SLICE", size)
    octets = packet(1, b"\3" + b"k" * 30) + packet(18, b"\1" + b"y" * (400 + more))
    for checksum in (b"", b"=AAAA"):
        for width in (60, 61, 63, 64, 72, 75, 76):
            assert is_encrypted_armor(armored(octets, checksum=checksum, width=width))
        assert not is_encrypted_armor(armored(octets + b"\0", checksum=checksum))
        assert not is_encrypted_armor(armored(octets[:-1], checksum=checksum))
        assert not is_encrypted_armor(armored(octets, checksum=checksum).replace(b"eXl5", b"eX!5", 1))


@pytest.mark.parametrize("size", range(1, 11))
@pytest.mark.parametrize("more", [b" ", b"\t", b"\r\n", b"\r", b"\n", b"AAAA"])
def test_lines_are_compared_across_slices(monkeypatch: pytest.MonkeyPatch, size: int, more: bytes) -> None:
    monkeypatch.setattr(armor, "SLICE", size)
    start = len(BEGIN) + 4
    for octets in (400, 430, 432, 433, 480):  # the last line is of every kind: half, full, one character
        text = armored(packet(18, b"\1" + b"y" * octets))
        assert is_encrypted_armor(text)
        last = len(text[: text.rindex(END)].rstrip(b"=\r\n"))  # white space around the padding means nothing
        for at in range(start + 1, last, 5):
            assert not is_encrypted_armor(text[:at] + more + text[at:])
        for at in range(start + 64, last, 66):  # line ends
            assert not is_encrypted_armor(text[:at] + b" " + text[at:])
            assert not is_encrypted_armor(text[:at] + text[at + 2 :])
            assert not is_encrypted_armor(text[:at] + b"\n\r" + text[at + 2 :])


@pytest.mark.parametrize("width", range(1, 130))
def test_columns(width: int) -> None:
    octets = packet(18, b"\1" + b"y" * 500)
    assert is_encrypted_armor(armored(octets, width=width)) is (60 <= width <= 76)


@pytest.mark.parametrize("size", range(33, 66))
def test_a_single_line_is_as_long_as_it_is(size: int) -> None:
    text = armored(packet(18, b"\1" + b"y" * size), width=100)
    columns = len(text.split(b"\r\n")[2].rstrip(b"="))
    assert is_encrypted_armor(text) is (columns <= 76)


def test_every_cut_and_every_foreign_character_is_noticed() -> None:
    octets = packet(18, b"\2\x09\2\6" + b"z" * 90)
    text = armored(octets)
    for at in range(len(text) - 2):
        assert not is_encrypted_armor(text[:at])
    for at in range(len(BEGIN) + 4, len(text) - len(END) - 4):
        if text[at : at + 1] not in b"\r\n":
            assert not is_encrypted_armor(text[:at] + b"." + text[at + 1 :])


PAYLOADS = {
    "nothing": (BEGIN + b"\r\n\r\n" + END, False),
    "one-line-end": (BEGIN + b"\r\n" + END, False),
    "glued": (BEGIN + END, False),
    "checksum-only": (BEGIN + b"\r\n\r\n=AAAA\r\n" + END, False),
    "padding-only": (BEGIN + b"\r\n\r\n==\r\n" + END, False),
    "begin-twice": (BEGIN + b"\r\n\r\n" + TEXT, False),
    "end-twice": (TEXT + END, False),
    "unpadded": (armored(PADDED).replace(b"=", b""), False),
    "far-begin": (b"\r\n" * 200 + TEXT, False),
    "far-end": (TEXT + b"\r\n" * 200, False),
    "padding-on-its-own-line": (armored(PADDED).replace(b"==", b"\r\n=="), True),
    "padding-split": (armored(PADDED).replace(b"==", b"=\r\n="), True),
    "padding-of-four": (armored(PADDED + b"yy").replace(b"\r\n-----END", b"====\r\n-----END"), False),
    "padding-too-short": (armored(PADDED).replace(b"==", b"="), False),
    "padding-too-long": (armored(PADDED).replace(b"==", b"==="), False),
    "white-space-around": (b"\r\n \t" + TEXT + b" \t\r\n", True),
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_edges(name: str) -> None:
    text, is_good = PAYLOADS[name]
    assert is_encrypted_armor(text) is is_good


VERSIONS = {
    b"Version: GnuPG v1": True,
    b"Version: GnuPG v2.0.22 (GNU/Linux)": True,
    b"Version: GnuPG/MacGPG2 v2.0.17 (Darwin)": True,
    b"Version: OpenPGP.js v4.10.10": True,
    b"Version: BCPG C# v1.6.1.0": True,
    b"Version: ProtonMail": True,
    b"Version: Encryption Desktop 10.3.2 (Build 16620)": True,
    b"Version: GnuPG v1 \t": True,
    b"Version:": False,
    b"Version: ": False,
    b"Version:GnuPG v1": False,
    b"version: GnuPG v1": False,
    b"Version: GnuPG  v1": False,
    b"Version: see you at noon by the mill": False,
    b"Version: " + b"x" * 21: False,
    b"Version: a b c d e f": False,
    b"Version: a, b": False,
    b"Version: a\r\nVersion: b": False,
    b"Version: a\r\nComment: b": False,
    b"Comment: a": False,
    b"Comment: a\r\nVersion: b": False,
    b"\r\nVersion: a": False,
}


@pytest.mark.parametrize(("line", "is_version"), VERSIONS.items(), ids=ascii)
def test_a_version_line(line: bytes, is_version: bool) -> None:
    text = TEXT.replace(BEGIN, BEGIN + b"\r\n" + line)
    assert read_armor(text) is (Armor.VERSIONED if is_version else Armor.OTHER)
    assert not is_encrypted_armor(text)


def test_without_one() -> None:
    assert read_armor(TEXT) is Armor.ENCRYPTED
    assert read_armor(TEXT.replace(BEGIN + b"\r\n\r\n", BEGIN + b"\r\nVersion: GnuPG v1\r\n")) is Armor.OTHER
