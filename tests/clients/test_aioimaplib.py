"""aioimaplib, on which bots are built: it waits for mail, reads it and throws it away."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aioimaplib import IMAP4_SSL, Response

from tests.clients.letters import append, letter, uids
from tests.people import Person, encrypted_letter, newcomer, trusting

SECONDS = 30.0


def ok(response: Response) -> list[bytes]:
    """Return the lines of an answer that must be OK."""
    assert response.result == "OK", response
    return list(response.lines)


@asynccontextmanager
async def logged_in(person: Person) -> AsyncIterator[IMAP4_SSL]:
    """Log in, and out; the library leaves the connection to be closed by whoever comes first, so that is done here."""
    address, port = person.suite.address, person.suite.ports["port_imaps"]
    lost = asyncio.Event()
    client = IMAP4_SSL(address, port, timeout=SECONDS, ssl_context=trusting())
    client.protocol.conn_lost_cb = lambda _: lost.set()
    await client.wait_hello_from_server()
    try:
        ok(await client.login(person.address, person.password))
        yield client
        ok(await client.logout())
    finally:
        client.protocol.transport.abort()
        await asyncio.wait_for(lost.wait(), SECONDS)


async def told(client: IMAP4_SSL, what: bytes) -> None:
    """Wait until the server says a line while the client idles."""
    async with asyncio.timeout(SECONDS):
        while what not in await client.wait_server_push():
            pass


async def test_a_bot_waits_for_mail_reads_it_and_throws_it_away(ann: Person) -> None:
    async with logged_in(ann) as client:
        ok(await client.select("INBOX"))
        idle = await client.idle_start(timeout=SECONDS)
        await asyncio.to_thread(newcomer(ann.suite).send, ann.address)
        await told(client, b"1 EXISTS")
        client.idle_done()
        await asyncio.wait_for(idle, SECONDS)

        lines = ok(await client.uid("fetch", "1", "(UID FLAGS BODY.PEEK[])"))
        assert bytes(lines[1]).rpartition(b"\r\n\r\n")[2] == encrypted_letter("").rpartition(b"\r\n\r\n")[2]
        assert re.search(rb"UID 1\b", lines[0])
        (stored, *_) = ok(await client.uid("store", "1", "+FLAGS", r"(\Seen \Deleted)"))
        assert b"\\Deleted" in stored
        assert b"1 EXPUNGE" in ok(await client.expunge())
    assert uids(ann) == []


async def test_it_hears_what_another_session_does_while_it_idles(ann: Person) -> None:
    async with logged_in(ann) as client:
        ok(await client.select("INBOX"))
        idle = await client.idle_start(timeout=SECONDS)
        with ann.imap() as other:
            append(other, "INBOX", "one", "two")
            await told(client, b"2 EXISTS")
            other.select("INBOX")
            other.store("1", "+FLAGS", r"(\Flagged)")
            await told(client, rb"1 FETCH (FLAGS (\Flagged))")
            other.store("1", "+FLAGS", r"(\Deleted)")
            other.expunge()
            await told(client, b"1 EXPUNGE")
        client.idle_done()
        await asyncio.wait_for(idle, SECONDS)


async def test_it_keeps_its_mail_in_mailboxes(ann: Person) -> None:
    async with logged_in(ann) as client:
        ok(await client.create("Done"))
        for subject in ("one", "two"):
            ok(await client.append(letter(subject), "INBOX", r"(\Seen)"))
        ok(await client.select("INBOX"))
        (found, *_) = ok(await client.uid_search("SUBJECT", "two"))
        assert found == b"2"
        ok(await client.uid("copy", "2", "Done"))
        ok(await client.move("1", "Done"))
        (status, *_) = ok(await client.status("Done", "(MESSAGES)"))
        assert status.endswith(b"(MESSAGES 2)")
        lines = ok(await client.list('""', "*"))
        assert [line.rpartition(b" ")[2] for line in lines[:-1]] == [b'"INBOX"', b'"Done"']
        ok(await client.close())


@pytest.mark.parametrize("size", [1, 100_000, 2_000_000])
async def test_a_message_comes_back_as_it_went(ann: Person, size: int) -> None:
    async with logged_in(ann) as client:
        sent = letter("big", "x" * 60 + "\r\n" * 2 + "0123456789\r\n" * (size // 12))
        ok(await client.append(sent, "INBOX"))
        ok(await client.select("INBOX"))
        lines = ok(await client.fetch("1", "(RFC822)"))
        assert bytes(lines[1]) == sent
