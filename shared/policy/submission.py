"""The rules for a user's own mail: nobody writes in another's name, and the gate."""

from shared.address import Address
from shared.mail import reply
from shared.mail.message import Facts
from shared.policy import gate
from shared.policy.verdict import Accept, Reject, Verdict


def judge_sender(account: Address, sender: Address | None) -> Verdict:
    """Judge the envelope sender; None is the null sender, which is for reports and not for people."""
    return Accept() if sender == account else Reject(reply.FOREIGN_SENDER)


def judge(account: Address, sender: Address | None, facts: Facts) -> Verdict:
    """Judge a whole message at the end of DATA.

    A header that cannot be trusted comes first, then the name on it, then what is inside.
    """
    if facts.is_malformed:
        return Reject(reply.MALFORMED)
    if facts.author != account:
        return Reject(reply.FORGED_FROM)
    own = judge_sender(account, sender)
    return own if isinstance(own, Reject) else gate.judge(facts)
