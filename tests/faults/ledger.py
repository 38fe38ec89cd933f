"""What was sent and what was answered, on disk before anything could be forgotten; and the judge over it.

Strategy (the ledger method): a sender writes down a message before its first octet leaves, and a reply when it has
come, each with an fsync. Afterwards the mailboxes are read and the two are held against each other. A client that
gets no answer repeats the same octets, as Delta Chat does, so that every message ends with a reply.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Self

ACCEPTED = 250
RECORDED_SECONDS = 3.0  # after this, a result that could be recorded is

Held = tuple[str, str]  # a mailbox, and the id of a message in it


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong, as (mailbox, id): all empty if nothing is."""

    lost: frozenset[Held]  # got a 250 and is not there
    doubled: frozenset[Held]  # is there more than once
    ghosts: frozenset[Held]  # was never sent there
    refused: frozenset[Held]  # got a 5xx, and nothing these tests do deserves one


@dataclass(frozen=True, slots=True)
class Arrived:
    """One recipient of a letter that another server has got whole, when (monotonic), and whether we heard its yes."""

    recipient: str
    name: str
    octets: bytes
    time: float
    is_answered: bool


@dataclass(frozen=True, slots=True)
class Outbound:
    """What is wrong with the mail for other servers, as (recipient, id): all but `repeated` empty if nothing is."""

    lost: frozenset[Held]  # got a 250 from us, and no other server has it
    ghosts: frozenset[Held]  # was never sent there
    refused: frozenset[Held]  # got a 5xx
    altered: frozenset[Held]  # repeated with other octets
    unsigned: frozenset[Held]
    needless: frozenset[Held]  # repeated though its end was clear, and nothing of ours broke just then
    repeated: int  # letters that came again for a reason

    @property
    def is_clean(self) -> bool:
        return not (self.lost | self.ghosts | self.refused | self.altered | self.unsigned | self.needless)


class Ledger:
    """The file of one load; safe to be written from several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab", buffering=0)
        self._lock = Lock()
        self.accepted = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def sending(self, name: str, mailboxes: Sequence[str]) -> None:
        """Note that this message is about to be sent to these mailboxes."""
        self._write(f"sending {name} {','.join(mailboxes)}")

    def answered(self, name: str, code: int) -> None:
        """Note the reply that ended the message."""
        self._write(f"answered {name} {code}")
        self.accepted += code == ACCEPTED

    def judge(self, found: Iterable[Held]) -> Verdict:
        """Hold the mailboxes against what is written."""
        return judge(*self._read(), Counter(found))

    def judge_outbound(self, arrived: Iterable[Arrived], breaks: Iterable[float]) -> Outbound:
        """Hold what arrived at other servers against what is written; `breaks` are the moments of our crashes."""
        return judge_outbound(*self._read(), list(arrived), list(breaks))

    def _read(self) -> tuple[dict[str, tuple[str, ...]], dict[str, int]]:
        lines = [line.split(" ") for line in self._path.read_text().splitlines()]
        sent = {name: tuple(rest.split(",")) for word, name, rest in lines if word == "sending"}
        codes = {name: int(rest) for word, name, rest in lines if word == "answered"}
        return sent, codes

    def _write(self, line: str) -> None:
        with self._lock:
            self._file.write(line.encode() + b"\n")
            os.fdatasync(self._file.fileno())


def judge(sent: Mapping[str, Sequence[str]], codes: Mapping[str, int], found: Counter[Held]) -> Verdict:
    """Say what is wrong with what was found; `sent` are the mailboxes of each message, `codes` the replies."""
    meant = {(mailbox, name) for name, mailboxes in sent.items() for mailbox in mailboxes}
    promised = {held for held in meant if codes.get(held[1]) == ACCEPTED}
    return Verdict(
        lost=frozenset(promised - found.keys()),
        doubled=frozenset(held for held, times in found.items() if times > 1),
        ghosts=frozenset(found.keys() - meant),
        refused=frozenset(held for held in meant if codes.get(held[1], 0) >= 500),
    )


def judge_outbound(
    sent: Mapping[str, Sequence[str]], codes: Mapping[str, int], arrived: Sequence[Arrived], breaks: Sequence[float]
) -> Outbound:
    """Say what is wrong with what arrived at other servers.

    A letter may come again only where its first end was ambiguous: the other server has not answered, or we broke
    before its answer could be recorded.
    """
    copies: dict[Held, list[Arrived]] = {}
    for one in sorted(arrived, key=lambda one: one.time):
        copies.setdefault((one.recipient, one.name), []).append(one)
    verdict = judge(sent, codes, Counter(copies.keys()))
    return Outbound(
        lost=verdict.lost,
        ghosts=verdict.ghosts,
        refused=verdict.refused,
        altered=frozenset(held for held, same in copies.items() if len({one.octets for one in same}) > 1),
        unsigned=frozenset(
            held for held, same in copies.items() if not all(one.octets.startswith(b"DKIM-Signature:") for one in same)
        ),
        needless=frozenset(
            held for held, same in copies.items() if not all(_is_ambiguous(one, breaks) for one in same[:-1])
        ),
        repeated=sum(len(same) - 1 for same in copies.values()),
    )


def _is_ambiguous(one: Arrived, breaks: Sequence[float]) -> bool:
    return not one.is_answered or any(-1.0 <= moment - one.time <= RECORDED_SECONDS for moment in breaks)
