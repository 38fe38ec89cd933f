"""What Redis knows of the suite, for the operator's eyes."""

from dataclasses import dataclass

from shared.queue import contract
from shared.queue.client import Away, open_sync
from shared.queue.jobs import queue


@dataclass(frozen=True, slots=True)
class Overview:
    """What Redis knows of the suite: open connections per service, and jobs that wait."""

    connections: dict[str, int]
    jobs: int


def overview(url: str) -> Overview | None:
    """Return what Redis knows now, or None while it is away."""
    redis = open_sync(url)
    connections: dict[str, int] = {}
    try:
        for key in redis.scan_iter(match=f"{contract.PRESENCE}*", count=1000):
            service = key.decode().split(":")[1]
            connections[service] = connections.get(service, 0) + int(redis.get(key) or 0)
        return Overview(connections, queue(redis).count)
    except Away:
        return None
    finally:
        redis.close()
