"""What the engine gives the transport and what it gets back: plain values, no I/O.

A Result's code always agrees with its outcome: 2xx delivered, 5xx refused, 4xx to be tried later or ambiguous. What the
remote really said stands in the text.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal, Protocol

MAX_TEXT = 400  # characters of a stranger's words


class Outcome(StrEnum):
    DELIVERED = "delivered"
    TRY_LATER = "try later"
    REFUSED = "refused"
    AMBIGUOUS = "ambiguous"  # the whole letter has left and no answer came: it may have arrived


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a letter for one recipient.

    `text` is printable ASCII of at most MAX_TEXT characters; `host` is empty if none was reached.
    `is_of_destination`: no recipient and no message was judged, it is the server or the way to it that failed.
    """

    outcome: Outcome
    code: int
    enhanced: str
    text: str
    host: str = ""
    is_of_destination: bool = False

    def at(self, host: str) -> "Result":
        return replace(self, host=host)


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to recipients of one destination; no sender is the null sender; `octets` are not dot-stuffed."""

    sender: str
    recipients: tuple[str, ...]
    octets: bytes


RouteTls = Literal["verified", "encrypted", "any"]


@dataclass(frozen=True, slots=True)
class Route:
    """An operator's word on how a destination is reached; its host may be private, no port means the usual."""

    host: str
    port: int | None
    tls: RouteTls


@dataclass(frozen=True, slots=True)
class Terms:
    """The transport's settings; times in seconds.

    `hostname` is what EHLO says. `is_literal`: our own domain is an address literal. `sources` are local addresses to
    dial from, none for any. `connections` is the most at once to one destination. `idle_seconds` is how long a
    connection is kept.
    """

    hostname: str
    own_domains: frozenset[str]
    is_literal: bool = False
    port_smtp: int = 25
    port_https: int = 443
    may_dial_private: bool = False
    connect_seconds: float = 30.0
    reply_seconds: float = 120.0
    final_seconds: float = 600.0
    sources: tuple[str, ...] = ()
    connections: int = 10
    idle_seconds: float = 20.0


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """An MTA-STS policy as fetched: the id its record had, its octets, and when (seconds since 1970)."""

    id: str
    text: bytes
    fetched: float
    expires: float


class PolicyStore(Protocol):
    """Keeps MTA-STS policies for all workers and over restarts."""

    async def get(self, domain: str) -> StoredPolicy | None:
        """Return what is kept; raise `shared.mail.trouble.Unavailable` where that cannot be told."""

    async def put(self, domain: str, policy: StoredPolicy) -> None: ...


PolicyType = Literal["tlsa", "sts", "no-policy-found"]  # RFC 8460 §4.2
TlsResult = Literal[  # "success", or a failure as RFC 8460 §4.3 names it
    "success",
    "starttls-not-supported",
    "certificate-host-mismatch",
    "certificate-expired",
    "certificate-not-trusted",
    "validation-failure",
    "tlsa-invalid",
    "sts-policy-fetch-error",
    "sts-policy-invalid",
    "sts-webpki-invalid",
]


class TlsCounter(Protocol):
    """Counts how TLS went with a destination, for its operator's report."""

    def __call__(self, domain: str, policy_type: PolicyType, result: TlsResult) -> None: ...


class Stopped(Exception):
    """The host could not or would not take the letter, and judged nobody: another host may be asked."""

    def __init__(self, result: Result) -> None:
        super().__init__(result.enhanced)
        self.result = result


class NoSockets(Exception):
    """No more sockets may be opened here (EMFILE, ENFILE): nothing is known of any destination."""


def try_later(enhanced: str, text: str, *, is_of_destination: bool = True, code: int = 451) -> Result:
    """A trouble that may pass."""
    return Result(Outcome.TRY_LATER, code, enhanced, printable(text), is_of_destination=is_of_destination)


def refused(code: int, enhanced: str, text: str, *, is_of_destination: bool = False) -> Result:
    """A trouble that will not pass."""
    return Result(Outcome.REFUSED, code, enhanced, printable(text), is_of_destination=is_of_destination)


def ambiguous(text: str, host: str) -> Result:
    """The letter has left, and whether it arrived is unknown (RFC 5321 §4.5.3.2.6)."""
    return Result(Outcome.AMBIGUOUS, 451, "4.4.2", printable(text), host)


def printable(text: str) -> str:
    """A stranger's words, so that they can stand in a report: printable ASCII, one line, not too long."""
    if not (text.isascii() and text.isprintable()):
        text = "".join(char if " " <= char <= "~" else "?" for char in text[:MAX_TEXT])
    return text[:MAX_TEXT]
