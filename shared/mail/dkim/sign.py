"""DKIM-Signature fields for our own mail (RFC 6376 §5, RFC 8463).

Strategy: all fields of a message are signed but those that change under way. What a reader acts on is signed once
more than it occurs, so that nobody can add another (§5.4.2). The same message, keys and time always give the same
octets. Header and body are brought to their canonical form once, however many keys there are.

The first key's signature comes out on top. RSA should be first: some verifiers look at the topmost alone, and not all
know Ed25519.
"""

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

from shared.mail.dkim import canonical
from shared.mail.dkim.private import PrivateKey
from shared.mail.headers import Headers

if TYPE_CHECKING:
    from typing_extensions import Buffer

_COLUMNS = 76
_CHUNK = 72  # of base64
_TRACE = frozenset(
    b"return-path received dkim-signature authentication-results arc-seal arc-message-signature"
    b" arc-authentication-results delivered-to bcc resent-bcc".split()
)
# As the reference relay does, and the three that say how to read the body.
_OVERSIGNED = (
    b"from reply-to subject date to cc resent-date resent-from resent-sender resent-to resent-cc resent-message-id"
    b" in-reply-to references list-id list-help list-unsubscribe list-unsubscribe-post list-subscribe list-post"
    b" list-owner list-archive autocrypt mime-version content-type content-transfer-encoding"
).split()
_PLAIN_NAME = re.compile(rb"[a-z0-9_-]++")  # a name may hold a semicolon, which h= could not


class Signer:
    """Signs the mail of one domain with all its keys, given by selector."""

    def __init__(self, domain: str, keys: Mapping[str, PrivateKey]) -> None:
        self._domain = domain.encode("ascii")
        self._keys = [(selector.encode("ascii"), key) for selector, key in keys.items()]

    def sign(self, raw: "Buffer", headers: Headers, now: int) -> bytes:
        """Return the fields to put in front of the message, one for each key; `now` is in seconds since 1970.

        `headers` is what `headers.scan` found in `raw`; ValueError if it is malformed.
        """
        if headers.is_malformed:
            raise ValueError("a malformed message cannot be signed")
        names = _names(headers)
        signed = canonical.header(headers.octets, headers.fields, names, is_relaxed=True)
        digest = b64encode(canonical.body_hash(raw, headers.size, is_relaxed=True))
        return b"".join(self._field(selector, key, names, signed, digest, now) for selector, key in self._keys)

    def _field(
        self, selector: bytes, key: PrivateKey, names: list[bytes], signed: bytes, digest: bytes, now: int
    ) -> bytes:
        kind = b"rsa" if isinstance(key, RSAPrivateKey) else b"ed25519"
        tags = [b"v=1", b"a=%b-sha256" % kind, b"c=relaxed/relaxed", b"d=" + self._domain, b"s=" + selector]
        pieces = [b" %b;" % tag for tag in [*tags, b"t=%d" % now]]
        name, value = b"DKIM-Signature:", _folded([*pieces, *_h_tag(names), b" bh=%b;" % digest, b" b="], 15)
        octets = _signature(key, signed + name.lower() + canonical.relaxed_value(value))
        start = len(value) - value.rfind(b"\n") - 1
        return name + value + _folded(_chunks(b64encode(octets)), start) + b"\r\n"


def _names(headers: Headers) -> list[bytes]:
    counts = Counter(field.name for field in headers.fields if field.name not in _TRACE)
    counts.update(_OVERSIGNED)
    return [name for name in counts.elements() if _PLAIN_NAME.fullmatch(name)]


def _signature(key: PrivateKey, octets: bytes) -> bytes:
    if isinstance(key, RSAPrivateKey):
        return key.sign(octets, PKCS1v15(), SHA256())
    return key.sign(sha256(octets).digest())  # RFC 8463 §3: the hash is what is signed


def _h_tag(names: list[bytes]) -> Iterator[bytes]:
    *others, last = names
    yield b" h="
    for name in others:
        yield name + b":"
    yield last + b";"


def _chunks(text: bytes) -> Iterable[bytes]:
    return (text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK))


def _folded(pieces: Iterable[bytes], column: int) -> bytes:
    """Join the pieces, the first of them at `column`, and break the line before one that would reach too far."""
    lines = []
    for piece in pieces:
        if column + len(piece) > _COLUMNS:
            piece = b"\r\n\t" + piece.lstrip(b" ")
            column = len(piece) - 2
        else:
            column += len(piece)
        lines.append(piece)
    return b"".join(lines)
