"""The connection: time, TLS, half-closes, drains and pressure, over real sockets on the loop the services use."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps

import pytest
import uvloop

from shared.listen.certificate import Certificate
from shared.listen.door import Door
from shared.listen.limits import SourceLimits
from shared.listen.listener import Listener
from shared.listen.ticket import Ticket
from shared.mail import reply
from shared.mail.reply import Reply
from shared.smtp import connection as connections
from shared.smtp.connection import Connection
from shared.smtp.handler import Envelope, Terms
from shared.smtp.session import Session
from shared.smtp.spool import BUDGET, Received
from shared.storage.selfsigned import make
from tests.dialogs.player import any_certificate

TLS = Certificate(make(["mx.here.test"]), None).context()
GROUP = b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@here.test>\r\nDATA\r\n"


class Guest:
    """A handler that takes everything, when `gate` opens."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.messages: list[bytes] = []

    def welcome(self) -> Reply | None:
        return None

    async def authenticate(self, name: str, password: str) -> Reply:
        return reply.AUTH_OK

    def sender(self, envelope: Envelope) -> Reply:
        return reply.SENDER_OK

    async def recipients(self, envelope: Envelope, addresses: object) -> list[Reply]:
        return [reply.RECIPIENT_OK] * len(addresses)  # type: ignore[arg-type]

    async def message(self, envelope: Envelope, received: Received) -> Reply:
        await self.gate.wait()
        self.messages.append(received.read())
        return reply.ACCEPTED


class Client:
    """The other side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, octets: bytes, lines: int = 1) -> bytes:
        self.writer.write(octets)
        return b"".join([await self.line() for _ in range(lines)])

    async def line(self) -> bytes:
        return await self.reader.readline()

    async def greet(self) -> None:
        assert (await self.line()).startswith(b"220 ")
        self.writer.write(b"EHLO client\r\n")
        while not (await self.line()).startswith(b"250 "):
            pass


class House:
    """A door with one guest behind it, who stays the same for all clients."""

    def __init__(self, *, is_tls: bool = False, delay: float = 0.0) -> None:
        self.guest = Guest()
        self.limits = SourceLimits(1000, 1000, 1000)
        self.is_crowded = False
        self.connections: list[Connection] = []
        self.terms = Terms("mx.here.test", 30_000_000, has_auth=False, greeting_delay=delay)
        self.door = Door("127.0.0.1", 0, self._connection, tls=TLS if is_tls else None)
        self.listener = Listener([self.door], self.limits)

    def _connection(self, ticket: Ticket) -> Connection:
        tls = None if self.door.tls else TLS
        crowded: Callable[[], bool] = lambda: self.is_crowded  # noqa: E731
        made = Connection(ticket, self.guest, self.terms, is_tls=tls is None, tls=tls, is_crowded=crowded)
        self.connections.append(made)
        return made

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        tls = any_certificate() if self.door.tls else None
        reader, writer = await asyncio.open_connection("127.0.0.1", self.listener.ports[0], ssl=tls)
        try:
            yield Client(reader, writer)
        finally:
            writer.close()

    async def __aenter__(self) -> "House":
        await self.listener.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.guest.gate.set()
        await self.listener.drain(5)
        assert not self.limits.tickets


def on_uvloop(test: Callable[..., Coroutine[object, object, None]]) -> Callable[..., None]:
    @wraps(test)
    def run(*arguments: object, **named: object) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(test(*arguments, **named))

    return run


@on_uvloop
async def test_replies_of_one_breath_leave_in_one_write() -> None:
    async with House() as house, house.client() as client:
        await client.greet()
        client.writer.write(GROUP)
        assert (await client.reader.read(65536)).count(b"\r\n") == 3


@on_uvloop
async def test_t1_clear_text_before_the_hello_is_not_answered_under_tls() -> None:
    async with House() as house, house.client() as client:
        await client.greet()
        assert await client.say(b"STARTTLS\r\n") == reply.START_TLS.line()
        client.writer.write(b"NOOP\r\n" * 100)
        said = await client.reader.read()
        assert b"250" not in said


@on_uvloop
async def test_starttls_with_an_impatient_client() -> None:
    async with House() as house:
        for _ in range(20):
            async with house.client() as client:
                await client.greet()
                assert await client.say(b"STARTTLS\r\n") == reply.START_TLS.line()
                await client.writer.start_tls(any_certificate())
                assert (await client.say(b"EHLO client\r\n")).startswith(b"250-")
                assert (await client.say(b"QUIT\r\n", 6)).endswith(reply.BYE.line())


@on_uvloop
async def test_starttls_late_in_a_dialogue_has_its_time() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "LOOK_SECONDS", 0.02)
        async with House() as house, house.client() as client:
            await client.greet()
            house.connections[0]._asked -= connections.ANSWER_SECONDS  # long ago, as on a connection kept open
            assert await client.say(b"STARTTLS\r\n") == reply.START_TLS.line()
            await asyncio.sleep(0.1)  # looks pass while the client makes up its mind
            await client.writer.start_tls(any_certificate())
            assert (await client.say(b"EHLO client\r\n")).startswith(b"250-")


@on_uvloop
async def test_a_failed_handshake_frees_the_connection() -> None:
    async with House() as house:
        async with house.client() as client:
            await client.greet()
            await client.say(b"STARTTLS\r\n")
            client.writer.write(b"not a hello at all, and long enough to be read as one\r\n")
            await client.reader.read()
        async with house.client() as client:
            await client.greet()


@on_uvloop
async def test_s24_who_talks_first_is_shown_out() -> None:
    async with House(delay=0.2) as house:
        async with house.client() as client:
            assert await client.say(b"EHLO client\r\n") == reply.OUT_OF_STEP.line()
            assert await client.reader.read() == b""
        async with house.client() as client:
            await client.greet()


@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "tls"])
def test_half_close_after_the_dot(is_tls: bool) -> None:
    async def talk() -> None:
        async with House(is_tls=is_tls) as house, house.client() as client:
            await client.greet()
            await client.say(GROUP, 3)
            house.guest.gate.clear()
            client.writer.write(b"hello\r\n.\r\n")
            if is_tls:
                client.writer.close()
            else:
                client.writer.write_eof()
            await asyncio.sleep(0.05)
            house.guest.gate.set()
            if not is_tls:
                assert await client.reader.read() == reply.ACCEPTED.line()
            while not house.guest.messages:
                await asyncio.sleep(0.01)
            assert house.guest.messages == [b"hello\r\n"]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(talk())


@on_uvloop
async def test_a_half_message_is_no_message() -> None:
    async with House() as house:
        async with house.client() as client:
            await client.greet()
            await client.say(GROUP, 3)
            client.writer.write(b"hello\r\n." * 100_000)
            await client.writer.drain()
        while house.limits.tickets:
            await asyncio.sleep(0.01)
        assert house.guest.messages == []
        assert house.terms.budget.take(connections.MAX_PENDING)


@on_uvloop
async def test_a_drain_lets_a_message_finish() -> None:
    async with House() as house, house.client() as client, house.client() as idle:
        await client.greet()
        await idle.greet()
        await client.say(GROUP, 3)
        client.writer.write(b"hello\r\n")
        draining = asyncio.create_task(house.listener.drain(5))
        assert await idle.line() == reply.SHUTTING_DOWN.line()
        assert await idle.reader.read() == b""
        assert await client.say(b".\r\n", 2) == reply.ACCEPTED.line() + reply.SHUTTING_DOWN.line()
        assert await client.reader.read() == b""
        idle.writer.close()
        client.writer.close()
        await draining
        assert house.guest.messages == [b"hello\r\n"]


@on_uvloop
async def test_a_drain_waits_for_what_is_being_stored() -> None:
    async with House() as house, house.client() as client:
        await client.greet()
        await client.say(GROUP, 3)
        house.guest.gate.clear()
        client.writer.write(b"hello\r\n.\r\n")
        await asyncio.sleep(0.05)
        draining = asyncio.create_task(house.listener.drain(5))
        await asyncio.sleep(0.05)
        assert not draining.done()
        house.guest.gate.set()
        assert await client.line() + await client.line() == reply.ACCEPTED.line() + reply.SHUTTING_DOWN.line()
        client.writer.close()
        await draining


@on_uvloop
async def test_a_client_that_sends_faster_than_it_is_answered_is_not_read_from() -> None:
    async with House() as house, house.client() as client:
        await client.greet()
        await client.say(GROUP, 3)
        house.guest.gate.clear()
        client.writer.write(b"hello\r\n.\r\n")
        writer = client.writer.transport
        writer.set_write_buffer_limits(high=0)
        client.writer.write(b"RSET\r\n" * 5_000_000)
        await asyncio.sleep(0.2)
        assert writer.get_write_buffer_size() > 20_000_000  # most of it waits at the client's side
        house.guest.gate.set()
        assert await client.line() == reply.ACCEPTED.line()
        assert (await client.reader.read()).splitlines()[-1] == reply.TOO_MANY_ERRORS.line().strip()
        writer.abort()


@on_uvloop
async def test_a_client_that_takes_no_answers_gets_no_more() -> None:
    async with House() as house:
        with socket.create_connection(("127.0.0.1", house.listener.ports[0])) as client:
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(client, b"EHLO a\r\nMAIL FROM:<a@x.test>\r\n")
            burst = b"RCPT TO:<b@here.test>\r\n" * 40_000
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1.0):
                    for _ in range(50):
                        await loop.sock_sendall(client, burst)
            for ticket in list(house.limits.tickets):
                assert not ticket.is_closed


async def late(house: House, octets: bytes) -> bytes:
    """Say something, then nothing, and return the last thing that is answered."""
    async with house.client() as client:
        await client.greet()
        client.writer.write(octets)
        return (await client.reader.read()).splitlines()[-1] + b"\r\n"


@on_uvloop
async def test_s31_silence_and_dripping_have_a_deadline() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "COMMAND_SECONDS", 0.2)
        patch.setattr(connections, "LOOK_SECONDS", 0.05)
        async with House() as house:
            assert await late(house, b"") == reply.TOO_SLOW.line()
            assert await late(house, b"NOO") == reply.TOO_SLOW.line()
            async with house.client() as client:
                await client.greet()
                drips = 0
                while not client.reader.at_eof():
                    client.writer.write(b"x")
                    drips += 1
                    with_line = asyncio.create_task(client.reader.read(100))
                    await asyncio.wait([with_line], timeout=0.02)
                    with_line.cancel()
                assert drips < 200


@on_uvloop
async def test_s31_a_message_has_a_least_rate() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "STRIDE_SECONDS", 0.2)
        patch.setattr(connections, "LOOK_SECONDS", 0.05)
        async with House() as house:
            assert await late(house, GROUP) == reply.TOO_SLOW.line()
            assert house.guest.messages == []


@on_uvloop
async def test_s31_octets_sent_early_are_no_credit_for_later() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "STRIDE_SECONDS", 0.2)
        patch.setattr(connections, "LOOK_SECONDS", 0.05)
        async with House() as house, house.client() as client:
            await client.greet()
            await client.say(GROUP, 3)
            client.writer.write((b"x" * 70 + b"\r\n") * 100_000)
            async with asyncio.timeout(30):  # the octets would have paid for four hours
                assert await client.line() == reply.TOO_SLOW.line()
            assert house.terms.budget.take(BUDGET)


@on_uvloop
async def test_s31_a_whole_message_has_a_deadline_however_fast_it_comes() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "MESSAGE_SECONDS", 0.3)
        patch.setattr(connections, "LOOK_SECONDS", 0.05)
        async with House() as house, house.client() as client:
            await client.greet()
            await client.say(GROUP, 3)
            answer = asyncio.create_task(client.line())
            async with asyncio.timeout(30):
                while not answer.done():
                    client.writer.write(b"x" * 70 + b"\r\n")
                    await asyncio.sleep(0.01)
            assert answer.result() == reply.TOO_SLOW.line()


@on_uvloop
async def test_s31_who_sends_at_the_least_rate_is_waited_for() -> None:
    async with House() as house, house.client() as client:
        await client.greet()
        await client.say(GROUP, 3)
        (connection,) = house.connections
        connection._strode -= connections.STRIDE_SECONDS - 1  # nearly over
        before = connection._due()
        client.writer.write((b"x" * 70 + b"\r\n") * (connections.STRIDE // 72 + 1))
        while connection._due() == before:
            await asyncio.sleep(0.01)
        assert connection._due() > before + connections.STRIDE_SECONDS - 2


@on_uvloop
async def test_s31_a_crowded_house_has_less_patience() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "CROWDED_SECONDS", 0.1)
        patch.setattr(connections, "LOOK_SECONDS", 0.05)
        async with House() as house:
            house.is_crowded = True
            assert await late(house, b"") == reply.TOO_SLOW.line()


@on_uvloop
async def test_a_handler_at_work_is_not_the_clients_delay() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "COMMAND_SECONDS", 0.1)
        patch.setattr(connections, "STRIDE_SECONDS", 0.1)
        patch.setattr(connections, "LOOK_SECONDS", 0.02)
        async with House() as house, house.client() as client:
            await client.greet()
            await client.say(GROUP, 3)
            house.guest.gate.clear()
            client.writer.write(b"hello\r\n.\r\n")
            await asyncio.sleep(0.3)
            house.guest.gate.set()
            assert await client.line() == reply.ACCEPTED.line()


@on_uvloop
async def test_a_handler_that_does_not_answer_has_a_deadline() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "ANSWER_SECONDS", 0.1)
        patch.setattr(connections, "LOOK_SECONDS", 0.02)
        async with House() as house, house.client() as client:
            await client.greet()
            await client.say(GROUP, 3)
            house.guest.gate.clear()
            assert await client.say(b"hello\r\n.\r\n") == reply.TROUBLE.line()
            assert await client.say(b"NOOP\r\n") == reply.OK.line()


@on_uvloop
async def test_a_client_that_never_closes_is_closed() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "LINGER_SECONDS", 0.05)
        async with House() as house, house.client() as client:
            await client.greet()
            assert await client.say(b"QUIT\r\n") == reply.BYE.line()
            while house.limits.tickets:
                await asyncio.sleep(0.01)


@on_uvloop
async def test_an_error_in_the_session_ends_one_connection() -> None:
    async with House() as house:
        async with house.client() as client:
            await client.greet()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Session, "step", lambda _: 1 / 0)
                assert await client.say(b"NOOP\r\n") == reply.UNAVAILABLE.line()
        async with house.client() as client:
            await client.greet()
