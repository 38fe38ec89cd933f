"""A service's connections to Postgres.

Strategy: a service has two lanes. What was promised to somebody (mail, accounts) goes through `durable`, which
commits with synchronous_commit=on; flags, deletions and last logins go through `lazy`, whose last moments may be
lost in a crash: a lost deletion comes back, a lost message does not (design §4.1). Reads go where they disturb less.
"""

from shared.storage.errors import NotDurable
from shared.storage.lane import Connection, Lane

# Under Delta Chat's 60 s of patience, so that our 4xx comes before its hang-up.
_LIMITS = "-c statement_timeout=15s -c lock_timeout=5s -c idle_in_transaction_session_timeout=30s -c jit=off"
_MUST_BE_ON = ("fsync", "full_page_writes", "synchronous_commit")


class Database:
    """The lanes of one process, opened and closed together."""

    def __init__(self, durable: Lane, lazy: Lane, read: Lane) -> None:
        self.durable = durable
        self.lazy = lazy
        self.read = read

    @property
    def is_available(self) -> bool:
        return self.durable.is_connected and self.lazy.is_connected and self.read.is_connected

    async def close(self) -> None:
        """Close every lane; what waits is told Unavailable."""
        for lane in {self.durable, self.lazy, self.read}:
            await lane.close()


async def connect(url: str, service: str) -> Database:
    """Open the lanes of a service; raise Unavailable, or NotDurable where the server could lose committed mail."""
    durable = Lane(url, name=f"{service}-durable", options=f"{_LIMITS} -c synchronous_commit=on")
    lazy = Lane(url, name=f"{service}-lazy", options=f"{_LIMITS} -c synchronous_commit=off")
    read = Lane(url, name=f"{service}-read", options=f"{_LIMITS} -c synchronous_commit=off")
    await durable.open(_assert_durable)
    await lazy.open()
    await read.open()
    return Database(durable, lazy, read)


async def _assert_durable(connection: Connection) -> None:
    for name in _MUST_BE_ON:
        row = await (await connection.execute("SELECT current_setting(%s)", (name,))).fetchone()
        if row is None or row[0] != "on":
            raise NotDurable(f"Postgres runs with {name} off: mail that was accepted could be lost")
