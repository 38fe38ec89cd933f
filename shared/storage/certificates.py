"""The certificate an authority issued: shown by those who listen, asked for by one worker, answered for by register."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.policy.certificates import Held
from shared.storage.lane import Connection, Lane
from shared.storage.operation import Light

IN_FORCE = b"SELECT id FROM chatmail.acme_certificate WHERE not_after > now()"
PAIR = b"SELECT id, chain, private_key FROM chatmail.acme_certificate WHERE not_after > now()"
ANSWERS = b"SELECT token, answer FROM chatmail.acme_answers()"
# Those of the future are the operator's to see; here only whether the time has come.
STATE = b"""
SELECT s.attempt, s.leased_until <= now() AND s.next_at <= now(), s.failures, s.is_wanted,
    CASE WHEN s.left_out_until > now() THEN s.left_out ELSE '{}' END, now(),
    c.names, c.not_before, c.not_after, c.directory
FROM chatmail.acme_state s LEFT JOIN chatmail.acme_certificate c ON true
"""
BEGIN = b"SELECT chatmail.acme_begin(%b, %b, %b)"
STAY = b"SELECT chatmail.acme_stay(%b, %b)"
KEY = b"SELECT chatmail.acme_key(%b, %b)"
OFFER = b"SELECT chatmail.acme_offer(%b, %b, %b)"
ISSUED = b"SELECT chatmail.acme_issued(%b, %b, %b, %b, %b, %b, %b)"
FAILED = b"SELECT chatmail.acme_failed(%b, %b, %b, %b, %b, %b)"


@dataclass(frozen=True, slots=True)
class State:
    """How asking goes; `may_begin`: nobody is at it, and it is not too soon. `now` is the database's."""

    attempt: int
    may_begin: bool
    failures: int
    is_wanted: bool
    left_out: frozenset[str]
    now: datetime
    held: Held | None


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that was looked at and found good; PEM."""

    chain: str
    private_key: str
    names: tuple[str, ...]
    not_before: datetime
    not_after: datetime


class _Ask(Light):
    limit = 1

    def __init__(self, statement: bytes) -> None:
        self._statement = statement

    async def run(self, connection: Connection, items: Sequence[Sequence[object]]) -> list[list[tuple[Any, ...]]]:
        return [await connection.execute(self._statement, items[0])]


class InForce:
    """What a service shows: `shared.listen.certificate.Source`, fulfilled without importing it."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._number, self._pair = _Ask(IN_FORCE), _Ask(PAIR)

    async def number(self) -> int:
        """Return the number of the certificate in force, 0 if there is none; raise Unavailable."""
        rows = await self._lane.submit(self._number, ())
        return int(rows[0][0]) if rows else 0

    async def pair(self) -> tuple[int, tuple[bytes, bytes]] | None:
        """Return its number, chain and key (PEM), or None; raise Unavailable."""
        rows = await self._lane.submit(self._pair, ())
        return (rows[0][0], (rows[0][1].encode(), rows[0][2].encode())) if rows else None


class Answers:
    """What register says to the authority."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._all = _Ask(ANSWERS)

    async def all(self) -> dict[str, str]:
        """Return every answer that holds now, by its token; raise Unavailable."""
        return dict(await self._lane.submit(self._all, ()))


class Requests:
    """What the worker needs who asks for certificates; all of it raises Unavailable.

    Every writing call names the attempt that makes it, and returns False where that is over.
    """

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._state = _Ask(STATE)
        self._calls = {statement: _Ask(statement) for statement in (BEGIN, STAY, KEY, OFFER, ISSUED, FAILED)}

    async def state(self) -> State:
        """Return how asking goes."""
        ((attempt, may_begin, failures, is_wanted, left_out, now, *rest),) = await self._lane.submit(self._state, ())
        names, not_before, not_after, directory = rest
        held = None if names is None else Held(frozenset(names), not_before, not_after, directory)
        return State(attempt, may_begin, failures, is_wanted, frozenset(left_out), now, held)

    async def begin(self, seen: int, lease: float, retry: float) -> int | None:
        """Begin the attempt after `seen` and return its number, or None where another was first; times in seconds."""
        number = await self._call(BEGIN, seen, lease, retry)
        return None if number is None else int(number)

    async def stay(self, attempt: int, lease: float) -> bool:
        """Hold the lease for so many seconds more."""
        return bool(await self._call(STAY, attempt, lease))

    async def key(self, directory: str, offered: str) -> str:
        """Return the account's key with this authority (PEM): the one offered, if there was none."""
        return str(await self._call(KEY, directory, offered))

    async def offer(self, attempt: int, answers: dict[str, str]) -> bool:
        """Let register give these answers, by token; on return they are there for all replicas."""
        return bool(await self._call(OFFER, attempt, list(answers), list(answers.values())))

    async def issued(self, attempt: int, directory: str, issued: Issued) -> bool:
        """Put a certificate in force."""
        values = (issued.chain, issued.private_key, list(issued.names), issued.not_before, issued.not_after)
        return bool(await self._call(ISSUED, attempt, directory, *values))

    async def failed(
        self, attempt: int, problem: str, names: Sequence[str], retry: float, leave_out: Sequence[str], out: float
    ) -> bool:
        """Say what was wrong and with which names; `leave_out` are to be done without for `out` seconds."""
        return bool(await self._call(FAILED, attempt, problem, list(names), retry, list(leave_out), out))

    async def _call(self, statement: bytes, *arguments: object) -> Any:
        return (await self._lane.submit(self._calls[statement], arguments))[0][0]
