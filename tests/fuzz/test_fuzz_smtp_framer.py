r"""However octets are cut into segments, the framer tells the same: the same lines, the same message, the same verdict.

And what it tells of a message agrees with a reader that goes line by line: the message ends at the first CRLF.CRLF,
it is sound if no CR or LF stands alone, no NUL is in it, every first dot is doubled and every line has 998 octets at
most; then its octets are the lines without their first dots.
"""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.smtp.framer import BadLine, Chunk, End, Framer, Line

SIZE = 300_000
PIECES = st.sampled_from(
    [
        b"\r\n",
        b".",
        b"\r",
        b"\n",
        b"\0",
        b"a",
        b"..",
        b"\r\n.\r\n",
        b"x" * 900,
        b"x" * 99,
        b"line\r\n" * 9000,
        b"QUIT\r\n",
    ]
)
OCTETS = st.lists(PIECES, max_size=14).map(b"".join)


def told(octets: bytes, cuts: list[int]) -> list[object]:
    """Feed the octets cut at `cuts`; join neighbouring chunks, for where they are cut means nothing."""
    framer = Framer()
    framer.start_message(SIZE)
    said: list[object] = []
    edges = sorted({0, len(octets), *(cut % (len(octets) + 1) for cut in cuts)})
    kept = b""
    for start, end in pairwise(edges):
        framer.feed(octets[start:end])
        while (event := framer.next()) is not None:
            if isinstance(event, Chunk):
                kept += event.octets
            elif isinstance(event, End):
                said.append((None if event.verdict else kept + event.octets, event.is_doubtful))
            else:
                assert isinstance(event, Line | BadLine)
                said.append(event)
    return said


def read_slowly(octets: bytes) -> tuple[bytes | None, bytes] | None:
    """Return the message (None if it is unsound) and what follows it, or None if it has no end."""
    at = (b"\r\n" + octets).find(b"\r\n.\r\n")
    if at < 0:
        return None
    lines = octets[:at].split(b"\r\n")[:-1] if at else []
    text = b""
    for line in lines:
        if line[:1] == b"." and line[:2] != b"..":
            return None, octets[at + 3 :]
        plain = line[1:] if line[:1] == b"." else line
        if b"\r" in line or b"\n" in line or b"\0" in line or len(plain) > 998:
            return None, octets[at + 3 :]
        text += plain + b"\r\n"
    return (text if len(text) <= SIZE else None), octets[at + 3 :]


@settings(max_examples=500, derandomize=True, deadline=None)
@given(OCTETS, st.lists(st.integers(0, 200_000), max_size=8))
def test_cuts_mean_nothing(octets: bytes, cuts: list[int]) -> None:
    assert told(octets, cuts) == told(octets, [])


@settings(max_examples=500, derandomize=True, deadline=None)
@given(OCTETS)
def test_it_agrees_with_the_slow_reader(octets: bytes) -> None:
    expected = read_slowly(octets)
    said = told(octets, [])
    if expected is None:
        assert not any(isinstance(event, tuple) for event in said)
        return
    assert isinstance(said[0], tuple)
    assert said[0][0] == expected[0]
