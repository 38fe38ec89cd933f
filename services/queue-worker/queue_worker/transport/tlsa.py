"""DANE for SMTP (RFC 7672): does what a server has shown match what its DNS zone says. Pure.

Strategy: Python's ssl knows no DANE, so the handshake takes any certificate and this module judges what was shown.
Usage 3 names the server's own certificate or key and nothing else counts, neither names nor dates (§3.1.1). Usage 2
names an authority, whose chain down to the server is checked by `cryptography`, name and dates included (§3.1.2).
Usages 0 and 1 mean public authorities and are not for SMTP (§3.1.3).
"""

import datetime
import hashlib
from collections.abc import Callable, Iterable, Sequence

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError

from shared.dns.answer import Tlsa

DANE_TA, DANE_EE = 2, 3
MAX_RECORDS = 16
MAX_CHAIN = 8

# Matching type to the form the data has, and its length; type 0 is the thing itself.
_FORMS: dict[int, tuple[Callable[[bytes], bytes], int | None]] = {
    0: (lambda octets: octets, None),
    1: (lambda octets: hashlib.sha256(octets).digest(), 32),
    2: (lambda octets: hashlib.sha512(octets).digest(), 64),
}


def usable(records: Iterable[Tlsa]) -> list[Tlsa]:
    """Return the records that can match anything in SMTP; if none can, TLS is still a must (RFC 7672 §2.2)."""
    return [record for record in records if _is_usable(record)][:MAX_RECORDS]


def matches(records: Sequence[Tlsa], chain: Sequence[bytes], names: Iterable[str], now: datetime.datetime) -> bool:
    """Tell if a usable record fits a chain of DER certificates, the server's own first, for one of `names`."""
    try:
        shown = [x509.load_der_x509_certificate(octets) for octets in chain[:MAX_CHAIN]]
        return bool(shown) and (_fits_server(records, shown[0]) or _fits_authority(records, shown, names, now))
    except ValueError:  # what is no certificate, or none that can be read, matches nothing
        return False


def _is_usable(record: Tlsa) -> bool:
    form = _FORMS.get(record.matching)
    if record.usage not in (DANE_TA, DANE_EE) or record.selector not in (0, 1) or form is None:
        return False
    return len(record.data) == form[1] if form[1] else bool(record.data)


def _fits_server(records: Sequence[Tlsa], own: x509.Certificate) -> bool:
    return any(_fits(record, own) for record in records if record.usage == DANE_EE)


def _fits_authority(
    records: Sequence[Tlsa], shown: Sequence[x509.Certificate], names: Iterable[str], now: datetime.datetime
) -> bool:
    wanted = [record for record in records if record.usage == DANE_TA]
    if not wanted:
        return False
    candidates = [*shown[1:], *_given(wanted)]
    anchors = [authority for authority in candidates if any(_fits(record, authority) for record in wanted)]
    return bool(anchors) and any(_is_chain(shown, anchors, name, now) for name in names)


def _fits(record: Tlsa, certificate: x509.Certificate) -> bool:
    if record.selector == 0:
        octets = certificate.public_bytes(Encoding.DER)
    else:
        octets = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return _FORMS[record.matching][0](octets) == record.data


def _given(records: Iterable[Tlsa]) -> list[x509.Certificate]:
    """Return the authorities that stand in the zone whole: a server need not show those (RFC 7671 §5.2.2)."""
    whole = (record.data for record in records if (record.selector, record.matching) == (0, 0))
    return [x509.load_der_x509_certificate(data) for data in whole]


def _is_chain(
    shown: Sequence[x509.Certificate], anchors: Sequence[x509.Certificate], name: str, now: datetime.datetime
) -> bool:
    authorities = ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _must_be_ca)
    servers = ExtensionPolicy.permit_all().require_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)
    builder = PolicyBuilder().store(Store(list(anchors))).time(now).max_chain_depth(MAX_CHAIN)
    verifier = builder.extension_policies(ca_policy=authorities, ee_policy=servers)
    try:
        verifier.build_server_verifier(x509.DNSName(name)).verify(shown[0], list(shown[1:]))
    except VerificationError:
        return False
    return True


def _must_be_ca(_: object, __: object, constraints: x509.BasicConstraints) -> None:
    # A private authority's certificates seldom keep the rules of the web's, but an authority they must be.
    if not constraints.ca:
        raise ValueError("not an authority")
