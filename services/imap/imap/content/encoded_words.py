"""Header text as its reader sees it (RFC 2047): unfolded, encoded words decoded."""

import binascii
import re

from imap.content.charset import text

_WORD = re.compile(rb"=\?([^?\s*]{1,40}+)(?:\*[^?\s]{0,20}+)?\?([bq])\?([^?\s]*+)\?=", re.IGNORECASE)
_BETWEEN = re.compile(rb"[ \t]*+")


def decode_header(value: bytes) -> str:
    """Return a header's text, any number of fields of it; nothing fails, and folds are gone."""
    value = value.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ")
    if b"=?" not in value:
        return text(value)
    said: list[str] = []
    charset, gathered, at = b"", b"", 0
    for match in _WORD.finditer(value):
        between = value[at : match.start()]
        # §6.2: white space between encoded words is not shown; letters may be split between words of one charset.
        is_near = at > 0 and _BETWEEN.fullmatch(between) is not None
        if not is_near or match[1].lower() != charset:
            said += [text(gathered, charset) if gathered else "", "" if is_near else text(between)]
            charset, gathered = match[1].lower(), b""
        gathered += _decode(match[2], match[3])
        at = match.end()
    return "".join([*said, text(gathered, charset) if gathered else "", text(value[at:])])


def _decode(encoding: bytes, code: bytes) -> bytes:
    if encoding in b"Qq":
        return binascii.a2b_qp(code, header=True)
    try:
        return binascii.a2b_base64(code + b"=" * (-len(code) % 4))
    except binascii.Error:
        return b""
