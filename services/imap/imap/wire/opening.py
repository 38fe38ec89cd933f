"""What SELECT and EXAMINE may be given besides a name (RFC 7162 §3.1.8, §3.2.5): CONDSTORE, and what a client knows.

Strategy: sets are kept as ranges, whatever they span; only what the mailbox holds is ever looked at one by one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from imap.wire import modseq
from imap.wire.answer import bad
from imap.wire.grammar import Scanner
from imap.wire.sequence_set import Range, SequenceSet


@dataclass(frozen=True, slots=True)
class Known:
    """What a client says it knows of a mailbox.

    `uids` are None for all there ever were. `numbers` and `their_uids` are message numbers and the UIDs these have
    (§3.2.5.2), in ranges that ascend; both name as many.
    """

    uidvalidity: int
    modseq: int
    uids: SequenceSet | None = None
    numbers: tuple[Range, ...] = ()
    their_uids: tuple[Range, ...] = ()

    def pairs(self, exists: int) -> Iterator[tuple[int, int]]:
        """Yield (number, UID), the highest first, of the numbers up to `exists`."""
        for number, uid, count in reversed(list(self._stretches())):
            for offset in range(min(count, exists - number + 1) - 1, -1, -1):
                yield number + offset, uid + offset

    def _stretches(self) -> Iterator[tuple[int, int, int]]:
        """Yield (first number, its UID, how many) for stretches in which both go up by one."""
        numbers, uids = list(reversed(self.numbers)), list(reversed(self.their_uids))
        while numbers:
            (number, last_number), (uid, last_uid) = numbers.pop(), uids.pop()
            count = min(last_number - number, last_uid - uid) + 1
            yield number, uid, count
            if number + count <= last_number:
                numbers.append((number + count, last_number))
            if uid + count <= last_uid:
                uids.append((uid + count, last_uid))


@dataclass(frozen=True, slots=True)
class Opening:
    """The parameters of one SELECT or EXAMINE."""

    has_condstore: bool = False
    known: Known | None = None


def read(scanner: Scanner) -> Opening:
    """Take ` (CONDSTORE QRESYNC (…))`, each once at most, if a list comes next."""
    if not scanner.takes(b" ("):
        return Opening()
    has_condstore, known = False, None
    while True:
        word = scanner.keyword()
        if word == b"CONDSTORE" and not has_condstore:
            has_condstore = True
        elif word == b"QRESYNC" and known is None:
            scanner.space()
            known = _known(scanner)
        else:
            raise bad("Unknown parameter")
        if scanner.takes(b")"):
            return Opening(has_condstore, known)
        scanner.space()


def _known(scanner: Scanner) -> Known:
    scanner.expect(b"(")
    uidvalidity = scanner.number()
    scanner.space()
    since = modseq.number(scanner)
    uids = None
    if scanner.takes_before_digit(b" "):
        uids = scanner.sequence_set()
        if uids.has_star:
            raise bad("No * here")
    numbers, their_uids = _matched(scanner) if scanner.takes(b" (") else ((), ())
    scanner.expect(b")")
    return Known(uidvalidity, since, uids, numbers, their_uids)


def _matched(scanner: Scanner) -> tuple[tuple[Range, ...], tuple[Range, ...]]:
    numbers = scanner.sequence_set().ascending()
    scanner.space()
    uids = scanner.sequence_set().ascending()
    scanner.expect(b")")
    if _count(numbers) != _count(uids):
        raise bad("As many UIDs as numbers expected")
    return numbers, uids


def _count(ranges: tuple[Range, ...]) -> int:
    return sum(high - low + 1 for low, high in ranges)
