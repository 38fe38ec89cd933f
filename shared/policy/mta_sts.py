"""MTA-STS (RFC 8461): the promise of a domain that its mail exchangers prove who they are.

We make it for our own domains (`write`), and hold others to theirs (`read_record`, `read_policy`, `Policy.covers`).
What is invalid counts as absent, as the RFC wants it; fetching and remembering are other rooms' work.
"""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast

MAX_POLICY = 8 * 1024  # octets: a policy may be kept for a year (§3.3 leaves the bound to us; a hundred hosts fit)
MAX_RECORDS = 100
LONGEST = 31_557_600  # seconds, a year (§3.2)
OUR_AGE = 604_800  # seconds, a week: long enough to matter, short enough to repent

Mode = Literal["enforce", "testing", "none"]

_RECORD = re.compile(rb"v=STSv1[ \t]*;(.*)", re.DOTALL)  # §3.1: records that do not begin so are no policy's
_FIELD = re.compile(rb"[ \t]*([A-Za-z0-9][A-Za-z0-9_.-]{0,31})=([!-:<>-~]+)[ \t]*")
_ID = re.compile(rb"[A-Za-z0-9]{1,32}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_PATTERN = re.compile(r"(?:\*\.)?[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_AGE = re.compile(r"[0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class Policy:
    """What a domain promises; `mx` are hosts, or `*.` and a domain, in lower case; `max_age` is in seconds."""

    mode: Mode
    mx: frozenset[str]
    max_age: int

    def covers(self, host: str) -> bool:
        """Tell whether a mail exchanger is one of those promised; `*` stands for one label on the left (§4.1)."""
        name = host.lower().removesuffix(".")
        label, _, parent = name.partition(".")
        return bool(label) and (name in self.mx or f"*.{parent}" in self.mx)


def write(hostname: str) -> str:
    """Return the text of our own policy, whose one exchanger is this host."""
    return f"version: STSv1\r\nmode: enforce\r\nmx: {hostname}\r\nmax_age: {OUR_AGE}\r\n"


def policy_id(text: str) -> str:
    """Return what stands for this text in the record: other text, other id (§3.1)."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_record(records: Iterable[bytes]) -> str | None:
    """Return the id of the policy from the TXT records at `_mta-sts`, or None unless exactly one is valid (§3.1)."""
    ours = [found[1] for record in list(records)[:MAX_RECORDS] if (found := _RECORD.fullmatch(record))]
    return _id(ours[0]) if len(ours) == 1 else None


def read_policy(octets: bytes) -> Policy | None:
    """Read what was fetched from the policy host, or None if it is no valid policy (§3.2)."""
    if len(octets) > MAX_POLICY:
        return None
    fields = _fields(octets.decode("utf-8", "replace"))
    if fields is None:
        return None
    first = {name: values[0] for name, values in fields.items()}  # of what stands there twice, the first counts
    mode, age = first.get("mode"), first.get("max_age", "")
    exchangers = frozenset(value.lower().removesuffix(".") for value in fields.get("mx", ()))
    if first.get("version") != "STSv1" or mode not in ("enforce", "testing", "none") or not _AGE.fullmatch(age):
        return None
    if not all(map(_PATTERN.fullmatch, exchangers)) or not (exchangers or mode == "none"):
        return None
    return Policy(cast(Mode, mode), exchangers, min(int(age), LONGEST))


def _id(fields: bytes) -> str | None:
    values: dict[bytes, bytes] = {}
    *parts, last = fields.split(b";")
    for part in [*parts, last] if last.strip(b" \t") else parts:
        field = _FIELD.fullmatch(part)
        if not field:
            return None
        values.setdefault(field[1], field[2])
    identity = values.get(b"id", b"")
    return identity.decode() if _ID.fullmatch(identity) else None


def _fields(text: str) -> dict[str, list[str]] | None:
    """Read `name: value` lines that end in LF or CRLF; None if one is neither that nor empty."""
    fields: dict[str, list[str]] = {}
    for line in text.replace("\r\n", "\n").split("\n"):
        if not line.strip(" \t"):
            continue
        name, colon, value = line.partition(":")
        if not colon or not _NAME.fullmatch(name):
            return None
        fields.setdefault(name, []).append(value.strip(" \t"))
    return fields
