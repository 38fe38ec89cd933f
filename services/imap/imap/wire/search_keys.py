"""SEARCH keys (RFC 3501 §6.4.4, RFC 5032, RFC 5182, RFC 7162 §3.1.5, RFC 8474 §5.3, RFC 8514 §4.3), as read.

Strategy: nesting and number are bounded, and texts are found with `in` (linear), never with patterns. Header texts are
compared decoded (RFC 2047) and case-folded.
"""

import operator
from collections.abc import Callable
from datetime import date

from imap.store import Flag
from imap.wire import answer, modseq
from imap.wire.answer import bad
from imap.wire.encode import MONTHS, email_id
from imap.wire.grammar import Scanner
from imap.wire.search_key import HEADER_COST, Candidate, Extent, Key, Needle, Test, either, every, no
from imap.wire.sequence_set import Range, SequenceSet, contains

MAX_DEPTH = 32
MAX_KEYS = 1000

_EPOCH = date(1970, 1, 1).toordinal()
_DAY = 86400


def read(scanner: Scanner) -> Key:
    """Read the keys of a SEARCH up to the end of the command; all must hold."""
    keys = _Reader(scanner).sequence(b"\r\n", 0)
    scanner.end()
    return keys


def charset(scanner: Scanner) -> None:
    """Take `CHARSET name ` if it comes next; refuse all but US-ASCII and UTF-8."""
    if scanner.takes_word(b"CHARSET "):
        charset_name(scanner)


def charset_name(scanner: Scanner) -> None:
    """Take a charset's name and a space; refuse all but US-ASCII and UTF-8."""
    if scanner.astring().upper() not in (b"US-ASCII", b"UTF-8"):
        raise answer.no("BADCHARSET (US-ASCII UTF-8)", "Unknown charset")
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
        return keys[0] if len(keys) == 1 else every(keys)

    def key(self, depth: int) -> Key:
        self._keys += 1
        if depth > MAX_DEPTH or self._keys > MAX_KEYS:
            raise bad("Too many search keys")
        scanner = self._scanner
        if scanner.takes(b"("):
            inside = self.sequence(b")", depth + 1)
            scanner.expect(b")")
            return inside
        if scanner.peek() in b"0123456789*$":
            return _set_key(scanner.sequence_set(), is_uid=False)
        word = scanner.keyword()
        if word == b"NOT":
            scanner.space()
            return no(self.key(depth + 1))
        if word == b"OR":
            scanner.space()
            first = self.key(depth + 1)
            scanner.space()
            return either([first, self.key(depth + 1)])
        return _simple(word, scanner)


def _simple(word: bytes, scanner: Scanner) -> Key:
    if word in _PLAIN:
        return _PLAIN[word]
    if word not in _WITH_ARGUMENT:
        raise bad("Unknown search key")
    scanner.space()
    return _WITH_ARGUMENT[word](scanner)


# Kinds of keys


def _fixed(test: Test) -> Key:
    return Key(lambda _extent: test)


def _flag(bit: Flag, *, is_set: bool) -> Key:
    return _fixed(lambda candidate: bool(candidate.flags & bit) is is_set)


def _set_key(numbers: SequenceSet, *, is_uid: bool) -> Key:
    def bind(extent: Extent) -> Test:
        if numbers.is_saved:
            return lambda candidate: candidate.uid in extent.saved
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


def _arrived(compare: Callable[[int, int], bool]) -> Callable[[Scanner], Key]:
    def read_key(scanner: Scanner) -> Key:
        day = _date(scanner)
        return _stored(lambda candidate: compare(candidate.arrived // _DAY, day))

    return read_key


def _saved(compare: Callable[[int, int], bool]) -> Callable[[Scanner], Key]:
    def read_key(scanner: Scanner) -> Key:
        day = _date(scanner)
        return _stored(lambda candidate: compare(candidate.saved // _DAY, day))

    return read_key


def _modseq(scanner: Scanner) -> Key:
    least = modseq.search_argument(scanner)
    return Key(lambda _extent: lambda candidate: candidate.modseq >= least, needs_store=True, has_modseq=True)


def _email_id(scanner: Scanner) -> Key:
    name = scanner.atom()
    return _stored(lambda candidate: email_id(candidate.body_id) == name)


def _thread_id(scanner: Scanner) -> Key:
    scanner.atom()
    return _fixed(lambda _candidate: False)  # no message has one


def _sent(compare: Callable[[int, int], bool]) -> Callable[[Scanner], Key]:
    def read_key(scanner: Scanner) -> Key:
        day = _date(scanner)

        def test(candidate: Candidate) -> bool:
            said = candidate.sent
            return said is not None and compare(said.day, day)

        return Key(lambda _extent: test, HEADER_COST, needs_store=True, lookups=1)

    return read_key


def _within(compare: Callable[[int, int], bool]) -> Callable[[Scanner], Key]:
    def read_key(scanner: Scanner) -> Key:
        seconds = scanner.number()
        if not seconds:
            raise bad("Invalid interval")

        def bind(extent: Extent) -> Test:
            return lambda candidate: compare(candidate.arrived, extent.now - seconds)

        return Key(bind, needs_store=True)

    return read_key


def _keyword(scanner: Scanner) -> Key:
    name = scanner.atom().lower()
    return _fixed(lambda candidate: name in candidate.keywords)


def _uid(scanner: Scanner) -> Key:
    return _set_key(scanner.sequence_set(), is_uid=True)


def _field(name: bytes) -> Callable[[Scanner], Key]:
    return lambda scanner: _in_field(name, scanner.astring())


def _header(scanner: Scanner) -> Key:
    name = scanner.astring()
    scanner.space()
    return _in_field(name.lower(), scanner.astring())


def _in_field(name: bytes, octets: bytes) -> Key:
    wanted = _text(octets)

    def test(candidate: Candidate) -> bool:
        said = candidate.fields.says(name)
        return said is not None and wanted in said

    return Key(lambda _extent: test, HEADER_COST, needs_store=True, lookups=1)


def _in_body(scanner: Scanner, *, is_in_header: bool) -> Key:
    needle = Needle(_text(scanner.astring()), is_in_header)

    def test(candidate: Candidate) -> bool:
        return needle in candidate.found

    return Key(lambda _extent: test, HEADER_COST, needs_store=True, lookups=1, needles=frozenset({needle}))


def _text(octets: bytes) -> str:
    """Return a text to look for; without a charset clients send UTF-8 as well."""
    try:
        return octets.decode("utf-8").casefold()
    except UnicodeDecodeError:
        raise bad("Not UTF-8") from None


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
    b"SAVEDATESUPPORTED": _fixed(lambda _candidate: True),
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
    b"SINCE": _arrived(operator.ge),
    b"BEFORE": _arrived(operator.lt),
    b"ON": _arrived(operator.eq),
    b"SAVEDSINCE": _saved(operator.ge),
    b"SAVEDBEFORE": _saved(operator.lt),
    b"SAVEDON": _saved(operator.eq),
    b"EMAILID": _email_id,
    b"MODSEQ": _modseq,
    b"THREADID": _thread_id,
    b"SENTSINCE": _sent(operator.ge),
    b"SENTBEFORE": _sent(operator.lt),
    b"SENTON": _sent(operator.eq),
    b"OLDER": _within(operator.le),
    b"YOUNGER": _within(operator.ge),
    b"BODY": lambda scanner: _in_body(scanner, is_in_header=False),
    b"TEXT": lambda scanner: _in_body(scanner, is_in_header=True),
    b"HEADER": _header,
    b"KEYWORD": _keyword,
    b"UNKEYWORD": lambda scanner: no(_keyword(scanner)),
    **{name: _field(name.lower()) for name in (b"FROM", b"TO", b"CC", b"BCC", b"SUBJECT")},
}
