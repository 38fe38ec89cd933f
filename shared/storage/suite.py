"""What migrate made once for all replicas, as each service may read it."""

from shared.storage.database import Database
from shared.storage.lane import Connection
from shared.storage.operation import Light


class _Row(Light):
    limit = 1

    def __init__(self, statement: bytes) -> None:
        self._statement = statement

    async def run(self, connection: Connection, items: object) -> list[tuple[object, ...]]:
        row = next(iter(await connection.execute(self._statement, binary=True)), None)
        if row is None:
            raise LookupError("the suite row is missing: run the migration")
        return [row]


async def read_certificate(database: Database) -> tuple[str, str]:
    """Return the self-signed certificate and its key, both PEM; raise Unavailable."""
    certificate, key = await database.read.submit(
        _Row(b"SELECT certificate, certificate_key FROM chatmail.suite"), None
    )
    return str(certificate), str(key)


async def read_login_key(database: Database) -> bytes:
    """Return the key of the verified-password cache; raise Unavailable."""
    (key,) = await database.read.submit(_Row(b"SELECT login_key FROM chatmail.suite"), None)
    assert isinstance(key, bytes)
    return key
