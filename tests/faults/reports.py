"""The reports in a mailbox, read as a Delta Chat core reads them: the action, and the message it is about."""

import email
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message

from tests.faults.clients import identity


@dataclass(frozen=True)
class Reported:
    """What a report says of one recipient; `about` is the name in the Message-ID of what was sent."""

    recipient: str
    action: str
    status: str
    about: str


def read(letters: Iterable[bytes]) -> list[Reported]:
    """Return what the reports among these letters say, in their order."""
    return [one for letter in letters for one in _reported(email.message_from_bytes(letter))]


def _reported(letter: Message) -> list[Reported]:
    if letter.get_content_type() != "multipart/report":
        return []
    assert str(letter["From"]).startswith("Mail Delivery <mailer-daemon@")
    assert letter.get_param("report-type") == "delivery-status"
    _, status, original = _parts(letter)
    about = identity(str(original.get_payload()).encode())
    _, *groups = _parts(status)
    return [
        Reported(group["Final-Recipient"].removeprefix("rfc822; "), group["Action"], group["Status"], about)
        for group in groups
    ]


def _parts(letter: Message) -> list[Message]:
    parts = letter.get_payload()
    assert isinstance(parts, list)
    return [part for part in parts if isinstance(part, Message)]
