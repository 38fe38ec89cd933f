import pytest
from imap.wire import modseq
from imap.wire.answer import Fault
from imap.wire.grammar import Scanner
from imap.wire.modseq import Since

LARGEST = (1 << 63) - 1

NUMBERS = [
    pytest.param(b"0", 0, id="zero"),
    pytest.param(b"1", 1, id="one"),
    pytest.param(b"12121231000", 12121231000, id="example-3"),
    pytest.param(b"007", 7, id="leading-zeros"),
    pytest.param(b"%d" % LARGEST, LARGEST, id="largest"),
]
NO_NUMBERS = [b"", b"x", b"-1", b"%d" % (LARGEST + 1), b"9" * 20, b"9" * 5000]

# RFC 7162 §3.1.4.1, §3.2.6
FETCH = [
    pytest.param(b"", None, id="none"),
    pytest.param(b" (CHANGEDSINCE 12345)", Since(12345), id="example-12"),
    pytest.param(b" (changedsince 1)", Since(1), id="any-case"),
    pytest.param(b" (CHANGEDSINCE 12345 VANISHED)", Since(12345, has_vanished=True), id="vanished"),
    pytest.param(b" (VANISHED CHANGEDSINCE 0)", Since(0, has_vanished=True), id="the-other-way-round"),
]
NO_FETCH = [
    b" ()",
    b" (CHANGEDSINCE)",
    b" (CHANGEDSINCE x)",
    b" (CHANGEDSINCE 1",
    b" (CHANGEDSINCE 1 )",
    b" (CHANGEDSINCE 1  VANISHED)",
    b" (CHANGEDSINCE 1 CHANGEDSINCE 2)",
    b" (VANISHED)",
    b" (VANISHED VANISHED)",
    b" (PARTIAL 1:2)",
]

STORE = [
    pytest.param(b"+FLAGS", None, b"+FLAGS", id="none"),
    pytest.param(b"(UNCHANGEDSINCE 12121230045) +FLAGS.SILENT", 12121230045, b"+FLAGS.SILENT", id="example-3"),
    pytest.param(b"(unchangedsince 0) FLAGS", 0, b"FLAGS", id="zero"),
]
NO_STORE = [b"()", b"(UNCHANGEDSINCE)", b"(UNCHANGEDSINCE 1)FLAGS", b"(UNCHANGEDSINCE 1 2) ", b"(CHANGEDSINCE 1) "]

# §3.1.5
SEARCH = [
    pytest.param(b"720162338", 720162338, id="example-16"),
    pytest.param(b'"/flags/\\\\draft" all 620162338', 620162338, id="example-15"),
    pytest.param(b'"/FLAGS/$MDNSent" SHARED 0', 0, id="keyword"),
]
NO_SEARCH = [
    b"",
    b"x",
    b'"/flags/" all 1',
    b'"/flags/a" none 1',
    b'"/flags/a" 1',
    b'"/comment" all 1',
    b"/flags/a all 1",
]


@pytest.mark.parametrize(("text", "value"), NUMBERS)
def test_numbers(text: bytes, value: int) -> None:
    assert modseq.number(Scanner(text + b" ")) == value


@pytest.mark.parametrize("text", NO_NUMBERS, ids=lambda text: text[:24])
def test_what_is_no_number(text: bytes) -> None:
    with pytest.raises(Fault):
        modseq.number(Scanner(text))


@pytest.mark.parametrize(("text", "since"), FETCH)
def test_fetch_modifiers(text: bytes, since: Since | None) -> None:
    scanner = Scanner(text + b"\r\n")
    assert modseq.fetch_modifiers(scanner, is_uid=True) == since
    scanner.end()


@pytest.mark.parametrize("text", NO_FETCH)
def test_what_modifies_no_fetch(text: bytes) -> None:
    with pytest.raises(Fault):
        modseq.fetch_modifiers(Scanner(text + b"\r\n"), is_uid=True)


def test_vanished_goes_with_uids_only() -> None:
    with pytest.raises(Fault):
        modseq.fetch_modifiers(Scanner(b" (CHANGEDSINCE 1 VANISHED)"), is_uid=False)


@pytest.mark.parametrize(("text", "value", "rest"), STORE)
def test_store_modifier(text: bytes, value: int | None, rest: bytes) -> None:
    scanner = Scanner(text)
    assert modseq.store_modifier(scanner) == value
    assert scanner.rest() == rest


@pytest.mark.parametrize("text", NO_STORE)
def test_what_modifies_no_store(text: bytes) -> None:
    with pytest.raises(Fault):
        modseq.store_modifier(Scanner(text))


@pytest.mark.parametrize(("text", "value"), SEARCH)
def test_search_argument(text: bytes, value: int) -> None:
    scanner = Scanner(text + b"\r\n")
    assert modseq.search_argument(scanner) == value
    scanner.end()


@pytest.mark.parametrize("text", NO_SEARCH)
def test_what_no_search_has(text: bytes) -> None:
    with pytest.raises(Fault):
        modseq.search_argument(Scanner(text + b"\r\n"))
