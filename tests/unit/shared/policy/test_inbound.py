"""The rules for a stranger's mail, fact by fact."""

from ipaddress import ip_address

import pytest

from shared.address import Address
from shared.mail import reply
from shared.mail.dkim.judge import Judgement
from shared.mail.reply import Reply
from shared.policy.inbound import Dmarc, Spf, Unsigned, judge_author, judge_signed, judge_unsigned, may_be_unsigned
from shared.policy.verdict import Accept, Reject, Verdict

OURS = frozenset({"example.org", "[192.0.2.1]"})


def told(verdict: Verdict | None) -> Reply | None:
    return verdict.reply if isinstance(verdict, Reject) else None


@pytest.mark.parametrize(
    ("author", "peer", "expected"),
    [
        (None, "198.51.100.1", Reject(reply.FORGED_FROM)),
        (Address("a", "example.org"), "198.51.100.1", Reject(reply.USE_SUBMISSION)),
        (Address("a", "[192.0.2.1]"), "192.0.2.1", Reject(reply.USE_SUBMISSION)),
        (Address("a", "example.net"), "198.51.100.1", None),
        (Address("a", "_example.net"), "198.51.100.1", None),
        (Address("a", "sub.example.org"), "198.51.100.1", None),
        (Address("a", "[198.51.100.1]"), "198.51.100.1", Accept()),
        (Address("a", "[198.51.100.1]"), "::ffff:198.51.100.1", Accept()),
        (Address("a", "[IPv6:::ffff:198.51.100.1]"), "198.51.100.1", Accept()),
        (Address("a", "[IPv6:2001:db8::1]"), "2001:db8::1", Accept()),
        (Address("a", "[198.51.100.1]"), "198.51.100.2", Reject(reply.FOREIGN_LITERAL)),
        (Address("a", "[IPv6:2001:db8::1]"), "2001:db8::2", Reject(reply.FOREIGN_LITERAL)),
        (Address("a", "[198.51.100.1]"), "2001:db8::1", Reject(reply.FOREIGN_LITERAL)),
    ],
)
def test_author(author: Address | None, peer: str, expected: Verdict | None) -> None:
    assert judge_author(author, ip_address(peer), OURS) == expected


@pytest.mark.parametrize(
    ("signed", "expected"),
    [
        (Judgement.VALID, None),
        (Judgement.NONE, reply.NO_SIGNATURE),
        (Judgement.INVALID, reply.NO_VALID_SIGNATURE),
        (Judgement.UNKNOWN, reply.ORIGIN_UNKNOWN),
    ],
)
def test_signed(signed: Judgement, expected: Reply | None) -> None:
    assert told(judge_signed(signed)) == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Unsigned(True, Spf.PASSED, Dmarc.SILENT), None),
        (Unsigned(True, Spf.PASSED, Dmarc.ALIGNED), None),
        (Unsigned(True, Spf.NEUTRAL, Dmarc.SILENT), None),
        (Unsigned(True, Spf.SOFTFAIL, Dmarc.SILENT), None),
        (Unsigned(True, Spf.NONE, Dmarc.SILENT), None),
        (Unsigned(False, Spf.PASSED, Dmarc.ALIGNED), reply.NO_WAY_BACK),
        (Unsigned(None, Spf.FAILED, Dmarc.OBJECTS), reply.ORIGIN_UNKNOWN),
        (Unsigned(True, Spf.FAILED, Dmarc.SILENT), reply.SPF_FAILED),
        (Unsigned(True, Spf.PERMERROR, Dmarc.ALIGNED), reply.SPF_BROKEN),
        (Unsigned(True, Spf.TEMPERROR, Dmarc.SILENT), reply.ORIGIN_UNKNOWN),
        (Unsigned(True, Spf.PASSED, Dmarc.OBJECTS), reply.DMARC_OBJECTS),
        (Unsigned(True, Spf.NONE, Dmarc.UNKNOWN), reply.ORIGIN_UNKNOWN),
    ],
)
def test_unsigned(found: Unsigned, expected: Reply | None) -> None:
    assert told(judge_unsigned(found)) == expected


@pytest.mark.parametrize(
    ("domain", "allowed", "expected"),
    [
        ("example.net", set(), False),
        ("example.net", {"example.net"}, True),
        ("sub.example.net", {"example.net"}, False),
        ("example.com", {"*"}, True),
    ],
)
def test_may_be_unsigned(domain: str, allowed: set[str], expected: bool) -> None:
    assert may_be_unsigned(domain, allowed) is expected


@pytest.mark.parametrize("unsure", [reply.ORIGIN_UNKNOWN])
def test_what_dns_does_not_say_is_temporary(unsure: Reply) -> None:
    assert unsure.line().startswith(b"451 4.7.5 ")
