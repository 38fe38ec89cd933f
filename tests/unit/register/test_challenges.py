"""What an authority finds at /.well-known/acme-challenge/."""

from collections.abc import Mapping

import httpx
import pytest
from register.app import build
from register.challenges import PATH, REMEMBERED_SECONDS, Challenges
from register.limits import Limits
from starlette.types import ASGIApp

from shared.storage.errors import Unavailable
from tests.unit.register.fakes import Clock, FakeAccounts, births, site

TOKEN = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"


class FakeAnswers:
    def __init__(self) -> None:
        self.asked = 0
        self.is_away = False
        self.answers = {TOKEN: f"{TOKEN}.thumbprint"}

    async def all(self) -> Mapping[str, str]:
        self.asked += 1
        if self.is_away:
            raise Unavailable
        return dict(self.answers)


@pytest.fixture
def answers() -> FakeAnswers:
    return FakeAnswers()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(answers: FakeAnswers, clock: Clock) -> ASGIApp:
    """A server whose pages are sent to TLS."""
    challenges = Challenges(answers, clock)
    return build(site(), births(FakeAccounts(), site(), clock), Limits(clock), lambda: True, None, challenges)


async def ask(app: ASGIApp, token: str, *, host: str = "www.example.org", method: str = "GET") -> httpx.Response:
    request = httpx.Request(method, f"http://{host}{PATH}{token}")
    answer = await httpx.ASGITransport(app).handle_async_request(request)
    await answer.aread()
    return answer


@pytest.mark.parametrize("host", ["www.example.org", "192.0.2.1", "[2001:db8::1]", "nobody.test"])
async def test_the_answer_is_given_in_clear_under_every_name(app: ASGIApp, host: str) -> None:
    answer = await ask(app, TOKEN, host=host)
    assert (answer.status_code, answer.text) == (200, f"{TOKEN}.thumbprint")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["cache-control"] == "no-store"


async def test_head_has_no_body(app: ASGIApp) -> None:
    assert (await ask(app, TOKEN, method="HEAD")).status_code == 200


@pytest.mark.parametrize("token", ["x" * 129, "a.b", "a%2Fb", "a%00", "%F0%9F%90%BB", "a=", "a b", "a%0D%0Ab"])
async def test_what_can_be_no_token_asks_nobody(app: ASGIApp, answers: FakeAnswers, token: str) -> None:
    assert (await ask(app, token)).status_code == 404
    assert answers.asked == 0


@pytest.mark.parametrize("path", ["", "a/b", f"{TOKEN}/", f"{TOKEN}/{TOKEN}"])
async def test_nothing_else_is_there(app: ASGIApp, path: str) -> None:
    assert (await ask(app, path)).status_code != 200


async def test_a_flood_of_guesses_is_one_question_a_second(app: ASGIApp, answers: FakeAnswers, clock: Clock) -> None:
    for number in range(100):
        assert (await ask(app, f"guess{number}")).status_code == 404
    assert answers.asked == 1
    answers.answers["new"] = "answer"
    assert (await ask(app, "new")).status_code == 404
    clock.now += REMEMBERED_SECONDS
    assert (await ask(app, "new")).text == "answer"
    assert answers.asked == 2


async def test_while_the_database_is_away_it_says_so(app: ASGIApp, answers: FakeAnswers) -> None:
    answers.is_away = True
    assert (await ask(app, TOKEN)).status_code == 503
    answers.is_away = False
    assert (await ask(app, TOKEN)).status_code == 200
