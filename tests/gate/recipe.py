"""An encrypted message in pieces, so that a mutant changes one piece and says which."""

import base64
from dataclasses import dataclass, replace

from shared.openpgp.armor import Armor, read_armor

CANARY = b"meet me at noon by the old mill"
BEGIN = b"-----BEGIN PGP MESSAGE-----"
END = b"-----END PGP MESSAGE-----"


@dataclass(frozen=True)
class Recipe:
    """What goes between the pieces (line ends, delimiters) is added by `render`."""

    octets: bytes  # the binary OpenPGP message
    fields: tuple[bytes, ...] = (
        b"From: <alice@example.org>",
        b"Date: Sun, 22 Nov 2026 05:21:07 +0000",
        b"Message-ID: <b42b599b-cfd9-4732-b7e6-1450462c8325@localhost>",
        b"MIME-Version: 1.0",
        b'To: "hidden-recipients": ;',
        b"Subject: [...]",
    )
    media: bytes = b'multipart/encrypted; protocol="application/pgp-encrypted";\r\n boundary="18ea_54cb_2cd1"'
    boundary: bytes = b"18ea_54cb_2cd1"
    preamble: bytes = b"\r\n"
    first_header: bytes = (
        b'Content-Type: application/pgp-encrypted; charset="utf-8"\r\nContent-Transfer-Encoding: 7bit\r\n'
    )
    first: bytes = b"Version: 1\r\n"
    second_header: bytes = (
        b'Content-Type: application/octet-stream; charset="utf-8"\r\nContent-Transfer-Encoding: 7bit\r\n'
    )
    second: bytes | None = None  # in place of the armored octets
    further: bytes = b""  # after the second part, before the closing delimiter
    epilogue: bytes = b"\r\n"

    def render(self) -> bytes:
        header = b"".join(field + b"\r\n" for field in self.fields)
        delimiter = b"--" + self.boundary
        armor = armored(self.octets) if self.second is None else self.second
        return b"".join(
            [
                header,
                b"Content-Type: " + self.media + b"\r\n\r\n" if self.media else b"\r\n",
                self.preamble + delimiter + b"\r\n" + self.first_header + b"\r\n" + self.first + b"\r\n",
                delimiter + b"\r\n" + self.second_header + b"\r\n" + armor + b"\r\n",
                self.further + delimiter + b"--" + self.epilogue,
            ]
        )

    def but(self, **pieces: object) -> bytes:
        """Render with other pieces."""
        return replace(self, **pieces).render()  # type: ignore[arg-type]


def armored(octets: bytes, *, width: int = 64, checksum: bytes = b"", line_end: bytes = b"\r\n") -> bytes:
    """Armor octets; `checksum` is the whole line without its end."""
    text = base64.b64encode(octets)
    lines = [text[i : i + width] for i in range(0, len(text), width)]
    return line_end.join([BEGIN, b"", *lines, *([checksum] if checksum else []), END]) + b"\r\n"


def dearmored(armor: bytes) -> bytes:
    """Decode well-made armor, with or without a checksum."""
    lines = armor.split(b"\r\n\r\n", 1)[1].split(b"\r\n-----END")[0].split(b"\r\n")
    return base64.b64decode(b"".join(line for line in lines if not line.startswith(b"=")))


def packet(kind: int, body: bytes) -> bytes:
    """Make a packet with a five-octet length."""
    return bytes([0xC0 | kind, 255]) + len(body).to_bytes(4, "big") + body


def packets(octets: bytes) -> list[tuple[int, bytes]]:
    """Take a message apart into (type, body); partial bodies are joined. For well-made messages only."""
    found = []
    at = 0
    while at < len(octets):
        tag = octets[at]
        at += 1
        if not tag & 0x40:
            size = 1 << (tag & 3)
            length = int.from_bytes(octets[at : at + size], "big")
            found.append((tag >> 2 & 15, octets[at + size : at + size + length]))
            at += size + length
            continue
        body = b""
        is_last = False
        while not is_last:
            length, at, is_last = _length(octets, at)
            body += octets[at : at + length]
            at += length
        found.append((tag & 63, body))
    return found


def _length(octets: bytes, at: int) -> tuple[int, int, bool]:
    first = octets[at]
    if first < 192:
        return first, at + 1, True
    if first < 224:
        return (first - 192 << 8) + octets[at + 1] + 192, at + 2, True
    if first < 255:
        return 1 << (first & 31), at + 1, False
    return int.from_bytes(octets[at + 1 : at + 5], "big"), at + 5, True


def is_encrypted_armor(data: bytes) -> bool:
    """Tell whether this is armor of an encrypted message, without a header line."""
    return read_armor(data) is Armor.ENCRYPTED
