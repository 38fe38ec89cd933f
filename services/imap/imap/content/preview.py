"""The first words of a message, for a list of messages (RFC 8970).

Strategy: the first part that is text and no attachment, its first kilobytes decoded, white space squeezed, at most 200
letters. What is encrypted has no first words, and nobody here could read them.
"""

import html
import re

from imap.content.charset import text_decoder
from imap.content.part import Part
from imap.content.transfer import decoder

MAX_READ = 16 * 1024  # octets of the part that are read
MAX_LETTERS = 200  # RFC 8970 §3.1

# Both are read from their `<` to the next `>` or not at all: no octet is looked at more than twice.
_UNSEEN = re.compile(r"<(style|script|head|title)\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^<>]*+>?")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ufffd]+")


def previewed(message: Part) -> Part | None:
    """Return the part whose first words stand for the message, None where there is none."""
    if message.type.full == b"multipart/encrypted":
        return None
    texts = [part for part in message.leaves() if _is_read(part)]
    plain = [part for part in texts if part.type.full == b"text/plain"]
    return next(iter(plain or texts), None)


def _is_read(part: Part) -> bool:
    is_text = part.type.full in (b"text/plain", b"text/html")
    return is_text and (part.disposition is None or part.disposition.media != b"attachment")


def preview(part: Part, start: bytes) -> str:
    """Return the first words of a part, `start` being at least its first MAX_READ octets, or all there are."""
    decode = decoder(part.encoding)
    if decode is None:
        return ""
    data = decode.feed(start[:MAX_READ]) + decode.finish()
    said = text_decoder(part.type.says(b"charset") or b"").decode(data)
    if part.type.full == b"text/html":
        said = html.unescape(_TAG.sub(" ", _UNSEEN.sub(" ", said)))
    return " ".join(_UNPRINTABLE.sub(" ", said).split())[:MAX_LETTERS].rstrip()
