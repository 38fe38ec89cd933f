"""What counts as the same answer, and what does not."""

import pytest

from tests.dovecot.answers import read
from tests.dovecot.likeness import Like, like


def meaning(*lines: bytes) -> list[Like]:
    return like([read(line + b"\r\n") for line in (*lines, b"t1 OK whatever")])


ALIKE = {
    "expunge-either-way": ([b"* 2 EXPUNGE", b"* 2 EXPUNGE"], [b"* 3 EXPUNGE", b"* 2 EXPUNGE"]),
    "fetch-after-expunge": ([b"* 3 FETCH (UID 9)", b"* 1 EXPUNGE"], [b"* 1 EXPUNGE", b"* 2 FETCH (UID 9)"]),
    "items": ([b"* 1 FETCH (UID 9 FLAGS (\\Seen A))"], [b"* 1 FETCH (FLAGS (a \\Seen \\Recent) UID 9)"]),
    "strings": ([b'* 1 FETCH (BODY[] "a\\"b")'], [b'* 1 FETCH (BODY[] {3}\r\na"b)']),
    "zones": (
        [b'* 1 FETCH (INTERNALDATE " 1-Jan-2020 00:00:00 +0000")'],
        [b'* 1 FETCH (INTERNALDATE "01-Jan-2020 02:00:00 +0200")'],
    ),
    "case-of-types": (
        [b'* 1 FETCH (BODY ("TEXT" "PLAIN" ("CHARSET" "x") NIL NIL "7BIT" 1 1))'],
        [b'* 1 FETCH (BODY ("text" "plain" ("charset" "x") NIL NIL "7bit" 1 1))'],
    ),
    "part-that-is-not-there": ([b"* 1 FETCH (BODY[7] NIL)"], [b'* 1 FETCH (BODY[7] "")']),
    "names": ([b'* LIST (\\Marked) "/" "a"', b'* LIST () "/" b'], [b'* LIST () "/" b', b'* LIST () "/" a']),
    "texts": ([b"* OK [UIDVALIDITY 1] one"], [b"* OK [UIDVALIDITY 2] two"]),
}
DIFFERENT = {
    "expunge": ([b"* 2 EXPUNGE", b"* 2 EXPUNGE"], [b"* 2 EXPUNGE", b"* 3 EXPUNGE"]),
    "expunge-told": ([b"* 2 EXPUNGE"], []),
    "flags": ([b"* 1 FETCH (FLAGS (a))"], [b"* 1 FETCH (FLAGS (b))"]),
    "nil": ([b'* 1 FETCH (ENVELOPE (NIL "a"))'], [b'* 1 FETCH (ENVELOPE ("" "a"))']),
    "whole-message": ([b"* 1 FETCH (BODY[] NIL)"], [b'* 1 FETCH (BODY[] "")']),
    "values-of-parameters": (
        [b'* 1 FETCH (BODY ("TEXT" "PLAIN" ("CHARSET" "x") NIL NIL "7BIT" 1 1))'],
        [b'* 1 FETCH (BODY ("TEXT" "PLAIN" ("CHARSET" "X") NIL NIL "7BIT" 1 1))'],
    ),
    "order-of-a-search": ([b"* SEARCH 1 2"], [b"* SEARCH 2 1"]),
    "uids": ([b"* OK [UIDNEXT 1] one"], [b"* OK [UIDNEXT 2] one"]),
    "codes": ([b"* OK [UNSEEN 1] one"], []),
}
BROKEN = [
    b"* 1 FETCH (FLAGS (a)\r\n",
    b"* 1 FETCH  (FLAGS (a))\r\n",
    b'* 1 FETCH (BODY[] "a)\r\n',
    b'* 1 FETCH (BODY[] "a\\b")\r\n',
    b'* 1 FETCH (BODY[] "\xc3\xa4")\r\n',
    b"* 1 FETCH (BODY[] {9}\r\nabc)\r\n",
    b"* 1 FETCH (UID 1)",
]


@pytest.mark.parametrize("name", ALIKE)
def test_alike(name: str) -> None:
    one, other = ALIKE[name]
    assert meaning(*one) == meaning(*other)


@pytest.mark.parametrize("name", DIFFERENT)
def test_different(name: str) -> None:
    one, other = DIFFERENT[name]
    assert meaning(*one) != meaning(*other)


@pytest.mark.parametrize("octets", BROKEN)
def test_what_is_not_of_the_grammar_is_no_answer(octets: bytes) -> None:
    with pytest.raises((AssertionError, IndexError)):
        read(octets)
