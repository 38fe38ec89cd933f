"""What a session says, on its way to the socket: one write for a burst of answers, and no more than a client takes."""

import asyncio

from imap.state import CutOff


class Outlet:
    """Fulfils `imap.store.Output` over a transport."""

    __slots__ = ("_chunks", "_resumed", "is_closed", "paused_at", "size", "transport")

    def __init__(self, transport: asyncio.WriteTransport) -> None:
        self.transport = transport
        self.size = 0  # octets not handed to the transport yet
        self.paused_at: float | None = None  # since when (loop time) the client takes nothing
        self.is_closed = False
        self._chunks: list[bytes] = []
        self._resumed: asyncio.Future[None] | None = None

    def write(self, data: bytes) -> None:
        """Queue octets; they leave with the next flush."""
        self._chunks.append(data)
        self.size += len(data)

    def flush(self) -> None:
        """Hand what is queued to the transport in one piece."""
        if self._chunks and not self.is_closed:
            self.transport.write(b"".join(self._chunks))
        self._chunks.clear()
        self.size = 0

    async def drain(self) -> None:
        """Flush, let other sessions have a turn, and return when more may be queued; raise CutOff if nobody listens."""
        self.flush()
        await asyncio.sleep(0)
        if self.paused_at is not None and not self.is_closed:
            self._resumed = asyncio.get_running_loop().create_future()
            await self._resumed
        if self.is_closed:
            raise CutOff

    def pause(self, now: float) -> None:
        """The transport holds enough."""
        self.paused_at = now

    def resume(self) -> None:
        """The transport takes more, or never will again."""
        self.paused_at = None
        if self._resumed is not None and not self._resumed.done():
            self._resumed.set_result(None)
        self._resumed = None
