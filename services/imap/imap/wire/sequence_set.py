"""Sets of message numbers and UIDs (RFC 3501 §9, sequence-set).

Strategy: a set is kept as written and resolved against the largest number there is into ascending ranges that
do not overlap. So its cost is in what the client wrote and in what the mailbox holds, never in the numbers:
`1:4294967295` is one range.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from imap.wire.answer import bad

_STAR = 0  # no message has number 0, so it may stand for `*`
_MAX = 0xFFFFFFFF
_ITEM = rb"(?:[1-9][0-9]{0,9}|\*)(?::(?:[1-9][0-9]{0,9}|\*))?"
_FORM = re.compile(_ITEM + rb"(?:," + _ITEM + rb")*")

Range = tuple[int, int]


class SequenceSet:
    """A set as the client wrote it."""

    __slots__ = ("_written",)

    def __init__(self, written: Sequence[Range]) -> None:
        self._written = written

    @property
    def is_saved(self) -> bool:
        """Whether it is `$`, the messages that the last search saved (RFC 5182); it has no ranges of its own."""
        return not self._written

    @property
    def has_star(self) -> bool:
        """Whether a `*` stands in it."""
        return any(_STAR in part for part in self._written)

    @classmethod
    def parse(cls, text: bytes) -> "SequenceSet":
        """Read a set, or raise a BAD fault."""
        if text == b"$":
            return cls(())
        if not _FORM.fullmatch(text):
            raise bad("Invalid sequence set")
        written = [_read(part) for part in text.split(b",")]
        if max(map(max, written)) > _MAX:
            raise bad("Invalid sequence set")
        return cls(written)

    def ranges(self, largest: int) -> list[Range]:
        """Return ascending, disjoint ranges, both ends included; `*` stands for `largest` (0: an empty mailbox)."""
        if self.is_saved:
            raise bad("No saved messages here")
        resolved = sorted(_ordered(low or largest, high or largest) for low, high in self._written)
        merged = [resolved[0]]
        for low, high in resolved[1:]:
            if low <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(merged[-1][1], high))
            else:
                merged.append((low, high))
        return merged

    def ascending(self) -> tuple[Range, ...]:
        """Return the ranges as written; raise a BAD fault unless they ascend, each and all, without `*` and `$`."""
        ends = [end for part in self._written for end in part]
        if not ends or _STAR in ends or any(low > high for low, high in self._written):
            raise bad("Ascending numbers expected")
        if any(high >= low for (_, high), (low, _) in pairwise(self._written)):
            raise bad("Ascending numbers expected")
        return tuple(self._written)


def spell(numbers: Sequence[int]) -> bytes:
    """Return ascending numbers as a set."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return spell_ranges(ranges)


def spell_ranges(ranges: Sequence[Sequence[int]]) -> bytes:
    """Return (low, high) ranges as a set, as they stand."""
    return b",".join(b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in ranges)


def contains(ranges: Sequence[Range], number: int) -> bool:
    """Say whether `number` lies in one of the ranges of `SequenceSet.ranges`."""
    at = bisect_right(ranges, (number, _MAX)) - 1
    return at >= 0 and number <= ranges[at][1]


def _read(part: bytes) -> Range:
    low, colon, high = part.partition(b":")
    return _number(low), _number(high if colon else low)


def _number(text: bytes) -> int:
    return _STAR if text == b"*" else int(text)


def _ordered(low: int, high: int) -> Range:
    return (low, high) if low <= high else (high, low)
