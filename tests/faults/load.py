"""A load that notices everything: senders that write their ledger, readers that watch every mailbox.

Every second message goes to one mailbox, the others to all. Readers follow as Delta Chat does: they remember the
highest UID and never look below it, so a UID that shows up late is a message missed.
"""

import re
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Self

from tests.faults.clients import GONE, Reader, address, make_account
from tests.faults.ledger import Held, Ledger, Verdict
from tests.faults.writers import PAUSE, Writers
from tests.suite import Suite

USERS = 3
DEADLINE = 90.0


class Load:
    """`with Load(suite, folder, user) as load:` runs it; `finish` ends it and reads what is there."""

    def __init__(self, suite: Suite, folder: Path, user: str) -> None:
        self._suite = suite
        self._ledger = Ledger(folder / "ledger")
        self._users = [f"{user}-{number}" for number in range(USERS)]
        self._is_over = Event()
        self._writers = Writers(suite, self._ledger, self._users, self._recipients)
        self._watchers = {user: _Watcher(suite, user, self._is_over) for user in self._users}
        self._watching = [Thread(target=watcher.watch, daemon=True) for watcher in self._watchers.values()]

    def __enter__(self) -> Self:
        for user in self._users:
            make_account(self._suite, user)
        for thread in self._watching:
            thread.start()
        self._writers.start()
        self.wait_for_mail()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._writers.stop()
        for thread in self._watching:
            thread.join(DEADLINE)
        self._ledger.__exit__()

    @property
    def accepted(self) -> int:
        return self._ledger.accepted

    def wait_for_mail(self) -> None:
        """Return when more messages were accepted, and seen by every reader."""
        accepted, seen = self.accepted, {user: watcher.progress for user, watcher in self._watchers.items()}
        self.wait(lambda: self.accepted >= accepted + 5, "no mail is accepted")
        self.wait(
            lambda: all(self._watchers[user].progress > before for user, before in seen.items()), "no mail is seen"
        )

    def wait(self, is_done: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + DEADLINE
        while not is_done():
            assert time.monotonic() < deadline, f"{what}\n{self._suite.output()[-4000:]}"
            time.sleep(0.01)

    def finish(self) -> Verdict:
        """Let every message get its answer, then judge; also assert that no reader was misled."""
        self._is_over.set()
        assert self._writers.stop(), f"a message gets no answer\n{self._suite.output()[-4000:]}"
        for thread in self._watching:
            thread.join(DEADLINE)
            assert not thread.is_alive(), "a reader hangs"
        found: list[Held] = []
        for user, watcher in self._watchers.items():
            assert not watcher.trouble, watcher.trouble
            with Reader(self._suite, user) as reader:
                reader.select()
                messages = reader.fetch()
            found += [(address(self._suite, user), name) for _, name in messages]
            missed = {uid for uid, _ in messages if uid < watcher.next_uid} - watcher.seen.keys()
            assert not missed, f"UIDs that showed up late: {missed}"
        return self._ledger.judge(found)

    def _recipients(self, user: str, number: int) -> list[str]:
        return [address(self._suite, to) for to in (self._users if number % 2 else [user])]


class _Watcher:
    def __init__(self, suite: Suite, user: str, is_over: Event) -> None:
        self._suite = suite
        self._user = user
        self._is_over = is_over
        self._uidvalidity = 0
        self.seen: dict[int, str] = {}
        self.next_uid = 1
        self.trouble = ""

    @property
    def progress(self) -> int:
        return self.next_uid

    def watch(self) -> None:
        while not self._is_over.is_set():
            try:
                with Reader(self._suite, self._user, is_logged_in=False) as reader:
                    self._watch(reader)
            except GONE:
                time.sleep(PAUSE)
            except AssertionError as error:
                if not re.search(r"UNAVAILABLE|BYE", str(error)):
                    self.trouble = str(error)
                    return
                time.sleep(PAUSE)

    def _watch(self, reader: Reader) -> None:
        assert b" OK " in reader.greeting, reader.greeting
        answer = reader.login()
        assert b"uthenticat" not in answer or b" OK " in answer, f"blamed on the user: {answer!r}"
        reader.ok(answer)
        uidvalidity = reader.select()
        assert self._uidvalidity in (0, uidvalidity), "another UIDVALIDITY"
        self._uidvalidity = uidvalidity
        while not self._is_over.is_set():
            self._take(reader)
            reader.idle()
            reader.hears(b"EXISTS", 1.0)
            reader.done()

    def _take(self, reader: Reader) -> None:
        for uid, name in reader.fetch(self.next_uid):
            assert uid >= self.next_uid, "a UID that was passed already"
            self.seen[uid] = name
            self.next_uid = uid + 1
        if self.seen:
            reader.ok(reader.command(rf"UID STORE {self.next_uid - 1} +FLAGS (\Seen)"))
