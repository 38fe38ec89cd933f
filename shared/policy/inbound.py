"""The rules for a stranger's mail: what its origin must prove. The asking is done elsewhere (shared/inbound).

Strategy: a name must sign (DKIM with d= equal to the author's domain, nothing looser), an address literal must be the
peer's own address. Only domains that the operator allows to send unsigned are judged by the classic rules: a sender who
can be answered, SPF, DMARC. What the DNS could not tell is never held against the sender: 451, and they come again.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address

from shared.address import Address, literal_ip, plain_ip
from shared.mail import reply
from shared.mail.dkim.judge import Judgement
from shared.policy.verdict import Accept, Reject, Verdict

Ip = IPv4Address | IPv6Address


class Spf(Enum):
    """The results of RFC 7208 §2.6."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASSED = "pass"
    FAILED = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class Dmarc(Enum):
    """What the author's domain says of this message (RFC 7489 §6.6)."""

    SILENT = "silent"  # there is no policy, or none that asks for anything
    ALIGNED = "aligned"
    OBJECTS = "objects"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Unsigned:
    """What was found out about a message without a valid signature of its author's domain.

    `may_be_answered` tells whether the sender's domain takes mail; None: the DNS did not say.
    """

    may_be_answered: bool | None
    spf: Spf
    dmarc: Dmarc


def judge_author(author: Address | None, peer: Ip, domains: Collection[str]) -> Verdict | None:
    """Judge the author as far as the address alone can tell; None: the signatures decide. `domains` are ours."""
    if author is None:
        return Reject(reply.FORGED_FROM)
    if author.domain in domains:
        return Reject(reply.USE_SUBMISSION)
    if author.is_literal:
        return Accept() if is_at(author.domain, peer) else Reject(reply.FOREIGN_LITERAL)
    return None


def judge_signed(signed: Judgement) -> Verdict:
    """Judge the signatures of a domain that must sign."""
    return _BY_SIGNATURE[signed]


def judge_unsigned(found: Unsigned) -> Verdict:
    """Judge by the classic rules; the first thing that stands against the message is what the sender is told."""
    if found.may_be_answered is None:
        return Reject(reply.ORIGIN_UNKNOWN)
    if not found.may_be_answered:
        return Reject(reply.NO_WAY_BACK)
    by_spf = _BY_SPF.get(found.spf, Accept())
    return by_spf if isinstance(by_spf, Reject) else _BY_DMARC[found.dmarc]


def may_be_unsigned(domain: str, unsigned_from: Collection[str]) -> bool:
    """Tell whether the operator takes unsigned mail from this domain; `*` stands for all."""
    return domain in unsigned_from or "*" in unsigned_from


def is_at(literal: str, peer: Ip) -> bool:
    """Tell whether an address literal is the address somebody speaks from; `::ffff:192.0.2.1` is `192.0.2.1`."""
    named = literal_ip(literal)
    return named is not None and plain_ip(named) == plain_ip(peer)


_BY_SIGNATURE: dict[Judgement, Verdict] = {
    Judgement.VALID: Accept(),
    Judgement.NONE: Reject(reply.NO_SIGNATURE),
    Judgement.INVALID: Reject(reply.NO_VALID_SIGNATURE),
    Judgement.UNKNOWN: Reject(reply.ORIGIN_UNKNOWN),
}
_BY_SPF: dict[Spf, Verdict] = {  # what is not here says nothing against the sender (RFC 7208 §8)
    Spf.FAILED: Reject(reply.SPF_FAILED),
    Spf.PERMERROR: Reject(reply.SPF_BROKEN),
    Spf.TEMPERROR: Reject(reply.ORIGIN_UNKNOWN),
}
_BY_DMARC: dict[Dmarc, Verdict] = {
    Dmarc.SILENT: Accept(),
    Dmarc.ALIGNED: Accept(),
    Dmarc.OBJECTS: Reject(reply.DMARC_OBJECTS),
    Dmarc.UNKNOWN: Reject(reply.ORIGIN_UNKNOWN),
}
