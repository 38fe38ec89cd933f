"""What judging and minimising a message of 8 KB costs, measured against plain Python in the same process."""

import base64
import email

from bench.messages import Messages
from shared.mail import hygiene
from shared.mail.message import read
from shared.policy import gate
from shared.policy.verdict import Accept
from tests.calibration import TRIES, cost, loop

MESSAGE = Messages("ann@here.test", 8192).numbered("1")


def judged() -> None:
    facts = read(MESSAGE)
    assert isinstance(gate.judge(facts), Accept)
    assert len(hygiene.minimise(MESSAGE, facts)) > 8000


def parsed_by_a_library() -> None:
    parts = email.message_from_bytes(MESSAGE).get_payload()
    armor = parts[1].get_payload().splitlines()  # type: ignore[union-attr, index]
    assert base64.b64decode("".join(armor[2:-2]))[0] & 0x80


def test_gate_and_hygiene() -> None:
    # Measured: 0.09; Python's email package and a look at the armor 0.4.
    tries = (cost(judged, 100) < cost(loop, 60) * 0.18 < cost(parsed_by_a_library, 100) for _ in range(TRIES))
    assert any(tries)
