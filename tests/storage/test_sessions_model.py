"""Three sessions on two mailboxes of one account, on Postgres, doing what they like: the laws that always hold.

UIDs ascend and are never used again. A client's message numbers are right at every moment: EXISTS never falls, EXPUNGE
names a number that there is, and a number once known as a UID stays that one. No EXPUNGE comes while a command by
number is under way (RFC 3501 §7.4.1). What a command says it did is done, and nothing else. After NOOP a client knows
what there is, and the flags of every message of which it was told them once. No octet of another account is ever said
(I12), and when all is over every body has its holders. A mailbox is opened by its last two messages, so that most of
what is done names some that are not loaded.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from imap.commands import select
from imap.letterbox import Letterbox
from imap.session import Session
from imap.state import Conversation, House, State
from imap.store import Account

from shared.listen.disk import Disk
from shared.smtp.spool import Budget
from shared.storage.appends import Appends
from shared.storage.database import Database, connect
from shared.storage.deliveries import Outcome, Stored
from shared.storage.mailboxes import Mailboxes
from tests.storage.conftest import QUOTA
from tests.storage.outbox_rig import assert_balanced, born, letter, put

Owner = psycopg.Connection[tuple[Any, ...]]
CANARY = b"canary-of-another"
BOXES = ("INBOX", "Other")
FLAGS = (r"\Deleted", r"\Deleted", r"\Seen", r"\Flagged", "Junk", "$Work")
BITS = {r"\Seen": 1, r"\Deleted": 8, r"\Flagged": 4}
QUIET = ("FETCH", "STORE", "SEARCH")
CONTENT = b"""
SELECT m.uid, m.flags, b.data FROM chatmail.message m JOIN chatmail.body b ON b.id = m.body_id
JOIN chatmail.mailbox x ON x.id = m.mailbox_id WHERE x.account_id = %s AND x.name = %s ORDER BY m.uid
"""
_salts = count()

Content = dict[int, tuple[int, bytes]]  # flags and octets by UID


class Said:
    """What one session says."""

    def __init__(self) -> None:
        self.text = b""

    def write(self, data: bytes) -> None:
        self.text += data

    async def drain(self) -> None:
        await asyncio.sleep(0)

    def taken(self) -> bytes:
        text, self.text = self.text, b""
        return text


@dataclass
class Client:
    """A client that believes what it is told: the UID and the flags behind each number, None where it was not told."""

    session: Session
    said: Said
    box: str = "INBOX"
    numbers: list[int | None] = field(default_factory=list)
    flags: list[set[str] | None] = field(default_factory=list)

    def some(self, which: int) -> int:
        """Return one of the numbers there are, or 1."""
        return 1 + which % max(1, len(self.numbers))

    def hear(self, text: bytes, command: str) -> None:
        """Follow the untagged responses of one command."""
        assert CANARY not in text
        for line in text.splitlines():
            if found := re.match(rb"\* (\d+) (EXPUNGE|EXISTS|FETCH)(?: \((?:UID (\d+))?)?", line):
                self._follow(int(found[1]), found[2], int(found[3] or 0), command)
            if found := re.match(rb"\* (\d+) FETCH \(.*?FLAGS \(([^)]*)\)", line):
                self.flags[int(found[1]) - 1] = set(found[2].decode().split())

    def marked(self, uid: int, flag: str) -> None:
        """Take a flag for set, as it was asked to be, in silence."""
        for at, known in enumerate(self.numbers):
            if known is None:
                self.flags[at] = None
            elif known == uid and (flags := self.flags[at]) is not None:
                flags.add(flag)

    def _follow(self, number: int, what: bytes, uid: int, command: str) -> None:
        if what == b"EXISTS":
            assert number >= len(self.numbers), "EXISTS fell"
            self.flags += [None] * (number - len(self.numbers))
            self.numbers += [None] * (number - len(self.numbers))
            return
        assert 1 <= number <= len(self.numbers), "no such number"
        if what == b"EXPUNGE":
            assert not command.startswith(QUIET), "numbers moved under a command"
            self.numbers.pop(number - 1)
            self.flags.pop(number - 1)
        elif uid:
            assert self.numbers[number - 1] in (None, uid), "a number changed its message"
            self.numbers[number - 1] = uid


@dataclass
class Ground:
    """What all runs share: a loop, the store in its service's role, and the owner's eyes."""

    runner: asyncio.Runner
    store: Mailboxes
    letterbox: Letterbox
    owner: Owner


class Sessions(RuleBasedStateMachine):
    """One run; `ground` is set by the test."""

    ground: Ground

    @initialize(others=st.integers(0, 2))
    def open(self, others: int) -> None:
        ground = self.ground
        self.person, other = born(ground.owner), born(ground.owner)
        put(ground.owner, letter(None, here=(other.mailbox_id,), body=b"A: b\r\n\r\n" + CANARY, salt=next(_salts)))
        ground.runner.run(ground.store.create(self.person.account_id, "Other"))
        ground.runner.run(ground.store.create(other.account_id, "Secret"))
        self.highest = dict.fromkeys(BOXES, 0)
        self.bells: list[tuple[int, int, int]] = []  # that nobody has heard yet
        self.clients = [self._client() for _ in range(3)]
        for _ in range(4):
            self.deliver()
        for at, client in enumerate(self.clients):
            self._select(client, BOXES[at == others])

    def _client(self) -> Client:
        said, ground = Said(), self.ground
        talk = Conversation(ground.store, None, said, House(), is_tls=True, letterbox=ground.letterbox)  # type: ignore[arg-type]
        client = Client(Session(talk, _fail), said)
        talk.account = Account(self.person.account_id, "someone@example.org")
        talk.ring = self._ring
        talk.touched = self._touched
        talk.state = State.AUTHENTICATED
        return client

    def _touched(self, mailbox_id: int, modseq: int) -> None:
        for client in self.clients:
            if client.session.talk.watched == mailbox_id:
                client.session.talk.heard = max(client.session.talk.heard, modseq)

    def _ring(self, mailbox_id: int, _modseq: int) -> None:
        for client in self.clients:
            view = client.session.talk.view
            if view is not None and view.mailbox_id == mailbox_id:
                client.session.talk.must_look = True

    def _say(self, client: Client, command: str) -> bytes:
        self.ground.runner.run(client.session.handle(b"x " + command.encode() + b"\r\n"))
        return self._heard(client, command)

    def _heard(self, client: Client, command: str) -> bytes:
        text = client.said.taken()
        client.hear(text, command)
        assert b"\r\nx OK" in b"\r\n" + text or b"\r\nx BAD No such message number" in b"\r\n" + text, text
        return text

    def _content(self, box: str) -> Content:
        rows = self.ground.owner.execute(CONTENT, (self.person.account_id, box))
        return {uid: (flags, data) for uid, flags, data in rows}

    def _select(self, client: Client, box: str) -> None:
        client.box, client.numbers, client.flags = box, [], []
        self._say(client, f"SELECT {box}")

    # What happens

    @rule(at=st.integers(0, 2), box=st.sampled_from(BOXES))
    def select(self, at: int, box: str) -> None:
        self._select(self.clients[at], box)

    @rule()
    def deliver(self) -> None:
        self._put()
        self._ring(self.person.mailbox_id, 0)

    @rule(later=st.booleans())
    def deliver_with_a_bell_that_says_what_came(self, later: bool) -> None:
        stored = self._put()
        assert isinstance(stored, Stored)
        self.bells += [arrival[1:] for arrival in stored.arrivals]
        if not later:
            self.hear_the_bells(backwards=False)

    @rule(backwards=st.booleans())
    def hear_the_bells(self, backwards: bool) -> None:
        bells, self.bells = self.bells[:: -1 if backwards else 1], []
        for modseq, uid, at in bells:
            for client in self.clients:
                talk = client.session.talk
                if talk.watched == self.person.mailbox_id:
                    talk.arrivals.hear(modseq, uid, at)
                    talk.heard = max(talk.heard, modseq)

    def _put(self) -> Outcome:
        salt = next(_salts)
        body = b"Subject: %d\r\n\r\ntext\r\n" % salt
        return put(self.ground.owner, letter(None, here=(self.person.mailbox_id,), body=body, salt=salt))

    @rule(at=st.integers(0, 2), box=st.sampled_from(BOXES), times=st.integers(1, 2))
    def append(self, at: int, box: str, times: int) -> None:
        client, before = self.clients[at], self._content(box)
        bodies = [b"Subject: %d\r\n\r\n" % next(_salts) for _ in range(times)]
        head = b"x APPEND %b (\\Seen $Work)" % box.encode()
        for body in bodies:
            announced = client.session.announced(head + b" {%d}\r\n" % len(body), len(body), is_first=bool(head))
            assert self.ground.runner.run(announced)
            client.session.take(body)
            head = b""
        self.ground.runner.run(client.session.end_message(b"\r\n"))
        text = self._heard(client, "APPEND")
        new = {uid: kept for uid, kept in self._content(box).items() if uid not in before}
        assert [data for _, data in new.values()] == bodies
        assert _uids(re.search(rb"APPENDUID \d+ ([0-9:,]+)", text), 1) == list(new)

    @rule(at=st.integers(0, 2), which=st.integers(0, 9), act=st.sampled_from("++-"), flag=st.sampled_from(FLAGS))
    def store_flag(self, at: int, which: int, act: str, flag: str) -> None:
        client = self.clients[at]
        number = client.some(which)
        known = client.numbers[number - 1] if number <= len(client.numbers) else None
        self._say(client, f"STORE {number} {act}FLAGS ({flag})")
        kept = self._content(client.box).get(known or 0)
        if kept is not None and flag in BITS:
            assert bool(kept[0] & BITS[flag]) is (act == "+")

    @rule(at=st.integers(0, 2), is_close=st.booleans())
    def expunge(self, at: int, is_close: bool) -> None:
        client, before = self.clients[at], self._content(self.clients[at].box)
        self._say(client, "CLOSE" if is_close else "EXPUNGE")
        after = self._content(client.box)
        assert all(flags & 8 for uid, (flags, _) in before.items() if uid not in after)
        if is_close:
            self._select(client, client.box)

    @rule(at=st.integers(0, 2), low=st.integers(0, 9), high=st.integers(0, 9), to=st.sampled_from(BOXES))
    def copy(self, at: int, low: int, high: int, to: str) -> None:
        client = self.clients[at]
        self._transfer(client, f"COPY {client.some(low)},{client.some(high)} {to}", to, is_move=False)

    @rule(at=st.integers(0, 2), low=st.integers(0, 9), high=st.integers(0, 9), to=st.sampled_from(BOXES))
    def move(self, at: int, low: int, high: int, to: str) -> None:
        client = self.clients[at]
        self._transfer(client, f"MOVE {client.some(low)},{client.some(high)} {to}", to, is_move=True)

    @rule(at=st.integers(0, 2), low=st.integers(1, 9), high=st.integers(1, 9), to=st.sampled_from(BOXES))
    def move_by_uid(self, at: int, low: int, high: int, to: str) -> None:
        self._transfer(self.clients[at], f"UID MOVE {low}:{high} {to}", to, is_move=True)

    def _transfer(self, client: Client, command: str, to: str, *, is_move: bool) -> None:
        source, target = self._content(client.box), self._content(to)
        text = self._say(client, command)
        told = re.search(rb"COPYUID \d+ ([0-9:,]+) ([0-9:,]+)", text)
        after = self._content(to)
        pairs = list(zip(_uids(told, 1), _uids(told, 2), strict=True))
        assert [after[new][1] for _, new in pairs] == [source[old][1] for old, _ in pairs]
        assert after.keys() - target.keys() == {new for _, new in pairs}
        gone = source.keys() - self._content(client.box).keys()
        assert gone == ({old for old, _ in pairs} if is_move else set())

    @rule(at=st.integers(0, 2), which=st.integers(0, 9))
    def fetch(self, at: int, which: int) -> None:
        client = self.clients[at]
        self._say(client, f"FETCH {client.some(which)} (UID FLAGS BODY.PEEK[])")

    @rule(at=st.integers(0, 2), uid=st.integers(1, 9), flag=st.sampled_from(FLAGS))
    def mark_by_uid(self, at: int, uid: int, flag: str) -> None:
        client = self.clients[at]
        self._say(client, f"UID STORE {uid} +FLAGS.SILENT ({flag})")
        client.marked(uid, flag)

    @rule(at=st.integers(0, 2), by=st.integers(0, 2), uid=st.integers(1, 9), theirs=st.sampled_from(FLAGS))
    def mark_beside(self, at: int, by: int, uid: int, theirs: str) -> None:
        """What another session does to a message is told to one that marks it in silence (RFC 3501 §6.4.6)."""
        self._say(self.clients[at], f"UID FETCH {uid} (UID FLAGS)")
        self._say(self.clients[by], f"UID STORE {uid} +FLAGS ({theirs})")
        self.mark_by_uid(at, uid, r"\Answered")

    @rule(at=st.integers(0, 2), low=st.integers(1, 9), high=st.integers(1, 9))
    def expunge_by_uid(self, at: int, low: int, high: int) -> None:
        client, before = self.clients[at], self._content(self.clients[at].box)
        told = range(1, client.session.talk.mailbox.uidnext)
        self._say(client, f"UID EXPUNGE {low}:{high}")
        gone = before.keys() - self._content(client.box).keys()
        named = range(min(low, high), max(low, high) + 1)
        assert gone == {uid for uid, (flags, _) in before.items() if flags & 8 and uid in named and uid in told}

    @rule()
    def look(self) -> None:
        for client in self.clients:
            self._look(client)

    def _look(self, client: Client) -> None:
        self._say(client, "NOOP")
        truth = self._content(client.box)
        assert len(client.numbers) == len(truth)
        for known, (mask, _) in zip(client.flags, truth.values(), strict=True):
            assert known is None or known & BITS.keys() == {flag for flag, bit in BITS.items() if mask & bit}
        text = self._say(client, "FETCH 1:* (UID FLAGS)") if truth else b""
        assert client.numbers == list(truth)
        told = re.findall(rb"UID (\d+) FLAGS \(([^)]*)\)", text)
        for uid, flags in told:
            assert (rb"\Deleted" in flags) is bool(truth[int(uid)][0] & 8)

    @rule(name=st.sampled_from(["Secret", "2", "M1"]))
    def peep(self, name: str) -> None:
        client = self.clients[0]
        for command in (f"STATUS {name} (MESSAGES)", f"COPY 1 {name}", f"DELETE {name}", f"RENAME {name} Mine"):
            self.ground.runner.run(client.session.handle(b"x " + command.encode() + b"\r\n"))
            text = client.said.taken()
            client.hear(text, command)
            assert b"\r\nx OK" not in b"\r\n" + text

    # What always holds

    @invariant()
    def uids_ascend(self) -> None:
        for box in BOXES if hasattr(self, "clients") else ():
            uids = list(self._content(box))
            assert uids == sorted(uids)
            statement = b"SELECT uidnext FROM chatmail.mailbox WHERE account_id = %s AND name = %s"
            (uidnext,) = self.ground.owner.execute(statement, (self.person.account_id, box)).fetchone() or (0,)
            assert uidnext >= self.highest[box]
            assert all(uid < uidnext for uid in uids)
            assert self.seen(box).isdisjoint(self.gone(box))
            self.highest[box] = uidnext

    def seen(self, box: str) -> set[int]:
        return set(self._content(box))

    def gone(self, box: str) -> set[int]:
        """UIDs that were there once and are no more."""
        known: dict[str, set[int]] = self.__dict__.setdefault("known", {})
        now = self.seen(box)
        ended: dict[str, set[int]] = self.__dict__.setdefault("ended", {})
        ended.setdefault(box, set()).update(known.get(box, set()) - now)
        known[box] = known.get(box, set()) | now
        return ended[box]

    def teardown(self) -> None:
        if hasattr(self, "clients"):
            self.look()
        assert_balanced(self.ground.owner)


def _uids(found: re.Match[bytes] | None, group: int) -> list[int]:
    """Return the UIDs of a set in a response code."""
    uids: list[int] = []
    for part in found[group].split(b",") if found else ():
        low, _, high = part.partition(b":")
        uids += range(int(low), int(high or low) + 1)
    return uids


def _fail(name: str, error: BaseException) -> None:
    raise AssertionError(name) from error


@pytest.fixture
def ground(database_urls: dict[str, str], owner: Owner, tmp_path: Path) -> Any:
    with asyncio.Runner() as runner:
        database: Database = runner.run(connect(database_urls["imap"], "imap"))
        appends = Appends(database.durable, database_urls["imap"], QUOTA)
        letterbox = _made(runner, lambda: Letterbox(appends, Budget(), tmp_path, Disk(tmp_path, 0), has_gate=False))
        yield Ground(runner, Mailboxes(database, QUOTA), letterbox, owner)
        letterbox.close()
        appends.close()
        runner.run(database.close())


def _made(runner: asyncio.Runner, make: Callable[[], Letterbox]) -> Letterbox:
    async def make_it() -> Letterbox:
        return make()

    return runner.run(make_it())


def test_the_laws_hold(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(select, "TAIL", 2)
    machine = type("Sessions", (Sessions,), {"ground": ground})
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40, stateful_step_count=40, deadline=None, derandomize=True, suppress_health_check=checks
        ),
    )
