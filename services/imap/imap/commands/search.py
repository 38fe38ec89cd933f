"""SEARCH and UID SEARCH (RFC 3501 §6.4.4, §6.4.8), ESEARCH (RFC 4731) and `$` (RFC 5182)."""

from array import array
from collections.abc import Sequence

from imap.commands.matching import matching
from imap.state import Conversation
from imap.wire import search_keys, search_return
from imap.wire.answer import Answer
from imap.wire.command import Command
from imap.wire.search_key import Key
from imap.wire.search_return import Wanted


async def run(talk: Conversation, command: Command) -> Answer:
    """Answer the numbers (or UIDs) of the messages for which all keys hold, or what is wanted of them."""
    arguments = command.arguments
    arguments.space()
    wanted = search_return.read(arguments)
    search_keys.charset(arguments)
    key = search_keys.read(arguments)
    uids = await _found(talk, key, wanted)
    numbers = uids if command.is_uid else [talk.mailbox.number(uid) or 0 for uid in uids]
    talk.output.write(wanted.response(command.tag, numbers, is_uid=command.is_uid))
    return Answer("OK", "Done")


async def _found(talk: Conversation, key: Key, wanted: Wanted) -> Sequence[int]:
    """Return the UIDs found, ascending, and save what is wanted of them."""
    uids, is_done = array("I"), False
    try:
        async for candidate in matching(talk, key):
            uids.append(candidate.uid)
        is_done = True
    finally:
        if wanted.is_saved:  # RFC 5182 §2.1: a search that fails leaves nothing
            talk.saved = array("I", wanted.saved(uids)) if is_done else ()
    return uids
