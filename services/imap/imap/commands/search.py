"""SEARCH and UID SEARCH (RFC 3501 §6.4.4, §6.4.8), ESEARCH (RFC 4731) and `$` (RFC 5182)."""

from array import array
from collections.abc import Sequence

from imap.commands import modseqs
from imap.commands.matching import matching
from imap.state import Conversation
from imap.wire import search_keys, search_return
from imap.wire.answer import Answer, Fault, bad
from imap.wire.command import Command
from imap.wire.search_key import Key
from imap.wire.search_return import Wanted


async def run(talk: Conversation, command: Command) -> Answer:
    """Answer the numbers (or UIDs) of the messages for which all keys hold, or what is wanted of them."""
    arguments = command.arguments
    arguments.space()
    wanted = search_return.read(arguments)
    if talk.is_utf8 and arguments.takes_word(b"CHARSET "):
        raise bad("No CHARSET with UTF8=ACCEPT")  # RFC 6855 §3
    try:
        search_keys.charset(arguments)
    except Fault as fault:
        if wanted.is_saved and fault.answer.word == "NO":
            talk.saved = ()  # RFC 5182 §2.1: a NO empties it, a BAD leaves it as it was
        raise
    key = search_keys.read(arguments)
    if key.has_modseq:
        modseqs.heed(talk, "Unknown search key")
    uids, modseq = await _found(talk, key, wanted)
    numbers = uids if command.is_uid else [talk.mailbox.number(uid) or 0 for uid in uids]
    talk.output.write(wanted.response(command.tag, numbers, is_uid=command.is_uid, modseq=modseq))
    return Answer("OK", "Done")


async def _found(talk: Conversation, key: Key, wanted: Wanted) -> tuple[Sequence[int], int]:
    """Save what is wanted of the UIDs found; return them, ascending, and the highest modseq of it if asked for."""
    uids, modseqs_found, is_done = array("I"), dict[int, int](), False
    try:
        async for candidate in matching(talk, key):
            uids.append(candidate.uid)
            if key.has_modseq:
                modseqs_found[candidate.uid] = candidate.modseq
        is_done = True
    finally:
        if wanted.is_saved:  # RFC 5182 §2.1: a search that fails leaves nothing
            talk.saved = array("I", wanted.saved(uids)) if is_done else ()
    return uids, max(modseqs_found[uid] for uid in wanted.saved(uids)) if modseqs_found else 0
