"""Private keys: made, read from operators' files, published."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from shared.mail.dkim.private import KeyFileError, load, make_ed25519, make_rsa, public_record
from shared.mail.dkim.record import Key, read_key
from tests.dkim.recipe import pem, private


@pytest.mark.parametrize("make", [make_rsa, make_ed25519])
def test_made(make: type[str]) -> None:
    made = make()
    assert made.startswith("-----BEGIN PRIVATE KEY-----\n")
    assert made != make()
    key = read_key(public_record(made).encode())
    assert isinstance(key, Key)
    assert key.public == load(made).public_key()


def test_made_rsa_has_2048_bits() -> None:
    key = load(make_rsa())
    assert isinstance(key, RSAPrivateKey)
    assert key.key_size == 2048


def test_records() -> None:
    assert public_record(pem()).startswith("v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A")
    assert len(public_record(pem("ed25519"))) == len("v=DKIM1; k=ed25519; p=") + 44


def test_pkcs1() -> None:
    text = private().private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    assert text.startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert public_record(text) == public_record(pem())


def locked() -> str:
    return private().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")).decode()


def elliptic() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def short_rsa() -> str:
    """Return an RSA key of 512 bits, which `generate_private_key` rightly does not make."""
    p, q = prime_after(3 << 254), prime_after(7 << 253)
    d = pow(65537, -1, (p - 1) * (q - 1))
    numbers = RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), RSAPublicNumbers(65537, p * q))
    return numbers.private_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def prime_after(number: int) -> int:
    return next(odd for odd in range(number + 1, number + 10_000, 2) if pow(2, odd - 1, odd) == 1)


REFUSED = {
    "512": (short_rsa(), "RSA of 1024 to 4096 bits, or Ed25519"),
    "nothing": ("", "no private key"),
    "text": ("hello é", "no private key"),
    "cut-off": (pem()[:400], "no private key"),
    "public": ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "no private key"),
    "passphrase": (locked(), "passphrase"),
    "elliptic": (elliptic(), "RSA of 1024 to 4096 bits, or Ed25519"),
    "lone-surrogate": ("\udcff", "no private key"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    text, why = REFUSED[name]
    with pytest.raises(KeyFileError, match=why):
        load(text)
