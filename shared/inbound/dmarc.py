"""DMARC: what the author's domain wants done with mail that cannot prove to be its own (RFC 7489).

Strategy: the record is looked for at the author's domain and then at its organisation's (§6.6.3), read strictly, and
asks for one of two things here: nothing, or no delivery. `quarantine` counts as `reject`: a chatmail mailbox has no
junk folder, and to show as genuine what the owner calls suspicious is the worst of the answers. A domain
in test mode (`t=y`, RFC 9989 §4.7) asks for nothing; `pct` is not obeyed, every message counts (RFC 9989 dropped it).
No reports are sent: they would tell third parties who writes to us.
"""

import re
from dataclasses import dataclass
from functools import cache

from publicsuffixlist import PublicSuffixList

from shared.dns.resolver import Resolver

MAX_RECORD = 2048  # octets
_VERSION = re.compile(rb"v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")  # the first tag, and case-sensitive (§6.4)
_TAG = re.compile(r"[ \t]*([A-Za-z][A-Za-z0-9_]*)[ \t]*=([^;]*)")
_POLICIES = ("none", "quarantine", "reject")
_MODES = ("r", "s")


@dataclass(frozen=True, slots=True)
class Record:
    """A DMARC record: `policy` for the domain itself, `below` for those under it, who must match exactly."""

    policy: str
    below: str
    is_dkim_strict: bool
    is_spf_strict: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """The record as it holds for one author's domain."""

    domain: str
    has_objection: bool  # against mail that nothing aligned vouches for
    is_dkim_strict: bool
    is_spf_strict: bool

    def is_aligned_by_spf(self, domain: str) -> bool:
        """Tell whether a domain that passed SPF vouches for the author (§3.1.2)."""
        return _is_aligned(domain, self.domain, is_strict=self.is_spf_strict)

    def is_aligned_by_dkim(self, domain: str) -> bool:
        """Tell whether a domain that signed vouches for the author (§3.1.1)."""
        return _is_aligned(domain, self.domain, is_strict=self.is_dkim_strict)


async def discover(resolver: Resolver, domain: str) -> Policy | None:
    """Find the policy for an author's domain; None: it has none. Raises LookupFailed."""
    found, where = await _records(resolver, domain), domain
    if not found and organisation(domain) != domain:
        where = organisation(domain)
        found = await _records(resolver, where)
    record = read(found[0]) if len(found) == 1 else None  # two are none (§6.6.3)
    if record is None:
        return None
    policy = record.policy if where == domain else record.below
    return Policy(domain, policy != "none", record.is_dkim_strict, record.is_spf_strict)


def read(text: bytes) -> Record | None:
    """Read a record, whatever it is; None if it asks for nothing that can be understood (§6.3, §6.6.3)."""
    tags = _tags(text)
    policy = tags.get("p", "").lower()
    below = tags.get("sp", policy).lower()
    if policy not in _POLICIES or below not in _POLICIES:
        return None  # with `rua` it would count as `none`, which is the same here
    if tags.get("t", "").lower() == "y":
        policy = below = "none"
    return Record(policy, below, is_dkim_strict=_mode(tags, "adkim") == "s", is_spf_strict=_mode(tags, "aspf") == "s")


def organisation(domain: str) -> str:
    """Return the organisation's domain: one label below a public suffix, or the domain itself (§3.2)."""
    return public_suffixes().privatesuffix(domain) or domain


@cache
def public_suffixes() -> PublicSuffixList:
    """Return the list of public suffixes; reading it takes a moment, so a server asks once when it starts."""
    return PublicSuffixList()


async def _records(resolver: Resolver, domain: str) -> list[bytes]:
    return [text for text in await resolver.txt(f"_dmarc.{domain}") if _VERSION.match(text)]


def _tags(text: bytes) -> dict[str, str]:
    """Read tag=value pairs; nothing if one is there twice (RFC 6376 §3.2), and what is no pair is left out."""
    if len(text) > MAX_RECORD or not _VERSION.match(text):
        return {}
    pairs = [_TAG.fullmatch(part) for part in text.decode("ascii", "replace").split(";")]
    found = [(pair[1].lower(), pair[2].strip(" \t")) for pair in pairs if pair]
    tags = dict(found)
    return tags if len(tags) == len(found) else {}


def _mode(tags: dict[str, str], name: str) -> str:
    mode = tags.get(name, "r").lower()
    return mode if mode in _MODES else "r"  # a syntax error means the default (§6.3)


def _is_aligned(domain: str, author: str, *, is_strict: bool) -> bool:
    return domain == author or (not is_strict and organisation(domain) == organisation(author))
