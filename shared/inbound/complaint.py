"""The report on recipients that do not exist, to the verified sender of a message that others have got."""

import secrets
import time
from collections.abc import Mapping
from hashlib import sha256

from shared.address import Address
from shared.delivery import Incoming, Outgoing
from shared.mail import report
from shared.mail.reply import Reply
from shared.mail.report import Failure


def write(sender: Address, failed: Mapping[Address, Reply], header: bytes, hostname: str, domain: str) -> Incoming:
    """Return what the outbox is given: one report whatever the number of `failed`, from `domain`, which is ours."""
    body = report.failure(
        sender_domain=domain,
        hostname=hostname,
        to=str(sender),
        failures=[_failure(recipient, answer) for recipient, answer in failed.items()],
        original=header,
        now=time.time(),
        message_id=f"{secrets.token_hex(16)}@{domain}",
        boundary=secrets.token_hex(16),
    )
    header_size = body.index(b"\r\n\r\n") + 4
    outgoing = Outgoing("", (sender,), domain)  # the null sender: nothing answers a report (RFC 5321 §4.5.5)
    return Incoming((), body, header_size, sha256(body).digest(), outgoing=outgoing)


def _failure(recipient: Address, answer: Reply) -> Failure:
    return Failure(str(recipient), answer.enhanced, f"{answer.code} {answer.enhanced} {answer.text}", "")
