"""SPF, as RFC 7208 has it: may this peer send mail for that domain.

Strategy: pyspf knows the rules, but asks the DNS itself, in the midst of them and waiting. Here it never does: the
rules run over the answers that we have, and where one is missing they stop and name the question. That is asked on
the event loop, and the rules run again from their start. Threads compute and never wait, so a sender with a slow DNS
holds nothing but its own message. What was once expanded is remembered between the runs.

The sender's local part is kept out: a record may build the name of a question with it (`%{l}`, `%{s}`), and all of the
way to the DNS would read who writes to us. A question that needs it is not asked, and the result is `neutral`.
Explanations (`exp=`) are not fetched: strangers' text has no place in our replies.

Bounds, beside those of RFC 7208 §4.6.4, which pyspf keeps: octets of a record, questions, threads at work.
"""

import asyncio
import warnings
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from shared.dns.answer import Answer, LookupFailed
from shared.dns.resolver import Resolver
from shared.policy.inbound import Spf

with warnings.catch_warnings(action="ignore"):  # its texts hold escapes of which a newer Python warns
    import spf  # type: ignore[import-untyped]

MAX_RECORD = 2048  # octets; RFC 7208 §3.4 advises to stay below 512
MAX_QUESTIONS = 40  # the RFC has room for some 110 (ten `mx` of ten hosts); nobody needs as many
WITHHELD = "localpartwithheld"  # stands for the local part; letters only, so that no macro can take it apart
_MAX_HELO = 255  # characters; more is no name, and could only make macros long
_MAX_THREADS = 2

Question = tuple[str, str]


class Judge:
    """Evaluates SPF for one process, asking `resolver`."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._threads = asyncio.Semaphore(_MAX_THREADS)

    async def result(self, domain: str, peer: IPv4Address | IPv6Address, helo: str, local: str = WITHHELD) -> Spf:
        """Return what `domain` says of `peer`; the caller bounds the time. `domain` is a name, or nonsense (`none`)."""
        rules = _Rules(i=str(peer), s=f"{local}@{domain}", h=helo[:_MAX_HELO])
        for _ in range(MAX_QUESTIONS):
            step = await self._run(rules)
            if isinstance(step, Spf):
                return step
            try:
                rules.answers[step] = await self._ask(*step)
            except LookupFailed:
                return Spf.TEMPERROR
        last = await self._run(rules)
        return last if isinstance(last, Spf) else Spf.PERMERROR

    async def _run(self, rules: "_Rules") -> Spf | Question:
        async with self._threads:
            return await asyncio.to_thread(rules.run)

    async def _ask(self, name: str, kind: str) -> list[Any]:
        try:
            answer = await self._resolver.lookup(name, kind)
        except LookupFailed:
            if kind == "PTR":
                return []  # RFC 7208 §5.5: then it fails to match
            raise
        return _as_pyspf_likes(answer, kind)


class _MissingError(Exception):
    """The rules need an answer we do not have."""


class _WithheldError(Exception):
    """The rules need the local part."""


class _Rules(spf.query):  # type: ignore[misc]  # untyped
    """pyspf's rules over given answers."""

    def __init__(self, i: str, s: str, h: str) -> None:
        super().__init__(i=i, s=s, h=h)
        self.answers: dict[Question, list[Any]] = {}
        self._terms: dict[tuple[str, str], Any] = {}
        self._expanded: dict[tuple[str, str, bool], str] = {}

    def run(self) -> Spf | Question:
        """Return the result, or the question whose answer is missing."""
        self.p = None
        try:
            return Spf(self.check()[0])
        except _MissingError as missing:
            return missing.args[0]  # type: ignore[no-any-return]
        except _WithheldError:
            return Spf.NEUTRAL

    def dns(self, name: str, qtype: str, cnames: object = None, ignore_void: bool = False) -> list[Any]:
        name = name.lower().removesuffix(".")
        if not all(0 < len(label) < 64 for label in name.split(".")):
            return []
        if WITHHELD in name:
            raise _WithheldError
        if (name, qtype) not in self.answers:
            raise _MissingError((name, qtype))
        answer = self.answers[name, qtype]
        if not answer and not ignore_void:
            self._count_void()
        return answer

    def dns_spf(self, domain: str) -> str | None:
        record: str | None = super().dns_spf(domain)
        if record is not None and len(record) > MAX_RECORD:
            raise spf.PermError("too long")
        return record

    def validate_mechanism(self, mech: str) -> Any:
        key = (mech, self.d)
        if key not in self._terms:
            self._terms[key] = super().validate_mechanism(mech)
        return self._terms[key]

    def expand(self, s: str, stripdot: bool = True) -> str:
        key = (s, self.d, stripdot)
        if key not in self._expanded:
            self._expanded[key] = super().expand(s, stripdot)
        return self._expanded[key]

    def get_explanation(self, spec: str) -> None:
        return None

    def _count_void(self) -> None:
        self.void_lookups += 1
        if self.void_lookups > spf.MAX_VOID_LOOKUPS:
            raise spf.PermError("too many void lookups")


def _as_pyspf_likes(answer: Answer, kind: str) -> list[Any]:
    match kind:
        case "TXT":
            return [(record,) for record in answer.records]
        case "MX":
            return [tuple(record) for record in answer.records]
    return [str(record) for record in answer.records]
