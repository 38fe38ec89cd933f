"""R: the open-relay grid, seven senders times thirty-one recipients; none is accepted, in whatever words.

`v` is nobody here, and of all spellings none may reach another `v`. The control: where `v` is a user, exactly those
spellings are taken that are theirs.

`d` is our domain, `h` our host name, `i` our address, `x` another's domain.
"""

from inspect import isawaitable

import pytest
from smtp_in.handler import Stranger

from shared.listen.ticket import Ticket
from shared.smtp.handler import Terms
from shared.smtp.session import Session
from shared.storage.recipients import Recipient
from tests import smtp_fakes
from tests.smtp_fakes import World, reception

D, H, I, X = "here.test", "mx.here.test", "192.0.2.25", "x.test"  # noqa: E741 - the letters of the list
SENDERS = ["", f"s@{X}", f"s@{D}", f"s@{H}", "s@localhost", "s", f"s@[{I}]"]
RECIPIENTS = [
    f"v@{X}", f"v%{X}@{D}", f"v%{X}@{H}", f"v%{X}@[{I}]", f'"v@{X}"', f'"v%{X}"', f'"v@{X}"@{D}', f'"v@{X}"@[{I}]',
    f"v@{X}@{D}", f"v@{X}@[{I}]", f"@{D}:v@{X}", f"@[{I}]:v@{X}", f"@{D},@{H}:v@{X}", f"{X}!v", f"{X}!v@{D}",
    f"{X}!v@[{I}]", f"v@{X}.", f"v@{D}.{X}", f"v@{X},v@{D}", f"v@{X} v@{D}", "v@HERE.test", f"v+tag@{D}",
    "v@ｈere.test", "v@hеre.test", "v@xn--hre-9na.test", "v@[IPv6:::1]", "v@127.0.0.1", "v@0x7f.1", f"v@{D}%00.{X}",
    f"v@{D}\n.{X}", f"v@-{D}",
]  # fmt: skip


def begin(world: World) -> Session:
    return Session(
        Stranger(reception(world), Ticket("source")), Terms(H, 1_000_000, has_auth=False, domain=D), is_tls=True
    )


async def say(session: Session, line: str) -> list[bytes]:
    session.feed(line.encode() + b"\r\n")
    said = b""
    while (answer := session.step()) is not None:
        said += await answer if isawaitable(answer) else answer
    return said.splitlines()


def test_the_grid_is_whole() -> None:
    assert (len(SENDERS), len(RECIPIENTS)) == (7, 31)


@pytest.mark.parametrize("parameters", ["", " SMTPUTF8"], ids=["ascii", "utf8"])
@pytest.mark.parametrize("sender", SENDERS, ids=lambda sender: sender or "null")
async def test_every_recipient_is_refused(sender: str, parameters: str) -> None:
    world = World()
    for recipient in RECIPIENTS:
        session = begin(world)
        await say(session, f"EHLO {X}")
        (answer,) = await say(session, f"MAIL FROM:<{sender}>{parameters}")
        if sender in (f"s@{D}", f"s@[{I}]", "s"):
            assert answer[:3] == b"501"
        else:
            assert answer[:3] == b"250"
        answers = await say(session, f"RCPT TO:<{recipient}>")
        assert all(line[:3] in (b"500", b"501", b"503", b"550", b"553") for line in answers), (recipient, answers)
        (answer,) = await say(session, "DATA")
        assert answer[:3] in (b"503", b"554")
    assert world.stored == []


@pytest.mark.parametrize("recipient", [f"v@{X}", f"v%{X}@{H}"])
async def test_not_after_rset_either(recipient: str) -> None:
    world = World()
    session = begin(world)
    await say(session, f"EHLO {X}")
    for _ in range(2):
        await say(session, f"MAIL FROM:<s@{X}>")
        assert (await say(session, f"RCPT TO:<{recipient}>"))[0] == b"550 5.7.1 Relaying denied"
        await say(session, "RSET")


@pytest.mark.parametrize("sender", ["", f"s@{X}"], ids=["null", "stranger"])
async def test_the_control_a_user_is_reached_by_their_own_spellings_alone(
    sender: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(smtp_fakes.USERS, f"v@{D}", Recipient(9, True))
    taken = []
    for recipient in RECIPIENTS:
        session = begin(World())
        await say(session, f"EHLO {X}")
        await say(session, f"MAIL FROM:<{sender}>")
        answers = await say(session, f"RCPT TO:<{recipient}>")
        taken += [recipient] if any(answer[:1] == b"2" for answer in answers) else []
    assert taken == ["v@HERE.test", f"v+tag@{D}"]
