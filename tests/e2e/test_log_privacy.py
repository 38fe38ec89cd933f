"""Nothing personal in any log (design §4.11): canaries go through every path, errors and crashes included.

Those of federation are the names, addresses and IP addresses of other servers, which go wrong in every way, and what
they say, which may be anything.
"""

import contextlib
import imaplib
import smtplib
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.e2e.strangers import FAR, SAID, Strangers
from tests.federation import World
from tests.people import Person, encrypted_letter, newcomer, trusting
from tests.push_service import PushService, set_token
from tests.suite import Suite

SUBJECT, MESSAGE_ID, HELLO = "canarysubject", "canarymessageid", "canaryhello.example"
NAME, PASSWORD, TOKEN = "canaryname", "canarypassword", "canarytoken"
DEVICES = {f"openpgp:canarydevice{answer}=".encode(): answer for answer in (200, 410, 503)}
PATIENCE = 60.0


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
    page = f"https://{suite.address}:{suite.ports['port_https']}/"
    for path in (f"new?t={TOKEN}", f"qr?data={TOKEN}", TOKEN):
        with contextlib.suppress(urllib.error.URLError):
            urllib.request.urlopen(f"{page}{path}", data=TOKEN.encode(), timeout=30, context=trusting()).read()


def _write_to_everybody(suite: Suite, strangers: Strangers) -> None:
    """Send a letter into every kind of trouble, and one that is well; wait until each has been in it."""
    born = Person(suite, f"{NAME}@{suite.domain}", PASSWORD)
    for recipient in strangers.recipients:
        born.send(recipient, letter=encrypted_letter(born.address, subject=SUBJECT, message_id=f"{MESSAGE_ID}@x"))
    suite.wait(lambda: _untried(suite) == 0, PATIENCE, "tried")
    suite.wait(lambda: bool(strangers.well.letters), PATIENCE, "sent")
    suite.wait(lambda: SAID in b"".join(born.inbox()).decode(), PATIENCE, "told of a failure")


def _untried(suite: Suite) -> int:
    with psycopg.connect(suite.owner_url) as owner:
        return len(owner.execute("SELECT FROM chatmail.outbox WHERE attempts = 0 OR last_text IS NULL").fetchall())


def _wake_devices(suite: Suite, service: PushService) -> None:
    sleeper, waker = newcomer(suite), newcomer(suite)
    for token in DEVICES:
        set_token(sleeper, token.decode())
    waker.imap().logout()
    waker.send(sleeper.address)
    suite.wait(lambda: set(service.told) >= set(DEVICES), PATIENCE, "told")


def _crash_everything(suite: Suite) -> None:
    for name in ("postgres", "valkey", "imap", "submission", "register", "smtp-in", "queue-worker"):
        suite.kill_one(name)
    with (
        contextlib.suppress(OSError, imaplib.IMAP4.error),
        imaplib.IMAP4_SSL(suite.address, suite.ports["port_imaps"], ssl_context=trusting()) as client,
    ):
        client.login(f"{NAME}@{suite.domain}", PASSWORD)


def _logs(suite: Suite) -> dict[Path, str]:
    files = [suite.log, *(suite.folder / "data" / "log").rglob("*")]
    return {path: path.read_text(errors="replace") for path in files if path.is_file()}


@pytest.fixture
def service() -> Iterator[PushService]:
    with PushService() as service:
        service.answers |= DEVICES
        yield service


def test_no_canary_in_any_log(service: PushService) -> None:
    with World() as world, Strangers(world) as strangers:
        suite = world.suite("home.test", {"MADDY_PUSH_URL": service.url, "MADDY_SEND_BURST": "100"})
        personal = _use_everything(suite)
        _misuse_everything(suite)
        _wake_devices(suite, service)
        strangers.write_to(suite, f"{NAME}@{suite.domain}")
        _write_to_everybody(suite, strangers)
        _crash_everything(suite)
        suite.stop()
        logs = _logs(suite)
    # The parent prints a link for the operator on purpose; its address has never been used.
    logs[suite.log] = logs[suite.log].partition("Ctrl-C stops everything.")[2]
    assert any("postgres" in path.name for path in logs)
    names = [word.split("@")[0] for word in personal]
    words = [SUBJECT, MESSAGE_ID, HELLO, NAME, PASSWORD, TOKEN, *names]
    words += [FAR, SAID, *strangers.addresses, "canarydevice"]
    for path, text in logs.items():
        found = [word for word in words if word.lower() in text.lower()]
        assert not found, f"{path.name} holds {found}"
