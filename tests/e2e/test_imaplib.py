"""Python's own IMAP client does a day's work, over real sockets."""

import base64
import imaplib
import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.parser import BytesHeaderParser

import pytest

from tests.people import Person, encrypted_letter, newcomer
from tests.suite import Suite

MEGABYTES = 20
PLAIN = b"From: ann@elsewhere.test\r\nSubject: Old times\r\n\r\nDo you remember?\r\n"


@pytest.fixture(scope="module")
def open_suite() -> Iterator[Suite]:
    with Suite(settings={"MADDY_GATE_APPEND": "off"}) as suite:
        yield suite


def ok(answer: tuple[str, list[bytes]]) -> list[bytes]:
    """Return the data of an answer that must be OK."""
    word, data = answer
    assert word == "OK", data
    return data


def names(client: imaplib.IMAP4) -> list[str]:
    return [re.sub(rb'.*"/" "(.*)"', rb"\1", line).decode() for line in ok(client.list()) if line]


def test_a_days_work(open_suite: Suite) -> None:
    client = newcomer(open_suite).imap()
    ok(client.create("Archive/2001"))
    assert names(client) == ["INBOX", "Archive", "Archive/2001"]
    date = '"01-Jan-2001 10:00:00 +0000"'
    for number in range(5):
        (told,) = ok(client.append("INBOX", r"(\Seen Memories)", date, PLAIN + b"%d\r\n" % number))
        assert told.startswith(b"[APPENDUID ")
    assert ok(client.select("INBOX")) == [b"5"]
    assert ok(client.search(None, "KEYWORD", "memories", "SUBJECT", '"old times"')) == [b"1 2 3 4 5"]
    ok(client.store("1", "+FLAGS", r"(\Flagged)"))
    (told,) = ok(client.copy("1:2", "Archive/2001"))
    assert told.startswith(b"[COPYUID ")
    ok(client.uid("MOVE", "3:4", "Archive"))
    assert ok(client.search(None, "ALL")) == [b"1 2 3"]
    ok(client.uid("STORE", "5", "+FLAGS.SILENT", r"(\Deleted)"))
    assert ok(client.expunge())[-1] == b"3"
    assert ok(client.status("Archive", "(MESSAGES UIDNEXT SIZE)"))[0].startswith(
        b'"Archive" (MESSAGES 2 UIDNEXT 3 SIZE '
    )
    ok(client.rename("Archive", "Attic"))
    ok(client.select("Attic/2001", readonly=True))
    (_, body), _ = client.fetch("2", "(FLAGS BODY.PEEK[])")[1]
    assert body == PLAIN + b"1\r\n"
    (told,) = ok(client.fetch("1", "(FLAGS INTERNALDATE)"))
    assert rb"\Flagged" in told
    assert b"Memories" in told
    ok(client.subscribe("Attic"))
    assert len(ok(client.lsub())) == 2
    ok(client.close())
    for name in ("Attic/2001", "Attic"):
        ok(client.delete(name))
    assert names(client) == ["INBOX"]
    client.logout()


def test_a_letter_is_read_piece_by_piece(open_suite: Suite) -> None:
    letter = EmailMessage(policy=policy.SMTP)
    letter["From"], letter["To"], letter["Subject"] = "Ann Lee <ann@a.test>", "bob@b.test, Eve <eve@c.test>", "Grüße"
    letter["Date"] = "Mon, 01 Jan 2001 10:00:00 +0000"
    letter.set_content("Schöne Grüße\n")
    letter.add_attachment(bytes(range(256)), maintype="image", subtype="png", filename="a picture.png")
    octets = letter.as_bytes()
    with newcomer(open_suite).imap() as client:
        ok(client.append("INBOX", "", "", octets))
        ok(client.select("INBOX"))

        def piece(item: str) -> bytes:
            (_, octets), _ = ok(client.fetch("1", f"({item})"))
            assert isinstance(octets, bytes)
            return octets

        header = BytesHeaderParser(policy=policy.default).parsebytes(piece("BODY.PEEK[HEADER.FIELDS (SUBJECT TO)]"))
        assert {name: str(value) for name, value in header.items()} == {"To": letter["To"], "Subject": "Grüße"}
        assert piece("RFC822.HEADER") == octets.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        text = message_from_bytes(piece("BODY.PEEK[1.MIME]") + piece("BODY.PEEK[1]"), policy=policy.default)
        assert text.get_content() == "Schöne Grüße\r\n"
        assert base64.b64decode(piece("BODY.PEEK[2]")) == bytes(range(256))
        assert piece("BODY.PEEK[2]<4.8>") == piece("BODY.PEEK[2]")[4:12]
        (told,) = ok(client.fetch("1", "(FLAGS ENVELOPE BODYSTRUCTURE RFC822.SIZE)"))
        assert b"FLAGS ()" in told
        assert b"RFC822.SIZE %d" % len(octets) in told
        assert b'((NIL NIL "bob" "b.test")("Eve" NIL "eve" "c.test"))' in told
        assert b'("filename" "a picture.png")' in told
        assert piece("RFC822") == octets
        assert b"\\Seen" in ok(client.fetch("1", "(FLAGS)"))[0]


def test_a_large_message_goes_in_and_comes_out(open_suite: Suite) -> None:
    client = newcomer(open_suite).imap()
    letter = PLAIN + b"0123456789abcdef" * 62 + b"\r\n"
    letter += letter.rpartition(b"?")[2] * (MEGABYTES * 1000)
    ok(client.append("INBOX", None, None, letter))  # type: ignore[arg-type]
    ok(client.select("INBOX"))
    (_, body), _ = client.fetch("1", "(BODY.PEEK[])")[1]
    assert body == letter
    word, (told,) = client.append("INBOX", None, None, letter * 2)  # type: ignore[arg-type]
    assert (word, told) == ("NO", b"[TOOBIG] Too large")
    client.logout()


def test_another_session_hears_of_what_is_appended_and_moved(open_suite: Suite) -> None:
    person = newcomer(open_suite)
    one, other = person.imap(), person.imap()
    ok(one.create("Other"))
    for client in (one, other):
        ok(client.select("INBOX"))
    ok(one.append("INBOX", None, None, PLAIN))  # type: ignore[arg-type]
    other.noop()
    assert other.response("EXISTS")[1][-1] == b"1"
    ok(one.uid("MOVE", "1", "Other"))
    other.noop()
    assert other.response("EXPUNGE")[1] == [b"1"]
    ok(other.select("Other"))
    ok(one.delete("Other"))
    with pytest.raises(imaplib.IMAP4.abort):
        other.noop()
    other.shutdown()
    one.logout()


@pytest.fixture(scope="module")
def ann(suite: Suite) -> Person:
    return newcomer(suite)


def test_i10_the_gate_is_at_append_too(ann: Person) -> None:
    client = ann.imap()
    word, (told,) = client.append("INBOX", None, None, PLAIN)  # type: ignore[arg-type]
    assert (word, told) == ("NO", b"[CANNOT] Encryption Needed: Invalid Unencrypted Mail")
    ok(client.append("INBOX", None, None, encrypted_letter(ann.address)))  # type: ignore[arg-type]
    assert ok(client.select("INBOX")) == [b"1"]
    client.logout()
