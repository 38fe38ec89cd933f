"""What a new mailbox may be called, and how the answer is no."""

from imap.store import Arranged
from imap.wire import utf7
from imap.wire.answer import Fault, no

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


def new_name(written: bytes) -> str:
    """Return the name of a mailbox to be made, without the delimiter that may end it (RFC 3501 §6.3.3)."""
    name = utf7.decode(written.removesuffix(b"/"))
    levels = name.split(DELIMITER)
    if not all(levels) or name.startswith("#") or not {"*", "%"}.isdisjoint(name):  # §5.1.2: # begins namespaces
        raise no("CANNOT", "Invalid mailbox name")
    if len(levels) > DEEPEST or len(name.encode("utf-8")) > LONGEST:
        raise no("CANNOT", "Mailbox name too long")
    return name


def refusal(outcome: Arranged) -> Fault:
    """Return the fault for a wish that was not granted."""
    return no(*_REFUSED[outcome])
