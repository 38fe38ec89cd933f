"""Octets to text, in a small closed set of charsets: those mail is written in.

Strategy: a name a stranger wrote never reaches Python's codec registry; it is looked up here, and stands for UTF-8, or
Latin-1 where that fails, if it is not known. Nothing here fails: what cannot be decoded becomes U+FFFD.
"""

import codecs
from typing import Protocol

_NAMES = {
    **{b"iso-8859-%d" % number: f"iso8859-{number}" for number in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16)},
    **{b"windows-%d" % number: f"cp{number}" for number in range(1250, 1259)},
    b"us-ascii": "utf-8",  # what is labelled so by mistake is UTF-8 nearly always
    b"ascii": "utf-8",
    b"utf-8": "utf-8",
    b"utf8": "utf-8",
    b"latin1": "iso8859-1",
    b"koi8-r": "koi8-r",
    b"koi8-u": "koi8-u",
    b"gb2312": "gb18030",
    b"gbk": "gb18030",
    b"gb18030": "gb18030",
    b"big5": "big5hkscs",
    b"shift_jis": "cp932",
    b"euc-jp": "euc-jp",
    b"iso-2022-jp": "iso2022-jp",
    b"euc-kr": "cp949",
    b"ks_c_5601-1987": "cp949",
}


class TextDecoder(Protocol):
    """Takes octets in slices and returns text."""

    def decode(self, data: bytes, final: bool = False) -> str:
        """Return what a slice says."""


def text_decoder(charset: bytes) -> TextDecoder:
    """Return a decoder for a charset's name in any case."""
    return codecs.getincrementaldecoder(_NAMES.get(charset.lower(), "utf-8"))("replace")


def text(data: bytes, charset: bytes = b"") -> str:
    """Return what octets say; without a charset as UTF-8, or as Latin-1 if they are no UTF-8."""
    name = _NAMES.get(charset.lower())
    if name:
        return data.decode(name, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
