"""ENVELOPE (RFC 3501 §7.4.2) from a header block.

Strategy: a bounded scan of our own over octets: one pass to find ten fields, one pass over each address field.
What has no `@` is told as a name; nothing is decoded, and nothing recurses (comments are counted).
"""

import re
from collections.abc import Iterator

from imap.wire.encode import nstring

MAX_ADDRESSES = 100  # of one field
MAX_FIELD = 64 * 1024  # octets of one field that are told
MAX_READ = 8 * 1024  # octets of one address field that are read: about 4 ms at worst

_NAMES = {
    name.lower(): name
    for name in (
        b"Date",
        b"Subject",
        b"From",
        b"Sender",
        b"Reply-To",
        b"To",
        b"Cc",
        b"Bcc",
        b"In-Reply-To",
        b"Message-ID",
    )
}
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*)"|([<>,;:@()])|([^\s"<>,;:@()]+)|\s+|"', re.DOTALL)
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)

Address = tuple[bytes | None, bytes | None, bytes | None]  # display name, local part, domain


def envelope(header: bytes) -> bytes:
    """Return the ENVELOPE of a header block (CRLF lines) in wire form."""
    fields = _fields(header)
    sender = _addresses(fields.get(b"from"))
    parts = [nstring(fields.get(b"date")), nstring(fields.get(b"subject")), sender]
    # §7.4.2: Sender and Reply-To absent or empty take From's value.
    parts += [_addresses(fields.get(name)) or sender for name in (b"sender", b"reply-to")]
    parts += [_addresses(fields.get(name)) for name in (b"to", b"cc", b"bcc")]
    written = [part or b"NIL" for part in parts]
    written += [nstring(fields.get(name)) for name in (b"in-reply-to", b"message-id")]
    return b"(" + b" ".join(written) + b")"


def addresses(value: bytes) -> list[Address]:
    """Return the mailboxes of an address field; a group is told by a start (no domain) and an end (nothing)."""
    found: list[Address] = []
    for address in _read_addresses(value[:MAX_READ]):
        found.append(address)
        if len(found) >= MAX_ADDRESSES:
            break
    return found


def _fields(header: bytes) -> dict[bytes, bytes]:
    fields: dict[bytes, bytes] = {}
    for line in _FOLD.sub(b"", header).split(b"\r\n"):
        name, colon, value = line.partition(b":")
        name = name.rstrip().lower()
        if colon and name in _NAMES and name not in fields:
            fields[name] = value.strip()[:MAX_FIELD]
    return fields


def _addresses(value: bytes | None) -> bytes:
    """Return an address list in wire form, empty if there is no address."""
    found = addresses(value) if value else []
    written = [b"(%b NIL %b %b)" % tuple(map(nstring, address)) for address in found]
    return b"(" + b"".join(written) + b")" if written else b""


class _Mailbox:
    """One address being read."""

    def __init__(self) -> None:
        self.words: list[bytes] = []  # outside angle brackets
        self.inner: list[bytes] | None = None  # inside
        self.is_inside = False

    def finish(self) -> Iterator[Address]:
        if self.inner is not None:
            name, words = self.words, self.inner
        elif b"@" in self.words or len(self.words) == 1:
            name, words = [], self.words
        else:
            name, words = self.words, []
        local, domain = _halves(words)
        if name or words:
            yield (b" ".join(name) or None, local, domain)
        self.words, self.inner, self.is_inside = [], None, False


def _halves(words: list[bytes]) -> tuple[bytes, bytes]:
    """Return local part and domain; what is missing is empty, since NIL would make a group of it (RFC 3501 §7.4.2)."""
    if words[:1] == [b"@"] and b":" in words:
        words = words[words.index(b":") + 1 :]  # a route (`@a,@b:user@c`) is dropped
    if b"@" not in words:
        return b"".join(words), b""
    at = words.index(b"@")
    domain = words[at + 1 :]
    # Where a comma is missing, the next address would be taken for a piece of the domain.
    return b"".join(words[:at]), b"".join(domain[:1] if b"@" in domain else domain)


def _read_addresses(value: bytes) -> Iterator[Address]:
    box = _Mailbox()
    is_group = False
    for token, is_special in _without_comments(value):
        if is_special and token == b"<" and box.inner is None:
            box.inner, box.is_inside = [], True
        elif box.inner is not None and box.is_inside and not (is_special and token in b">;"):
            box.inner.append(token)
        elif is_special and token == b">":
            box.is_inside = False
        elif is_special and token in b",;":
            yield from box.finish()
            if token == b";" and is_group:
                yield (None, None, None)
                is_group = False
        elif is_special and token == b":" and not is_group:
            yield (None, b" ".join(box.words), None)
            box.words, is_group = [], True
        elif not (is_special and token in b"<:"):
            box.words.append(token)
    yield from box.finish()
    if is_group:
        yield (None, None, None)


def _without_comments(value: bytes) -> Iterator[tuple[bytes, bool]]:
    """Yield words and specials; comments are skipped, however deep."""
    depth = 0
    for match in _TOKEN.finditer(value):
        quoted, special, word = match.groups()
        if special in (b"(", b")"):
            depth = max(0, depth + (1 if special == b"(" else -1))
        elif depth == 0 and special:
            yield special, True
        elif depth == 0 and quoted is not None:
            yield _ESCAPE.sub(rb"\1", quoted), False
        elif depth == 0 and word:
            yield word, False
