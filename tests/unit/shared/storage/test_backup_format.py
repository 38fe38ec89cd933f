"""A backup's octets: what is written is read again, and nothing else is."""

import io
import os
import zlib
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from shared.storage.backup_format import BLOCK, MAGIC, BadBackup, End, Header, Reader, Sequence, Table, Writer

HEADER = Header(migrations=("1.sql",), taken=datetime(2026, 1, 2, 3, 4, tzinfo=UTC), domain="example.org")
TABLE = Table(name="body", columns=(("id", "bigint"), ("dätä", "bytea")))


def written(rows: bytes, piece: int = 1000) -> bytes:
    file = io.BytesIO()
    writer = Writer(file.write, HEADER)
    writer.table(TABLE)
    for place in range(0, len(rows), piece):
        writer.rows(rows[place : place + piece])
    writer.end_table()
    writer.sequence(Sequence(name="ids", value=7))
    writer.end({"body": 3})
    assert writer.octets == len(file.getvalue())
    return file.getvalue()


def frame(kind: bytes, octets: bytes) -> bytes:
    return kind + len(octets).to_bytes(4, "big") + octets


def forged(*frames: bytes) -> bytes:
    """A backup of these frames, with a true checksum."""
    octets = MAGIC + HEADER.model_dump_json().encode() + b"\n" + b"".join(frames)
    return octets + frame(b"H", sha256(octets).digest())


TABLE_FRAME = frame(b"T", TABLE.model_dump_json().encode())
END_FRAME = frame(b"E", b'{"rows": {}}')


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5])
def test_what_is_written_is_read_again(size: int) -> None:
    rows = os.urandom(size)
    reader = Reader(io.BytesIO(written(rows)))
    assert reader.header == HEADER
    table, *blocks, sequence, end = reader.entries()
    assert (table, sequence, end) == (TABLE, Sequence(name="ids", value=7), End(rows={"body": 3}))
    assert b"".join(block for block in blocks if isinstance(block, bytes)) == rows
    assert all(len(block) <= BLOCK for block in blocks if isinstance(block, bytes))


def test_a_row_longer_than_a_block_is_cut() -> None:
    rows = b"x" * (5 * BLOCK)
    entries = list(Reader(io.BytesIO(written(rows, len(rows)))).entries())
    assert len(entries) == 5 + 3


def test_armor_takes_three_quarters() -> None:
    import base64

    armor = base64.encodebytes(os.urandom(750_000))
    assert len(written(armor)) < 0.79 * len(armor)


def test_cut_off_anywhere_it_is_refused() -> None:
    octets = written(b"rows" * 20)
    for length in range(len(octets)):
        with pytest.raises(BadBackup):
            list(Reader(io.BytesIO(octets[:length])).entries())


def test_with_any_bit_altered_it_is_refused() -> None:
    octets = written(b"rows" * 20)
    for place in range(len(octets)):
        altered = bytearray(octets)
        altered[place] ^= 1 << place % 8
        with pytest.raises(BadBackup):
            list(Reader(io.BytesIO(altered)).entries())


def test_the_end_comes_only_after_the_checksum() -> None:
    octets = bytearray(written(b"rows"))
    octets[-1] ^= 1
    entries = Reader(io.BytesIO(octets)).entries()
    with pytest.raises(BadBackup):
        while not isinstance(next(entries), End):
            pass


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(forged(frame(b"B", zlib.compress(b"x")), END_FRAME), id="rows of no table"),
        pytest.param(
            forged(TABLE_FRAME, frame(b"B", zlib.compress(bytes(BLOCK + 1))), END_FRAME), id="too long unpacked"
        ),
        pytest.param(forged(TABLE_FRAME, frame(b"B", zlib.compress(b"x")[:-1]), END_FRAME), id="block without its end"),
        pytest.param(forged(TABLE_FRAME, frame(b"B", zlib.compress(b"x") + b"x"), END_FRAME), id="more than a block"),
        pytest.param(forged(TABLE_FRAME, frame(b"B", b"no zlib"), END_FRAME), id="block of nothing known"),
        pytest.param(forged(TABLE_FRAME, b"B\xff\xff\xff\xff", END_FRAME), id="frame longer than any"),
        pytest.param(forged(frame(b"X", b""), END_FRAME), id="unknown frame"),
        pytest.param(forged(frame(b"T", b"[" * 100_000), END_FRAME), id="deep JSON"),
        pytest.param(forged(frame(b"T", b'{"name": 5, "columns": []}'), END_FRAME), id="a name that is a number"),
        pytest.param(forged(frame(b"S", b'{"name": "x", "value": 1.5}'), END_FRAME), id="a value that is a fraction"),
        pytest.param(forged(*[TABLE_FRAME] * 10_001, END_FRAME), id="too many tables"),
        pytest.param(forged(TABLE_FRAME), id="checksum and no end"),
        pytest.param(forged(END_FRAME, END_FRAME), id="something between end and checksum"),
    ],
)
def test_what_no_writer_wrote_is_refused(octets: bytes) -> None:
    with pytest.raises(BadBackup):
        list(Reader(io.BytesIO(octets)).entries())


@pytest.mark.parametrize("header", [b"{}", b"[]", b'{"migrations": "x"}', b"\xff", b"null", b"[" * 100_000])
def test_a_first_line_that_says_nothing_is_refused(header: bytes) -> None:
    with pytest.raises(BadBackup):
        Reader(io.BytesIO(MAGIC + header + b"\n"))


def test_what_comes_in_small_pieces_is_read_as_well() -> None:
    class Trickle(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 3))

    assert len(list(Reader(Trickle(written(b"rows"))).entries())) == 4
