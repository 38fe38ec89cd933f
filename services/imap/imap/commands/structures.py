"""The structure of a message, found when it is asked for and remembered for a while.

Strategy: clients ask for a structure and then for one part after the other. The structures of the last few messages,
of all sessions together, are remembered; bodies never change, so they cannot be wrong. Each is bounded, and so are
they all.
"""

from collections import OrderedDict

from imap.commands.octets import Octets
from imap.content.part import Part
from imap.content.structure import Scanner
from imap.state import Conversation
from imap.store import Store

REMEMBERED = 16
PIECE = 8 * 1024  # octets scanned between breaths
LOOK = 64  # octets: what looking at a line costs

_last: OrderedDict[tuple[Store, int, int], Part] = OrderedDict()


async def structure(talk: Conversation, octets: Octets) -> Part:
    """Return a message's structure; its header has been fetched. Raise Vanished or Unavailable."""
    key = (talk.store, talk.mailbox.mailbox_id, octets.message.uid)
    part = _last.pop(key, None)
    if part is None:
        part = await _scan(octets)
    _last[key] = part
    if len(_last) > REMEMBERED:
        _last.popitem(last=False)
    return part


async def _scan(octets: Octets) -> Part:
    header = octets.message.header or b""
    scanner, looks = Scanner(header), 0
    async for data in octets.slices(len(header), octets.message.size):
        for at in range(0, len(data), PIECE):
            scanner.feed(data[at : at + PIECE])
            await octets.breath.take(PIECE + LOOK * (scanner.looks - looks))
            looks = scanner.looks
    return scanner.finish()
