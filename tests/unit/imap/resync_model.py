"""A client that keeps a copy of a mailbox by QRESYNC (RFC 7162), while others change the mailbox at any time: the law.

Whatever happens, and wherever the connection is cut: what the client knows up to the mod-sequence it keeps is so, a
number it is told is the one it means, no UID vanishes that it was not told of; and after it has come back (or said
NOOP) and asked for what is new, its copy is the mailbox. Give a `World`; the memory store and Postgres both are one.
"""

import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from imap.session import Session
from imap.state import Conversation, House, State
from imap.store import Account, Flag, Store

from tests.unit.imap.table import Said

FLAGS = (r"\Seen", r"\Flagged", r"\Deleted", "Junk", "$Work")
NAMES = {Flag.SEEN: r"\Seen", Flag.FLAGGED: r"\Flagged", Flag.DELETED: r"\Deleted"}

T = TypeVar("T")
Flags = frozenset[str]
Act = tuple[str, int, int]  # what somebody does, to which message, with which flag


class World(Protocol):
    """A store with an account whose INBOX is empty, and a mailbox Other beside it."""

    store: Store
    account_id: int

    def run(self, awaitable: Awaitable[T]) -> T:
        """Wait for something."""

    async def deliver(self) -> None:
        """Put a message into the INBOX."""


class Meddled:
    """A store where others act just before and just after what a session asks."""

    def __init__(self, store: Store, act: Callable[[Act], Awaitable[None]]) -> None:
        self._store, self._act = store, act
        self.acts: list[Act] = []

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._store, name)

        async def asked(*arguments: Any, **named: Any) -> Any:
            await self._meddle()
            answer = await real(*arguments, **named)
            await self._meddle()
            return answer

        return asked

    async def _meddle(self) -> None:
        if self.acts:
            await self._act(self.acts.pop(0))


@dataclass
class Copy:
    """What a client keeps: flags by UID, and up to where it knows everything."""

    uidvalidity: int = 0
    modseq: int = 0
    flags: dict[int, Flags] = field(default_factory=dict)
    next_uid: int = 1
    numbers: list[int | None] = field(default_factory=list)  # of this session

    def hear(self, lines: list[str]) -> None:
        """Follow the responses to one command; without a tagged one, it was cut."""
        said = [int(found[1]) for line in lines if (found := re.search(r"\[HIGHESTMODSEQ (\d+)\]", line))]
        heard = [int(number) for line in lines for number in re.findall(r"MODSEQ \((\d+)\)", line)]
        for line in lines:
            self._follow(line)
        if lines and lines[-1].startswith("x OK"):
            self.modseq = said[-1] if said else max([self.modseq, *heard])

    def _follow(self, line: str) -> None:
        if found := re.match(r"\* OK \[UIDVALIDITY (\d+)\]", line):
            self.uidvalidity = int(found[1])
        elif found := re.match(r"\* (\d+) EXISTS", line):
            assert int(found[1]) >= len(self.numbers)
            self.numbers += [None] * (int(found[1]) - len(self.numbers))
        elif found := re.match(r"\* VANISHED \(EARLIER\) ([0-9:,]+)$", line):
            for uid in _spelled(found[1]):
                self.flags.pop(uid, None)
        elif found := re.match(r"\* VANISHED ([0-9:,]+)$", line):
            for uid in _spelled(found[1]):
                assert uid in self.numbers or None in self.numbers, "a message that was never told of"
                self.numbers.remove(uid if uid in self.numbers else None)
                self.flags.pop(uid, None)
        elif found := re.match(r"\* (\d+) FETCH \((.*)", line):
            self._learn(int(found[1]), found[2])
        assert not re.match(r"\* \d+ EXPUNGE", line)

    def _learn(self, number: int, items: str) -> None:
        told = re.search(r"UID (\d+)", items)
        uid = int(told[1]) if told else self.numbers[number - 1]
        assert self.numbers[number - 1] in (None, uid)
        self.numbers[number - 1] = uid
        if uid and (flags := re.search(r"FLAGS \(([^)]*)\)", items)):
            self.flags[uid] = frozenset(flags[1].split())

    def matched(self) -> str:
        """Return some numbers and UIDs that the client knows to belong together (§3.2.5.2)."""
        known = list(enumerate(sorted(self.flags), 1))[::2]
        return f" ({','.join(str(n) for n, _ in known)} {','.join(str(u) for _, u in known)})" if known else ""


class Resync(RuleBasedStateMachine):
    """One run; `make` is set by the test."""

    make: Callable[[], World]

    @initialize(messages=st.integers(0, 6))
    def open(self, messages: int) -> None:
        self.world = type(self).make()
        self.meddled = Meddled(self.world.store, self._act)
        self.copy = Copy()
        for _ in range(messages):
            self.world.run(self.world.deliver())
        self._connect("")

    # What others do

    acts = st.tuples(
        st.sampled_from(["deliver", "flag", "flag", "unflag", "expunge", "move"]), st.integers(0, 9), st.integers(0, 4)
    )

    async def _act(self, act: Act) -> None:
        name, which, flag = act
        store, (mailbox_id, content, _) = self.world.store, await self._truth()
        if name == "deliver":
            await self.world.deliver()
        if name == "deliver" or not content:
            return
        uid = sorted(content)[which % len(content)]
        if name == "expunge":
            await store.add_flags(mailbox_id, [uid], Flag.DELETED)
            await store.expunge(mailbox_id, [uid])
        elif name == "move":
            await store.move(mailbox_id, [uid], "Other")
        else:
            known = await store.add_keywords(mailbox_id, FLAGS[3:]) or ()
            bits = dict(
                zip((*NAMES.values(), *known), (*NAMES, *(1 << 5 + at for at in range(len(known)))), strict=True)
            )
            change = store.add_flags if name == "flag" else store.remove_flags
            await change(mailbox_id, [uid], bits[FLAGS[flag]])

    async def _truth(self) -> tuple[int, dict[int, Flags], dict[int, int]]:
        """Return the mailbox's id, and the flags and the mod-sequence of each message."""
        store = self.world.store
        snapshot = await store.snapshot(self.world.account_id, "INBOX")
        assert snapshot
        messages = await store.fetch(snapshot.mailbox_id, list(snapshot.uids), header=False, body=False)
        words = {
            message.uid: frozenset(
                [name for bit, name in NAMES.items() if message.flags & bit]
                + [name for at, name in enumerate(snapshot.keywords, 5) if message.flags >> at & 1]
            )
            for message in messages
        }
        modseqs = {message.uid: message.modseq for message in messages}
        assert all(modseq <= snapshot.modseq for modseq in modseqs.values())
        self.highest = snapshot.modseq
        return snapshot.mailbox_id, words, modseqs

    @rule(act=acts, is_heard=st.booleans())
    def others(self, act: Act, is_heard: bool) -> None:
        self.world.run(self._act(act))
        self.session.talk.must_look |= is_heard

    # What the client does

    def _connect(self, extra: str) -> None:
        self.said = Said()
        talk = Conversation(self.meddled, None, self.said, House(has_modseqs=True), is_tls=True)  # type: ignore[arg-type]
        talk.account, talk.state = Account(self.world.account_id, "ann@here.test"), State.AUTHENTICATED
        self.session = Session(talk, _fail)
        copy = self.copy
        self._say("ENABLE QRESYNC")
        self._select(f" (QRESYNC ({copy.uidvalidity} {copy.modseq}{extra}))" if copy.uidvalidity else " (CONDSTORE)")

    def _select(self, parameters: str) -> None:
        self.copy.numbers = []
        self._say(f"SELECT INBOX{parameters}")
        known = sorted(uid for uid in self.copy.flags if uid < self.copy.next_uid)
        assert all(told in (None, uid) for told, uid in zip(self.copy.numbers, known, strict=False))
        assert len(known) <= len(self.copy.numbers)
        self.copy.numbers[: len(known)] = known
        self._ask_for_new()

    def _say(self, command: str, *, cut: int | None = None) -> list[str]:
        """Say a command and hear its answer, but only so many lines of it if the connection is cut."""
        self.world.run(self.session.handle(b"x " + command.encode() + b"\r\n"))
        lines = self.said.taken().decode().split("\r\n")[:-1]
        if lines[-1].startswith("x BAD No such message number"):
            lines[-1] = "x OK"
        assert lines[-1].startswith("x OK"), lines
        heard = lines if cut is None else lines[: min(cut, len(lines) - 1)]
        self.copy.hear(heard)
        self._check_law()
        return heard

    def _check_law(self) -> None:
        """What the client knows up to its mod-sequence is so."""
        _, content, modseqs = self.world.run(self._truth())
        assert self.copy.modseq <= self.highest
        for uid, flags in content.items():
            if uid < self.copy.next_uid and modseqs[uid] <= self.copy.modseq:
                assert self.copy.flags.get(uid) == flags, (uid, self.copy.modseq)

    def _meet(self) -> None:
        """Ask for what is new; then the copy is the mailbox."""
        assert not self.meddled.acts
        self._say("NOOP")
        self._ask_for_new()
        _, content, _ = self.world.run(self._truth())
        assert self.copy.flags == content
        assert self.copy.numbers == sorted(content)

    def _ask_for_new(self) -> None:
        heard = self._say(f"UID FETCH {self.copy.next_uid}:* (UID FLAGS)")
        uids = [int(uid) for line in heard for uid in re.findall(r"FETCH \(UID (\d+)", line)]
        self.copy.next_uid = max([self.copy.next_uid - 1, *uids]) + 1

    @rule(acts=st.lists(acts, max_size=6), what=st.sampled_from(["", "known", "matched", "both"]))
    def come_back(self, acts: list[Act], what: str) -> None:
        """Begin anew, while others act; a client may say more of what it knows."""
        uids = sorted(self.copy.flags)
        known = f" {','.join(map(str, uids))}" if uids and what in ("known", "both") else ""
        self.meddled.acts = acts
        self._connect(known + (self.copy.matched() if what in ("matched", "both") else ""))
        self.meddled.acts = []
        self._meet()

    @rule()
    def meet(self) -> None:
        self._meet()

    @rule(
        which=st.integers(1, 8),
        verb=st.sampled_from(["+", "-"]),
        flag=st.sampled_from(FLAGS),
        is_uid=st.booleans(),
        is_silent=st.booleans(),
        is_careful=st.booleans(),
        rival=st.none() | st.integers(0, 4),
        acts=st.lists(acts, max_size=3),
        cut=st.none() | st.integers(0, 4),
    )
    def change(
        self,
        which: int,
        verb: str,
        flag: str,
        is_uid: bool,
        is_silent: bool,
        is_careful: bool,
        rival: int | None,
        acts: list[Act],
        cut: int | None,
    ) -> None:
        """Change a flag, perhaps only where nothing has changed since; what is silent the client does to its copy."""
        numbers = [uid for uid in self.copy.numbers if uid]
        if not numbers:
            return
        uid = numbers[which % len(numbers)]
        before = self.copy.flags[uid]
        name = uid if is_uid else self.copy.numbers.index(uid) + 1
        until = f"(UNCHANGEDSINCE {self.copy.modseq}) " if is_careful else ""
        silent = ".SILENT" if is_silent else ""
        _, content, _ = self.world.run(self._truth())
        if rival is not None and uid in content:  # somebody changes the same message just before
            acts = [("flag", sorted(content).index(uid), rival), *acts]
        self.meddled.acts = acts
        self.expected = (uid, before | {flag} if verb == "+" else before - {flag})
        prefix = "UID " if is_uid else ""
        heard = self._change(f"{prefix}STORE {name} {until}{verb}FLAGS{silent} ({flag})", cut)
        self._end(acts, heard, cut)

    def _change(self, command: str, cut: int | None) -> list[str]:
        uid, after = self.expected
        self.world.run(self.session.handle(b"x " + command.encode() + b"\r\n"))
        lines = self.said.taken().decode().split("\r\n")[:-1]
        assert lines[-1].startswith("x OK"), lines
        heard = lines if cut is None else lines[: min(cut, len(lines) - 1)]
        if any(re.search(rf"FETCH \(UID {uid} MODSEQ", line) for line in heard):  # without flags: as the client said
            self.copy.flags[uid] = after
        self.copy.hear(heard)
        self._check_law()
        return heard

    @rule(
        command=st.sampled_from(
            [
                "EXPUNGE",
                "UID EXPUNGE 1:5",
                "UID MOVE 2:3 Other",
                "MOVE 1 Other",
                "UID FETCH 1:* BODY[]",
                "FETCH 1:2 BODY[]",
                "FETCH 1:* (FLAGS RFC822.SIZE)",
                "UID FETCH 1:* (FLAGS MODSEQ)",
                "CHECK",
                "UID SEARCH MODSEQ 3",
                "STATUS INBOX (HIGHESTMODSEQ)",
            ]
        ),
        acts=st.lists(acts, max_size=4),
        cut=st.none() | st.integers(0, 4),
    )
    def do(self, command: str, acts: list[Act], cut: int | None) -> None:
        """Do something, while others act; the connection may be cut half way."""
        if "EXPUNGE" in command:
            self.world.run(self._act(("flag", len(acts), FLAGS.index(r"\Deleted"))))
        self.meddled.acts = acts
        self._end(acts, self._say(command, cut=cut), cut)

    @rule(acts=st.lists(acts, max_size=4))
    def ask_what_changed(self, acts: list[Act]) -> None:
        self.meddled.acts = acts
        self._say(f"UID FETCH 1:{self.copy.next_uid} (FLAGS) (CHANGEDSINCE {self.copy.modseq} VANISHED)")
        self.meddled.acts = []

    @rule(acts=st.lists(acts, max_size=4))
    def close(self, acts: list[Act]) -> None:
        """Leave the mailbox, and open it again in the same session."""
        self.meddled.acts = acts
        self._say("CLOSE")
        self.copy.numbers = []
        self._select(f" (QRESYNC ({self.copy.uidvalidity} {self.copy.modseq}))")
        self.meddled.acts = []
        self._meet()

    def _end(self, acts: list[Act], heard: list[str], cut: int | None) -> None:
        self.meddled.acts = []
        if cut is not None:
            self._connect("")
        self._ask_for_new()

    def teardown(self) -> None:
        if hasattr(self, "session"):
            self._connect("")
            self._meet()


def check(make: Callable[[], World], examples: int, steps: int) -> None:
    """Play histories in worlds that are made anew."""
    machine = type("Resync", (Resync,), {"make": staticmethod(make)})
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
    chosen = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, derandomize=True, suppress_health_check=checks
    )
    run_state_machine_as_test(machine, settings=chosen)


def _spelled(text: str) -> Iterator[int]:
    for part in text.split(","):
        low, _, high = part.partition(":")
        yield from range(int(low), int(high or low) + 1)


def _fail(name: str, error: BaseException) -> None:
    raise AssertionError(name) from error
