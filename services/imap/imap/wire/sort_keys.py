"""SORT criteria (RFC 5256 §3) as orders of messages."""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from imap.content.subject import base_subject
from imap.wire.answer import bad
from imap.wire.envelope import addresses
from imap.wire.grammar import Scanner
from imap.wire.search_key import Candidate

MAX_CRITERIA = 20
MAX_TEXT = 256  # letters by which subjects and names are compared

Rank = int | str


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion: what a message is compared by, and whether the greatest comes first."""

    rank: Callable[[Candidate], Rank]
    needs_header: bool
    is_reverse: bool = False


def read(scanner: Scanner) -> list[Criterion]:
    """Take a list of criteria in parentheses."""
    return scanner.several(_criterion, MAX_CRITERIA, "Too many sort criteria")


def moment(candidate: Candidate) -> int:
    """Return when a message was sent, or arrived if it does not say (RFC 5256 §2.2)."""
    said = candidate.sent
    return candidate.arrived if said is None else said.moment


def subject(candidate: Candidate) -> str:
    """Return the decoded, case-folded text of the first Subject."""
    return (candidate.fields.says(b"subject") or "\0").split("\0", 2)[1]


def collated(text: str) -> str:
    """Return what stands for a text in comparisons (i;unicode-casemap: RFC 5256 §3, RFC 5051 §2)."""
    if text.isascii():
        return text.upper()
    titled = "".join(title if len(title := letter.title()) == 1 else letter for letter in text)
    return unicodedata.normalize("NFKD", titled)


def order(rows: Sequence[tuple[int, Sequence[Rank]]], criteria: Sequence[Criterion]) -> list[int]:
    """Return the names of rows (a name, a rank for each criterion), sorted; equals stay in their order."""
    ordered = list(rows)
    for at, criterion in reversed(list(enumerate(criteria))):
        ordered.sort(key=partial(_rank_at, at), reverse=criterion.is_reverse)
    return [name for name, _ in ordered]


def _rank_at(at: int, row: tuple[int, Sequence[Rank]]) -> Any:
    return row[1][at]  # of one kind in all rows, so that they can be compared


def _criterion(scanner: Scanner) -> Criterion:
    word = scanner.keyword()
    is_reverse = word == b"REVERSE"
    if is_reverse:
        scanner.space()
        word = scanner.keyword()
    if word not in _RANKS:
        raise bad("Unknown sort criterion")
    rank, needs_header = _RANKS[word]
    return Criterion(rank, needs_header, is_reverse)


def _first_name(field: bytes) -> Callable[[Candidate], Rank]:
    """Return what compares the local part of a field's first address."""

    def rank(candidate: Candidate) -> Rank:
        for _name, local, _domain in addresses(candidate.fields.first(field)):
            if local:
                return collated(local.decode("utf-8", "replace")[:MAX_TEXT])
        return ""

    return rank


_RANKS: dict[bytes, tuple[Callable[[Candidate], Rank], bool]] = {
    b"ARRIVAL": (lambda candidate: candidate.arrived, False),
    b"SIZE": (lambda candidate: candidate.size, False),
    b"DATE": (moment, True),
    b"SUBJECT": (lambda candidate: collated(base_subject(subject(candidate))[0][:MAX_TEXT]), True),
    **{name: (_first_name(name.lower()), True) for name in (b"CC", b"FROM", b"TO")},
}
