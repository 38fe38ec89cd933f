"""What has been answered lately, bounded in number and in octets.

The oldest goes first, whatever its use: a stranger who asks for many names makes us ask again for ours, and no more.
"""

from collections import OrderedDict
from typing import Any

from shared.dns.answer import Answer

# Seconds: a TTL of 0 would have every message ask, a TTL of weeks outlive its zone's mistakes.
SHORTEST, LONGEST = 5, 3600
LONGEST_NEGATIVE = 60  # a new server's records must be seen soon after they are published
MAX_ANSWERS = 10_000
MAX_OCTETS = 16 * 1024 * 1024

Question = tuple[str, str]


class Cache:
    """Answers by name and kind; `now` is in seconds on the caller's clock."""

    def __init__(self, answers: int = MAX_ANSWERS, octets: int = MAX_OCTETS) -> None:
        self._kept: OrderedDict[Question, tuple[float, Answer, int]] = OrderedDict()
        self._answers = answers
        self._octets_left = octets

    def get(self, question: Question, now: float) -> Answer | None:
        """Return the answer while it is fresh."""
        kept = self._kept.get(question)
        return kept[1] if kept and kept[0] > now else None

    def put(self, question: Question, answer: Answer, now: float) -> None:
        """Keep an answer for its time to live, within our bounds."""
        self._drop(question)
        octets = sum(map(_octets, answer.records))
        longest = LONGEST if answer.records else LONGEST_NEGATIVE
        until = now + min(max(answer.ttl, SHORTEST), longest)
        self._kept[question] = (until, answer, octets)
        self._octets_left -= octets
        while len(self._kept) > self._answers or self._octets_left < 0:
            self._drop(next(iter(self._kept)))

    def _drop(self, question: Question) -> None:
        kept = self._kept.pop(question, None)
        if kept:
            self._octets_left += kept[2]


def _octets(record: Any) -> int:
    """Return about what a record costs, its strings counted whole: TLSA data may be as long as a reply."""
    parts = record if isinstance(record, tuple) else (record,)
    return 64 + sum(len(part) for part in parts if isinstance(part, bytes | str))
