"""The live test that the library imapclient ships, on our service. What fails is known one by one, with the reason.

A test that is named here and passes is a failure too: the table says how things are.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from imapclient import IMAPClient
from imapclient.livetest import MULTIPART_MESSAGE, FixedOffset, datetime
from imapclient.response_types import Address, Envelope

from tests.clients.slow_link import SlowLink
from tests.people import Person, trusting

KNOWN = {
    "TestGeneral.test_status": "wants a new message to be RECENT in STATUS; we keep no such flag, as RFC 9051 has none",
    "TestWithUIDs.test_fetch": "compares by assertSequenceEqual, and its Envelope is no sequence: equal ones differ",
    "TestWithoutUIDs.test_fetch": "as with UIDs",
    "TestWithoutUIDs.test_move": "asks imaplib for a method `move`, which it has not; nothing is sent",
    "TestSocketTimeout.test_small_read_timeout_fail": "logs out over a connection that it let time out: an OSError",
}
EXTENSIONS = {"CONDSTORE", "ACL", "XLIST", "labels", "Gmail search"}  # what it looks for and we have not
CLASSES = ("TestGeneral", "TestWithUIDs", "TestWithoutUIDs", "TestSocketTimeout")
_RAN = re.compile(r"^Ran (\d+) tests", re.M)
_LEFT_OUT = re.compile(r"skipped [\"'](.*)[\"']$", re.M)


def configured(person: Person, port: int, folder: Path) -> Path:
    lines = {
        "host": person.suite.address,
        "port": port,
        "username": person.address,
        "password": person.password,
        "ssl": "true",
        "ssl_check_hostname": "false",
        "ssl_verify_cert": "false",
    }
    path = folder / "livetest.ini"
    path.write_text("[DEFAULT]\n" + "".join(f"{name} = {value}\n" for name, value in lines.items()))
    return path


def livetest(ini: Path, name: str) -> str:
    """Run one class of the live test and return what it printed."""
    command = [sys.executable, "-m", "imapclient.livetest", str(ini), "-v", name]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("imapclient_")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, env=environment, check=False)
    assert _RAN.search(done.stderr), done.stderr
    return done.stderr


def failures(name: str, output: str) -> set[str]:
    return {f"{name}.{test}" for test in re.findall(r"^(?:FAIL|ERROR): (\w+)", output, re.M)}


@pytest.mark.parametrize("name", CLASSES)
def test_only_what_is_known_fails(ann: Person, tmp_path: Path, name: str) -> None:
    with reached(ann, name) as port:
        output = livetest(configured(ann, port, tmp_path), name)
    assert failures(name, output) == {known for known in KNOWN if known.startswith(f"{name}.")}, output
    lacking = {reason.split("support ")[-1] for reason in _LEFT_OUT.findall(output) if "support" in reason}
    assert lacking <= EXTENSIONS, output


@contextmanager
def reached(person: Person, name: str) -> Iterator[int]:
    """Tell the port to run a class against; one wants a millisecond to be too short for a handshake."""
    port = person.suite.ports["port_imaps"]
    if name != "TestSocketTimeout":
        yield port
        return
    with SlowLink(person.suite.address, port) as link:
        yield link.port


def logged_in(person: Person) -> IMAPClient:
    client = IMAPClient(person.suite.address, person.suite.ports["port_imaps"], ssl_context=trusting())
    client.login(person.address, person.password)
    return client


def test_the_envelope_that_it_cannot_compare_is_the_one_it_wants(ann: Person) -> None:
    client = logged_in(ann)
    client.append("INBOX", b"Message-ID: <1@elsewhere.test>\r\n" + MULTIPART_MESSAGE.encode())
    client.select_folder("INBOX")
    client.normalise_times = False
    told = client.fetch(1, ["ENVELOPE"])[1][b"ENVELOPE"]
    bob = (Address(b"Bob Smith", None, b"bob", b"smith.com"),)
    to = (Address(b"Some One", None, b"some", b"one.com"), Address(None, None, b"foo", b"foo.com"))
    date = datetime(2010, 3, 16, 16, 45, 32, tzinfo=FixedOffset(0))
    wanted = Envelope(date, b"A multipart message", bob, bob, bob, to, None, None, None, b"<1@elsewhere.test>")
    assert told == wanted
    client.logout()


def test_status_but_for_recent(ann: Person) -> None:
    client = logged_in(ann)
    client.create_folder("☢")
    client.append("☢", b"Subject: something\r\n\r\nFoo\r\n")
    status = client.folder_status("☢")
    assert (len(status), status[b"MESSAGES"], status[b"UNSEEN"], status[b"UIDNEXT"]) == (5, 1, 1, 2)
    client.logout()
