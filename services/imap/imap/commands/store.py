"""STORE and UID STORE (RFC 3501 §6.4.6, §6.4.8)."""

from collections.abc import Sequence

from imap.commands.look import known_flags
from imap.commands.numbers import chosen, done
from imap.state import Conversation, Gone
from imap.wire import flag_list
from imap.wire.answer import Answer, bad, no
from imap.wire.command import Command
from imap.wire.encode import flags
from shared.mail.mailbox import FIRST_KEYWORD

BATCH = 1000  # messages in one call of the store


async def run(talk: Conversation, command: Command) -> Answer:
    """Change flags, and tell the new ones unless asked not to."""
    arguments = command.arguments
    arguments.space()
    numbers = arguments.sequence_set()
    arguments.space()
    act = arguments.keyword()  # `+` and `-` are letters of an atom
    arguments.space()
    mask, keywords = flag_list.read(arguments)
    arguments.end()
    verb, is_silent = act.removesuffix(b".SILENT"), act.endswith(b".SILENT")
    if verb not in (b"FLAGS", b"+FLAGS", b"-FLAGS"):
        raise bad("Unknown STORE item")
    if talk.is_read_only:
        raise no("READ-ONLY", "The mailbox was opened with EXAMINE")
    uids = chosen(talk, command, numbers)
    if keywords and uids:
        mask |= await _bits(talk, keywords, may_add=verb != b"-FLAGS")
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
            talk.output.write(b"* %d FETCH (%bFLAGS %b)\r\n" % (number, prefix, flags(mask, talk.mailbox.keywords)))


async def _bits(talk: Conversation, keywords: Sequence[str], *, may_add: bool) -> int:
    """Return the bits of keywords; those that the mailbox does not know yet are told when it does."""
    view = talk.mailbox
    wanted = {word.lower() for word in keywords}
    if may_add and not wanted <= {word.lower() for word in view.keywords}:
        known = await talk.store.add_keywords(view.mailbox_id, keywords)
        if known is None:
            raise Gone
        if view.learn(known):
            talk.output.write(known_flags(talk))
        if not wanted <= {word.lower() for word in view.keywords}:
            raise no("LIMIT", "Too many keywords in this mailbox")
    return sum(1 << bit for bit, word in enumerate(view.keywords, FIRST_KEYWORD) if word.lower() in wanted)
