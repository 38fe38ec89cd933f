"""SEARCH keys (RFC 3501 §6.4.4) as questions to one message.

Strategy: each key becomes a `Key`: a test, what it must know of a message, and what it costs. The session adds the
costs up before it looks at any message, and what a message's header costs before it looks into that, so that a search
is answered or refused as a whole. Nesting is bounded, and texts are found with `in` (linear), never with patterns. A
header is taken apart once, whatever is asked of it. Keys that look into encrypted bodies are refused.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date

from imap.store import Flag
from imap.wire.answer import bad, no
from imap.wire.encode import MONTHS
from imap.wire.grammar import Scanner
from imap.wire.section import fields
from imap.wire.sequence_set import Range, SequenceSet, contains

MAX_DEPTH = 32
MAX_KEYS = 1000
HEADER_COST = 20  # looking through a usual header block against looking at a flag
# What costs as much as looking at a flag (about 1 µs), measured on headers made to be expensive.
LINES = 4
OCTETS = 256
OCTETS_LOOKED_IN = 64

_EPOCH = date(1970, 1, 1).toordinal()
_DAY = 86400


@dataclass(slots=True)
class Candidate:
    """What keys may look at; `header` is empty unless some key needs it, and so are `size` and `arrived`."""

    number: int
    uid: int
    flags: int
    size: int = 0
    arrived: int = 0
    header: bytes = b""
    _fields: dict[bytes, bytes] | None = field(default=None, init=False)

    def says(self, name: bytes) -> bytes | None:
        """Return what the fields of a lower-case name say (see `section.fields`), None if there is none."""
        if self._fields is None:
            self._fields = fields(self.header)
        return self._fields.get(name)


@dataclass(frozen=True, slots=True)
class Extent:
    """What `*` stands for: the mailbox's largest number and UID."""

    number: int
    uid: int


Test = Callable[[Candidate], bool]
Bind = Callable[[Extent], Test]


@dataclass(frozen=True, slots=True)
class Key:
    """A question; `bind` makes the test once the mailbox is known."""

    bind: Bind
    cost: int = 1
    needs_store: bool = False
    lookups: int = 0  # how often it looks into a header

    @property
    def needs_header(self) -> bool:
        """Whether the header must be known."""
        return self.lookups > 0

    def header_cost(self, header: bytes) -> int:
        """Return what a header costs in all, in the measure of `cost`: once to take apart, and each time to look in."""
        return header.count(b"\n") // LINES + len(header) // OCTETS + self.lookups * (len(header) // OCTETS_LOOKED_IN)


def read(scanner: Scanner) -> Key:
    """Read the keys of a SEARCH up to the end of the command; all must hold."""
    keys = _Reader(scanner).sequence(b"\r\n", 0)
    scanner.end()
    return keys


def charset(scanner: Scanner) -> None:
    """Take `CHARSET name ` if it comes next; refuse all but US-ASCII and UTF-8."""
    if scanner.takes_word(b"CHARSET "):
        if scanner.astring().upper() not in (b"US-ASCII", b"UTF-8"):
            raise no("BADCHARSET (US-ASCII UTF-8)", "Unknown charset")
        scanner.space()


class _Reader:
    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._keys = 0

    def sequence(self, closing: bytes, depth: int) -> Key:
        keys = [self.key(depth)]
        while self._scanner.peek() != closing[:1]:
            self._scanner.space()
            keys.append(self.key(depth))
        return keys[0] if len(keys) == 1 else _join(keys, _all)

    def key(self, depth: int) -> Key:
        self._keys += 1
        if depth > MAX_DEPTH or self._keys > MAX_KEYS:
            raise bad("Too many search keys")
        scanner = self._scanner
        if scanner.takes(b"("):
            inside = self.sequence(b")", depth + 1)
            scanner.expect(b")")
            return inside
        if scanner.peek() in b"0123456789*":
            return _set_key(scanner.sequence_set(), is_uid=False)
        word = scanner.keyword()
        if word == b"NOT":
            scanner.space()
            return _join([self.key(depth + 1)], _none)
        if word == b"OR":
            scanner.space()
            first = self.key(depth + 1)
            scanner.space()
            return _join([first, self.key(depth + 1)], _any)
        return _simple(word, scanner)


def _simple(word: bytes, scanner: Scanner) -> Key:
    if word in _PLAIN:
        return _PLAIN[word]
    if word in _UNSERVED:
        raise no("CANNOT", "Only flags, sizes, arrival and header fields can be searched")
    if word not in _WITH_ARGUMENT:
        raise bad("Unknown search key")
    scanner.space()
    return _WITH_ARGUMENT[word](scanner)


# How keys combine


def _join(keys: list[Key], combine: Callable[[list[Test]], Test]) -> Key:
    return Key(
        lambda extent: combine([key.bind(extent) for key in keys]),
        sum(key.cost for key in keys),
        any(key.needs_store for key in keys),
        sum(key.lookups for key in keys),
    )


def _all(tests: list[Test]) -> Test:
    return lambda candidate: all(test(candidate) for test in tests)


def _any(tests: list[Test]) -> Test:
    return lambda candidate: any(test(candidate) for test in tests)


def _none(tests: list[Test]) -> Test:
    return lambda candidate: not any(test(candidate) for test in tests)


# Kinds of keys


def _fixed(test: Test) -> Key:
    return Key(lambda _extent: test)


def _flag(bit: Flag, *, is_set: bool) -> Key:
    return _fixed(lambda candidate: bool(candidate.flags & bit) is is_set)


def _set_key(numbers: SequenceSet, *, is_uid: bool) -> Key:
    def bind(extent: Extent) -> Test:
        ranges: list[Range] = numbers.ranges(extent.uid if is_uid else extent.number)
        if is_uid:
            return lambda candidate: contains(ranges, candidate.uid)
        return lambda candidate: contains(ranges, candidate.number)

    return Key(bind)


def _stored(test: Test) -> Key:
    return Key(lambda _extent: test, needs_store=True)


def _larger(scanner: Scanner) -> Key:
    size = scanner.number64()
    return _stored(lambda candidate: candidate.size > size)


def _smaller(scanner: Scanner) -> Key:
    size = scanner.number64()
    return _stored(lambda candidate: candidate.size < size)


def _since(scanner: Scanner) -> Key:
    day = _date(scanner)
    return _stored(lambda candidate: candidate.arrived // _DAY >= day)


def _before(scanner: Scanner) -> Key:
    day = _date(scanner)
    return _stored(lambda candidate: candidate.arrived // _DAY < day)


def _on(scanner: Scanner) -> Key:
    day = _date(scanner)
    return _stored(lambda candidate: candidate.arrived // _DAY == day)


def _keyword(scanner: Scanner, *, is_match: bool) -> Key:
    scanner.atom()
    return _fixed(lambda _candidate: is_match)  # no message carries a keyword


def _uid(scanner: Scanner) -> Key:
    return _set_key(scanner.sequence_set(), is_uid=True)


def _field(name: bytes) -> Callable[[Scanner], Key]:
    return lambda scanner: _in_field(name, scanner.astring())


def _header(scanner: Scanner) -> Key:
    name = scanner.astring()
    scanner.space()
    return _in_field(name.lower(), scanner.astring())


def _in_field(name: bytes, text: bytes) -> Key:
    wanted = text.lower()

    def test(candidate: Candidate) -> bool:
        said = candidate.says(name)
        return said is not None and wanted in said

    return Key(lambda _extent: test, HEADER_COST, needs_store=True, lookups=1)


def _date(scanner: Scanner) -> int:
    """Read a date, quoted or not; return days since 1970."""
    text = (scanner.string() if scanner.peek() == b'"' else scanner.atom()).decode("ascii", "replace")
    day, _, rest = text.partition("-")
    month, _, year = rest.partition("-")
    try:
        if len(day) > 2 or len(year) != 4:
            raise ValueError("date")
        return date(int(year), MONTHS.index(month.capitalize()) + 1, int(day)).toordinal() - _EPOCH
    except ValueError:
        raise bad("Invalid date") from None


_PLAIN = {
    b"ALL": _fixed(lambda _candidate: True),
    b"OLD": _fixed(lambda _candidate: True),  # no message is ever \Recent here
    b"NEW": _fixed(lambda _candidate: False),
    b"RECENT": _fixed(lambda _candidate: False),
    **{b"%b" % flag.name.encode(): _flag(flag, is_set=True) for flag in Flag if flag.name},
    **{b"UN%b" % flag.name.encode(): _flag(flag, is_set=False) for flag in Flag if flag.name},
}
_WITH_ARGUMENT: dict[bytes, Callable[[Scanner], Key]] = {
    b"UID": _uid,
    b"LARGER": _larger,
    b"SMALLER": _smaller,
    b"SINCE": _since,
    b"BEFORE": _before,
    b"ON": _on,
    b"HEADER": _header,
    b"KEYWORD": lambda scanner: _keyword(scanner, is_match=False),
    b"UNKEYWORD": lambda scanner: _keyword(scanner, is_match=True),
    **{name: _field(name.lower()) for name in (b"FROM", b"TO", b"CC", b"BCC", b"SUBJECT")},
}
_UNSERVED = {b"BODY", b"TEXT", b"SENTBEFORE", b"SENTON", b"SENTSINCE"}
