"""What receiving a message of 8 KB costs on a kept connection, measured against plain Python in the same process.

Reading it line by line, as a StreamReader does, would cost more than the bound for its 120 lines alone.
"""

import asyncio
from collections.abc import Iterator, Sequence
from inspect import isawaitable

import pytest

from shared.address import Address
from shared.mail import reply
from shared.mail.reply import Reply
from shared.smtp.handler import Envelope, Terms
from shared.smtp.session import Session
from shared.smtp.spool import Budget, Received
from tests.calibration import TRIES, cost, loop

GROUP = b"MAIL FROM:<ann@here.test>\r\nRCPT TO:<bob@here.test>\r\nDATA\r\n"
MESSAGE = b"From: <ann@here.test>\r\n\r\n" + (b"A" * 64 + b"\r\n") * 120
SEGMENT = 4096  # octets that come at once
TIMES = 20  # in one go


class Guest:
    """A handler that takes everything at once."""

    def welcome(self) -> Reply | None:
        return None

    async def authenticate(self, name: str, password: str) -> Reply:
        return reply.AUTH_OK

    def sender(self, envelope: Envelope) -> Reply:
        return reply.SENDER_OK

    async def recipients(self, envelope: Envelope, addresses: Sequence[Address]) -> Sequence[Reply]:
        return [reply.RECIPIENT_OK] * len(addresses)

    async def message(self, envelope: Envelope, received: Received) -> Reply:
        assert received.read() == MESSAGE
        return reply.ACCEPTED


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


async def said(session: Session, octets: bytes) -> bytes:
    session.feed(octets)
    answers = b""
    while (answer := session.step()) is not None:
        answers += await answer if isawaitable(answer) else answer
    return answers


async def receive(session: Session) -> None:
    octets = MESSAGE + b".\r\n"
    for _ in range(TIMES):
        await said(session, GROUP)
        answers = [await said(session, octets[at : at + SEGMENT]) for at in range(0, len(octets), SEGMENT)]
        assert b"".join(answers).startswith(b"250 ")


async def read_lines() -> None:
    for _ in range(TIMES):
        reader = asyncio.StreamReader()
        reader.feed_data(GROUP + MESSAGE + b".\r\n")
        while await reader.readline() != b".\r\n":
            pass


def test_receive(runner: asyncio.Runner) -> None:
    session = Session(Guest(), Terms("mx.here.test", 100_000, has_auth=False, budget=Budget()), is_tls=True)
    runner.run(said(session, b"EHLO here.test\r\n"))

    def is_cheap() -> bool:
        bound = cost(loop, 60) * TIMES * 0.15  # measured: 0.09; line by line 0.2, and that only reads
        return cost(lambda: runner.run(receive(session)), 30) < bound < cost(lambda: runner.run(read_lines()), 30)

    assert any(is_cheap() for _ in range(TRIES))
