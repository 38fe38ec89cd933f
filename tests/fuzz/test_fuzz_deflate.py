"""Invariants of compressed connections.

However commands are compressed and cut into pieces, the same frames come out as from the plain octets. Whatever octets
come in place of DEFLATE, no slice is larger than it may be, and nothing is raised but Garbled.
"""

import zlib

from hypothesis import given, settings
from hypothesis import strategies as st
from imap.deflate import SLICE, Garbled, Inflater, deflated
from imap.wire.framer import Framed, Framer, TooBig

_TOKENS = [b"a NOOP", b" ", b"\r\n", b"\n", b"{3}\r\n", b"{3+}\r\n", b"\x00", b"xyz", b"x" * 90, b"a LOGIN {5+}\r\n"]
_BURSTS = st.lists(st.one_of(st.sampled_from(_TOKENS), st.binary(max_size=8)), max_size=40)
_STYLES = st.tuples(st.integers(0, 9), st.integers(9, 15), st.sampled_from([zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH]))


def frames(framer: Framer) -> list[Framed]:
    found: list[Framed] = []
    while (framed := framer.next()) is not None:
        found.append(framed)
    return found


def inflated(pieces: list[bytes]) -> list[Framed]:
    """Frame as a connection does: a slice whenever the framer has nothing left."""
    framer, inflater, found = Framer(200), Inflater(), list[Framed]()
    for piece in pieces:
        inflater.feed(piece)
        while inflater.has_more:
            framer.feed(inflater.take())
            found += frames(framer)
    assert len(inflater) == 0
    return found


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def is_clear_cut(found: list[Framed]) -> bool:
    return not any(isinstance(framed, TooBig) for framed in found)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(_BURSTS, _STYLES, st.integers(1, 40))
def test_the_same_frames_as_plain(bursts: list[bytes], style: tuple[int, int, int], size: int) -> None:
    level, window, flush = style
    stream = zlib.compressobj(level, zlib.DEFLATED, -window)
    data = b"".join(stream.compress(burst) + stream.flush(flush) for burst in bursts)
    plain = Framer(200)
    plain.feed(b"".join(bursts))
    expected = frames(plain)
    found = inflated(cut(data, size))
    if is_clear_cut(expected) and is_clear_cut(found):  # else how much of a line had come makes a difference
        assert found == expected


@settings(max_examples=300, derandomize=True, deadline=None)
@given(_BURSTS, st.integers(1, 40))
def test_what_is_said_can_be_read_at_once(bursts: list[bytes], size: int) -> None:
    inflater = Inflater()
    for burst in bursts:
        read = b""
        for piece in cut(deflated(burst), size):
            inflater.feed(piece)
            while inflater.has_more:
                read += inflater.take()
        assert read == burst


@settings(max_examples=500, derandomize=True, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=10), st.booleans())
def test_garbage_is_garbled_or_bounded(pieces: list[bytes], is_begun: bool) -> None:
    inflater = Inflater()
    inflater.feed(deflated(b"x" * 100_000) if is_begun else b"")
    try:
        for piece in pieces:
            inflater.feed(piece)
            while inflater.has_more:
                assert len(inflater.take()) <= SLICE
    except Garbled:
        pass
