"""Small letters and the daily looks into a mailbox, which tests of clients share."""

import imaplib
import re
import socket

from tests.people import Person


def letter(subject: str, text: str = "Do you remember?") -> bytes:
    """Return a letter that its subject tells from others."""
    fields = [
        "From: Bob <bob@elsewhere.test>",
        "To: Ann <ann@clients.test>",
        "Date: Mon, 01 Jan 2001 10:00:00 +0000",
        f"Message-ID: <{subject.replace(' ', '.')}@elsewhere.test>",
        f"Subject: {subject}",
    ]
    return "\r\n".join([*fields, "", text, ""]).encode()


def ok(answer: tuple[str, list[bytes]]) -> list[bytes]:
    """Return the data of an answer that must be OK."""
    word, data = answer
    assert word == "OK", data
    return data


def append(client: imaplib.IMAP4, mailbox: str, *subjects: str, flags: str = "") -> None:
    """Put a letter for each subject into a mailbox."""
    client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # imaplib sends a literal's end by itself
    for subject in subjects:
        ok(client.append(mailbox, flags, "", letter(subject)))


def subjects(person: Person, mailbox: str = "INBOX") -> dict[str, set[str]]:
    """Return the flags of every message in a mailbox, by subject."""
    with person.imap() as client:
        ok(client.select(mailbox, readonly=True))
        parts = ok(client.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])"))
    found = {}
    for part in parts:
        if isinstance(part, tuple):
            told = re.search(rb"FLAGS \(([^)]*)\)", part[0])
            assert told
            found[part[1].decode().removeprefix("Subject: ").strip()] = set(told[1].decode().split())
    return found


def uids(person: Person, mailbox: str = "INBOX") -> list[int]:
    """Return the UIDs of a mailbox."""
    with person.imap() as client:
        ok(client.select(mailbox, readonly=True))
        (found,) = ok(client.uid("SEARCH", "ALL"))
    return [int(uid) for uid in found.split()]
