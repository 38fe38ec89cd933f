"""Did the author's domain sign this message: what both doors ask.

Strategy: `aligned` names the signatures worth a look-up, the caller asks DNS for their `key_name`s, `judge` decides
from the answers. Alignment is strict, as all chatmail relays want it: d= is the author's domain itself.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING

from shared.mail.dkim.finding import Finding
from shared.mail.dkim.record import Key, read_key
from shared.mail.dkim.signature import NAME, Signature, signatures
from shared.mail.dkim.verify import Examination
from shared.mail.message import Facts

if TYPE_CHECKING:
    from typing_extensions import Buffer

Answers = Mapping[str, Sequence[bytes] | None]
_MAX_RECORDS = 3  # a key name should hold one (RFC 6376 §3.6.2.2); during a change of keys some hold two


class Judgement(StrEnum):
    """What is known of the author's domain."""

    VALID = "valid"
    NONE = "none"  # the message bears no signature at all
    INVALID = "invalid"
    UNKNOWN = "unknown"  # a look-up failed that could have made it valid: try again later


def aligned(raw: "Buffer", facts: Facts, domain: str) -> list[Signature]:
    """Return the well-formed signatures whose d= is `domain`; ask DNS for the TXT records at their `key_name`."""
    domain = domain.lower()
    return [found for found in signatures(raw, facts) if found.flaw is None and found.domain == domain]


def judge(raw: "Buffer", facts: Facts, candidates: Sequence[Signature], answers: Answers, now: int) -> Judgement:
    """Judge by the TXT records at each key name: empty if there are none, None or missing if the look-up failed.

    `now` is in seconds since 1970. Over 256 KB this belongs on a thread.
    """
    if not candidates:
        return Judgement.INVALID if any(field.name == NAME for field in facts.fields) else Judgement.NONE
    examination = Examination(raw, facts)
    is_unknown = False
    for signature in candidates:
        records = answers.get(signature.key_name)
        is_unknown |= records is None and examination.may_hold(signature, now)
        keys = [read_key(record) for record in islice(records or (), _MAX_RECORDS)]
        if any(_is_valid(examination, signature, key, now) for key in keys):
            return Judgement.VALID
    return Judgement.UNKNOWN if is_unknown else Judgement.INVALID


def _is_valid(examination: Examination, signature: Signature, key: Key | Finding, now: int) -> bool:
    return isinstance(key, Key) and examination.verify(signature, key, now) is Finding.VALID
