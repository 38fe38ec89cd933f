"""What a suite that nobody uses takes, and what each of its services can know."""

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bench import accounting
from chatmail.services import SERVICES
from tests.suite import Suite

# Measured 220 to 245 MB with Python 3.11; run one by one, the services alone take that much.
MOST_OCTETS = 290_000_000
POSTGRES_ROLE = re.compile(rb"postgresql://(\w+)@")
REDIS_USER = re.compile(rb"unix://(\w+):[\w-]{10}")
# /mxdeliv in register is smtp-in's door.
ROLES = {service.name: {service.role} for service in SERVICES} | {"register": {"register", "smtp_in"}}


@pytest.fixture(scope="module")
def fresh() -> Iterator[Suite]:
    with Suite() as suite:
        yield suite


def test_it_takes_little_memory(fresh: Suite) -> None:
    deadline = time.monotonic() + 30  # what was imported and migrated with is on its way out
    while (octets := accounting.memory({"all": fresh.status["pid"]})["all"]) > MOST_OCTETS:
        assert time.monotonic() < deadline, f"{octets / 1e6:.0f} MB"
        time.sleep(0.2)
    assert octets > 50_000_000, "or nothing was measured"


def test_nothing_runs_that_nobody_needs(fresh: Suite) -> None:
    status = fresh.status
    known = {status["pid"], *status["services"].values(), status["servers"]["valkey"]}
    postgres = set(accounting.tree(status["servers"]["postgres"]))
    assert set(accounting.tree(status["pid"])) == known | postgres


@pytest.mark.parametrize("name", [service.name for service in SERVICES])
def test_a_service_knows_its_own_way_in_and_no_other(fresh: Suite, name: str) -> None:
    seen = _memory(fresh.pid(name))
    roles = {role.decode() for role in POSTGRES_ROLE.findall(seen)}
    users = {user.decode() for user in REDIS_USER.findall(seen)}
    service = next(service for service in SERVICES if service.name == name)
    assert roles == ROLES[name]
    assert users == {service.role}


@pytest.mark.parametrize("name", [service.name for service in SERVICES])
def test_its_name_can_be_read(fresh: Suite, name: str) -> None:
    assert Path(f"/proc/{fresh.pid(name)}/comm").read_text().strip() == name


def test_a_start_whose_nursery_is_killed_is_a_start(tmp_path: Path) -> None:
    suite = _Robbed(tmp_path)
    with suite:
        assert suite.robbed, "the nursery was not seen"
        assert set(suite.status["services"]) == {service.name for service in SERVICES}


class _Robbed(Suite):
    """A suite whose nursery is killed as soon as it can be seen."""

    robbed = 0

    def wait(self, is_done, seconds, what) -> None:  # type: ignore[no-untyped-def]
        def rob() -> bool:
            assert self.process
            for pid in accounting.tree(self.process.pid)[1:]:
                with suppress(OSError):
                    if Path(f"/proc/{pid}/comm").read_text().strip() == "nursery":
                        os.kill(pid, signal.SIGKILL)
                        self.robbed = pid
            return bool(is_done())

        super().wait(rob, seconds, what)


def _memory(pid: int) -> bytes:
    found = []
    with open(f"/proc/{pid}/mem", "rb", 0) as octets:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            place, rights = line.split()[:2]
            if rights.startswith("rw"):
                start, end = (int(part, 16) for part in place.split("-"))
                octets.seek(start)
                with suppress(OSError):  # shared with the kernel alone
                    found.append(octets.read(end - start))
    return b"".join(found)
