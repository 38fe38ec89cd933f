"""One suite, and a stranger for each thing that can go wrong on the way out: each cell's exact fate, side by side.

All mail is sent first, then everything is waited for, so that the cells share one worker and would block one another if
they could. Two healthy destinations get mail all the while. Then the strangers are mended, and what waited must arrive.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import psycopg
import pytest

from tests.faults import reports
from tests.faults.cells import CELLS, Arrives, Cell, Fails, Fate, Waits
from tests.faults.clients import PASSWORD, Sender, large_message, make_account, message
from tests.faults.conftest import SETTINGS
from tests.faults.ground import Ground
from tests.faults.reports import Reported
from tests.faults.trickle import Trickle
from tests.federation import World
from tests.people import Person
from tests.remote import Letter
from tests.suite import Suite

HANG_SECONDS = 5  # how long the suite waits for a remote: what blocks behind one of them waits as long
SHORT = {
    "MADDY_CONNECT_SECONDS": str(HANG_SECONDS),
    "MADDY_REPLY_SECONDS": str(HANG_SECONDS),
    "MADDY_FINAL_SECONDS": str(HANG_SECONDS),
}
LEAST_DELAY = 0.8  # seconds between two tries, by the settings of this world
TRIES = 3  # when the third begins, two were recorded
DEADLINE = 75.0
PROMPT_SECONDS = 2.5  # for nine of ten healthy letters

WAITING = """
SELECT o.recipient, o.attempts, o.last_code, coalesce(o.last_text, ''), o.is_poison,
    extract(epoch FROM clock_timestamp() - m.accepted)::float8
FROM chatmail.outbox o JOIN chatmail.outbox_message m ON m.id = o.message_id
"""


@dataclass(frozen=True)
class Row:
    """A recipient that waits, and for how many seconds."""

    attempts: int
    code: int | None
    text: str
    is_poison: bool
    age: float


@dataclass
class Seen:
    """What a cell had come to: while its trouble lasted, and at the end."""

    rows: dict[str, Row]
    letters: list[Letter]
    elsewhere: int  # letters at the other servers of the domain
    tries: int  # as the server saw them: kept connections carry several
    rows_after: dict[str, Row] = field(default_factory=dict)
    taken_after: list[Letter] = field(default_factory=list)


@dataclass
class Matrix:
    """Everything that was seen; `lags` are the seconds healthy letters took."""

    seen: dict[str, Seen]
    reports: list[Reported]
    lags: list[float]


class Run:
    """The cells on a running suite."""

    def __init__(self, suite: Suite, grounds: dict[str, Ground]) -> None:
        self._suite, self._grounds = suite, grounds
        self._us = make_account(suite, "matrix-us")
        self._person = Person(suite, self._us, PASSWORD)

    def send(self) -> None:
        with Sender(self._suite, "matrix-us") as sender:
            assert sender.log_in() == 235
            for cell in CELLS:
                octets = (large_message if cell.is_large else message)(self._us, _about(cell))
                assert sender.send([self._to(cell, name) for name in cell.fates], octets) == 250

    def suffer(self) -> dict[str, Seen]:
        """Wait until every cell has shown what it does, or for so long as it should take."""
        self._wait(lambda: all(map(self._has_shown, CELLS)))
        rows = self._rows()
        return {cell.name: self._look(cell, rows) for cell in CELLS}

    def mend(self, seen: dict[str, Seen]) -> None:
        """Mend what can be mended, wait until nothing of it waits, and write down what came."""
        for cell in CELLS:
            if cell.mend and seen[cell.name].rows:
                cell.mend(self._grounds[cell.name])
        mended = {cell.name for cell in CELLS if cell.mend}
        self._wait(lambda: not any(self._of(cell, self._rows()) for cell in CELLS if cell.name in mended))
        rows = self._rows()
        for cell in CELLS:
            seen[cell.name].rows_after = self._of(cell, rows)
            seen[cell.name].taken_after = self._grounds[cell.name].taken

    def reports(self) -> list[Reported]:
        return reports.read(self._person.inbox())

    def _look(self, cell: Cell, rows: dict[str, Row]) -> Seen:
        ground = self._grounds[cell.name]
        elsewhere = sum(len(other.letters) for other in ground.others)
        return Seen(self._of(cell, rows), ground.letters, elsewhere, ground.tries)

    def _has_shown(self, cell: Cell) -> bool:
        rows = self._of(cell, self._latest)
        return all(
            (row := rows.get(name)) and row.attempts >= TRIES if isinstance(fate, Waits) else name not in rows
            for name, fate in cell.fates.items()
        )

    def _wait(self, is_done: Callable[[], bool]) -> None:
        """Wait, and let the tests say what is wrong when it takes too long."""
        deadline = time.monotonic() + DEADLINE
        self._latest = self._rows()
        while not is_done() and time.monotonic() < deadline:
            time.sleep(0.2)
            self._latest = self._rows()

    def _rows(self) -> dict[str, Row]:
        with psycopg.connect(self._suite.owner_url) as connection:
            return {to: Row(*rest) for to, *rest in connection.execute(WAITING).fetchall()}

    def _of(self, cell: Cell, rows: dict[str, Row]) -> dict[str, Row]:
        return {name: rows[to] for name in cell.fates if (to := self._to(cell, name)) in rows}

    def _to(self, cell: Cell, name: str) -> str:
        return f"{name}@{self._grounds[cell.name].domain}"


@pytest.fixture(scope="module")
def matrix() -> Iterator[Matrix]:
    with World() as world, ExitStack() as stack:
        suite = world.suite("here.test", {**SETTINGS, **SHORT})
        grounds = {cell.name: Ground(world, suite.address, cell.name, stack) for cell in CELLS}
        healthy = [Ground(world, suite.address, name, stack) for name in ("well", "well-too")]
        healthy[1].has_door()
        for cell in CELLS:
            cell.trouble(grounds[cell.name])
        run = Run(suite, grounds)
        with Trickle(suite, healthy) as trickle:
            run.send()
            seen = run.suffer()
            run.mend(seen)
            lags = trickle.finish()
        yield Matrix(seen, run.reports(), lags)


PARAMETERS = pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
pytestmark = pytest.mark.timeout(400)


@PARAMETERS
def test_while_the_trouble_lasts(matrix: Matrix, cell: Cell) -> None:
    seen = matrix.seen[cell.name]
    for name, fate in cell.fates.items():
        JUDGES[type(fate)](seen, name, fate)
    if all(isinstance(fate, Waits) for fate in cell.fates.values()):
        assert not seen.elsewhere, "a second server was asked what the first had not judged"


@PARAMETERS
def test_what_the_sender_is_told(matrix: Matrix, cell: Cell) -> None:
    told = [one for one in matrix.reports if one.recipient.endswith(f"@{cell.name}.test")]
    failing = {name: fate.status for name, fate in cell.fates.items() if isinstance(fate, Fails)}
    assert {(one.recipient.partition("@")[0], one.action, one.status) for one in told} == {
        (name, "failed", status) for name, status in failing.items()
    }
    assert len(told) == len(failing)
    assert all(one.about == _about(cell) for one in told)


@PARAMETERS
def test_when_the_trouble_is_over(matrix: Matrix, cell: Cell) -> None:
    seen = matrix.seen[cell.name]
    waited = {name for name, fate in cell.fates.items() if isinstance(fate, Waits)}
    if cell.mend is None:
        assert seen.rows_after.keys() == waited
        return
    assert not seen.rows_after
    if waited:
        arrived = Counter(to.partition("@")[0] for letter in seen.taken_after for to in letter.recipients)
        assert arrived == Counter(waited)


def test_others_are_served_meanwhile(matrix: Matrix) -> None:
    lags = sorted(matrix.lags)
    print(f"{len(lags)} letters, half of them within {lags[len(lags) // 2]:.2f} s, the slowest after {lags[-1]:.2f} s")
    assert len(lags) >= 20
    assert lags[len(lags) * 9 // 10] < PROMPT_SECONDS


def test_nobody_is_told_twice(matrix: Matrix) -> None:
    assert max(Counter((one.recipient, one.action) for one in matrix.reports).values()) == 1


def _for(name: str, seen: Seen) -> list[Letter]:
    return [letter for letter in seen.letters if any(to.startswith(f"{name}@") for to in letter.recipients)]


def _about(cell: Cell) -> str:
    """The name in the Message-ID, which holds no x."""
    return cell.name.replace("x", "k")


def _waits(seen: Seen, name: str, fate: Waits) -> None:
    row = seen.rows.get(name)
    assert row, "given up, or delivered"
    assert (row.code, row.is_poison) == (fate.code, False)
    assert row.text.split(" ")[0] in fate.enhanced.split(" ")
    assert TRIES <= row.attempts <= row.age / LEAST_DELAY + 1
    assert (seen.tries > 1) == fate.is_reached
    mine = _for(name, seen)
    assert (len(mine) > 1) == fate.may_arrive
    assert len(mine) <= row.attempts
    assert len({letter.octets for letter in mine}) == fate.may_arrive, "tries differ"


def _fails(seen: Seen, name: str, fate: Fails) -> None:
    assert name not in seen.rows
    assert len(_for(name, seen)) <= 1
    assert seen.tries <= 1 or len(seen.rows) > 0, "tried again after a refusal"
    assert seen.elsewhere == 0


def _arrives(seen: Seen, name: str, fate: Arrives) -> None:
    assert name not in seen.rows
    [letter] = [one for one in _for(name, seen) if one.answer.startswith("2")]
    assert (letter.way, letter.is_encrypted) == (fate.way, True)
    assert letter.octets.startswith(b"DKIM-Signature:")


JUDGES: dict[type[Fate], Callable[[Seen, str, Fate], None]] = {Waits: _waits, Fails: _fails, Arrives: _arrives}
