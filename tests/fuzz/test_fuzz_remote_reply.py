"""Whatever a remote says is bounded and means something we know.

Invariants: any octets, cut in any way, give the same replies and the same end; a reply has at most 100 lines of at
most 2 KB; a result's code, enhanced code and outcome agree; its text is printable ASCII of at most 400 characters.
"""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from queue_worker.transport.replies import MAX_LINE, MAX_LINES, Garbage, Reader, Reply, extensions
from queue_worker.transport.values import Outcome

CODES = st.sampled_from([b"220", b"250", b"354", b"421", b"550", b"999", b"2", b""])
LINES = st.builds(
    lambda code, gap, text, end: code + gap + text + end,
    CODES,
    st.sampled_from([b" ", b"-", b"", b"x"]),
    st.one_of(st.binary(max_size=20), st.sampled_from([b"5.1.1 no", b"4.4.4444 x", b"SIZE 10", b"x" * 2100])),
    st.sampled_from([b"\r\n", b"\n", b"\r", b""]),
)
STREAMS = st.one_of(
    st.lists(LINES, max_size=12).map(b"".join), st.integers(90, 110).map(lambda n: b"250-x\r\n" * n + b"250 y\r\n")
)


def read(pieces: list[bytes]) -> tuple[list[Reply], bool]:
    """Return the replies in a stream, and if it turned to garbage."""
    reader, buffer, replies = Reader(), bytearray(), []
    try:
        for piece in pieces:
            buffer += piece
            while (reply := reader.take(buffer)) is not None:
                replies.append(reply)
    except Garbage:
        return replies, True
    return replies, False


@settings(max_examples=400, deadline=None)
@given(STREAMS, st.lists(st.integers(0, 300), max_size=8))
def test_replies_do_not_depend_on_packets(stream: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    whole = read([stream])
    assert read([stream[start:end] for start, end in pairwise(edges)]) == whole
    assert read([bytes([octet]) for octet in stream]) == whole


@settings(max_examples=400, deadline=None)
@given(STREAMS)
def test_every_reply_is_bounded_and_makes_sense(stream: bytes) -> None:
    for reply in read([stream])[0]:
        assert 1 <= len(reply.lines) <= MAX_LINES
        assert all(len(line) <= MAX_LINE for line in reply.lines)
        assert len(extensions(reply)) <= MAX_LINES
        assert len(reply.said()) <= 400
        if 300 <= reply.code < 400:
            continue
        result = reply.result("mx.test")
        wanted = {Outcome.DELIVERED: 2, Outcome.TRY_LATER: 4, Outcome.REFUSED: 5}[result.outcome]
        assert result.code // 100 == int(result.enhanced[0]) == wanted
        assert len(result.text) <= 400
        assert all(" " <= char <= "~" for char in result.text)
