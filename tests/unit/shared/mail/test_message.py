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
