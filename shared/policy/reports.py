"""Who may be told of recipients that failed after we have said yes: only who is sure to have written."""

from collections.abc import Collection

from shared.address import Address
from shared.mail.message import Facts
from shared.policy.inbound import may_be_unsigned

_REPLIED = b"auto-replied"


def may_be_told(sender: Address | None, facts: Facts, unsigned_from: Collection[str]) -> bool:
    """Tell whether a report may go to the envelope sender of a message whose origin was accepted.

    It must be the author, and of a domain that signs: without a signature the sender may be a bystander. Nothing
    answers the null sender, a report (RFC 3464 §2), or what is an automatic answer itself (RFC 3834 §2).
    """
    if sender is None or sender != facts.author or may_be_unsigned(sender.domain, unsigned_from):
        return False
    return not facts.is_report and facts.automatic != _REPLIED
