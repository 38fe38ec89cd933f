"""Mailbox names as this client reads and writes them, what a new one may be, and how the answer is no.

Strategy: only here is it known that a client that has enabled UTF8=ACCEPT spells names otherwise (RFC 6855 §3).
"""

from imap.state import Conversation
from imap.store import Arranged
from imap.wire import encode, utf7, utf8
from imap.wire.answer import Fault, bad, no
from imap.wire.grammar import Scanner

DELIMITER = "/"
LONGEST = 500  # octets of UTF-8
DEEPEST = 20  # names above one another

_REFUSED = {
    Arranged.THERE: ("ALREADYEXISTS", "There is a mailbox of this name"),
    Arranged.MISSING: ("NONEXISTENT", "No such mailbox"),
    Arranged.HAS_CHILDREN: ("HASCHILDREN", "Only names below it are left of this mailbox"),
    Arranged.USE_TAKEN: ("USEATTR", "Another mailbox is for that"),
    Arranged.TOO_MANY: ("LIMIT", "Too many mailboxes"),
    Arranged.TOO_LONG: ("CANNOT", "The new name would be too long"),
    Arranged.GONE: ("NONEXISTENT", "The account is gone"),
}


def read_name(talk: Conversation, arguments: Scanner) -> str:
    """Take the name of a mailbox, whether or not there is one."""
    return decoded(talk, arguments.astring())


def decoded(talk: Conversation, written: bytes) -> str:
    """Return a name as text, INBOX folded; raise a fault if it is none."""
    return utf8.decode(written) if talk.is_utf8 else utf7.decode(written)


def pattern(talk: Conversation, written: bytes) -> str:
    """Return a pattern for names as `spelt` gives them."""
    if not talk.is_utf8:
        return written.decode("ascii", "replace")
    try:
        return written.decode("utf-8")
    except UnicodeDecodeError:
        raise bad("Not UTF-8") from None


def spelt(talk: Conversation, name: str) -> str:
    """Return a name letter by letter as the client sees it."""
    return name if talk.is_utf8 else utf7.encode(name).decode("ascii")


def quoted(talk: Conversation, name: str) -> bytes:
    """Return a name as it goes on the wire."""
    return encode.mailbox(name, is_utf8=talk.is_utf8)


def new_name(talk: Conversation, arguments: Scanner) -> str:
    """Take the name of a mailbox to be made, without the delimiter that may end it (RFC 3501 §6.3.3)."""
    name = decoded(talk, arguments.astring().removesuffix(b"/"))
    levels = name.split(DELIMITER)
    if not all(levels) or name.startswith("#") or not {"*", "%"}.isdisjoint(name):  # §5.1.2: # begins namespaces
        raise no("CANNOT", "Invalid mailbox name")
    if len(levels) > DEEPEST or len(name.encode("utf-8")) > LONGEST:
        raise no("CANNOT", "Mailbox name too long")
    return name


def refusal(outcome: Arranged) -> Fault:
    """Return the fault for a wish that was not granted."""
    return no(*_REFUSED[outcome])
