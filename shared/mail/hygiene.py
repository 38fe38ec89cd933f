"""What of a header is kept: only what a reader's program needs.

Strategy: fields are kept by an allow-list, so that a field nobody thought of (a mailer's name and version, a client's
address, a thread topic, a signature made before us) is dropped without anybody having to know it. The list is what
Delta Chat cores since 2.22 write and read outside the encryption, and what threads a conversation in other mailers.
A kept field that is too long for its purpose, or comes a second time, is dropped as well, being a letter in disguise.
Fields are kept or dropped whole, by the offsets the scanner found, so folding and case cannot fool it. The body is
never touched. All limits together keep a minimised header block within MAX_STORED_HEADER octets, so that a search
through headers has a known price.

Mail from elsewhere was written by any program there is, and its Subject is its author's business: there the list is
longer (`tidy`). What a stranger's server says of the way (Received, signatures, results, X-) is dropped there too.

What stays readable: names beside addresses in From, To and Cc, which cores before 2.24 or so write in the clear and
nobody can tell from a sentence, and tokens in ids. Their limits bound it; the client that wrote it chose it.
"""

from typing import TYPE_CHECKING

from shared.mail.message import Facts

if TYPE_CHECKING:
    from typing_extensions import Buffer

# Values that carry nothing a reader needs, and often a letter (Subject) or a mailer's name (MIME-Version).
_REWRITTEN = {b"subject": b"Subject: [...]\r\n", b"mime-version": b"MIME-Version: 1.0\r\n"}
MAX_STORED_HEADER = 64 * 1024
_WORD, _ID = 256, 1024  # octets of a whole field, with its name, folds and line end
KEPT = {
    b"from": 2 * 1024,  # the strict reader takes 998 octets unfolded
    b"to": 16 * 1024,  # a group of 60 with their names needs some 5 KB
    b"cc": 16 * 1024,
    b"date": _WORD,
    b"message-id": _ID,
    b"in-reply-to": _ID,
    b"references": 6 * 1024,
    b"content-type": 2 * 1024,
    b"content-transfer-encoding": _WORD,
    b"auto-submitted": _WORD,
    b"autocrypt": 16 * 1024,  # an RSA-4096 key takes some 5 KB of base64
    b"chat-version": _WORD,
    b"chat-is-post-message": _WORD,
    b"secure-join": _WORD,
    b"secure-join-invitenumber": _WORD,
    b"secure-join-group": _WORD,
}
# What other programs write and read beside these, as far as MAX_STORED_HEADER has room.
KEPT_OF_STRANGERS = {
    b"subject": 2 * 1024,
    b"mime-version": _WORD,
    b"reply-to": 2 * 1024,
    b"sender": _ID,
    b"content-disposition": _ID,  # a report that is one compressed file (RFC 8460 §5.3)
    b"content-description": _WORD,
    b"content-language": _WORD,
    b"disposition-notification-to": _ID,
    b"x-failed-recipients": _ID,  # some reports name them here and nowhere else
    b"tls-report-domain": _WORD,
    b"tls-report-submitter": _WORD,
    b"precedence": _WORD,
    b"importance": _WORD,
    **{
        b"list-" + name: _ID  # RFC 2369, RFC 2919, RFC 8058
        for name in (b"id", b"post", b"help", b"owner", b"archive", b"subscribe", b"unsubscribe", b"unsubscribe-post")
    },
}


def minimise(raw: "Buffer", facts: Facts) -> bytes:
    """Return the message with a minimal header of at most MAX_STORED_HEADER octets and the body as it was.

    The header block's size changes by the difference of the lengths. A malformed message must not come here.
    """
    with memoryview(raw) as view:
        kept: dict[bytes, bytes | memoryview] = {}  # by name, for the first of a name is the only one kept
        for name, start, _, end in facts.fields:
            if name not in kept and end - start <= KEPT.get(name, 0):
                kept[name] = view[start:end]
            elif name in _REWRITTEN:
                kept[name] = _REWRITTEN[name]
        return b"".join([*kept.values(), b"\r\n", view[facts.header_size :]])


def tidy(raw: "Buffer", facts: Facts) -> bytes:
    """Return mail from elsewhere with what its readers need of the header, at most MAX_STORED_HEADER octets of it.

    Order and octets of what is kept stay. A malformed message must not come here.
    """
    first = {field.name: field for field in reversed(facts.fields)}
    needed = {name for name, field in first.items() if field.end - field.start <= KEPT.get(name, 0)}
    room = MAX_STORED_HEADER - len(b"\r\n") - sum(first[name].end - first[name].start for name in needed)
    for name in KEPT_OF_STRANGERS:  # in this order of importance
        size = first[name].end - first[name].start if name in first else 0
        if 0 < size <= min(KEPT_OF_STRANGERS[name], room):
            needed.add(name)
            room -= size
    with memoryview(raw) as view:
        kept = [
            view[field.start : field.end]
            for field in sorted((first[name] for name in needed), key=lambda field: field.start)
        ]
        return b"".join([*kept, b"\r\n", view[facts.header_size :]])
