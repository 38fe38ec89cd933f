"""STORE and UID STORE (RFC 3501 §6.4.6, §6.4.8), perhaps only of what has not changed since (RFC 7162 §3.1.3)."""

from collections.abc import Sequence
from dataclasses import dataclass

from imap.commands import modseqs
from imap.commands.look import known_flags
from imap.commands.numbers import chosen, done, follow, touched
from imap.state import Conversation, Gone
from imap.store import Marked
from imap.wire import flag_list, modseq
from imap.wire.answer import Answer, bad, no
from imap.wire.command import Command
from imap.wire.encode import flags
from imap.wire.grammar import Scanner
from imap.wire.sequence_set import spell
from shared.mail.mailbox import FIRST_KEYWORD

BATCH = 1000  # messages in one call of the store


@dataclass(frozen=True, slots=True)
class _Wish:
    """What to do with the flags of messages; `until`: only where nothing has changed after this modseq."""

    verb: bytes
    is_silent: bool
    mask: int
    keywords: Sequence[str]
    until: int | None


async def run(talk: Conversation, command: Command) -> Answer:
    """Change flags, and tell the new ones unless asked not to."""
    arguments = command.arguments
    arguments.space()
    numbers = arguments.sequence_set()
    arguments.space()
    wish = _read(arguments)
    if wish.until is not None:
        modseqs.heed(talk, "Syntax error")
    if talk.is_read_only:
        raise no("READ-ONLY", "The mailbox was opened with EXAMINE")
    uids = await chosen(talk, command, numbers)
    mask = wish.mask
    if wish.keywords and uids:
        mask |= await _bits(talk, wish.keywords, may_add=wish.verb != b"-FLAGS")
    missing, failed = 0, list[int]()
    for start in range(0, len(uids), BATCH):
        if start:
            await talk.output.drain()
        batch = uids[start : start + BATCH]
        stored = await _change(talk, wish, batch, mask)
        touched(talk, stored.modseq)
        _tell(talk, stored, wish, mask, is_uid=command.is_uid)
        missing += len(batch) - len(stored.messages)
        if wish.until is not None:
            changed = await _tell_changed(talk, batch, stored)
            missing -= len(changed)
            failed += changed
    answer = done(talk, command, missing)
    return Answer("OK", "Some messages have changed", _modified(talk, command, failed)) if failed else answer


def _read(arguments: Scanner) -> _Wish:
    until = modseq.store_modifier(arguments)
    act = arguments.keyword()  # `+` and `-` are letters of an atom
    arguments.space()
    mask, keywords = flag_list.read(arguments)
    arguments.end()
    verb, is_silent = act.removesuffix(b".SILENT"), act.endswith(b".SILENT")
    if verb not in (b"FLAGS", b"+FLAGS", b"-FLAGS"):
        raise bad("Unknown STORE item")
    return _Wish(verb, is_silent, mask, keywords, until)


async def _change(talk: Conversation, wish: _Wish, uids: Sequence[int], mask: int) -> Marked:
    store, mailbox_id = talk.store, talk.mailbox.mailbox_id
    if wish.verb == b"FLAGS":
        return await store.replace_flags(mailbox_id, uids, mask, wish.until)
    if wish.verb == b"+FLAGS":
        return await store.add_flags(mailbox_id, uids, mask, wish.until)
    return await store.remove_flags(mailbox_id, uids, mask, wish.until)


def _tell(talk: Conversation, stored: Marked, wish: _Wish, asked: int, *, is_uid: bool) -> None:
    for (uid, mask), latest in zip(stored.messages, stored.modseqs, strict=True):
        # RFC 3501 §6.4.6: silence is about this command, not about what others did to the message.
        expected = _wished(wish.verb, talk.mailbox.flags(uid), asked) if wish.is_silent else None
        number = talk.mailbox.set_flags(uid, mask, expected)
        if number is None:
            continue
        if talk.tells_modseqs:  # RFC 7162 §3.1.3: its modseq also where its flags are not to be told
            talk.output.write(modseqs.fetched(talk, number, uid, None if wish.is_silent else mask, latest))
        elif not wish.is_silent:
            prefix = b"UID %d " % uid if is_uid else b""
            talk.output.write(b"* %d FETCH (%bFLAGS %b)\r\n" % (number, prefix, flags(mask, talk.mailbox.keywords)))
    follow(talk, stored.modseq)


def _wished(verb: bytes, flags_before: int, mask: int) -> int:
    """Return what the client takes a message's flags to be after its STORE."""
    if verb == b"FLAGS":
        return mask
    return flags_before | mask if verb == b"+FLAGS" else flags_before & ~mask


async def _tell_changed(talk: Conversation, batch: Sequence[int], stored: Marked) -> list[int]:
    """Tell what has become of messages that changed too late for the client to know; return those that still are."""
    uids = sorted(set(batch).difference(uid for uid, _ in stored.messages))
    if not uids:
        return []
    messages = await talk.store.fetch(talk.mailbox.mailbox_id, uids, header=False, body=False)
    for message in messages:
        number = talk.mailbox.set_flags(message.uid, message.flags) or 0
        talk.output.write(modseqs.fetched(talk, number, message.uid, message.flags, message.modseq))
    return [message.uid for message in messages]


def _modified(talk: Conversation, command: Command, uids: Sequence[int]) -> str:
    names = uids if command.is_uid else [talk.mailbox.number(uid) or 0 for uid in uids]
    return f"MODIFIED {spell(names).decode('ascii')}"


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
