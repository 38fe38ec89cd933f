import base64
import quopri

import pytest
from imap.content.transfer import decoder, is_known

TEXT = "Grüße — hello\r\nworld = 1\r\n".encode() * 40
CASES = [
    ("base64", base64.encodebytes(TEXT).replace(b"\n", b"\r\n"), TEXT),
    ("base64", b"QQ==", b"A"),
    ("base64", b"QUI", b"AB"),
    ("base64", b"Q", b""),
    ("base64", b"Q U!\r\nJD*", b"ABC"),
    ("base64", b"QQ==QQ==", b"A"),
    ("quoted-printable", quopri.encodestring(TEXT.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n"), TEXT),
    ("quoted-printable", b"a=\r\nb", b"ab"),
    ("quoted-printable", b"=C3=A4=zz=4", "ä=zz=4".encode()),
    ("quoted-printable", b"a=\rb", b"a=\rb"),
    ("quoted-printable", b"a \t\r\nb=20 \r\n c = \r\nd", b"a\r\nb \r\n c d"),
    ("quoted-printable", b"x" * 1500 + b" " * 20 + b"\r\n", b"x" * 1500 + b"\r\n"),
    ("quoted-printable", b"=41 " * 5000, b"A " * 5000),
    ("quoted-printable", b"=41" * 5000, b"A" * 5000),
    ("quoted-printable", b"x" * 5000, b"x" * 5000),
    ("7bit", b"=41\r\n", b"=41\r\n"),
    ("binary", b"\0", b"\0"),
]


@pytest.mark.parametrize("size", [1, 3, 1000, 1 << 20])
@pytest.mark.parametrize(("encoding", "code", "plain"), CASES)
def test_decodes(encoding: str, code: bytes, plain: bytes, size: int) -> None:
    decode = decoder(encoding.encode())
    assert decode is not None
    said = b"".join(decode.feed(code[at : at + size]) for at in range(0, len(code), size)) + decode.finish()
    assert said == plain


def test_unknown() -> None:
    assert decoder(b"x-uuencode") is None
    assert not is_known(b"x-uuencode")
