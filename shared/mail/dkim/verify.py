"""Whether a signature holds (RFC 6376 §6.1).

Strategy: what costs nothing is asked first, then the header and the public key, and the body last, so that a forgery
costs one RSA operation and no pass over 30 MB. The body's hash is shared by all signatures that want the same form.

Duplicates: a singleton given twice makes a message malformed (headers.py) but for three that are counted by who reads
them: From, Content-Type and Content-Transfer-Encoding. Their second copy may lie outside what was signed, so no
signature holds beside one. Other fields may be added to any message whose signer did not sign them as absent; nothing
here can tell.
"""

from collections import Counter
from typing import TYPE_CHECKING

from shared.mail.dkim import canonical
from shared.mail.dkim.finding import Finding
from shared.mail.dkim.record import Key
from shared.mail.dkim.signature import Signature
from shared.mail.message import Facts

if TYPE_CHECKING:
    from typing_extensions import Buffer

_SKEW = 3600  # seconds by which a signer's clock may be ahead of ours
_SINGLETONS = frozenset((b"from", b"content-type", b"content-transfer-encoding"))


def verify(raw: "Buffer", facts: Facts, signature: Signature, key: Key, now: int) -> Finding:
    """Return whether the signature holds for this message and key; `now` is in seconds since 1970."""
    return Examination(raw, facts).verify(signature, key, now)


class Examination:
    """One message under examination; `raw` must stay as it is meanwhile."""

    def __init__(self, raw: "Buffer", facts: Facts) -> None:
        self._raw = raw
        self._facts = facts
        with memoryview(raw) as view:
            self._block = bytes(view[: facts.header_size])
        self._is_ambiguous = _is_ambiguous(facts)
        self._body_hashes: dict[bool, bytes] = {}

    def verify(self, signature: Signature, key: Key, now: int) -> Finding:
        """Return whether the signature holds; see `verify` above."""
        flaw = self._flaw(signature, now) or _misuse(signature, key)
        if flaw:
            return flaw
        if not key.is_match(signature.octets, self._signed(signature)):
            return Finding.ALTERED
        return Finding.VALID if self._body_hash(signature) == signature.body_hash else Finding.ALTERED_BODY

    def may_hold(self, signature: Signature, now: int) -> bool:
        """Tell whether some key could make the signature hold, as far as that can be told without one."""
        return self._flaw(signature, now) is None and self._body_hash(signature) == signature.body_hash

    def _flaw(self, signature: Signature, now: int) -> Finding | None:
        if self._facts.is_malformed or signature.flaw:
            return signature.flaw or Finding.MALFORMED
        if self._is_ambiguous:
            return Finding.AMBIGUOUS
        if signature.expires_at is not None and signature.expires_at < now:
            return Finding.EXPIRED
        is_early = signature.signed_at is not None and signature.signed_at > now + _SKEW
        return Finding.FROM_THE_FUTURE if is_early else None

    def _signed(self, signature: Signature) -> bytes:
        is_relaxed = signature.is_header_relaxed
        fields = canonical.header(self._block, self._facts.fields, signature.signed, is_relaxed=is_relaxed)
        return fields + canonical.unsigned(self._block, signature.where, is_relaxed=is_relaxed)

    def _body_hash(self, signature: Signature) -> bytes:
        form = signature.is_body_relaxed
        if form not in self._body_hashes:
            self._body_hashes[form] = canonical.body_hash(self._raw, self._facts.header_size, is_relaxed=form)
        return self._body_hashes[form]


def _is_ambiguous(facts: Facts) -> bool:
    counts = Counter(field.name for field in facts.fields if field.name in _SINGLETONS)
    return any(count > 1 for count in counts.values())


def _misuse(signature: Signature, key: Key) -> Finding | None:
    if key.algorithm != signature.algorithm or (key.is_strict and signature.identity != signature.domain):
        return Finding.NOT_FOR_THIS
    return None
