"""Whatever octets are given as a backup: the reader hands out a bounded piece at a time, and then the end, or says
BadBackup; and it comes to the end of no octets but those that a writer wrote: nothing else is ever committed.
"""

import io
from datetime import UTC, datetime
from hashlib import sha256

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.storage.backup_format import BLOCK, MAGIC, BadBackup, End, Header, Reader, Sequence, Table, Writer

HEADER = Header(migrations=("1.sql",), taken=datetime(2026, 1, 2, tzinfo=UTC), domain="example.org")
FIRST_LINE = MAGIC + HEADER.model_dump_json().encode() + b"\n"

names = st.text(max_size=12)
tables = st.builds(Table, name=names, columns=st.lists(st.tuples(names, names), max_size=3).map(tuple))
values = st.none() | st.integers(-(2**70), 2**70)
writings = st.lists(
    st.tuples(tables, st.lists(st.binary(max_size=200), max_size=3)) | st.builds(Sequence, name=names, value=values),
    max_size=4,
)
frames = st.tuples(st.sampled_from([b"T", b"B", b"S", b"E", b"H", b"X"]), st.binary(max_size=60)).map(
    lambda frame: frame[0] + len(frame[1]).to_bytes(4, "big") + frame[1]
)


def entries(octets: bytes) -> list[object]:
    read = list(Reader(io.BytesIO(octets)).entries())
    assert all(len(entry) <= BLOCK for entry in read if isinstance(entry, bytes))
    return read


def is_whole(octets: bytes) -> bool:
    try:
        return isinstance(entries(octets)[-1], End)
    except BadBackup:
        return False


def written(what: list[object]) -> tuple[bytes, list[object]]:
    """What a writer makes of it, and what a reader is to find."""
    file, expected = io.BytesIO(), []
    writer = Writer(file.write, HEADER)
    for part in what:
        if isinstance(part, Sequence):
            writer.sequence(part)
            expected.append(part)
        elif isinstance(part, tuple):
            table, pieces = part
            writer.table(table)
            for piece in pieces:
                writer.rows(piece)
            writer.end_table()
            expected += [table, *([b"".join(pieces)] if any(pieces) else [])]
    writer.end({"x": 1})
    return file.getvalue(), [*expected, End(rows={"x": 1})]


@settings(max_examples=300, deadline=None)
@given(octets=st.binary(max_size=300) | st.lists(frames, max_size=6).map(lambda parts: FIRST_LINE + b"".join(parts)))
def test_anything(octets: bytes) -> None:
    assert not is_whole(octets)


@settings(max_examples=300, deadline=None)
@given(parts=st.lists(frames, max_size=6))
def test_anything_with_a_true_checksum_is_read_or_refused(parts: list[bytes]) -> None:
    octets = FIRST_LINE + b"".join(parts)
    is_whole(octets + b"H\0\0\0\x20" + sha256(octets).digest())


@settings(max_examples=300, deadline=None)
@given(what=writings)
def test_what_was_written_is_read(what: list[object]) -> None:
    octets, expected = written(what)
    assert entries(octets) == expected


@settings(max_examples=500, deadline=None)
@given(what=writings, data=st.data())
def test_what_was_altered_is_refused(what: list[object], data: st.DataObject) -> None:
    octets, _ = written(what)
    start = data.draw(st.integers(0, len(octets)))
    end = data.draw(st.integers(start, min(len(octets), start + 8)))
    altered = octets[:start] + data.draw(st.binary(max_size=8)) + octets[end:]
    assert is_whole(altered) == (altered == octets)
