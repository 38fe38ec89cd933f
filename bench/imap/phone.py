"""One user of the load: logs in, selects, idles, and notes what it hears."""

import ssl

from bench.imap.wire import Wire, connect, now
from bench.smtp import PASSWORD


class Phone:
    """Counts what an idling client hears: lines of keep-alive, and when EXISTS came."""

    __slots__ = ("exists_at", "kept_alive", "name", "session", "source", "wire")

    wire: Wire

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self.source = source
        self.kept_alive = 0
        self.exists_at = 0.0
        self.session: ssl.SSLSession | None = None

    async def connect(self, context: ssl.SSLContext, to: tuple[str, int], *, holds: int = 0) -> None:
        """Connect, log in and select INBOX, each step awaited; resumes a session that was kept."""
        self.wire = await connect(context, to, self.source, session=self.session, holds=holds)
        self.session = None
        await self.wire.line()
        await self.command(f'LOGIN "{self.name}" "{PASSWORD}"')
        await self.command("SELECT INBOX")

    async def idle(self) -> None:
        """Idle; from now on what comes is only counted."""
        self.wire.write(b"i IDLE\r\n")
        while not (await self.wire.line()).startswith(b"+"):
            pass
        self.wire.on_octets = self._heard

    async def command(self, words: str) -> None:
        """Say a command and await its OK; its other lines are dropped."""
        self.wire.write(f"a {words}\r\n".encode())
        while not (line := await self.wire.line()).startswith(b"a "):
            pass
        assert line.startswith(b"a OK"), line

    async def append(self, message: bytes) -> None:
        """Append a message to INBOX."""
        self.wire.write(b"a APPEND INBOX {%d}\r\n" % len(message))
        while not (await self.wire.line()).startswith(b"+"):
            pass
        self.wire.write(message + b"\r\n")
        while not (line := await self.wire.line()).startswith(b"a "):
            pass
        assert line.startswith(b"a OK"), line

    def cut(self, *, keeps_session: bool = False) -> None:
        """End without a word; a kept session is resumed at the next connection."""
        if keeps_session:
            self.session = self.wire.tls.session
        self.wire.cut()

    def _heard(self, octets: bytes) -> None:
        if b"EXISTS" in octets:
            self.exists_at = now()
        elif octets.startswith(b"* OK"):
            self.kept_alive += 1
