"""How the result of a search is wanted: RETURN options and the ESEARCH response (RFC 4731, RFC 5182, RFC 7162)."""

from collections.abc import Sequence
from dataclasses import dataclass

from imap.wire.answer import bad
from imap.wire.encode import string
from imap.wire.grammar import Scanner
from imap.wire.sequence_set import spell

_OPTIONS = frozenset([b"MIN", b"MAX", b"ALL", b"COUNT", b"SAVE"])


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the result is wanted; without options the old SEARCH response."""

    options: frozenset[bytes] | None = None

    @property
    def is_saved(self) -> bool:
        """Whether `$` is to stand for the result."""
        return self.options is not None and b"SAVE" in self.options

    def saved(self, uids: Sequence[int]) -> Sequence[int]:
        """Return which UIDs of an ascending result are saved (RFC 5182 §2.4)."""
        if self.options is None or not uids or not self.options & {b"MIN", b"MAX"} or self.options & {b"ALL", b"COUNT"}:
            return uids
        ends = [uids[0]] if b"MIN" in self.options else []
        return sorted({*ends, uids[-1]}) if b"MAX" in self.options else ends

    def response(self, tag: bytes, numbers: Sequence[int], *, is_uid: bool, modseq: int = 0) -> bytes:
        """Return the untagged response to an ascending result; empty if nothing is to be told.

        `modseq` is the highest of what is told (RFC 7162 §3.1.6, RFC 4731 §3.2), 0 if it was not asked for.
        """
        if self.options is None:
            said = b"".join(b" %d" % number for number in numbers)
            return b"* SEARCH%b%b\r\n" % (said, highest(modseq))
        asked = self.options - {b"SAVE"}
        if self.options == {b"SAVE"}:
            return b""
        words = [b"* ESEARCH (TAG %b)" % string(tag), *([b"UID"] if is_uid else [])]
        if numbers and b"MIN" in asked:
            words.append(b"MIN %d" % numbers[0])
        if numbers and b"MAX" in asked:
            words.append(b"MAX %d" % numbers[-1])
        if numbers and (b"ALL" in asked or not asked):
            words.append(b"ALL " + spell(numbers))
        if b"COUNT" in asked:
            words.append(b"COUNT %d" % len(numbers))
        if modseq:
            words.append(b"MODSEQ %d" % modseq)
        return b" ".join(words) + b"\r\n"


def highest(modseq: int) -> bytes:
    """Return what ends a SEARCH or SORT response whose messages have come to `modseq`; nothing for 0."""
    return b" (MODSEQ %d)" % modseq if modseq else b""


def read(scanner: Scanner) -> Wanted:
    """Take `RETURN (…) ` if it comes next."""
    if not scanner.takes_word(b"RETURN ("):
        return Wanted()
    options: set[bytes] = set()
    while not scanner.takes(b")"):
        if options:
            scanner.space()
        options.add(scanner.keyword())
        if not options <= _OPTIONS:
            raise bad("Unknown RETURN option")
    scanner.space()
    return Wanted(frozenset(options))
