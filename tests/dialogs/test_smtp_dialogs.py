"""Every SMTP dialogue, in process and against a real socket, whole and byte by byte.

Headers a file may carry: `door: tls`, `trouble:`, `pace:` and `origin:` (see `tests/smtp_fakes.py`), `database: away`,
`disk: low`, `size:` (the largest message), `budget:` (octets under way), `refused:` (a domain the operator does not let
in), `plain:` (addresses that may have cleartext), `messages:` (of one source a second), `stored:` (how many messages
are there at the end; none unless said). Sockets run on uvloop, as the services do.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop
from smtp_in.handler import Stranger
from submission.desk import Desk
from submission.handler import User

from shared.intake import Intake
from shared.listen.certificate import Certificate
from shared.listen.door import Door
from shared.listen.limits import SourceLimits
from shared.listen.listener import Listener
from shared.listen.pace import SourcePace, a_second
from shared.listen.ticket import Ticket
from shared.smtp.connection import Connection
from shared.smtp.handler import Handler, Terms
from shared.smtp.spool import Budget
from shared.storage.selfsigned import make
from tests.dialogs import player
from tests.dialogs.player import Dialog, MemoryTransport, MemoryWire, SocketWire
from tests.smtp_fakes import DOMAINS, World, reception

HERE = Path(__file__).parent
FILES = [*player.files(HERE / "submission"), *player.files(HERE / "smtp-in")]
IN_PROCESS = [file for file in FILES if player.parse(file).value("play") != "socket"]
CASES = pytest.mark.parametrize("file", FILES, ids=[f"{file.parent.name}-{file.stem}" for file in FILES])
BYTEWISE = pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "bytewise"])


def test_there_are_enough() -> None:
    assert len(FILES) >= 65


@pytest.fixture(scope="module")
def tls() -> ssl.SSLContext:
    return Certificate(make(["here.test"]), None).context(minimum=ssl.TLSVersion.TLSv1_2)


def world(dialog: Dialog) -> World:
    return World(
        is_available=dialog.value("database") != "away",
        is_low=dialog.value("disk") == "low",
        trouble=dialog.value("trouble"),
        may_go=[word == "go" for word in dialog.value("pace").split()],
        origin=dialog.value("origin", "good"),
        refused=frozenset(dialog.value("refused").split()),
    )


def factory(file: Path, dialog: Dialog, rooms: World, tls: ssl.SSLContext) -> Callable[[Ticket], Connection]:
    is_submission = file.parent.name == "submission"
    terms = Terms(
        hostname="mx.here.test",
        max_size=int(dialog.value("size", "31457280")),
        has_auth=is_submission,
        needs_tls=True,
        domain="" if is_submission else "here.test",
        greeting_delay=0.0 if is_submission else 0.05,
        budget=Budget(int(dialog.value("budget", "100000000"))),
    )
    desk = Desk(
        login=rooms,
        recipients=rooms,
        federation=rooms,
        pace=rooms,
        pace_elsewhere=rooms,
        intake=Intake(rooms),
        database=rooms,
        disk=rooms,
        domains=DOMAINS,
    )
    pace = SourcePace(a_second(int(dialog.value("messages", "1000"))))
    strangers = reception(rooms, pace=pace, plain_for=dialog.value("plain").split())
    is_tls = dialog.value("door") == "tls"

    def protocol(ticket: Ticket) -> Connection:
        handler: Handler = User(desk, ticket) if is_submission else Stranger(strangers, ticket)
        return Connection(ticket, handler, terms, is_tls=is_tls, tls=None if is_tls else tls)

    return protocol


class HalfOpenTransport(MemoryTransport):
    """A transport in memory that, like TLS, cannot be half closed."""

    def can_write_eof(self) -> bool:
        return False


class Wire(MemoryWire):
    """A connection in memory."""

    def __init__(self, protocol: Connection) -> None:
        self.transport = HalfOpenTransport(protocol)
        protocol.connection_made(self.transport)


@pytest.mark.parametrize("file", IN_PROCESS, ids=[f"{file.parent.name}-{file.stem}" for file in IN_PROCESS])
@BYTEWISE
async def test_in_process(file: Path, bytewise: bool, tls: ssl.SSLContext) -> None:
    dialog = player.parse(file)
    rooms = world(dialog)
    wire = Wire(factory(file, dialog, rooms, tls)(Ticket("source")))
    await player.play(dialog, wire, bytewise=bytewise)
    await wire.close()
    assert len(rooms.stored) == int(dialog.value("stored", "0"))


@asynccontextmanager
async def served(door: Door) -> AsyncIterator[int]:
    listener = Listener([door], SourceLimits(1000, 1000, 1000))
    await listener.open()
    try:
        yield listener.ports[0]
    finally:
        await listener.drain(1)


@CASES
@BYTEWISE
def test_over_a_socket(file: Path, bytewise: bool, tls: ssl.SSLContext) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_over_a_socket(file, bytewise, tls))


async def _over_a_socket(file: Path, bytewise: bool, tls: ssl.SSLContext) -> None:
    dialog = player.parse(file)
    rooms = world(dialog)
    is_tls = dialog.value("door") == "tls"
    protocol = factory(file, dialog, rooms, tls)
    async with served(Door("127.0.0.1", 0, protocol, tls=tls if is_tls else None)) as port:
        wire = await SocketWire.connect("127.0.0.1", port, is_tls=is_tls)
        try:
            await player.play(dialog, wire, bytewise=bytewise)
        finally:
            await wire.close()
    assert len(rooms.stored) == int(dialog.value("stored", "0"))
