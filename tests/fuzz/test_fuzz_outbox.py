"""Whatever workers do to the outbox, in whatever order, dead or alive: every recipient that was accepted is delivered,
reported, waiting or set aside, one of these and no two; no row is tried by two living workers; every body is held by
what is counted, and by something; a signature never changes; and in the end nothing is left.
"""

from dataclasses import dataclass, field
from itertools import count
from typing import Any

import psycopg
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from shared.storage.accounts import Account
from shared.storage.outbox import DONE, LATER, LOST, UNTRIED
from tests.storage.conftest import one
from tests.storage.outbox_rig import (
    REPORT,
    REPORT_HEADER,
    Owner,
    assert_balanced,
    born,
    clear,
    die,
    letter,
    put,
    reports,
)

DOMAINS = ("a.test", "b.test", "c.test")
WORKERS = st.integers(0, 1)
EXPIRED = 48 * 3600.0

JOIN = b"SELECT chatmail.worker_join(60)"
LEASE = b"SELECT id FROM chatmail.lease(%s, NULL, 2, NULL)"
CLAIM = b"SELECT message_id, ids, is_suspect FROM chatmail.claim(%s, %s, %s, 1000)"
SETTLE = b"""
SELECT row_id FROM chatmail.settle(%s, %s, %s::smallint[], %s::float8[], %s::int[], %s::text[], %s::bigint[],
    %s::bytea[], %s::int[]) WHERE row_id IS NOT NULL"""
EXPIRE = b"SELECT message_id, ids FROM chatmail.claim_expired(%s, %s, 3)"


@dataclass
class Worker:
    """A process: what it thinks it has."""

    token: int
    leased: list[int] = field(default_factory=list)
    claimed: list[tuple[int, list[int]]] = field(default_factory=list)
    overdue: list[tuple[int, list[int]]] = field(default_factory=list)

    def rows(self) -> set[int]:
        return {row for _, ids in (*self.claimed, *self.overdue) for row in ids}


class OutboxMachine(RuleBasedStateMachine):
    """Two workers, three destinations, one sender."""

    owner: Owner

    def __init__(self) -> None:
        super().__init__()
        self.numbers = count(1)
        self.waiting: dict[str, int] = {}  # recipient: row
        self.ended: dict[str, str] = {}
        self.accepted: set[str] = set()
        self.signatures: dict[int, bytes] = {}
        self.told = 0

    @initialize()
    def begin(self) -> None:
        clear(self.owner)
        self.ann: Account = born(self.owner)
        self.workers = [Worker(one(self.owner, JOIN.decode())) for _ in range(2)]
        for domains in (("a.test",), ("a.test", "b.test"), ("c.test", "c.test")):
            self.accept(list(domains), has_copy=True, twice=False)

    # Mail comes.

    @rule(
        domains=st.lists(st.sampled_from(DOMAINS), min_size=1, max_size=3), has_copy=st.booleans(), twice=st.booleans()
    )
    def accept(self, domains: list[str], has_copy: bool, twice: bool) -> None:
        recipients = [f"{next(self.numbers)}@{domain}" for domain in domains]
        incoming = letter(self.ann, *recipients, here=(self.ann.mailbox_id,) if has_copy else (), salt=recipients[0])
        for _ in range(1 + twice):
            put(self.owner, incoming, quota=10**9)
        self.told += has_copy
        self.accepted.update(recipients)

    # Workers work.

    @rule(number=WORKERS, most=st.integers(1, 3), has_time_passed=st.booleans())
    def take(self, number: int, most: int, has_time_passed: bool) -> None:
        """Lease, and claim wherever it is leased."""
        if has_time_passed:
            self.tick()
        worker, other = self.workers[number], self.workers[1 - number]
        known, held = self.is_known(other), self.held(other)
        leased = [row[0] for row in self.owner.execute(LEASE, (worker.token,))]
        assert self.is_silent(other) or not known or not set(leased) & held
        worker.leased += leased
        self.claim(number, most)

    def claim(self, number: int, most: int) -> None:
        worker, other = self.workers[number], self.workers[1 - number]
        for destination in worker.leased:
            trying = self.still(worker)
            found = self.owner.execute(CLAIM, (worker.token, destination, most)).fetchall()
            claimed = {row for _, ids, _ in found for row in ids}
            assert not claimed & trying
            assert not self.is_known(other) or not claimed & self.still(other)
            assert len(found) == 1 or not any(is_suspect for _, _, is_suspect in found)
            worker.claimed = [kept for kept in worker.claimed if not claimed & set(kept[1])]
            worker.claimed += [(message, ids) for message, ids, _ in found]

    def sign(self, message: int) -> None:
        made = b"%d" % next(self.numbers)
        self.owner.execute(b"SELECT chatmail.sign(%s::bigint[], %s::bytea[])", ([message], [made]))

    @rule(number=WORKERS, outcome=st.sampled_from([DONE, DONE, LATER, LOST, UNTRIED]), is_refused=st.booleans())
    def settle(self, number: int, outcome: int, is_refused: bool) -> None:
        worker = self.workers[number]
        if worker.claimed:
            message, ids = worker.claimed.pop(0)
            self.sign(message)
            self.record(worker, message, ids, outcome, has_report=is_refused and outcome == DONE)

    @rule(number=WORKERS, failures=st.integers(0, 1))
    def release(self, number: int, failures: int) -> None:
        worker = self.workers[number]
        if not worker.leased:
            return
        destination = worker.leased[0]
        if one(self.owner, "SELECT chatmail.release(%s, %s, %s, 0)", worker.token, destination, failures):
            worker.leased.pop(0)

    # Workers come and go.

    @rule(number=WORKERS)
    def fall_silent(self, number: int) -> None:
        die(self.owner, self.workers[number].token)

    @rule(number=WORKERS)
    def live_on(self, number: int) -> None:
        worker = self.workers[number]
        if not one(self.owner, "SELECT chatmail.worker_stay(%s, 60)", worker.token):
            self.workers[number] = Worker(one(self.owner, JOIN.decode()))

    @rule(number=WORKERS, is_graceful=st.booleans())
    def end(self, number: int, is_graceful: bool) -> None:
        token = self.workers[number].token
        if is_graceful:
            self.owner.execute(b"SELECT chatmail.worker_leave(%s)", (token,))
        else:
            die(self.owner, token)
        self.workers[number] = Worker(one(self.owner, JOIN.decode()))

    # Time passes.

    def tick(self) -> None:
        self.owner.execute(b"UPDATE chatmail.outbox SET next_at = now() - interval '1 second' WHERE worker IS NULL")
        self.owner.execute(b"UPDATE chatmail.destination SET retry_at = now() WHERE retry_at > now()")

    @rule(number=WORKERS, shift=st.integers(0, 2))
    def grow_old(self, number: int, shift: int) -> None:
        statement = b"UPDATE chatmail.outbox_message SET accepted = now() - interval '49 hours' WHERE mod(id, 3) = %s"
        self.owner.execute(statement, (shift,))
        self.give_up(number)

    def give_up(self, number: int) -> None:
        worker, other = self.workers[number], self.workers[1 - number]
        found = self.owner.execute(EXPIRE, (worker.token, EXPIRED)).fetchall()
        claimed = {row for _, ids in found for row in ids}
        assert not self.is_known(other) or not claimed & self.still(other)
        worker.overdue += found

    @rule(number=WORKERS)
    def settle_overdue(self, number: int) -> None:
        worker = self.workers[number]
        for message, ids in worker.overdue:
            self.record(worker, message, ids, DONE, has_report=True)
        worker.overdue = []

    @rule()
    def warn(self) -> None:
        for (message,) in self.owner.execute(b"SELECT message_id FROM chatmail.late(3600, 10)").fetchall():
            rung = self.owner.execute(b"SELECT * FROM chatmail.warn(%s, %s, %s)", (message, REPORT, REPORT_HEADER))
            self.told += rung.rowcount

        self.forget()

    def forget(self) -> None:
        self.owner.execute(b"UPDATE chatmail.destination SET used = now() - interval '2 hours' WHERE worker IS NULL")
        self.owner.execute(b"SELECT chatmail.forget_destinations()")

    # What holds.

    @invariant()
    def everybody_is_in_one_place(self) -> None:
        found = self.owner.execute(
            b"SELECT recipient, is_poison, lost_leases, attempts FROM chatmail.outbox"
        ).fetchall()
        recipients = [row[0] for row in found]
        assert len(recipients) == len(set(recipients))
        assert set(recipients) | set(self.ended) == self.accepted
        assert not set(recipients) & set(self.ended)
        assert all(is_poison == (lost >= 3) and attempts >= 0 for _, is_poison, lost, attempts in found)

    @invariant()
    def bodies_are_held(self) -> None:
        assert_balanced(self.owner)

    @invariant()
    def senders_are_told_once(self) -> None:
        if hasattr(self, "ann"):
            assert len(reports(self.owner, self.ann)) == self.told

    @invariant()
    def signatures_never_change(self) -> None:
        signed = b"SELECT id, signature FROM chatmail.outbox_message WHERE signature IS NOT NULL"
        for message, signature in self.owner.execute(signed).fetchall():
            assert self.signatures.setdefault(message, signature) == signature

    def teardown(self) -> None:
        """All workers die, and another one carries everything to its end."""
        if not hasattr(self, "workers"):
            return
        for worker in self.workers:
            die(self.owner, worker.token)
        last = Worker(one(self.owner, JOIN.decode()))
        for _ in range(5):
            self.tick()
            for (destination,) in self.owner.execute(
                b"SELECT id FROM chatmail.lease(%s, NULL, 9, NULL)", (last.token,)
            ).fetchall():
                while found := self.owner.execute(CLAIM, (last.token, destination, 9)).fetchall():
                    for message, ids, _ in found:
                        self.record(last, message, ids, DONE, has_report=False)
                assert one(self.owner, "SELECT chatmail.release(%s, %s, 0, 0)", last.token, destination)
        assert one(self.owner, "SELECT count(*) FROM chatmail.outbox WHERE NOT is_poison") == 0
        while found := self.owner.execute(EXPIRE, (last.token, -1.0)).fetchall():
            for message, ids in found:
                self.record(last, message, ids, DONE, has_report=True)
        self.everybody_is_in_one_place()
        assert set(self.ended) == self.accepted
        self.bodies_are_held()
        self.senders_are_told_once()
        assert one(self.owner, "SELECT count(*) FROM chatmail.outbox_message") == 0

    # How.

    def record(self, worker: Worker, message: int, ids: list[int], outcome: int, *, has_report: bool) -> None:
        names = dict(
            self.owner.execute(b"SELECT id, recipient FROM chatmail.outbox WHERE id = ANY (%s)", (ids,)).fetchall()
        )
        told: list[Any] = [[message], [REPORT], [REPORT_HEADER]] if has_report else [[], [], []]
        held = {
            row[0] for row in self.owner.execute(b"SELECT id FROM chatmail.outbox WHERE worker = %s", (worker.token,))
        }
        size = len(ids)
        parameters = (worker.token, ids, [outcome] * size, [5.0] * size, [450] * size, ["said"] * size, *told)
        settled = [row[0] for row in self.owner.execute(SETTLE, parameters).fetchall()]
        assert sorted(settled) == sorted(row for row in ids if row in held)
        if outcome == DONE:
            self.ended.update({names[row]: "done" for row in settled})
            self.told += has_report and bool(settled)

    def is_known(self, worker: Worker) -> bool:
        return bool(one(self.owner, "SELECT count(*) FROM chatmail.worker WHERE token = %s", worker.token))

    def is_silent(self, worker: Worker) -> bool:
        return not one(
            self.owner, "SELECT count(*) FROM chatmail.worker WHERE token = %s AND alive_until > now()", worker.token
        )

    def still(self, worker: Worker) -> set[int]:
        """The rows of a worker's that it has not settled, nor lost by its own release."""
        found = self.owner.execute(b"SELECT id FROM chatmail.outbox WHERE worker = %s", (worker.token,))
        return worker.rows() & {row[0] for row in found}

    def held(self, worker: Worker) -> set[int]:
        found = self.owner.execute(b"SELECT id FROM chatmail.destination WHERE worker = %s", (worker.token,))
        return {row[0] for row in found}


def test_outbox(database_urls: dict[str, str]) -> None:
    with psycopg.connect(database_urls["postgres"], autocommit=True) as owner:
        machine = type("Machine", (OutboxMachine,), {"owner": owner})
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=50,
                stateful_step_count=40,
                derandomize=True,
                deadline=None,
                phases=[Phase.generate],  # to shrink what fails would take many minutes
                suppress_health_check=list(HealthCheck),
            ),
        )
