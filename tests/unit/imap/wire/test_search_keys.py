import time

import pytest
from imap.content import header_fields
from imap.store import Flag
from imap.wire import search_keys
from imap.wire.answer import Fault
from imap.wire.grammar import Scanner
from imap.wire.search_key import Candidate, Extent, Needle

DAY = 86400
HEADER = b"From: Bob <bob@there.test>\r\nSubject: Big\r\n News\r\nX-Empty:\r\n\r\n"
SEEN = Candidate(2, 20, Flag.SEEN, 1000, 19_000 * DAY + 5, HEADER, modseq=7)  # 8 Jan 2022


def matches(text: bytes, candidate: Candidate = SEEN) -> bool:
    return search_keys.read(Scanner(text + b"\r\n")).bind(Extent(3, 30))(candidate)


@pytest.mark.parametrize(
    "text",
    [
        b"ALL", b"SEEN", b"seen", b"UNDELETED", b"UNFLAGGED", b"UNANSWERED", b"UNDRAFT", b"OLD", b"2", b"1:*",
        b"UID 20", b"UID 1:25", b"NOT 3", b"LARGER 999", b"SMALLER 1001", b"SINCE 8-Jan-2022", b"BEFORE 9-Jan-2022",
        b'ON "08-Jan-2022"', b"FROM bob", b"FROM BOB@", b"SUBJECT news", b'HEADER x-empty ""', b"HEADER Subject big",
        b"OR DELETED SEEN", b"OR SEEN DELETED", b"NOT DELETED", b"NOT (SEEN DELETED)", b"(SEEN (ALL))",
        b"SEEN UID 20 NOT DELETED", b"UNKEYWORD $Junk", b"NOT NOT SEEN", b"4294967295:2",
        b"MODSEQ 7", b'MODSEQ "/flags/\\\\Seen" all 6', b"OR NOT MODSEQ 0 LARGER 999",
    ],
)  # fmt: skip
def test_matches(text: bytes) -> None:
    assert matches(text)


@pytest.mark.parametrize(
    "text",
    [
        b"UNSEEN", b"DELETED", b"NEW", b"RECENT", b"3:*", b"UID 21:30", b"NOT ALL", b"LARGER 1000", b"SMALLER 1000",
        b"SINCE 9-Jan-2022", b"BEFORE 8-Jan-2022", b"ON 7-Jan-2022", b"FROM alice", b"TO bob", b"SUBJECT subject",
        b"HEADER Nothing x", b'HEADER Nothing ""', b'HEADER "" ""', b"OR DELETED FLAGGED", b"NOT SEEN", b"SEEN DELETED",
        b"KEYWORD $Junk", b"MODSEQ 8", b"NOT MODSEQ 7", b'MODSEQ "/flags/\\\\Seen" priv 8',
    ],
)  # fmt: skip
def test_does_not_match(text: bytes) -> None:
    assert not matches(text)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b"", "BAD"), (b"()", "BAD"), (b"(SEEN", "BAD"), (b"SEEN)", "BAD"), (b"SEEN  ALL", "BAD"), (b"OR SEEN", "BAD"),
        (b"NOT", "BAD"), (b"BOGUS", "BAD"), (b"SINCE 31-Feb-2022", "BAD"), (b"SINCE 1-Foo-2022", "BAD"),
        (b"SINCE 2022", "BAD"), (b"LARGER x", "BAD"), (b"LARGER 99999999999999999999", "BAD"), (b"OLDER 0", "BAD"),
        (b"SENTSINCE x", "BAD"), (b'SUBJECT "\xff"', "BAD"), (b"$:3", "BAD"), (b"UID", "BAD"),
        (b"MODSEQ", "BAD"), (b"MODSEQ x", "BAD"), (b"MODSEQ 9223372036854775808", "BAD"),
        (b"NOT " * 8000 + b"SEEN", "BAD"), (b"(" * 10_000, "BAD"),
        (b"OR " * 8000 + b"SEEN", "BAD"), (b"SEEN " * 5000 + b"SEEN", "BAD"), (b"(" * 33 + b"SEEN" + b")" * 33, "BAD"),
    ],
)  # fmt: skip
def test_i6_refuses(text: bytes, word: str) -> None:
    with pytest.raises(Fault) as caught:
        matches(text)
    assert caught.value.answer.word == word


def test_nesting_to_the_limit() -> None:
    assert matches(b"(" * 32 + b"SEEN" + b")" * 32)


def test_needs_and_costs_add_up() -> None:
    flags = search_keys.read(Scanner(b"OR SEEN NOT DELETED\r\n"))
    assert (flags.cost, flags.needs_store, flags.needs_header) == (2, False, False)
    sizes = search_keys.read(Scanner(b"SEEN LARGER 5\r\n"))
    assert (sizes.cost, sizes.needs_store, sizes.needs_header) == (2, True, False)
    texts = search_keys.read(Scanner(b"(SEEN NOT FROM x)\r\n"))
    assert (texts.cost, texts.needs_store, texts.needs_header) == (21, True, True)


@pytest.mark.parametrize("text", [b"CHARSET utf-8 ALL", b"ALL", b'CHARSET "US-ASCII" ALL'])
def test_charsets(text: bytes) -> None:
    scanner = Scanner(text + b"\r\n")
    search_keys.charset(scanner)
    assert search_keys.read(scanner).cost == 1


def test_an_unknown_charset_is_named_by_those_known() -> None:
    with pytest.raises(Fault) as caught:
        search_keys.charset(Scanner(b"CHARSET KOI8-R ALL\r\n"))
    assert caught.value.answer.code == "BADCHARSET (US-ASCII UTF-8)"


def test_i6_texts_that_make_patterns_explode_cost_little() -> None:
    haystack = b"Subject: " + b"a" * 60_000 + b"\r\n\r\n"
    before = time.process_time()
    assert not matches(b"SUBJECT " + b"a" * 30_000 + b"b", Candidate(1, 1, 0, header=haystack))
    assert time.process_time() - before < 2  # measured under 1 ms


def test_a_header_is_taken_apart_once(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[bytes] = []
    monkeypatch.setattr(header_fields, "header_fields", lambda header: taken.append(header) or {})
    assert not matches(b"OR SUBJECT x " * 20 + b"FROM y", Candidate(1, 1, 0, header=HEADER))
    assert taken == [HEADER]


def test_a_header_costs_its_lines_and_octets() -> None:
    one, two = (search_keys.read(Scanner(text + b"\r\n")) for text in (b"SUBJECT x", b"SUBJECT x FROM y"))
    header = b"a:\r\n" * 256
    assert one.header_cost(header) == 256 // 4 + 1024 // 256 + 1024 // 64
    assert two.header_cost(header) == one.header_cost(header) + 1024 // 64
    assert one.header_cost(header + b"=?" * 100) >= one.header_cost(header) + 300


def test_fields_of_one_name_are_all_looked_into_and_not_across() -> None:
    twice = Candidate(1, 1, 0, header=b"To: ann\r\nTo: bob\r\n\r\n")
    assert matches(b"TO ann TO bob", twice)
    assert not matches(b'TO "ann bob"', twice)


MAIL = Candidate(
    2, 20, 0, 1000, 19_000 * DAY, b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n aus Wien\r\n"
    b"Date: 7 Jan 2022 23:00:00 -0500\r\n\r\n",
    keywords=frozenset([b"$junk"]), found=frozenset([Needle("there", True), Needle("here", False)]),
)  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        'SUBJECT "grüsse aus"', "SENTON 7-Jan-2022", "SENTSINCE 7-Jan-2022", "SENTBEFORE 8-Jan-2022",
        "KEYWORD $Junk", "UNKEYWORD other", "$", "UID $", "NOT UID 3", "TEXT There", "BODY HERE", "NOT BODY there",
        "OLDER 100", "YOUNGER 100", "NOT OLDER 101", "NOT YOUNGER 99",
    ],
)  # fmt: skip
def test_matches_mail(text: str) -> None:
    key = search_keys.read(Scanner(text.encode() + b"\r\n"))
    assert key.bind(Extent(3, 30, 19_000 * DAY + 100, frozenset([20])))(MAIL)


def test_no_date_was_never_sent() -> None:
    assert not matches(b"OR SENTBEFORE 1-Jan-2030 SENTSINCE 1-Jan-1970")


def test_bodies_come_last() -> None:
    key = search_keys.read(Scanner(b"UNSEEN BODY a (SUBJECT b TEXT c) OR SEEN BODY d\r\n"))
    assert {needle.text for needle in key.needles} == {"a", "c", "d"}
    assert key.first is not None
    assert not key.first.needles
    assert key.first.bind(Extent(3, 30))(Candidate(1, 1, 0, header=b"Subject: b\r\n\r\n"))
    assert not key.first.bind(Extent(3, 30))(Candidate(1, 1, 0, header=b"Subject: x\r\n\r\n"))
    assert search_keys.read(Scanner(b"OR SEEN BODY d\r\n")).first is None
    assert search_keys.read(Scanner(b"BODY d BODY e\r\n")).first is None
