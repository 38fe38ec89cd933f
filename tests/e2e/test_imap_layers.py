"""UTF8=ACCEPT and COMPRESS=DEFLATE against a whole suite: names, messages and news in UTF-8 on a compressed line."""

from collections.abc import Iterator

import pytest

from tests.dialogs.player import DeflatedWire, SocketWire
from tests.people import newcomer
from tests.suite import Suite

NAME = "Grüße/😀"
LETTER = "From: Ann <ann@elsewhere.test>\r\nSubject: Schöne Grüße\r\n\r\nHallo\r\n".encode()


@pytest.fixture(scope="module")
def compressing_suite() -> Iterator[Suite]:
    with Suite(settings={"MADDY_GATE_APPEND": "off", "MADDY_IMAP_COMPRESS": "true"}) as suite:
        yield suite


async def said(wire: SocketWire | DeflatedWire, command: str) -> list[str]:
    """Send a command; return the lines of its answer, the last of which must be OK."""
    await wire.send(f"a {command}\r\n".encode())
    lines = [(await wire.readline()).decode()]
    while not lines[-1].startswith("a "):
        assert lines[-1], "closed"
        lines.append((await wire.readline()).decode())
    assert lines[-1].startswith("a OK"), lines[-1]
    return [line.removesuffix("\r\n") for line in lines]


async def begun(suite: Suite, address: str, password: str) -> DeflatedWire:
    """Log in, and both compress and enable UTF-8."""
    wire = await SocketWire.connect(suite.address, suite.ports["port_imaps"], is_tls=True)
    await wire.readline()
    (told,) = await said(wire, f'LOGIN "{address}" {password}')
    assert "COMPRESS=DEFLATE" in told
    assert "UTF8=ACCEPT" in told
    assert await said(wire, "COMPRESS DEFLATE") == ["a OK Begin DEFLATE"]
    inner = DeflatedWire(wire)
    assert await said(inner, "ENABLE UTF8=ACCEPT") == ["* ENABLED UTF8=ACCEPT", "a OK Done"]
    return inner


async def test_names_messages_and_news(compressing_suite: Suite) -> None:
    person = newcomer(compressing_suite)
    one = await begun(compressing_suite, person.address, person.password)
    other = await begun(compressing_suite, person.address, person.password)
    await said(one, f'CREATE "{NAME}"')
    assert [line for line in await said(other, 'LIST "" "Gr%/*"') if "LIST" in line] == [
        f'* LIST (\\HasNoChildren) "/" "{NAME}"'
    ]
    await said(one, f'SELECT "{NAME}"')
    await one.send(b"b IDLE\r\n")
    assert await one.readline() == b"+ idling\r\n"
    head = f'c APPEND "{NAME}" UTF8 (~{{{len(LETTER)}+}}\r\n'.encode()
    await other.send(head + LETTER + b")\r\n")
    assert (await other.readline()).startswith(b"c OK [APPENDUID ")
    assert await one.readline() == b"* 1 EXISTS\r\n"
    await one.send(b"DONE\r\n")
    assert await one.readline() == b"b OK Done\r\n"
    assert (await said(one, 'SEARCH SUBJECT "GRÜSSE"'))[0] == "* SEARCH 1"
    assert "".join(line + "\r\n" for line in (await said(one, "FETCH 1 BODY[]"))[1:-2]).encode() == LETTER
    await one.close()
    await other.close()
