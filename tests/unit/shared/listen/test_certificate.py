"""The certificate in force: taken up, kept, handed over."""

import asyncio
import datetime
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from shared.listen import certificate as certificates
from shared.listen.certificate import Certificate
from shared.mail.trouble import Unavailable


def make_pair(name: str, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> tuple[str, str]:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=2))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), private.decode()


FALLBACK = make_pair("fallback", ec.generate_private_key(ec.SECP256R1()))
SECOND = make_pair("second", ec.generate_private_key(ec.SECP256R1()))
RSA = make_pair("rsa", rsa.generate_private_key(65537, 2048))


def put(folder: Path, pair: tuple[str, str]) -> None:
    (folder / "fullchain.pem").write_text(pair[0])
    (folder / "privkey.pem").write_text(pair[1])


def shown(
    context: ssl.SSLContext, *, alpn: str = "", name: str | None = None, maximum: ssl.TLSVersion | None = None
) -> tuple[str, str | None, str | None]:
    """Handshake in memory; return the common name shown, the ALPN chosen and the TLS version."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    if alpn:
        client.set_alpn_protocols([alpn])
    if maximum:
        client.maximum_version = maximum
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server_side = context.wrap_bio(to_server, to_client, server_side=True)
    client_side = client.wrap_bio(to_client, to_server, server_hostname=name)
    for side in (client_side, server_side) * 3:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    der = client_side.getpeercert(binary_form=True)
    assert der
    common = x509.load_der_x509_certificate(der).subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    return str(common), client_side.selected_alpn_protocol(), client_side.version()


def test_fallback_until_the_operator_gives_one(tmp_path: Path) -> None:
    certificate = Certificate(FALLBACK, tmp_path)
    context = certificate.context()
    assert shown(context)[0] == "fallback"
    put(tmp_path, SECOND)
    assert certificate.refresh()
    assert certificate.is_operators
    assert shown(context)[0] == "second"
    assert shown(context, name="mail.example")[0] == "second"
    assert not certificate.refresh()


def test_the_operators_at_start(tmp_path: Path) -> None:
    put(tmp_path, SECOND)
    certificate = Certificate(FALLBACK, tmp_path)
    assert certificate.is_operators
    assert shown(certificate.context())[0] == "second"


def test_another_type_of_key_replaces_the_old_one(tmp_path: Path) -> None:
    certificate = Certificate(FALLBACK, tmp_path)
    context = certificate.context(minimum=ssl.TLSVersion.TLSv1_2)
    put(tmp_path, RSA)
    assert certificate.refresh()
    assert shown(context)[0] == "rsa"
    assert shown(context, maximum=ssl.TLSVersion.TLSv1_2)[0] == "rsa"


BROKEN = {
    "half written": (SECOND[0][:200], SECOND[1]),
    "mismatched": (SECOND[0], RSA[1]),
    "key of another": (SECOND[0], FALLBACK[1]),
    "empty": ("", ""),
    "no key": (SECOND[0], ""),
    "binary": ("\x00\x01", "\x00"),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=list(BROKEN))
def test_a_broken_pair_keeps_the_old_one(tmp_path: Path, broken: tuple[str, str]) -> None:
    certificate = Certificate(FALLBACK, tmp_path)
    context = certificate.context()
    put(tmp_path, broken)
    assert not certificate.refresh()
    assert shown(context)[0] == "fallback"
    put(tmp_path, SECOND)
    assert certificate.refresh()
    assert shown(context)[0] == "second"


def test_an_encrypted_key_is_refused_without_asking(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    chain, _ = make_pair("locked", key)
    locked = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"word")
    )
    put(tmp_path, (chain, locked.decode()))
    assert not Certificate(FALLBACK, tmp_path).is_operators


def test_only_one_file_is_no_pair(tmp_path: Path) -> None:
    (tmp_path / "fullchain.pem").write_text(SECOND[0])
    assert not Certificate(FALLBACK, tmp_path).is_operators
    assert not Certificate(FALLBACK, None).is_operators


@pytest.mark.parametrize("served", [(), ("http/1.1",)])
def test_a_client_with_another_alpn_is_let_in(served: tuple[str, ...]) -> None:
    context = Certificate(FALLBACK, None).context(alpn=served)
    assert shown(context, alpn="imap")[:2] == ("fallback", None)


def test_common_alpn_is_chosen() -> None:
    assert shown(Certificate(FALLBACK, None).context(alpn=["h2", "http/1.1"]), alpn="http/1.1")[1] == "http/1.1"


def test_t9_minimum_version() -> None:
    certificate = Certificate(FALLBACK, None)
    assert shown(certificate.context(minimum=ssl.TLSVersion.TLSv1_2), maximum=ssl.TLSVersion.TLSv1_2)[2] == "TLSv1.2"
    with pytest.raises(ssl.SSLError):
        shown(certificate.context(), maximum=ssl.TLSVersion.TLSv1_2)


@pytest.mark.parametrize("failing", ["read", "hand to the doors"])
async def test_a_passing_trouble_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    certificate = Certificate(FALLBACK, tmp_path)
    context = certificate.context()
    put(tmp_path, SECOND)
    loads = iter([OSError(28, "No space left on device")] if failing == "read" else [None, OSError(24, "Too many")])
    load = certificates._load

    def troubled(into: ssl.SSLContext, pair: certificates.Pair) -> None:
        error = next(loads, None)
        if error:
            raise error
        load(into, pair)

    monkeypatch.setattr(certificates, "_load", troubled)
    assert not certificate.refresh()
    assert shown(context)[0] == "fallback"
    assert certificate.refresh()
    assert shown(context)[0] == "second"


async def test_watch_takes_up_a_new_pair(tmp_path: Path) -> None:
    certificate = Certificate(FALLBACK, tmp_path)
    watching = asyncio.create_task(certificate.watch(0.01))
    put(tmp_path, SECOND)
    while not certificate.is_operators:
        await asyncio.sleep(0.01)
    watching.cancel()


class Postgres:
    """What an authority issued: `shared.storage.certificates.InForce`."""

    def __init__(self, number: int = 0, pair: tuple[str, str] | None = None) -> None:
        self.now = (number, pair)
        self.is_away = False
        self.fetched = 0

    async def number(self) -> int:
        if self.is_away:
            raise Unavailable
        return self.now[0]

    async def pair(self) -> tuple[int, certificates.Pair] | None:
        self.fetched += 1
        number, pair = self.now
        return (number, (pair[0].encode(), pair[1].encode())) if pair else None


async def test_an_authoritys_is_taken_up_and_given_up(tmp_path: Path) -> None:
    postgres = Postgres()
    certificate = Certificate(FALLBACK, tmp_path, postgres)
    context = certificate.context()
    await certificate.look()
    assert (shown(context)[0], certificate.is_trusted) == ("fallback", False)
    postgres.now = (1, SECOND)
    for _ in range(3):
        await certificate.look()
    assert (shown(context)[0], certificate.is_trusted, certificate.kind) == ("second", True, "issued")
    assert postgres.fetched == 1  # once for each new one
    postgres.is_away = True
    await certificate.look()
    assert shown(context)[0] == "second"
    postgres.is_away = False
    postgres.now = (2, RSA)
    await certificate.look()
    assert shown(context)[0] == "rsa"
    postgres.now = (0, None)  # it is over
    await certificate.look()
    assert (shown(context)[0], certificate.is_trusted) == ("fallback", False)


async def test_the_operators_come_first_and_are_missed_twice_before_they_are_gone(tmp_path: Path) -> None:
    certificate = Certificate(FALLBACK, tmp_path, Postgres(1, RSA))
    context = certificate.context()
    await certificate.look()
    assert shown(context)[0] == "rsa"
    put(tmp_path, SECOND)
    await certificate.look()
    assert (shown(context)[0], certificate.is_operators) == ("second", True)
    (tmp_path / "privkey.pem").rename(tmp_path / "away")
    await certificate.look()
    assert shown(context)[0] == "second"
    await certificate.look()
    assert (shown(context)[0], certificate.is_operators) == ("rsa", False)
    (tmp_path / "away").rename(tmp_path / "privkey.pem")  # the very same files
    await certificate.look()
    assert shown(context)[0] == "second"


async def test_files_that_are_gone_stay_in_force_where_there_is_nothing_better(tmp_path: Path) -> None:
    put(tmp_path, SECOND)
    certificate = Certificate(FALLBACK, tmp_path, Postgres())
    context = certificate.context()
    (tmp_path / "privkey.pem").unlink()
    for _ in range(4):
        await certificate.look()
    assert shown(context)[0] == "second"


async def test_a_broken_one_of_an_authority_keeps_the_old(tmp_path: Path) -> None:
    postgres = Postgres(1, SECOND)
    certificate = Certificate(FALLBACK, tmp_path, postgres)
    context = certificate.context()
    await certificate.look()
    postgres.now = (2, (SECOND[0], RSA[1]))
    await certificate.look()
    assert shown(context)[0] == "second"


def test_one_that_is_over_is_shown_and_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, SECOND)
    monkeypatch.setattr(certificates.time, "time", lambda: datetime.datetime.now().timestamp() + 3 * 86400)
    with caplog.at_level("INFO", "chatmail"):
        certificate = Certificate(FALLBACK, tmp_path)
    assert shown(certificate.context())[0] == "second"
    assert (certificate.is_operators, certificate.is_trusted) == (True, False)
    assert "certificate_is_over" in caplog.text


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = uvloop.new_event_loop()
    yield loop
    loop.close()


def test_live_sessions_are_kept_and_new_ones_get_the_new(loop: asyncio.AbstractEventLoop, tmp_path: Path) -> None:
    certificate = Certificate(FALLBACK, tmp_path)
    context = certificate.context()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    async def talk() -> list[str]:
        server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
        old = await asyncio.open_connection("127.0.0.1", port, ssl=client)
        put(tmp_path, SECOND)
        certificate.refresh()
        new = await asyncio.open_connection("127.0.0.1", port, ssl=client)
        names = []
        for reader, writer in (old, new):
            writer.write(b"still there\n")
            assert await reader.readline() == b"still there\n"
            der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            names.append(str(x509.load_der_x509_certificate(der).subject.rfc4514_string()))
            writer.close()
        server.close()
        await server.wait_closed()
        return names

    assert loop.run_until_complete(talk()) == ["CN=fallback", "CN=second"]
