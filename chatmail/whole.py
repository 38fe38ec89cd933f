"""Files that are there whole or not at all, and readable by their owner alone."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from chatmail.trouble import Trouble

STANDARD_OUTPUT = 1
Write = Callable[[bytes], object]


class NotOurs(Exception):
    """A file that somebody else made where ours should be."""


@contextmanager
def written(path: Path) -> Iterator[Write]:
    """Write what shall stand in a file: beside it at first, in its place when the block has ended well."""
    if path.exists() and not path.is_file():
        raise Trouble(f"{path} is no file")
    beside = path.with_name(path.name + ".part")  # always this name: what a crash leaves, the next one takes away
    number = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        _take(number, beside)
        yield to(number)
        os.fsync(number)
        beside.replace(path)
        _settle(path.parent)
    except BlockingIOError:
        raise Trouble(f"another command is writing {path}") from None
    except NotOurs:
        raise Trouble(f"{beside} is somebody else's; remove it, or choose another folder") from None
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    finally:
        os.close(number)


def to(number: int) -> Write:
    """Return what writes all of something to a file descriptor."""

    def write(octets: bytes) -> None:
        with memoryview(octets) as rest:
            done = 0
            while done < len(rest):
                done += os.write(number, rest[done:])

    return write


def _take(number: int, beside: Path) -> None:
    fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    found = os.fstat(number)
    if not os.path.samestat(found, beside.stat()):  # somebody has just put it in its place
        raise BlockingIOError
    if found.st_uid != os.geteuid() or found.st_nlink != 1:  # to read what we write, or have us cut another file short
        raise NotOurs
    os.fchmod(number, 0o600)
    os.ftruncate(number, 0)


def _settle(folder: Path) -> None:
    """Let the name outlast a power cut as well."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
