"""A suite behind `deploy/proxy/nginx.conf`: the web part, and mail beside it on port 443."""

import getpass
import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests import people
from tests.certificates import self_signed
from tests.needs import needs
from tests.people import Person
from tests.proxies import front as fronts
from tests.proxies import web_contract
from tests.proxies.clients import Imap443, Smtp443, secret
from tests.proxies.front import Front
from tests.proxies.web_contract import NAME, SETTINGS, ask
from tests.suite import Suite, free_address

CONFIGURATION = fronts.ROOT / "deploy/proxy/nginx.conf"
STREAM = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
STREAM_PROXY = "127.0.0.2"
TOKEN = "token-of-certbot"


@pytest.fixture(scope="module")
def suite() -> Iterator[Suite]:
    with Suite(settings={**SETTINGS, "MADDY_PROXY_FROM": STREAM_PROXY}) as running:
        yield running


@pytest.fixture(scope="module")
def front(suite: Suite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    program = needs("nginx")
    if not STREAM.exists():
        needs("libnginx-mod-stream")
    folder, address = tmp_path_factory.mktemp("nginx"), free_address()
    http, https, inner = fronts.free_ports(address, 3)
    front = Front(address, {"port_http": http, "port_https": https})
    file = folder / "nginx.conf"
    file.write_text(_here(CONFIGURATION.read_text(), folder, front, inner, suite))
    _certify(folder)
    challenges = folder / "acme/.well-known/acme-challenge"
    challenges.mkdir(parents=True)
    (challenges / TOKEN).write_text(TOKEN)
    command = [program, "-p", str(folder), "-g", "daemon off;", "-c", str(file)]
    with fronts.running(command, {}, front, _is_ready):
        yield front


def _here(text: str, folder: Path, front: Front, inner: int, suite: Suite) -> str:
    """Put addresses, ports and folders of this test where the file has those of a host; nothing else is changed."""
    ports = suite.ports
    web, secret_imap, secret_smtp = ports["port_http"], ports["port_imaps"], ports["port_submissions"]
    temporary = "".join(
        f"    {kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    changes = [
        (r"user www-data;", f"user {getpass.getuser()};"),
        (r"/run/nginx\.pid", f"{folder}/pid"),
        (r"/var/log/nginx/error\.log", f"{folder}/error.log"),
        (r"include /etc/nginx/modules-enabled/\*\.conf;", f"load_module {STREAM};"),
        (r"/etc/letsencrypt/live/chat\.example\.org", str(folder)),
        (r"/var/www/acme", f"{folder}/acme"),
        (r"listen \[::\]:\d+;", ""),
        (r"listen 80;", f"listen {front.address}:{front.ports['port_http']};"),
        (r"listen 443;", f"listen {front.address}:{front.ports['port_https']};"),
        (r"127\.0\.0\.1:8444", f"{front.address}:{inner}"),
        (r"127\.0\.0\.1:8080", f"{suite.address}:{web}"),
        (r"127\.0\.0\.1:993", f"{suite.address}:{secret_imap}"),
        (r"127\.0\.0\.1:465", f"{suite.address}:{secret_smtp}"),
        (r"http \{\n", "http {\n" + temporary),
    ]
    for found, put in changes:
        text, count = re.subn(found, put, text)
        assert count, found
    return text


def _certify(folder: Path) -> None:
    leaf = self_signed(NAME)
    (folder / "fullchain.pem").write_bytes(leaf.pem)
    (folder / "privkey.pem").write_bytes(leaf.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _is_ready(front: Front) -> bool:
    try:
        return ask(front, "127.7.2.1", "/").status == 200
    except OSError:
        return False


class TestWeb(web_contract.WebContract):
    """The contract of all web proxies."""


def test_mail_answers_on_443_to_clients_that_ask_for_it(front: Front, suite: Suite) -> None:
    someone = _newcomer(front, suite)
    with Imap443(front, "127.7.2.2") as imap:
        assert imap.login(f'"{someone.address}"', someone.password)[0] == "OK"
    with Smtp443(front, "127.7.2.2") as smtp:
        assert smtp.ehlo()[0] == 250
        assert smtp.login(someone.address, someone.password)[0] == 235


def _newcomer(front: Front, suite: Suite) -> Person:
    given = json.loads(ask(front, "127.7.2.2", "/new", "POST").body)
    return people.Person(suite, given["email"], given["password"])


def test_limits_of_mail_are_each_client_s_own(front: Front) -> None:
    def greeting(source: str) -> tuple[socket.socket, bytes]:
        try:
            connection = secret(front, "port_https", source, "imap", NAME)
        except OSError:
            return socket.socket(), b""
        return connection, connection.recv(1000)

    answers = [greeting(source) for source in ("127.7.2.3", "127.7.2.3", "127.7.2.3", "127.7.2.4")]
    for connection, _ in answers:
        connection.close()
    assert [said[:4] for _, said in answers] == [b"* OK", b"* OK", b"", b"* OK"]


@pytest.mark.parametrize(("path", "answer"), [(TOKEN, b"200"), ("another", b"404")])
def test_challenges_are_certbot_s_or_else_the_suite_s(front: Front, path: str, answer: bytes) -> None:
    request = f"GET /.well-known/acme-challenge/{path} HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n"
    with front.connect("port_http", "127.7.2.5") as clear:
        clear.sendall(request.encode())
        said = b"".join(iter(lambda: clear.recv(65536), b""))
    assert said.split()[1] == answer
    assert (b"Referrer-Policy" in said or b"referrer-policy" in said) is (answer == b"404")
