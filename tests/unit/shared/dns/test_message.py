"""What a reply says, record by record."""

import itertools

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from shared.dns.answer import Answer, LookupFailed
from shared.dns.message import MAX_ALIASES, Query, judge, read


def told(
    *records: str, kind: str = "TXT", code: int = 0, authority: str = "", is_trusted: bool = True, flags: int = 0
) -> Answer:
    """Return what a reply with these records says about a.test; a record is `name ttl kind text`."""
    query = Query("a.test", kind)
    message = dns.message.make_response(dns.message.from_wire(query.wire))
    message.answer = [_rrset(text) for text in records]
    message.authority = [_rrset(authority)] if authority else []
    message.flags |= flags
    message.set_rcode(dns.rcode.Rcode.make(code))
    reply = read(query, message.to_wire())
    assert reply is not None
    return judge(query, reply, is_trusted=is_trusted)


def _rrset(text: str) -> dns.rrset.RRset:
    name, ttl, kind, data = text.split(" ", 3)
    return dns.rrset.from_text(name, int(ttl), "IN", kind, data)


def test_only_what_was_asked_for_counts() -> None:
    records = ("a.test. 300 TXT yes", "b.test. 300 TXT no", "a.test. 300 A 192.0.2.1", "A.Test. 300 TXT also")
    assert told(*records).records == (b"yes", b"also")


def test_what_stands_there_twice_counts_once() -> None:
    assert told("a.test. 300 TXT x", "A.test. 300 TXT x").records == (b"x",)


def test_a_name_that_is_not_there_has_no_records() -> None:
    with pytest.raises(LookupFailed, match="no sense"):
        told("a.test. 300 TXT x", code=dns.rcode.NXDOMAIN)


@pytest.mark.parametrize(
    ("flags", "is_trusted", "is_authentic"),
    [(dns.flags.AD, True, True), (dns.flags.AD, False, False), (0, True, False)],
)
def test_authenticity_needs_a_trusted_word(flags: int, is_trusted: bool, is_authentic: bool) -> None:
    assert told("a.test. 300 TXT x", flags=flags, is_trusted=is_trusted).is_authentic is is_authentic


def chain(length: int) -> list[str]:
    names = ["a.test.", *(f"c{number}.test." for number in range(length))]
    aliases = [f"{name} 300 CNAME {target}" for name, target in itertools.pairwise(names)]
    return [*aliases, f"{names[-1]} 300 TXT end"]


def test_aliases_are_followed_so_far() -> None:
    assert told(*chain(MAX_ALIASES)).records == (b"end",)
    with pytest.raises(LookupFailed, match="no sense"):
        told(*chain(MAX_ALIASES + 1))


def test_an_alias_that_is_asked_for_is_not_followed() -> None:
    assert told("a.test. 300 CNAME b.test.", "b.test. 300 CNAME c.test.", kind="CNAME").records == ("b.test",)


@pytest.mark.parametrize(
    ("records", "authority", "ttl"),
    [
        (["a.test. 300 TXT x"], "", 300),
        (["a.test. 300 TXT x", "A.test. 200 TXT y"], "", 200),
        (["a.test. 30 CNAME b.test.", "b.test. 300 TXT x"], "", 30),
        (["a.test. 2147483647 TXT x"], "", 2147483647),
        ([], "test. 300 SOA ns. root. 1 2 3 4 50", 50),
        ([], "test. 40 SOA ns. root. 1 2 3 4 50", 40),
        (["a.test. 30 CNAME b.test."], "test. 40 SOA ns. root. 1 2 3 4 50", 30),
        ([], "", 0),
    ],
)
def test_an_answer_lives_as_long_as_its_shortest_part(records: list[str], authority: str, ttl: int) -> None:
    assert told(*records, authority=authority).ttl == ttl


def test_a_time_to_live_beyond_reason_is_none() -> None:
    query = Query("a.test", "TXT")
    message = dns.message.make_response(dns.message.from_wire(query.wire))
    message.answer = [_rrset("a.test. 17 TXT x")]
    reply = read(query, message.to_wire().replace(b"\0\0\0\x11", b"\x80\0\0\x11"))  # RFC 2181 §8
    assert reply
    assert judge(query, reply, is_trusted=True).ttl == 0
