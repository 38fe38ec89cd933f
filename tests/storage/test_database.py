"""A service that is here before the schema of its version waits, and serves nobody meanwhile."""

import asyncio
from typing import Any

import psycopg
import pytest

from shared import log
from shared.storage import database as database_room
from shared.storage import migrate
from shared.storage.database import connect
from tests.storage.conftest import one

CONNECTED = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'imap' AND datname = current_database()"


async def test_a_service_waits_for_its_migration(
    database_urls: dict[str, str], owner: psycopg.Connection[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    is_waiting = asyncio.Event()
    monkeypatch.setattr(database_room, "PATIENT_ATTEMPTS", 5)
    monkeypatch.setattr(log, "event", lambda _: is_waiting.set())
    name = migrate.migrations()[-1].name
    owner.execute("DELETE FROM chatmail.migration WHERE name = %s", (name,))
    try:
        opening = asyncio.create_task(connect(database_urls["imap"], "imap"))
        waiting = asyncio.create_task(is_waiting.wait())
        await asyncio.wait({opening, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=20)
        assert is_waiting.is_set()
        assert not opening.done()
        assert one(owner, CONNECTED) <= 2, "what was opened in vain is closed"
    finally:
        owner.execute("INSERT INTO chatmail.migration (name) VALUES (%s) ON CONFLICT DO NOTHING", (name,))
    database = await asyncio.wait_for(opening, 20)
    assert database.is_available
    await database.close()


async def test_a_newer_schema_serves_an_older_service(
    database_urls: dict[str, str], owner: psycopg.Connection[tuple[Any, ...]]
) -> None:
    owner.execute("INSERT INTO chatmail.migration (name) VALUES ('9999_later.sql')")
    try:
        database = await asyncio.wait_for(connect(database_urls["imap"], "imap"), 20)
        await database.close()
    finally:
        owner.execute("DELETE FROM chatmail.migration WHERE name = '9999_later.sql'")
