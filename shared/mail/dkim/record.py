"""Public keys, as domains publish them in TXT records (RFC 6376 §3.6.1, RFC 8463 §4).

Strategy: read what operators really publish: without v=, with quotation marks and white space that belong to a zone
file and not into a record; all of these can be dropped, for no value we need may hold them. What a key is for is read
strictly. A record is one domain's word, so that the same octets always make the same key: it is remembered.
"""

from base64 import b64decode
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from shared.mail.dkim.finding import Finding
from shared.mail.dkim.tags import read_tags

MIN_RSA, MAX_RSA = 1024, 4096  # bits (RFC 8301 §3.2)
_MAX_EXPONENT = 32  # bits; a larger one only makes us work
_MAX_RECORD = 4096  # octets; an RSA key of 4096 bits takes some 750
_SMALLEST_DER, _LARGEST_DER = 128, 600  # of an RSA key within the limits, as a first look
_JUNK = b' \t\r\n"'


@dataclass(frozen=True, slots=True)
class Key:
    """A public key; `is_strict` (t=s) takes only identities of its very domain."""

    algorithm: str
    public: RSAPublicKey | Ed25519PublicKey
    is_strict: bool

    def is_match(self, octets: bytes, signed: bytes) -> bool:
        """Tell whether `octets` is this key's signature of `signed`."""
        try:
            if isinstance(self.public, RSAPublicKey):
                self.public.verify(octets, signed, PKCS1v15(), SHA256())
            else:
                self.public.verify(octets, sha256(signed).digest())  # RFC 8463 §3: the hash is what is signed
        except InvalidSignature:
            return False
        return True


def read_key(txt: bytes) -> Key | Finding:
    """Read one TXT record, its strings joined; a Finding says why it is no key for mail."""
    return _read(txt) if len(txt) <= _MAX_RECORD else Finding.BAD_KEY


@lru_cache(maxsize=256)
def _read(txt: bytes) -> Key | Finding:
    tags = read_tags(txt.translate(None, _JUNK))
    if tags is None or tags.get(b"v", b"DKIM1") != b"DKIM1" or b"p" not in tags:
        return Finding.BAD_KEY
    if not tags[b"p"]:
        return Finding.REVOKED
    if not {b"*", b"email"} & _listed(tags, b"s", b"*") or b"sha256" not in _listed(tags, b"h", b"sha256"):
        return Finding.NOT_FOR_THIS
    flags = _listed(tags, b"t", b"")
    return Finding.TESTING if b"y" in flags else _key(tags.get(b"k", b"rsa"), tags[b"p"], is_strict=b"s" in flags)


def _listed(tags: dict[bytes, bytes], name: bytes, default: bytes) -> set[bytes]:
    return set(tags.get(name, default).split(b":"))


def _key(kind: bytes, text: bytes, *, is_strict: bool) -> Key | Finding:
    try:
        octets = b64decode(text, validate=True)
        if kind == b"ed25519":
            return Key("ed25519", Ed25519PublicKey.from_public_bytes(octets), is_strict)
        if kind != b"rsa":
            return Finding.NOT_FOR_THIS
        return _rsa(octets, is_strict=is_strict)
    except (ValueError, UnsupportedAlgorithm):
        return Finding.BAD_KEY


def _rsa(der: bytes, *, is_strict: bool) -> Key | Finding:
    if not _SMALLEST_DER <= len(der) <= _LARGEST_DER:
        return Finding.WEAK
    public = load_der_public_key(der)
    if not isinstance(public, RSAPublicKey):
        return Finding.BAD_KEY
    exponent = public.public_numbers().e
    if not MIN_RSA <= public.key_size <= MAX_RSA or exponent % 2 == 0 or not 1 < exponent < 2**_MAX_EXPONENT:
        return Finding.WEAK
    return Key("rsa", public, is_strict)
