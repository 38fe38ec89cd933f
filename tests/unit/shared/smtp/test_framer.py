"""Octets into lines and messages: S1 to S23 of the attack list, at the framer."""

import pytest

from shared.smtp.framer import BLOCK, MAX_FLOOD, MAX_LINE, BadLine, Chunk, End, Event, Framer, Line, Verdict, examine

MEGABYTE = 1024 * 1024


def events(octets: bytes, step: int = 0, *, size: int | None = None) -> list[Event]:
    """Feed octets whole or `step` at a time; with `size` they begin with a message."""
    framer = Framer()
    if size is not None:
        framer.start_message(size)
    found: list[Event] = []
    for at in range(0, len(octets), step or max(1, len(octets))):
        framer.feed(octets[at : at + (step or len(octets))])
        while (event := framer.next()) is not None:
            found.append(event)
    return found


def message(octets: bytes, step: int = 0, *, size: int = 40 * MEGABYTE) -> tuple[bytes, End, list[Event]]:
    """Return the message's octets, its end, and what came after it."""
    found = events(octets, step, size=size)
    ends = [at for at, event in enumerate(found) if isinstance(event, End)]
    assert ends, "the message did not end"
    end = found[ends[0]]
    assert isinstance(end, End)
    before = [event.octets for event in found[: ends[0]] if isinstance(event, Chunk)]
    return b"".join([*before, end.octets]), end, found[ends[0] + 1 :]


LINES = {
    "one": (b"NOOP\r\n", [Line(b"NOOP")]),
    "two": (b"NOOP\r\nQUIT\r\n", [Line(b"NOOP"), Line(b"QUIT")]),
    "empty": (b"\r\n", [Line(b"")]),
    "unfinished": (b"NOOP", []),
    "S17 bare LF": (b"NOOP\nQUIT\r\n", [BadLine.BARE, Line(b"QUIT")]),
    "S17 bare CR stays in the line": (b"NO\rOP\r\n", [Line(b"NO\rOP")]),
    "longest": (b"x" * (MAX_LINE - 2) + b"\r\n", [Line(b"x" * (MAX_LINE - 2))]),
    "S20 one longer": (b"x" * (MAX_LINE - 1) + b"\r\nNOOP\r\n", [BadLine.TOO_LONG, Line(b"NOOP")]),
    "TLS hello": (b"\x16\x03\x01", [BadLine.TLS]),
}


@pytest.mark.parametrize("step", [0, 1, 7])
@pytest.mark.parametrize(("octets", "expected"), LINES.values(), ids=list(LINES))
def test_lines(octets: bytes, expected: list[Event], step: int) -> None:
    found = events(octets, step)
    assert found[: len(expected)] == expected
    assert not expected or expected[-1] is BadLine.TLS or found == expected


def test_s20_a_line_without_end_is_given_up_and_not_kept() -> None:
    framer = Framer()
    for _ in range(MAX_FLOOD // 1000):
        framer.feed(b"x" * 1000)
        assert framer.next() is None
        assert framer.pending <= MAX_LINE
    framer.feed(b"x" * 2000)
    assert framer.next() is BadLine.FLOOD


SOUND = {
    "empty": (b".\r\n", b""),
    "one line": (b"a\r\n.\r\n", b"a\r\n"),
    "empty line": (b"\r\n.\r\n", b"\r\n"),
    "stuffed": (b"..a\r\n...b\r\nc\r\n..\r\n.\r\n", b".a\r\n..b\r\nc\r\n.\r\n"),
    "only stuffed": (b"..\r\n.\r\n", b".\r\n"),
    "dot inside": (b"a.\r\nb.c\r\n.\r\n", b"a.\r\nb.c\r\n"),
    "998": (b"x" * 998 + b"\r\n.\r\n", b"x" * 998 + b"\r\n"),
    "998 and the dot of transparency": (b"." + b"." * 998 + b"\r\n.\r\n", b"." * 998 + b"\r\n"),
}


@pytest.mark.parametrize("step", [0, 1, 3])
@pytest.mark.parametrize(("octets", "expected"), SOUND.values(), ids=list(SOUND))
def test_sound_messages(octets: bytes, expected: bytes, step: int) -> None:
    found, end, after = message(octets + b"NOOP\r\n", step)
    assert (found, end.verdict, after) == (expected, None, [Line(b"NOOP")])


@pytest.mark.parametrize("line", [b"x" * 76 + b"\r\n", b"\r\n", b"y\r\n"], ids=["76", "empty", "one octet"])
@pytest.mark.parametrize("step", [1000, BLOCK - 1, BLOCK, BLOCK + 1, 300_001])
def test_s23_long_messages_come_in_blocks(line: bytes, step: int) -> None:
    body = line * (MEGABYTE // len(line))
    found, end, after = message(body + b".\r\nNOOP\r\n", step)
    assert found == body
    assert (end.verdict, after) == (None, [Line(b"NOOP")])


@pytest.mark.parametrize("step", [999, BLOCK, 300_001])
def test_s23_stuffed_lines_in_blocks(step: int) -> None:
    found, end, _ = message(b"..\r\n..x\r\n" * 40_000 + b".\r\n", step)
    assert found == b".\r\n.x\r\n" * 40_000
    assert end.verdict is None


def test_s23_the_buffer_stays_small() -> None:
    framer = Framer()
    framer.start_message(40 * MEGABYTE)
    for line in (b"\r\n", b"x" * 70 + b"\r\n", b"x"):
        for _ in range(40):
            framer.feed(line * (BLOCK // len(line)))
            while framer.next() is not None:
                pass
            assert framer.pending <= BLOCK + 16


# What other servers have taken for the end of a message (S1 to S14).
FAKE_ENDS = {
    "S1": b"\n.\n",
    "S2": b"\n.\r",
    "S3": b"\r.\n",
    "S4": b"\r.\r",
    "S5": b"\n.\r\n",
    "S6": b"\r.\r\n",
    "S7": b"\r\n.\n",
    "S8": b"\r\n.\r",
    "S9": b"\r\n\0.\r\n",
    "S10": b"\r\n.\0\r\n",
    "S11": b"\r\n.\r\r\n",
    "S12": b"\r\r\n.\r\r\n",
}
SECOND = b"MAIL FROM:<a@x.test>\r\nRCPT TO:<b@here.test>\r\nDATA\r\nsecond\r\n"


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("first", [b"hello", b""], ids=["inside", "S15 first"])
@pytest.mark.parametrize("fake", FAKE_ENDS.values(), ids=list(FAKE_ENDS))
def test_fake_ends_end_nothing(fake: bytes, first: bytes, step: int) -> None:
    found, end, after = message(first + fake + SECOND + b".\r\nNOOP\r\n", step)
    assert (found, end.verdict, after) == (b"", Verdict.BARE, [Line(b"NOOP")])


@pytest.mark.parametrize("step", [0, 1])
def test_s13_an_end_after_a_lone_cr_is_doubtful(step: int) -> None:
    found, end, _ = message(b"hello\r\r\n.\r\n" + SECOND, step)
    assert (found, end.verdict, end.is_doubtful) == (b"", Verdict.BARE, True)


@pytest.mark.parametrize("step", [0, 1])
def test_s14_a_dot_and_a_space_end_nothing(step: int) -> None:
    found, end, after = message(b"hello\r\n. \r\n" + SECOND + b".\r\nNOOP\r\n", step)
    assert (found, end.verdict, after) == (b"", Verdict.UNSTUFFED, [Line(b"NOOP")])


def test_s15_fake_ends_after_too_much() -> None:
    found, end, after = message(b"x\r\n" * 100 + b"\n.\n" + SECOND + b".\r\nNOOP\r\n", 7, size=10)
    assert found == b""
    assert (end.verdict, after) == (Verdict.BARE, [Line(b"NOOP")])  # one block: it is checked before it is counted


WRONG = {
    "bare LF": (b"a\nb\r\n.\r\n", Verdict.BARE),
    "bare CR": (b"a\rb\r\n.\r\n", Verdict.BARE),
    "CR LF torn": (b"a\r\r\n\nb\r\n.\r\n", Verdict.BARE),
    "NUL": (b"a\0b\r\n.\r\n", Verdict.BARE),
    "one dot": (b".text\r\n.\r\n", Verdict.UNSTUFFED),
    "one dot later": (b"text\r\n..a\r\n.b\r\n.\r\n", Verdict.UNSTUFFED),
    "999": (b"x" * 999 + b"\r\n.\r\n", Verdict.LONG_LINE),
    "999 later": (b"y\r\n" * 500 + b"x" * 999 + b"\r\nz\r\n.\r\n", Verdict.LONG_LINE),
    "10 MB line": (b"x" * (10 * MEGABYTE) + b"\r\n.\r\n", Verdict.LONG_LINE),
    "too large": (b"x\r\n" * 2000 + b".\r\n", Verdict.TOO_LARGE),
}


@pytest.mark.parametrize("step", [0, 4099])
@pytest.mark.parametrize(("octets", "verdict"), WRONG.values(), ids=list(WRONG))
def test_wrong_messages_keep_nothing_and_end_where_they_end(octets: bytes, verdict: Verdict, step: int) -> None:
    found, end, after = message(octets + b"NOOP\r\n", step, size=5000 if verdict is Verdict.TOO_LARGE else 1 << 30)
    assert (end.octets, end.verdict, after) == (b"", verdict, [Line(b"NOOP")])
    assert not end.is_doubtful
    assert len(found) < BLOCK


@pytest.mark.parametrize("over", [0, 1])
def test_s22_the_limit_counts_octets_without_stuffing_and_end(over: int) -> None:
    _, end, _ = message(b"..2345678\r\n.\r\n", size=10 - over)
    assert end.verdict is (Verdict.TOO_LARGE if over else None)


def test_a_second_message_starts_clean() -> None:
    framer = Framer()
    for verdict, octets in ((Verdict.BARE, b"\n.\n\r\n.\r\n"), (None, b"..fine\r\n.\r\n"), (None, b"plain\r\n.\r\n")):
        framer.start_message(100)
        framer.feed(octets)
        end = framer.next()
        assert isinstance(end, End)
        assert end.verdict is verdict
        assert not framer.is_in_message


TAKEN = {
    "whole": (b"RCPT TO:<a>\r\nNOOP\r\n", b"RCPT TO:<a>"),
    "any case": (b"rcpt to:<a>\r\n", b"rcpt to:<a>"),
    "another verb": (b"NOOP\r\n", None),
    "unfinished": (b"RCPT TO:<a>", None),
    "bare LF": (b"RCPT TO:<a>\n", None),
    "nothing": (b"", None),
}


@pytest.mark.parametrize(("octets", "expected"), TAKEN.values(), ids=list(TAKEN))
def test_taking_a_line_of_a_kind(octets: bytes, expected: bytes | None) -> None:
    framer = Framer()
    framer.feed(octets)
    assert framer.next_line_if(b"RCPT TO:") == expected
    assert framer.pending == len(octets) - (len(expected) + 2 if expected else 0)


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"", None),
        (b"hello\r\n..\r\n.\r\nx", None),
        (b"x" * 998 + b"\r\n", None),
        (b"x" * 999 + b"\r\n", Verdict.LONG_LINE),
        (b"a\nb\r\n", Verdict.BARE),
        (b"a\rb\r\n", Verdict.BARE),
        (b"a\r\r\n", Verdict.BARE),
        (b"\n", Verdict.BARE),
        (b"\0\r\n", Verdict.BARE),
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_a_message_that_came_unframed(octets: bytes, expected: Verdict | None) -> None:
    assert examine(octets) == expected
