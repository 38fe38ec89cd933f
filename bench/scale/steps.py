"""One client does one thing again and again; how long each takes, and what it costs every component.

With one thing under way at a time a figure holds all the wake-ups of sleeping processes; what matters is how it differs
from the same step beside another stock.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bench import accounting
from bench.inbox import Inbox
from bench.report import share_of
from bench.run import components
from tests.suite import Suite


@dataclass(slots=True)
class Step:
    """Seconds that each took, and CPU seconds by component, over all rounds."""

    took: list[float] = field(default_factory=list)
    cpu: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, float]:
        """Return milliseconds, and microseconds of CPU each."""
        found = {f"ms p{share}": share_of(self.took, share) * 1e3 for share in (50, 99)}
        return {**found, **{f"cpu {name}": seconds / len(self.took) * 1e6 for name, seconds in self.cpu.items()}}


class Steps:
    """All steps at one suite, by name."""

    def __init__(self, suite: Suite) -> None:
        self._roots = components(suite)
        self._steps: dict[str, Step] = {}

    async def take(self, name: str, times: int, act: Callable[[int], Awaitable[object]]) -> None:
        """Do something so many times, each with its number, and add what was measured to what is known."""
        step = self._steps.setdefault(name, Step())
        before = accounting.cpu(self._roots)
        for number in range(times):
            since = time.perf_counter()
            await act(number)
            step.took.append(time.perf_counter() - since)
        for component, seconds in accounting.cpu(self._roots).items():
            step.cpu[component] = step.cpu.get(component, 0.0) + seconds - before[component]

    def as_json(self) -> dict[str, dict[str, float]]:
        """Return every step's figures by its name."""
        return {name: step.as_json() for name, step in self._steps.items()}


async def remove(inbox: Inbox, uid: int) -> None:
    """Mark a message as deleted and expunge it."""
    await inbox.mark([uid], rb"+FLAGS (\Deleted)")
    assert await inbox.expunge([uid]) == 1
