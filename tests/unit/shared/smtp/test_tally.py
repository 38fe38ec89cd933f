"""Every reply that says no has its reason."""

import pytest

from shared.mail import reply
from shared.mail.reply import Reply
from shared.metrics import catalog
from shared.metrics.page import PAGE
from shared.smtp import tally

REFUSALS = {name: said for name, said in vars(reply).items() if isinstance(said, Reply) and said.code >= 400}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_has_a_reason(name: str) -> None:
    assert REFUSALS[name] in tally.REASON_OF


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (reply.NOT_ENCRYPTED, "cleartext"),
        (reply.TOO_FAST, "pace"),
        (reply.NO_SUCH_USER, "no_user"),
        (reply.FOREIGN_SENDER, "foreign_sender"),
        (reply.FORGED_FROM, "forged_from"),
        (reply.NO_SIGNATURE, "unsigned"),
        (reply.NO_VALID_SIGNATURE, "bad_signature"),
        (reply.TOO_LARGE, "too_big"),
        (reply.MAILBOX_FULL, "quota"),
        (reply.TROUBLE, "our_trouble"),
        (Reply(599, "5.9.9", "ann@example.org is not welcome"), "other"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_it_is_counted_by_its_reason(said: Reply, reason: catalog.Reason) -> None:
    PAGE.spread(1)
    assert tally.spoken(said) is said
    assert {word for word, count in catalog.REFUSALS.total().items() if count} == {reason}


def test_what_says_yes_is_no_refusal() -> None:
    PAGE.spread(1)
    tally.spoken(reply.ACCEPTED)
    tally.accepted(1234, 3)
    assert catalog.REFUSALS.here() == 0.0
    assert (catalog.MESSAGES.here(), catalog.OCTETS.here(), catalog.RECIPIENTS.here()) == (1.0, 1234.0, 3.0)
