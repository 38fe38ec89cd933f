"""Whatever a client says, the session answers in well-formed lines, never fails, and stores only what it said 250 to.

Nothing is stored before login, nothing that the gate would refuse, and nothing after the session is over.
"""

import asyncio
from inspect import isawaitable

from hypothesis import given, settings
from hypothesis import strategies as st
from submission.desk import Desk
from submission.handler import User

from shared.intake import Intake
from shared.listen.ticket import Ticket
from shared.smtp.handler import Terms
from shared.smtp.session import Session
from tests.smtp_fakes import DOMAINS, World, encrypted

LOGIN = b"AUTH PLAIN AGFubkBoZXJlLnRlc3QAc2VjcmV0LXdvcmQ=\r\n"
PIECES = st.sampled_from(
    [b"EHLO a\r\n", LOGIN, b"MAIL FROM:<ann@here.test>\r\n", b"RCPT TO:<bob@here.test>\r\n", b"RCPT TO:<v@x.test>\r\n",
     b"DATA\r\n", encrypted(), b".\r\n", b"\r\n", b"RSET\r\n", b"QUIT\r\n", b"NOOP\r\n", b"STARTTLS\r\n",
     b"AUTH LOGIN\r\n", b"*\r\n", b"hello\r\n", b"\n", b"\r", b"\0", b"\xff", b"x" * 700, b"MAIL FROM:<", b"BDAT 5\r\n",
     b"VRFY a\r\n", b"\n.\n"]
)  # fmt: skip
SPEECH = st.lists(PIECES, max_size=25)


async def talk(pieces: list[bytes], world: World) -> tuple[bytes, Session]:
    desk = Desk(world, world, world, world, world, Intake(world), world, world, DOMAINS)
    session = Session(User(desk, Ticket("source")), Terms("mx.here.test", 100_000, has_auth=True), is_tls=True)
    said = session.greet()
    for piece in pieces:
        session.feed(piece)
        while (answer := session.step()) is not None:
            said += await answer if isawaitable(answer) else answer
    return said, session


@settings(max_examples=400, derandomize=True, deadline=None)
@given(SPEECH, st.booleans())
def test_session(pieces: list[bytes], is_logged_in: bool) -> None:
    world = World()
    start = [b"EHLO a\r\n", LOGIN] if is_logged_in else []
    said, session = asyncio.run(talk([*start, *pieces], world))
    lines = said.split(b"\r\n")
    assert lines.pop() == b""
    for line in lines:
        assert line[:3].isdigit()
        assert line[3:4] in (b" ", b"-")
        assert 200 <= int(line[:3]) <= 559
    assert len(world.stored) == lines.count(b"250 2.0.0 Accepted")
    assert not world.stored or any(line.startswith(b"235") for line in lines)
    assert session.is_over or not lines[-1].startswith(b"421")


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.binary(max_size=300))
def test_any_octets(octets: bytes) -> None:
    world = World()
    asyncio.run(talk([b"EHLO a\r\n", LOGIN, octets, b"\r\n", octets], world))
    assert world.stored == []
