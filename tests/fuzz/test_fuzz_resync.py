"""What a client says of mod-sequences and of what it knows (RFC 7162), whatever it says.

Invariants: it is read or is BAD, and nothing else happens; pairs of numbers and UIDs are those that expanding both
sets gives, the highest first; and what has vanished is what was asked for without what is there, once and in order.
"""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from imap.commands.vanished import holes
from imap.wire import fetch_items, modseq, opening
from imap.wire.answer import Fault
from imap.wire.grammar import Scanner
from imap.wire.sequence_set import SequenceSet, spell

WORDS = st.sampled_from([
    *(b" ", b"(", b")", b'"', b"\\", b"{3}\r\n", b"\r\n", b"0", b"1", b"7,9", b"1:3", b"2:1", b"*", b"$", b"1:*"),
    *(b"4294967295", b"9223372036854775807", b"9223372036854775808", b"9" * 40, b"QRESYNC", b"CONDSTORE"),
    *(b"CHANGEDSINCE", b"VANISHED", b"UNCHANGEDSINCE", b"FLAGS", b"MODSEQ", b"/flags/x", b" (QRESYNC (1 1", b"all"),
    *(b" (CHANGEDSINCE ", b"(UNCHANGEDSINCE ", b'"/flags/\\\\Seen" priv ', b"\xff", b"\x00"),
])  # fmt: skip
TEXTS = st.lists(WORDS, max_size=14).map(b"".join) | st.binary(max_size=60)
NUMBERS = st.sets(st.integers(1, 60), min_size=1, max_size=12).map(sorted)


@settings(max_examples=500, derandomize=True, deadline=None)
@given(TEXTS)
def test_it_is_read_or_refused(text: bytes) -> None:
    for read in (
        opening.read,
        modseq.store_modifier,
        modseq.search_argument,
        lambda scanner: modseq.fetch_modifiers(scanner, is_uid=True),
        lambda scanner: fetch_items.read.__wrapped__(scanner.rest(), is_uid=True),
    ):
        found = _read(read, text)
        if isinstance(found, opening.Opening) and found.known:
            assert list(found.known.pairs(50)) == sorted(found.known.pairs(50), reverse=True)


def _read(read: Callable[[Scanner], object], text: bytes) -> object:
    try:
        return read(Scanner(text + b"\r\n"))
    except Fault as fault:
        return {"BAD": None}[fault.answer.word]


@settings(max_examples=150, derandomize=True, deadline=None)
@given(NUMBERS, st.data())
def test_pairs_are_those_of_both_sets(numbers: list[int], data: st.DataObject) -> None:
    uids = sorted(data.draw(st.sets(st.integers(1, 200), min_size=len(numbers), max_size=len(numbers))))
    exists = data.draw(st.integers(0, 70))
    text = b" (QRESYNC (1 1 (%b %b)))\r\n" % (spell(numbers), spell(uids))
    known = opening.read(Scanner(text)).known
    assert known is not None
    pairs = [(number, uid) for number, uid in zip(numbers, uids, strict=True) if number <= exists]
    assert list(known.pairs(exists)) == pairs[::-1]


@settings(max_examples=300, derandomize=True, deadline=None)
@given(NUMBERS, st.sets(st.integers(1, 70)))
def test_what_has_vanished_is_what_is_not_there(asked: list[int], there: set[int]) -> None:
    found = list(holes(SequenceSet.parse(spell(asked)).ranges(1), sorted(there)))
    assert all(low <= high for low, high in found)
    told = [uid for low, high in found for uid in range(low, high + 1)]
    assert told == sorted(set(asked) - there)
