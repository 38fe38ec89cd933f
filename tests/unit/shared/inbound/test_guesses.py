"""How many unknown names a sender, and a whole server, may ask for."""

from shared.address import Address, parse
from shared.inbound.guesses import OF_SENDER, OF_SOURCE, Guesses
from shared.mail import reply
from shared.mail.reply import Reply

ANN, FULL, NOBODY = parse("ann@here.test"), parse("full@here.test"), parse("nobody@here.test")
ZOE, YAN = parse("zoe@there.test"), parse("yan@there.test")
UNKNOWN: dict[Address, int | Reply] = {NOBODY: reply.NO_SUCH_USER}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_what_is_a_guess() -> None:
    guesses = Guesses(clock=Clock())
    judged: dict[Address, int | Reply] = {ANN: 1, FULL: reply.MAILBOX_FULL}
    for _ in range(OF_SENDER.burst * 2):
        assert guesses.tell("one", ZOE, judged) == judged
    foreign: dict[Address, int | Reply] = {parse("v@x.test"): reply.RELAYING_DENIED}
    for _ in range(OF_SENDER.burst):
        assert guesses.tell("one", ZOE, foreign) == foreign
    assert guesses.refusal("one", ZOE) == reply.TOO_MANY_UNKNOWN


def test_whom_it_is_held_against() -> None:
    clock = Clock()
    guesses = Guesses(clock=clock)
    for sender in (ZOE, None):
        for _ in range(OF_SENDER.burst):
            assert guesses.tell("one", sender, UNKNOWN) == UNKNOWN
        assert guesses.tell("one", sender, {ANN: 1, **UNKNOWN}) == dict.fromkeys([ANN, NOBODY], reply.TOO_MANY_UNKNOWN)
    assert [guesses.refusal("one", YAN), guesses.refusal("other", ZOE)] == [None, None]
    clock.now += 60.0 / OF_SENDER.per_minute
    assert guesses.tell("one", ZOE, UNKNOWN) == UNKNOWN
    assert guesses.refusal("one", ZOE) == reply.TOO_MANY_UNKNOWN


def test_a_source_that_is_over_its_limit_leaves_nothing_in_the_table() -> None:
    guesses = Guesses(clock=Clock())
    for number in range(OF_SOURCE.burst + 50):
        guesses.tell("one", parse(f"zoe{number}@there.test"), UNKNOWN)
    assert guesses.refusal("one", YAN) == reply.TOO_MANY_ERRORS
    assert len(guesses._senders._due) == OF_SOURCE.burst


def test_no_address_is_kept() -> None:
    guesses = Guesses(clock=Clock())
    guesses.tell("one", ZOE, UNKNOWN)
    assert not any("zoe" in key or "there" in key for key in guesses._senders._due)
