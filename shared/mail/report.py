"""What the sender is told of a message that did not arrive, or not yet (RFC 3464, RFC 6522).

Strategy: everything here but our own words comes from strangers (a remote's reply, a host's name, an address, an old
header), so every value is made one line of printable ASCII of bounded length before it is written, and stands behind
words of ours, so that none can begin a field, a part or a delimiter. Beside the old header a report takes at most
MAX_REPORT octets however many recipients there are: those that do not fit are counted. Delta Chat reads the Action of
the first recipient, the Message-ID of the third part, and shows the text; it needs no complete list. Of the old header
only what names the message is repeated, each field whole or not at all.

A report cannot be encrypted, and Delta Chat drops what is not, unless its user has chosen otherwise; it looks only into
what carries the field SHOWN. No secure-join begins with that, for want of a number; but the report is read, and the
message it is about is marked as failed.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import formatdate

from shared.mail.headers import MAX_HEADER, Field, Headers, scan

SHOWN = b"Secure-Join: vc-request\r\n"
MAX_REPORT = 10 * 1024  # octets, without the old header
MAX_ORIGINAL = 10 * 1024  # and of the old header
_MAX_TEXT, _MAX_STATUS = 3 * 1024, 5 * 1024
_MAX_ADDRESS, _MAX_HOST, _MAX_DIAGNOSTIC = 320, 255, 300
_MAX_LINE = 998  # RFC 5322 §2.1.1, without CRLF
_REPEATED = tuple(b"message-id date from to subject in-reply-to auto-submitted chat-version".split())
_MAX_FIELD = MAX_ORIGINAL // len(_REPEATED)

_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")  # RFC 3463 §2
_NOT_QCHAR = re.compile(r"[^!-*,-<>-\[\]-~]")  # RFC 6533 §3
_UNPRINTABLE = bytes(octet for octet in range(256) if not (32 <= octet < 127 or octet in b"\t\r\n"))
_TO_MARKS = bytes.maketrans(_UNPRINTABLE, b"?" * len(_UNPRINTABLE))


@dataclass(frozen=True, slots=True)
class Failure:
    """A recipient not reached: `status` as in RFC 3463, `diagnostic` in the words of `host`, or ours if it is ""."""

    recipient: str
    status: str
    diagnostic: str
    host: str


def failure(
    *,
    sender_domain: str,
    hostname: str,
    to: str,
    failures: Sequence[Failure],
    original: bytes,
    now: float,
    message_id: str,
    boundary: str,
) -> bytes:
    """Return the whole report on recipients given up; `original` is the old header block, `now` seconds UTC.

    `boundary` and `message_id` are new ones of ours, `to` is the old sender.
    """
    text = _text("Your message could not be delivered to:", failures, "It will not be tried again.")
    groups = _status(hostname, failures, lambda one: _group(one, "failed", "5.0.0"))
    head = _head(sender_domain, to, "Delivery failed", now, message_id, boundary)
    return SHOWN + _whole(head, boundary, text, groups, original)


def delay(
    *,
    sender_domain: str,
    hostname: str,
    to: str,
    failures: Sequence[Failure],
    original: bytes,
    now: float,
    until: float,
    message_id: str,
    boundary: str,
) -> bytes:
    """Return the whole report on recipients still tried, until `until` in seconds UTC; the rest is as in `failure`."""
    closing = f"It is tried again until {formatdate(until, usegmt=True)}. There is no need to send it once more."
    text = _text("Your message has not been delivered yet to:", failures, closing)
    retry = f"Will-Retry-Until: {formatdate(until)}"
    groups = _status(hostname, failures, lambda one: [*_group(one, "delayed", "4.0.0"), retry])
    head = _head(sender_domain, to, "Delivery delayed", now, message_id, boundary)
    return _whole(head, boundary, text, groups, original)


def _head(sender_domain: str, to: str, subject: str, now: float, message_id: str, boundary: str) -> list[str]:
    return [
        f"From: Mail Delivery <mailer-daemon@{_word(sender_domain, _MAX_HOST)}>",
        f"To: <{_word(to, _MAX_ADDRESS)}>",
        f"Subject: {subject}",
        f"Date: {formatdate(now)}",
        f"Message-ID: <{_word(message_id.strip('<>'), _MAX_ADDRESS)}>",
        "Auto-Submitted: auto-replied",  # RFC 3834 §5: nothing answers it
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="{boundary}"',
    ]


def _whole(head: list[str], boundary: str, text: list[str], groups: list[str], original: bytes) -> bytes:
    delimiter = f"--{boundary}"
    lines = [
        *(*head, "", delimiter),
        *("Content-Type: text/plain; charset=us-ascii", "", *text, "", delimiter),
        *("Content-Type: message/delivery-status", "", *groups, "", delimiter),
        *("Content-Type: text/rfc822-headers", "", ""),
    ]
    return "\r\n".join(lines).encode("ascii") + _repeated(original) + f"\r\n{delimiter}--\r\n".encode("ascii")


def _text(opening: str, failures: Sequence[Failure], closing: str) -> list[str]:
    told = _fitting([[_sentence(one)] for one in failures], _MAX_TEXT)
    more = [f"and {len(failures) - len(told)} more"] if len(told) < len(failures) else []
    return [opening, "", *told, *more, "", closing]


def _sentence(one: Failure) -> str:
    words, host = _line(one.diagnostic, _MAX_DIAGNOSTIC), _word(one.host, _MAX_HOST)
    address = f"* {_address(one.recipient)}"
    return f"{address}: {host} said: {words}" if words and host else f"{address}: {words}" if words else address


def _status(hostname: str, failures: Sequence[Failure], group: Callable[[Failure], list[str]]) -> list[str]:
    """Return the lines of the part for programs; each recipient's group follows an empty line (RFC 3464 §2.1)."""
    groups = _fitting([["", *group(one)] for one in failures], _MAX_STATUS)
    return [f"Reporting-MTA: dns; {_word(hostname, _MAX_HOST)}", *groups]


def _group(one: Failure, action: str, otherwise: str) -> list[str]:
    words, host = _line(one.diagnostic, _MAX_DIAGNOSTIC), _word(one.host, _MAX_HOST)
    kind = "rfc822" if one.recipient.isascii() else "utf-8"  # RFC 6533 §3
    lines = [
        f"Final-Recipient: {kind}; {_address(one.recipient)}",
        f"Action: {action}",
        f"Status: {one.status if _STATUS.fullmatch(one.status) else otherwise}",
    ]
    lines += [f"Remote-MTA: dns; {host}"] if host else []
    # What no SMTP server said must not be called its words (RFC 3464 §2.3.6).
    return lines + ([f"Diagnostic-Code: {'smtp' if host else 'x-local'}; {words}"] if words else [])


def _fitting(blocks: list[list[str]], most: int) -> list[str]:
    """Return the lines of the first blocks that together take at most so many octets."""
    lines: list[str] = []
    for block in blocks:
        most -= sum(len(line) + 2 for line in block)
        if most < 0:
            break
        lines += block
    return lines


def _repeated(original: bytes) -> bytes:
    headers = scan(memoryview(original[: MAX_HEADER - 4].rstrip(b"\r\n") + b"\r\n\r\n"))
    first = {field.name: field for field in reversed(headers.fields)}
    return b"".join(_field(headers, first[name]) for name in _REPEATED if name in first)


def _field(headers: Headers, field: Field) -> bytes:
    octets = headers.octets[field.start : field.end]
    is_short = len(octets) <= _MAX_FIELD and all(len(line) <= _MAX_LINE for line in octets.split(b"\r\n"))
    return octets.translate(_TO_MARKS) if is_short else b""


def _address(text: str) -> str:
    if text.isascii():
        return _word(text, _MAX_ADDRESS)
    return _NOT_QCHAR.sub(lambda found: f"\\x{{{ord(found[0]):X}}}", text[:_MAX_ADDRESS])[:_MAX_ADDRESS]


def _word(text: str, most: int) -> str:
    return re.sub(r"[^!-~]", "?", text[:most])


def _line(text: str, most: int) -> str:
    return re.sub(r"[^ -~]", "?", " ".join(text[: 2 * most].split()))[:most]
