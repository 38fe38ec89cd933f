"""What a SEARCH key is: a question to one message, what it must know for that, and what that costs.

Strategy: keys are joined as they nest; what they need and cost adds up, so a search can be answered or refused as a
whole. Texts in bodies are looked for before a key is asked: a key names them as `needles`, and the answer is in the
candidate. `first` is what must hold anyway and can be asked without any body.
"""

from collections.abc import Callable, Set
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from imap.content.header_fields import HeaderFields
from imap.content.sent import Sent, sent

HEADER_COST = 20  # looking through a usual header block against looking at a flag
# What costs as much as looking at a flag (about 1 µs), measured on headers made to be expensive.
LINES = 4
OCTETS = 256
OCTETS_LOOKED_IN = 64
ENCODED_WORD = 3  # times as much


class Needle(NamedTuple):
    """A case-folded text to be found in a body, or in the header as well."""

    text: str
    is_in_header: bool


@dataclass(slots=True)
class Candidate:
    """What keys may look at; what the view does not know, from `size` on, is empty unless some key needs it.

    `keywords` are in lower case; `found` are the needles of the search that the message holds.
    """

    number: int
    uid: int
    flags: int
    size: int = 0
    arrived: int = 0
    header: bytes = b""
    keywords: Set[bytes] = frozenset()
    saved: int = 0
    body_id: int = 0
    found: Set[Needle] = frozenset()
    modseq: int = 0
    _fields: HeaderFields | None = field(default=None, init=False)

    @property
    def fields(self) -> HeaderFields:
        """The header, taken apart once."""
        if self._fields is None:
            self._fields = HeaderFields(self.header)
        return self._fields

    @property
    def sent(self) -> Sent | None:
        """What its Date field says."""
        return sent(self.fields.first(b"date"))


@dataclass(frozen=True, slots=True)
class Extent:
    """What keys are about: the mailbox's largest number and UID (`*`), the time in seconds, the UIDs saved (`$`)."""

    number: int
    uid: int
    now: int = 0
    saved: Set[int] = frozenset()


Test = Callable[[Candidate], bool]
Bind = Callable[[Extent], Test]


@dataclass(frozen=True, slots=True)
class Key:
    """A question; `bind` makes the test once the mailbox is known."""

    bind: Bind
    cost: int = 1
    needs_store: bool = False
    lookups: int = 0  # how often it looks into a header
    needles: Set[Needle] = frozenset()
    first: "Key | None" = None
    has_modseq: bool = False  # it asks for mod-sequences, so the answer tells the highest (RFC 7162 §3.1.5)

    @property
    def needs_header(self) -> bool:
        """Whether the header must be known."""
        return self.lookups > 0

    def header_cost(self, header: bytes) -> int:
        """Return what a header costs in all, in the measure of `cost`: once to take apart, and each time to look in."""
        decoding = ENCODED_WORD * header.count(b"=?") + header.count(b"\n") // LINES + len(header) // OCTETS
        return decoding + self.lookups * (len(header) // OCTETS_LOOKED_IN)

    def with_header(self, lookups: int) -> "Key":
        """Return the same question, asked by somebody who needs the header as well."""
        return replace(self, needs_store=True, lookups=self.lookups + lookups)


def every(keys: list[Key]) -> Key:
    """Return the key that asks for all of them."""
    firsts = [key if not key.needles else key.first for key in keys]
    known = [key for key in firsts if key is not None]
    joined = _join(keys, lambda tests: lambda candidate: all(test(candidate) for test in tests))
    return replace(joined, first=every(known)) if joined.needles and known else joined


def either(keys: list[Key]) -> Key:
    """Return the key that asks for any of them."""
    return _join(keys, lambda tests: lambda candidate: any(test(candidate) for test in tests))


def no(key: Key) -> Key:
    """Return the key that asks for the contrary."""
    return _join([key], lambda tests: lambda candidate: not tests[0](candidate))


def _join(keys: list[Key], combine: Callable[[list[Test]], Test]) -> Key:
    return Key(
        lambda extent: combine([key.bind(extent) for key in keys]),
        sum(key.cost for key in keys),
        any(key.needs_store for key in keys),
        sum(key.lookups for key in keys),
        frozenset[Needle]().union(*(key.needles for key in keys)),
        has_modseq=any(key.has_modseq for key in keys),
    )
