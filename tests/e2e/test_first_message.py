"""The main job over real sockets: get an address, send, receive, delete; and every refusal in its words."""

import smtplib
from collections.abc import Iterator

import psycopg
import pytest

from tests.people import Person, encrypted_letter, newcomer
from tests.suite import Suite


@pytest.fixture(scope="module")
def suite() -> Iterator[Suite]:
    with Suite() as suite:
        yield suite


def test_a_letter_arrives_minimised_and_is_gone_when_deleted(suite: Suite) -> None:
    ann, bob = newcomer(suite), newcomer(suite)
    bob.imap().logout()
    ann.send(bob.address, letter=b"User-Agent: spy\r\n" + encrypted_letter(ann.address, subject="secret"))
    (letter,) = bob.inbox()
    assert b"Subject: [...]\r\n" in letter
    assert b"secret" not in letter
    assert b"spy" not in letter
    assert letter.partition(b"\r\n\r\n")[2] == encrypted_letter(ann.address).partition(b"\r\n\r\n")[2]
    client = bob.imap()
    client.select("INBOX")
    client.uid("store", "1", "+FLAGS", r"(\Deleted)")
    client.close()
    client.logout()
    assert bob.inbox() == []
    with psycopg.connect(suite.owner_url) as owner:
        assert owner.execute(b"SELECT count(*) FROM chatmail.body").fetchone() == (0,)


@pytest.fixture(scope="module")
def ann(suite: Suite) -> Person:
    person = newcomer(suite)
    person.imap().logout()
    return person


def refusal(sender: Person, recipient: str, letter: bytes, envelope_from: str = "") -> tuple[int, bytes]:
    with sender.smtp() as client:
        try:
            client.sendmail(envelope_from or sender.address, [recipient], letter)
        except smtplib.SMTPDataError as error:
            return error.smtp_code, _octets(error.smtp_error)
        except smtplib.SMTPRecipientsRefused as error:
            ((code, text),) = error.recipients.values()
            return code, _octets(text)
    return 250, b""


def _octets(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def test_cleartext_is_refused_in_the_words_clients_know(ann: Person) -> None:
    letter = f"From: <{ann.address}>\r\nSubject: x\r\n\r\nhello in the clear\r\n".encode()
    assert refusal(ann, ann.address, letter) == (523, b"5.7.1 Encryption Needed: Invalid Unencrypted Mail")


def test_anothers_name_is_refused_in_the_header_and_the_envelope(suite: Suite, ann: Person) -> None:
    other = newcomer(suite)
    assert refusal(ann, ann.address, encrypted_letter(other.address))[0] == 500
    assert refusal(ann, ann.address, encrypted_letter(other.address), envelope_from=other.address)[0] == 553


def test_a_recipient_we_do_not_have(suite: Suite, ann: Person) -> None:
    answer = refusal(ann, f"nobody-here@{suite.domain}", encrypted_letter(ann.address))
    assert answer == (550, b"5.1.1 User doesn't exist")


def test_the_burst_and_no_more(suite: Suite) -> None:
    hasty = newcomer(suite)
    hasty.imap().logout()
    with hasty.smtp() as client:
        for number in range(10):
            client.sendmail(hasty.address, [hasty.address], encrypted_letter(hasty.address, message_id=f"{number}@x"))
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            for number in range(10, 40):  # a slow machine earns a few more than the burst meanwhile
                client.sendmail(
                    hasty.address, [hasty.address], encrypted_letter(hasty.address, message_id=f"{number}@x")
                )
    ((code, text),) = refused.value.recipients.values()
    assert (code, _octets(text)[:5]) == (450, b"4.7.1")


def test_the_same_octets_again_are_acknowledged_and_not_stored(suite: Suite) -> None:
    ann, bob = newcomer(suite), newcomer(suite)
    bob.imap().logout()
    letter = encrypted_letter(ann.address, message_id="once@x")
    for _ in range(3):
        ann.send(bob.address, letter=letter)
    assert len(bob.inbox()) == 1
