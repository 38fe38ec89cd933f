"""A letter says from whom it is and when it left."""

import random
import time

from bench.soak.letters import Letters, left_at


def test_a_letter_knows_its_sender_and_its_time() -> None:
    before = time.perf_counter()
    letter = Letters({4096: 1}).chosen("anna@example.org", random.Random(1))
    assert letter.startswith(b"From: <anna@example.org>\r\n")
    assert before <= left_at(letter) <= time.perf_counter()


def test_two_letters_differ() -> None:
    letters, chance = Letters({4096: 1}), random.Random(1)
    assert letters.chosen("anna@example.org", chance) != letters.chosen("anna@example.org", chance)
