import pytest
from imap.wire import search_return
from imap.wire.answer import Fault
from imap.wire.grammar import Scanner
from imap.wire.search_return import Wanted

RESPONSES = [
    (b"ALL", [2, 3, 9], False, b"* SEARCH 2 3 9\r\n"),
    (b"RETURN () ALL", [2, 3, 9], False, b'* ESEARCH (TAG "a1") ALL 2:3,9\r\n'),
    (b"RETURN (ALL) ALL", [], False, b'* ESEARCH (TAG "a1")\r\n'),
    (b"return (min Max) ALL", [2, 3, 9], True, b'* ESEARCH (TAG "a1") UID MIN 2 MAX 9\r\n'),
    (b"RETURN (COUNT ALL) ALL", [4], True, b'* ESEARCH (TAG "a1") UID ALL 4 COUNT 1\r\n'),
    (b"RETURN (MIN COUNT) ALL", [], True, b'* ESEARCH (TAG "a1") UID COUNT 0\r\n'),
    (b"RETURN (SAVE) ALL", [4], True, b""),
    (b"RETURN (SAVE MIN) ALL", [4], False, b'* ESEARCH (TAG "a1") MIN 4\r\n'),
]

# RFC 7162 §3.1.5, §3.1.10
WITH_MODSEQ = [
    (b"ALL", [2, 5, 6], b"* SEARCH 2 5 6 (MODSEQ 917162500)\r\n"),
    (b"RETURN (ALL) ALL", [1, 2, 3, 5], b'* ESEARCH (TAG "a1") ALL 1:3,5 MODSEQ 917162500\r\n'),
    (b"RETURN (MIN COUNT) ALL", [4, 5], b'* ESEARCH (TAG "a1") MIN 4 COUNT 2 MODSEQ 917162500\r\n'),
    (b"RETURN (SAVE) ALL", [4], b""),
]

# RFC 5182 §2.4.
SAVED = [
    (b"SAVE", [2, 3, 9]),
    (b"SAVE MIN", [2]),
    (b"SAVE MAX", [9]),
    (b"SAVE MIN MAX", [2, 9]),
    (b"SAVE ALL MIN", [2, 3, 9]),
    (b"SAVE COUNT MAX", [2, 3, 9]),
]


@pytest.mark.parametrize(("text", "numbers", "is_uid", "line"), RESPONSES)
def test_responses(text: bytes, numbers: list[int], is_uid: bool, line: bytes) -> None:
    scanner = Scanner(text + b"\r\n")
    assert search_return.read(scanner).response(b"a1", numbers, is_uid=is_uid) == line
    assert scanner.keyword() == b"ALL"


@pytest.mark.parametrize(("text", "numbers", "line"), WITH_MODSEQ)
def test_the_highest_modseq_is_told(text: bytes, numbers: list[int], line: bytes) -> None:
    wanted = search_return.read(Scanner(text + b"\r\n"))
    assert wanted.response(b"a1", numbers, is_uid=False, modseq=917162500) == line


@pytest.mark.parametrize(("options", "saved"), SAVED)
def test_what_is_saved(options: bytes, saved: list[int]) -> None:
    wanted = Wanted(frozenset(options.split()))
    assert wanted.is_saved
    assert list(wanted.saved([2, 3, 9])) == saved
    assert list(wanted.saved([])) == []


@pytest.mark.parametrize("text", [b"RETURN (BOGUS) ALL", b"RETURN (ALL", b"RETURN (ALL  MIN) ALL", b"RETURN (ALL)ALL"])
def test_refuses(text: bytes) -> None:
    with pytest.raises(Fault):
        search_return.read(Scanner(text + b"\r\n"))
