r"""A backup as octets: written and read from first to last, never sought in.

    chatmail-backup 1 {"migrations": […], "taken": …}\n
    frames: a letter, the length of what follows in four octets, that many octets
        T  a table, in JSON: its name, its columns, their types
        B  the next octets of that table's rows (COPY, binary), packed; at most BLOCK of them unpacked
        S  a sequence, in JSON: its name, the value it gave last
        E  the end, in JSON: how many rows each table has
        H  SHA-256 over every octet before this frame; nothing follows

Strategy: a reader believes nothing until it has seen H. It hands out what it reads as it reads it, in bounded pieces,
so that whoever loads must be able to take everything back. Packing is Huffman coding alone: mail is armor, whose
letters carry six bits in eight, and little else in it repeats; a search for repetitions costs three times as much and
finds 2 %.
"""

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import IO, TypeVar

from pydantic import BaseModel, ConfigDict

MAGIC = b"chatmail-backup 1 "
BLOCK = 1 << 20  # octets of rows in a frame, before they are packed
MOST_JSON = 1 << 20
MOST_PACKED = BLOCK + (BLOCK >> 3)  # Huffman coding may make what is random a little longer
MOST_FRAMES = 10_000  # tables and sequences
_HEAD = struct.Struct(">cI")
_LIMITS = {b"T": MOST_JSON, b"B": MOST_PACKED, b"S": MOST_JSON, b"E": MOST_JSON, b"H": hashlib.sha256().digest_size}
_HUFFMAN = (1, zlib.DEFLATED, 15, 9, zlib.Z_HUFFMAN_ONLY)

ALTERED = "it was altered on its way, or is no backup"


class BadBackup(Exception):
    """These octets are no whole backup that can be restored here; the text says why, to the operator."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class Header(_Record):
    """Where a backup comes from: what its database had seen, when it was read (that database's clock), whose it is."""

    migrations: tuple[str, ...]
    taken: datetime
    domain: str
    local_domains: tuple[str, ...] = ()
    hostname: str = ""


class Table(_Record):
    """A table and its columns, each with its type, in the order of the rows that follow."""

    name: str
    columns: tuple[tuple[str, str], ...]


class Sequence(_Record):
    """A sequence and the value it gave last; None if it gave none yet."""

    name: str
    value: int | None


class End(_Record):
    """How many rows each table has."""

    rows: dict[str, int]


Entry = Table | bytes | Sequence | End
_R = TypeVar("_R", bound=_Record)


class Writer:
    """Writes a backup; `octets` are those written so far."""

    def __init__(self, write: Callable[[bytes], object], header: Header) -> None:
        self.octets = 0
        self._write_out = write
        self._hash = hashlib.sha256()
        self._waiting = bytearray()
        self._write(MAGIC + header.model_dump_json().encode() + b"\n")

    def table(self, table: Table) -> None:
        """Begin a table."""
        self._json(b"T", table)

    def rows(self, octets: bytes | bytearray | memoryview) -> None:
        """Add to the table's rows."""
        self._waiting += octets
        while len(self._waiting) >= BLOCK:
            self._block()

    def end_table(self) -> None:
        """Write what is left of its rows."""
        if self._waiting:
            self._block()

    def sequence(self, sequence: Sequence) -> None:
        self._json(b"S", sequence)

    def end(self, rows: dict[str, int]) -> None:
        """Write the end: a stream without it is refused."""
        self._json(b"E", End(rows=rows))
        self._frame(b"H", self._hash.digest())

    def _block(self) -> None:
        packer = zlib.compressobj(*_HUFFMAN)
        with memoryview(self._waiting) as waiting:
            packed = packer.compress(waiting[:BLOCK]) + packer.flush()
        del self._waiting[:BLOCK]
        self._frame(b"B", packed)

    def _json(self, kind: bytes, record: _Record) -> None:
        self._frame(kind, record.model_dump_json().encode())

    def _frame(self, kind: bytes, octets: bytes) -> None:
        self._write(_HEAD.pack(kind, len(octets)))
        self._write(octets)

    def _write(self, octets: bytes) -> None:
        self._write_out(octets)
        self._hash.update(octets)
        self.octets += len(octets)


class Reader:
    """Reads a backup; raises BadBackup where it is none, from the first line on. `octets` are those read so far."""

    def __init__(self, file: IO[bytes]) -> None:
        self.octets = 0
        self._file = file
        self._hash = hashlib.sha256()
        line = file.readline(MOST_JSON)
        if not line.startswith(MAGIC):
            raise BadBackup("this is no backup of a chatmail suite, or of a version this one does not know")
        if not line.endswith(b"\n"):
            raise BadBackup("the backup ends in its first line")
        self._take(line)
        self.header = _parsed(Header, line[len(MAGIC) :])

    def entries(self) -> Iterator[Entry]:
        """Hand out tables, their rows in pieces, sequences, and the end; that comes only if all before it was true."""
        may_be_rows, records = False, 0
        while True:
            kind, octets = self._frame()
            records += kind != b"B"
            if records > MOST_FRAMES or (kind == b"B" and not may_be_rows) or kind == b"H":
                raise BadBackup(ALTERED)
            may_be_rows = kind in b"TB"
            if kind == b"E":
                yield self._ended(_parsed(End, octets))
                return
            yield _entry(kind, octets)

    def _ended(self, end: End) -> End:
        digest = self._hash.digest()
        if self._frame() != (b"H", digest):
            raise BadBackup(ALTERED)
        if self._file.read(1):
            raise BadBackup("something follows the end of the backup")
        return end

    def _frame(self) -> tuple[bytes, bytes]:
        kind, length = _HEAD.unpack(self._exactly(_HEAD.size))
        if length > _LIMITS.get(kind, -1):
            raise BadBackup(ALTERED)
        return kind, self._exactly(length)

    def _exactly(self, length: int) -> bytes:
        parts = []
        while length:
            part = self._file.read(length)
            if not part:
                raise BadBackup("the backup is cut off before its end")
            length -= len(part)
            parts.append(part)
        return self._take(b"".join(parts))

    def _take(self, octets: bytes) -> bytes:
        self._hash.update(octets)
        self.octets += len(octets)
        return octets


def _entry(kind: bytes, octets: bytes) -> Entry:
    if kind == b"B":
        return _unpacked(octets)
    return _parsed(Table, octets) if kind == b"T" else _parsed(Sequence, octets)


def _unpacked(octets: bytes) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        block = unpacker.decompress(octets, BLOCK + 1)
    except zlib.error:
        raise BadBackup(ALTERED) from None
    if len(block) > BLOCK or not unpacker.eof or unpacker.unused_data:
        raise BadBackup(ALTERED)
    return block


def _parsed(kind: type[_R], octets: bytes) -> _R:
    try:
        return kind.model_validate_json(octets)
    except (ValueError, RecursionError):
        raise BadBackup(ALTERED) from None
