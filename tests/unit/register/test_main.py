"""The service as it is started: a process, a real Postgres in its own role, uvloop, signals."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg


@dataclass
class Service:
    """A running process and where it answers."""

    process: asyncio.subprocess.Process
    http: str
    https: str


@asynccontextmanager
async def running(database_url: str, data: Path, **settings: str) -> AsyncIterator[Service]:
    chosen = {
        "MADDY_DATABASE_URL": database_url,
        "MADDY_DATA": str(data),
        "MADDY_REDIS_URL": "unix:///nowhere",  # away, which is no trouble of this service
        "MADDY_DOMAIN": "127.0.0.1",
        "MADDY_LISTEN": "127.0.0.1",
        "MADDY_PORT_HTTP": "0",
        "MADDY_PORT_HTTPS": "0",
        **{f"MADDY_{name.upper()}": value for name, value in settings.items()},
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "register"), env={**os.environ, **chosen}, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr
    lines: list[str] = []
    while line := (await process.stderr.readline()).decode():
        lines.append(line)
        if found := re.search(r" ready ports=(\d+),(\d+)", line):
            yield Service(process, f"http://127.0.0.1:{found[1]}", f"https://127.0.0.1:{found[2]}")
            break
    else:
        raise AssertionError(lines)
    process.send_signal(signal.SIGTERM)
    rest = (await process.stderr.read()).decode()
    assert await process.wait() == 0, rest
    assert "127.0.0.1" not in "".join(lines) + rest  # nothing personal, nobody's address


async def test_an_open_server(database_urls: dict[str, str], tmp_path: Path) -> None:
    async with running(database_urls["register"], tmp_path) as service, httpx.AsyncClient(verify=False) as browser:
        assert (await browser.get(f"{service.http}/health")).json() == {"status": "ok"}
        for base in (service.http, service.https):
            given = (await browser.post(f"{base}/new")).json()
            assert re.fullmatch(r"[a-z0-9]{9}@\[127\.0\.0\.1\]", given["email"])
            assert "dclogin:" in (await browser.get(f"{base}/")).text
    assert accounts(database_urls) == []


async def test_a_token_in_the_role_of_the_service(database_urls: dict[str, str], tmp_path: Path) -> None:
    with psycopg.connect(database_urls["postgres"], autocommit=True) as connection:
        connection.execute("INSERT INTO chatmail.token (token, uses) VALUES ('secret', 1)")
    async with (
        running(database_urls["register"], tmp_path, registration="token") as service,
        httpx.AsyncClient() as browser,
    ):
        assert (await browser.post(f"{service.http}/new")).status_code == 403
        given = await browser.post(f"{service.http}/new?t=secret")
        assert given.status_code == 200, given.text
        assert accounts(database_urls) == [given.json()["email"]]
        assert (await browser.post(f"{service.http}/new?t=secret")).status_code == 403


async def test_the_operators_word_and_certificate(database_urls: dict[str, str], tmp_path: Path) -> None:
    with psycopg.connect(database_urls["postgres"], autocommit=True) as connection:
        connection.execute("SELECT chatmail.operator_set_registration('closed')")
        row = connection.execute("SELECT certificate, certificate_key FROM chatmail.suite").fetchone()
    assert row
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "fullchain.pem").write_text(row[0])
    (tmp_path / "tls" / "privkey.pem").write_text(row[1])
    async with running(database_urls["register"], tmp_path) as service, httpx.AsyncClient(verify=False) as browser:
        assert (await browser.get(f"{service.http}/")).status_code == 308
        assert (await browser.post(f"{service.https}/new")).status_code == 403
        assert "Registration is closed" in (await browser.get(f"{service.https}/")).text


def accounts(database_urls: dict[str, str]) -> list[str]:
    with psycopg.connect(database_urls["postgres"]) as connection:
        return [row[0] for row in connection.execute("SELECT address FROM chatmail.account")]
