"""The shapes of message that may pass: the gate's eye.

Strategy: two shapes are known and everything else is cleartext. PGP/MIME (RFC 3156 §4): multipart/encrypted of
exactly `Version: 1` and one armored message. The secure-join request of Delta Chat cores before 2.24 or so:
multipart/mixed of one text part of two words, which has to go in the clear because no key is known yet.
Only the first kilobytes and the last are searched; what lies between must be armor, so no line in there can be
a delimiter. Text outside the parts is refused, and so is all in the parts' headers that is not a known field with
a value mail programs write there: preambles and descriptions are known sentences, file names and ids short tokens,
parameters known ones. A program that translates its descriptions (Evolution outside English) is refused for it.
What cannot be told from honest mail are words without spaces in a boundary, a file name or an id, at most some 800
octets in all. Envelopes never nest, so depth cannot be an attack.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from shared.mail.content import FILE_NAME, content_type, has_free_text, is_plain
from shared.mail.headers import Headers, scan
from shared.openpgp.armor import Armor, read_armor

_HEAD = 4096  # preamble, first part and the second part's header lie in here
_TAIL = 512  # the closing delimiter and white space after it
_MAX_PART_HEADER = 1024
_MAX_SECUREJOIN_HEADER = 32 * 1024
_WHITE = b" \t\r\n"
_LINE_END = re.compile(rb"[ \t]*+\r\n")
_ID = rb"<[A-Z0-9.@_+=$%-]{1,100}>"
# The fields a part may have, and what they may say.
_PART_FIELDS = {
    name: re.compile(value, re.IGNORECASE)
    for name, value in {
        b"content-type": rb".*",  # content.py reads it
        b"content-transfer-encoding": rb".*",  # and this
        b"content-description": b"|".join(
            [
                b"PGP/MIME version identification",  # Enigmail, Thunderbird, Delta Chat
                b"(?:Open)?PGP/MIME Versions Identification",  # GPGMail, Horde, enough_mail
                b"OpenPGP encrypted message",
                b"PGP/MIME encrypted message",  # Roundcube
                b"This is a digitally encrypted message part",  # Evolution
            ]
        ),
        b"content-disposition": rb"(?:inline|attachment)[ \t]*(?:;[ \t]*filename=(\"?)"
        + FILE_NAME
        + rb"\1[ \t]*)?(?:;[ \t]*size=[0-9]{1,10}[ \t]*)?;?[ \t]*",
        b"content-id": _ID,
        b"message-id": _ID,
    }.items()
}
# Written by Thunderbird, Enigmail, GPGMail and others before the first part: sentences, not anybody's words.
_PREAMBLES = frozenset(
    [
        b"",
        b"This is an OpenPGP/MIME encrypted message (RFC 4880 and 3156)",
        b"This is an OpenPGP/MIME encrypted message (RFC 2440 and 3156)",
        b"This is a multi-part message in MIME format.",
        b"This is a MIME-encapsulated message.",
    ]
)


class _Part(NamedTuple):
    media: bytes
    start: int  # of its body, from the start of the text searched


def encrypted(view: memoryview, headers: Headers) -> Armor:
    """Tell whether the message is PGP/MIME encrypted and holds nothing else, by what its armor is."""
    parameters = _parameters(headers, b"multipart/encrypted")
    if not parameters or b"protocol" not in parameters:
        return Armor.OTHER
    delimiter = _delimiter(parameters)
    span = _armor(view, headers.size, delimiter) if delimiter else None
    return read_armor(view[span[0] : span[1]]) if span else Armor.OTHER


def is_securejoin(view: memoryview, headers: Headers) -> bool:
    """Tell whether the message is the first step of a legacy secure-join, and says nothing more."""
    step = (headers.only(b"secure-join") or b"").lower()
    if step not in (b"vc-request", b"vg-request") or headers.size > _MAX_SECUREJOIN_HEADER:
        return False
    parameters = _parameters(headers, b"multipart/mixed")
    if not parameters or len(view) - headers.size > _HEAD:
        return False
    delimiter = _delimiter(parameters)
    text = bytes(view[headers.size :])
    part = _first_part(text, delimiter) if delimiter else None
    if not delimiter or not part or part.media != b"text/plain":
        return False
    body, _, rest = text[part.start :].partition(b"\r\n" + delimiter)
    return body.strip(_WHITE).lower() == b"secure-join: " + step and rest[:2] == b"--" and not rest[2:].strip(_WHITE)


def _parameters(headers: Headers, media: bytes) -> dict[bytes, bytes] | None:
    """Return the message's content parameters, if it is of that media type and they tell a person nothing."""
    top = content_type(headers)
    if not top or top.media != media or has_free_text(top) or not is_plain(headers):
        return None
    return top.parameters


def _delimiter(parameters: dict[bytes, bytes]) -> bytes | None:
    boundary = parameters.get(b"boundary")
    return b"--" + boundary if boundary else None


def _armor(view: memoryview, start: int, delimiter: bytes) -> tuple[int, int] | None:
    """Return where the second part's body begins and ends, if all around it is in order."""
    head = bytes(view[start : start + _HEAD])
    first = _first_part(head, delimiter)
    if not first or first.media != b"application/pgp-encrypted":
        return None
    end = head.find(b"\r\n" + delimiter, first.start)
    if end < 0 or head[first.start : end].strip(_WHITE) != b"Version: 1":
        return None
    second = _part(head, end + 2 + len(delimiter))
    if not second or second.media != b"application/octet-stream":
        return None
    armor_start = start + second.start
    tail_start = max(armor_start, len(view) - _TAIL)
    text, closing, epilogue = bytes(view[tail_start:]).rpartition(b"\r\n" + delimiter + b"--")
    return (armor_start, tail_start + len(text)) if closing and not epilogue.strip(_WHITE) else None


def _first_part(text: bytes, delimiter: bytes) -> _Part | None:
    """Find the first part of a multipart body; None if words stand before it."""
    at = 0 if text.startswith(delimiter) else text.find(b"\r\n" + delimiter) + 2
    if at == 1 or text[:at].strip(_WHITE) not in _PREAMBLES:
        return None
    return _part(text, at + len(delimiter))


def _part(text: bytes, at: int) -> _Part | None:
    """Read the part whose delimiter ends at `at`; None if its header is not one of an envelope's parts."""
    line_end = _LINE_END.match(text, at)
    if not line_end:
        return None
    end = text.find(b"\r\n\r\n", line_end.end(), line_end.end() + _MAX_PART_HEADER) + 4
    media = _media(text[line_end.end() : end]) if end > 3 else None
    return _Part(media, end) if media else None


@lru_cache(maxsize=128)  # of small keys: mail programs write the same few headers again and again
def _media(block: bytes) -> bytes | None:
    """Return the media type a part's header block tells, or None if it could tell a person anything more."""
    headers = scan(memoryview(block))
    media = content_type(headers)
    if headers.is_malformed or not media or has_free_text(media) or not is_plain(headers):
        return None
    return media.media if all(_is_known(headers, field.name) for field in headers.fields) else None


def _is_known(headers: Headers, name: bytes) -> bool:
    value = headers.only(name)
    return value is not None and name in _PART_FIELDS and bool(_PART_FIELDS[name].fullmatch(value))
