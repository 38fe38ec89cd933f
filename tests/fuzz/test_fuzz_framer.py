"""Invariants of the IMAP framer.

However a stream is cut into pieces: the same frames come out; what comes out before something fatal, put together, is
the stream; and no more is kept than the limit and one piece.
"""

from hypothesis import given, settings
from hypothesis import strategies as st
from imap.wire.framer import Framed, Framer, Signal, TooBig

LIMIT = 200

_SIGNS = [b"a", b" ", b"\r\n", b"\n", b"\r", b"{", b"}", b"+", b"\x00", b"xyz", b"x" * 90]
_SMALL = [b"{3}\r\n", b"{3+}\r\n", b"{0}\r\n", b"{150}\r\n", b"{5}\n", b"{-1}\r\n"]
_LARGE = [b"{199+}\r\n", b"{5000+}\r\n", b"{99999999999}\r\n"]
_TOKENS = st.sampled_from(_SIGNS + _SMALL + _LARGE)
_STREAMS = st.lists(st.one_of(_TOKENS, st.binary(max_size=8)), max_size=40).map(b"".join)


def frames(pieces: list[bytes]) -> list[Framed]:
    """Frame up to the first fatal frame, as a connection does."""
    framer, found = Framer(LIMIT), []
    for piece in pieces:
        framer.feed(piece)
        while (framed := framer.next()) is not None:
            found.append(framed)
            if isinstance(framed, TooBig) and framed.is_fatal:
                return found
        assert len(framer) <= LIMIT
    return found


@settings(max_examples=500, derandomize=True, deadline=None)
@given(_STREAMS, st.integers(1, 30))
def test_cuts_do_not_matter(stream: bytes, size: int) -> None:
    whole = frames([stream])
    cut = frames([stream[at : at + size] for at in range(0, len(stream), size)])
    assert [_kind(framed) for framed in whole] == [_kind(framed) for framed in cut]


@settings(max_examples=500, derandomize=True, deadline=None)
@given(_STREAMS)
def test_nothing_is_lost_or_made_up(stream: bytes) -> None:
    taken = b"".join(_octets(framed) for framed in frames([stream]))
    assert stream.startswith(taken)


@settings(max_examples=500, derandomize=True, deadline=None)
@given(st.binary(max_size=60), st.booleans())
def test_a_literal_is_never_a_command(literal: bytes, is_sync: bool) -> None:
    stream = b"a X {%d%b}\r\n%b\r\nb NOOP\r\n" % (len(literal), b"" if is_sync else b"+", literal)
    commands = [framed for framed in frames([stream]) if isinstance(framed, bytes)]
    assert commands == [stream[:-8], b"b NOOP\r\n"]


def _octets(framed: Framed) -> bytes:
    if isinstance(framed, TooBig):
        return framed.head
    return b"" if isinstance(framed, Signal) else framed


def _kind(framed: Framed) -> object:
    # How much of an overlong line had come when it was found too long depends on the cuts; that it is fatal does not.
    return "fatal" if isinstance(framed, TooBig) and framed.is_fatal else framed
