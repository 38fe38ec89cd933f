"""What all persons of a soak did since it was last asked."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Counts:
    """Numbers of messages and sessions; latencies in seconds since MAIL."""

    sent: int = 0
    received: int = 0
    removed: int = 0
    sessions: int = 0
    accepted: list[float] = field(default_factory=list)
    readable: list[float] = field(default_factory=list)  # by those who idled when it was sent
