"""Which peers are proxies of ours, and believed when they say for whom they speak.

Strategy: an operator names addresses, networks and hosts. A host's addresses are asked for again and again, because a
proxy in a container has another one after each start, and at once when somebody new comes from a network that is not
public: that is how such a start looks. While nothing can be learned, what was known stays.
"""

import asyncio
import socket
import time
from collections.abc import Sequence
from ipaddress import ip_network

from shared import log
from shared.listen.ticket import Ip, read_ip

LOOK_SECONDS = 10.0
HURRY_SECONDS = 1.0  # between looks for the sake of newcomers
ANSWER_SECONDS = 3.0


class Trusted:
    """The peers that were named: `address in trusted`."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._networks = [ip_network(name, strict=False) for name in names if _is_network(name)]
        self._hosts: dict[str, frozenset[Ip]] = {name: frozenset() for name in names if not _is_network(name)}
        self._is_anyone = bool(names)
        self._unknown: set[str] = set()  # hosts of which it was said that they cannot be found
        self._looked = 0.0

    def __bool__(self) -> bool:
        return self._is_anyone

    def __contains__(self, address: object) -> bool:
        if not self._is_anyone:
            return False
        ip = read_ip(str(address))
        return any(ip in found for found in self._hosts.values()) or any(ip in net for net in self._networks)

    def may_be_new(self, address: str) -> bool:
        """Say whether a look is worth while before this address is taken for a stranger's."""
        if not self._hosts or time.monotonic() - self._looked < HURRY_SECONDS:
            return False
        return not read_ip(address).is_global

    async def look(self) -> None:
        """Ask for the addresses of all hosts, and wait no more than a few seconds for them."""
        self._looked = time.monotonic()
        await asyncio.gather(*(self._look(host) for host in self._hosts))

    async def watch(self, interval: float = LOOK_SECONDS) -> None:
        """Look every `interval` seconds, for ever; return at once where no host is named."""
        while self._hosts:
            await asyncio.sleep(interval)
            await self.look()

    async def _look(self, host: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # TimeoutError and gaierror are OSErrors
            if host not in self._unknown:
                log.failure("proxy_not_found", error)
            self._unknown.add(host)
            return
        self._unknown.discard(host)
        self._hosts[host] = frozenset(read_ip(str(entry[4][0])) for entry in found)


async def find(names: Sequence[str]) -> Trusted:
    """Return the peers named, their hosts looked for once; `watch` keeps them right."""
    trusted = Trusted(names)
    await trusted.look()
    return trusted


def _is_network(name: str) -> bool:
    try:
        ip_network(name, strict=False)
    except ValueError:
        return False
    return True
