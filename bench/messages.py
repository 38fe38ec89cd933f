"""Messages as a Delta Chat core sends them: PGP/MIME around an armored OpenPGP message of a chosen size.

Strategy: the octets inside are random, as ciphertext is, and the same for all messages of a run; only the Message-ID
differs, which is enough for the server to see a new message each time. Making one costs the client next to nothing.
"""

import base64
import random

_CRC24_START, _CRC24_POLYNOMIAL = 0xB704CE, 0x1864CFB
_PLACE = b"MESSAGE-NUMBER-IN-TWENTY-FOUR-OCTETS"
_BOUNDARY = b"18ea5a7b0a1d2c3e_54cb1f00d1e2_2cd1aa55"

_FRAME = b"""\
From: <%(sender)b>
Date: Sun, 22 Nov 2026 05:21:07 +0000
Message-ID: <%(place)b@localhost>
MIME-Version: 1.0
To: "hidden-recipients": ;
Subject: [...]
Content-Type: multipart/encrypted; protocol="application/pgp-encrypted";
 boundary="%(boundary)b"

--%(boundary)b
Content-Type: application/pgp-encrypted; charset="utf-8"
Content-Transfer-Encoding: 7bit

Version: 1

--%(boundary)b
Content-Type: application/octet-stream; charset="utf-8"
Content-Transfer-Encoding: 7bit

%(armor)b
--%(boundary)b--
"""


class Messages:
    """A sender's messages of `size` octets (within 70), told apart by their Message-ID."""

    def __init__(self, sender: str, size: int) -> None:
        lines = [_frame(sender, octets=octets) for octets in _guesses(sender, size)]
        self._head, self._tail = min(lines, key=lambda text: abs(len(text) - size)).split(_PLACE)

    def numbered(self, name: str) -> bytes:
        """Return the message whose Message-ID is `<name@localhost>`, dot-stuffing being needless in it."""
        return self._head + name.encode().ljust(len(_PLACE), b"x") + self._tail


def encrypted(octets: int) -> bytes:
    """Return an OpenPGP message of about so many octets: two session keys and one encrypted packet (RFC 9580 §10.3)."""
    source = random.Random(octets)
    keys = b"".join(_packet(1, b"\x03" + bytes(8) + b"\x12" + source.randbytes(84)) for _ in range(2))
    return keys + _packet(18, b"\x01" + source.randbytes(max(64, octets - len(keys) - 7)))


def armored(octets: bytes) -> bytes:
    """Armor a message as core does: lines of 64 characters, no headers, with a checksum (RFC 9580 §6)."""
    text = base64.b64encode(octets)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    checksum = b"=" + base64.b64encode(_crc24(octets).to_bytes(3, "big"))
    return b"\n".join([b"-----BEGIN PGP MESSAGE-----", b"", *lines, checksum, b"-----END PGP MESSAGE-----", b""])


def _guesses(sender: str, size: int) -> list[int]:
    around = (size - len(_frame(sender, octets=0))) * 48 // 65
    return [max(0, around + step) for step in range(-96, 192, 48)]


def _frame(sender: str, *, octets: int) -> bytes:
    parts = {
        b"sender": sender.encode(),
        b"place": _PLACE,
        b"boundary": _BOUNDARY,
        b"armor": armored(encrypted(octets)),
    }
    return (_FRAME % parts).replace(b"\n", b"\r\n")


def _packet(kind: int, body: bytes) -> bytes:
    return bytes([0xC0 | kind, 255]) + len(body).to_bytes(4, "big") + body


def _crc24(octets: bytes) -> int:
    crc = _CRC24_START
    for octet in octets:
        crc ^= octet << 16
        for _ in range(8):
            crc <<= 1
            if crc & 0x1000000:
                crc ^= _CRC24_POLYNOMIAL
    return crc
