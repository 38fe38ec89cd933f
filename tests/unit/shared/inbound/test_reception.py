"""What both inbound doors do with a stranger's message: order, refusals, what is stored, who is told (K, B)."""

import asyncio
import hashlib
from collections.abc import Mapping
from ipaddress import ip_address

import pytest

from shared.address import Address, parse
from shared.inbound.desk import REPORTS
from shared.inbound.reception import Letter, Reception, Visitor
from shared.intake import LARGE
from shared.listen.pace import SourcePace, a_second
from shared.mail import reply
from shared.mail.message import read
from shared.mail.reply import Reply
from shared.smtp.spool import Budget, Received
from tests.smtp_fakes import World, encrypted, reception

ANN, BOB, NOBODY = parse("ann@here.test"), parse("bob@here.test"), parse("nobody@here.test")
ZOE = parse("zoe@there.test")
POSTMASTER = parse("postmaster@here.test")
PEER = ip_address("192.0.2.7")
CLEAR = b"From: <zoe@there.test>\r\nSubject: report\r\n\r\nhello\r\n"
REPORT = (
    b"From: mailer-daemon@there.test\r\nAuto-Submitted: auto-replied\r\n"
    b'Content-Type: multipart/report; boundary="b"\r\n\r\n--b\r\n\r\nsorry\r\n--b--\r\n'
)


def from_zoe(**options: object) -> bytes:
    return encrypted("zoe@there.test", **options)  # type: ignore[arg-type]


async def receive(
    at: Reception,
    octets: bytes,
    *,
    sender: Address | None = ZOE,
    mailboxes: Mapping[Address, int] | None = None,
    failed: Mapping[Address, Reply] | None = None,
    is_framed: bool = True,
) -> Reply:
    received = Received(Budget())
    received.write(octets)
    letter = Letter(Visitor("source", PEER, "mx.there.test"), sender, mailboxes or {ANN: 1}, failed or {}, is_framed)
    try:
        return await at.receive(letter, received)
    finally:
        received.close()


# What is stored -----------------------------------------------------------------------------------------------------


async def test_what_is_stored() -> None:
    world = World()
    raw = from_zoe(extra="Received: from 192.0.2.7 by x; now\r\nDKIM-Signature: v=1\r\nSubject: hi\r\nX-A: b\r\n")
    tag = parse("ann+tag@here.test")
    assert await receive(reception(world), raw, mailboxes={BOB: 2, ANN: 1, tag: 1}) == reply.ACCEPTED
    (incoming,) = world.stored
    assert incoming.mailbox_ids == (2, 1)
    assert incoming.digest == hashlib.sha256(b"zoe@there.test\0" + raw).digest()
    assert incoming.outgoing is None
    header, _, body = incoming.body.partition(b"\r\n\r\n")
    assert incoming.header_size == len(header) + 4
    assert body == raw.partition(b"\r\n\r\n")[2]
    assert b"Subject: hi" in header
    assert not any(name in header for name in (b"Received", b"DKIM", b"X-A"))


async def test_the_same_octets_have_the_same_name_and_others_another() -> None:
    world = World()
    for sender in (ZOE, ZOE, None):
        await receive(reception(world), from_zoe(), sender=sender)
    first, again, other = (incoming.digest for incoming in world.stored)
    assert first == again != other


@pytest.mark.parametrize("size", [33, LARGE, 2 * 1024 * 1024])
@pytest.mark.parametrize("is_framed", [True, False])
async def test_sizes_below_and_above_the_loops_own(size: int, is_framed: bool) -> None:
    world = World()
    raw = from_zoe(size=size)
    assert await receive(reception(world), raw, is_framed=is_framed) == reply.ACCEPTED
    assert world.stored[0].body.endswith(raw.partition(b"\r\n\r\n")[2])


async def test_large_ones_wait_for_their_turn_but_not_for_the_dns_of_others() -> None:
    world = World(gate=asyncio.Event())
    at = reception(world)
    sending = [asyncio.create_task(receive(at, from_zoe(size=LARGE))) for _ in range(4)]
    while at._desk.intake.storing < 2 or len(world.origins) < 4:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    assert at._desk.intake.storing == 2
    assert world.gate
    world.gate.set()
    assert await asyncio.gather(*sending) == [reply.ACCEPTED] * 4


async def test_what_is_being_committed_is_not_abandoned() -> None:
    world = World(gate=asyncio.Event())
    at = reception(world)
    sending = asyncio.create_task(receive(at, from_zoe()))
    while not at._desk.intake.storing:
        await asyncio.sleep(0.01)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert world.gate
    world.gate.set()
    while not world.stored:
        await asyncio.sleep(0.01)


# What stands in the way ---------------------------------------------------------------------------------------------

CHEAP = {
    "cleartext": (CLEAR, reply.NOT_ENCRYPTED),
    "no author": (from_zoe().partition(b"\r\n")[2], reply.FORGED_FROM),
    "K4 two authors": (from_zoe(extra="From: <ann@here.test>\r\n"), reply.FORGED_FROM),
    "K4 two content types": (from_zoe(extra="Content-Type: text/plain\r\n"), reply.NOT_ENCRYPTED),
    "K4 two subjects": (from_zoe(extra="Subject: a\r\nSubject: b\r\n"), reply.MALFORMED),
    "our own author": (encrypted("bob@here.test"), reply.USE_SUBMISSION),
    "K13 a literal that is not the peer": (encrypted("zoe@[192.0.2.8]"), reply.FOREIGN_LITERAL),
    "too many hops": (from_zoe(extra="Received: from a by b; now\r\n" * 51), reply.LOOP),
    "no header": (b"what is this\r\n\r\nhello\r\n", reply.MALFORMED),
    "a person's report": (REPORT.replace(b"mailer-daemon@", b"zoe@"), reply.NOT_ENCRYPTED),
}


@pytest.mark.parametrize(("octets", "expected"), CHEAP.values(), ids=list(CHEAP))
async def test_what_needs_no_dns_is_told_without(octets: bytes, expected: Reply) -> None:
    world = World(origin="unknown")
    assert await receive(reception(world), octets) == expected
    assert (world.origins, world.stored) == ([], [])


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        pytest.param("unsigned", reply.NO_SIGNATURE, id="K1 none"),
        pytest.param("invalid", reply.NO_VALID_SIGNATURE, id="K1 invalid"),
        pytest.param("unknown", reply.ORIGIN_UNKNOWN, id="K8"),
        pytest.param("spf", reply.SPF_FAILED, id="K11"),
        pytest.param("dmarc", reply.DMARC_OBJECTS, id="K12"),
    ],
)
@pytest.mark.parametrize("octets", [from_zoe(), from_zoe(size=LARGE), REPORT, CLEAR], ids=len)
async def test_every_kind_must_be_verified(octets: bytes, origin: str, expected: Reply) -> None:
    world = World(origin=origin)
    at = reception(world, plain_for=["postmaster@here.test"])
    assert await receive(at, octets, mailboxes={POSTMASTER: 1}) == expected
    assert world.stored == []


async def test_a_literal_that_is_the_peer_goes_on_to_the_origin() -> None:
    world = World()
    assert await receive(reception(world), encrypted(f"zoe@[{PEER}]")) == reply.ACCEPTED
    assert len(world.origins) == 1


@pytest.mark.parametrize("sender", [None, ZOE, parse("list@x.test")], ids=str)
async def test_an_author_whose_domain_is_refused(sender: Address | None) -> None:
    world = World(refused=frozenset({"there.test"}))
    assert await receive(reception(world), from_zoe(), sender=sender) == reply.REFUSED_DOMAIN
    assert (world.origins, world.stored) == ([], [])


async def test_rules_that_cannot_be_asked() -> None:
    assert await receive(reception(World(trouble="rules")), from_zoe()) == reply.TROUBLE
    answers = await reception(World(trouble="rules")).judge("source", ZOE, [ANN])
    assert answers == {ANN: reply.TROUBLE}


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        ("store", reply.TROUBLE),
        ("space", reply.NO_SPACE),
        ("full", reply.MAILBOX_JUST_FULL),
        ("gone", reply.NO_SUCH_USER),
    ],
)
async def test_trouble_at_the_end(trouble: str, expected: Reply) -> None:
    assert await receive(reception(World(trouble=trouble)), from_zoe()) == expected


# Exceptions of the gate ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sender", [None, parse("mailer-daemon@there.test"), ZOE], ids=str)
async def test_a_verified_report_is_taken(sender: Address | None) -> None:
    world = World()
    assert await receive(reception(world), REPORT, sender=sender) == reply.ACCEPTED
    (stored,) = world.stored
    assert b"multipart/report" in stored.body
    assert stored.body.startswith(b"Secure-Join: vc-request\r\n")  # or Delta Chat would not look into it
    assert stored.body[: stored.header_size].endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("recipients", "expected"),
    [
        ([POSTMASTER], reply.ACCEPTED),
        ([parse("postmaster+tls@here.test")], reply.ACCEPTED),
        ([POSTMASTER, ANN], reply.NOT_ENCRYPTED),
        ([parse("postmaster.x@here.test")], reply.NOT_ENCRYPTED),
        ([parse("postmaster@[192.0.2.25]")], reply.NOT_ENCRYPTED),
    ],
    ids=str,
)
async def test_who_may_have_cleartext(recipients: list[Address], expected: Reply) -> None:
    world = World()
    at = reception(world, plain_for=["postmaster@here.test"])
    assert await receive(at, CLEAR, mailboxes=dict.fromkeys(recipients, 1)) == expected
    assert [b"Subject: report" in incoming.body for incoming in world.stored] == [True] * len(world.stored)


# Before DATA --------------------------------------------------------------------------------------------------------


def test_begin() -> None:
    assert reception(World()).begin("one", ZOE) == reply.SENDER_OK
    assert reception(World()).begin("one", None) == reply.SENDER_OK
    assert reception(World()).begin("one", ANN) == reply.USE_SUBMISSION
    assert reception(World(is_low=True)).begin("one", ZOE) == reply.NO_SPACE


def test_a_source_has_so_many_messages_a_second() -> None:
    now = 5.0
    at = reception(World(), pace=SourcePace(a_second(20), lambda: now))
    assert [at.begin("one", ZOE) for _ in range(21)] == [reply.SENDER_OK] * 20 + [reply.HIGH_LOAD]
    assert at.begin("other", ZOE) == reply.SENDER_OK
    now += 0.1
    assert [at.begin("one", ZOE) for _ in range(3)] == [reply.SENDER_OK] * 2 + [reply.HIGH_LOAD]


def test_nobody_is_let_in_while_the_database_is_away() -> None:
    assert reception(World(is_available=False)).welcome() == reply.UNAVAILABLE
    assert reception(World()).welcome() is None


async def test_recipients() -> None:
    full, foreign = parse("full@here.test"), parse("v@x.test")
    assert await reception(World()).judge("source", ZOE, [foreign, NOBODY, ANN, full]) == {
        foreign: reply.RELAYING_DENIED,
        NOBODY: reply.NO_SUCH_USER,
        ANN: 1,
        full: reply.MAILBOX_FULL,
    }
    refusing = reception(World(refused=frozenset({"there.test"})))
    assert await refusing.judge("source", ZOE, [foreign, NOBODY, ANN]) == {
        foreign: reply.RELAYING_DENIED,
        NOBODY: reply.REFUSED_DOMAIN,
        ANN: reply.REFUSED_DOMAIN,
    }
    assert await refusing.judge("source", None, [ANN]) == {ANN: 1}


# Reports of ours ----------------------------------------------------------------------------------------------------

FAILED = {NOBODY: reply.NO_SUCH_USER, parse("full@here.test"): reply.MAILBOX_FULL}


async def test_a_verified_sender_is_told_once_of_all_who_failed() -> None:
    world = World()
    raw = from_zoe(extra="Message-ID: <1@there.test>\r\n")
    assert await receive(reception(world), raw, failed=FAILED) == reply.ACCEPTED
    message, told = world.stored
    assert (message.mailbox_ids, message.outgoing) == ((1,), None)
    assert told.mailbox_ids == ()
    assert told.outgoing
    assert (told.outgoing.sender, told.outgoing.recipients, told.outgoing.domain) == ("", (ZOE,), "here.test")
    assert read(told.body).is_report
    assert read(told.body).header_size == told.header_size
    for words in (b"nobody@here.test", b"550 5.1.1 User doesn't exist", b"full@here.test", b"<1@there.test>"):
        assert words in told.body


UNTOLD: dict[str, tuple[bytes, Address | None, list[str]]] = {
    "B1 the null sender": (from_zoe(), None, []),
    "B2 another envelope sender": (from_zoe(), parse("bystander@x.test"), []),
    "B3 a report": (REPORT, parse("mailer-daemon@there.test"), []),
    "B4 an automatic answer": (from_zoe(extra="Auto-Submitted: Auto-Replied; x\r\n"), ZOE, []),
    "B2 a domain that need not sign": (from_zoe(), ZOE, ["there.test"]),
    "B2 nobody need sign": (from_zoe(), ZOE, ["*"]),
}


@pytest.mark.parametrize(("octets", "sender", "unsigned_from"), UNTOLD.values(), ids=list(UNTOLD))
async def test_who_is_told_nothing(octets: bytes, sender: Address | None, unsigned_from: list[str]) -> None:
    world = World()
    at = reception(world, unsigned_from=unsigned_from)
    assert await receive(at, octets, sender=sender, failed=FAILED) == reply.ACCEPTED
    assert [incoming.outgoing for incoming in world.stored] == [None]


async def test_a_report_comes_from_a_domain_of_ours_whoever_failed() -> None:
    world = World()
    failed = {parse("victim@x.test"): reply.RELAYING_DENIED}
    assert await receive(reception(world), from_zoe(), failed=failed) == reply.ACCEPTED
    told = world.stored[1]
    assert told.outgoing
    assert told.outgoing.domain == "here.test"
    assert str(read(told.body).author) == "mailer-daemon@here.test"


async def test_a_source_makes_so_many_reports_a_minute_and_then_port_25_has_to_tell() -> None:
    world = World()
    at = reception(world)
    for _ in range(REPORTS.burst):
        assert await receive(at, from_zoe(), failed=FAILED) == reply.ACCEPTED
    stored = len(world.stored)
    assert await receive(at, from_zoe(), failed=FAILED) == reply.HIGH_LOAD
    assert len(world.stored) == stored
    assert await receive(at, from_zoe()) == reply.ACCEPTED


async def test_nobody_is_told_of_what_was_not_delivered() -> None:
    for world in (World(origin="invalid"), World(trouble="gone"), World(trouble="store")):
        assert (await receive(reception(world), from_zoe(), failed=FAILED)).code >= 300
        assert world.stored == []


# Over HTTP ----------------------------------------------------------------------------------------------------------

UNFRAMED = {
    "bare LF": (from_zoe().replace(b"\r\n", b"\n"), reply.BARE_CR_LF),
    "one bare LF": (from_zoe() + b"x\n\r\n", reply.BARE_CR_LF),
    "bare CR": (from_zoe() + b"\r\r\n", reply.BARE_CR_LF),
    "NUL": (from_zoe() + b"\0\r\n", reply.BARE_CR_LF),
    "a long line": (from_zoe() + b"x" * 999 + b"\r\n", reply.LINE_TOO_LONG),
    "nothing": (b"", reply.MALFORMED),
}


@pytest.mark.parametrize(("octets", "expected"), UNFRAMED.values(), ids=list(UNFRAMED))
async def test_what_is_not_framed_is_looked_at(octets: bytes, expected: Reply) -> None:
    assert await receive(reception(World()), octets, is_framed=False) == expected


async def test_the_last_line_is_ended() -> None:
    world = World()
    for octets in (from_zoe(), from_zoe().rstrip()):
        assert await receive(reception(world), octets, is_framed=False) == reply.ACCEPTED
    assert world.stored[0] == world.stored[1]
