import pytest
from imap.arrivals import MAX_HEARD, Arrivals
from imap.store import Changes, Snapshot
from imap.view import View

NOW = 1000.0


def view() -> View:
    """At modseq 10; the next UID is 6."""
    return View(Snapshot(7, 1, 6, 10, [2, 5], [0, 0]))


def taken(heard: int, *strokes: tuple[int, int]) -> Changes | None:
    arrivals = Arrivals()
    for modseq, uid in strokes:
        arrivals.hear(modseq, uid, 999_750)
    return arrivals.take(view(), heard, NOW)


LOOKS = [
    pytest.param(11, [], id="a bell alone"),
    pytest.param(12, [(12, 6)], id="a change before it"),
    pytest.param(12, [(11, 6)], id="a change behind it"),
    pytest.param(11, [(11, 7)], id="another UID: a crash gave modseqs again"),
    pytest.param(12, [(12, 7), (11, 6)], id="bells in the wrong order"),
    pytest.param(13, [(11, 6), (13, 7)], id="a change between two"),
    pytest.param(10, [(9, 5), (10, 5)], id="what is known"),
]


@pytest.mark.parametrize(("heard", "strokes"), LOOKS)
def test_what_does_not_fit_must_be_looked_at(heard: int, strokes: list[tuple[int, int]]) -> None:
    assert taken(heard, *strokes) is None


def test_the_next_messages_are_known_by_their_bells() -> None:
    assert taken(11, (11, 6)) == Changes(11, 7, [(6, 0)], (), (), [0.25])
    assert taken(12, (10, 5), (11, 6), (12, 7)) == Changes(12, 8, [(6, 0), (7, 0)], (), (), [0.25, 0.25])


def test_what_was_heard_counts_once() -> None:
    arrivals = Arrivals()
    arrivals.hear(11, 6, 0)
    assert arrivals.take(view(), 11, NOW)
    assert arrivals.take(view(), 11, NOW) is None


def test_a_clock_that_is_behind_makes_nobody_wait_less_than_nothing() -> None:
    arrivals = Arrivals()
    arrivals.hear(11, 6, 2_000_000)
    assert arrivals.take(view(), 11, NOW) == Changes(11, 7, [(6, 0)], (), (), [0.0])


def test_who_does_not_listen_holds_little_and_looks() -> None:
    arrivals = Arrivals()
    for at in range(MAX_HEARD + 1):
        arrivals.hear(11 + at, 6 + at, 0)
    assert arrivals.take(view(), 11 + MAX_HEARD, NOW) is None
