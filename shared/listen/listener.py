"""The one accept path of all services.

Strategy: we accept ourselves instead of using `loop.create_server`, so that limits are applied before a TLS
handshake is paid for (half a millisecond of CPU each) and a connection has its ticket before its protocol is
made. A listener is opened once; `drain` ends it: no new connections, every protocol is told, and those that
are in the middle of something get their time.
"""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Sequence
from ipaddress import ip_address

from shared import log
from shared.listen.door import Door
from shared.listen.limits import SourceLimits
from shared.listen.ticket import Ticket

BACKLOG = 1024
HANDSHAKE_SECONDS = 10.0
SHUTDOWN_SECONDS = 5.0
PAUSE_SECONDS = 0.2  # while the process or the host is out of descriptors, or after an error nobody foresaw


class Listener:
    """Accepts connections at its doors, under one set of limits.

    With `has_siblings` the ports are shared with other worker processes (SO_REUSEPORT).
    """

    def __init__(self, doors: Sequence[Door], limits: SourceLimits, *, has_siblings: bool = False) -> None:
        self._doors = doors
        self._limits = limits
        self._has_siblings = has_siblings
        self._sockets: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._starting: set[asyncio.Task[None]] = set()
        self.ports: tuple[int, ...] = ()  # one a door, in their order; 0 for a door the host has no IPv6 for

    @property
    def connections(self) -> int:
        """How many connections are in now."""
        return len(self._limits.tickets)

    async def open(self) -> None:
        """Bind every door, then accept at all of them; raise OSError naming the address and port that failed."""
        bound: list[tuple[Door, socket.socket | None]] = []
        try:
            bound.extend((door, _bind(door, has_siblings=self._has_siblings)) for door in self._doors)
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
                self._admit(door, connection, peer[0])
            except ConnectionError:  # the client was gone again before we took it
                continue
            except Exception as error:  # out of descriptors, and whatever else: the door stays open
                log.failure("accept_paused", error)
                await asyncio.sleep(PAUSE_SECONDS)

    def _admit(self, door: Door, connection: socket.socket, address: str) -> None:
        ticket = self._limits.admit(address)
        if ticket is None:
            _refuse(door, connection)
            return
        ticket.peer = ip_address(address.partition("%")[0])
        task = asyncio.create_task(self._start(door, connection, ticket))
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
            _abandon(connection, ticket)
        except Exception as error:
            log.failure("connection_not_started", error)
            _abandon(connection, ticket)
        except asyncio.CancelledError:
            _abandon(connection, ticket)
            raise


def _bind(door: Door, *, has_siblings: bool) -> socket.socket | None:
    family = socket.AF_INET6 if ":" in door.host else socket.AF_INET
    try:
        return _bound(family, door, has_siblings=has_siblings)
    except OSError as error:
        if door.host == "::" and error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            return None
        raise OSError(error.errno, f"cannot listen on {door.host} port {door.port}: {error.strerror}") from error


def _bound(family: socket.AddressFamily, door: Door, *, has_siblings: bool) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it
        if has_siblings:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((door.host, door.port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def _refuse(door: Door, connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        if door.tls is None:
            connection.send(door.refusal)
        connection.shutdown(socket.SHUT_WR)
    connection.close()


def _abandon(connection: socket.socket, ticket: Ticket) -> None:
    ticket.close()
    connection.close()
