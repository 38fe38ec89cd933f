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

Held = tuple[str, str]  # a mailbox, and the id of a message in it


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong, as (mailbox, id): all empty if nothing is."""

    lost: frozenset[Held]  # got a 250 and is not there
    doubled: frozenset[Held]  # is there more than once
    ghosts: frozenset[Held]  # was never sent there
    refused: frozenset[Held]  # got a 5xx, and nothing these tests do deserves one


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
        lines = [line.split(" ") for line in self._path.read_text().splitlines()]
        sent = {name: tuple(rest.split(",")) for word, name, rest in lines if word == "sending"}
        codes = {name: int(rest) for word, name, rest in lines if word == "answered"}
        return judge(sent, codes, Counter(found))

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
