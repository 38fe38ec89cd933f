"""The operator's word about other domains: asked often, read seldom."""

import psycopg
import pytest

from shared.storage.database import Database
from shared.storage.errors import Unavailable
from shared.storage.federation import REMEMBERED_SECONDS, Federation
from tests.storage.outbox_rig import Owner

CASES = [
    pytest.param({}, True, id="no word"),
    pytest.param({"a.test": False}, False, id="refused"),
    pytest.param({"b.test": False}, True, id="another refused"),
    pytest.param({"*": False}, False, id="nobody"),
    pytest.param({"*": False, "a.test": True}, True, id="nobody but this one"),
    pytest.param({"*": True, "a.test": False}, False, id="everybody but this one"),
]


def say(owner: Owner, rules: dict[str, bool]) -> None:
    owner.execute(b"DELETE FROM chatmail.federation")
    for domain, may_pass in rules.items():
        owner.execute(b"SELECT chatmail.operator_set_federation(%s, %s)", (domain, may_pass))


@pytest.mark.parametrize(("rules", "expected"), CASES)
async def test_the_nearest_word_holds(
    submission: Database, owner: psycopg.Connection[tuple[object, ...]], rules: dict[str, bool], expected: bool
) -> None:
    say(owner, rules)
    assert await Federation(submission.read).may_pass("a.test") is expected


async def test_a_word_is_remembered_for_seconds(submission: Database, owner: Owner) -> None:
    now = 100.0
    federation = Federation(submission.read, lambda: now)
    say(owner, {})
    assert await federation.may_pass("a.test")
    say(owner, {"a.test": False})
    now += REMEMBERED_SECONDS / 2
    assert await federation.may_pass("a.test")
    now += REMEMBERED_SECONDS
    assert not await federation.may_pass("a.test")


async def test_a_database_that_is_away_is_no_word(submission: Database, owner: Owner) -> None:
    now = 100.0
    federation = Federation(submission.read, lambda: now)
    say(owner, {"a.test": False})
    await submission.close()
    with pytest.raises(Unavailable):
        await federation.may_pass("a.test")
