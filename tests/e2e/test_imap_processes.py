"""Two processes serve IMAP: what one session does to flags, those in the other process hear by the bell."""

import imaplib

from tests.people import newcomer
from tests.suite import Suite

LETTER = b"From: ann@elsewhere.test\r\nSubject: x\r\n\r\ntext\r\n"
SESSIONS = (
    8  # the kernel deals them out: that all are in one process happens once in a hundred runs, and shows nothing then
)
SECONDS = 30.0  # less than a session waits before it looks by itself


def _idling(client: imaplib.IMAP4) -> imaplib.IMAP4:
    client.select("INBOX")
    client.send(b"i IDLE\r\n")
    assert client.readline() == b"+ idling\r\n"
    client.sock.settimeout(SECONDS)
    return client


def _heard(client: imaplib.IMAP4) -> bytes:
    while (line := client.readline()).startswith(b"* OK"):
        pass
    return line


def test_flags_and_deletions_are_heard_in_every_process() -> None:
    with Suite(settings={"MADDY_GATE_APPEND": "off", "MADDY_WORKERS": "2"}) as suite:
        person = newcomer(suite)
        acting = person.imap()
        for _ in range(2):
            acting.append("INBOX", None, None, LETTER)  # type: ignore[arg-type]
        idlers = [_idling(person.imap()) for _ in range(SESSIONS)]
        acting.select("INBOX")
        acting.store("1", "+FLAGS", r"(\Deleted)")
        assert [_heard(client) for client in idlers] == [b"* 1 FETCH (FLAGS (\\Deleted))\r\n"] * SESSIONS
        acting.expunge()
        assert [_heard(client) for client in idlers] == [b"* 1 EXPUNGE\r\n"] * SESSIONS
        for client in (acting, *idlers):
            client.shutdown()
