"""When a certificate ends.

Strategy: of a certificate's DER (RFC 5280 §4.1) only the way to one field is read. What `cryptography` offers would
cost every service some megabytes for one number, and the standard library's `ssl` tells it of a peer's alone.
"""

import ssl
from datetime import UTC, datetime

_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
_VERSION, _UTC_TIME = 0xA0, 0x17
_SKIPPED = 3  # serial number, signature algorithm, issuer: they stand between version and validity


def ends_at(chain: bytes) -> float:
    """Return when the first certificate of a PEM chain ends, in seconds since 1970; 0 if that cannot be told."""
    try:
        first = chain[chain.index(_BEGIN) : chain.index(_END) + len(_END)]
        return _time(_not_after(ssl.PEM_cert_to_DER_cert(first.decode("ascii"))))
    except (ValueError, IndexError):
        return 0.0


def _not_after(der: bytes) -> tuple[int, bytes]:
    _, certificate, _ = _element(der)
    _, to_be_signed, _ = _element(certificate)
    tag, _, rest = _element(to_be_signed)
    for _ in range(_SKIPPED if tag == _VERSION else _SKIPPED - 1):
        _, _, rest = _element(rest)
    _, validity, _ = _element(rest)
    _, _, after_not_before = _element(validity)
    tag, value, _ = _element(after_not_before)
    return tag, value


def _element(der: bytes) -> tuple[int, bytes, bytes]:
    """Split off the first element: its tag, what is in it, and the rest (X.690 §8.1)."""
    tag, length, start = der[0], der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start])
    return tag, der[start : start + length], der[start + length :]


def _time(found: tuple[int, bytes]) -> float:
    """Read UTCTime, whose years are of 1950 to 2049, or GeneralizedTime (RFC 5280 §4.1.2.5)."""
    tag, value = found
    text = value.decode("ascii")
    if tag == _UTC_TIME:
        text = ("19" if text >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
