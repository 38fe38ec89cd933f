"""Content-Type and its neighbours, read strictly (RFC 2045 §5.1).

Strategy: a value that two programs could read in two ways has no type here: comments, a parameter given twice,
parameters in pieces or in another charset (RFC 2231), backslashes in quotes, characters outside tokens.
Whether what it says could be a letter in disguise is another question, which `has_free_text` answers.
"""

import re
from typing import NamedTuple

from shared.mail.headers import Headers

_MAX_VALUE = 1024
_TOKEN = rb"[!#$%&'+.0-9A-Z^_`a-z{|}~-]++"
_TYPE = re.compile(rb"(" + _TOKEN + rb"/" + _TOKEN + rb")[ \t]*+")
# A slash outside quotes is not in the grammar, but mailers write protocol=application/pgp-encrypted.
_BARE = rb"[!#$%&'+./0-9A-Z^_`a-z{|}~-]++"
_PARAMETER = re.compile(rb";[ \t]*+(?:(" + _TOKEN + rb')=(?:"([^"\\]*+)"|(' + _BARE + rb"))[ \t]*+)?+")
# What a parameter may say. A boundary with spaces (RFC 2046 §5.1.1 knows them) would be a sentence; nobody writes one.
# The file names with spaces are those of Exchange and Symantec.
FILE_NAME = rb"(?:PGPMIME versions? identification|[A-Z0-9._-]{0,64})"
_VALUES = {
    name: re.compile(value, re.IGNORECASE)
    for name, value in {
        b"boundary": rb"[0-9A-Z'()+_,./:=?-]{1,70}",
        b"charset": rb"[A-Z0-9_-]{1,40}",
        b"delsp": rb"yes|no",
        b"format": rb"flowed|fixed",
        b"name": FILE_NAME,
        b"protocol": rb"application/pgp-encrypted",
    }.items()
}
_PLAIN_ENCODINGS = (b"7bit", b"8bit", b"binary")


class ContentType(NamedTuple):
    """A media type in lower case, and its parameters by lower-case name."""

    media: bytes
    parameters: dict[bytes, bytes]


def content_type(headers: Headers) -> ContentType | None:
    """Return the content type; None if it is missing, given twice, or open to two readings."""
    value = headers.only(b"content-type")
    if value is None or len(value) > _MAX_VALUE:
        return None
    media = _TYPE.match(value)
    parameters = _parameters(value, media.end()) if media else None
    return ContentType(media[1].lower(), parameters) if media and parameters is not None else None


def has_free_text(content: ContentType) -> bool:
    """Tell whether a parameter says anything but what mail programs write around an encrypted message."""
    return any(name not in _VALUES or not _VALUES[name].fullmatch(value) for name, value in content.parameters.items())


def is_plain(headers: Headers) -> bool:
    """Tell whether the content stands there as it is, in no transfer encoding (RFC 2045 §6.2)."""
    encodings = headers.values(b"content-transfer-encoding")
    return not encodings or (len(encodings) == 1 and encodings[0].lower() in _PLAIN_ENCODINGS)


def _parameters(value: bytes, at: int) -> dict[bytes, bytes] | None:
    found: dict[bytes, bytes] = {}
    while at < len(value):
        parameter = _PARAMETER.match(value, at)
        if not parameter:
            return None
        at = parameter.end()
        if parameter[1]:
            name = parameter[1].lower()
            if name in found:
                return None
            found[name] = parameter[2] if parameter[2] is not None else parameter[3]
    return found
