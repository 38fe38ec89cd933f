"""When a certificate ends, read without a library; `cryptography` is the judge."""

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from shared.listen.validity import ends_at

KEY = ec.generate_private_key(ec.SECP256R1())
BORN = datetime.datetime(1990, 1, 1, tzinfo=datetime.UTC)


def certificate(end: datetime.datetime, name: str = "x" * 60) -> bytes:
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name), x509.NameAttribute(NameOID.LOCALITY_NAME, name)])
    builder = x509.CertificateBuilder(who, who, KEY.public_key(), x509.random_serial_number(), BORN, end)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    "end",
    [
        datetime.datetime(1999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC),
        datetime.datetime(2026, 11, 22, 1, 2, 3, tzinfo=datetime.UTC),
        datetime.datetime(2049, 12, 31, tzinfo=datetime.UTC),
        datetime.datetime(2050, 1, 1, tzinfo=datetime.UTC),
        datetime.datetime(2120, 2, 29, tzinfo=datetime.UTC),
    ],
    ids=str,
)
def test_the_end_is_that_of_the_first(end: datetime.datetime) -> None:
    chain = b"# a word before\n" + certificate(end) + certificate(end + datetime.timedelta(days=9))
    assert ends_at(chain) == end.timestamp()


@pytest.mark.parametrize("name", ["a", "ö" * 32], ids=["short", "long"])
def test_names_of_any_length_are_passed_over(name: str) -> None:
    end = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
    assert ends_at(certificate(end, name)) == end.timestamp()


WHOLE = certificate(datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC))
BROKEN = {
    "empty": b"",
    "no PEM": b"nothing of the kind",
    "no end": WHOLE[:100],
    "backwards": b"-----END CERTIFICATE----- -----BEGIN CERTIFICATE-----",
    "empty body": b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
    "cut": b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "not base64": b"-----BEGIN CERTIFICATE-----\n\xff!\n-----END CERTIFICATE-----",
}


@pytest.mark.parametrize("chain", BROKEN.values(), ids=BROKEN)
def test_what_is_no_certificate_has_no_end(chain: bytes) -> None:
    assert ends_at(chain) == 0.0
