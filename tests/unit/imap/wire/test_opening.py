import time

import pytest
from imap.wire import opening
from imap.wire.answer import Fault
from imap.wire.grammar import Scanner
from imap.wire.opening import Known

# RFC 7162 §3.2.5
OPENINGS = [
    pytest.param(b"", False, None, id="none"),
    pytest.param(b" (CONDSTORE)", True, None, id="example-18"),
    pytest.param(b" (QRESYNC (67890007 90060115194045000))", False, (67890007, 90060115194045000, None), id="two"),
    pytest.param(
        b" (qresync (67890007 20050715194045000 41,43:211,214:541))",
        False,
        (67890007, 20050715194045000, [(41, 41), (43, 211), (214, 541)]),
        id="mismatch",
    ),
    pytest.param(b" (QRESYNC (1 1 3:1,2) CONDSTORE)", True, (1, 1, [(1, 3)]), id="both"),
    pytest.param(b" (QRESYNC (4294967295 0 (1 1)))", False, (4294967295, 0, None), id="without-uids"),
]
MATCHES = [
    pytest.param(b"(4 8)", 9, [(4, 8)], id="one"),
    pytest.param(b"(4 8)", 3, [], id="beyond-the-last"),
    pytest.param(b"(1:3 5,7:8)", 9, [(3, 8), (2, 7), (1, 5)], id="ranges-of-other-lengths"),
    pytest.param(b"(1:3 5:7)", 2, [(2, 6), (1, 5)], id="cut-at-the-last"),
    pytest.param(
        b"(5000,7500,9000,9990:9993 15000,22500,27000,29970,29973,29976,29979)",
        9992,
        [(9992, 29976), (9991, 29973), (9990, 29970), (9000, 27000), (7500, 22500), (5000, 15000)],
        id="rfc",
    ),
]
BAD = [
    b" ()",
    b" (CONDSTORE",
    b" (CONDSTORE CONDSTORE)",
    b" (QRESYNC)",
    b" (QRESYNC ())",
    b" (QRESYNC (1))",
    b" (QRESYNC (1 ))",
    b" (QRESYNC (4294967296 1))",
    b" (QRESYNC (1 9223372036854775808))",
    b" (QRESYNC (1 1 *))",
    b" (QRESYNC (1 1 1:*))",
    b" (QRESYNC (1 1 $))",
    b" (QRESYNC (1 1 1 ()))",
    b" (QRESYNC (1 1 1 (1)))",
    b" (QRESYNC (1 1 1 (1:2 5)))",
    b" (QRESYNC (1 1 1 (2,1 5,6)))",
    b" (QRESYNC (1 1 1 (2:1 5:6)))",
    b" (QRESYNC (1 1 1 (1,1 5,6)))",
    b" (QRESYNC (1 1 1 (1:* 5:6)))",
    b" (QRESYNC (1 1 1 ($ $)))",
    b" (QRESYNC (1 1) QRESYNC (1 1))",
    b" (UNKNOWN)",
]


@pytest.mark.parametrize(("text", "has_condstore", "said"), OPENINGS)
def test_openings(text: bytes, has_condstore: bool, said: tuple[int, int, list[tuple[int, int]] | None] | None) -> None:
    scanner = Scanner(text + b"\r\n")
    found = opening.read(scanner)
    scanner.end()
    assert found.has_condstore is has_condstore
    known = found.known
    uids = known.uids.ranges(0) if known and known.uids else None
    assert (known and (known.uidvalidity, known.modseq, uids)) == said


@pytest.mark.parametrize("text", BAD)
def test_refuses(text: bytes) -> None:
    with pytest.raises(Fault):
        opening.read(Scanner(text + b"\r\n"))


@pytest.mark.parametrize(("matches", "exists", "pairs"), MATCHES)
def test_pairs_come_from_the_highest_down(matches: bytes, exists: int, pairs: list[tuple[int, int]]) -> None:
    assert list(_known(matches).pairs(exists)) == pairs


def test_pairs_cost_what_the_mailbox_holds() -> None:
    known, started = _known(b"(1:4294967295 1:4294967295)"), time.process_time()
    assert len(list(known.pairs(1000))) == 1000
    assert time.process_time() - started < 1


def _known(matches: bytes) -> Known:
    found = opening.read(Scanner(b" (QRESYNC (1 1 " + matches + b"))\r\n")).known
    assert found is not None
    return found
