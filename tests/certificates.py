"""Certificates of a test's own authority, good ones and bad ones.

authority = Authority()
leaf = authority.issue("mx.a.test", "127.0.0.2")        # names and addresses
late = authority.issue("mx.a.test", days=-1)            # expired yesterday
own = self_signed("mx.a.test")
leaf.server_context()                                   # an ssl.SSLContext for a server
authority.client_context()                              # one for a client that trusts this authority alone
authority.write(folder / "ca.pem")                      # for SSL_CERT_FILE
leaf.tlsa(3, 1, 1)                                      # "3 1 1 8d02…", ready for a zone; authority.tlsa(2, 0, 1) too
"""

import datetime
import hashlib
import ssl
import tempfile
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)
_DIGESTS = {0: lambda octets: octets, 1: lambda o: hashlib.sha256(o).digest(), 2: lambda o: hashlib.sha512(o).digest()}


@dataclass(frozen=True)
class Leaf:
    """A certificate with its key, and the chain a server shows after it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def der(self) -> list[bytes]:
        """What a server shows, its own certificate first."""
        return [certificate.public_bytes(Encoding.DER) for certificate in (self.certificate, *self.chain)]

    @property
    def pem(self) -> bytes:
        return b"".join(shown.public_bytes(Encoding.PEM) for shown in (self.certificate, *self.chain))

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile(suffix=".pem") as file:
            file.write(self.pem + self.key_pem)
            file.flush()
            context.load_cert_chain(file.name)
        return context

    def tlsa(self, usage: int, selector: int, matching: int) -> str:
        """Return a TLSA record for this certificate as a zone has it."""
        return tlsa(self.certificate, usage, selector, matching)


class Authority:
    """A certificate authority; `parent` makes it an intermediate one, whose leaves come with it in their chain."""

    def __init__(self, name: str = "Test Authority", parent: "Authority | None" = None, *, is_ca: bool = True) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.parent = parent
        builder = _builder(name, self.key, parent.certificate if parent else None, 3650, 30)
        builder = builder.add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False
        ).add_extension(_SIGNS, critical=True)
        self.certificate = builder.sign(parent.key if parent else self.key, hashes.SHA256())

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """The authority and those above it, without the root, as servers show them."""
        return (self.certificate, *self.parent.chain) if self.parent else ()

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    def issue(self, *names: str, days: int = 30, age: int = 10, shows_root: bool = False) -> Leaf:
        """Make a certificate for names and addresses, valid from `age` days ago for `days` from now on."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer)
        builder = _leaf(names, key, self.certificate, days, age).add_extension(authority, critical=False)
        root = (self._root.certificate,) if shows_root else ()
        return Leaf(builder.sign(self.key, hashes.SHA256()), key, (*self.chain, *root))

    def client_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self._root.pem)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def write(self, path: Path) -> Path:
        path.write_text(self._root.pem)
        return path

    def tlsa(self, usage: int, selector: int, matching: int) -> str:
        """Return a TLSA record for this authority as a zone has it."""
        return tlsa(self.certificate, usage, selector, matching)

    @property
    def _root(self) -> "Authority":
        return self.parent._root if self.parent else self


def self_signed(*names: str, days: int = 30) -> Leaf:
    """Make a certificate nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    return Leaf(_leaf(names, key, None, days, 10).sign(key, hashes.SHA256()), key)


def tlsa(certificate: x509.Certificate, usage: int, selector: int, matching: int) -> str:
    if selector == 0:
        octets = certificate.public_bytes(Encoding.DER)
    else:
        octets = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"{usage} {selector} {matching} {_DIGESTS[matching](octets).hex()}"


_SIGNS = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    crl_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


def _leaf(
    names: tuple[str, ...], key: ec.EllipticCurvePrivateKey, issuer: x509.Certificate | None, days: int, age: int
) -> x509.CertificateBuilder:
    alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
    server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    return (
        _builder(names[0], key, issuer, days, age)
        .add_extension(alternatives, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(server, critical=False)
    )


def _builder(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: x509.Certificate | None, days: int, age: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - age * DAY)
        .not_valid_after(now + days * DAY)
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
