import random
import zlib

import pytest
from imap.deflate import BURST, PIECE, SLICE, Garbled, Inflater, deflated

TEXT = b"".join(b"a%d UID FETCH %d:* (FLAGS)\r\n" % (number, number * 7) for number in range(5000))


def compressed(data: bytes, flush: int = zlib.Z_SYNC_FLUSH) -> bytes:
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    return stream.compress(data) + stream.flush(flush)


def taken(inflater: Inflater) -> bytes:
    """All that can be taken now; never more than a slice at a time."""
    plain = b""
    while inflater.has_more:
        piece = inflater.take()
        assert len(piece) <= SLICE
        plain += piece
    return plain


@pytest.mark.parametrize("size", [1, 2, 3, 7, PIECE - 1, PIECE, PIECE + 1, 1 << 20])
def test_cuts_do_not_matter(size: int) -> None:
    inflater, plain, data = Inflater(), b"", compressed(TEXT)
    for at in range(0, len(data), size):
        inflater.feed(data[at : at + size])
        plain += taken(inflater)
    assert plain == TEXT
    assert len(inflater) == 0


@pytest.mark.parametrize("octets", [SLICE - 1, SLICE, SLICE + 1, 2 * SLICE, 0])
def test_all_that_has_come_can_be_taken(octets: int) -> None:
    inflater = Inflater()
    inflater.feed(compressed(b"x" * octets))
    assert taken(inflater) == b"x" * octets


def test_nothing_stays_in_zlib_that_could_be_taken() -> None:
    data = compressed(b"x" * (5 * SLICE))
    for end in range(len(data)):
        inflater = Inflater()
        inflater.feed(data[:end])
        assert taken(inflater) == zlib.decompressobj(-15).decompress(data[:end])


def test_a_bomb_is_kept_as_it_came() -> None:
    data = compressed(b"\0" * 50_000_000)
    inflater = Inflater()
    inflater.feed(data)
    for _ in range(100):
        assert len(inflater.take()) == SLICE
    assert len(inflater) <= len(data)
    assert inflater.has_more


@pytest.mark.parametrize(
    "data",
    [b"a2 NOOP\r\n", b"\xff" * 10, zlib.compress(b"a2 NOOP\r\n"), compressed(b"ab\r\n") + b"\x07rubbish"],
    ids=["clear", "no-block", "zlib-header", "rubbish-behind"],
)
def test_what_is_no_deflate(data: bytes) -> None:
    inflater = Inflater()
    inflater.feed(data)
    with pytest.raises(Garbled):
        taken(inflater)


def test_the_last_block_is_the_end() -> None:
    inflater = Inflater()
    inflater.feed(compressed(b"a LOGOUT\r\n", zlib.Z_FINISH))
    assert taken(inflater) == b"a LOGOUT\r\n"
    assert not inflater.has_more
    inflater.feed(b"x")
    with pytest.raises(Garbled):
        taken(inflater)


def test_nothing_is_held_back() -> None:
    stream = zlib.decompressobj(-15)
    for text in (b"* 1 EXISTS\r\n", b"* OK Still here\r\n", TEXT[:BURST]):
        assert stream.decompress(deflated(text)) == text


def test_lists_of_messages_shrink_and_noise_hardly_grows() -> None:
    noise = random.Random(1).randbytes(BURST)
    assert len(deflated(TEXT[:BURST])) < BURST / 3
    assert len(deflated(noise)) < BURST * 1.01
