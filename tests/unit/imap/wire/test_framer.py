import pytest
from imap.wire.framer import AFTER_LOGIN, BEFORE_LOGIN, NON_SYNC, Framed, Framer, Signal, TooBig

GO = Signal.CONTINUE

STREAMS = [
    pytest.param(b"a NOOP\r\n", [b"a NOOP\r\n"], id="line"),
    pytest.param(b"a NOOP\r\nb NOOP\r\n", [b"a NOOP\r\n", b"b NOOP\r\n"], id="two-lines"),
    pytest.param(b"a NOOP\n", [b"a NOOP\n"], id="bare-lf"),
    pytest.param(b"\r\n\n", [b"\r\n", b"\n"], id="empty-lines"),
    pytest.param(b"a X {3}\r\nabc\r\n", [GO, b"a X {3}\r\nabc\r\n"], id="literal"),
    pytest.param(b"a X {3+}\r\nabc\r\n", [b"a X {3+}\r\nabc\r\n"], id="literal-unasked"),
    pytest.param(b"a X {0}\r\n\r\n", [GO, b"a X {0}\r\n\r\n"], id="literal-empty"),
    pytest.param(b"a X {2}\r\n\r\n {2+}\r\n\r\n\r\n", [GO, b"a X {2}\r\n\r\n {2+}\r\n\r\n\r\n"], id="line-ends"),
    pytest.param(b"a X {4}\r\n{9}\n\r\n", [GO, b"a X {4}\r\n{9}\n\r\n"], id="announcement-inside-a-literal"),
    pytest.param(b"a X {3+}\nabc\r\n", [b"a X {3+}\nabc\r\n"], id="announced-by-bare-lf"),
    pytest.param(b"a X {03}\r\nabc\r\n", [GO, b"a X {03}\r\nabc\r\n"], id="leading-zero"),
    pytest.param(b"a {-1}\r\n", [b"a {-1}\r\n"], id="negative"),
    pytest.param(b"a {}\r\n", [b"a {}\r\n"], id="no-size"),
    pytest.param(b"a {+}\r\n", [b"a {+}\r\n"], id="only-plus"),
    pytest.param(b"a {1++}\r\n", [b"a {1++}\r\n"], id="two-pluses"),
    pytest.param(b"a {1} \r\n", [b"a {1} \r\n"], id="not-at-the-end"),
    pytest.param(b"a 1}\r\n", [b"a 1}\r\n"], id="not-opened"),
    pytest.param(b"}\r\n", [b"}\r\n"], id="only-a-brace"),
    pytest.param(b"a X {8192}\r\nb Y\r\n", [TooBig(b"a X {8192}\r\n", False), b"b Y\r\n"], id="too-big"),
    pytest.param(b"a {99999999999999999999}\r\n", [TooBig(b"a {99999999999999999999}\r\n", False)], id="endless"),
    pytest.param(b"a {4097+}\r\nb Y\r\n", [TooBig(b"a {4097+}\r\n", True), b"b Y\r\n"], id="too-big-unasked"),
]  # fmt: skip


def framed(data: bytes, size: int, limit: int = BEFORE_LOGIN) -> list[Framed]:
    framer, found = Framer(limit), []
    for start in range(0, len(data), size):
        framer.feed(data[start : start + size])
        while (one := framer.next()) is not None:
            found.append(one)
    return found


@pytest.mark.parametrize("size", [1, 2, 7, 1 << 20])
@pytest.mark.parametrize(("data", "expected"), STREAMS)
def test_streams(data: bytes, expected: list[Framed], size: int) -> None:
    assert framed(data, size) == expected


def test_a_tail_waits() -> None:
    framer = Framer()
    framer.feed(b"a NOOP\r\nb NO")
    assert [framer.next(), framer.next(), framer.next()] == [b"a NOOP\r\n", None, None]
    framer.feed(b"OP\r\n")
    assert framer.next() == b"b NOOP\r\n"
    assert len(framer) == 0


def test_i2_unasked_literals_of_4096_octets_and_no_more() -> None:
    whole = b"a X {%d+}\r\n%b\r\n" % (NON_SYNC, b"x" * NON_SYNC)
    assert framed(whole, 1000) == [whole]
    (first, *_) = framed(b"a X {%d+}\r\n" % (NON_SYNC + 1), 1000)
    assert first == TooBig(b"a X {4097+}\r\n", True)


@pytest.mark.parametrize("limit", [BEFORE_LOGIN, AFTER_LOGIN])
def test_the_limit_is_the_whole_command_to_the_octet(limit: int) -> None:
    line = b"a" * (limit - 2) + b"\r\n"
    assert framed(line, 4096, limit) == [line]
    (first, *_) = framed(b"a" + line, 1 << 20, limit)
    assert isinstance(first, TooBig)
    assert first.is_fatal


def test_literals_add_up_to_the_limit() -> None:
    one = b"{4000+}\r\n" + b"x" * 4000
    assert framed(b"a X " + one + one + one, 1 << 20)[0] == TooBig(b"a X " + one + one + b"{4000+}\r\n", True)


def test_i1_an_announcement_keeps_no_memory() -> None:
    framer = Framer()
    for _ in range(1000):
        framer.feed(b"a LOGIN {4294967295}\r\n")
        assert isinstance(framer.next(), TooBig)
    assert len(framer) == 0


def test_many_small_unasked_literals_do_not_recurse() -> None:
    data = b"a X" + b" {1+}\r\nx" * 8000 + b"\r\n"
    assert framed(data, 1 << 20, limit=len(data)) == [data]


def test_clear_forgets_a_literal_too() -> None:
    framer = Framer()
    framer.feed(b"a X {10}\r\nabc")
    assert framer.next() is Signal.CONTINUE
    framer.clear()
    framer.feed(b"b NOOP\r\n")
    assert framer.next() == b"b NOOP\r\n"
