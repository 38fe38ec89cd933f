"""A load of mail for other servers: writers who keep a ledger, and sinks that keep everything they get."""

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.faults import servers
from tests.faults.clients import identity, make_account
from tests.faults.ground import Ground
from tests.faults.ledger import Arrived, Ledger, Outbound
from tests.faults.writers import Writers
from tests.federation import World
from tests.suite import Suite

USERS = 3
REST = 0.1  # seconds each writer waits after a message: a load, not a bench


class OutboundLoad:
    """`with OutboundLoad(world, suite, folder, name) as load:` runs it; `finish` ends it and judges.

    The sinks take mail in each of our ways: SMTP in bursts, SMTP command by command, HTTPS. `breaks` are the moments
    something of ours was broken, for the judge.
    """

    def __init__(self, world: World, suite: Suite, folder: Path, name: str, sinks: int = 3) -> None:
        self.breaks: list[float] = []
        self._suite, self._stack = suite, ExitStack()
        self._ledger = Ledger(folder / "ledger")
        self._users = [f"{name}-{number}" for number in range(USERS)]
        self.sinks = [Ground(world, suite.address, f"{name}-sink{number}", self._stack) for number in range(sinks)]
        self._pattern = f"%@{name}-sink%.test"
        self.sinks[1].remote.offers = ()
        self.sinks[2].has_door()
        self._writers = Writers(suite, self._ledger, self._users, self._choose, REST)

    def __enter__(self) -> Self:
        for user in self._users:
            make_account(self._suite, user)
        self._writers.start()
        self.wait_for_mail()
        return self

    def __exit__(self, *_: object) -> None:
        self._writers.stop()
        self._ledger.__exit__()
        self._stack.close()

    @property
    def accepted(self) -> int:
        return self._ledger.accepted

    def broke(self) -> None:
        """Note that something of ours was broken just now."""
        self.breaks.append(time.monotonic())

    def wait_for_mail(self) -> None:
        """Return when every sink got more."""
        before = [len(sink.letters) for sink in self.sinks]
        servers.wait(
            lambda: all(len(sink.letters) > had + 2 for sink, had in zip(self.sinks, before, strict=True)),
            "a sink gets no mail",
        )

    def finish(self) -> Outbound:
        """Let every message get its answer and everything go out, then judge."""
        assert self._writers.stop(), f"a message gets no answer\n{self._suite.output()[-4000:]}"
        servers.wait(lambda: servers.count_waiting(self._suite, self._pattern) == 0, "mail stays in the outbox")
        return self._ledger.judge_outbound(arrived(self.sinks), self.breaks)

    def _choose(self, user: str, number: int) -> list[str]:
        chosen = self.sinks if number % 4 == 0 else [self.sinks[number % len(self.sinks)]]
        return [f"{user}@{sink.domain}" for sink in chosen]


def arrived(grounds: list[Ground]) -> list[Arrived]:
    """Return everything these servers got whole, by recipient."""
    return [
        Arrived(to, identity(letter.octets), letter.octets, letter.time, letter.answer.startswith("2"))
        for ground in grounds
        for letter in ground.letters
        for to in letter.recipients
    ]
