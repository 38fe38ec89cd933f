"""The addresses of those who guess or flood, for a firewall: the one place they are written down, off by default.

Strategy: a line is a time, a service, a word of ours and an address, and never says whom it was about. It is one
write with O_APPEND, so that all processes of a suite may share a file. Before each the file's name is looked at, so
that a log that was moved away is begun anew. A flood fills no disk: lines are paced, and a file that has grown too
large gets no more until it is moved or cut. What cannot be written down is no reason to refuse anybody.
docs/decisions/0012-abuse-log.md has the reasons.
"""

import contextlib
import os
import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Literal

from shared import log
from shared.address import plain_ip
from shared.policy.pace import Rate, step

Word = Literal[
    "wrong_password",
    "too_many_guesses",
    "too_many_births",
    "too_many_connections",
    "relay_attempt",
    "unknown_recipients",
]

LINES = Rate(per_minute=600, burst=300)  # of one process
LARGEST = 64 * 1024 * 1024  # octets
STANDARD_ERROR = 2


class Book:
    """Where one service writes; `target` is a file, or `-` for standard error."""

    def __init__(self, service: str, target: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._service = service
        self._path = None if target == "-" else Path(target)
        self._clock = clock
        self._file = STANDARD_ERROR if self._path is None else -1
        self._due = 0.0
        self._is_broken = False

    def open(self) -> None:
        """Begin the file, so that whoever reads it finds it before anything happened."""
        try:
            self._has_room()
        except OSError as error:
            self._complain(error)

    def write(self, word: Word, address: IPv4Address | IPv6Address) -> None:
        """Append a line, unless there were too many or the file is too large."""
        now = self._clock()
        due = step(LINES, self._due, now)
        if due is None:
            return
        self._due = due
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        try:
            if self._has_room():
                os.write(self._file, f"{at} {self._service} {word} {_plain(address)}\n".encode())
        except OSError as error:
            self._complain(error)
        else:
            self._is_broken = False

    def close(self) -> None:
        """Let go of the file; the next line opens it again."""
        if self._path and self._file >= 0:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = -1

    def _has_room(self) -> bool:
        if self._path is None:
            return True
        if self._file < 0 or not _is_same(self._file, self._path):
            self.close()
            # A pipe without a reader is an error, not a wait.
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o640)
        return os.fstat(self._file).st_size < LARGEST

    def _complain(self, error: OSError) -> None:
        if not self._is_broken:  # once, until it goes again
            log.failure("abuse_not_written", error)
        self._is_broken = True


_book: Book | None = None


def configure(service: str, target: str) -> None:
    """Write to this file, or to standard error for `-`; nowhere if empty."""
    global _book  # as a logger, one for the process
    if _book:
        _book.close()
    _book = Book(service, target) if target else None
    if _book:
        _book.open()


def tell(word: Word, address: IPv4Address | IPv6Address) -> None:
    """Write down that this address did so; nothing where no log was asked for, or the address is unknown."""
    if _book and not address.is_unspecified:
        _book.write(word, address)


def _plain(address: IPv4Address | IPv6Address) -> str:
    return str(plain_ip(address)).partition("%")[0]


def _is_same(file: int, path: Path) -> bool:
    try:
        found, wanted = os.fstat(file), path.stat()
    except FileNotFoundError:
        return False
    return (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino)
