"""kill -9 under load, ten times each: nothing accepted is lost, nothing is doubled, nothing comes from nowhere."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.ledger import Verdict
from tests.faults.load import Load
from tests.faults.servers import kill, kill_backend
from tests.suite import Suite

TIMES = 10
CLEAN = Verdict(frozenset(), frozenset(), frozenset(), frozenset())

# Those of a row are killed in turns of their own, side by side: the supervisor waits longer each time a process ends
# early, and ten times one after the other takes a minute for each. One of a row at most is on the way of mail.
ROWS = [
    pytest.param(("submission", "register", "smtp-in"), id="submission-register-smtp-in"),
    pytest.param(("imap", "valkey", "queue-worker"), id="imap-valkey-queue-worker"),
    pytest.param(("postgres",), id="postgres"),
    pytest.param(("backend",), id="backend-of-postgres"),
]
ON_THE_WAY = ("submission", "imap", "postgres", "backend")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("targets", ROWS)
def test_kill(suite: Suite, tmp_path: Path, user: str, targets: tuple[str, ...]) -> None:
    with Load(suite, tmp_path, user) as load:
        with ThreadPoolExecutor(len(targets)) as pool:
            for killing in [pool.submit(_kill_often, suite, load, target) for target in targets]:
                killing.result()
        load.wait_for_mail()
        verdict = load.finish()
        assert verdict == CLEAN
        print(f"{load.accepted} messages accepted while {', '.join(targets)} died {TIMES} times")


def _kill_often(suite: Suite, load: Load, target: str) -> None:
    for number in range(TIMES):
        if target in ON_THE_WAY:
            load.wait_for_mail()
        if target == "backend":
            kill_backend(suite, number)
        else:
            kill(suite, target)
