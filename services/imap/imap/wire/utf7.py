"""Mailbox names in modified UTF-7 (RFC 3501 §5.1.3).

Strategy: a name is accepted only in its one canonical spelling, so that two spellings never name two boxes, and
without control characters and line ends, which nobody can type and Postgres does not take (NUL).
"""

import base64
import binascii
import re

from imap.wire.answer import no

MAX_NAME = 1200  # octets as sent: 500 of UTF-8, which a name may have, can become 7/3 as many here

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")  # RFC 9051 §5.1


def decode(name: bytes) -> str:
    """Return the name as text, INBOX folded (§5.1), also where it stands above other names.

    Raise a NO fault if it is spelt in any other than the one way.
    """
    try:
        text = "".join(_decoded(name)) if len(name) <= MAX_NAME else ""
    except (ValueError, binascii.Error):
        text = ""
    if encode(text) != name or not may_stand(text):
        raise no("CANNOT", "Invalid mailbox name")
    return fold(text)


def may_stand(name: str) -> bool:
    """Say whether there is nothing in a name that nobody can type."""
    return not _CONTROL.search(name)


def fold(name: str) -> str:
    """Return the name with INBOX in capitals, also where it stands above other names."""
    top, slash, below = name.partition("/")
    return "INBOX" + slash + below if top.encode("utf-8").upper() == b"INBOX" else name  # of ASCII only: no dotless i


def encode(name: str) -> bytes:
    """Return the name as it goes on the wire, not yet quoted."""
    parts: list[bytes] = []
    shifted = ""
    for letter in name:
        if " " <= letter <= "~":
            parts += [_shift(shifted), b"&-" if letter == "&" else letter.encode("ascii")]
            shifted = ""
        else:
            shifted += letter
    return b"".join([*parts, _shift(shifted)])


def _decoded(name: bytes) -> list[str]:
    head, *rest = name.decode("ascii").split("&")
    parts = [head]
    for run in rest:
        code, minus, plain = run.partition("-")
        if not minus:
            raise ValueError("unended shift")
        parts += [_unshift(code) if code else "&", plain]
    return parts


def _shift(text: str) -> bytes:
    if not text:
        return b""
    code = base64.b64encode(text.encode("utf-16-be")).rstrip(b"=").replace(b"/", b",")
    return b"&" + code + b"-"


def _unshift(code: str) -> str:
    padded = code.replace(",", "/") + "=" * (-len(code) % 4)
    return base64.b64decode(padded, validate=True).decode("utf-16-be")
