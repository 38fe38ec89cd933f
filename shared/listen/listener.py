"""The one accept path of all services.

Strategy: we accept ourselves instead of using `loop.create_server`, so that limits are applied before a TLS
handshake is paid for (half a millisecond of CPU each) and a connection has its ticket before its protocol is
made. From a proxy of ours a header comes first, and whoever it names is the client: for the limits, and for all that
follows. A listener is opened once; `drain` ends it: no new connections, every protocol is told, and those that
are in the middle of something get their time.
"""

import asyncio
import contextlib
import socket
from collections.abc import Coroutine, Sequence

from shared import abuse, log
from shared.listen.bind import bind
from shared.listen.door import Door
from shared.listen.heap import Leavings
from shared.listen.limits import SourceLimits
from shared.listen.proxy import Introduced, NeedMore, read
from shared.listen.ticket import Ticket, read_ip
from shared.listen.trusted import Trusted
from shared.metrics import catalog

HANDSHAKE_SECONDS = 10.0
SHUTDOWN_SECONDS = 5.0
HEADER_SECONDS = 5.0  # a proxy sends its header at once
FAREWELL_SECONDS = 2.5  # a proxy asks every second (deploy/edge)
MAX_INTRODUCING = 1000  # connections whose header has not come yet
NOBODY_TRUSTED = Trusted()
PAUSE_SECONDS = 0.2  # while the process or the host is out of descriptors, or after an error nobody foresaw


class Listener:
    """Accepts connections at its doors, under one set of limits.

    With `has_siblings` the ports are shared with other worker processes (SO_REUSEPORT). `proxies` begin with the PROXY
    header, and nobody else's is looked at; `many` are hosts that speak for many clients: limits per source are not
    for them.
    """

    def __init__(
        self,
        doors: Sequence[Door],
        limits: SourceLimits,
        *,
        has_siblings: bool = False,
        proxies: Trusted = NOBODY_TRUSTED,
        many: Trusted = NOBODY_TRUSTED,
    ) -> None:
        self._doors = doors
        self._limits = limits
        self._limits.on_gone = Leavings().note
        self._proxies = proxies
        self._many = many
        self._introducing = 0
        self._has_siblings = has_siblings
        self._sockets: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._starting: set[asyncio.Task[None]] = set()
        self.ports: tuple[int, ...] = ()  # one a door, in their order; 0 for a door the host has no IPv6 for

    async def open(self) -> None:
        """Bind every door, then accept at all of them; raise OSError naming the address and port that failed."""
        bound: list[tuple[Door, socket.socket | None]] = []
        try:
            bound.extend((door, bind(door.host, door.port, has_siblings=self._has_siblings)) for door in self._doors)
        finally:
            self._sockets = [sock for _, sock in bound if sock]
            if len(bound) < len(self._doors):
                self.stop_accepting()
        self.ports = tuple(sock.getsockname()[1] if sock else 0 for _, sock in bound)
        self._accepting = [asyncio.create_task(self._accept(door, sock)) for door, sock in bound if sock]

    def stop_accepting(self) -> None:
        """Close the doors; connections that are in stay."""
        for task in self._accepting:
            task.cancel()
        for sock in self._sockets:
            sock.close()
        self._accepting, self._sockets = [], []

    async def say_farewell(self) -> None:
        """Give proxies the time to learn that we go (`inner` tells) and to send nobody more, the doors still open."""
        if self._proxies:
            await asyncio.sleep(FAREWELL_SECONDS)

    async def drain(self, seconds: float) -> None:
        """Stop accepting, tell every protocol, and return when all connections are gone or the time is up."""
        self.stop_accepting()
        for task in list(self._starting):
            task.cancel()
        empty = asyncio.Event()
        self._limits.on_empty = empty.set
        for ticket in list(self._limits.tickets):
            ticket.on_drain()
        if self._limits.tickets:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(empty.wait(), seconds)

    async def _accept(self, door: Door, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, peer = await loop.sock_accept(sock)
                if peer[0] in self._proxies:
                    self._spawn(self._introduce(door, connection, peer[0]))
                elif any(peer[0] not in named and named.may_be_new(peer[0]) for named in (self._proxies, self._many)):
                    self._spawn(self._recognize(door, connection, peer[0]))
                else:
                    self._admit(door, connection, peer[0])
            except ConnectionError:  # the client was gone again before we took it
                continue
            except Exception as error:  # out of descriptors, and whatever else: the door stays open
                log.failure("accept_paused", error)
                await asyncio.sleep(PAUSE_SECONDS)

    async def _recognize(self, door: Door, connection: socket.socket, address: str) -> None:
        """Look whether a newcomer is a proxy that has been started anew."""
        try:
            await asyncio.gather(self._proxies.look(), self._many.look())
        except BaseException:
            connection.close()
            raise
        if address in self._proxies:
            await self._introduce(door, connection, address)
        else:
            self._admit(door, connection, address)

    async def _introduce(self, door: Door, connection: socket.socket, proxy: str) -> None:
        """Learn from a proxy whom it brings; one that stutters is told nothing."""
        self._introducing += 1
        try:
            if self._introducing > MAX_INTRODUCING:
                raise ConnectionRefusedError
            async with asyncio.timeout(HEADER_SECONDS):
                client = await _client(connection)
            self._admit(door, connection, client or proxy, is_proxy=not client)
        except ConnectionError:  # it only looked whether we are there, or too many wait
            connection.close()
        except (OSError, ValueError) as error:
            connection.close()
            log.failure("no_proxy_header", error)
        except asyncio.CancelledError:
            connection.close()
            raise
        finally:
            self._introducing -= 1

    def _admit(self, door: Door, connection: socket.socket, address: str, *, is_proxy: bool = False) -> None:
        ticket = self._limits.admit(address, is_proxy=is_proxy or address in self._many)
        if ticket is None:
            if not self._limits.is_full:
                abuse.tell("too_many_connections", read_ip(address))
            catalog.ACCEPTS.count("refused")
            _refuse(door, connection)
            return
        catalog.ACCEPTS.count("admitted")
        self._spawn(self._start(door, connection, ticket))

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _start(self, door: Door, connection: socket.socket, ticket: Ticket) -> None:
        seconds = HANDSHAKE_SECONDS if door.tls else None
        ending = SHUTDOWN_SECONDS if door.tls else None
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: door.protocol(ticket),
                connection,
                ssl=door.tls,
                ssl_handshake_timeout=seconds,
                ssl_shutdown_timeout=ending,
            )
        except (OSError, TimeoutError):  # a failed handshake (SSLError is an OSError) or a peer already gone
            catalog.ACCEPTS.count("handshake_failed")
            _abandon(connection, ticket)
        except Exception as error:
            log.failure("connection_not_started", error)
            _abandon(connection, ticket)
        except asyncio.CancelledError:
            _abandon(connection, ticket)
            raise


async def _client(connection: socket.socket) -> str:
    """Read a proxy's header, and not an octet more; return its client's address, "" if it speaks for itself."""
    octets = b""
    while isinstance(found := read(octets), NeedMore):
        part = await asyncio.get_running_loop().sock_recv(connection, found.octets)
        if not part:
            raise ConnectionResetError
        octets += part
    if not isinstance(found, Introduced):
        raise ValueError("malformed")
    return str(found.client or "")


def _refuse(door: Door, connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        if door.tls is None:
            connection.send(door.refusal)
        connection.shutdown(socket.SHUT_WR)
    connection.close()


def _abandon(connection: socket.socket, ticket: Ticket) -> None:
    ticket.close()
    connection.close()
