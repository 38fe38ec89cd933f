"""Where a stranger's message really comes from: what both doors ask before they take it.

Strategy: rules are in shared/policy/inbound.py; here the facts for them are found, each only when a rule needs it. Most
messages need one: is there a valid signature of the author's domain. Only for domains that may send unsigned, and have
not signed, SPF, DMARC and the sender's MX are asked about, all at once. What is found is used for the verdict and kept
nowhere.

Bounds: all DNS of a message fits into DNS_SECONDS, then the answer is "try again later"; five signatures are read
(shared/mail/dkim); long messages are hashed on a few threads, for which they wait in line for HASH_SECONDS at most.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from shared.address import Address, AddressError, parse_domain
from shared.dns.answer import LookupFailed
from shared.dns.resolver import Resolver
from shared.inbound import dmarc, spf
from shared.mail import reply
from shared.mail.dkim import judge as dkim
from shared.mail.dkim.signature import Signature, signatures
from shared.mail.message import Facts
from shared.policy import inbound
from shared.policy.inbound import Dmarc, Ip, Spf, Unsigned
from shared.policy.verdict import Reject, Verdict

DNS_SECONDS = 5.0
HASH_SECONDS = 60.0
LARGE = 256 * 1024  # octets; hashing less is quicker than a thread's start
_MAX_HASHING = 2


@dataclass(frozen=True, slots=True)
class _Message:
    raw: bytes
    facts: Facts
    domain: str  # the author's


@dataclass(frozen=True, slots=True)
class _Envelope:
    domain: str  # of the sender, or what the peer calls itself if the sender is null (RFC 7208 §2.4)
    peer: Ip
    helo: str


class Origins:
    """Judges where messages come from, for one process and event loop.

    `domains` are ours; `unsigned_from` are those that may send without a signature, `*` stands for all.
    """

    def __init__(self, resolver: Resolver, domains: frozenset[str], unsigned_from: frozenset[str]) -> None:
        self._resolver = resolver
        self._domains = domains
        self._unsigned_from = unsigned_from
        self._spf = spf.Judge(resolver)
        self._hashing = asyncio.Semaphore(_MAX_HASHING)
        if unsigned_from:
            dmarc.public_suffixes()

    async def judge(self, raw: bytes, facts: Facts, sender: Address | None, peer: Ip, helo: str) -> Verdict:
        """Say whether a message may be its author's; `sender` is the envelope's, None the null sender.

        What the DNS does not tell in time makes a temporary refusal, never a permanent one.
        """
        by_author = inbound.judge_author(facts.author, peer, self._domains)
        if by_author is not None:
            return by_author
        assert facts.author is not None  # the rule above has refused the others
        message = _Message(raw, facts, facts.author.domain)
        may_be_unsigned = inbound.may_be_unsigned(message.domain, self._unsigned_from)
        seconds = DNS_SECONDS / 2 if may_be_unsigned else DNS_SECONDS
        signed = await self._signed(message, dkim.aligned(raw, facts, message.domain), seconds)
        if signed is dkim.Judgement.VALID or not may_be_unsigned:
            return inbound.judge_signed(signed)
        envelope = _Envelope(sender.domain if sender else _name(helo), peer, helo)
        try:
            async with asyncio.timeout(DNS_SECONDS / 2):
                found = await self._found(message, envelope, signed)
        except TimeoutError:
            return Reject(reply.ORIGIN_UNKNOWN)
        return inbound.judge_unsigned(found)

    async def _signed(self, message: _Message, candidates: Sequence[Signature], seconds: float) -> dkim.Judgement:
        names = list({signature.key_name for signature in candidates})
        records = await asyncio.gather(*(self._key(name, seconds) for name in names))
        job = (message.raw, message.facts, candidates, dict(zip(names, records, strict=True)), int(time.time()))
        if len(message.raw) <= LARGE or not candidates:
            return dkim.judge(*job)
        try:
            async with asyncio.timeout(HASH_SECONDS):
                await self._hashing.acquire()
        except TimeoutError:
            return dkim.Judgement.UNKNOWN
        try:
            return await asyncio.to_thread(dkim.judge, *job)
        finally:
            self._hashing.release()

    async def _key(self, name: str, seconds: float) -> list[bytes] | None:
        try:
            async with asyncio.timeout(seconds):
                return await self._resolver.txt(name)
        except (LookupFailed, TimeoutError):
            return None

    async def _found(self, message: _Message, envelope: _Envelope, signed: dkim.Judgement) -> Unsigned:
        may_be_answered, by_spf, policy = await asyncio.gather(
            self._may_be_answered(envelope), self._by_spf(envelope), self._policy(message.domain)
        )
        if isinstance(policy, dmarc.Policy):
            policy = await self._by_dmarc(policy, message, envelope.domain if by_spf is Spf.PASSED else "", signed)
        return Unsigned(may_be_answered, by_spf, policy)

    async def _may_be_answered(self, envelope: _Envelope) -> bool | None:
        """Tell whether mail to the sender would find a way: MX, or an address (RFC 5321 §5.1); not a null MX."""
        domain = envelope.domain
        if domain.startswith("["):
            return inbound.is_at(domain, envelope.peer)
        try:
            exchangers = await self._resolver.mx(domain) if domain else []
            if exchangers:
                return any(mx.host for mx in exchangers)
            return bool(domain and await self._resolver.addresses(domain))
        except LookupFailed:
            return None

    async def _by_spf(self, envelope: _Envelope) -> Spf:
        if not envelope.domain or envelope.domain.startswith("["):
            return Spf.NONE  # RFC 7208 §4.3
        return await self._spf.result(envelope.domain, envelope.peer, envelope.helo)

    async def _policy(self, domain: str) -> dmarc.Policy | Dmarc:
        try:
            policy = await dmarc.discover(self._resolver, domain)
        except LookupFailed:
            return Dmarc.UNKNOWN
        return policy if policy and policy.has_objection else Dmarc.SILENT

    async def _by_dmarc(self, policy: dmarc.Policy, message: _Message, passed: str, signed: dkim.Judgement) -> Dmarc:
        """Look for somebody who vouches for the author: the domain that `passed` SPF, or a signer beside it."""
        if passed and policy.is_aligned_by_spf(passed):
            return Dmarc.ALIGNED
        others = [found for found in signatures(message.raw, message.facts) if found.domain != message.domain]
        vouching = [found for found in others if found.flaw is None and policy.is_aligned_by_dkim(found.domain)]
        beside = await self._signed(message, vouching, DNS_SECONDS / 2)
        if beside is dkim.Judgement.VALID:
            return Dmarc.ALIGNED
        return Dmarc.UNKNOWN if dkim.Judgement.UNKNOWN in (beside, signed) else Dmarc.OBJECTS


def _name(helo: str) -> str:
    """Read what a peer calls itself; the empty string if that is no name and no address."""
    try:
        return parse_domain(helo)
    except AddressError:
        return ""
