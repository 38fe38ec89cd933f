"""Reading a whole message: the facts, from any kind of buffer."""

import mmap
import tempfile

import pytest

from shared.mail.message import read
from tests.gate.corpus import DATA

TEXT = (DATA / "core" / "2.65-05-text.eml").read_bytes()
REQUEST = (DATA / "core" / "2.22-01-securejoin.eml").read_bytes()


def test_facts_of_a_real_message() -> None:
    facts = read(TEXT)
    assert str(facts.author) == "bob@example.net"
    assert facts.header_size == TEXT.index(b"\r\n\r\n") + 4
    assert facts.hops == 0
    assert (facts.is_encrypted, facts.is_securejoin, facts.is_malformed) == (True, False, False)
    assert [
        field.name for field in facts.fields
    ] == b"from date message-id mime-version to subject content-type".split()


def test_facts_of_a_securejoin_request() -> None:
    facts = read(REQUEST)
    assert (facts.is_encrypted, facts.is_securejoin, facts.is_malformed) == (False, True, False)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_buffer(kind: type) -> None:
    assert read(kind(TEXT)) == read(TEXT)


def test_mapped_file_can_be_closed_afterwards() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(TEXT)
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            assert read(mapped) == read(TEXT)


def test_hops() -> None:
    facts = read(b"Received: x\r\n" * 3 + b"received: y\r\n" + TEXT)
    assert facts.hops == 4
    assert facts.is_encrypted


def test_author_missing_and_malformed() -> None:
    assert read(b"To: a@d\r\n\r\nhello\r\n").author is None
    facts = read(b"hello\r\n")
    assert facts.is_malformed
    assert facts.author is None
    assert facts.header_size == 7
    assert not facts.is_encrypted


REPORT = {
    "from": b"From: Mail Delivery System <MAILER-DAEMON@mx.example.net>\r\n",
    "automatic": b"Auto-Submitted: auto-replied\r\n",
    "type": b'Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary="4dF.1795/mx.example.net"\r\n',
}


def report(**changes: bytes) -> bytes:
    return b"".join({**REPORT, **changes}.values()) + b"\r\n--4dF.1795/mx.example.net\r\n"


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"automatic": b"auto-submitted: Auto-Generated; owner-email=x\r\n"},
        {"type": b"Content-Type: multipart/report\r\n"},
        {"type": b'Content-Type: Multipart/Report; report-type="delivery-status"; boundary=b\r\n'},
    ],
    ids=str,
)
def test_reports(changes: dict[str, bytes]) -> None:
    assert read(report(**changes)).is_report


@pytest.mark.parametrize(
    "changes",
    [
        {"from": b"From: <postmaster@example.net>\r\n"},
        {"from": b'From: "mailer-daemon@example.net" <a@example.net>\r\n'},
        {"from": b""},
        {"automatic": b""},
        {"automatic": b"Auto-Submitted:\r\n"},
        {"automatic": b"Auto-Submitted: NO\r\n"},
        {"automatic": b"Auto-Submitted: no; x=y\r\n"},
        {"type": b"Content-Type: multipart/mixed; boundary=b\r\n"},
        {"type": b"Content-Type: multipart/reports; boundary=b\r\n"},
        {"type": b"Content-Type: text/plain; x=multipart/report\r\n"},
        {"type": REPORT["type"] * 2},
        {"type": b""},
    ],
    ids=str,
)
def test_no_reports(changes: dict[str, bytes]) -> None:
    assert not read(report(**changes)).is_report


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"", b""),
        (b"Auto-Submitted: no\r\n", b""),
        (b"Auto-Submitted: Auto-Replied\r\n", b"auto-replied"),
        (b"Auto-Submitted:\r\n auto-generated ; x=y\r\n", b"auto-generated"),
        (b"Auto-Submitted: auto-replied\r\nAuto-Submitted: no\r\n", b"auto-replied"),
    ],
    ids=ascii,
)
def test_what_a_program_wrote(field: bytes, expected: bytes) -> None:
    assert read(field + TEXT).automatic == expected


def test_a_version_line_is_told_apart() -> None:
    old = TEXT.replace(b"MESSAGE-----\r\n\r\n", b"MESSAGE-----\r\nVersion: GnuPG v1\r\n\r\n", 1)
    assert old != TEXT
    facts = read(old)
    assert (facts.is_encrypted, facts.is_old_encrypted) == (False, True)
    assert not read(TEXT).is_old_encrypted
