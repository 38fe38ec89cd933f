"""STORE and UID STORE (RFC 3501 §6.4.6, §6.4.8)."""

from collections.abc import Sequence

from imap.commands.numbers import chosen, done
from imap.state import Conversation
from imap.wire.answer import Answer, bad, no
from imap.wire.command import Command
from imap.wire.encode import FLAG_NAMES, flags
from imap.wire.grammar import Scanner

BATCH = 1000  # messages in one call of the store
MAX_FLAGS = 100

_BY_UPPER_NAME = {name.upper(): bit for name, bit in FLAG_NAMES.items()}


async def run(talk: Conversation, command: Command) -> Answer:
    """Change flags, and tell the new ones unless asked not to."""
    arguments = command.arguments
    arguments.space()
    numbers = arguments.sequence_set()
    arguments.space()
    act = arguments.keyword()  # `+` and `-` are letters of an atom
    arguments.space()
    mask = _read_flags(arguments)
    arguments.end()
    verb, is_silent = act.removesuffix(b".SILENT"), act.endswith(b".SILENT")
    if verb not in (b"FLAGS", b"+FLAGS", b"-FLAGS"):
        raise bad("Unknown STORE item")
    if talk.is_read_only:
        raise no("READ-ONLY", "The mailbox was opened with EXAMINE")
    uids = chosen(talk, command, numbers)
    missing = 0
    for start in range(0, len(uids), BATCH):
        if start:
            await talk.output.drain()
        batch = uids[start : start + BATCH]
        stored = await _change(talk, verb, batch, mask)
        missing += len(batch) - len(stored)
        talk.touched(talk.mailbox.mailbox_id)
        _tell(talk, stored, is_silent=is_silent, is_uid=command.is_uid)
    return done(talk, command, missing)


async def _change(talk: Conversation, verb: bytes, uids: Sequence[int], mask: int) -> Sequence[tuple[int, int]]:
    store, mailbox_id = talk.store, talk.mailbox.mailbox_id
    if verb == b"FLAGS":
        return await store.replace_flags(mailbox_id, uids, mask)
    if verb == b"+FLAGS":
        return await store.add_flags(mailbox_id, uids, mask)
    return await store.remove_flags(mailbox_id, uids, mask)


def _tell(talk: Conversation, stored: Sequence[tuple[int, int]], *, is_silent: bool, is_uid: bool) -> None:
    for uid, mask in stored:
        number = talk.mailbox.set_flags(uid, mask)
        if number is not None and not is_silent:
            prefix = b"UID %d " % uid if is_uid else b""
            talk.output.write(b"* %d FETCH (%bFLAGS %b)\r\n" % (number, prefix, flags(mask)))


def _read_flags(scanner: Scanner) -> int:
    """Read a flag list with or without parentheses; keywords are ignored, as PERMANENTFLAGS lets them be (§7.1)."""
    is_list = scanner.takes(b"(")
    if is_list and scanner.takes(b")"):
        return 0
    mask = _flag(scanner)
    for _ in range(MAX_FLAGS):
        if scanner.takes(b")") if is_list else scanner.at_end():
            return mask
        scanner.space()
        mask |= _flag(scanner)
    raise bad("Too many flags")


def _flag(scanner: Scanner) -> int:
    if not scanner.takes(b"\\"):
        scanner.atom()
        return 0
    name = b"\\" + scanner.keyword()
    if name not in _BY_UPPER_NAME:
        raise bad("Unknown system flag")
    return _BY_UPPER_NAME[name]
