"""Private keys: made at first start, or read from an operator's file, and the record to publish for them."""

from base64 import b64encode

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from shared.mail.dkim.record import MAX_RSA, MIN_RSA

PrivateKey = RSAPrivateKey | Ed25519PrivateKey
_RSA_BITS = 2048  # RFC 8301 §3.2; its record still fits into one UDP answer


class KeyFileError(ValueError):
    """The text is not a key that can sign; the message says what is wrong and holds nothing of the key."""


def make_rsa() -> str:
    """Make an RSA key of 2048 bits, as PEM (PKCS #8)."""
    return _pem(generate_private_key(public_exponent=65537, key_size=_RSA_BITS))


def make_ed25519() -> str:
    """Make an Ed25519 key, as PEM (PKCS #8)."""
    return _pem(Ed25519PrivateKey.generate())


def load(pem: str) -> PrivateKey:
    """Read a private key in PEM, PKCS #1 or PKCS #8; raise KeyFileError if it cannot sign."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except TypeError:
        raise KeyFileError("the key is protected by a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyFileError("this is no private key in PEM") from None
    if isinstance(key, Ed25519PrivateKey):
        return key
    if not isinstance(key, RSAPrivateKey) or not MIN_RSA <= key.key_size <= MAX_RSA:
        raise KeyFileError(f"the key must be RSA of {MIN_RSA} to {MAX_RSA} bits, or Ed25519")
    return key


def public_record(pem: str) -> str:
    """Return the TXT record to publish for a private key (RFC 6376 §3.6.1, RFC 8463 §4)."""
    key = load(pem)
    if isinstance(key, Ed25519PrivateKey):
        return f"v=DKIM1; k=ed25519; p={_base64(key.public_key().public_bytes_raw())}"
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={_base64(der)}"


def _pem(key: PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")


def _base64(octets: bytes) -> str:
    return b64encode(octets).decode("ascii")
