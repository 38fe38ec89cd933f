"""The recursive resolvers to ask: an operator's, by address or by name, or the system's.

Strategy: a name is for the container of a resolver, which has another address after each start. It is looked up by the
system at first use, again once a minute, and sooner when nobody answers; what was known stays until better is known.
"""

import asyncio
import re
import socket
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from shared.dns.exchange import Server

LOOK_SECONDS = 60.0
DOUBT_SECONDS = 1.0  # between two looks while nobody answers
ANSWER_SECONDS = 2.0
MAX_ADDRESSES = 8  # of one name

_SYSTEM = Path("/etc/resolv.conf")
_ADDRESS = re.compile(r"\[(?P<six>[^]]+)\](?::(?P<six_port>\d{1,5}))?|(?P<four>[\d.]+)(?::(?P<four_port>\d{1,5}))?")
_HOST = re.compile(r"(?P<name>(?:\w[\w-]*\.)*(?=\w*[A-Za-z])\w[\w-]*)\.?(?::(?P<port>\d{1,5}))?", re.ASCII)


@dataclass(slots=True)
class _Host:
    name: str
    port: int
    known: tuple[Server, ...] = ()

    async def look(self) -> bool:
        """Learn the addresses, and return whether that worked."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                loop = asyncio.get_running_loop()
                found = await loop.getaddrinfo(self.name, self.port, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError):
            return False
        texts = dict.fromkeys(str(entry[4][0]) for entry in found)
        self.known = tuple(_server(ip_address(text), self.port) for text in list(texts)[:MAX_ADDRESSES])
        return True


class Servers:
    """Knows whom to ask now; raises ValueError for what names no server."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._entries: list[Server | _Host] = [*map(_named, texts)] or [*_system()]
        self._hosts = [entry for entry in self._entries if isinstance(entry, _Host)]
        self._looking = asyncio.Lock()
        self._looked = 0.0
        self._until = 0.0 if self._hosts else float("inf")

    @property
    def known(self) -> tuple[Server, ...]:
        """The servers known by now, in the order in which they were named."""
        each = (entry.known if isinstance(entry, _Host) else (entry,) for entry in self._entries)
        return tuple(server for servers in each for server in servers)

    async def find(self) -> tuple[Server, ...]:
        """Return the servers to ask, after a look where one is due."""
        if time.monotonic() >= self._until:
            async with self._looking:
                if time.monotonic() >= self._until:
                    await self._look()
        return self.known

    def doubt(self) -> None:
        """Look again at the next occasion: nobody has answered."""
        self._until = min(self._until, self._looked + DOUBT_SECONDS) if self._hosts else self._until

    async def _look(self) -> None:
        done = await asyncio.gather(*(host.look() for host in self._hosts))
        self._looked = time.monotonic()
        self._until = self._looked + (LOOK_SECONDS if all(done) else DOUBT_SECONDS)


def _named(text: str) -> Server | _Host:
    """Read a server as an operator writes it, or raise ValueError."""
    host = _HOST.fullmatch(text)
    parts = _ADDRESS.fullmatch(text)
    port = int((host["port"] if host else parts and (parts["six_port"] or parts["four_port"])) or 53)
    if not 0 < port < 65536:
        raise ValueError(f"{text} is no address of a DNS server")
    if host:
        return _Host(host["name"], port)
    return _server(ip_address((parts["six"] or parts["four"]) if parts else text), port)


def _server(address: IPv4Address | IPv6Address, port: int) -> Server:
    return Server(str(address), port, is_trusted=not address.is_global)


def _system() -> Iterable[Server]:
    """Read the system's servers; it is this machine if there are none (resolv.conf(5))."""
    try:
        lines = [line.split() for line in _SYSTEM.read_text(errors="replace").splitlines()]
    except OSError:
        lines = []
    texts = [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]
    for text in texts or ["127.0.0.1"]:
        with suppress(ValueError):
            address = ip_address(text)
            yield Server(str(address), 53, is_trusted=address.is_loopback)
