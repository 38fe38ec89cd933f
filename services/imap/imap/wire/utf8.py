"""Mailbox names in UTF-8, as clients write them that have enabled it (RFC 6855 §3).

Strategy: the same names as in modified UTF-7, and the same that are none; `&` is a letter like others here.
"""

from imap.wire.answer import bad, no
from imap.wire.utf7 import MAX_NAME, fold, may_stand


def decode(name: bytes) -> str:
    """Return the name as text, INBOX folded; raise a fault if it is no UTF-8 (BAD) or no name (NO)."""
    try:
        text = name.decode("utf-8")
    except UnicodeDecodeError:
        raise bad("Not UTF-8") from None
    if len(name) > MAX_NAME or not may_stand(text):
        raise no("CANNOT", "Invalid mailbox name")
    return fold(text)
