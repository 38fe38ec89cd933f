"""What a session says, on its way to the socket: one write for a burst of answers, and no more than a client takes."""

import asyncio

from imap.deflate import BURST, deflated
from imap.state import CutOff


class Outlet:
    """Fulfils `imap.store.Output` over a transport; once it is `is_compressed`, what leaves is DEFLATE."""

    __slots__ = ("_chunks", "_resumed", "is_closed", "is_compressed", "paused_at", "size", "transport")

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self.transport = transport
        self.size = 0  # octets not handed to the transport yet
        self.paused_at: float | None = None  # since when (loop time) the client takes nothing
        self.is_closed = False
        self.is_compressed = False
        self._chunks: list[bytes] = []
        self._resumed: asyncio.Future[None] | None = None

    def write(self, data: bytes) -> None:
        """Queue octets; they leave with the next flush."""
        self._chunks.append(data)
        self.size += len(data)

    def flush(self) -> None:
        """Hand what is queued to the transport in one piece."""
        if self._chunks and not self.is_closed:
            self._send(b"".join(self._chunks))
        self._chunks.clear()
        self.size = 0

    async def drain(self) -> None:
        """Flush, let other sessions have a turn, and return when more may be queued; raise CutOff if nobody listens."""
        while self.is_compressed and self.size > BURST and not self.is_closed:
            await self._burst()
        self.flush()
        await asyncio.sleep(0)
        if self.paused_at is not None and not self.is_closed:
            self._resumed = asyncio.get_running_loop().create_future()
            await self._resumed
        if self.is_closed:
            raise CutOff

    async def _burst(self) -> None:
        """Send as much as may be compressed in one turn, and let others have theirs."""
        queued = b"".join(self._chunks)
        self._send(queued[:BURST])
        self._chunks, self.size = [queued[BURST:]], len(queued) - BURST
        await asyncio.sleep(0)

    def _send(self, data: bytes) -> None:
        self.transport.write(deflated(data) if self.is_compressed else data)

    def pause(self, now: float) -> None:
        """The transport holds enough."""
        self.paused_at = now

    def resume(self) -> None:
        """The transport takes more, or never will again."""
        self.paused_at = None
        if self._resumed is not None and not self._resumed.done():
            self._resumed.set_result(None)
        self._resumed = None
