"""The gate: only encrypted mail passes, at every door alike (design §7)."""

from shared.mail import reply
from shared.mail.message import Facts
from shared.policy.verdict import Accept, Reject, Verdict

MAX_HOPS = 50  # RFC 5321 §6.3 advises a large number; a chatmail message makes two or three


def judge(facts: Facts) -> Verdict:
    """Say whether a message may enter at any door, whoever brings it."""
    if facts.is_malformed:
        return Reject(reply.MALFORMED)
    if facts.hops > MAX_HOPS:
        return Reject(reply.LOOP)
    if not (facts.is_encrypted or facts.is_securejoin):
        return Reject(reply.NOT_ENCRYPTED)
    return Accept()
