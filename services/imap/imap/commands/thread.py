"""THREAD and UID THREAD (RFC 5256 §3)."""

from dataclasses import replace

from imap.commands import modseqs
from imap.commands.matching import matching
from imap.commands.sort import RANK_COST
from imap.content.threads import Threaded, TooTangled, by_references, by_subject, ids, spell
from imap.state import Conversation
from imap.wire import search_keys
from imap.wire.answer import Answer, bad, no
from imap.wire.command import Command
from imap.wire.search_key import Candidate
from imap.wire.sort_keys import moment, subject

MAX_MESSAGES = 20_000
MAX_SUBJECT = 256  # letters

_ALGORITHMS = {b"REFERENCES": by_references, b"ORDEREDSUBJECT": by_subject}
_LOOKUPS = 4  # Date, Subject, Message-ID, References or In-Reply-To


async def run(talk: Conversation, command: Command) -> Answer:
    """Answer the messages for which all keys hold, as threads."""
    arguments = command.arguments
    arguments.space()
    algorithm = _ALGORITHMS.get(arguments.keyword())
    if algorithm is None:
        raise bad("Unknown threading algorithm")
    arguments.space()
    search_keys.charset_name(arguments)
    key = search_keys.read(arguments).with_header(_LOOKUPS)
    if key.has_modseq:
        modseqs.heed(talk, "Unknown search key")
    messages: list[Threaded] = []
    async for candidate in matching(talk, replace(key, cost=key.cost + _LOOKUPS * RANK_COST)):
        if len(messages) == MAX_MESSAGES:
            raise no("LIMIT", "Too many messages to thread")
        messages.append(_threaded(candidate, candidate.uid if command.is_uid else candidate.number))
    try:
        threads = b"".join(spell(algorithm(messages)))
    except TooTangled:
        raise no("LIMIT", "The references are too tangled") from None
    talk.output.write(b"* THREAD%b\r\n" % (b" " + threads if threads else b""))
    return Answer("OK", "Done")


def _threaded(candidate: Candidate, name: int) -> Threaded:
    fields = candidate.fields
    own = ids(fields.first(b"message-id"))
    # §4 step 1: only if there are no references, the message that is answered.
    references = ids(fields.first(b"references")) or ids(fields.first(b"in-reply-to"))[:1]
    return Threaded(name, moment(candidate), subject(candidate)[:MAX_SUBJECT], own[0] if own else b"", references)
