"""DKIM-Signature fields, read (RFC 6376 §3.5, §6.1.1).

Strategy: a field is read once, up to 32 KB of it; whatever is wrong is kept as its flaw instead of being raised, so
that a caller can tell "no signature" from "no good one". Values are read as they stand (§3.2: case matters), domains
and field names in lower case. Only the first five of a message are read: the uppermost are the latest, and whoever
sends more wants us to work. Tags we do not know are ignored, as they must be.
"""

import re
from base64 import b64decode
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from shared.address import AddressError, parse_domain
from shared.mail.dkim.finding import Finding
from shared.mail.dkim.tags import read_tags
from shared.mail.headers import Field
from shared.mail.message import Facts

if TYPE_CHECKING:
    from typing_extensions import Buffer

NAME = b"dkim-signature"
MAX_SIGNATURES = 5
_MAX_FIELD = 32 * 1024  # room for a z= of fair size
_MAX_NAMES = 1000  # in h=; there are no more fields in a message
_MAX_NAME = 253  # of a name in DNS (RFC 1035 §3.1)
_ALGORITHMS = {b"rsa-sha256": "rsa", b"ed25519-sha256": "ed25519"}  # RFC 8301 §3.1, RFC 8463 §3
_FORMS = {b"simple": False, b"relaxed": True}
_SELECTOR = re.compile(rb"[A-Za-z0-9_-]{1,63}+(?:\.[A-Za-z0-9_-]{1,63}+)*+")
_SIGNED = rb"[ \t]*+[!-9<-~]++[ \t]*+"
_ALL_SIGNED = re.compile(_SIGNED + rb"(?::" + _SIGNED + rb")*+")
_SECONDS = re.compile(rb"[0-9]{1,12}+")  # §3.5: values of up to twelve digits must be understood
_DIGEST = 32


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature as it is written; with a `flaw`, all after it means nothing.

    `domain` is d=, `identity` the domain of i=, both in lower case; `signed` are the names in h=; `octets` are b=.
    Times are seconds since 1970.
    """

    where: Field
    flaw: Finding | None = None
    algorithm: str = ""
    domain: str = ""
    selector: str = ""
    identity: str = ""
    signed: tuple[bytes, ...] = ()
    body_hash: bytes = b""
    octets: bytes = field(default=b"", repr=False)
    is_header_relaxed: bool = False
    is_body_relaxed: bool = False
    signed_at: int | None = None
    expires_at: int | None = None

    @property
    def key_name(self) -> str:
        """The name whose TXT record is the key (§3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain}"


class _FlawedError(Exception):
    def __init__(self, flaw: Finding) -> None:
        self.flaw = flaw


def signatures(raw: "Buffer", facts: Facts) -> list[Signature]:
    """Return the first MAX_SIGNATURES signatures of the message, from the top, good and bad."""
    with memoryview(raw) as view:
        fields = islice((field for field in facts.fields if field.name == NAME), MAX_SIGNATURES)
        return [_read(field, view) for field in fields]


def _read(field: Field, view: memoryview) -> Signature:
    if field.end - field.colon > _MAX_FIELD:
        return Signature(field, Finding.MALFORMED)
    tags = read_tags(bytes(view[field.colon + 1 : field.end]).replace(b"\r\n", b""))
    try:
        return _signature(field, tags or {})
    except _FlawedError as flawed:
        return Signature(field, flawed.flaw)


def _signature(field: Field, tags: dict[bytes, bytes]) -> Signature:
    _need(tags.get(b"v") == b"1" and {b"a", b"b", b"bh", b"d", b"h", b"s"} <= tags.keys(), Finding.MALFORMED)
    _need(b"l" not in tags, Finding.PARTIAL)
    algorithm = _ALGORITHMS.get(tags[b"a"])
    if algorithm is None:
        raise _FlawedError(Finding.WEAK)
    domain, selector = _domain(tags[b"d"]), _selector(tags[b"s"])
    _need(len(f"{selector}._domainkey.{domain}") <= _MAX_NAME, Finding.MALFORMED)
    _need(_is_by_dns(tags.get(b"q", b"dns/txt")), Finding.MALFORMED)
    signed_at, expires_at = _seconds(tags.get(b"t")), _seconds(tags.get(b"x"))
    _need(signed_at is None or expires_at is None or signed_at < expires_at, Finding.MALFORMED)
    is_header_relaxed, is_body_relaxed = _forms(tags.get(b"c", b"simple/simple"))
    return Signature(
        field,
        algorithm=algorithm,
        domain=domain,
        selector=selector,
        identity=_identity(tags.get(b"i"), domain),
        signed=_names(tags[b"h"]),
        body_hash=_digest(tags[b"bh"]),
        octets=_octets(tags[b"b"]),
        is_header_relaxed=is_header_relaxed,
        is_body_relaxed=is_body_relaxed,
        signed_at=signed_at,
        expires_at=expires_at,
    )


def _need(is_so: bool, flaw: Finding) -> None:
    if not is_so:
        raise _FlawedError(flaw)


def _domain(text: bytes) -> str:
    try:
        domain = parse_domain(text.decode("ascii"))
    except (AddressError, UnicodeDecodeError):
        raise _FlawedError(Finding.MALFORMED) from None
    _need(not domain.startswith("["), Finding.MALFORMED)
    return domain


def _selector(text: bytes) -> str:
    _need(bool(_SELECTOR.fullmatch(text)), Finding.MALFORMED)
    return text.decode("ascii").lower()


def _identity(text: bytes | None, domain: str) -> str:
    """Read i=, of which only the domain matters to anybody but the signer (§3.5, §6.1.1)."""
    if text is None:
        return domain
    _, at, host = text.rpartition(b"@")
    _need(bool(at), Finding.MALFORMED)
    identity = _domain(host)
    _need(identity == domain or identity.endswith("." + domain), Finding.FOREIGN_IDENTITY)
    return identity


def _names(text: bytes) -> tuple[bytes, ...]:
    _need(bool(_ALL_SIGNED.fullmatch(text)), Finding.MALFORMED)
    names = tuple(text.lower().translate(None, b" \t").split(b":"))
    _need(len(names) <= _MAX_NAMES, Finding.MALFORMED)
    _need(b"from" in names, Finding.NO_FROM)
    return names


def _forms(text: bytes) -> tuple[bool, bool]:
    of_header, slash, of_body = text.partition(b"/")
    of_body = of_body if slash else b"simple"
    _need(of_header in _FORMS and of_body in _FORMS, Finding.MALFORMED)
    return _FORMS[of_header], _FORMS[of_body]


def _is_by_dns(methods: bytes) -> bool:
    return b"dns/txt" in [method.strip(b" \t") for method in methods.split(b":")]


def _seconds(text: bytes | None) -> int | None:
    _need(text is None or bool(_SECONDS.fullmatch(text)), Finding.MALFORMED)
    return None if text is None else int(text)


def _digest(text: bytes) -> bytes:
    digest = _octets(text)
    _need(len(digest) == _DIGEST, Finding.MALFORMED)
    return digest


def _octets(text: bytes) -> bytes:
    try:
        octets = b64decode(text.translate(None, b" \t"), validate=True)
    except ValueError:
        raise _FlawedError(Finding.MALFORMED) from None
    _need(bool(octets), Finding.MALFORMED)
    return octets
