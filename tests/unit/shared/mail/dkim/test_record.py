"""Key records: what operators publish, what is refused, and for which reason."""

from base64 import b64encode

import pytest

from shared.mail.dkim.finding import Finding
from shared.mail.dkim.record import Key, read_key
from tests.dkim.recipe import record


def integer(number: int) -> bytes:
    return tlv(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def tlv(tag: int, octets: bytes) -> bytes:
    size = len(octets)
    length = bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big") if size > 255 else bytes([0x81, size])
    return bytes([tag]) + length + octets


def rsa(bits: int, exponent: int = 65537, *, is_wrapped: bool = True) -> bytes:
    """Return a record with an RSA key nobody has to have made: any odd modulus reads as one."""
    key = tlv(0x30, integer((1 << bits) - 1) + integer(exponent))
    wrapped = tlv(0x30, tlv(0x30, bytes.fromhex("06092a864886f70d01010105 00")) + tlv(3, b"\0" + key))
    return b"p=" + b64encode(wrapped if is_wrapped else key)


P_256 = (
    b"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7L"
)
P_256 += b"tkBoN79R9Q=="

KEYS = {
    "rsa": (record(), "rsa"),
    "ed25519": (record("ed25519"), "ed25519"),
    "no-version": (record(tags=b""), "rsa"),
    "no-kind": (rsa(2048), "rsa"),
    "pkcs1": (rsa(2048, is_wrapped=False), "rsa"),
    "1024": (rsa(1024), "rsa"),
    "4096": (rsa(4096), "rsa"),
    "exponent-3": (rsa(2048, 3), "rsa"),
    "quotes": (b'"' + record() + b'"', "rsa"),
    "strings-with-quotes": (b'"v=DKIM1; k=rsa; " "' + rsa(2048) + b'"', "rsa"),
    "spaces": (b"  v = DKIM1 ;\tk =\r\n rsa ; p= " + b" ".join([rsa(2048)[2:99], rsa(2048)[99:]]) + b" ; ", "rsa"),
    "for-mail": (record(tags=b"s=email; "), "rsa"),
    "for-all": (record(tags=b"s=*; "), "rsa"),
    "for-several": (record(tags=b"s=tlsrpt : email; "), "rsa"),
    "sha256": (record(tags=b"h=sha1:sha256; "), "rsa"),
    "notes-and-old-tags": (record(tags=b"v=DKIM1; n=a note; g=; x=y; "), "rsa"),
    "other-flags": (record(tags=b"t=z; "), "rsa"),
}

REFUSED = {
    "nothing": (b"", Finding.BAD_KEY),
    "spf": (b"v=spf1 -all", Finding.BAD_KEY),
    "version": (record(tags=b"v=DKIM2; "), Finding.BAD_KEY),
    "version-case": (record(tags=b"v=dkim1; "), Finding.BAD_KEY),
    "no-key": (b"v=DKIM1; k=rsa", Finding.BAD_KEY),
    "revoked": (b"v=DKIM1; k=rsa; p=", Finding.REVOKED),
    "revoked-spaces": (b"p= ;", Finding.REVOKED),
    "testing": (record(tags=b"t=y; "), Finding.TESTING),
    "testing-strict": (record(tags=b"t=s:y; "), Finding.TESTING),
    "not-for-mail": (record(tags=b"s=tlsrpt; "), Finding.NOT_FOR_THIS),
    "for-nothing": (record(tags=b"s=; "), Finding.NOT_FOR_THIS),
    "sha1-only": (record(tags=b"h=sha1; "), Finding.NOT_FOR_THIS),
    "other-kind": (record().replace(b"k=rsa", b"k=dsa"), Finding.NOT_FOR_THIS),
    "tag-twice": (record(tags=b"k=rsa; "), Finding.BAD_KEY),
    "not-base64": (b"p=!!!!", Finding.BAD_KEY),
    "bad-padding": (b"p=AAAAA", Finding.BAD_KEY),
    "ed25519-short": (b"k=ed25519; p=" + b64encode(bytes(31)), Finding.BAD_KEY),
    "ed25519-as-rsa": (record("ed25519").replace(b"ed25519", b"rsa"), Finding.WEAK),
    "not-der": (b"p=" + b64encode(bytes(300)), Finding.BAD_KEY),
    "elliptic": (b"p=" + P_256, Finding.WEAK),
    "512": (rsa(512), Finding.WEAK),
    "1023": (rsa(1023), Finding.WEAK),
    "4097": (rsa(4097), Finding.WEAK),
    "16384": (rsa(16384), Finding.WEAK),
    "exponent-1": (rsa(2048, 1), Finding.BAD_KEY),
    "exponent-even": (rsa(2048, 65536), Finding.BAD_KEY),
    "exponent-large": (rsa(2048, 2**32 + 1), Finding.WEAK),
    "long-record": (record() + b"; n=" + b"x" * 4096, Finding.BAD_KEY),
    "8-bit": (b"\xff" * 300, Finding.BAD_KEY),
}


@pytest.mark.parametrize("name", KEYS)
def test_keys(name: str) -> None:
    text, algorithm = KEYS[name]
    key = read_key(text)
    assert isinstance(key, Key)
    assert (key.algorithm, key.is_strict) == (algorithm, False)


def test_strict() -> None:
    key = read_key(record(tags=b"t=x:s; "))
    assert isinstance(key, Key)
    assert key.is_strict


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    text, finding = REFUSED[name]
    assert read_key(text) is finding
