"""Mail from other servers over HTTPS: the wire, asked through ASGI and over a real socket."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from ipaddress import ip_address

import httpx
import pytest
from register import mxdeliv, server
from register.app import build
from register.limits import Limits
from register.mxdeliv import MAX_RECIPIENTS, PATH, Mxdeliv
from register.server import HttpServer, Large, doors
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.address import parse
from shared.inbound.guesses import OF_SENDER, OF_SOURCE, Guesses
from shared.listen.certificate import Certificate
from shared.listen.limits import SourceLimits
from shared.listen.listener import Listener
from shared.listen.pace import SourcePace, a_second
from shared.storage import selfsigned
from tests.smtp_fakes import World, encrypted, reception
from tests.unit.register.fakes import Clock, FakeAccounts, births, site
from tests.unit.smtp_in.test_open_relay import RECIPIENTS, SENDERS

ANN, BOB, NOBODY, FULL = "ann@here.test", "bob@here.test", "nobody@here.test", "full@here.test"
ZOE = "zoe@there.test"
LETTER = encrypted(ZOE)
MAX_SIZE = 100_000


def app(world: World, *, is_open: bool = True, is_trusted: bool = False, **options: object) -> ASGIApp:
    mail = Mxdeliv(reception(world, **options), MAX_SIZE) if is_open else None  # type: ignore[arg-type]
    of, clock = site(), Clock()
    web = build(of, births(FakeAccounts(), of, clock), Limits(clock), lambda: is_trusted, mail)

    async def with_peer(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {"peer": ip_address("192.0.2.7")}  # as `server` puts it there
        await web(scope, receive, send)

    return with_peer


async def ask(
    web: ASGIApp,
    method: str = "POST",
    *,
    content: bytes | Iterable[bytes] = LETTER,
    sender: str | None = ZOE,
    to: Iterable[str] = (ANN,),
    more: Iterable[tuple[str, str]] = (),
    path: str = "/mxdeliv",
    scheme: str = "https",
) -> httpx.Response:
    headers = [("X-MAIL-TO", one) for one in to] + list(more)
    if sender is not None:
        headers.append(("X-MAIL-FROM", sender))
    transport = httpx.ASGITransport(web, client=("source", 0))
    async with httpx.AsyncClient(transport=transport) as client:
        return await client.request(method, f"{scheme}://chat.example.org{path}", content=content, headers=headers)


# The wire -----------------------------------------------------------------------------------------------------------


async def test_a_message() -> None:
    world = World()
    answer = await ask(app(world), to=[ANN, BOB])
    assert (answer.status_code, answer.text) == (200, "250 2.0.0 Accepted")
    assert [incoming.mailbox_ids for incoming in world.stored] == [(1, 2)]
    assert world.origins == [(parse(ZOE), ip_address("192.0.2.7"), "")]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_how_the_door_is_known(method: str) -> None:
    answer = await ask(app(World()), method, content=b"")
    assert (answer.status_code, answer.headers["allow"], answer.content) == (405, "POST", b"")


@pytest.mark.parametrize("sender", [None, "", "<>", " "])
async def test_the_null_sender(sender: str | None) -> None:
    world = World()
    assert (await ask(app(world), sender=sender)).status_code == 200
    assert world.origins[0][0] is None


@pytest.mark.parametrize(
    "to", [[f"<{ANN}>", f" {BOB} "], [f"{ANN}, {BOB}"], [f"{ANN},{BOB}", ANN.upper()], [f"{ANN},<{BOB}>"]]
)
async def test_spellings_of_recipients(to: list[str]) -> None:
    world = World()
    assert (await ask(app(world), to=to)).status_code == 200
    assert world.stored[0].mailbox_ids == (1, 2)


REFUSED: dict[str, tuple[World, dict[str, object], int, str]] = {
    "no recipient": (World(), {"to": []}, 400, "554 5.5.1 No valid recipients"),
    "unknown": (World(), {"to": [NOBODY]}, 400, "550 5.1.1 User doesn't exist"),
    "all unknown": (World(), {"to": [NOBODY, "x@here.test"]}, 400, "550 5.1.1 User doesn't exist"),
    "full": (World(), {"to": [FULL]}, 400, "552 5.2.2 Mailbox is full"),
    "R elsewhere": (World(), {"to": ["v@x.test"]}, 400, "550 5.7.1 Relaying denied"),
    "R percent": (World(), {"to": ["v%x.test@here.test"]}, 400, "550 5.1.1 User doesn't exist"),
    "R route": (World(), {"to": ["@here.test:v@x.test"]}, 400, "501 5.1.3 Bad recipient address syntax"),
    "R two in one": (World(), {"to": ["v@x.test ann@here.test"]}, 400, "501 5.1.3 Bad recipient address syntax"),
    "an empty recipient": (World(), {"to": [""]}, 400, "501 5.1.3 Bad recipient address syntax"),
    "a bad one among good ones": (World(), {"to": [ANN, "b"]}, 400, "501 5.1.3 Bad recipient address syntax"),
    "bad sender": (World(), {"sender": "zoe"}, 400, "501 5.1.7 Bad sender address syntax"),
    "two senders": (World(), {"more": [("X-Mail-From", ZOE)]}, 400, "501 5.1.7 Bad sender address syntax"),
    "own sender": (World(), {"sender": BOB}, 400, "501 5.1.8 Use Submission for outgoing SMTP"),
    "cleartext": (
        World(),
        {"content": b"From: zoe@there.test\r\n\r\nhello\r\n"},
        400,
        "523 5.7.1 Encryption Needed: Invalid Unencrypted Mail",
    ),
    "bare LF": (
        World(),
        {"content": LETTER.replace(b"\r\n", b"\n")},
        400,
        "554 5.6.0 Malformed message: bare CR or LF, or NUL",
    ),
    "nothing": (World(), {"content": b""}, 400, "554 5.6.0 Malformed message"),
    "K1": (World(origin="unsigned"), {}, 400, "554 5.7.1 No DKIM signature found"),
    "K1 invalid": (World(origin="invalid"), {}, 400, "554 5.7.1 No valid DKIM signature found"),
    "K8": (
        World(origin="unknown"),
        {},
        503,
        "451 4.7.5 Cannot verify the origin of this message now, try again later",
    ),
    "a crash": (World(origin="crash"), {}, 503, "451 4.3.0 Temporary server problem, try again later"),
    "refused domain": (
        World(refused=frozenset({"there.test"})),
        {},
        400,
        "550 5.7.1 This server does not exchange mail with your domain",
    ),
    "away": (World(is_available=False), {}, 503, "421 4.3.2 Service not available, try again later"),
    "lookup away": (World(trouble="lookup"), {}, 503, "451 4.3.0 Temporary server problem, try again later"),
    "store away": (World(trouble="store"), {}, 503, "451 4.3.0 Temporary server problem, try again later"),
    "disk low": (World(is_low=True), {}, 503, "452 4.3.1 Insufficient system storage"),
    "too large": (World(), {"content": bytes(MAX_SIZE + 1)}, 413, "552 5.3.4 Message exceeds maximum size"),
    "too large, unannounced": (
        World(),
        {"content": iter([bytes(60_000)] * 2)},
        413,
        "552 5.3.4 Message exceeds maximum size",
    ),
    "too many recipients": (
        World(),
        {"to": [f"group-{number}@here.test" for number in range(MAX_RECIPIENTS + 1)]},
        400,
        "554 5.5.3 Too many recipients in one request",
    ),
}


class Chunks(httpx.AsyncByteStream):
    """A body of unknown length."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


@pytest.mark.parametrize(("world", "options", "status", "words"), REFUSED.values(), ids=list(REFUSED))
async def test_refused(world: World, options: dict[str, object], status: int, words: str) -> None:
    if not isinstance(options.get("content", b""), bytes):
        options = options | {"content": Chunks(list(options["content"]))}  # type: ignore[call-overload]
    answer = await ask(app(world), **options)  # type: ignore[arg-type]
    assert (answer.status_code, answer.text) == (status, words)
    assert world.stored == []


async def test_a_thousand_recipients() -> None:
    world = World()
    to = [f"group-{number}@here.test" for number in range(MAX_RECIPIENTS)]
    assert (await ask(app(world), to=to)).status_code == 200
    assert (world.looked_up, len(world.stored[0].mailbox_ids)) == ([1000], 1000)


# One status stands for all -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failed", [[NOBODY], [NOBODY, FULL, "v@x.test"]], ids=len)
async def test_one_exists_and_the_sender_is_told_of_the_others(failed: list[str]) -> None:
    world = World()
    assert (await ask(app(world), to=[*failed, ANN])).status_code == 200
    message, told = world.stored
    assert message.mailbox_ids == (1,)
    assert told.outgoing
    assert told.outgoing.recipients == (parse(ZOE),)
    assert all(name.encode() in told.body for name in failed)


@pytest.mark.parametrize("sender", [None, "list@x.test"])
async def test_nobody_is_told_who_has_not_proved_to_be_the_author(sender: str | None) -> None:
    world = World()
    assert (await ask(app(world), sender=sender, to=[NOBODY, ANN])).status_code == 200
    assert [incoming.outgoing for incoming in world.stored] == [None]


async def test_nobody_unverified_is_told() -> None:
    world = World(origin="invalid")
    assert (await ask(app(world), to=[NOBODY, ANN])).status_code == 400
    assert world.stored == []


async def test_guesses_are_counted_by_sender() -> None:
    world, clock = World(), Clock()
    web = app(world, guesses=Guesses(clock=clock))
    for _ in range(OF_SENDER.burst):
        assert (await ask(web, to=[NOBODY])).status_code == 400
    answer = await ask(web, to=[ANN])
    assert (answer.status_code, answer.text[:9]) == (503, "450 4.7.1")
    assert (await ask(web, sender="yan@there.test", to=[ANN], content=encrypted("yan@there.test"))).status_code == 200
    clock.now += 3
    assert (await ask(web, to=[ANN])).status_code == 200


@pytest.mark.parametrize("known", [(), (ANN,)], ids=["all unknown", "one known"])
async def test_who_names_more_unknown_ones_than_guesses_are_left_is_told_nothing(known: tuple[str, ...]) -> None:
    world, clock = World(), Clock()
    web = app(world, guesses=Guesses(clock=clock))
    names = [f"nobody{number}@here.test" for number in range(OF_SENDER.burst + 1)]
    answer = await ask(web, to=[*names, *known])
    assert (answer.status_code, answer.text[:9], world.stored) == (503, "450 4.7.1", [])
    looked_up = list(world.looked_up)
    answers = [await ask(web, to=to) for to in ([ANN], [NOBODY])]  # and this told it as little
    assert {(answer.status_code, answer.text[:9]) for answer in answers} == {(503, "450 4.7.1")}
    assert world.looked_up == looked_up


async def test_a_server_that_invents_senders_has_an_end() -> None:
    web = app(World(), guesses=Guesses(clock=Clock()))
    for number in range(OF_SOURCE.burst // OF_SENDER.burst):
        names = [f"nobody{name}@here.test" for name in range(OF_SENDER.burst)]
        assert (await ask(web, sender=f"zoe{number}@there.test", to=names)).status_code == 400
    assert (await ask(web, to=[ANN])).status_code == 503


async def test_a_source_has_so_many_messages_a_second() -> None:
    web = app(World(), pace=SourcePace(a_second(2), Clock()))
    answers = [await ask(web) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 503]
    assert answers[2].text == "451 4.4.5 High load, try again later"


async def test_a_store_that_hangs_is_for_now_and_may_still_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mxdeliv, "ANSWER_SECONDS", 0.05)
    world = World(gate=asyncio.Event())
    answer = await ask(app(world))
    assert (answer.status_code, answer.text[:3]) == (503, "451")
    assert world.gate
    world.gate.set()
    while not world.stored:
        await asyncio.sleep(0.01)


async def test_who_hangs_up_stores_nothing_and_holds_nothing() -> None:
    world = World()
    door = Mxdeliv(reception(world), MAX_SIZE)
    sent: list[Message] = []
    arriving = iter([{"type": "http.request", "body": LETTER[:100], "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Message:
        return next(arriving)

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"x-mail-from", ZOE.encode()), (b"x-mail-to", ANN.encode())]
    state = {"peer": ip_address("192.0.2.7")}
    scope = {"type": "http", "method": "POST", "headers": headers, "client": ("source", 0), "state": state}
    before = door._budget._left
    await door(scope, receive, send)
    assert (sent, world.stored, door._budget._left) == ([], [], before)


async def test_the_budget_is_given_back_and_may_be_spent() -> None:
    world = World()
    door = Mxdeliv(reception(world), MAX_SIZE)
    web = app(world)

    async def with_this_door(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"] = {"peer": ip_address("192.0.2.7")}
        await door(scope, receive, send)

    before = door._budget._left
    assert (await ask(with_this_door)).status_code == 200
    assert (await ask(with_this_door, content=bytes(MAX_SIZE + 1))).status_code == 413
    assert door._budget._left == before
    door._budget.take(before)
    answer = await ask(with_this_door)
    assert (answer.status_code, answer.text[:9]) == (503, "452 4.3.1")
    assert (await ask(web)).status_code == 200


@pytest.mark.parametrize("sender", SENDERS, ids=lambda sender: sender or "null")
async def test_the_relay_grid(sender: str) -> None:
    """R over HTTP: what a header can carry of the seven senders and thirty-one recipients."""
    world = World()
    door = Mxdeliv(reception(world, guesses=Guesses(a_second(1000), a_second(1000))), MAX_SIZE)
    for recipient in RECIPIENTS:
        answers: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": LETTER}

        async def send(message: Message, answers: list[Message] = answers) -> None:
            answers.append(message)

        headers = [(b"x-mail-from", sender.encode()), (b"x-mail-to", recipient.encode())]
        state = {"peer": ip_address("192.0.2.7")}
        scope = {"type": "http", "method": "POST", "headers": headers, "client": ("source", 0), "state": state}
        await door(scope, receive, send)
        assert answers[0]["status"] == 400, recipient
    assert world.stored == []


# Around it ----------------------------------------------------------------------------------------------------------


async def test_a_closed_door_is_no_page() -> None:
    assert (await ask(app(World(), is_open=False), content=b"x")).status_code == 404
    assert (await ask(app(World(), is_open=False), "GET", content=b"")).status_code == 404


@pytest.mark.parametrize("is_trusted", [True, False])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_envelope_in_clear_text_is_sent_to_tls(is_trusted: bool, method: str) -> None:
    world = World()
    answer = await ask(app(world, is_trusted=is_trusted), method, scheme="http")
    assert (answer.status_code, answer.headers["location"]) == (308, "https://chat.example.org/mxdeliv")
    assert world.stored == []


@pytest.mark.parametrize("path", ["/mxdeliv/", "/mxdeliver", "/MXDELIV", "/x/mxdeliv"])
async def test_other_paths_are_pages_with_their_limits(path: str) -> None:
    world = World()
    assert (await ask(app(world), path=path, content=b"x")).status_code == 404
    assert (await ask(app(world), path=path, content=bytes(10_000))).status_code == 413
    assert world.stored == []


# Over a socket ------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def serving(world: World) -> AsyncIterator[int]:
    of, clock = site(), Clock()
    mail = Mxdeliv(reception(world), 3_000_000)
    web = build(of, births(FakeAccounts(), of, clock), Limits(clock), lambda: False, mail)
    http = HttpServer(web, Large(PATH, 3_000_000))
    tls = Certificate(selfsigned.make(["127.0.0.1"]), None).context(alpn=["http/1.1"])
    listener = Listener(doors(http, ["127.0.0.1"], (0, 0), tls), SourceLimits(1000, 1000, 1000))
    await listener.open()
    try:
        yield listener.ports[1]
    finally:
        await listener.drain(5)


async def speak(port: int, *parts: bytes) -> bytes:
    """Send octets under TLS and return what comes back until the server closes."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    answer = b""
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        while chunk := await reader.read(65536):
            answer += chunk
    except ConnectionError:
        pass
    finally:
        writer.close()
    return answer


def request(content: bytes, *fields: bytes, to: Iterable[str] = (ANN,)) -> bytes:
    named = [b"X-MAIL-TO: " + one.encode() for one in to]
    length = b"Content-Length: %d" % len(content)
    lines = [b"POST /mxdeliv HTTP/1.1", b"Host: x", b"X-MAIL-FROM: " + ZOE.encode(), *named, length, *fields, b"", b""]
    return b"\r\n".join(lines) + content


async def test_several_on_one_connection_over_tls() -> None:
    world = World()
    large = encrypted(ZOE, size=2_000_000)
    async with serving(world) as port:
        many = [f"group-{number}@here.test" for number in range(1000)]
        answer = await speak(
            port, request(LETTER), request(large), request(LETTER, to=many), request(LETTER, b"Connection: close")
        )
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 4
    assert sorted(len(incoming.mailbox_ids) for incoming in world.stored) == [1, 1, 1, 1000]
    assert world.origins[0][1] == ip_address("127.0.0.1")


@pytest.mark.parametrize("target", [b"/mxdeliv?x=y", b"http://x/mxdeliv"])
async def test_spellings_of_the_path(target: bytes) -> None:
    world = World()
    async with serving(world) as port:
        answer = await speak(port, request(LETTER, b"Connection: close").replace(b"/mxdeliv", target, 1))
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert world.origins[0][1] == ip_address("127.0.0.1")


async def test_refused_before_its_body_has_come() -> None:
    world = World()
    large = encrypted(ZOE, size=1_000_000)
    async with serving(world) as port:
        answer = await speak(port, request(large, to=[NOBODY]), request(LETTER, b"Connection: close"))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 1


async def test_who_waits_to_be_asked_is_asked_only_if_wanted() -> None:
    async with serving(World()) as port:
        head, body = request(LETTER, b"Expect: 100-continue", b"Connection: close").split(b"\r\n\r\n", 1)
        answer = await speak(port, head + b"\r\n\r\n", body)
        assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")
        head = request(LETTER, b"Expect: 100-continue", to=[NOBODY]).split(b"\r\n\r\n", 1)[0]
        answer = await speak(port, head + b"\r\n\r\n")  # the connection is closed: it is out of step
        assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        pytest.param(request(b"") + b"", b"400", id="an empty message"),
        pytest.param(request(bytes(3_000_001)), b"413", id="an announced excess"),
        pytest.param(request(LETTER).replace(b"/mxdeliv", b"/%6dxdeliv", 1), b"404", id="another spelling"),
        pytest.param(request(b"")[:-4] + b"\r\nX: " + b"a" * 400_000, b"413", id="an endless header"),
        pytest.param(
            b"POST /mxdeliv HTTP/1.1\r\nHost: x\r\nX-MAIL-TO: ann@here.test\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"100000\r\n" + bytes(0x100000) + b"\r\n" + b"300000\r\n" + bytes(0x300000),
            b"413",
            id="an unannounced excess",
        ),
    ],
)  # fmt: skip
async def test_bounds_of_the_connection(octets: bytes, status: bytes) -> None:
    world = World()
    async with serving(world) as port:
        answer = await speak(port, octets.replace(b"Host: x", b"Host: x\r\nConnection: close", 1))
    assert answer.startswith(b"HTTP/1.1 " + status) or (not answer and status == b"413")
    assert world.stored == []


async def test_a_slow_sender_is_shown_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LARGE_SECONDS", 0.2)
    world = World()
    async with serving(world) as port:
        answer = await speak(port, request(LETTER)[:-10])
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert world.stored == []


async def test_a_long_delivery_outlives_a_short_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LIFE_SECONDS", 0.2)
    monkeypatch.setattr(server, "ENDING_SECONDS", 0.1)
    world = World(gate=asyncio.Event())
    assert world.gate
    async with serving(world) as port:
        asyncio.get_running_loop().call_later(0.6, world.gate.set)
        answer = await speak(port, request(LETTER, b"Connection: close"))
    assert answer.startswith(b"HTTP/1.1 200 OK")
