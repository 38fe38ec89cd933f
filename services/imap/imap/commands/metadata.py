"""GETMETADATA and SETMETADATA (RFC 5464).

Strategy: the server's annotations are what the operator says of it, and all a client may write is the token that
wakes its device (Delta Chat writes it to INBOX once a connection). It is one entry with a value for each device: each
value set is added, NIL takes all away, and they are read together, with spaces between. Where there is no push, there
is no such entry, and no recipient limit either: clients take its presence for a promise of push.
"""

import re

from imap.commands.naming import decoded
from imap.state import Conversation
from imap.store import Tokens
from imap.wire.answer import Answer, bad, no
from imap.wire.command import Command
from imap.wire.encode import nstring, string
from imap.wire.grammar import Scanner
from shared.policy.push import MAX_TOKEN, is_token

MAX_ENTRIES = 50
MAX_ENTRY = 256
DEVICE_TOKEN = b"/private/devicetoken"
MAX_SMTP_RECIPIENTS = b"1000"  # as submission takes

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
    tokens = _tokens(talk, name)
    if tokens is not None and any(entry.lower() == DEVICE_TOKEN for entry in entries):
        kept = await tokens.tokens(talk.owner.account_id)
        values |= {DEVICE_TOKEN: b" ".join(kept)} if kept else {}
    answered = []
    for entry in entries:
        value = values.get(entry.lower())
        if value is None or longest is None or len(value) <= longest:
            answered.append(entry + b" " + nstring(value))
    if answered:
        talk.output.write(b"* METADATA %b (%b)\r\n" % (string(name), b" ".join(answered)))
    return Answer("OK", "Done")


async def put(talk: Conversation, command: Command) -> Answer:
    """Set or take away a device token; refuse all else, once it is sure that the command was one."""
    arguments = command.arguments
    arguments.space()
    name = arguments.astring()
    decoded(talk, name)
    arguments.space()
    pairs = _pairs(arguments)
    arguments.end()
    tokens = _tokens(talk, name)
    if tokens is None or any(entry != DEVICE_TOKEN for entry, _ in pairs):
        if any(entry.startswith(b"/private/") for entry, _ in pairs):
            raise no("METADATA NOPRIVATE", "Private annotations are not kept")
        raise no("NOPERM", "Annotations are the operator's")
    if len(pairs) != 1:
        raise bad("One value expected")
    await _put_token(tokens, talk.owner.account_id, pairs[0][1])
    return Answer("OK", "Done")


async def _put_token(tokens: Tokens, account_id: int, token: bytes | None) -> None:
    if not token:
        await tokens.forget_tokens(account_id)
    elif len(token) > MAX_TOKEN:
        raise no(f"METADATA MAXSIZE {MAX_TOKEN}", "Too long for a device token")
    elif not is_token(token):
        raise no("CANNOT", "Not a device token")
    else:
        await tokens.set_token(account_id, token)


def _tokens(talk: Conversation, name: bytes) -> Tokens | None:
    """Return the device tokens if `name` (none: the server itself) is where they are."""
    return talk.tokens if name.upper() in (b"", b"INBOX") else None


def _values(talk: Conversation) -> dict[bytes, bytes]:
    said = {b"/shared/comment": talk.house.comment, b"/shared/admin": talk.house.admin}
    values = {entry: text.encode("utf-8") for entry, text in said.items() if text}
    if talk.tokens is not None:
        values[b"/shared/vendor/deltachat/maxsmtprecipients"] = MAX_SMTP_RECIPIENTS
    return values


def _pairs(scanner: Scanner) -> list[tuple[bytes, bytes | None]]:
    """Take entries with their values, the entries in lower case."""
    scanner.expect(b"(")
    pairs: list[tuple[bytes, bytes | None]] = []
    while not scanner.takes(b")"):
        if pairs:
            scanner.space()
        entry = _entry(scanner).lower()
        scanner.space()
        pairs.append((entry, scanner.nstring()))
        if len(pairs) > MAX_ENTRIES:
            raise no("METADATA TOOMANY", "Too many entries")
    return pairs


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
    if scanner.peek() != b"(":
        return [_entry(scanner)]
    return scanner.several(_entry, MAX_ENTRIES, "Too many entries")


def _entry(scanner: Scanner) -> bytes:
    entry = scanner.astring()
    if len(entry) > MAX_ENTRY or not _ENTRY.fullmatch(entry):
        raise bad("Invalid entry name")
    return entry
