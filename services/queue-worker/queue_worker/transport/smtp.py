"""SMTP as a client (RFC 5321), on one connection: never without TLS, never more than was agreed.

Strategy: a burst of commands is one write, and their replies are read in order (RFC 2920). A session ends in one of
three ways, and the difference is the whole point: Stopped (nobody was judged: another host may be asked), a result
for each recipient, or ambiguous (the final dot has left and no answer came: no other host may be asked, RFC 5321
§4.5.3.2.6).
"""

import ssl

from queue_worker.transport import portions, security, tlsa, wire
from queue_worker.transport.channel import Channel, Lost, TooSlow
from queue_worker.transport.replies import Garbage, Reader, Reply, extensions
from queue_worker.transport.security import Demand
from queue_worker.transport.values import Letter, Result, Stopped, TlsResult, ambiguous, refused, try_later
from queue_worker.transport.world import World

SECONDS_PER_RECIPIENT = 1.0

# OpenSSL's X509_V_ERR_* to the words of RFC 8460 §4.3.
_EXPIRED, _WRONG_NAME, _NOT_TRUSTED = {10}, {62, 64}, {18, 19, 20, 21, 27}

TOO_BIG = refused(552, "5.3.4", "Message too big for the server")
NO_8BIT = refused(554, "5.6.3", "The server takes no 8-bit messages")
NO_UTF8 = refused(553, "5.6.7", "The server takes no internationalized addresses or headers")


class Unproved(Exception):
    """The TLS handshake failed what was demanded; `result` as RFC 8460 names it."""

    def __init__(self, result: TlsResult) -> None:
        super().__init__(result)
        self.result: TlsResult = result


class Session:
    """One SMTP connection to a host; `open` it, then `send` letters one after another."""

    def __init__(self, channel: Channel, host: str, world: World) -> None:
        self.host = host
        self.idle_seconds = world.terms.idle_seconds
        self._channel = channel
        self._reader = Reader()
        self._world = world
        self._offers: dict[str, str] = {}
        self._is_fresh = True

    @property
    def is_open(self) -> bool:
        """Whether another letter can be sent: whatever a remote says unasked is its goodbye."""
        return self._channel.is_open and not self._channel.has_ended and not self._channel.received

    def close(self) -> None:
        self._channel.close(b"QUIT\r\n")

    @property
    def is_gone(self) -> bool:
        return self._channel.is_gone

    async def closed(self) -> None:
        await self._channel.closed()

    # Opening.

    async def open(self, demand: Demand) -> TlsResult:
        """Greet, become as secure as demanded, and return how TLS went; raise Stopped or Unproved."""
        await self._expect(b"", 220, "the greeting")
        await self._greet()
        if "STARTTLS" not in self._offers:
            if demand.level == "any":
                return "starttls-not-supported"
            raise Unproved("starttls-not-supported")
        await self._start_tls(demand)
        await self._greet()  # what was said before TLS does not count (RFC 3207 §4.2)
        return "success"

    async def _greet(self) -> None:
        reply = await self._expect(f"EHLO {self._world.terms.hostname}\r\n".encode(), 250, "EHLO")
        self._offers = extensions(reply)

    async def _start_tls(self, demand: Demand) -> None:
        await self._expect(b"STARTTLS\r\n", 220, "STARTTLS")
        if self._channel.received:  # said in the clear, to be heard inside TLS (RFC 3207 §6)
            raise self._stopped("4.7.0", "The server spoke out of turn before TLS")
        try:
            await self._channel.start_tls(demand.context(self._world), self.host)
        except ssl.SSLCertVerificationError as error:
            raise Unproved(_reason(error)) from None
        except (ssl.SSLError, Lost, TooSlow):
            raise Unproved("validation-failure") from None
        if demand.level == "dane":
            self._check_dane(demand)

    def _check_dane(self, demand: Demand) -> None:
        chain, now = self._channel.certificates(), security.instant(self._world)
        if not tlsa.matches(demand.records, chain, demand.names, now):
            self._channel.abort()
            raise Unproved("validation-failure")

    # Sending.

    async def send(self, letter: Letter) -> list[Result]:
        """Send a letter and return a result for each recipient; raise Stopped if nobody was judged."""
        unfit = self._unfit(letter)
        if unfit:
            return [unfit.at(self.host)] * len(letter.recipients)
        return await portions.send(letter, self._transact)

    async def _transact(self, letter: Letter) -> list[Result]:
        try:
            return await self._send(letter)
        except BaseException:
            self._channel.abort()
            raise

    def _unfit(self, letter: Letter) -> Result | None:
        limit = self._offers.get("SIZE", "")
        if limit.isdecimal() and 0 < int(limit[:20]) < len(letter.octets):
            return TOO_BIG
        if "8BITMIME" not in self._offers and not letter.octets.isascii():
            return NO_8BIT
        return NO_UTF8 if "SMTPUTF8" not in self._offers and wire.needs_utf8(letter) else None

    async def _send(self, letter: Letter) -> list[Result]:
        mail = await self._begin(letter)
        if not mail.is_ok:
            await self._leave(len(letter.recipients))
            return [mail.result(self.host)] * len(letter.recipients)
        replies: list[Reply] = []
        try:
            return await self._judged(letter, replies)
        except Stopped as stopped:
            return self._cut_short(letter, replies, stopped)

    async def _judged(self, letter: Letter, replies: list[Reply]) -> list[Result]:
        """Say RCPT, DATA and the message; `replies` are those to RCPT, as they come."""
        for recipient in letter.recipients:
            if not self._may_burst:
                self._write(_rcpt(recipient))
            replies.append(await self._reply("RCPT"))
        results = [reply.result(self.host) for reply in replies]
        if not any(reply.is_ok for reply in replies):
            await self._leave(0)
            return results
        data = await self._reply("DATA") if self._may_burst else await self._say(b"DATA\r\n", "DATA")
        verdict = await self._body(letter) if data.code == 354 else self._refusal(data)
        return [verdict if reply.is_ok else result for reply, result in zip(replies, results, strict=True)]

    def _cut_short(self, letter: Letter, replies: list[Reply], stopped: Stopped) -> list[Result]:
        """Return what is known after the end came too soon; raise it where nobody was refused before.

        Many servers hang up after some twenty refusals: who was refused must not be named again, or it never ends.
        """
        if not any(reply.is_permanent for reply in replies):
            raise stopped
        known = [reply.result(self.host) if reply.is_permanent else stopped.result for reply in replies]
        return known + [stopped.result] * (len(letter.recipients) - len(replies))

    @property
    def _may_burst(self) -> bool:
        return "PIPELINING" in self._offers

    async def _begin(self, letter: Letter) -> Reply:
        """Say MAIL, and all up to DATA if it can be said at once; return the reply to MAIL."""
        reset = b"" if self._is_fresh else b"RSET\r\n"
        self._is_fresh = False
        self._channel.give(self._world.terms.reply_seconds + SECONDS_PER_RECIPIENT * len(letter.recipients))
        rest = b"".join([*map(_rcpt, letter.recipients), b"DATA\r\n"]) if self._may_burst else b""
        if reset and not self._may_burst:
            self._write(reset)
            self._wanted(await self._reply("RSET"), 250, "RSET")
            reset = b""
        self._write(reset + self._mail(letter) + rest)
        if reset:
            self._wanted(await self._reply("RSET"), 250, "RSET")
        return await self._reply("MAIL")

    async def _leave(self, recipients: int) -> None:
        """Read what the rest of a burst brings when everybody has been refused; no failure changes that any more."""
        if not self._may_burst:
            return
        try:
            for _ in range(recipients):
                await self._reply("RCPT")
            if (await self._reply("DATA")).code == 354:  # it wants a message for nobody: an empty one (RFC 2920 §3.1)
                await self._say(b".\r\n", "the end of an empty message")
        except Stopped:
            self._channel.abort()

    def _mail(self, letter: Letter) -> bytes:
        words = [f"MAIL FROM:<{letter.sender}>"]
        if "SIZE" in self._offers:
            words.append(f"SIZE={len(letter.octets)}")
        if not letter.octets.isascii():
            words.append("BODY=8BITMIME")
        if "SMTPUTF8" in self._offers and wire.needs_utf8(letter):
            words.append("SMTPUTF8")
        return " ".join(words).encode() + b"\r\n"

    async def _body(self, letter: Letter) -> Result:
        """Send the message and its final dot, and return what the remote says to it."""
        octets = await wire.ready(letter.octets)
        self._channel.give(self._world.terms.reply_seconds)
        try:
            await self._channel.write_all(octets)
        except (Lost, TooSlow):
            raise self._stopped("4.4.2", "Connection lost in the middle of the message") from None
        self._channel.give(self._world.terms.final_seconds)
        try:
            reply = await self._next()
        except (Lost, TooSlow, Garbage):
            self._channel.abort()
            return ambiguous("No answer after the end of the message", self.host)
        if 300 <= reply.code < 400:
            self._channel.abort()
            return ambiguous(f"No verdict after the end of the message: {reply.said()}", self.host)
        return self._sensible(reply, "the end of the message").result(self.host)

    def _refusal(self, reply: Reply) -> Result:
        if reply.is_ok:
            raise self._senseless(reply, "DATA")
        return reply.result(self.host)

    # One command, one reply.

    async def _say(self, command: bytes, what: str) -> Reply:
        self._channel.give(self._world.terms.reply_seconds)
        self._write(command)
        return await self._reply(what)

    async def _expect(self, command: bytes, code: int, what: str) -> Reply:
        try:
            return self._wanted(await self._say(command, what), code, what)
        except BaseException:
            self._channel.abort()
            raise

    def _wanted(self, reply: Reply, code: int, what: str) -> Reply:
        if reply.code != code:
            raise self._senseless(reply, what)
        return reply

    def _write(self, command: bytes) -> None:
        try:
            if command:
                self._channel.write(command)
        except Lost:
            raise self._stopped("4.4.2", "Connection lost") from None

    async def _reply(self, what: str) -> Reply:
        try:
            return self._sensible(await self._next(), what)
        except Lost:
            raise self._stopped("4.4.2", f"Connection lost while waiting for the reply to {what}") from None
        except TooSlow:
            raise self._stopped("4.4.2", f"Time-out while waiting for the reply to {what}") from None
        except Garbage:
            raise self._stopped("4.5.0", f"The reply to {what} is not SMTP") from None

    async def _next(self) -> Reply:
        while (reply := self._reader.take(self._channel.received)) is None:
            await self._channel.more()
        return reply

    def _sensible(self, reply: Reply, what: str) -> Reply:
        if reply.code == 421:  # the whole server is closing, whatever it was asked (RFC 5321 §3.8)
            self._channel.abort()
            raise Stopped(reply.result(self.host))
        if 300 <= reply.code < 400 and (reply.code, what) != (354, "DATA"):
            raise self._senseless(reply, what)
        return reply

    def _senseless(self, reply: Reply, what: str) -> Stopped:
        return self._stopped("4.5.0", f"Unexpected reply to {what}: {reply.said()}")

    def _stopped(self, enhanced: str, text: str) -> Stopped:
        self._channel.abort()
        return Stopped(try_later(enhanced, text).at(self.host))


def _rcpt(recipient: str) -> bytes:
    return f"RCPT TO:<{recipient}>\r\n".encode()


def _reason(error: ssl.SSLCertVerificationError) -> TlsResult:
    if error.verify_code in _EXPIRED:
        return "certificate-expired"
    if error.verify_code in _WRONG_NAME:
        return "certificate-host-mismatch"
    return "certificate-not-trusted" if error.verify_code in _NOT_TRUSTED else "validation-failure"
