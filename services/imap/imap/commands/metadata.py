"""GETMETADATA and SETMETADATA (RFC 5464).

Strategy: the server has two annotations, what the operator says of it; all else is NIL. Nothing can be written:
a device token has no use before push, and a client that is told so only notes it. That is also why no recipient
limit is answered: clients take its presence for a promise of push.
"""

import re

from imap.state import Conversation
from imap.wire import utf7
from imap.wire.answer import Answer, bad, no
from imap.wire.command import Command
from imap.wire.encode import nstring, string
from imap.wire.grammar import Scanner

MAX_ENTRIES = 50
MAX_ENTRY = 256

_ENTRY = re.compile(rb"(?:/[a-z0-9._-]+)+", re.IGNORECASE)


async def get(talk: Conversation, command: Command) -> Answer:
    """Answer each entry asked for, NIL where there is none."""
    arguments = command.arguments
    arguments.space()
    longest = _options(arguments)
    name = arguments.astring()
    arguments.space()
    entries = _entries(arguments)
    arguments.end()
    values = _values(talk) if not name else {}
    answered = []
    for entry in entries:
        value = values.get(entry.lower())
        if value is None or longest is None or len(value) <= longest:
            answered.append(entry + b" " + nstring(value))
    if answered:
        talk.output.write(b"* METADATA %b (%b)\r\n" % (string(name), b" ".join(answered)))
    return Answer("OK", "Done")


async def put(talk: Conversation, command: Command) -> Answer:
    """Refuse, once it is sure that the command was one."""
    arguments = command.arguments
    arguments.space()
    utf7.decode(arguments.astring())
    arguments.space()
    arguments.expect(b"(")
    entries: list[bytes] = []
    while not arguments.takes(b")"):
        if entries:
            arguments.space()
        entries.append(_entry(arguments))
        arguments.space()
        arguments.nstring()
        if len(entries) > MAX_ENTRIES:
            raise no("METADATA TOOMANY", "Too many entries")
    arguments.end()
    if any(entry.lower().startswith(b"/private/") for entry in entries):
        raise no("METADATA NOPRIVATE", "Private annotations are not kept")
    raise no("NOPERM", "Annotations are the operator's")


def _values(talk: Conversation) -> dict[bytes, bytes]:
    said = {b"/shared/comment": talk.house.comment, b"/shared/admin": talk.house.admin}
    return {entry: text.encode("utf-8") for entry, text in said.items() if text}


def _options(scanner: Scanner) -> int | None:
    """Take `(MAXSIZE n DEPTH d) ` if it comes next; return MAXSIZE. No entry has entries below it, so DEPTH is idle."""
    if not scanner.takes(b"("):
        return None
    longest = None
    while True:
        option = scanner.keyword()
        scanner.space()
        if option == b"MAXSIZE":
            longest = scanner.number()
        elif option != b"DEPTH" or scanner.keyword() not in (b"0", b"1", b"INFINITY"):
            raise bad("Unknown option")
        if scanner.takes(b") "):
            return longest
        scanner.space()


def _entries(scanner: Scanner) -> list[bytes]:
    if not scanner.takes(b"("):
        return [_entry(scanner)]
    entries = [_entry(scanner)]
    while not scanner.takes(b")"):
        scanner.space()
        entries.append(_entry(scanner))
        if len(entries) > MAX_ENTRIES:
            raise bad("Too many entries")
    return entries


def _entry(scanner: Scanner) -> bytes:
    entry = scanner.astring()
    if len(entry) > MAX_ENTRY or not _ENTRY.fullmatch(entry):
        raise bad("Invalid entry name")
    return entry
