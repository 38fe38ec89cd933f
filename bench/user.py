"""One user: a submission connection, an IMAP connection that idles, and the cycle between them.

The commands are those of a Delta Chat core: MAIL, RCPT and DATA in one flight, then the message; DONE, UID FETCH,
UID STORE and UID EXPUNGE each answered before the next, then IDLE again. A client that pipelines says DONE and UID
FETCH in one breath, and UID STORE, UID EXPUNGE and IDLE in another: seven flights in all become four.
"""

import re
import time
from dataclasses import dataclass

from bench.messages import Messages
from bench.smtp import PASSWORD, Smtp, envelope, log_in
from bench.wire import Wire, connect

_UIDNEXT = re.compile(rb"\[UIDNEXT (\d+)\]")
_LITERAL = re.compile(rb"\{(\d+)\}\r\n$")


@dataclass(frozen=True, slots=True)
class Door:
    """Where the suite listens, and from which address a user comes."""

    host: str
    submissions: int
    imaps: int
    source: str


class User:
    """A user who writes to itself, so that whoever waits for the message is known without looking."""

    def __init__(self, address: str, door: Door, size: int, *, is_pipelining: bool = False) -> None:
        self._address = address
        self._is_pipelining = is_pipelining
        self._door = door
        self._messages = Messages(address, size)
        self._name = address.partition("@")[0]
        self._sent = self._tag = self._uidnext = 0
        self._envelope = envelope(address, [address])
        self._imap = Wire()
        self._smtp = Smtp(Wire())

    async def connect(self) -> None:
        """Log in at both doors (the first time makes the account) and idle."""
        self._imap = await connect(self._door.host, self._door.imaps, self._door.source)
        await self._imap.line()
        await self._command(b'LOGIN "%b" "%b"' % (self._address.encode(), PASSWORD.encode()))
        answer = await self._command(b"SELECT INBOX")
        found = _UIDNEXT.search(answer)
        assert found, answer
        self._uidnext = int(found[1])
        self._say(b"IDLE")
        await self._go_on()
        await self.log_in_to_send()

    async def log_in_to_send(self) -> None:
        """Log in at the submission door alone."""
        door = self._door
        self._smtp = await log_in(door.host, door.submissions, door.source, self._address)

    async def send_to(self, recipient: str, name: str) -> None:
        """Send somebody a message whose Message-ID is `name`, and return at its 250."""
        await self._smtp.send(envelope(self._address, [recipient]), self._messages.numbered(name))

    def close(self) -> None:
        self._smtp.close()
        self._imap.close()

    async def cycle(self) -> dict[str, float]:
        """Send a message, hear of it, fetch it, remove it.

        Returns seconds since the first octet of MAIL: 250, EXISTS, the last octet of FETCH's answer, idling again.
        """
        self._sent += 1
        name = f"{self._name}.{self._sent}.{time.time_ns()}"
        message = self._messages.numbered(name)
        self._imap.listen()
        start = time.perf_counter()
        await self._smtp.send(self._envelope, message)
        accepted = time.perf_counter()
        await self._hear()
        body = await self._fetch()
        readable = time.perf_counter()
        assert name.encode() in body, "another message than was sent"
        await self._remove()
        done = time.perf_counter()
        steps = {"accepted": accepted, "told": self._imap.heard_at, "readable": readable, "done": done}
        return {name: at - start for name, at in steps.items()}

    async def _hear(self) -> None:
        while b"EXISTS" not in await self._imap.line():
            self._imap.listen()

    async def _fetch(self) -> bytes:
        idling = self._tag
        fetching = b"UID FETCH %d:* (FLAGS BODY.PEEK[])" % self._uidnext
        if self._is_pipelining:
            self._tag += 1
            self._imap.write(b"DONE\r\na%d %b\r\n" % (self._tag, fetching))
            await self._answer(idling)
            return await self._answer()
        self._imap.write(b"DONE\r\n")
        await self._answer()
        return await self._command(fetching)

    async def _remove(self) -> None:
        uid = self._uidnext
        self._uidnext += 1
        commands = [rb"UID STORE %d +FLAGS (\Deleted)" % uid, b"UID EXPUNGE %d" % uid]
        if self._is_pipelining:
            first = self._tag + 1
            self._tag += 3
            lines = [b"a%d %b\r\n" % (first + at, words) for at, words in enumerate([*commands, b"IDLE"])]
            self._imap.write(b"".join(lines))
            await self._answer(first)
            answer = await self._answer(first + 1)
        else:
            await self._command(commands[0])
            answer = await self._command(commands[1])
            self._say(b"IDLE")
        assert b" EXPUNGE\r\n" in answer, answer
        await self._go_on()

    async def _go_on(self) -> None:
        line = await self._imap.line()
        assert line.startswith(b"+"), line

    async def _command(self, words: bytes) -> bytes:
        self._say(words)
        return await self._answer()

    def _say(self, words: bytes) -> None:
        self._tag += 1
        self._imap.write(b"a%d %b\r\n" % (self._tag, words))

    async def _answer(self, number: int = 0) -> bytes:
        """Return everything up to the tagged OK of a command, the last one unless told."""
        tag = b"a%d " % (number or self._tag)
        heard: list[bytes] = []
        while not (line := await self._imap.line()).startswith(tag):
            heard.append(line)
            if literal := _LITERAL.search(line):
                heard.append(await self._imap.octets(int(literal[1])))
        assert line.startswith(tag + b"OK"), line
        return b"".join([*heard, line])
