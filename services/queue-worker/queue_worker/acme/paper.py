"""The request we sign, and a sharp look at what comes back: P-256, a new key for every certificate."""

from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from queue_worker.acme.trouble import Trouble
from shared.storage.certificates import Issued
from shared.storage.selfsigned import alternative_names

MAX_CHAIN = 100_000  # octets; the longest are a tenth of it


def make_key() -> str:
    """Return a new private key (PEM)."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def load_key(pem: str) -> ec.EllipticCurvePrivateKey:
    """Read a key that was made here (PEM)."""
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def make_request(key_pem: str, names: list[str]) -> bytes:
    """Return a request for these names and addresses (PEM), signed with the key they are to have."""
    # No subject: a name may be too long for one, and the alternatives are what counts (RFC 9525 §2).
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    signed = request.add_extension(alternative_names(names), critical=False).sign(load_key(key_pem), hashes.SHA256())
    return signed.public_bytes(Encoding.PEM)


def look_at(chain_pem: str, key_pem: str, names: list[str], now: datetime) -> Issued:
    """Return the certificate with what it says of itself; raise Trouble where it is not what was asked for."""
    if len(chain_pem) > MAX_CHAIN:
        raise Trouble("bad certificate")
    try:
        leaf = x509.load_pem_x509_certificates(chain_pem.encode())[0]
        alternatives = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        is_ours = _public(leaf.public_key()) == _public(load_key(key_pem).public_key())
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        raise Trouble("bad certificate") from None
    covered = {name.lower() for name in alternatives.get_values_for_type(x509.DNSName)}
    covered |= {str(address) for address in alternatives.get_values_for_type(x509.IPAddress)}
    if not is_ours or not covered.issuperset(names) or leaf.not_valid_after_utc <= now:
        raise Trouble("bad certificate")
    return Issued(chain_pem, key_pem, tuple(sorted(covered)), leaf.not_valid_before_utc, leaf.not_valid_after_utc)


def _public(key: object) -> bytes:
    octets: bytes = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return octets
