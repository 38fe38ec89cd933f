"""What an SMTP service answers, and what it is told.

Strategy: the frame's words are aiosmtpd's (a session, an envelope, hooks that answer with a reply; see
docs/decisions/0002-aiosmtpd-as-a-frame.md), but a reply is a value, an address is parsed, and a handler belongs to one
connection, so that what it knows of its client is typed. A hook that raises is answered with our own trouble, 4xx.
"""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from shared.address import Address
from shared.mail.reply import Reply
from shared.smtp.spool import Budget, Received


@dataclass(slots=True)
class Envelope:
    """One mail transaction: `mail_from` is None for the null sender, `rcpt_tos` are the accepted, each once.

    `payer` is whose share of the budget the message takes; a handler says so at MAIL. `helo` is what the client called
    itself.
    """

    mail_from: Address | None
    smtp_utf8: bool = False
    rcpt_tos: list[Address] = field(default_factory=list)
    payer: str = ""
    helo: str = ""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a service offers at all its doors: sizes in octets, `folder` for long messages on their way."""

    hostname: str
    max_size: int
    has_auth: bool  # AUTH is offered under TLS, and needed for MAIL
    needs_tls: bool = False  # MAIL is refused in the clear; where there is AUTH it always is
    domain: str = ""  # whose postmaster `<postmaster>` alone is (RFC 5321 §4.5.1); nobody's if empty
    greeting_delay: float = 0.0  # seconds in which a client that talks first shows that it is none
    folder: Path | None = None
    budget: Budget = field(default_factory=Budget)


class Handler(Protocol):
    """The answers to one connection."""

    def welcome(self) -> Reply | None:
        """Return None to let the client in, or what it is told instead of a greeting."""

    async def authenticate(self, name: str, password: str) -> Reply:
        """Return AUTH_OK once these credentials hold, or why not."""

    def sender(self, envelope: Envelope) -> Reply:
        """Answer MAIL; a positive reply opens the transaction."""

    def recipients(self, envelope: Envelope, addresses: Sequence[Address]) -> Awaitable[Sequence[Reply]]:
        """Answer RCPTs that came in one breath, one reply each; none of the addresses is there yet or twice."""

    def message(self, envelope: Envelope, received: Received) -> Awaitable[Reply]:
        """Answer the end of DATA; 2xx only once the message cannot be lost. The frame closes `received`."""
