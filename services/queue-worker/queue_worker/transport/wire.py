"""A letter's octets as they go over SMTP: checked, and with their dots stuffed (RFC 5321 §4.5.2).

Strategy: what could be read as two messages by somebody, or would be mended by a relay on the way (and lose its
signature), never leaves: bare CR or LF, NUL, lines over 998 octets. With that sure, stuffing is one replacement and
the only `CRLF . CRLF` on the wire is ours.
"""

import asyncio
import re

from queue_worker.transport.values import Letter, Result, refused

MAX_LINE = 1000  # octets with CRLF (RFC 5321 §4.5.3.1.6)
LARGE = 256 * 1024  # octets from which a thread does the work (design §4.9)

_NOT_IN_A_PATH = re.compile(r"[\x00-\x20\x7f<>]")


async def check(letter: Letter) -> Result | None:
    """Say why a letter must not leave, or None; a large one is read on a thread."""
    return await asyncio.to_thread(flaw, letter) if len(letter.octets) > LARGE else flaw(letter)


async def ready(octets: bytes) -> bytes:
    """Return a flawless letter's octets ready for DATA, the final dot included; a thread works on large ones."""
    return await asyncio.to_thread(stuffed, octets) if len(octets) > LARGE else stuffed(octets)


def flaw(letter: Letter) -> Result | None:
    """Say why a letter must not leave, or None."""
    octets = letter.octets
    ends = octets.count(b"\r\n")
    if octets.count(b"\n") != ends or octets.count(b"\r") != ends or b"\0" in octets:
        return refused(554, "5.6.0", "Malformed message: bare CR or LF, or NUL")
    if _has_long_line(octets):
        return refused(554, "5.6.0", "Malformed message: line longer than 998 octets")
    if any(map(_NOT_IN_A_PATH.search, (letter.sender, *letter.recipients))):
        return refused(553, "5.1.3", "Malformed address")
    return None


def stuffed(octets: bytes) -> bytes:
    """Stuff the dots of a flawless letter and end it."""
    body = octets.replace(b"\r\n.", b"\r\n..")
    if body.startswith(b"."):
        body = b"." + body
    return body + (b".\r\n" if body.endswith(b"\r\n") or not body else b"\r\n.\r\n")


def needs_utf8(letter: Letter) -> bool:
    """Tell if SMTPUTF8 is needed: an address or the header is not ASCII (RFC 6531 §3.4)."""
    if not letter.sender.isascii() or not all(map(str.isascii, letter.recipients)):
        return True
    if letter.octets.isascii():
        return False
    end = letter.octets.find(b"\r\n\r\n")
    return not letter.octets[: end if end >= 0 else None].isascii()


def _has_long_line(octets: bytes) -> bool:
    # From the start of a line, jump to the last line end within reach: every line passed on the way is short enough.
    start, size = 0, len(octets)
    while size - start > MAX_LINE:
        end = octets.rfind(b"\n", start, start + MAX_LINE)
        if end < 0:
            return True
        start = end + 1
    return size - octets.rfind(b"\n") - 1 > MAX_LINE - 2  # the last line, if its CRLF is still to be added
