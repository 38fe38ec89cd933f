"""What a load generator of the programme is told."""

from dataclasses import dataclass

from bench.loop import Load

SIZE = 8192
READERS, USERS = "reader", "bench"  # accounts' names begin so, and are numbered


@dataclass(frozen=True, slots=True)
class Job(Load):
    """What to do, at which door; the last four matter to some kinds only."""

    kind: str
    host: str
    port: int
    domain: str
    size: int = SIZE
    recipients: int = 0  # of a message; 0: its sender alone
    every: float = 0.0  # seconds between one user's beginnings; 0: at once
    secret: str = ""  # a token, or the file of a key
    imaps: int = 0  # another door, for who comes through two
