"""Several replicas behind one edge are one suite: spread, told of one another's doings, and limited by who comes."""

import imaplib
import json
import smtplib
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests import people
from tests.docker.engine import IMAGE, docker
from tests.docker.figures import note
from tests.docker.scaled import REPLICAS, Scaled
from tests.faults.clients import Reader, Sender, make_account, message
from tests.people import newcomer, trusting
from tests.proxies.clients import Imap443, Smtp443

pytestmark = pytest.mark.timeout(400)  # each begins by starting a whole suite, and so does its first test
HELD = 8  # connections of one source that a replica holds, until they have logged in
SETTINGS = {"MADDY_SOURCE_CONNECTIONS": str(HELD), "MADDY_SOURCE_RATE": "100000"}
MOMENT = 10.0  # seconds in which a bell is heard; a look without one comes after 60

# Opens connections that do not log in, says how many were welcome, and holds them until told to go.
HOLD = """
import socket, sys
# By IPv4: all IPv6 addresses of a network are one source.
host, number = socket.gethostbyname(sys.argv[1]), int(sys.argv[2])
header = sys.argv[3].encode().decode("unicode_escape").encode()
held = [socket.create_connection((host, 143), 20) for _ in range(number)]
for one in held:
    one.sendall(header)
print(sum(b"OK" in one.recv(200) for one in held), flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def scaled(images: str) -> Iterator[Scaled]:
    with Scaled(settings=SETTINGS) as running:
        yield running


@contextmanager
def stranger(scaled: Scaled, host: str, number: int, header: str = "") -> Iterator[int]:
    """Somebody in a container of their own who holds connections; return how many were welcome."""
    flags = ["--rm", "--interactive", "--network", scaled.edge, "--entrypoint", "python3"]
    words = ["docker", "run", *flags, f"{IMAGE}-tools", "-c", HOLD, host, str(number), header]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        yield int(process.stdout.readline())


def test_all_replicas_are_there(scaled: Scaled) -> None:
    found = {service: len(scaled.containers(service)) for service in REPLICAS}
    assert found == REPLICAS
    seen = json.loads(scaled.chatmail("status", "--json"))["services"]
    assert {service: row["replicas"] for service, row in seen.items()} == REPLICAS
    for service, number in REPLICAS.items():
        note(f"scale: replicas of {service}", number, "")


def test_a_message_is_told_on_every_replica_at_once(scaled: Scaled) -> None:
    address = make_account(scaled, "everywhere")
    with ExitStack() as stack:
        readers = [stack.enter_context(Reader(scaled, "everywhere")) for _ in range(REPLICAS["imap"])]
        assert scaled.numbers("imap", "chatmail_imap_sessions") == [1.0] * REPLICAS["imap"], "a session on each"
        for reader in readers:
            reader.select()
            reader.idle()
        sender = stack.enter_context(Sender(scaled, "everywhere"))
        assert sender.log_in() == 235
        assert sender.send([address], message(address, "told")) == 250
        assert all(reader.hears(b"EXISTS", MOMENT) for reader in readers)
        first, second, *_ = readers
        first.done()
        first.ok(first.command(r"STORE 1 +FLAGS (\Seen)"))
        second.done()
        second.select()  # who only idles learns of flags at its next look
        assert rb"\Seen" in second.ok(second.command("FETCH 1 (FLAGS)"))


def test_connections_are_spread(scaled: Scaled) -> None:
    make_account(scaled, "spread-out")
    with ExitStack() as stack:
        for _ in range(4 * REPLICAS["imap"]):
            stack.enter_context(Reader(scaled, "spread-out"))
        assert scaled.numbers("imap", "chatmail_imap_sessions") == [4.0] * REPLICAS["imap"]
    with ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(Sender(scaled, "spread-out")).log_in()
        assert all(number >= 1 for number in scaled.numbers("submission", "chatmail_connections"))


def test_limits_are_for_who_comes_and_not_for_the_edge(scaled: Scaled) -> None:
    replicas = REPLICAS["imap"]
    wanted = (HELD + 2) * replicas
    with stranger(scaled, "edge", wanted) as one, stranger(scaled, "edge", wanted) as other:
        assert (one, other) == (HELD * replicas, HELD * replicas)
        assert newcomer(scaled).inbox() == []


def test_a_strangers_header_is_not_believed(scaled: Scaled) -> None:
    replica = scaled.edge_address(scaled.containers("imap")[0])
    header = r"PROXY TCP4 203.0.113.9 203.0.113.1 4000 143\r\n"
    with stranger(scaled, replica, HELD + 2, header) as welcome:
        assert welcome == HELD, "counted as who it is"


def test_three_services_on_one_port(scaled: Scaled) -> None:
    person = newcomer(scaled)
    imap = Imap443(scaled, "")
    assert imap.login(f'"{person.address}"', person.password)[0] == "OK"
    imap.logout()
    with Smtp443(scaled, "") as smtp:
        assert smtp.login(person.address, person.password)[0] == 235
    with urllib.request.urlopen(f"https://{scaled.address}/", timeout=20, context=trusting()) as page:
        assert b"dclogin:" in page.read()


def test_the_doors_in_clear_offer_tls(scaled: Scaled) -> None:
    with imaplib.IMAP4(scaled.address, 143) as imap:
        assert imap.starttls(trusting())[0] == "OK"
    for port in (25, 587):
        with smtplib.SMTP(scaled.address, port, "tests.test", timeout=20) as smtp:
            assert smtp.starttls(context=trusting())[0] == 220


def test_a_letter_by_the_page_and_every_door(scaled: Scaled) -> None:
    alice, bob = newcomer(scaled), newcomer(scaled)
    assert bob.inbox() == [], "an address becomes an account at its first login"
    alice.send(bob.address, letter=people.encrypted_letter(alice.address, message_id="scaled@chat.test"))
    [letter] = bob.inbox()
    assert b"scaled@chat.test" in letter


def test_the_edge_says_nothing_of_anyone(scaled: Scaled) -> None:
    said = docker("logs", scaled.container("edge"))
    assert scaled.address not in said


def test_no_service_had_trouble_with_the_edge_and_its_checks(scaled: Scaled) -> None:
    said = scaled.compose("logs", "--no-log-prefix", *REPLICAS).splitlines()
    assert any(" I ready" in line for line in said), "or nothing was read"
    assert [line for line in said if " E " in line] == []
