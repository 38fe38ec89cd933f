"""Certificates from an authority, asked for by the suite as it is, of one that really looks: Debian's `pebble`."""

import imaplib
import smtplib
import socket
import ssl
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.certificates import Authority
from tests.dns_server import DnsServer
from tests.people import trusting
from tests.strangers.pebble import Pebble
from tests.strangers.program import until
from tests.strangers.world import chatmail
from tests.suite import Suite, free_address

pytestmark = pytest.mark.timeout(180)

HTTP = 10080  # where pebble looks for everybody
HOST = "mail.acme.test"
NAMES = [HOST, "acme.test", "www.acme.test", "mta-sts.acme.test", "autoconfig.acme.test"]
ELSEWHERE = "127.9.9.9"  # where nobody listens
TAKEN_UP = 60.0  # seconds, the promise of README


class World:
    """A DNS, an authority, and a suite that asks it."""

    def __init__(self, folder: Path, dns: DnsServer, *, host: str = "", workers: int = 1) -> None:
        self.dns = dns
        self.address = free_address()
        self.lead_here()
        self.ca = Pebble(folder / "ca", dns.address, HTTP)
        self.host = host or self.address
        (folder / "suite").mkdir()
        settings = {
            "MADDY_DOMAIN": "acme.test" if host else self.address,
            "MADDY_HOSTNAME": self.host,
            "MADDY_DNS": dns.address,
            "MADDY_ACME_EMAIL": "operator@acme.test",
            "MADDY_ACME_URL": self.ca.directory,
            "MADDY_ACME_ROOT": str(self.ca.root),
            "MADDY_WORKERS": str(workers),
        }
        self.suite = Suite(folder / "suite", address=self.address, settings=settings, ports={"port_http": HTTP})

    def lead_here(self) -> None:
        for name in NAMES:
            self.dns.set(name, "A", [self.address], ttl=1)

    def ask(self, statement: str) -> Any:
        """Return one value as the owner sees it, None for no row."""
        with psycopg.connect(self.suite.owner_url) as connection:
            cursor = connection.execute(statement.encode())
            row = cursor.fetchone() if cursor.description else None
            return row and row[0]

    @property
    def number(self) -> int:
        """Which certificate is in force, 0 for none."""
        return self.ask("SELECT id FROM chatmail.acme_certificate") or 0

    @property
    def problem(self) -> str | None:
        return self.ask("SELECT problem FROM chatmail.acme_state WHERE leased_until < now()")

    def renew(self) -> None:
        chatmail(self.suite, "certificate", "renew")

    def renewed(self) -> int:
        """Ask for a certificate and return its number when it is there."""
        before = self.number
        self.renew()
        until(lambda: self.number > before, "issued", 60.0)
        return self.number

    def connect(self, port: str, name: str = "", roots: str = "") -> ssl.SSLSocket:
        """Open TLS as strict clients do, if there are roots to trust."""
        context = ssl.create_default_context(cadata=roots) if roots else trusting()
        plain = socket.create_connection((self.address, self.suite.ports[port]), timeout=10)
        return context.wrap_socket(plain, server_hostname=name or self.host)

    def shows(self, port: str, roots: str, name: str = "") -> bool:
        """Tell whether a strict client trusts what is shown at a port."""
        try:
            self.connect(port, name, roots).close()
        except ssl.SSLCertVerificationError:
            return False
        return True

    def serial(self, port: str) -> bytes:
        with self.connect(port) as connection:
            return connection.getpeercert(binary_form=True) or b""


@pytest.fixture(scope="module")
def dns() -> Iterator[DnsServer]:
    with DnsServer() as dns:
        yield dns


@pytest.fixture(scope="module")
def away(dns: DnsServer) -> Iterator[World]:
    """A suite whose authority is not there yet."""
    with tempfile.TemporaryDirectory(prefix="cm-acme-") as folder:
        world = World(Path(folder), dns, host=HOST)
        with world.suite:
            yield world
            world.ca.stop()


@pytest.fixture
def world(away: World) -> World:
    """The same with everything right, and a certificate in force."""
    away.lead_here()
    if away.ca.is_away:
        away.ca.start()
    if not away.number or away.ask("SELECT problem FROM chatmail.acme_state"):
        away.renewed()
    return away


def test_first_issue_is_seen_everywhere_without_a_restart(away: World) -> None:
    until(lambda: away.problem == "away", "tried in vain", 60.0)  # and no harm done
    old = imaplib.IMAP4_SSL(away.address, away.suite.ports["port_imaps"], ssl_context=trusting())
    pids = away.suite.status["services"]
    assert not away.ask("SELECT next_at <= now() FROM chatmail.acme_state")  # the authority is left alone

    away.ca.start()
    away.renewed()
    assert away.ca.orders == 1
    roots = away.ca.issuer().decode()
    for port in ("port_imaps", "port_submissions", "port_https"):
        until(lambda port=port: away.shows(port, roots), f"shown at {port}", TAKEN_UP)
    for name in NAMES:
        assert away.shows("port_https", roots, name), name
    until(lambda: _starttls(away, roots), "shown at smtp", TAKEN_UP)

    assert old.noop()[0] == "OK"
    old.logout()
    assert away.suite.status["services"] == pids
    # Strict clients are sent to TLS, the authority is not.
    assert _status(away, "/") == 308
    assert _status(away, "/.well-known/acme-challenge/unknown") == 404
    told = chatmail(away.suite, "certificate")
    assert "from the authority" in told
    assert all(name in told for name in NAMES)
    assert "problem" not in told


def test_renewal_in_time_with_the_same_account(world: World) -> None:
    before, orders = world.number, world.ca.orders
    shown = world.serial("port_imaps")
    world.ask(
        "UPDATE chatmail.acme_certificate SET not_before = now() - interval '61 days', "
        "not_after = now() + interval '29 days'"
    )
    until(lambda: world.number > before, "renewed", 60.0)
    assert world.ca.orders == orders + 1
    assert "There are now 2 accounts" not in world.ca.log.read_text()
    until(lambda: world.serial("port_imaps") != shown, "taken up", TAKEN_UP)


def test_what_is_valid_is_left_alone(world: World) -> None:
    requests = world.ca.requests
    world.dns.asked.clear()
    world.suite.kill_one("queue-worker")  # the new one looks for our names at once
    until(lambda: world.dns.asked["www.acme.test", "A"], "looked")
    until(lambda: world.ask("SELECT now() > issued + interval '15 seconds' FROM chatmail.acme_certificate"), "over")
    assert world.ca.requests == requests


def test_while_the_authority_is_away_the_old_one_stays(world: World) -> None:
    roots, number = world.ca.issuer().decode(), world.number
    until(lambda: world.shows("port_imaps", roots), "shown", TAKEN_UP)
    world.ca.stop()
    world.renew()
    until(lambda: world.problem == "away", "tried in vain")
    assert (world.number, world.shows("port_imaps", roots)) == (number, True)
    wait = world.ask("SELECT extract(epoch FROM next_at - now()) FROM chatmail.acme_state")
    assert 20 < wait < 60
    assert "the authority did not answer" in chatmail(world.suite, "certificate")
    world.ca.start()
    assert world.renewed() > number


def test_wrong_dns_is_told_in_a_word_and_asks_no_more(world: World) -> None:
    number, orders = world.number, world.ca.orders
    for name in NAMES:
        world.dns.set(name, "A", [ELSEWHERE], ttl=1)
    world.renew()
    until(lambda: world.problem not in (None, "interrupted"), "tried in vain")
    assert world.problem == "connection"
    told = chatmail(world.suite, "certificate")
    assert "could not reach port 80" in told
    assert HOST in told
    requests = world.ca.requests
    until(lambda: world.ask("SELECT now() > problem_at + interval '12 seconds' FROM chatmail.acme_state"), "over")
    assert world.ca.orders == orders + 1  # the worker has looked twice since, and asked nothing
    assert world.ca.requests == requests
    assert world.number == number


def test_a_name_that_cannot_be_confirmed_is_done_without(world: World) -> None:
    number = world.number
    world.renew()
    until(lambda: world.ask("SELECT count(*) FROM chatmail.acme_challenge") == len(NAMES), "ordered")
    world.dns.set("www.acme.test", "A", [ELSEWHERE], ttl=1)  # after we looked, before the authority does
    until(lambda: world.problem == "connection", "tried in vain")
    assert world.ask("SELECT left_out FROM chatmail.acme_state") == ["www.acme.test"]
    world.ask("UPDATE chatmail.acme_state SET next_at = now()")  # instead of waiting 40 seconds
    until(lambda: world.number > number, "issued", 60.0)
    assert "www.acme.test" not in world.ask("SELECT names FROM chatmail.acme_certificate")
    assert "left out     www.acme.test" in chatmail(world.suite, "certificate")


def test_the_operators_files_win_and_leave_the_field_to_the_authority(world: World) -> None:
    roots = world.ca.issuer().decode()
    mine = Authority("The operator's")
    leaf = mine.issue(HOST)
    tls = world.suite.folder / "data/tls"
    tls.mkdir(exist_ok=True)
    (tls / "fullchain.pem").write_bytes(leaf.pem)
    (tls / "privkey.pem").write_bytes(leaf.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    until(lambda: world.shows("port_imaps", mine.pem), "theirs", TAKEN_UP)
    assert "yours, in" in chatmail(world.suite, "certificate")
    (tls / "privkey.pem").unlink()
    until(lambda: world.shows("port_imaps", roots), "the authority's", TAKEN_UP)


def test_a_worker_killed_in_the_middle_is_replaced_by_the_next(world: World) -> None:
    number = world.number
    world.renew()
    until(lambda: world.ask("SELECT count(*) FROM chatmail.acme_challenge"), "ordered")
    world.suite.kill_one("queue-worker")
    assert world.number == number
    assert world.ask("SELECT failures FROM chatmail.acme_state") == 1  # so one that dies each time is slow, too
    world.ask("UPDATE chatmail.acme_state SET next_at = now()")  # its lease is waited for all the same
    until(lambda: world.number > number, "issued", 90.0)
    assert world.problem is None


def test_two_workers_place_one_order_for_an_address(dns: DnsServer, tmp_path: Path) -> None:
    world = World(tmp_path, dns, workers=2)
    with world.ca, world.suite:
        until(lambda: world.number, "issued", 60.0)
        roots = world.ca.issuer().decode()
        until(lambda: world.shows("port_imaps", roots, world.address), "shown", TAKEN_UP)
        assert world.ca.orders == 1
        assert world.ask("SELECT names FROM chatmail.acme_certificate") == [world.address]


def _starttls(world: World, roots: str) -> bool:
    with smtplib.SMTP(world.address, world.suite.ports["port_smtp"], timeout=10) as client:
        client._host = HOST  # type: ignore[attr-defined]  # the name it checks
        client.ehlo()
        try:
            client.starttls(context=ssl.create_default_context(cadata=roots))
        except ssl.SSLCertVerificationError:
            client.close()
            return False
        return True


def _status(world: World, path: str) -> int:
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    try:
        url = f"http://{world.address}:{HTTP}{path}"
        return int(urllib.request.build_opener(Stay).open(url, timeout=10).status)
    except urllib.error.HTTPError as answered:
        answered.close()
        return answered.code
