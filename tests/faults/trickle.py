"""A steady trickle of mail to destinations that are well, and how long each letter took."""

from threading import Event, Thread
from time import monotonic
from typing import Self

from tests.faults import servers
from tests.faults.clients import Sender, identity, make_account, message
from tests.faults.ground import Ground
from tests.suite import Suite

PAUSE = 0.25  # seconds between two letters


class Trickle:
    """`with Trickle(suite, grounds) as trickle:` sends to each in turn; `finish` waits for what is on its way."""

    def __init__(self, suite: Suite, grounds: list[Ground]) -> None:
        self._suite, self._grounds = suite, grounds
        self._is_over = Event()
        self._thread = Thread(target=self._send, daemon=True)
        self._accepted: dict[str, float] = {}
        self.refused = 0

    def __enter__(self) -> Self:
        make_account(self._suite, "trickling")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def finish(self) -> list[float]:
        """Return the seconds each letter took; fail if one does not come, or comes twice."""
        self.__exit__()
        assert self._accepted
        assert not self.refused
        servers.wait(lambda: len(self._arrived()) >= len(self._accepted), "healthy destinations lack mail")
        arrived = self._arrived()
        names = [name for name, _ in arrived]
        assert sorted(names) == sorted(self._accepted)
        return [time - self._accepted[name] for name, time in arrived]

    def _arrived(self) -> list[tuple[str, float]]:
        return [(identity(letter.octets), letter.time) for ground in self._grounds for letter in ground.taken]

    def _send(self) -> None:
        number = 0
        with Sender(self._suite, "trickling") as sender:
            assert sender.log_in() == 235
            while not self._is_over.wait(PAUSE):
                number += 1
                ground, name = self._grounds[number % len(self._grounds)], f"trickle.{number}"
                self._accepted[name] = monotonic()  # before the answer: the letter may arrive sooner than that
                if sender.send([f"bob@{ground.domain}"], message(sender.address, name)) != 250:
                    self.refused += 1
