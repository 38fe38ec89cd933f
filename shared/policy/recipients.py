"""Who may be written to through which door, as far as the address alone can tell.

Strategy: this is the one place that says that mail does not leave or enter the house yet. When it does, `judge_leaving`
accepts and `judge_entering` is asked about a signature instead.
"""

from collections.abc import Collection

from shared.address import Address
from shared.mail import reply
from shared.policy.verdict import Accept, Reject, Verdict


def judge_leaving(recipient: Address, domains: Collection[str]) -> Verdict:
    """Judge a recipient of a user's own mail; `domains` are ours."""
    return Accept() if recipient.domain in domains else Reject(reply.NO_FEDERATION)


def judge_stranger(sender: Address | None, domains: Collection[str]) -> Verdict:
    """Judge the envelope sender of a server we do not know; our own users have another door."""
    is_ours = sender is not None and sender.domain in domains
    return Reject(reply.USE_SUBMISSION) if is_ours else Accept()


def judge_entering(recipient: Address, domains: Collection[str], *, is_known: bool) -> Verdict:
    """Judge a recipient named by a server we do not know; `is_known` tells whether we have such a user."""
    if recipient.domain not in domains:
        return Reject(reply.RELAYING_DENIED)
    return Reject(reply.NO_FEDERATION if is_known else reply.NO_SUCH_USER)
