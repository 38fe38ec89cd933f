"""Mailbox patterns (RFC 3501 §6.3.8): `*` stands for anything, `%` for anything but the delimiter.

Strategy: all places that a pattern may have reached are carried along as the bits of one number, so that a letter costs
the same whatever the pattern is.
"""

import re
from collections import defaultdict
from collections.abc import Sequence

from imap.commands.naming import DELIMITER

_WILDCARDS = re.compile(r"[*%]{2,}")
_INBOX = re.compile(r"inbox(?=/|\Z)", re.IGNORECASE | re.ASCII)


class Pattern:
    """One pattern, to be asked about many names; `INBOX` is the same in any case."""

    def __init__(self, written: str) -> None:
        self._exact = _Places(_INBOX.sub("INBOX", written, count=1) if _INBOX.match(written) else written)
        self._folded = _Places(written.encode("utf-8").upper().decode("utf-8"))  # letters of ASCII only

    def matches(self, name: str) -> bool:
        """Say whether a name, spelt as on the wire, matches."""
        return self._folded.matches(name) if name == "INBOX" else self._exact.matches(name)


class Patterns:
    """Several, of which one must match."""

    def __init__(self, written: Sequence[str]) -> None:
        self._patterns = [Pattern(one) for one in written]

    def matches(self, name: str) -> bool:
        """Say whether a name, spelt as on the wire, matches one of them."""
        return any(pattern.matches(name) for pattern in self._patterns)


class _Places:
    def __init__(self, pattern: str) -> None:
        # No two wildcards stand side by side: so one may be passed over for nothing, but never two.
        pattern = _WILDCARDS.sub(lambda run: "*" if "*" in run[0] else "%", pattern)
        self._letters: defaultdict[str, int] = defaultdict(int)
        self._any = self._level = 0  # the places of `*` and of `%`
        self._end = 1 << len(pattern)
        for at, letter in enumerate(pattern):
            if letter == "*":
                self._any |= 1 << at
            elif letter == "%":
                self._level |= 1 << at
            else:
                self._letters[letter] |= 1 << at

    def matches(self, name: str) -> bool:
        wild = self._any | self._level
        places = 1 | (wild & 1) << 1
        for letter in name:
            stays = self._any if letter == DELIMITER else wild
            reached = (places & self._letters.get(letter, 0)) << 1 | places & stays
            places = reached | (reached & wild) << 1
            if not places:
                return False
        return bool(places & self._end)
