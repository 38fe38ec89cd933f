"""The reports our users get: what failed, and what is late."""

import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from queue_worker.transport.values import Result
from shared.mail import report
from shared.mail.report import Failure
from shared.storage.outbox import Claimed, Overdue, Report

EXPIRED_STATUS = "4.4.7"  # RFC 3463 §3.5: delivery time expired


@dataclass(frozen=True, slots=True)
class Reporter:
    """Writes reports; `retry_seconds` is how long mail is tried."""

    hostname: str
    retry_seconds: float

    def failure(self, claimed: Claimed, failed: Sequence[tuple[str, Result]]) -> Report:
        """Report recipients that were refused."""
        failures = [Failure(to, one.enhanced, _words(one), one.host) for to, one in failed]
        return self._failed(claimed.message_id, claimed.domain, claimed.sender, failures, claimed.header)

    def expired(self, overdue: Overdue) -> Report:
        """Report recipients that were tried for too long."""
        return self._failed(
            overdue.message_id, overdue.domain, overdue.sender, list(_waiting(overdue)), bytes(overdue.header)
        )

    def late(self, overdue: Overdue) -> Report:
        """Report recipients that are still tried."""
        name = secrets.token_hex(16)
        octets = report.delay(
            sender_domain=overdue.domain,
            hostname=self.hostname,
            to=overdue.sender,
            failures=list(_waiting(overdue)),
            original=bytes(overdue.header),
            now=time.time(),
            until=overdue.accepted + self.retry_seconds,
            message_id=f"<{name}@{overdue.domain}>",
            boundary=name,
        )
        return _report(overdue.message_id, octets)

    def _failed(self, message_id: int, domain: str, sender: str, failures: list[Failure], header: bytes) -> Report:
        name = secrets.token_hex(16)
        octets = report.failure(
            sender_domain=domain,
            hostname=self.hostname,
            to=sender,
            failures=failures,
            original=header,
            now=time.time(),
            message_id=f"<{name}@{domain}>",
            boundary=name,
        )
        return _report(message_id, octets)


def _report(message_id: int, octets: bytes) -> Report:
    return Report(message_id, octets, octets.index(b"\r\n\r\n") + 4)


def _waiting(overdue: Overdue) -> Iterator[Failure]:
    for to, code, text in zip(overdue.recipients, overdue.codes, overdue.texts, strict=True):
        said = f"{code} {text}" if code and text else "the server could not be reached"
        yield Failure(to, EXPIRED_STATUS, said, "")


def _words(result: Result) -> str:
    return f"{result.code} {result.enhanced} {result.text}".replace("  ", " ")
