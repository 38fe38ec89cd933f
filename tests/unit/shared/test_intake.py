"""From a received message to a stored one."""

import threading

import pytest

from shared.delivery import Delivered, Full, Gone, Incoming, Outcome, Overdrawn
from shared.intake import LARGE, LARGE_AT_ONCE, Intake
from shared.mail import reply
from shared.mail.reply import Reply
from shared.mail.trouble import NoSpace, Unavailable

INCOMING = Incoming((1,), b"\r\n", 2, b"digest")


class Told:
    """A delivery that ends as it is told."""

    def __init__(self, outcome: Outcome | Exception) -> None:
        self._outcome = outcome

    async def deliver(self, incoming: Incoming) -> Outcome:
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Delivered(), reply.ACCEPTED),
        (Full(), reply.MAILBOX_JUST_FULL),
        (Gone(), reply.NO_SUCH_USER),
        (Overdrawn(), reply.TOO_MUCH_WAITING),
        (NoSpace(), reply.NO_SPACE),
        (Unavailable(), reply.TROUBLE),
    ],
    ids=str,
)
async def test_how_it_went(outcome: Outcome | Exception, expected: Reply) -> None:
    intake = Intake(Told(outcome))
    assert await intake.store(INCOMING) == expected
    assert intake.storing == 0


async def test_an_error_nobody_foresaw_is_the_frames_to_answer() -> None:
    with pytest.raises(RuntimeError):
        await Intake(Told(RuntimeError())).store(INCOMING)


async def test_what_is_large_is_worked_on_elsewhere() -> None:
    intake = Intake(Told(Delivered()))
    here = threading.get_ident()
    assert await intake.work(LARGE, threading.get_ident) == here
    assert await intake.work(LARGE + 1, threading.get_ident) != here
    assert await intake.work(LARGE + 1, max, 1, 2) == 2


async def test_large_ones_take_turns_and_small_ones_do_not() -> None:
    intake = Intake(Told(Delivered()))
    async with intake.turn(LARGE + 1), intake.turn(LARGE + 1), intake.turn(LARGE):
        assert intake._large.locked()
        async with intake.turn(1):
            pass
    assert not intake._large.locked()
    assert LARGE_AT_ONCE == 2
