"""An IMAP connection of the load generator with INBOX selected: commands and their answers, and IDLE."""

import asyncio
import re
import time
from collections.abc import Sequence

from bench.smtp import PASSWORD
from bench.wire import Wire, connect

_UIDNEXT = re.compile(rb"\[UIDNEXT (\d+)\]")
_LITERAL = re.compile(rb"\{(\d+)\}\r\n$")
_UID = re.compile(rb"UID (\d+)")


class Inbox:
    """One connection; every command raises AssertionError where its answer is not OK."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._tag = 0

    async def log_in(self, address: str) -> None:
        """Read the greeting and log in; the first time makes the account."""
        await self._wire.line()
        await self.command(f'LOGIN "{address}" "{PASSWORD}"'.encode())

    async def select(self) -> int:
        """Select INBOX and return its next UID."""
        found = _UIDNEXT.search(b"".join(await self.command(b"SELECT INBOX")))
        assert found
        return int(found[1])

    async def fetch(self, first: int) -> list[tuple[int, bytes]]:
        """Return UIDs and messages from one UID on; n:* names the last one where there is none (RFC 3501 §6.4.8)."""
        parts = await self.command(b"UID FETCH %d:* (UID FLAGS BODY.PEEK[])" % first)
        return [
            (int(uid[1]), parts[at])
            for at, line in enumerate(parts, 1)
            if _LITERAL.search(line) and (uid := _UID.search(line)) and int(uid[1]) >= first
        ]

    async def mark(self, uids: Sequence[int], words: bytes) -> None:
        """Store flags, as in `+FLAGS (\\Seen)`."""
        await self.command(b"UID STORE %b %b" % (_set(uids), words))

    async def expunge(self, uids: Sequence[int]) -> int:
        """Remove what is marked as deleted and return how many went."""
        return b"".join(await self.command(b"UID EXPUNGE %b" % _set(uids))).count(b" EXPUNGE\r\n")

    async def idle(self, until: float) -> bool:
        """Idle until mail comes, or a time (monotonic); return whether it came."""
        self._say(b"IDLE")
        is_told = False
        try:
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                while not is_told:
                    is_told = b"EXISTS" in await self._wire.line()
        except TimeoutError:
            pass
        self._wire.write(b"DONE\r\n")
        return b"EXISTS" in b"".join(await self._answer()) or is_told

    async def log_out(self) -> None:
        """Say LOGOUT, hear the answer, and leave."""
        await self.command(b"LOGOUT")
        self.close()

    def close(self) -> None:
        """Disconnect without a word."""
        self._wire.close()

    async def command(self, words: bytes) -> list[bytes]:
        """Say a command; return the lines and literals of its answer."""
        self._say(words)
        return await self._answer()

    def _say(self, words: bytes) -> None:
        self._tag += 1
        self._wire.write(b"a%d %b\r\n" % (self._tag, words))

    async def _answer(self) -> list[bytes]:
        tag = b"a%d " % self._tag
        heard: list[bytes] = []
        while not (line := await self._wire.line()).startswith(tag):
            heard.append(line)
            if literal := _LITERAL.search(line):
                heard.append(await self._wire.octets(int(literal[1])))
        assert line.startswith(tag + b"OK"), line
        return [*heard, line]


async def open_inbox(host: str, port: int, source: str, address: str) -> Inbox:
    """Connect under TLS and log in."""
    inbox = Inbox(await connect(host, port, source))
    await inbox.log_in(address)
    return inbox


def _set(uids: Sequence[int]) -> bytes:
    return ",".join(map(str, sorted(uids))).encode()
