"""Nothing personal in any log (design §4.11): canaries go through every path, errors and crashes included."""

import contextlib
import imaplib
import smtplib
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.people import Person, encrypted_letter, newcomer, trusting
from tests.suite import Suite

SUBJECT, MESSAGE_ID, HELLO = "canarysubject", "canarymessageid", "canaryhello.example"
NAME, PASSWORD, TOKEN = "canaryname", "canarypassword", "canarytoken"


def _use_everything(suite: Suite) -> list[str]:
    ann, bob = newcomer(suite), newcomer(suite)
    bob.imap().logout()
    ann.send(bob.address, letter=encrypted_letter(ann.address, subject=SUBJECT, message_id=f"{MESSAGE_ID}@x"))
    born = Person(suite, f"{NAME}@{suite.domain}", PASSWORD)
    born.inbox()
    with born.smtp() as client, contextlib.suppress(smtplib.SMTPException):
        client.sendmail(born.address, [f"{NAME}-unknown@{suite.domain}"], encrypted_letter(born.address))
    with born.smtp() as client, contextlib.suppress(smtplib.SMTPException):
        client.sendmail(
            born.address, [bob.address], f"From: {born.address}\r\nSubject: {SUBJECT}\r\n\r\nclear\r\n".encode()
        )
    return [ann.address, ann.password, bob.address, bob.password]


def _misuse_everything(suite: Suite) -> None:
    wrong = Person(suite, f"{NAME}@{suite.domain}", f"{PASSWORD}-wrong")
    with pytest.raises(imaplib.IMAP4.error):
        wrong.imap()
    with pytest.raises(smtplib.SMTPException):
        wrong.smtp()
    for port in suite.ports.values():
        with socket.create_connection((suite.address, port), timeout=30) as client, contextlib.suppress(OSError):
            client.sendall(f"EHLO {HELLO}\r\nMAIL FROM:<{NAME}@{HELLO}>\r\na LOGIN {NAME} {PASSWORD}\r\n\r\n".encode())
            client.settimeout(1)
            client.recv(4096)
    for path in (f"new?t={TOKEN}", f"qr?data={TOKEN}", TOKEN):
        with contextlib.suppress(urllib.error.URLError):
            urllib.request.urlopen(f"{suite.page}{path}", data=TOKEN.encode(), timeout=30).read()


def _crash_everything(suite: Suite) -> None:
    for name in ("postgres", "valkey", "imap", "submission", "register"):
        suite.kill_one(name)
    with (
        contextlib.suppress(OSError, imaplib.IMAP4.error),
        imaplib.IMAP4_SSL(suite.address, suite.ports["port_imaps"], ssl_context=trusting()) as client,
    ):
        client.login(f"{NAME}@{suite.domain}", PASSWORD)


def _logs(suite: Suite) -> dict[Path, str]:
    files = [suite.log, *(suite.folder / "data" / "log").rglob("*")]
    return {path: path.read_text(errors="replace") for path in files if path.is_file()}


def test_no_canary_in_any_log() -> None:
    with Suite() as suite:
        personal = _use_everything(suite)
        _misuse_everything(suite)
        _crash_everything(suite)
        logs = _logs(suite)
    # The parent prints a link for the operator on purpose; its address has never been used.
    logs[suite.log] = logs[suite.log].partition("Ctrl-C stops everything.")[2]
    assert any("postgres" in path.name for path in logs)
    names = [word.split("@")[0] for word in personal]
    words = [SUBJECT, MESSAGE_ID, HELLO, NAME, PASSWORD, TOKEN, *names]
    for path, text in logs.items():
        found = [word for word in words if word.lower() in text.lower()]
        assert not found, f"{path.name} holds {found}"
