"""Letters of a few sizes, made once for all who write: only the sender and the Message-ID differ.

The Message-ID is the time at which the letter left, so that whoever reads it knows how long it took.
"""

import random
import re
import time

from bench.messages import Messages

# Octets and how many of a thousand letters have so many: text, text with an avatar, a small picture, a large one.
SIZES = {4096: 600, 8192: 300, 65_536: 97, 1_000_000: 3}
_STAND_IN = "somebody@bench.test"
_LEFT_AT = re.compile(rb"Message-ID: <(\d+)x", re.IGNORECASE)


class Letters:
    """A stock of letters; `chosen` takes one by its share."""

    def __init__(self, sizes: dict[int, int]) -> None:
        self._stock = [Messages(_STAND_IN, size) for size in sizes]
        self._shares = list(sizes.values())

    def chosen(self, sender: str, chance: random.Random) -> bytes:
        """Return a letter that leaves now."""
        (letter,) = chance.choices(self._stock, self._shares)
        text = letter.numbered(f"{time.perf_counter_ns()}x")
        return text.replace(_STAND_IN.encode(), sender.encode(), 1)


def left_at(letter: bytes) -> float:
    """Return when a letter left, on the clock `time.perf_counter` of this process."""
    found = _LEFT_AT.search(letter)
    assert found, letter[:500]
    return int(found[1]) / 1e9
