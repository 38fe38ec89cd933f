"""A framed command, opened: tag, name, and a cursor at its arguments."""

import re
from dataclasses import dataclass

from imap.wire.grammar import Scanner

_TAG_AT_START = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\+]{1,64}(?= )')


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a client; `name` is in upper case, `UID FETCH` and its like with their prefix."""

    tag: bytes
    name: bytes
    arguments: Scanner

    @property
    def is_uid(self) -> bool:
        return self.name.startswith(b"UID ")


def read(frame: bytes, *, is_utf8: bool = False) -> Command:
    """Open a framed command; raise a BAD fault if not even its name can be read. `is_utf8`: see Scanner."""
    scanner = Scanner(frame, is_utf8=is_utf8)
    tag = scanner.tag()
    scanner.space()
    name = scanner.keyword()
    if name == b"UID":
        scanner.space()
        name = b"UID " + scanner.keyword()
    return Command(tag, name, scanner)


def tag_of(frame: bytes) -> bytes:
    """Return the tag to answer a broken command under: its own, or `*` if it has none worth repeating."""
    match = _TAG_AT_START.match(frame)
    return match[0] if match else b"*"
