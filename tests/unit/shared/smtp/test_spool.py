"""Messages on their way: memory, file, budget."""

import tempfile
from pathlib import Path

import pytest

from shared.smtp.spool import IN_MEMORY, Budget, Received


def test_a_short_message_stays_in_memory(tmp_path: Path) -> None:
    received = Received(Budget(), tmp_path / "absent")
    received.write(b"one ")
    received.write(b"")
    received.write(b"two")
    assert (received.read(), received.size, received.has_failed) == (b"one two", 7, False)
    received.close()


def test_a_long_message_goes_to_a_file_nobody_sees(tmp_path: Path) -> None:
    received = Received(Budget(), tmp_path)
    chunks = [bytes([number]) * 65_536 for number in range(40)]
    for chunk in chunks:
        received.write(chunk)
    assert received.size > IN_MEMORY
    assert list(tmp_path.iterdir()) == []
    assert received.read() == b"".join(chunks)
    received.close()


def test_s23_the_budget_is_shared_and_given_back() -> None:
    budget = Budget(10)
    one, other = Received(budget), Received(budget)
    one.write(b"123456")
    other.write(b"12345")
    assert (other.has_failed, one.has_failed) == (True, False)
    other.write(b"1")
    assert other.size == 0
    one.write(b"1234")
    assert budget.is_spent()
    one.close()
    one.close()
    assert budget.take(10)
    assert not budget.take(1)


def test_one_payer_has_a_quarter_of_the_budget() -> None:
    budget = Budget(100)
    one, same, other = (Received(budget, None, payer) for payer in ("one", "one", "other"))
    one.write(b"1" * 20)
    same.write(b"1" * 6)
    assert same.has_failed
    assert not budget.is_spent("one")
    one.write(b"1" * 5)
    assert budget.is_spent("one")
    assert not budget.is_spent("other")
    other.write(b"1" * 25)
    assert not other.has_failed
    for received in (one, same, other):
        received.close()
    assert budget.take(25, "one")
    assert not budget.take(1, "one")


def test_one_message_always_fits_a_share() -> None:
    assert Budget(100, largest=60).take(60, "one")


def test_a_full_disk_is_a_failure_and_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> object:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    budget = Budget(10 * IN_MEMORY)
    received = Received(budget, tmp_path)
    received.write(bytes(IN_MEMORY))
    received.write(b"1")
    assert received.has_failed
    received.write(b"2")
    assert budget.take(10 * IN_MEMORY)
