"""What a rule may say."""

from dataclasses import dataclass

from shared.mail.reply import Reply


@dataclass(frozen=True, slots=True)
class Accept:
    """Nothing stands against it."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Something stands against it, and this is what the sender is told."""

    reply: Reply


Verdict = Accept | Reject
