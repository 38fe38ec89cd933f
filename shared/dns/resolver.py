"""One Resolver for a process: cached, bounded, and clear about what it does not know.

Strategy: a recursive resolver does the work (the operator's, MADDY_DNS, or the system's); we ask it, remember what it
says, and tell three things apart that others mix up: there is no such name, there is nothing of this kind, and we could
not find out. The last is LookupFailed, always transient, and never remembered.

Whose word on DNSSEC counts (RFC 7672 §2.2: the way to the resolver must be safe too)? That of a resolver on loopback,
or of one that the operator named in a network that is not public, by its address or by a host name that leads there.
From anyone else the AD bit is worth nothing.
"""

import asyncio
import errno
import time
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

import dns.exception

from shared.dns.answer import Answer, LookupFailed, Mx, NoSocket
from shared.dns.cache import Cache
from shared.dns.exchange import exchange
from shared.dns.message import Query, judge
from shared.dns.servers import Servers

PATIENCE = (1.0, 2.0, 60.0)  # seconds for each round of asking; datagrams get lost
MAX_QUESTIONS = 500  # in flight at once, each a socket


class Resolver:
    """Asks the servers given, or the system's; one event loop only.

    A server is `192.0.2.1`, `192.0.2.1:5353`, `[2001:db8::1]:53`, `resolver` or `resolver.example.org:53`. `seconds`
    bounds one question, retries and all. Raises ValueError for servers it cannot read.
    """

    def __init__(self, servers: Sequence[str] = (), *, seconds: float = 5.0) -> None:
        self._servers = Servers(servers)
        self._seconds = seconds
        self._cache = Cache()
        self._asking: dict[tuple[str, str], asyncio.Task[Answer]] = {}
        self._sockets = asyncio.Semaphore(MAX_QUESTIONS)

    async def lookup(self, name: str, kind: str) -> Answer:
        """Return what the DNS says of a name, or raise LookupFailed; a name that cannot be written does not exist."""
        question = (name.lower().removesuffix("."), kind)
        answer = self._cache.get(question, time.monotonic())
        if answer is not None:
            return answer
        asking = self._asking.get(question)
        if asking is None:
            asking = asyncio.create_task(self._find(question))
            self._asking[question] = asking
            asking.add_done_callback(lambda task: self._done(question, task))
        return await asyncio.shield(asking)  # whoever gives up does so alone

    async def txt(self, name: str) -> list[bytes]:
        """Return the TXT records of a name, each with its strings joined; or raise LookupFailed."""
        return list((await self.lookup(name, "TXT")).records)

    async def mx(self, name: str) -> list[Mx]:
        """Return the exchangers of a domain, the preferred first; a null MX is (0, ""). Raises LookupFailed."""
        return sorted((await self.lookup(name, "MX")).records)

    async def addresses(self, name: str) -> list[IPv4Address | IPv6Address]:
        """Return all addresses of a host, IPv4 first; raise LookupFailed if none was found and something failed."""
        kinds = ("A", "AAAA")
        found = await asyncio.gather(*(self.lookup(name, kind) for kind in kinds), return_exceptions=True)
        addresses = [address for answer in found if isinstance(answer, Answer) for address in answer.records]
        failures = [answer for answer in found if isinstance(answer, BaseException)]
        if failures and not addresses:
            raise failures[0]
        return addresses

    async def tlsa(self, name: str, port: int) -> Answer:
        """Return what certificates may stand at a TCP port of a host (RFC 7672 §2.2.2); or raise LookupFailed."""
        return await self.lookup(f"_{port}._tcp.{name}", "TLSA")

    async def names(self, address: IPv4Address | IPv6Address) -> list[str]:
        """Return the names an address claims to have (PTR, which nobody checks); or raise LookupFailed."""
        return list((await self.lookup(address.reverse_pointer, "PTR")).records)

    async def _find(self, question: tuple[str, str]) -> Answer:
        try:
            query = Query(*question)
        except (dns.exception.DNSException, UnicodeError):
            return Answer((), exists=False, is_authentic=False, canonical=question[0], ttl=0)
        try:
            async with asyncio.timeout(self._seconds), self._sockets:
                answer = await self._ask(query)
        except LookupFailed:
            self._servers.doubt()
            raise
        except TimeoutError:
            self._servers.doubt()
            raise LookupFailed("no answer in time") from None
        self._cache.put(question, answer, time.monotonic())
        return answer

    async def _ask(self, query: Query) -> Answer:
        """Ask every server, then again those that said nothing; raise LookupFailed when none is left."""
        failure, servers = LookupFailed("no server"), list(await self._servers.find())
        for patience in PATIENCE:
            for server in tuple(servers):
                try:
                    async with asyncio.timeout(patience):
                        return judge(query, await exchange(query, server), is_trusted=server.is_trusted)
                except TimeoutError:
                    failure = LookupFailed("no answer in time")
                except OSError as error:
                    is_our_limit = error.errno in (errno.EMFILE, errno.ENFILE)
                    failure = NoSocket("no socket") if is_our_limit else LookupFailed("no way to the server")
                    servers.remove(server)
                except LookupFailed as error:
                    failure = error
                    servers.remove(server)
        raise failure

    def _done(self, question: tuple[str, str], task: asyncio.Task[Answer]) -> None:
        self._asking.pop(question, None)
        if not task.cancelled():
            task.exception()  # looked at, even if everyone who asked has gone
