"""Who may be written to by a server we do not know, and in whose name, as far as addresses alone can tell."""

from collections.abc import Collection

from shared.address import Address
from shared.mail import reply
from shared.policy.verdict import Accept, Reject, Verdict


def judge_stranger(sender: Address | None, domains: Collection[str]) -> Verdict:
    """Judge the envelope sender of a server we do not know; our own users have another door."""
    is_ours = sender is not None and sender.domain in domains
    return Reject(reply.USE_SUBMISSION) if is_ours else Accept()


def judge_entering(recipient: Address, domains: Collection[str], *, is_known: bool, has_room: bool) -> Verdict:
    """Judge a recipient named by a server we do not know; `is_known` tells whether we have such a user."""
    if recipient.domain not in domains:
        return Reject(reply.RELAYING_DENIED)
    if not is_known:
        return Reject(reply.NO_SUCH_USER)
    return Accept() if has_room else Reject(reply.MAILBOX_FULL)
