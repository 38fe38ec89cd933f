"""An operator's certificate as files, and what a server shows at each of its doors."""

import smtplib
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.certificates import Leaf
from tests.people import trusting

CHAIN, KEY = "fullchain.pem", "privkey.pem"
PATIENCE = 10.0


def put(folder: Path, leaf: Leaf) -> None:
    """Write a pair as certbot does: the key for root alone, behind symbolic links, which move when it is renewed."""
    archive = folder / "archive"
    archive.mkdir(exist_ok=True)
    number = len(list(archive.glob("privkey*"))) + 1
    private = leaf.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for name, octets, mode in ((CHAIN, leaf.pem, 0o644), (KEY, private, 0o600)):
        kept = archive / f"{Path(name).stem}{number}.pem"
        kept.touch(mode=mode)
        kept.write_bytes(octets)
        link = folder / f".{name}"
        link.symlink_to(Path("archive") / kept.name)
        link.replace(folder / name)


def shown(address: str, port: int, name: str = "") -> bytes:
    """Return the certificate that a door shows, in DER; by STARTTLS on port 25."""
    if port == 25:
        with smtplib.SMTP(address, port, "tests.test", timeout=PATIENCE) as client:
            client.starttls(context=trusting())
            assert isinstance(client.sock, ssl.SSLSocket)
            return client.sock.getpeercert(binary_form=True) or b""
    raw = socket.create_connection((address, port), PATIENCE)
    with trusting().wrap_socket(raw, server_hostname=name or None) as client:
        return client.getpeercert(binary_form=True) or b""


def is_shown(leaf: Leaf, address: str, *ports: int) -> Callable[[], bool]:
    """Return a condition: every one of these doors shows this certificate."""

    def look() -> bool:
        try:
            return {shown(address, port) for port in ports} == {leaf.der[0]}
        except OSError:
            return False

    return look


def is_issued_by_itself(octets: bytes) -> bool:
    """Whether nobody vouches for a certificate."""
    certificate = x509.load_der_x509_certificate(octets)
    return certificate.issuer == certificate.subject
