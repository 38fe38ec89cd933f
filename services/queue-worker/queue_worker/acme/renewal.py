"""Looks every few seconds whether a certificate is due, and asks for it.

Strategy: what there is to know stands in Postgres, so any worker may look and the first one asks, under a lease that it
keeps up while it does. A worker that dies leaves an attempt behind that counts as a failure: another one begins anew
when the lease is over. Nothing is kept of an order; what the authority has confirmed already, it remembers. The package
that speaks ACME is loaded when there is something to ask for.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from queue_worker.acme import names, paper
from queue_worker.acme.aside import aside
from queue_worker.acme.names import Resolver
from queue_worker.acme.trouble import Trouble
from shared import log
from shared.policy.certificates import FOR_ANOTHER_DAY, LEFT_OUT_SECONDS, hosts_name, is_due, retry_after
from shared.storage.certificates import Issued, Requests, State
from shared.storage.errors import Unavailable

START_SECONDS = 3.0  # register may be starting, too
LOOK_SECONDS = 3.0
NAMES_SECONDS = 3600.0  # between looks at the DNS for names that were added
LEASE_SECONDS = 20.0
STAY_SECONDS = 5.0
SEEN_SECONDS = 3.0  # until every register has seen what it is to answer
ORDER_SECONDS = 180.0  # the longest an order may take
TALK_SECONDS = 900.0  # and all of the conversation: an answer that trickles in would hold the lease for ever
KEEP_SECONDS = 300.0  # for Postgres to come back
PACE = (1.0, 1.0, 2.0, 3.0, 5.0)  # seconds between looks at an order


class Authority(Protocol):
    """`queue_worker.acme.authority.Authority`; every method blocks, and raises Trouble."""

    def order(self, names: list[str], request: bytes) -> dict[str, str]:
        """Place an order; return the answers to give, by token."""

    def call(self) -> None:
        """Say that the answers are there."""

    def look(self) -> str | None:
        """Return the chain when it is there."""

    def close(self) -> None:
        """End."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the operator chose; in `files`, if they are there, is a certificate that leaves nothing to ask for."""

    hostname: str
    domains: Sequence[str]
    email: str
    directory: str
    root: Path | None
    files: Path


def _open(wishes: Wishes, account_key: str) -> Authority:
    from queue_worker.acme.authority import Authority  # here: a worker that asks for nothing does without

    return Authority(wishes.directory, wishes.root, paper.load_key(account_key), wishes.email)


@dataclass(slots=True)
class Renewal:
    """Keeps a certificate in force."""

    wishes: Wishes
    requests: Requests
    resolver: Resolver
    open: Callable[[Wishes, str], Authority] = _open
    chance: Callable[[], float] = random.random
    clock: Callable[[], float] = time.monotonic
    seen_seconds: float = SEEN_SECONDS
    _names_at: float = field(default=float("-inf"))
    _wanted: list[str] = field(default_factory=list)

    async def run(self) -> None:
        """Go on until cancelled."""
        await asyncio.sleep(START_SECONDS)
        while True:
            try:
                await self.look()
            except Unavailable:
                pass
            except Exception as error:
                log.failure("certificate", error)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Ask for a certificate if one is due, nobody else asks, and it is not too soon; raise Unavailable."""
        state = await self.requests.state()
        if not state.may_begin or (_has_files(self.wishes.files) and not state.is_wanted):
            return
        try:
            wanted = await self._names(state)
        except Trouble as trouble:
            if self._is_due(state, []):
                await self._attempt(state, trouble)
            return
        if self._is_due(state, wanted):
            await self._attempt(state, wanted)

    def _is_due(self, state: State, wanted: list[str]) -> bool:
        return state.is_wanted or is_due(state.held, self.wishes.directory, wanted, state.now)

    async def _names(self, state: State) -> list[str]:
        """Return the names to ask for, looked up once in a while; raise Trouble."""
        if self.clock() - self._names_at >= NAMES_SECONDS or self._is_due(state, self._wanted_now(state)):
            self._names_at = self.clock()
            self._wanted = await names.find(self.resolver, self._host, self.wishes.domains, state.held)
        return self._wanted_now(state)

    def _wanted_now(self, state: State) -> list[str]:
        return [name for name in self._wanted if name == self._host or name not in state.left_out]

    @property
    def _host(self) -> str:
        return hosts_name(self.wishes.hostname)

    async def _attempt(self, state: State, wanted: list[str] | Trouble) -> None:
        spare = retry_after("interrupted", state.failures + 1, self.chance())
        attempt = await self.requests.begin(state.attempt, LEASE_SECONDS, spare)
        if attempt is None:
            return
        staying = asyncio.create_task(self._stay(attempt))
        try:
            if isinstance(wanted, Trouble):
                raise wanted
            await self._ask(attempt, state, wanted)
        except Trouble as trouble:
            await self._failed(attempt, state, trouble, [] if isinstance(wanted, Trouble) else wanted)
        finally:
            staying.cancel()

    async def _stay(self, attempt: int) -> None:
        while True:
            await asyncio.sleep(STAY_SECONDS)
            try:
                if not await self.requests.stay(attempt, LEASE_SECONDS):
                    return
            except Unavailable:
                continue

    async def _ask(self, attempt: int, state: State, wanted: list[str]) -> None:
        try:
            async with asyncio.timeout(TALK_SECONDS):
                issued = await self._talk(attempt, state, wanted)
        except TimeoutError:
            raise Trouble("timeout") from None
        if issued:
            await self._keep(attempt, issued)

    async def _talk(self, attempt: int, state: State, wanted: list[str]) -> Issued | None:
        """Return a certificate for these names, None if the attempt is over; raise Trouble."""
        account_key = await self.requests.key(self.wishes.directory, paper.make_key())
        authority = await aside(lambda: self.open(self.wishes, account_key))
        try:
            key = paper.make_key()
            answers = await aside(lambda: authority.order(wanted, paper.make_request(key, wanted)))
            if answers:
                if not await self.requests.offer(attempt, answers):
                    return None
                await asyncio.sleep(self.seen_seconds)
                await aside(authority.call)
            chain = await self._wait(authority)
        finally:
            authority.close()
        return paper.look_at(chain, key, wanted, state.now)

    async def _keep(self, attempt: int, issued: Issued) -> None:
        # It is worth some patience: an authority gives the same names only a few times a week.
        end = self.clock() + KEEP_SECONDS
        while True:
            try:
                if await self.requests.issued(attempt, self.wishes.directory, issued):
                    log.event("certificate_issued", names=len(issued.names))
                return
            except Unavailable:
                if self.clock() >= end:
                    raise
            await asyncio.sleep(1.0)

    async def _wait(self, authority: Authority) -> str:
        paces = iter(PACE)
        end = self.clock() + ORDER_SECONDS
        while self.clock() < end:
            if chain := await aside(authority.look):
                return chain
            await asyncio.sleep(next(paces, PACE[-1]))
        raise Trouble("timeout")

    async def _failed(self, attempt: int, state: State, trouble: Trouble, wanted: list[str]) -> None:
        # Of what the authority names only what it was asked for: nothing else could be left out, or be worth a word.
        names = tuple(name for name in trouble.names if name in (wanted or [self._host]))
        if trouble.word in FOR_ANOTHER_DAY and not names:
            names = tuple(wanted[1:])  # it does not say which: the host comes first
        leave_out = [] if self._host in names else list(names)
        # Without the names it failed with, there is little to wait for.
        failures = 1 if leave_out else state.failures + 1
        word = "" if leave_out and trouble.word in FOR_ANOTHER_DAY else trouble.word
        retry = retry_after(word, failures, self.chance(), trouble.retry)
        log.event("certificate_not_issued", problem=trouble.word.replace(" ", "-"), retry_seconds=round(retry))
        await self.requests.failed(attempt, trouble.word, names, retry, leave_out, LEFT_OUT_SECONDS)


def _has_files(folder: Path) -> bool:
    return (folder / "fullchain.pem").exists() and (folder / "privkey.pem").exists()
