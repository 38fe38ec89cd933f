"""Invariants of the inner port: whatever octets come, in whatever pieces, there is at most one answer, a whole one.

It is never a failure of ours (500), nothing is kept beyond the greatest head and one piece, and 200 is only for a GET
of what there is.
"""

import asyncio
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.listen.inner import MAX_HEAD, Answerer, Inner

WHOLE = re.compile(rb"HTTP/1\.1 (\d{3}) [A-Za-z ]+\r\n(?:[A-Za-z-]+: [^\r\n]+\r\n)+\r\n", re.DOTALL)
WORDS = [b"GET", b" ", b"/health", b"/metrics", b"?", b" HTTP/1.1", b" HTTP/1.0", b"\r\n", b"\r\n\r\n", b"\n", b"POST"]
WORDS += [b"HEAD", b"\0", b"\xff", b"Content-Length: 9\r\n", b"x" * 5000, b"GET /health HTTP/1.1\r\n\r\n"]
PIECES = st.lists(st.sampled_from(WORDS) | st.binary(max_size=20), max_size=8)


class Wire(asyncio.Transport):
    """A transport that remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: list[bytes] = []
        self.is_closed = False

    def write(self, data: Any) -> None:
        assert not self.is_closed
        self.answers.append(bytes(data))

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed


class Numbers:
    def write(self) -> bytes:
        return b"numbers"


async def talk(pieces: list[bytes]) -> tuple[Wire, int]:
    wire, answerer = Wire(), Answerer(Inner("imap", lambda: True, exposition=Numbers()))
    answerer.connection_made(wire)
    for piece in pieces:
        answerer.data_received(piece)
    answerer.connection_lost(None)
    return wire, len(answerer._head)


@settings(max_examples=400, deadline=None)
@given(pieces=PIECES)
def test_one_whole_answer_at_most(pieces: list[bytes]) -> None:
    wire, kept = asyncio.run(talk(pieces))
    assert len(wire.answers) <= 1
    assert kept <= MAX_HEAD + max(map(len, pieces), default=0)
    for answer in wire.answers:
        assert wire.is_closed
        head = WHOLE.match(answer)
        assert head
        assert head[1] != b"500"
        asked = b"".join(pieces).partition(b"\r\n")[0].split(b" ")
        path = asked[1].partition(b"?")[0] if len(asked) > 1 else b""
        is_there = asked[0] == b"GET" and path in (b"/health", b"/metrics")
        assert (head[1] == b"200") <= is_there
