"""A suite behind `deploy/edge/haproxy.cfg`: all its ports, three services on one, clients known by their addresses."""

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests import people
from tests.dns_server import DnsServer
from tests.needs import needs
from tests.proxies import front as fronts
from tests.proxies.clients import Imap443, Smtp443, secret
from tests.proxies.front import Front
from tests.suite import Suite, free_address

CONFIGURATION = fronts.ROOT / "deploy/edge/haproxy.cfg"
STANDARD = {
    25: "port_smtp",
    143: "port_imap",
    465: "port_submissions",
    587: "port_submission",
    993: "port_imaps",
    80: "port_http",
    443: "port_https",
}
HELD = 2  # connections of one source
STRANGER, OTHER, PROXY = "127.7.0.1", "127.7.0.2", "127.0.0.2"


@pytest.fixture(scope="module")
def suite() -> Iterator[Suite]:
    settings = {"MADDY_PROXY_FROM": PROXY, "MADDY_SOURCE_CONNECTIONS": str(HELD)}
    with Suite(settings=settings) as running:
        yield running


@pytest.fixture(scope="module")
def front(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    program = needs("haproxy")
    address = free_address()
    front = Front(address, dict(zip(STANDARD.values(), fronts.free_ports(address, len(STANDARD)), strict=True)))
    file = tmp_path_factory.mktemp("edge") / "haproxy.cfg"
    file.write_text(_with_ports(CONFIGURATION.read_text(), front, suite))
    with DnsServer() as names:
        for name in ("smtp-in", "submission", "imap", "register"):
            names.set(name, "A", [suite.address])
        environment = {"EDGE_LISTEN": address, "EDGE_RESOLVER": names.address}
        with fronts.running([program, "-db", "-f", str(file)], environment, front, _is_ready) as log:
            yield front
            said = fronts.said(log)
    assert " is DOWN" not in said  # no check was refused
    assert not any(client in said for client in (STRANGER, OTHER))


def _with_ports(text: str, front: Front, suite: Suite) -> str:
    """Put free ports where the file has the standard ones, and the line that docs/proxy.md adds on one machine."""
    text = text.replace("    mode tcp\n", f"    mode tcp\n    source {PROXY}\n")
    text = re.sub(r'(bind ".*):(\d+)"', lambda m: f'{m[1]}:{front.ports[STANDARD[int(m[2])]]}"', text)
    return re.sub(r'(server-template .*):(\d+)"', lambda m: f'{m[1]}:{suite.ports[STANDARD[int(m[2])]]}"', text)


def _is_ready(front: Front) -> bool:
    ports = ("port_smtp", "port_imap", "port_submission")
    return all(fronts.greets(front, port) for port in ports) and _has_web(front)


def _has_web(front: Front) -> bool:
    try:
        with secret(front, "port_https", PROXY), secret(front, "port_imaps", PROXY):
            return True
    except OSError:
        return False


def test_a_letter_passes_by_every_port(front: Front) -> None:
    alice, bob = people.newcomer(front), people.newcomer(front)  # type: ignore[arg-type]
    bob.imap().logout()  # an address is there from its first login on
    alice.send(bob.address)
    deadline = time.monotonic() + fronts.DEADLINE
    while not bob.inbox():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_three_services_answer_on_443(front: Front) -> None:
    someone = people.newcomer(front)  # type: ignore[arg-type]
    with Imap443(front, OTHER) as imap:
        assert imap.login(f'"{someone.address}"', someone.password)[0] == "OK"
    with Smtp443(front, OTHER) as smtp:
        assert smtp.ehlo()[0] == 250
        assert smtp.login(someone.address, someone.password)[0] == 235
    with secret(front, "port_https", OTHER, "http/1.1") as web:
        web.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert web.recv(100).startswith(b"HTTP/1.1 200 ")
    with front.connect("port_https", OTHER) as clear:
        clear.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert clear.recv(100) == b""


@pytest.mark.parametrize("port", ["port_smtp", "port_imap", "port_submission"])
def test_limits_are_each_client_s_own(front: Front, port: str) -> None:
    def greeting(source: str) -> tuple[socket.socket, bytes]:
        connection = front.connect(port, source)
        return connection, connection.recv(1000)

    first = [greeting(STRANGER) for _ in range(HELD)]
    refused, refusal = greeting(STRANGER)
    welcome, other = greeting(OTHER)
    for connection, _ in (*first, (refused, b""), (welcome, b"")):
        connection.close()
    assert all(said.startswith((b"220 ", b"* OK")) for _, said in first)
    assert refusal.startswith((b"421 ", b"* BYE"))
    assert other.startswith((b"220 ", b"* OK"))


@pytest.mark.parametrize(
    ("port", "answer"),
    [("port_smtp", b"5"), ("port_submission", b"5"), ("port_imap", b"PROXY BAD"), ("port_imaps", b"")],
)
def test_a_stranger_s_header_is_not_taken(suite: Suite, port: str, answer: bytes) -> None:
    with socket.create_connection((suite.address, suite.ports[port]), 30, source_address=(STRANGER, 0)) as connection:
        greeting = connection.recv(1000) if port != "port_imaps" else b""
        connection.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 50000 25\r\n")
        try:
            said = connection.recv(1000)
        except ConnectionError:
            said = b""
        assert greeting or port == "port_imaps"
        assert answer in said
        assert answer or said[:1] in (b"", b"\x15")  # nothing, or the alert of a broken handshake


def test_the_proxy_must_introduce_its_clients(suite: Suite) -> None:
    with socket.create_connection((suite.address, suite.ports["port_imap"]), 30, source_address=(PROXY, 0)) as plain:
        plain.sendall(b"a LOGIN a b\r\nb NOOP\r\n")
        with suppress(ConnectionResetError):
            assert plain.recv(1000) == b""


def test_the_file_is_sound() -> None:
    done = subprocess.run([needs("haproxy"), "-c", "-f", str(CONFIGURATION)], capture_output=True, text=True)
    assert done.returncode == 0
    assert "WARNING" not in done.stderr
