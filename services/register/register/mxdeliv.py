"""`/mxdeliv`: mail from other servers over HTTPS, for when port 25 is shut on the way.

Strategy: a bare ASGI app in front of the pages, since it may be asked as often as port 25 and needs nothing of theirs.
The envelope stands in the headers, the message is the body and goes straight into a spool. What is refused is refused
before the body is read, where the envelope alone tells; what comes of it nevertheless is dropped, for a connection
closed on octets unread is reset, and a proxy in between would never see the answer. The answer is an HTTP status with
the words of SMTP: 200, 400 for good, 503 for now. GET is answered 405, which is how another server like ours tells this
door from any web server that says 200 to everything. One status stands for all recipients: see
`shared.inbound.reception`.
"""

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from starlette.types import Receive, Scope, Send

from shared import log
from shared.address import Address, AddressError, parse
from shared.inbound.guesses import tell_firewall
from shared.inbound.reception import Letter, Reception, Visitor
from shared.mail import reply
from shared.mail.reply import Reply
from shared.smtp import tally
from shared.smtp.spool import Budget, Received

PATH = b"/mxdeliv"
MAX_RECIPIENTS = 1000
QUIET_SECONDS = 2.0  # without an octet of what is left of a refused message
ANSWER_SECONDS = 25.0  # to judge and store a message, as at port 25

_LENGTH = re.compile(rb"[0-9]{1,18}")
_TEXT = (b"content-type", b"text/plain; charset=us-ascii")


@dataclass(frozen=True, slots=True)
class _Envelope:
    """What the headers say; `length` is what Content-Length announces, 0 if nothing does."""

    sender: Address | None
    recipients: Sequence[Address]
    length: int


class Gone(Exception):
    """The client hung up in the middle."""


class _Body:
    """The body of one request as it comes; `is_over` once all of it has."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.is_over = False

    async def next(self) -> bytes:
        """Return the next octets, or raise Gone."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise Gone
        self.is_over = not message.get("more_body")
        octets: bytes = message.get("body", b"")
        return octets


class Mxdeliv:
    """Takes messages of at most `max_size` octets; long ones wait in `folder`."""

    def __init__(self, reception: Reception, max_size: int, folder: Path | None = None) -> None:
        self._reception = reception
        self._max_size = max_size
        self._folder = folder
        self._budget = Budget(largest=max_size)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        if scope["method"] != "POST":
            await _send(send, 405, b"", (b"allow", b"POST"))
            await _end(send)
            return
        body = _Body(receive)
        try:
            answer = await self._answer(scope, body)
        except Gone:
            return
        except Exception as error:  # the sender is told nothing of it
            log.failure("delivery_failed", error)
            answer = reply.TROUBLE
        tally.spoken(answer)
        # Who waits to be asked for the body has not sent it: this connection is out of step.
        is_waiting = any(name == b"expect" for name, _ in scope["headers"])
        await _send(send, _status(answer), answer.line().rstrip(), *([(b"connection", b"close")] if is_waiting else []))
        if not is_waiting:
            await self._hear_out(body)
        await _end(send)

    async def _hear_out(self, body: _Body) -> None:
        left = self._max_size
        with suppress(Gone, TimeoutError):
            while not body.is_over and left > 0:
                async with asyncio.timeout(QUIET_SECONDS):
                    left -= len(await body.next())

    async def _answer(self, scope: Scope, body: _Body) -> Reply:
        envelope = _read(scope["headers"])
        if isinstance(envelope, Reply):
            return envelope
        source = scope["client"][0]
        early = self._refuse(source, envelope)
        if early:
            return early
        judged = await self._reception.judge(source, envelope.sender, envelope.recipients)
        tell_firewall(scope["state"]["peer"], judged.values())
        failed = {address: answer for address, answer in judged.items() if isinstance(answer, Reply)}
        mailboxes = {address: answer for address, answer in judged.items() if isinstance(answer, int)}
        # What may pass comes first: who has named too many in vain is told of none of them.
        for answer in failed.values():
            if not answer.is_permanent:
                return answer
        if not mailboxes:
            return next(iter(failed.values()))
        letter = Letter(Visitor(source, scope["state"]["peer"]), envelope.sender, mailboxes, failed, is_framed=False)
        return await self._take(letter, body)

    def _refuse(self, source: str, envelope: _Envelope) -> Reply | None:
        """Return what stands against a message before anybody is asked, or None."""
        away = self._reception.welcome()
        if away:
            return away
        if envelope.length > self._max_size:
            return reply.TOO_LARGE
        begun = self._reception.begin(source, envelope.sender)
        if begun.code >= 300:
            return begun
        return reply.NO_SPACE if self._budget.is_spent(source) else None

    async def _take(self, letter: Letter, body: _Body) -> Reply:
        received = Received(self._budget, self._folder, letter.visitor.source)
        try:
            wrong = await self._spool(received, body)
            if wrong:
                return wrong
            size = received.size
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._reception.receive(letter, received)
            if answer is reply.ACCEPTED:
                tally.accepted(size, len(letter.mailboxes))
            return answer
        except TimeoutError:
            return reply.TROUBLE
        finally:
            received.close()

    async def _spool(self, received: Received, body: _Body) -> Reply | None:
        size = 0
        while not body.is_over:
            octets = await body.next()
            size += len(octets)
            if size > self._max_size:
                return reply.TOO_LARGE
            received.write(octets)
            if received.has_failed:
                return reply.NO_SPACE
        return None


def _read(headers: Sequence[tuple[bytes, bytes]]) -> _Envelope | Reply:
    """Read the envelope; addresses are bare or in angle brackets, several in one field stand between commas."""
    senders = [value for name, value in headers if name == b"x-mail-from"]
    if len(senders) > 1:
        return reply.BAD_SENDER
    recipients = [value for name, value in headers if name == b"x-mail-to"]
    length = next((value for name, value in headers if name == b"content-length"), b"0")
    try:
        sender = _address(senders[0]) if senders and _bare(senders[0]) else None
    except AddressError:
        return reply.BAD_SENDER
    if not recipients:
        return reply.NO_RECIPIENTS
    try:
        named = dict.fromkeys(_address(one) for value in recipients for one in value.split(b","))
    except AddressError:
        return reply.BAD_RECIPIENT
    if len(named) > MAX_RECIPIENTS:
        return reply.TOO_MANY_AT_ONCE
    return _Envelope(sender, list(named), int(length) if _LENGTH.fullmatch(length) else 0)


def _address(value: bytes) -> Address:
    try:
        return parse(_bare(value).decode("ascii"))
    except UnicodeDecodeError as error:
        raise AddressError("not ASCII") from error


def _bare(value: bytes) -> bytes:
    value = value.strip()
    return value[1:-1].strip() if value[:1] == b"<" and value[-1:] == b">" else value


def _status(answer: Reply) -> int:
    if answer.code < 300:
        return 200
    if answer is reply.TOO_LARGE:
        return 413
    return 400 if answer.is_permanent else 503


async def _send(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    """Send the whole answer; `_end` says that it was."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [_TEXT, length, *headers]})
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _end(send: Send) -> None:
    await send({"type": "http.response.body", "body": b""})
