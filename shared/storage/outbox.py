"""The outbox, as a worker's delivery engine uses it.

Strategy: what must hold after a crash of Postgres goes through the durable lane: claims too, for a result is recorded
only where its claim is known. Leases and signs of life go through the lazy one. All destinations of a worker share the
lanes, so that their questions go together in few statements.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from shared.storage.lane import Connection, Lane
from shared.storage.operation import Light

INLINE = 64 * 1024  # octets: a larger body is read when its turn has come

JOIN = "SELECT chatmail.worker_join(%b)"
STAY = "SELECT chatmail.worker_stay(%b, %b)"
LEAVE = "SELECT chatmail.worker_leave(%b)"
LEASE = "SELECT * FROM chatmail.lease(%b, %b, %b, %b::bigint[])"
CLAIM = """
SELECT d, c.* FROM (SELECT * FROM unnest(%b::bigint[], %b::int[]) q(d, most) ORDER BY d) q
CROSS JOIN LATERAL chatmail.claim(%b, d, most, %b) c
"""
BODY = "SELECT chatmail.claimed_body(%b, %b)"
SIGN = "SELECT message_id, signature FROM chatmail.sign(%b::bigint[], %b::bytea[])"
SETTLE = """
SELECT row_id, mailbox_id, modseq FROM chatmail.settle(%b, %b::bigint[], %b::smallint[], %b::float8[], %b::int[],
    %b::text[], %b::bigint[], %b::bytea[], %b::int[], %b)
"""
RELEASE = """
SELECT d, chatmail.release(%b, d, f, s) FROM unnest(%b::bigint[], %b::int[], %b::float8[]) q(d, f, s) ORDER BY d
"""
EXPIRED = "SELECT * FROM chatmail.claim_expired(%b, %b, %b)"
LATE = "SELECT * FROM chatmail.late(%b, %b)"
WARN = "SELECT mailbox_id, modseq FROM chatmail.warn(%b, %b, %b, %b)"
COUNT_TLS = "SELECT chatmail.count_tls(%b::text[], %b::text[], %b::text[], %b::bigint[])"
BACKLOG = """
SELECT (SELECT count(*) FROM (SELECT FROM chatmail.outbox LIMIT 100000) o),
    coalesce((SELECT extract(epoch FROM now() - min(accepted))::float8 FROM chatmail.outbox_message), 0)
"""
GET_POLICIES = """
SELECT domain, id, policy, extract(epoch FROM fetched)::float8, extract(epoch FROM expires)::float8
FROM chatmail.sts_policy WHERE domain = ANY (%b::text[]) AND expires > now()
"""
PUT_POLICY = "SELECT chatmail.put_sts_policy(%b, %b, %b, %b)"

DONE, LATER, LOST, UNTRIED = range(4)


@dataclass(frozen=True, slots=True)
class Leased:
    """A destination that is `worker`'s for now, and the operator's word about it; `poisoned` rows were set aside just
    now.
    """

    worker: int
    id: int
    domain: str
    failures: int
    may_pass: bool
    route_host: str | None
    route_port: int | None
    route_tls: str | None
    poisoned: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message's recipients at one destination, `worker`'s to try; of a large one only the header is here.

    `sender_mailbox` is None where nobody is told of a failure; `accepted` is in seconds since 1970. A suspect was under
    way when two workers ended.
    """

    worker: int
    message_id: int
    sender: str
    sender_mailbox: int | None
    domain: str
    size: int
    header_size: int
    signature: bytes | None
    large_header: bytes | None
    data: bytes | None
    accepted: float
    is_suspect: bool
    ids: Sequence[int]
    recipients: Sequence[str]
    attempts: Sequence[int]

    @property
    def header(self) -> bytes:
        """The message's own header block."""
        return self.large_header if self.data is None else self.data[: self.header_size]  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Overdue:
    """Recipients that a message has waited for too long, with what was said last; `worker` may settle them."""

    worker: int
    message_id: int
    sender: str
    sender_mailbox: int | None
    domain: str
    header: bytes
    accepted: float
    ids: Sequence[int]
    recipients: Sequence[str]
    codes: Sequence[int | None]
    texts: Sequence[str | None]


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one row: DONE, LATER (after `delay` seconds), LOST on the way, or UNTRIED."""

    id: int
    outcome: int
    delay: float = 0.0
    code: int | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """A report for the sender of a message: `header_size` octets of `octets` are header."""

    message_id: int
    octets: bytes
    header_size: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of rows of one message that `worker` claimed, and what its sender is told."""

    worker: int
    rows: tuple[Row, ...]
    report: Report | None = None


Rung = tuple[tuple[int, int], ...]


class Outbox:
    """One worker's hold on the outbox. Every method may raise Unavailable.

    A worker that was given up by the others joins anew, with another token. What it leased and claimed before goes on
    under the token it had: where somebody else has it by now, nothing is changed.

    A mailbox that holds more than its quota (`quota` octets unless it has its own) and a little takes no reports.
    """

    def __init__(self, durable: Lane, lazy: Lane, quota: int) -> None:
        self._durable = durable
        self._lazy = lazy
        self._quota = quota
        self.token = 0

    async def join(self, seconds: float) -> None:
        """Become a worker, alive for so many seconds."""
        ((self.token,),) = await self._lazy.submit(_One(JOIN), (seconds,))

    async def stay(self, seconds: float) -> bool:
        """Live on; false if others were told we are gone."""
        ((is_known,),) = await self._lazy.submit(_One(STAY), (self.token, seconds))
        return bool(is_known)

    async def leave(self) -> None:
        """Give everything back."""
        await self._lazy.submit(_One(LEAVE), (self.token,))

    async def lease(self, wanted: Sequence[int] | None, most: int, held: Sequence[int] | None = None) -> list[Leased]:
        """Lease destinations with something due, of `wanted` only if given.

        `held` are those we know to be ours: where the answer to a lease was lost, we hold more than we know.
        """
        token = self.token
        lists = [None if ids is None else list(ids) for ids in (wanted, held)]
        rows = await self._lazy.submit(_One(LEASE), (token, lists[0], most, lists[1]))
        return [Leased(token, *row) for row in rows]

    async def claim(self, leased: Leased, most: int) -> list[Claimed]:
        """Claim what is due at a leased destination, up to so many messages."""
        return await self._durable.submit(_Claim(leased.worker), (leased.id, most))

    async def body(self, claimed: Claimed) -> bytes | None:
        """Return the body of a claimed message; None if it is not ours any more."""
        ((data,),) = await self._lazy.submit(_One(BODY), (claimed.worker, claimed.message_id))
        return bytes(data) if data is not None else None

    async def sign(self, message_id: int, signature: bytes) -> bytes:
        """Keep a message's signature for good; return the one in force."""
        return await self._durable.submit(_SIGN, (message_id, signature))

    async def settle(self, settlement: Settlement) -> Rung:
        """Record results and deliver the report; return what to ring, as (mailbox id, modseq)."""
        return await self._durable.submit(_Settle(settlement.worker, self._quota), settlement)

    async def release(self, leased: Leased, failures: int = 0, seconds: float = 0.0) -> bool:
        """Give a destination back, closed for `seconds` after failures; false: something is due, it is still ours."""
        return await self._lazy.submit(_Release(leased.worker), (leased.id, failures, seconds))

    async def expired(self, seconds: float, most: int) -> list[Overdue]:
        """Claim rows of messages older than this, to be settled as failed."""
        token = self.token
        return [Overdue(token, *row) for row in await self._lazy.submit(_One(EXPIRED), (token, seconds, most))]

    async def late(self, seconds: float, most: int) -> list[Overdue]:
        """Return messages older than this whose senders do not know yet."""
        return [Overdue(self.token, *row) for row in await self._lazy.submit(_One(LATE), (seconds, most))]

    async def warn(self, report: Report) -> Rung:
        """Tell the sender of a message once that it waits; return what to ring."""
        rows = await self._durable.submit(
            _One(WARN), (report.message_id, report.octets, report.header_size, self._quota)
        )
        return tuple((mailbox_id, modseq) for mailbox_id, modseq in rows)

    async def count_tls(self, counts: dict[tuple[str, str, str], int]) -> None:
        """Add to how TLS went, by (domain, policy type, result)."""
        domains, types, results = (list(column) for column in zip(*counts, strict=True))
        await self._lazy.submit(_One(COUNT_TLS), (domains, types, results, list(counts.values())))

    async def backlog(self) -> tuple[int, float]:
        """Return how many recipients wait, 100000 at the most, and the age in seconds of the oldest message."""
        ((waiting, oldest),) = await self._lazy.submit(_One(BACKLOG), ())
        return waiting, oldest

    async def policy(self, domain: str) -> tuple[str, bytes, float, float] | None:
        """Return a domain's MTA-STS policy that still holds: (id, text, fetched, expires) in seconds since 1970."""
        return await self._lazy.submit(_GET_POLICIES, domain)

    async def put_policy(self, domain: str, policy_id: str, text: bytes, seconds: float) -> None:
        """Keep a domain's MTA-STS policy for so many seconds."""
        await self._lazy.submit(_One(PUT_POLICY), (domain, policy_id, text, seconds))


@dataclass(frozen=True, slots=True)
class _One(Light):
    """A statement that is run for itself; its answer is its rows."""

    statement: str
    limit = 1

    async def run(self, connection: Connection, items: Sequence[Any]) -> list[list[tuple[Any, ...]]]:
        return [await connection.execute(self.statement, items[0], binary=True)]


class _GetPolicies(Light):
    """Asked before every connection that is opened."""

    async def run(self, connection: Connection, items: Sequence[str]) -> list[tuple[str, bytes, float, float] | None]:
        rows = await connection.execute(GET_POLICIES, (list(items),), binary=True)
        found = {domain: (policy_id, *rest) for domain, policy_id, *rest in rows}
        return [found.get(domain) for domain in items]


_GET_POLICIES = _GetPolicies()


@dataclass(frozen=True, slots=True)
class _Claim(Light):
    token: int
    limit = 16

    async def run(self, connection: Connection, items: Sequence[tuple[int, int]]) -> list[list[Claimed]]:
        destinations, most = [item[0] for item in items], [item[1] for item in items]
        rows = await connection.execute(CLAIM, (destinations, most, self.token, INLINE), binary=True)
        claimed: dict[int, list[Claimed]] = {destination_id: [] for destination_id in destinations}
        for destination_id, *rest in rows:
            claimed[destination_id].append(Claimed(self.token, *rest))
        return [claimed[destination_id] for destination_id in destinations]

    def key(self, item: tuple[int, int], /) -> Hashable:
        return item[0]


class _Sign(Light):
    async def run(self, connection: Connection, items: Sequence[tuple[int, bytes]]) -> list[bytes]:
        parameters = ([message_id for message_id, _ in items], [signature for _, signature in items])
        rows = await connection.execute(SIGN, parameters, binary=True)
        kept: dict[int, bytes] = dict(rows)
        # A message that is gone (its account was removed) needs none that is kept.
        return [kept.get(message_id, signature) for message_id, signature in items]

    def key(self, item: tuple[int, bytes], /) -> Hashable:
        return item[0]


_SIGN = _Sign()


@dataclass(frozen=True, slots=True)
class _Settle(Light):
    token: int
    quota: int
    limit = 64

    async def run(self, connection: Connection, items: Sequence[Settlement]) -> list[Rung]:
        rows = [row for item in items for row in item.rows]
        reports = [item.report for item in items if item.report]
        parameters = (
            self.token,
            [row.id for row in rows],
            [row.outcome for row in rows],
            [row.delay for row in rows],
            [row.code for row in rows],
            [row.text for row in rows],
            [report.message_id for report in reports],
            [report.octets for report in reports],
            [report.header_size for report in reports],
            self.quota,
        )
        told = await connection.execute(SETTLE, parameters, binary=True)
        rung = tuple((mailbox_id, modseq) for _, mailbox_id, modseq in told if mailbox_id is not None)
        return [rung, *[()] * (len(items) - 1)]  # one stroke of the bell is enough for the batch


@dataclass(frozen=True, slots=True)
class _Release(Light):
    token: int

    async def run(self, connection: Connection, items: Sequence[tuple[int, int, float]]) -> list[bool]:
        ids, failures, seconds = (list(column) for column in zip(*items, strict=True))
        rows = await connection.execute(RELEASE, (self.token, ids, failures, seconds), binary=True)
        released: dict[int, bool] = dict(rows)
        return [released[destination_id] for destination_id in ids]

    def key(self, item: tuple[int, int, float], /) -> Hashable:
        return item[0]
