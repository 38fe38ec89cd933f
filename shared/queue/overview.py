"""What Redis knows of the suite, for the operator's eyes."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from shared.queue import contract
from shared.queue.client import Away, open_sync
from shared.queue.jobs import queue


@dataclass(slots=True)
class Present:
    """The processes of one service that are alive, and their numbers added up; `rss` in octets."""

    replicas: int = 0
    connections: int = 0
    turned_away: int = 0
    accepted: int = 0
    refused: int = 0
    logins: int = 0
    rss: int = 0
    versions: set[str] = field(default_factory=set)
    readable: Counter[float] = field(default_factory=Counter)  # how many messages, by bound in seconds

    def add(self, numbers: dict[str, Any]) -> None:
        """Add one process; what is no number of the right kind counts as nothing."""
        self.replicas += 1
        for name in ("connections", "turned_away", "accepted", "refused", "logins", "rss"):
            setattr(self, name, getattr(self, name) + _count(numbers.get(name)))
        if isinstance(numbers.get("version"), str):
            self.versions.add(numbers["version"])
        readable = numbers.get("readable")
        for bound, count in readable.items() if isinstance(readable, dict) else ():
            self.readable[_bound(bound)] += _count(count)

    def within(self, share: float) -> float | None:
        """Return the seconds within which this share of messages was readable: the bound above; None without any."""
        wanted, below = self.readable.total() * share, 0
        for bound, count in sorted(self.readable.items()):
            below += count
            if count and below >= wanted:
                return bound
        return None


@dataclass(frozen=True, slots=True)
class Overview:
    """What Redis knows of the suite: who is there, by service, and how many jobs wait."""

    services: dict[str, Present]
    jobs: int


def overview(url: str) -> Overview | None:
    """Return what Redis knows now, or None while it is away."""
    redis = open_sync(url)
    services: dict[str, Present] = {}
    try:
        for key in redis.scan_iter(match=f"{contract.PRESENCE}*", count=1000):
            said = redis.get(key)
            if said is not None:  # else it went meanwhile
                services.setdefault(key.decode().split(":")[1], Present()).add(_read(said))
        return Overview(services, queue(redis).count)
    except Away:
        return None
    finally:
        redis.close()


def _read(said: bytes | str) -> dict[str, Any]:
    """Read what a process says; one of an older version says its connections alone."""
    try:
        found = json.loads(said)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {"connections": found}


def _count(found: object) -> int:
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def _bound(text: str) -> float:
    try:
        return float(text)  # "+Inf" too
    except ValueError:
        return float("inf")
