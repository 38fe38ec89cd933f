"""Seats: tarpits do not take those of servers that take mail, whatever they are called."""

import pytest
from queue_worker.seats import MAX_WELL_KNOWN, WELL_KNOWN_SECONDS, Seats, organisation


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def fill(seats: Seats, domains: list[str]) -> int:
    return sum(seats.take(domain, domain) for domain in domains)


def test_strangers_leave_a_quarter_to_who_took_mail() -> None:
    seats = Seats(100, 10)
    seats.took_mail("good.test")
    assert fill(seats, [f"x.tarpit{number}.test" for number in range(200)]) == 75
    assert seats.take("good.test", "good.test")
    assert seats.free == 24
    seats.leave("x.tarpit0.test")
    assert fill(seats, ["a.test", "b.test"]) == 1


def test_those_who_took_mail_may_have_all_seats_and_no_more() -> None:
    seats, domains = Seats(100, 10), [f"{number}.test" for number in range(101)]
    for domain in domains:
        seats.took_mail(domain)
    assert fill(seats, domains) == 100
    assert seats.free == 0


@pytest.mark.parametrize("took_mail", [False, True])
def test_an_organisation_has_so_many(took_mail: bool) -> None:
    seats, domains = Seats(100, 10), [f"{number}.tarpit.test" for number in range(20)]
    for domain in domains:
        if took_mail:
            seats.took_mail(domain)
    assert fill(seats, domains) == 10
    seats.leave(domains[0])
    assert fill(seats, ["tarpit.test"]) == 1


def test_it_is_remembered_for_a_day_or_until_the_destination_is_away() -> None:
    clock = Clock()
    seats = Seats(4, 10, clock)
    seats.took_mail("a.test")
    seats.took_mail("b.test")
    seats.was_away("b.test")
    assert fill(seats, ["1.test", "2.test", "3.test"]) == 3
    assert not seats.take("b.test", "b.test")
    assert seats.take("a.test", "a.test")
    seats.leave("a.test")
    clock.now = WELL_KNOWN_SECONDS
    assert not seats.take("a.test", "a.test")


def test_who_came_as_a_stranger_leaves_as_one() -> None:
    seats = Seats(4, 10)
    for _ in range(10):
        assert fill(seats, ["1.test", "2.test", "3.test"]) == 3
        for number in (1, 2, 3):
            seats.took_mail(f"{number}.test")
            seats.leave(f"{number}.test")
            seats.was_away(f"{number}.test")
    assert seats.free == 4


def test_so_many_are_remembered() -> None:
    seats = Seats(1, 1)
    for number in range(MAX_WELL_KNOWN + 5):
        seats.took_mail(f"{number}.test")
        seats.took_mail("0.test")
    assert len(seats._took_mail) == MAX_WELL_KNOWN
    assert "0.test" in seats._took_mail
    assert "1.test" not in seats._took_mail


ORGANISATIONS = [
    ("a.test", "a.test"),
    ("x.y.a.test", "a.test"),
    ("test", "test"),
    ("[192.0.2.1]", "[192.0.2.1]"),
    ("[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"),
]


@pytest.mark.parametrize(("domain", "name"), ORGANISATIONS)
def test_organisations(domain: str, name: str) -> None:
    assert organisation(domain) == name
