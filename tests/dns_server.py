"""An authoritative DNS server for tests, over UDP and TCP, in a thread of its own.

    with DnsServer("a.test. 300 IN MX 10 mx.a.test.") as dns:   # lines of a zone file, full names
        resolver = Resolver([dns.address])            # "127.0.0.1:port"
        dns.set("mx.a.test", "A", ["127.0.0.2"])      # replaces the records of this name and kind; [] removes them
        dns.set("_25._tcp.mx.a.test", "TLSA", ["3 1 1 " + "00" * 32], is_authentic=True)
        dns.is_authentic = True                       # the AD bit on everything that was not told otherwise
        dns.fail("b.test")                            # SERVFAIL, or another code: dns.fail("b.test", "REFUSED")
        dns.silence("c.test")                         # no answer at all
        dns.junk("d.test", b"\\0\\1")                   # these octets after the id, instead of an answer
        dns.heal("b.test")                            # as if nothing had been
        dns.asked["mx.a.test", "A"]                   # how often; dns.asked_over_tcp likewise

It works in sync and async tests, and takes changes while it runs. It answers CNAMEs with what they lead to, `*.` names
for what has no records of its own, NXDOMAIN for unknown names (NODATA if one below is known), and cuts what is too
long for UDP. It is the whole world: every name it does not know does not exist. Names are written without final dot.
`DnsServer(bind="127.0.0.9:5300")` takes a given address; port 0 (the default) any free one.
"""

import asyncio
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zonefile

NEGATIVE_TTL = 300  # seconds, the minimum of the SOA
_CLASSIC_SIZE = 512  # octets a question without EDNS takes (RFC 1035 §4.2.1)


class DnsServer:
    """One server; see the module's text."""

    def __init__(self, zone: str = "", *, bind: str = "127.0.0.1:0") -> None:
        self.is_authentic = False
        self.asked: Counter[tuple[str, str]] = Counter()
        self.asked_over_tcp: Counter[tuple[str, str]] = Counter()
        self._bind, _, port = bind.rpartition(":")
        self.port = int(port)
        self._records: dict[tuple[str, str], dns.rrset.RRset] = {}
        self._authentic: dict[tuple[str, str], bool] = {}
        self._troubles: dict[str, str | bytes] = {}
        self._open: list[Any] = []
        if zone:
            self._load(zone)

    @property
    def address(self) -> str:
        return f"{self._bind}:{self.port}"

    def set(self, name: str, kind: str, texts: list[str], *, ttl: int = 300, is_authentic: bool | None = None) -> None:
        key = (name.lower().removesuffix("."), kind)
        self._records.pop(key, None)
        self._authentic.pop(key, None)
        if texts:
            self._records[key] = dns.rrset.from_text(f"{key[0]}.", ttl, "IN", kind, *texts)
        if is_authentic is not None:
            self._authentic[key] = is_authentic

    def fail(self, name: str, code: str = "SERVFAIL") -> None:
        self._troubles[name.lower()] = code

    def silence(self, name: str) -> None:
        self._troubles[name.lower()] = ""

    def junk(self, name: str, octets: bytes) -> None:
        self._troubles[name.lower()] = octets

    def heal(self, name: str) -> None:
        self._troubles.pop(name.lower(), None)

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def answer(self, wire: bytes, *, is_tcp: bool) -> bytes | None:
        """Return what is sent back, None for silence."""
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = _written(question.name), dns.rdatatype.to_text(question.rdtype)
        self.asked[name, kind] += 1
        if is_tcp:
            self.asked_over_tcp[name, kind] += 1
        trouble = self._troubles.get(name)
        if trouble == "":
            return None
        if isinstance(trouble, bytes):
            return wire[:2] + trouble
        reply = dns.message.make_response(query, recursion_available=True)
        if trouble:
            reply.set_rcode(dns.rcode.from_text(trouble))
        else:
            self._fill(reply, name, kind)
        return _fitting(reply, query, is_tcp=is_tcp)

    def _fill(self, reply: dns.message.Message, name: str, kind: str) -> None:
        is_authentic = True
        for step, found in self._chain(name, kind):
            reply.answer.append(found)
            is_authentic &= self._authentic.get(step, self.is_authentic)
            name = _written(found[0].target) if step[1] == "CNAME" else name
        if not any(rrset.rdtype == dns.rdatatype.from_text(kind) for rrset in reply.answer):
            is_authentic &= self._authentic.get((name, kind), self.is_authentic)
            soa = f"ns.{name or 'root'}. hostmaster.invalid. 1 3600 600 86400 {NEGATIVE_TTL}"
            reply.authority.append(dns.rrset.from_text(f"{name}.", NEGATIVE_TTL, "IN", "SOA", soa))
            reply.set_rcode(dns.rcode.NOERROR if self._knows(name) else dns.rcode.NXDOMAIN)
        if is_authentic:
            reply.flags |= dns.flags.AD

    def _chain(self, name: str, kind: str) -> Iterator[tuple[tuple[str, str], dns.rrset.RRset]]:
        for _ in range(20):
            found = self._find(name, kind)
            if found is not None:
                yield (name, kind), found
                return
            alias = self._find(name, "CNAME")
            if alias is None:
                return
            yield (name, "CNAME"), alias
            name = _written(alias[0].target)

    def _find(self, name: str, kind: str) -> dns.rrset.RRset | None:
        found = self._records.get((name, kind))
        if found is not None or any(known == name for known, _ in self._records):
            return found
        wild = self._records.get((f"*.{name.partition('.')[2]}", kind))
        return dns.rrset.from_rdata(f"{name}.", wild.ttl, *wild) if wild else None

    def _knows(self, name: str) -> bool:
        return not name or any(
            known == name or known.endswith(f".{name}") for known, _ in [*self._records, *self._authentic]
        )

    def _load(self, zone: str) -> None:
        for rrset in dns.zonefile.read_rrsets(zone, default_ttl=300, rdclass=None):
            self._records[_written(rrset.name), dns.rdatatype.to_text(rrset.rdtype)] = rrset

    async def _start(self) -> None:
        for attempt in range(20):  # the port that is free for TCP may be taken for UDP
            server = await asyncio.start_server(self._serve_tcp, self._bind, self.port)
            port = server.sockets[0].getsockname()[1]
            try:
                datagrams, _ = await self._loop.create_datagram_endpoint(
                    lambda: _Datagrams(self), local_addr=(self._bind, port)
                )
            except OSError:
                server.close()
                if self.port or attempt == 19:
                    raise
                continue
            self.port = port
            self._open = [server, datagrams]
            return

    async def _stop(self) -> None:
        for door in self._open:
            door.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # a closed transport says so a turn later

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (size,) = struct.unpack("!H", await reader.readexactly(2))
                reply = self.answer(await reader.readexactly(size), is_tcp=True)
                if reply is not None:
                    writer.write(struct.pack("!H", len(reply)) + reply)
        except (EOFError, OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        reply = self._server.answer(data, is_tcp=False)
        if reply is not None:
            self._transport.sendto(reply, addr)


def _written(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower() if len(name) > 1 else ""


def _fitting(reply: dns.message.Message, query: dns.message.Message, *, is_tcp: bool) -> bytes:
    wire = reply.to_wire(max_size=65535)
    size = 65535 if is_tcp else (query.payload if query.edns >= 0 else _CLASSIC_SIZE)
    if len(wire) <= size:
        return wire
    reply.answer.clear()
    reply.flags |= dns.flags.TC
    return reply.to_wire()
