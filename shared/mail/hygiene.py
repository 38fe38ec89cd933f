"""What of a header leaves the house: only what a reader's program needs.

Strategy: fields are kept by an allow-list, so that a field nobody thought of (a mailer's name and version, a client's
address, a thread topic, a signature made before us) is dropped without anybody having to know it. The list is what
Delta Chat cores since 2.22 write and read outside the encryption, and what threads a conversation in other mailers.
A kept field that is
too long for its purpose, or comes a second time, is dropped as well, being a letter in disguise. Fields are kept or
dropped whole, by the offsets the scanner found, so folding and case cannot fool it. The body is never touched.
"""

from typing import TYPE_CHECKING

from shared.mail.message import Facts

if TYPE_CHECKING:
    from typing_extensions import Buffer

# Values that carry nothing a reader needs, and often a letter (Subject) or a mailer's name (MIME-Version).
_REWRITTEN = {b"subject": b"Subject: [...]\r\n", b"mime-version": b"MIME-Version: 1.0\r\n"}
_SHORT, _LONG = 1024, 64 * 1024  # octets of a whole field: one value; a thousand addresses
_KEPT = {
    b"from": _SHORT,
    b"to": _LONG,
    b"cc": _LONG,
    b"date": _SHORT,
    b"message-id": _SHORT,
    b"in-reply-to": _SHORT,
    b"references": 8 * 1024,
    b"content-type": 2 * 1024,
    b"content-transfer-encoding": _SHORT,
    b"auto-submitted": _SHORT,
    b"autocrypt": 32 * 1024,
    b"chat-version": _SHORT,
    b"chat-is-post-message": _SHORT,
    b"secure-join": _SHORT,
    b"secure-join-invitenumber": _SHORT,
    b"secure-join-group": _SHORT,
}


def minimise(raw: "Buffer", facts: Facts) -> bytes:
    """Return the message with a minimal header and the body as it was.

    The header block's size changes by the difference of the lengths. A malformed message must not come here.
    """
    with memoryview(raw) as view:
        kept: dict[bytes, bytes | memoryview] = {}  # by name, for the first of a name is the only one kept
        for name, start, _, end in facts.fields:
            if name not in kept and end - start <= _KEPT.get(name, 0):
                kept[name] = view[start:end]
            elif name in _REWRITTEN:
                kept[name] = _REWRITTEN[name]
        return b"".join([*kept.values(), b"\r\n", view[facts.header_size :]])
