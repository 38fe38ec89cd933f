"""Questions and replies on the wire (RFC 1035 §4), what we need of them and no more.

Strategy: the library reads names and the data of records; the frame around them is read here. Its own reader makes sets
of records, and spends a millisecond of hashing on a single name of many labels: a stranger's zone may hold hundreds.
Here a reply is bounded in octets and in records, what was not asked for is skipped unread, and the sections behind the
answers are looked at only to learn how long nothing will be there.
"""

import secrets
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, NamedTuple

import dns.exception
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.wire

from shared.dns.answer import Answer, Caa, LookupFailed, Mx, Srv, Tlsa

MAX_REPLY = 16 * 1024  # octets; nothing we ask for needs as much, and reading costs time
MAX_RECORDS = 256  # answers, and what comes behind them
MAX_ALIASES = 16
MAX_NAME = 254  # octets with a final dot (RFC 1035 §3.1)
UDP_SIZE = 1232  # octets: fits every path without fragments

_QR, _TC, _RD, _AD = 0x8000, 0x0200, 0x0100, 0x0020
_OPCODE, _RCODE = 0x7800, 0x000F
_OPT = struct.pack("!BHHIH", 0, dns.rdatatype.OPT, UDP_SIZE, 0x8000, 0)  # EDNS with DO (RFC 6891 §6.1.2, RFC 3225 §3)


class Query:
    """A question with its id; raises DNSException or UnicodeError for a name that cannot be written."""

    def __init__(self, name: str, kind: str) -> None:
        self.name = _name(name)
        self.kind = dns.rdatatype.from_text(kind)
        self.id = struct.pack("!H", secrets.randbelow(65536))

    @property
    def wire(self) -> bytes:
        """The octets to send: recursion desired, and AD, which asks for AD (RFC 6840 §5.7)."""
        head = self.id + struct.pack("!5H", _RD | _AD, 1, 0, 0, 1)
        return head + (self.name.to_wire() or b"") + struct.pack("!2H", self.kind, dns.rdataclass.IN) + _OPT


class Record(NamedTuple):
    """A record of an answer: `data` is the library's."""

    name: str
    kind: int
    ttl: int
    data: Any


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply to our question, not yet judged."""

    code: int
    is_truncated: bool
    is_authentic: bool
    records: list[Record]


def read(query: Query, wire: bytes) -> Reply | None:
    """Read a reply; None if it answers another question than ours; raise LookupFailed for what cannot be read."""
    if wire[:2] != query.id:
        return None
    try:
        return _read(query, wire)
    except (dns.exception.DNSException, ValueError, struct.error):
        raise LookupFailed("an answer that cannot be read") from None


def judge(query: Query, reply: Reply, *, is_trusted: bool) -> Answer:
    """Return what a reply says, or raise LookupFailed unless it is an answer that makes sense."""
    if reply.code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise LookupFailed(dns.rcode.to_text(dns.rcode.Rcode.make(reply.code)))
    name, ttls = _end_of_aliases(query, reply)
    found = [record for record in reply.records if record.kind == query.kind and record.name == name]
    if found and reply.code == dns.rcode.NXDOMAIN:
        raise LookupFailed("an answer that makes no sense")
    negative = [min(one.ttl, one.data.minimum) for one in reply.records if one.kind == dns.rdatatype.SOA] or [0]
    return Answer(
        records=tuple(dict.fromkeys(_value(record.data) for record in found)),  # a set (RFC 2181 §5)
        exists=reply.code == dns.rcode.NOERROR,
        is_authentic=is_trusted and reply.is_authentic,
        canonical=name,
        ttl=min(ttls + ([record.ttl for record in found] or negative)),  # RFC 2308 §5
    )


def _read(query: Query, wire: bytes) -> Reply | None:
    parser = dns.wire.Parser(wire)
    _, flags, questions, answers, authorities, _ = parser.get_struct("!6H")
    if not flags & _QR or flags & _OPCODE:
        return None
    if questions != 1:
        # Some servers fail without saying at what; a success without a question is nobody's answer.
        return Reply(flags & _RCODE, False, False, []) if flags & _RCODE and not questions else None
    if (parser.get_name(decompress=True), *parser.get_struct("!2H")) != (query.name, query.kind, dns.rdataclass.IN):
        return None
    if flags & _TC:
        return Reply(flags & _RCODE, True, False, [])
    if len(wire) > MAX_REPLY or answers + authorities > MAX_RECORDS:
        raise LookupFailed("an answer that is too long")
    wanted = {query.kind, dns.rdatatype.CNAME, dns.rdatatype.SOA}
    return Reply(flags & _RCODE, False, bool(flags & _AD), list(_records(parser, answers + authorities, wanted)))


def _records(parser: dns.wire.Parser, number: int, wanted: set[dns.rdatatype.RdataType]) -> Iterator[Record]:
    for _ in range(number):
        name = parser.get_name(decompress=True)
        kind, group, ttl, size = parser.get_struct("!HHIH")
        if kind not in wanted or group != dns.rdataclass.IN:
            parser.get_bytes(size)
            continue
        with parser.restrict_to(size):
            data = dns.rdata.from_wire_parser(group, kind, parser)
        yield Record(host(name), kind, ttl if ttl < 2**31 else 0, data)  # RFC 2181 §8


def _end_of_aliases(query: Query, reply: Reply) -> tuple[str, list[int]]:
    """Follow the CNAMEs; return the last name and the times to live on the way."""
    name, ttls = host(query.name), list[int]()
    if query.kind == dns.rdatatype.CNAME:
        return name, ttls
    aliases = {record.name: record for record in reply.records if record.kind == dns.rdatatype.CNAME}
    while name in aliases:
        if len(ttls) == MAX_ALIASES:
            raise LookupFailed("an answer that makes no sense")
        ttls.append(aliases[name].ttl)
        name = host(aliases[name].data.target)
    return name, ttls


def _value(data: Any) -> Any:
    match data.rdtype:
        case dns.rdatatype.A | dns.rdatatype.AAAA:
            return ip_address(data.address)
        case dns.rdatatype.MX:
            return Mx(data.preference, host(data.exchange))
        case dns.rdatatype.TXT:
            return b"".join(data.strings)
        case dns.rdatatype.TLSA:
            return Tlsa(data.usage, data.selector, data.mtype, data.cert)
        case dns.rdatatype.SRV:
            return Srv(data.priority, data.weight, data.port, host(data.target))
        case dns.rdatatype.CAA:
            return Caa(data.flags, data.tag.decode("ascii", "replace"), data.value.decode("utf-8", "replace"))
        case dns.rdatatype.CNAME | dns.rdatatype.PTR | dns.rdatatype.NS:
            return host(data.target)
    return data.to_text()


def host(name: dns.name.Name) -> str:
    """Write a name in lower case without its final dot; the root is the empty string."""
    return name.to_text(omit_final_dot=True).lower() if len(name) > 1 else ""


def _name(name: str) -> dns.name.Name:
    """Write a name for the wire, as it stands: the library's reader would see escapes in a stranger's backslash."""
    if len(name) > MAX_NAME:
        raise dns.name.NameTooLong
    labels = [label.encode() if label.isascii() else dns.name.IDNA_2003.encode(label) for label in name.split(".")]
    return dns.name.Name([*labels, b""])
