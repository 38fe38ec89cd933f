"""The connection on a socket of its own or in memory: what no dialogue can show."""

import asyncio
import gc
import socket
import struct
import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
import uvloop
from imap import connection
from imap.registry import MAX_SESSIONS
from imap.store import Flag, Unavailable

from shared.listen.certificate import Certificate
from shared.metrics import catalog
from shared.metrics.page import PAGE
from shared.storage import selfsigned
from tests.dialogs.imap_rig import ANN, SECRET, Rig
from tests.dialogs.player import Dialog, MemoryWire, SocketWire
from tests.fakes import WAITED


async def say(wire: MemoryWire | SocketWire, text: str, tag: str = "a") -> list[bytes]:
    """Send one command and return its answer's lines."""
    await wire.send(f"{tag} {text}\r\n".encode())
    lines = [await wire.readline()]
    while not lines[-1].startswith(tag.encode() + b" "):
        assert lines[-1], "closed"
        lines.append(await wire.readline())
    return lines


async def logged_in(rig: Rig) -> MemoryWire:
    wire = Rig.in_memory(rig)
    await wire.readline()
    assert b"OK" in (await say(wire, f"LOGIN {ANN} {SECRET}"))[-1]
    return wire


@asynccontextmanager
async def slow_client(rig: Rig) -> AsyncIterator[SocketWire]:
    """A client on a socket that takes little it does not read; TLS, which has buffers of its own, is only pretended."""
    listener, wire = await rig.on_socket(holds=64 * 1024)
    try:
        await wire.readline()
        rig.connections[-1]._talk.is_tls = True
        await say(wire, f"LOGIN {ANN} {SECRET}")
        await say(wire, "SELECT INBOX")
        yield wire
    finally:
        await wire.close()
        await listener.drain(5)


def secure_rig(*header: tuple[str, str]) -> Rig:
    return Rig(Dialog("unit", [], list(header)), None)


async def test_i1_announced_literals_cost_no_memory() -> None:
    rig = secure_rig()
    other, *wires = [await logged_in(rig) for _ in range(21)]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for wire in wires:
        await wire.send(b"b SELECT {65000}\r\n")
        assert await wire.readline() == b"+ Go on\r\n"
        assert b"BAD" in (await say(other, "SELECT {400000000}"))[-1]
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 20 * 64 * 1024
    for wire in (other, *wires):
        await wire.close()


async def test_i8_commands_without_reading_the_answers() -> None:
    rig = secure_rig()
    rig.store.deliver(rig.inbox.mailbox_id, b"Subject: x\r\n\r\n" + b"x" * 8000)
    async with slow_client(rig) as wire:
        fields = " ".join(["X" * 60] * 5)
        fetch = f"b UID FETCH 1 (BODY.PEEK[] BODY.PEEK[HEADER.FIELDS ({fields})])\r\n".encode()
        sending = asyncio.create_task(wire.send(fetch * 5000))
        (served_connection,) = rig.connections
        while served_connection._is_reading:
            await asyncio.sleep(0.01)
        for _ in range(30):  # long enough for all of it to come, were it read
            await asyncio.sleep(0.01)
        held = len(served_connection._framer) + served_connection._outlet.size
        waiting = served_connection._transport.get_write_buffer_size()
        assert held + waiting < 1 << 20 < len(fetch) * 5000
        other = await logged_in(rig)
        assert (await say(other, "NOOP"))[-1] == b"a OK Done\r\n"
        await other.close()
        answered = 0
        while answered < 5000:
            answered += (await wire.readline()).startswith(b"b OK")
        await sending


async def test_i14_a_large_message_is_not_held_for_a_slow_reader() -> None:
    rig = secure_rig(("large", "8000000"))
    async with slow_client(rig) as wire:
        await wire.send(b"b UID FETCH 1 BODY.PEEK[]\r\n")
        (served_connection,) = rig.connections
        while served_connection._outlet.paused_at is None:
            await asyncio.sleep(0.01)
        assert served_connection._outlet.size + served_connection._transport.get_write_buffer_size() < 1 << 20
        served_connection.tick(served_connection._outlet.paused_at + connection.WRITE_SECONDS + 1)
        while len(rig.registry):
            await asyncio.sleep(0.01)


async def test_a_literal_that_cannot_be_finished_ends_the_connection_without_a_word() -> None:
    rig = secure_rig(("large", "700000"))
    wire = await logged_in(rig)
    await say(wire, "SELECT INBOX")
    real, reads = rig.store.read, 0

    async def read(mailbox_id: int, uid: int, offset: int, length: int) -> bytes:
        nonlocal reads
        reads += 1
        return await real(mailbox_id, uid, offset, length) if reads < 2 else b""

    rig.store.read = read  # type: ignore[method-assign]
    await wire.send(b"b UID FETCH 1 BODY.PEEK[]\r\n")
    said = b""
    while line := await wire.readline():
        said += line
    assert said.startswith(b"* 1 FETCH (UID 1 BODY[] {700000}\r\n")
    assert said.endswith(b"x")
    assert len(said) < 700_000


async def test_a_connection_that_is_lost_leaves_nothing() -> None:
    rig = secure_rig()
    wire = await logged_in(rig)
    await say(wire, "SELECT INBOX")
    (lost,) = rig.connections
    task = lost._task
    assert task is not None
    await wire.close()
    await task
    assert len(rig.registry) == 0
    assert rig.registry._watching == {}
    assert lost._ticket.is_closed
    assert len(lost._terms.rounds) == 0


async def test_a_login_no_longer_counts_against_its_source() -> None:
    rig = secure_rig()
    wire = rig.in_memory()
    await wire.readline()
    ticket = rig.connections[0]._ticket
    before = ticket.is_released
    await say(wire, f"LOGIN {ANN} {SECRET}")
    assert (before, ticket.is_released) == (False, True)
    await wire.close()


async def test_a_second_session_hears_what_the_first_one_does() -> None:
    rig = secure_rig(("mail", "subject=One"))
    first, second = await logged_in(rig), await logged_in(rig)
    for wire in (first, second):
        await say(wire, "SELECT INBOX")
    await second.send(b"i IDLE\r\n")
    assert await second.readline() == b"+ idling\r\n"
    await say(first, "UID STORE 1 +FLAGS.SILENT (\\Deleted)")
    assert await second.readline() == b"* 1 FETCH (FLAGS (\\Deleted))\r\n"
    await say(first, "CLOSE")
    assert await second.readline() == b"* 1 EXPUNGE\r\n"
    for wire in (first, second):
        await wire.close()


async def test_only_who_idles_is_counted_as_waiting() -> None:
    PAGE.spread(1)
    rig = secure_rig()
    wire = await logged_in(rig)
    await say(wire, "SELECT INBOX")
    rig._deliver()
    assert b"* 1 EXISTS\r\n" in await say(wire, "NOOP")
    await wire.send(b"i IDLE\r\n")
    await wire.readline()
    assert rig.registry.idling == rig.registry.sessions == 1
    rig._flag("1", "\\Seen")
    rig._ring()
    await wire.readline()
    assert catalog.READABLE.here() == {}, "what is told now was no arrival"
    rig._deliver()
    assert await wire.readline() == b"* 2 EXISTS\r\n"
    assert catalog.READABLE.here() == {str(WAITED): 1}
    await wire.close()
    assert rig.registry.idling == rig.registry.sessions == 0


async def test_a_bell_that_rings_while_select_asks_is_heard() -> None:
    rig = secure_rig()
    wire = await logged_in(rig)
    await say(wire, "SELECT INBOX")
    await say(wire, "CLOSE")
    real = rig.store.snapshot

    async def snapshot(account_id: int, name: str, newest: int | None) -> object:
        taken = await real(account_id, name, newest)
        rig._deliver("Meanwhile")
        return taken

    rig.store.snapshot = snapshot  # type: ignore[method-assign,assignment]
    lines = await say(wire, "SELECT INBOX")
    assert b"* 0 EXISTS\r\n" in lines
    assert b"* 1 EXISTS\r\n" not in lines, "which Delta Chat would not notice there"
    assert (await say(wire, "NOOP"))[-2] == b"* 1 EXISTS\r\n"
    await wire.close()


async def test_mail_that_comes_during_the_first_select_is_not_missed() -> None:
    rig = secure_rig()
    wire = await logged_in(rig)
    real = rig.store.snapshot

    async def snapshot(account_id: int, name: str, newest: int | None) -> object:
        taken = await real(account_id, name, newest)
        rig._deliver("Meanwhile")  # and nobody is registered yet to hear its bell
        return taken

    rig.store.snapshot = snapshot  # type: ignore[method-assign,assignment]
    await say(wire, "SELECT INBOX")
    assert (await say(wire, "UID FETCH 1 UID"))[-2] == b"* 1 EXISTS\r\n"
    await wire.close()


async def test_select_again_costs_no_look() -> None:
    rig = secure_rig()
    wire = await logged_in(rig)
    await say(wire, "SELECT INBOX")
    await say(wire, "CLOSE")
    rig._time("70")  # a look was due, but a snapshot shows as much
    rig.store.calls.clear()
    await say(wire, "SELECT INBOX")
    await wire.send(b"i IDLE\r\n")
    await wire.readline()
    assert rig.store.calls == ["snapshot"]
    await wire.close()


async def test_without_a_bell_a_session_looks_every_ten_seconds() -> None:
    rig = secure_rig()
    wire = await logged_in(rig)
    await say(wire, "SELECT INBOX")
    await wire.send(b"i IDLE\r\n")
    await wire.readline()
    rig._deliver_unheard("Quiet")
    rig.is_bell_connected = False
    rig._time("10")
    assert await wire.readline() == b"* 1 EXISTS\r\n"
    await wire.close()


@pytest.mark.parametrize("seconds", ["10", "50"])
async def test_with_a_bell_a_session_is_left_alone(seconds: str) -> None:
    rig = secure_rig()
    wire = await logged_in(rig)
    await say(wire, "SELECT INBOX")
    await wire.send(b"i IDLE\r\n")
    await wire.readline()
    rig.store.calls.clear()
    rig._time(seconds)
    await asyncio.sleep(0)
    assert rig.store.calls == []
    await wire.close()


@pytest.mark.parametrize(
    ("is_stale", "calls"), [(False, []), (True, ["changes"]), (None, [])], ids=["as it was", "changed", "away"]
)
async def test_an_idling_session_asks_before_it_looks(is_stale: bool | None, calls: list[str]) -> None:
    rig = secure_rig()
    asked: list[int] = []

    def answer(mailbox_id: int, _modseq: int) -> asyncio.Future[bool]:
        asked.append(mailbox_id)
        future = asyncio.get_running_loop().create_future()
        future.set_exception(Unavailable()) if is_stale is None else future.set_result(is_stale)
        return future

    rig._server._terms = replace(rig._server._terms, is_stale=answer)
    wire = await logged_in(rig)
    await say(wire, "SELECT INBOX")
    await wire.send(b"i IDLE\r\n")
    await wire.readline()
    rig.store.calls.clear()
    rig._time("60")
    for _ in range(5):
        await asyncio.sleep(0)
    assert (asked, rig.store.calls) == ([rig.inbox.mailbox_id], calls)
    rig._time(str(connection.LOOK_ANYWAY_SECONDS))
    for _ in range(5):
        await asyncio.sleep(0)
    assert rig.store.calls == [*calls, "changes"], "who idles for an hour is not seen to use the account"
    await wire.close()


async def test_a_connection_that_is_lost_is_freed_without_the_garbage_collector() -> None:
    rig = secure_rig()
    wire = await logged_in(rig)
    await say(wire, "SELECT INBOX")
    rig.connections.clear()
    gc.collect()
    gc.disable()
    try:
        await wire.close()
        wire.transport.set_protocol(asyncio.Protocol())  # who plays the client lets go, too
        del wire
        for _ in range(3):
            await asyncio.sleep(0)
        assert not [left for left in gc.get_objects() if isinstance(left, connection.Connection)]
    finally:
        gc.enable()


async def test_i12_one_account_never_sees_another() -> None:
    rig = secure_rig(("mail", "subject=Canary"))
    rig.doorkeeper.know("eve@here.test", "eve-secret")
    wire = rig.in_memory()
    await wire.readline()
    await say(wire, "LOGIN eve@here.test eve-secret")
    said = b""
    for text in ("SELECT INBOX", "UID FETCH 1:* (BODY.PEEK[])", "UID SEARCH ALL", "STATUS INBOX (MESSAGES)"):
        said += b"".join(await say(wire, text))
    assert b"Canary" not in said
    assert b"* 0 EXISTS" in said
    assert b"MESSAGES 0" in said
    await wire.close()


@pytest.mark.parametrize("is_late", [False, True], ids=["same-segment", "before-the-hello"])
async def test_t1_plaintext_behind_starttls_is_never_run(is_late: bool) -> None:
    tls = Certificate(selfsigned.make(["127.0.0.1"]), None).context()
    rig = Rig(Dialog("unit", [], [("door", "clear")]), tls)
    listener, wire = await rig.on_socket()
    await wire.readline()
    await wire.send(b"a STARTTLS\r\n" if is_late else b"a STARTTLS\r\nb CAPABILITY\r\n")
    assert await wire.readline() == b"a OK Begin TLS\r\n"
    if is_late:
        await wire.send(b"b CAPABILITY\r\n")
        assert b"CAPABILITY" not in await wire.readline()
    else:
        await wire.start_tls()
        assert (await say(wire, "NOOP", "c")) == [b"c OK Done\r\n"]
    await wire.close()
    await listener.drain(5)


async def test_t3_a_command_that_follows_the_handshake_at_once_is_answered() -> None:
    tls = Certificate(selfsigned.make(["127.0.0.1"]), None).context()
    rig = Rig(Dialog("unit", [], [("door", "clear")]), tls)
    for _ in range(20):
        listener, wire = await rig.on_socket()
        await wire.readline()
        assert await say(wire, "STARTTLS") == [b"a OK Begin TLS\r\n"]
        await wire.start_tls()
        assert (await say(wire, "NOOP", "b")) == [b"b OK Done\r\n"]
        await wire.close()
        await listener.drain(5)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("hello", [b"", b"\x16\x03\x01", b"b CAPABILITY\r\n"], ids=["none", "begun", "plain"])
def test_a_client_lost_in_the_handshake_leaves_nothing(
    loop: Callable[[], asyncio.AbstractEventLoop], hello: bytes
) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(_lost_in_the_handshake(hello))


async def _lost_in_the_handshake(hello: bytes) -> None:
    tls = Certificate(selfsigned.make(["127.0.0.1"]), None).context()
    rig = Rig(Dialog("unit", [], [("door", "clear")]), tls)
    listener, wire = await rig.on_socket()
    await wire.readline()
    assert await say(wire, "STARTTLS") == [b"a OK Begin TLS\r\n"]
    (lost,) = rig.connections
    task, ticket = lost._task, lost._ticket
    assert task is not None
    if hello:
        await wire.send(hello)
    linger = struct.pack("ii", 1, 0)  # a reset instead of an end
    wire._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    wire._writer.transport.abort()
    await task
    assert len(rig.registry) == 0
    assert ticket.is_closed
    assert len(lost._terms.rounds) == 0
    await listener.drain(5)


async def test_one_account_cannot_take_all_connections() -> None:
    rig = secure_rig()
    wires = [await logged_in(rig) for _ in range(MAX_SESSIONS)]
    late = rig.in_memory()
    await late.readline()
    refused = b"a NO [LIMIT] Too many connections of this account\r\n"
    assert await say(late, f"LOGIN {ANN} {SECRET}") == [refused]
    await wires.pop().close()
    assert b"a OK" in (await say(late, f"LOGIN {ANN} {SECRET}"))[-1]
    for wire in (late, *wires):
        await wire.close()


@pytest.mark.parametrize("has_idled", [False, True])
async def test_who_does_not_idle_learns_within_a_minute_that_the_mailbox_is_gone(has_idled: bool) -> None:
    rig = secure_rig()
    wire = await logged_in(rig)
    await say(wire, "SELECT INBOX")
    if has_idled:
        await wire.send(b"i IDLE\r\nDONE\r\n")
        assert await wire.readline() == b"+ idling\r\n"
        assert await wire.readline() == b"i OK Done\r\n"
    rig.store.drop(rig.inbox.mailbox_id)
    rig._time("60")
    assert await wire.readline() == b"* BYE Mailbox is gone\r\n"
    assert await wire.readline() == b""


async def test_a_session_without_a_mailbox_is_left_alone() -> None:
    rig = secure_rig()
    wire = await logged_in(rig)
    rig.store.calls.clear()
    rig._time("60")
    assert await say(wire, "NOOP") == [b"a OK Done\r\n"]
    assert rig.store.calls == []
    await wire.close()


async def test_i9_half_a_message_leaves_nothing_behind() -> None:
    rig = secure_rig()
    wire = await logged_in(rig)
    await wire.send(b"a APPEND INBOX {1000}\r\n")
    assert await wire.readline() == b"+ Go on\r\n"
    await wire.send(b"x" * 500)
    await asyncio.sleep(0)
    (kept,) = rig.letterbox.received
    await wire.close()
    assert kept.is_closed
    assert not rig.inbox.messages


async def test_a_message_that_never_ends_ends_the_connection() -> None:
    rig = secure_rig()
    wire = await logged_in(rig)
    await wire.send(b"a APPEND INBOX {1000}\r\n")
    await wire.readline()
    (one,) = rig.connections
    begun = asyncio.get_running_loop().time()
    one.tick(begun + connection.MESSAGE_SECONDS - 60)
    assert rig.letterbox.received[0].is_closed is False
    one.tick(begun + connection.MESSAGE_SECONDS + 60)
    await asyncio.sleep(0)
    assert rig.letterbox.received[0].is_closed


async def test_who_changes_a_mailbox_rings_for_all() -> None:
    rung: list[tuple[int, int]] = []
    rig = secure_rig(("mail", "subject=One"))
    rig.ring = lambda mailbox_id, modseq: rung.append((mailbox_id, modseq))
    wire = await logged_in(rig)
    await say(wire, "CREATE Other")
    await say(wire, "SELECT INBOX")
    await say(wire, "COPY 1 Other")
    assert rung == [(2, 2)]
    await say(wire, "UID MOVE 1 Other")
    assert rung[1:] == [(2, 3), (1, 3)]
    await say(wire, "DELETE Other")
    assert rung[3][0] == 2
    await wire.close()


async def test_who_changes_flags_rings_for_other_processes_and_hears_nothing_new() -> None:
    rung: list[tuple[int, int]] = []
    rig = secure_rig(("mail", "subject=One"), ("mail", "subject=Two"))
    rig.ring = lambda mailbox_id, modseq: rung.append((mailbox_id, modseq))
    wire = await logged_in(rig)
    await say(wire, "SELECT INBOX")
    await say(wire, "NOOP")
    before = rig.inbox.modseq
    rig.store.calls.clear()
    await say(wire, "UID STORE 1:2 +FLAGS.SILENT (\\Deleted)")
    await say(wire, "UID EXPUNGE 1")
    await say(wire, "EXPUNGE")
    await say(wire, "EXPUNGE")
    assert rung == [(rig.inbox.mailbox_id, before + at) for at in (1, 2, 3)]
    for mailbox_id, modseq in rung:
        rig.registry.ring(mailbox_id, modseq)  # its own bells come back to it
    await say(wire, "UID SEARCH ALL")
    assert "changes" not in rig.store.calls
    await wire.close()


async def test_who_opens_the_inbox_after_login_has_heard_its_bells_and_need_not_look() -> None:
    rig = secure_rig(("mail", "subject=One"))
    wire = await logged_in(rig)
    await say(wire, "SELECT INBOX")
    await say(wire, "UID SEARCH ALL")
    assert "changes" not in rig.store.calls
    await say(wire, "CREATE Other")
    await say(wire, "SELECT Other")
    await say(wire, "UID SEARCH ALL")
    assert rig.store.calls.count("changes") == 1, "nobody had listened for this one"
    await wire.close()


@pytest.mark.parametrize(("gap", "asked"), [(0, 0), (1, 1)], ids=["the next change", "one was missed"])
async def test_a_bell_that_says_what_came_spares_the_question(gap: int, asked: int) -> None:
    rig = secure_rig(("mail", "subject=One"))
    idling = await logged_in(rig)
    await say(idling, "SELECT INBOX")
    await say(idling, "NOOP")
    await idling.send(b"i IDLE\r\n")
    assert await idling.readline() == b"+ idling\r\n"
    rig.store.calls.clear()
    for _ in range(gap + 1):
        rig.store.deliver(rig.inbox.mailbox_id, b"Subject: Two\r\n\r\n")
    box = rig.inbox
    rig.registry.arrived(box.mailbox_id, box.modseq, box.uidnext - 1, 0)
    rig.registry.ring(box.mailbox_id, box.modseq)
    assert await idling.readline() == b"* %d EXISTS\r\n" % (2 + gap)
    assert rig.store.calls.count("changes") == asked
    await idling.send(b"DONE\r\n")
    assert (await idling.readline()).startswith(b"i OK")
    assert b"Subject: Two\r\n" in await say(idling, "UID FETCH 2 BODY[]")
    await idling.close()


async def test_what_another_process_did_is_heard_by_its_bell() -> None:
    rig = secure_rig(("mail", "subject=One"))
    idling = await logged_in(rig)
    await say(idling, "SELECT INBOX")
    await idling.send(b"i IDLE\r\n")
    assert await idling.readline() == b"+ idling\r\n"
    marked = await rig.store.add_flags(rig.inbox.mailbox_id, [1], Flag.DELETED)
    rig.registry.ring(rig.inbox.mailbox_id, marked.modseq)
    assert await idling.readline() == b"* 1 FETCH (FLAGS (\\Deleted))\r\n"
    await idling.close()
