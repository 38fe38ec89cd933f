"""SORT and UID SORT (RFC 5256 §3)."""

from collections.abc import Sequence
from dataclasses import replace

from imap.commands import modseqs
from imap.commands.matching import matching
from imap.state import Conversation
from imap.wire import search_keys, sort_keys
from imap.wire.answer import Answer
from imap.wire.command import Command
from imap.wire.search_key import HEADER_COST
from imap.wire.search_return import highest
from imap.wire.sort_keys import Rank

RANK_COST = 2 * HEADER_COST  # reading addresses, or a date, or making a base subject


async def run(talk: Conversation, command: Command) -> Answer:
    """Answer the messages for which all keys hold, in the order asked for."""
    arguments = command.arguments
    arguments.space()
    criteria = sort_keys.read(arguments)
    arguments.space()
    search_keys.charset_name(arguments)
    key = replace(search_keys.read(arguments), needs_store=True)
    if key.has_modseq:
        modseqs.heed(talk, "Unknown search key")
    in_header = sum(criterion.needs_header for criterion in criteria)
    if in_header:
        key = replace(key.with_header(in_header), cost=key.cost + in_header * RANK_COST)
    rows: list[tuple[int, Sequence[Rank]]] = []
    modseq = 0
    async for candidate in matching(talk, key):
        name = candidate.uid if command.is_uid else candidate.number
        rows.append((name, [criterion.rank(candidate) for criterion in criteria]))
        modseq = max(modseq, candidate.modseq if key.has_modseq else 0)
    ordered = sort_keys.order(rows, criteria)
    talk.output.write(b"* SORT%b%b\r\n" % (b"".join(b" %d" % name for name in ordered), highest(modseq)))
    return Answer("OK", "Done")
