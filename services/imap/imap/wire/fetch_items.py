"""FETCH data items (RFC 3501 §6.4.5, RFC 3516, RFC 7162, RFC 8474, RFC 8514, RFC 8970) as a plan.

Strategy: what a client asks is read once into a `Plan` that also says what the store must bring. Clients ask the
same few things for ever, so plans are remembered by the octets they were read from.
"""

from dataclasses import dataclass
from functools import lru_cache, partial

from imap.wire import modseq, section
from imap.wire.answer import bad
from imap.wire.grammar import Scanner
from imap.wire.modseq import Since
from imap.wire.section import Form, Section

MAX_ITEMS = 32

_STRUCTURE = {b"BODY", b"BODYSTRUCTURE", b"PREVIEW"}
_NAMES = {
    b"FLAGS",
    b"INTERNALDATE",
    b"RFC822.SIZE",
    b"ENVELOPE",
    b"UID",
    b"EMAILID",
    b"THREADID",
    b"SAVEDATE",
    b"MODSEQ",
}
_NAMES |= _STRUCTURE
_MACROS = {
    b"ALL": (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE", b"ENVELOPE"),
    b"FAST": (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE"),
    b"FULL": (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE", b"ENVELOPE", b"BODY"),
}
_OLD_NAMES = {  # RFC 3501 §6.4.5: functionally equivalent, but for the name in the answer
    b"RFC822": (Section(label=b"RFC822"), True),
    b"RFC822.HEADER": (Section(b"HEADER", label=b"RFC822.HEADER"), False),
    b"RFC822.TEXT": (Section(b"TEXT", label=b"RFC822.TEXT"), True),
}
_TEXTS = (  # what marks a message as seen stands behind what does not
    (b"BODY.PEEK[", section.read, False),
    (b"BODY[", section.read, True),
    (b"BINARY.PEEK[", partial(section.read_binary, form=Form.DECODED), False),
    (b"BINARY[", partial(section.read_binary, form=Form.DECODED), True),
    (b"BINARY.SIZE[", partial(section.read_binary, form=Form.DECODED_SIZE), False),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to answer for each message, `names` first, then `sections`; and what the store must bring for it."""

    names: tuple[bytes, ...]
    sections: tuple[Section, ...]
    sets_seen: bool
    needs_header: bool
    needs_body: bool
    needs_structure: bool
    needs_store: bool  # more is asked than a view knows
    names_and_flags: tuple[bytes, ...]  # for messages whose flags change because they are read
    since: Since | None = None  # only messages that have changed since

    @property
    def has_modseq(self) -> bool:
        """Whether it speaks of mod-sequences."""
        return b"MODSEQ" in self.names


def _plan(names: tuple[bytes, ...], sections: tuple[Section, ...], since: Since | None, *, sets_seen: bool) -> Plan:
    needs_structure = not _STRUCTURE.isdisjoint(names) or any(part.path for part in sections)
    return Plan(
        names,
        sections,
        sets_seen,
        needs_header=needs_structure or b"ENVELOPE" in names or any(part.needs_header for part in sections),
        needs_body=needs_structure or any(part.is_span and part.text != b"HEADER" for part in sections),
        needs_structure=needs_structure,
        needs_store=bool(sections) or not {b"UID", b"FLAGS"}.issuperset(names),
        names_and_flags=tuple(dict.fromkeys((*names, b"FLAGS"))),
        since=since,
    )


@lru_cache(maxsize=256)
def read(text: bytes, *, is_uid: bool = False) -> Plan:
    """Read the items of a FETCH, `text` being all after the sequence set with the final CRLF.

    The UID is always answered to UID FETCH (RFC 3501 §6.4.8).
    """
    if len(text) > 8192:
        raise bad("Too many items")
    scanner = Scanner(text)
    names: dict[bytes, None] = {}
    if is_uid:
        names[b"UID"] = None
    sections: dict[Section, None] = {}
    sets_seen = False
    is_list = scanner.takes(b"(")
    while True:
        sets_seen |= _item(scanner, names, sections, may_be_macro=not is_list)
        if not is_list or scanner.takes(b")"):
            break
        scanner.space()
        if len(names) + len(sections) > MAX_ITEMS:
            raise bad("Too many items")
    since = modseq.fetch_modifiers(scanner, is_uid=is_uid)
    if since is not None:
        names[b"MODSEQ"] = None  # RFC 7162 §3.1.4.1
    scanner.end()
    return _plan(tuple(names), tuple(sections), since, sets_seen=sets_seen)


def _item(scanner: Scanner, names: dict[bytes, None], sections: dict[Section, None], *, may_be_macro: bool) -> bool:
    """Read one item into `names` or `sections`; return whether fetching it marks the message as seen."""
    for prefix, read_section, sets_seen in _TEXTS:
        if scanner.takes_word(prefix):
            sections[read_section(scanner)] = None
            return sets_seen
    word = scanner.keyword()
    if word in _NAMES:
        names[word] = None
        if word == b"PREVIEW":
            scanner.takes_word(b" (LAZY)")  # RFC 8970 §3.2: it may come late; here it never does
        return False
    if word in _OLD_NAMES:
        part, sets_seen = _OLD_NAMES[word]
        sections[part] = None
        return sets_seen
    if may_be_macro and word in _MACROS:
        names.update(dict.fromkeys(_MACROS[word]))
        return False
    raise bad("Unknown FETCH item")
