"""The arguments of LIST (RFC 3501 §6.3.8, RFC 5258, RFC 5819, RFC 6154)."""

from collections.abc import Sequence, Set
from dataclasses import dataclass

from imap.wire import status_items, utf7
from imap.wire.answer import bad
from imap.wire.grammar import Scanner

MAX_PATTERNS = 20

_SELECTIONS = frozenset({b"SUBSCRIBED", b"REMOTE", b"RECURSIVEMATCH", b"SPECIAL-USE"})
_RETURNS = frozenset({b"SUBSCRIBED", b"CHILDREN", b"SPECIAL-USE"})


@dataclass(frozen=True, slots=True)
class Wish:
    """What a LIST asks: names under `reference` that match a pattern, and are what `selected` says.

    `returned` is to be told of each, and so are the `status_items`.
    """

    reference: bytes
    patterns: Sequence[bytes]
    is_extended: bool
    selected: Set[bytes]
    returned: Set[bytes]
    status_items: Sequence[bytes]

    @property
    def wanted(self) -> Sequence[bytes]:
        """The patterns under the reference, as written."""
        return [self.reference + pattern for pattern in self.patterns]


def read(scanner: Scanner) -> Wish:
    """Take the arguments of LIST."""
    selected = _options(scanner, _SELECTIONS) if scanner.takes(b"(") else None
    if selected is not None:
        scanner.space()
    if selected and b"RECURSIVEMATCH" in selected and selected <= {b"RECURSIVEMATCH", b"REMOTE"}:
        raise bad("RECURSIVEMATCH of what?")  # RFC 5258 §3.1
    reference = scanner.astring()
    scanner.space()
    patterns, is_list = _patterns(scanner)
    if len(reference) * len(patterns) + sum(map(len, patterns)) > utf7.MAX_NAME:
        raise bad("Pattern too long")
    has_return = scanner.takes_word(b" RETURN (")
    returned, items = _returned(scanner) if has_return else (frozenset[bytes](), ())
    is_extended = is_list or has_return or selected is not None
    return Wish(reference, patterns, is_extended, selected or frozenset(), returned, items)


def _patterns(scanner: Scanner) -> tuple[list[bytes], bool]:
    """Take one pattern, or a list of them, and say which it was."""
    is_list = scanner.takes(b"(")
    patterns = [scanner.list_pattern()]
    while is_list and not scanner.takes(b")"):
        scanner.space()
        patterns.append(scanner.list_pattern())
        if len(patterns) > MAX_PATTERNS:
            raise bad("Too many patterns")
    return patterns, is_list


def _returned(scanner: Scanner) -> tuple[Set[bytes], Sequence[bytes]]:
    """Take return options up to the closing parenthesis, with the items of a STATUS (RFC 5819) among them."""
    returned: set[bytes] = set()
    items: Sequence[bytes] = ()
    while not scanner.takes(b")"):
        if returned:
            scanner.space()
        word = scanner.keyword()
        if word == b"STATUS":
            scanner.space()
            items = status_items.read(scanner)
        elif word not in _RETURNS:
            raise bad("Unknown option")
        returned.add(word)
    return returned, items


def _options(scanner: Scanner, known: Set[bytes]) -> Set[bytes]:
    """Take options up to the closing parenthesis."""
    options: set[bytes] = set()
    while not scanner.takes(b")"):
        if options:
            scanner.space()
        word = scanner.keyword()
        if word not in known:
            raise bad("Unknown option")
        options.add(word)
    return options
