"""The gate: only encrypted mail passes, at every door alike (design §7).

Strangers' servers are let in with two things more, both of them only when their origin is verified: the report of a
mail system that it could not deliver, without which our users would never learn of it, and a Version line in the armor.
A report is words about a message and at most its header: more cleartext than that is not let in as one.
"""

from collections.abc import Collection, Iterable

from shared.address import Address
from shared.mail import reply
from shared.mail.message import Facts
from shared.policy.verdict import Accept, Reject, Verdict

MAX_HOPS = 50  # RFC 5321 §6.3 advises a large number; a chatmail message makes two or three
MAX_REPORT = 256 * 1024  # octets: what a person reads, and a header of many fields


def judge(facts: Facts) -> Verdict:
    """Say whether a message may enter at any door, whoever brings it."""
    return _shape(facts) or _encryption(is_sealed=facts.is_encrypted or facts.is_securejoin)


def judge_stranger(facts: Facts, size: int, *, may_be_plain: bool) -> Verdict:
    """Say whether a message of `size` octets from elsewhere may enter, if its origin is verified.

    `may_be_plain`: for who reads such.
    """
    is_sealed = facts.is_encrypted or facts.is_old_encrypted or facts.is_securejoin
    if facts.is_report and size > MAX_REPORT and not (is_sealed or may_be_plain):
        return _shape(facts) or Reject(reply.TOO_LARGE)
    return _shape(facts) or _encryption(is_sealed=is_sealed or facts.is_report or may_be_plain)


def may_all_read_plain(recipients: Iterable[Address], plain_for: Collection[str]) -> bool:
    """Tell whether the operator lets every one of these addresses have cleartext; `ann+tag` is ann."""
    return all(f"{who.local.partition('+')[0]}@{who.domain}" in plain_for for who in recipients)


def _shape(facts: Facts) -> Reject | None:
    if facts.is_malformed:
        return Reject(reply.MALFORMED)
    return Reject(reply.LOOP) if facts.hops > MAX_HOPS else None


def _encryption(*, is_sealed: bool) -> Verdict:
    return Accept() if is_sealed else Reject(reply.NOT_ENCRYPTED)
