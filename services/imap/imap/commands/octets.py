"""A message's octets: from memory where it came whole, else from the store, slice by slice.

Strategy: what is long is read in slices, and between them the client must take some and others have a turn, so no
message costs more memory than a slice, whatever is done with it.
"""

from collections.abc import AsyncIterator

from imap.state import Conversation
from imap.store import Message, Output

SLICE = 256 * 1024  # octets of a large message in memory at a time
BREATH = 64 * 1024  # octets said or read after which the client must take some, and others have a turn


class Vanished(Exception):
    """The message is no more."""


class Breath:
    """What was done since others had a turn."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._octets = 0

    async def take(self, octets: int) -> None:
        """Count octets; give way if it is time to."""
        self._octets += octets
        if self._octets > BREATH:
            self._octets = 0
            await self._output.drain()


class Octets:
    """One fetched message, to be read from."""

    def __init__(self, talk: Conversation, message: Message, breath: Breath) -> None:
        self._talk = talk
        self._held = message.body if message.body is not None else message.header or b""
        self.message = message
        self.breath = breath

    async def slices(self, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield the octets from `start` to `end`; raise Vanished or Unavailable if they fail to come."""
        if end <= len(self._held):
            if end > start:
                yield self._held if end - start == len(self._held) else self._held[start:end]
            await self.breath.take(end - start)
            return
        for at in range(start, end, SLICE):
            await self._talk.output.drain()
            length = min(SLICE, end - at)
            data = await self._talk.store.read(self._talk.mailbox.mailbox_id, self.message.uid, at, length)
            if len(data) != length:
                raise Vanished
            yield data

    async def read(self, start: int, end: int) -> bytes:
        """Return octets, few enough to be held."""
        return b"".join([data async for data in self.slices(start, end)])
