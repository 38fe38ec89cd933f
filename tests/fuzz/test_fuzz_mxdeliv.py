"""Invariants of `/mxdeliv`: whatever a stranger's headers and body hold, one answer comes, never a failure of ours.

At most one message is stored, for recipients of ours alone, and its body is the one that was sent; at most one report
goes out, to the verified author; all that was taken from the budget is given back. Over a socket no octets whatever
bring a status above 499 but 503.
"""

import asyncio
from ipaddress import ip_address

from hypothesis import given, settings
from hypothesis import strategies as st
from register.app import build
from register.limits import Limits
from register.mxdeliv import PATH, Mxdeliv
from register.server import HttpServer, Large
from starlette.types import Message

from shared.inbound.guesses import Guesses
from shared.listen.pace import SourcePace, a_second
from shared.listen.ticket import Ticket
from tests.smtp_fakes import World, encrypted, reception
from tests.unit.register.fakes import Clock, FakeAccounts, births, site

LETTER = encrypted("zoe@there.test")
PIECES = [b"@", b",", b"<", b">", b" ", b"\t", b"\0", b"\xff", b"[", b"]", b".", b"+", b"%", b'"', b"a" * 70, b"x.test"]
ADDRESSES = [b"ann@here.test", b"zoe@there.test", b"nobody@here.test", b"full@here.test", b"v@x.test", b"", b"<>"]
VALUES = st.lists(st.sampled_from(ADDRESSES + PIECES), max_size=4).map(b"".join) | st.binary(max_size=12)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from([b"x-mail-to", b"x-mail-to", b"x-mail-from", b"content-length", b"expect", b"host"]),
        VALUES | st.sampled_from(ADDRESSES),
    ),
    max_size=5,
)
BODIES = st.one_of(
    st.just(LETTER),
    st.binary(max_size=60),
    st.tuples(st.integers(0, len(LETTER)), st.binary(max_size=4)).map(
        lambda at: LETTER[: at[0]] + at[1] + LETTER[at[0] :]
    ),
)
CHUNKS = st.integers(1, 400)


def door(world: World) -> Mxdeliv:
    free = SourcePace(a_second(1_000_000))
    return Mxdeliv(reception(world, guesses=Guesses(a_second(1_000_000), a_second(1_000_000)), pace=free), 2000)


async def deliver(world: World, headers: list[tuple[bytes, bytes]], body: bytes, size: int) -> int:
    chunks = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
    arriving = iter(enumerate(chunks, 1))
    sent: list[Message] = []

    async def receive() -> Message:
        number, chunk = next(arriving)
        return {"type": "http.request", "body": chunk, "more_body": number < len(chunks)}

    async def send(message: Message) -> None:
        sent.append(message)

    state = {"peer": ip_address("192.0.2.7")}
    scope = {"type": "http", "method": "POST", "headers": headers, "client": ("source", 0), "state": state}
    at = door(world)
    before = at._budget._left
    await at(scope, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start"] + ["http.response.body"] * 2
    assert at._budget._left == before
    return int(sent[0]["status"])


@settings(max_examples=600, deadline=None, derandomize=True)
@given(HEADERS, BODIES, CHUNKS, st.booleans())
def test_any_envelope_and_body(headers: list[tuple[bytes, bytes]], body: bytes, size: int, is_addressed: bool) -> None:
    world = World()
    if is_addressed:
        headers = [(b"x-mail-to", b"ann@here.test"), *headers]
    status = asyncio.run(deliver(world, headers, body, size))
    assert status in (200, 400, 413)
    letters = [incoming for incoming in world.stored if incoming.outgoing is None]
    reports = [incoming for incoming in world.stored if incoming.outgoing]
    assert len(letters) == (status == 200)
    assert len(reports) <= len(letters)
    for letter in letters:
        assert set(letter.mailbox_ids) <= {1, 2, 3}
        assert letter.body.rstrip(b"\r\n").endswith(body.partition(b"\r\n\r\n")[2].rstrip(b"\r\n"))
    assert all(report.outgoing and str(report.outgoing.recipients[0]) == "zoe@there.test" for report in reports)


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.is_closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


REQUEST = (
    b"POST /mxdeliv HTTP/1.1\r\nHost: x\r\nX-MAIL-FROM: zoe@there.test\r\nX-MAIL-TO: ann@here.test\r\n"
    b"Content-Length: %d\r\n\r\n" % len(LETTER)
) + LETTER
JUNK = st.one_of(
    st.binary(max_size=6),
    st.sampled_from([b"\r\n", b"\r\n\r\n", b":", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 9\r\n", REQUEST]),
)


async def converse(octets: bytes, size: int) -> tuple[World, bytes]:
    world = World()
    of, clock = site(), Clock()
    web = build(of, births(FakeAccounts(), of, clock), Limits(clock), lambda: False, door(world))
    http = HttpServer(web, Large(PATH, 2000))
    ticket = Ticket("source", peer=ip_address("192.0.2.7"))
    connection = http.speak("https")(ticket)
    transport = Transport()
    connection.connection_made(transport)
    for at in range(0, len(octets), size):
        if not transport.is_closed:
            connection.data_received(octets[at : at + size])
            await asyncio.sleep(0)
    for _ in range(30):
        await asyncio.sleep(0)
    connection.connection_lost(None)
    for _ in range(5):
        await asyncio.sleep(0)
    return world, transport.written


async def test_the_control() -> None:
    world, written = await converse(REQUEST, 100)
    assert (len(world.stored), written[:15]) == (1, b"HTTP/1.1 200 OK")


@settings(max_examples=500, deadline=None, derandomize=True)
@given(st.integers(0, len(REQUEST)), st.integers(0, 30), JUNK, st.integers(1, 2000))
def test_any_octets(at: int, cut: int, junk: bytes, size: int) -> None:
    world, written = asyncio.run(converse(REQUEST[:at] + junk + REQUEST[at + cut :], size))
    codes = [int(part[:3]) for part in written.split(b"HTTP/1.1 ")[1:]]
    assert all(code < 500 or code == 503 for code in codes)
    assert len(world.stored) <= codes.count(200) <= 2
    assert codes.count(503) == 0
