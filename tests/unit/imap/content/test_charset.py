import pytest
from imap.content import charset
from imap.content.charset import text, text_decoder

WORD = {"iso-8859-1": "Grüße", "koi8-r": "Привет", "shift_jis": "こんにちは", "gb2312": "你好", "euc-kr": "안녕"}


@pytest.mark.parametrize(("name", "word"), WORD.items())
def test_known(name: str, word: str) -> None:
    assert text(word.encode(name), name.upper().encode()) == word
    decode = text_decoder(name.encode())
    assert "".join(decode.decode(bytes([octet])) for octet in word.encode(name)) + decode.decode(b"", True) == word


def test_every_name_has_a_codec() -> None:
    for name in charset._NAMES:
        assert text_decoder(name).decode(b"a", True) == text(b"a", name) == "a"


@pytest.mark.parametrize("name", [b"rot13", b"hex", b"zlib", b"idna", b"../x", b"", b"\xff"])
def test_others_are_utf_8(name: bytes) -> None:
    assert text_decoder(name).decode("é\udcff".encode("utf-8", "surrogateescape"), True) == "é\ufffd"
    assert text(b"\xe9", name) == "é"
