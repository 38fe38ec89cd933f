from ipaddress import ip_address
from pathlib import Path
from typing import cast

import pytest
from imap.doorkeeper import Doorkeeper
from imap.store import Account, Refused, TooOften, Unavailable

from shared import abuse, login
from shared.address import parse
from shared.login import LoggedIn, Login


class Answering:
    """A login that answers what it was told to, and keeps what it was asked."""

    def __init__(self, answer: LoggedIn | type[Exception]) -> None:
        self.answer = answer
        self.asked: tuple[str, str, str] | None = None

    async def authenticate(self, name: str, password: str, source: str) -> LoggedIn:
        self.asked = (name, password, source)
        if isinstance(self.answer, LoggedIn):
            return self.answer
        raise self.answer


async def test_lets_in() -> None:
    answering = Answering(LoggedIn(3, 4, parse("ann@here.test")))
    found = await Doorkeeper(cast(Login, answering), "hash").login("Ann@here.test", "secret")
    assert found == Account(3, "ann@here.test", 4)
    assert answering.asked == ("Ann@here.test", "secret", "hash")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [(login.BadCredentials, Refused), (login.TooOften, TooOften), (Unavailable, Unavailable)],
)
async def test_refuses(theirs: type[Exception], ours: type[Exception]) -> None:
    with pytest.raises(ours):
        await Doorkeeper(cast(Login, Answering(theirs)), "hash").login("ann@here.test", "secret")


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (login.BadCredentials, ["wrong_password"]),
        (login.TooOften, ["too_many_guesses"]),
        (login.TooManyBirths, ["too_many_births"]),
        (Unavailable, []),
    ],
)
async def test_tells_the_firewall_of_guesses_and_not_of_our_own_trouble(
    refusal: type[Exception], words: list[str], tmp_path: Path
) -> None:
    abuse.configure("imap", str(tmp_path / "log"))
    with pytest.raises((Refused, TooOften, Unavailable)):
        await Doorkeeper(cast(Login, Answering(refusal)), "hash", ip_address("192.0.2.7")).login("ann@x.test", "secret")
    abuse.configure("", "")
    assert [line.split()[2:] for line in (tmp_path / "log").read_text().splitlines()] == [
        [word, "192.0.2.7"] for word in words
    ]
