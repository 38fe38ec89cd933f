"""Who wrote the message: the one strict reader of From.

Strategy: one field, one mailbox, or nobody. The grammar is RFC 5322 §3.4 without what lets two programs see two
different authors: lists, groups, comments, routes, quoted local parts, white space inside the address, an
encoded word (RFC 2047 §5 forbids it there) in place of it. Display names may be anything that holds none of
these outside quotes; they are never decoded.
"""

import re

from shared.address import Address, AddressError, parse
from shared.mail.headers import Headers

_MAX_FROM = 998
_QUOTED = rb'"(?:[^"\\]|\\.)*+"'
_PHRASE = rb'(?:[^\x00-\x08\x0a-\x1f\x7f"(),:;<>@\[\]\\]|' + _QUOTED + rb")*+"
_MAILBOX = re.compile(_PHRASE + rb"<([^<>\s]+)>|([^<>\s]+)")


def author(headers: Headers) -> Address | None:
    """Return the author's address; None if From is missing, given twice, or not exactly one plain mailbox."""
    value = headers.only(b"from")
    if value is None or len(value) > _MAX_FROM:
        return None
    mailbox = _MAILBOX.fullmatch(value)
    return _address(mailbox[1] or mailbox[2]) if mailbox else None


def _address(octets: bytes) -> Address | None:
    if b"=?" in octets:
        return None
    try:
        return parse(octets.decode("ascii"))
    except (AddressError, UnicodeDecodeError):
        return None
