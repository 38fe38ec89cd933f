"""The packet walk: headers, lengths, and the one sequence that is a message."""

import pytest

from shared.openpgp.packets import HEADER, PacketError, Walk

V1 = b"\x01" + b"x" * 40
V2 = b"\x02\x09\x02\x06" + b"x" * 60
KEY = b"\xc1\x03\x03kk"
OLD_KEY = b"\x84\x03\x03kk"
DATA = bytes([0xD2, len(V1)]) + V1


def is_message(octets: bytes) -> bool:
    walk = Walk()
    at = 0
    try:
        while at < len(octets):
            at += walk.step(octets[at : at + HEADER])
    except PacketError:
        return False
    return walk.is_complete and at == len(octets)


def data(header: bytes, body: bytes) -> bytes:
    return b"\xd2" + header + body


MESSAGES = {
    "v1": DATA,
    "v2": bytes([0xD2, len(V2)]) + V2,
    "key": KEY + DATA,
    "old-key-1": OLD_KEY + DATA,
    "old-key-2": b"\x85\0\3\3kk" + DATA,
    "old-key-4": b"\x86\0\0\0\3\3kk" + DATA,
    "old-password": b"\x8c\3\4\7\0" + DATA,
    "password": b"\xc3\3\6kk" + DATA,
    "many": (KEY + b"\xc3\3\5kk") * 100 + DATA,
    "two-octet-length": data(b"\xc0\x10", V1 + b"x" * (208 - len(V1))),
    "five-octet-length": data(b"\xff\0\0\0" + bytes([len(V1)]), V1),
    "partial": data(b"\xe9", V1.ljust(512, b"x") + b"\x00"),
    "partial-two": data(b"\xe9", V1.ljust(512, b"x") + b"\xe0y" + b"\xc0\x00" + b"z" * 192),
}

BROKEN = {
    "nothing": b"",
    "only-a-key": KEY,
    "no-header": b"\x12" + DATA,
    "literal": b"\xcb\x05t\0\0\0\0" + DATA,
    "old-literal": b"\xac\x05t\0\0\0\0" + DATA,
    "marker": b"\xca\3PGP" + DATA,
    "trailing": DATA + b"\0",
    "key-after": DATA + KEY,
    "twice": DATA + DATA,
    "cut-tag": KEY + b"\xd2",
    "cut-length": KEY + b"\xd2\xff\0",
    "cut-two-octet-length": KEY + b"\xd2\xc0",
    "cut-old-length": b"\x85\0",
    "cut-version": KEY + b"\xd2\x29",
    "cut-body": DATA[:-1],
    "empty": b"\xd2\0",
    "empty-key": b"\xc1\0" + DATA,
    "version-0": b"\xd2\x29\0" + V1[1:],
    "version-3": b"\xd2\x29\3" + V1[1:],
    "key-version-1": b"\xc1\2\1k" + DATA,
    "password-version-3": b"\xc3\2\3k" + DATA,
    "short-v1": b"\xd2\x20" + V1[:32],
    "short-v2": b"\xd2\x33" + V2[:51],
    "small-first-partial": data(b"\xe8", V1.ljust(256, b"x") + b"\x20" + b"x" * 32),
    "partial-never-ends": data(b"\xe9", V1.ljust(512, b"x")),
    "partial-cut": data(b"\xe9", V1.ljust(512, b"x") + b"\xff\0"),
    "partial-key": b"\xc1\xe9\3" + b"k" * 511 + b"\0" + DATA,
    "indeterminate-key": b"\x87\3k" + DATA,
    "huge-key": b"\xc1\xff\0\1\0\0\3" + b"k" * 65_535 + DATA,
    "too-many": KEY * 70_000 + DATA,
    "too-many-chunks": data(b"\xe9", V1.ljust(512, b"x") + b"\xe0y" * 70_000 + b"\0"),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_message(name: str) -> None:
    assert is_message(MESSAGES[name])


@pytest.mark.parametrize("name", BROKEN)
def test_broken(name: str) -> None:
    assert not is_message(BROKEN[name])


def test_smallest_of_each_version() -> None:
    assert is_message(b"\xd2\x21" + V1[:33])
    assert is_message(b"\xd2\x34" + V2[:52])
