"""The request, and the look at what comes back."""

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from queue_worker.acme import paper
from queue_worker.acme.trouble import Trouble

from tests.certificates import Authority, Leaf

NOW = datetime.datetime.now(datetime.UTC)
NAMES = ["mail.a.test", "192.0.2.1"]
CA = Authority(parent=Authority("Root"))


def key_of(leaf: Leaf) -> str:
    return leaf.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def test_a_request_says_what_is_wanted_and_is_signed() -> None:
    request = x509.load_pem_x509_csr(paper.make_request(paper.make_key(), [*NAMES, "a" * 60 + ".test"]))
    alternatives = request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert request.is_signature_valid
    assert alternatives.get_values_for_type(x509.DNSName) == ["mail.a.test", "a" * 60 + ".test"]
    assert [str(ip) for ip in alternatives.get_values_for_type(x509.IPAddress)] == ["192.0.2.1"]


def test_every_certificate_has_a_key_of_its_own() -> None:
    assert paper.make_key() != paper.make_key()


def test_what_was_asked_for_is_taken() -> None:
    leaf = CA.issue(*NAMES, "more.a.test", days=90)
    issued = paper.look_at(leaf.pem.decode(), key_of(leaf), NAMES, NOW)
    assert issued.names == ("192.0.2.1", "mail.a.test", "more.a.test")
    assert issued.not_after == leaf.certificate.not_valid_after_utc
    assert issued.chain.count("BEGIN CERTIFICATE") == 2


GOOD = CA.issue(*NAMES)
OVER = CA.issue(*NAMES, days=-1)
PEM = GOOD.pem.decode()
BAD = {
    "not PEM": ("nothing", GOOD),
    "empty": ("", GOOD),
    "cut": (PEM[: len(PEM) // 4], GOOD),
    "no text": ("\udcff\x00", GOOD),
    "another's key": (PEM, CA.issue(*NAMES)),
    "over": (OVER.pem.decode(), OVER),
    "huge": (PEM * 200, GOOD),
    "intermediate first": (CA.certificate.public_bytes(Encoding.PEM).decode() + PEM, GOOD),
}


@pytest.mark.parametrize(("chain", "leaf"), BAD.values(), ids=list(BAD))
def test_what_was_not_asked_for_is_not(chain: str, leaf: Leaf) -> None:
    with pytest.raises(Trouble) as raised:
        paper.look_at(chain, key_of(leaf), NAMES, NOW)
    assert raised.value.word == "bad certificate"


def test_fewer_names_than_asked_for_are_not_taken() -> None:
    with pytest.raises(Trouble):
        paper.look_at(PEM, key_of(GOOD), [*NAMES, "b.test"], NOW)
