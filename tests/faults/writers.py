"""Users who send one message after the other, and write their ledger: until the last one has got its answer."""

import time
from collections.abc import Callable
from itertools import count
from threading import Event, Thread

from tests.faults.clients import GONE, Sender, address, message
from tests.faults.ledger import ACCEPTED, Ledger
from tests.suite import Suite

PAUSE = 0.05  # seconds after a failed attempt; a person's client waits thirty
DEADLINE = 90.0


class Writers:
    """A thread for each user; `choose(user, number)` names the recipients, `rest` is in seconds after each message."""

    def __init__(
        self,
        suite: Suite,
        ledger: Ledger,
        users: list[str],
        choose: Callable[[str, int], list[str]],
        rest: float = 0.0,
    ) -> None:
        self._suite, self._ledger, self._choose, self._rest = suite, ledger, choose, rest
        self._numbers = count(1)
        self._is_over = Event()
        self._threads = [Thread(target=self._send, args=(user,), daemon=True) for user in users]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> bool:
        """Let every message get its answer; false if one gets none."""
        self._is_over.set()
        for thread in self._threads:
            thread.join(DEADLINE)
        return not any(thread.is_alive() for thread in self._threads)

    def _send(self, user: str) -> None:
        sender: Sender | None = None
        while not self._is_over.is_set():
            number = next(self._numbers)
            name, recipients = f"{user}.{number}", self._choose(user, number)
            self._ledger.sending(name, recipients)
            octets = message(address(self._suite, user), name)
            code = 0
            while not ACCEPTED <= code < 300 and code < 500:
                try:
                    sender = sender or self._logged_in(user)
                    code = sender.send(recipients, octets) if sender else 0
                except GONE:
                    code = 0
                if code != ACCEPTED and sender:
                    sender.close()
                    sender = None
                if code != ACCEPTED:
                    time.sleep(PAUSE)
            self._ledger.answered(name, code)
            self._is_over.wait(self._rest)
        if sender:
            sender.close()

    def _logged_in(self, user: str) -> Sender | None:
        sender = Sender(self._suite, user)
        code = sender.log_in()
        assert code < 500, code
        if code < 300:
            return sender
        sender.close()
        return None
