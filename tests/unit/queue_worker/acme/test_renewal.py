"""When a worker asks, what it does, and what becomes of failures; the authority and the database are played."""

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from queue_worker.acme import renewal
from queue_worker.acme.renewal import Renewal, Wishes
from queue_worker.acme.trouble import Trouble

from shared.policy.certificates import DELAYS, LEFT_OUT_SECONDS, OWN_DELAYS, Held
from shared.storage.certificates import Issued, State
from shared.storage.errors import Unavailable
from tests.certificates import Authority as Ca

NOW = datetime.now(UTC)
CA = "https://ca.test/dir"
NAMES = ["h.test", "a.test", "mta-sts.a.test", "autoconfig.a.test", "www.a.test"]
CHAIN = Ca()


class Dns:
    def __init__(self) -> None:
        self.asked = 0
        self.knows = True

    async def addresses(self, name: str) -> list[object]:
        self.asked += 1
        return [ip_address("192.0.2.1")] if self.knows else []


@dataclass
class Requests:
    """The database's part, for one worker."""

    state_now: State = field(default_factory=lambda: State(0, True, 0, False, frozenset(), NOW, None))
    is_first: bool = True
    away: int = 0  # so many tries to put a certificate in force
    offered: dict[str, str] = field(default_factory=dict)
    kept: list[Issued] = field(default_factory=list)
    failures: list[tuple[Any, ...]] = field(default_factory=list)
    begun: list[tuple[int, float, float]] = field(default_factory=list)
    stays: int = 0

    async def state(self) -> State:
        return self.state_now

    async def begin(self, seen: int, lease: float, retry: float) -> int | None:
        self.begun.append((seen, lease, retry))
        return seen + 1 if self.is_first else None

    async def stay(self, attempt: int, lease: float) -> bool:
        self.stays += 1
        return True

    async def key(self, directory: str, offered: str) -> str:
        return offered

    async def offer(self, attempt: int, answers: dict[str, str]) -> bool:
        self.offered = answers
        return True

    async def issued(self, attempt: int, directory: str, issued: Issued) -> bool:
        if self.away:
            self.away -= 1
            raise Unavailable
        self.kept.append(issued)
        return True

    async def failed(self, *what: Any) -> bool:
        self.failures.append(what[1:])
        return True


@dataclass
class Authority:
    """An authority that signs whatever it is asked to, after `looks` looks, or fails with `trouble` at a step."""

    looks: int = 2
    trouble: dict[str, Exception] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    is_known: bool = False  # every name is confirmed already

    def order(self, names: list[str], request: bytes) -> dict[str, str]:
        self._step("order")
        self.names, self._request = names, x509.load_pem_x509_csr(request)
        return {} if self.is_known else {f"token{number}": "answer" for number in range(len(names))}

    def call(self) -> None:
        self._step("call")

    def look(self) -> str | None:
        self._step("look")
        self.looks -= 1
        return None if self.looks else _sign(self._request)

    def close(self) -> None:
        self.steps.append("close")

    def _step(self, name: str) -> None:
        self.steps.append(name)
        if name in self.trouble:
            raise self.trouble[name]


def _sign(request: x509.CertificateSigningRequest) -> str:
    made = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(CHAIN.certificate.subject)
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=90))
        .add_extension(request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value, critical=False)
    )
    return made.sign(CHAIN.key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


@dataclass
class Rig:
    requests: Requests
    authority: Authority
    dns: Dns
    renewal: Renewal

    def state(self, **changes: Any) -> None:
        self.requests.state_now = replace(self.requests.state_now, **changes)


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setattr(renewal, "PACE", (0.0,))
    requests, authority, dns = Requests(), Authority(), Dns()
    wishes = Wishes("h.test", ["a.test"], "me@a.test", CA, None, tmp_path)
    return Rig(
        requests,
        authority,
        dns,
        Renewal(wishes, requests, dns, lambda *_: authority, lambda: 0.0, seen_seconds=0.0),  # type: ignore[arg-type]
    )


def in_force(names: Sequence[str] = NAMES, left: float = 80) -> Held:
    end = NOW + timedelta(days=left)
    return Held(frozenset(names), end - timedelta(days=90), end, CA)


async def test_a_first_one_is_asked_for(rig: Rig) -> None:
    await rig.renewal.look()
    assert rig.authority.steps == ["order", "call", "look", "look", "close"]
    assert rig.authority.names == NAMES
    assert len(rig.requests.offered) == len(NAMES)
    (kept,) = rig.requests.kept
    assert set(kept.names) == set(NAMES)
    assert rig.requests.failures == []


async def test_what_is_confirmed_already_is_not_answered_again(rig: Rig) -> None:
    rig.authority.is_known = True
    await rig.renewal.look()
    assert "call" not in rig.authority.steps
    assert rig.requests.kept


IDLE = {
    "too soon, or another is at it": {"may_begin": False},
    "valid": {"held": in_force()},
    "valid but for a name left out": {"held": in_force(NAMES[:-1]), "left_out": frozenset({NAMES[-1]})},
}


@pytest.mark.parametrize("changes", IDLE.values(), ids=list(IDLE))
async def test_nothing_is_asked(rig: Rig, changes: dict[str, Any]) -> None:
    rig.state(**changes)
    for _ in range(3):
        await rig.renewal.look()
    assert rig.requests.begun == []
    assert rig.dns.asked <= len(NAMES)  # and the names were looked up once at the most


DUE = {
    "a third is left": {"held": in_force(left=29)},
    "a name came": {"held": in_force(NAMES[:-1])},
    "the operator asked": {"held": in_force(), "is_wanted": True},
    "another authority": {"held": replace(in_force(), directory="https://old.test")},
}


@pytest.mark.parametrize("changes", DUE.values(), ids=list(DUE))
async def test_another_is_asked_for(rig: Rig, changes: dict[str, Any]) -> None:
    rig.state(**changes)
    await rig.renewal.look()
    assert len(rig.requests.kept) == 1


async def test_where_another_worker_was_first_nothing_is_done(rig: Rig) -> None:
    rig.requests.is_first = False
    await rig.renewal.look()
    assert rig.authority.steps == []


async def test_the_operators_files_leave_nothing_to_ask(rig: Rig) -> None:
    for name in ("fullchain.pem", "privkey.pem"):
        (rig.renewal.wishes.files / name).write_text("")
    await rig.renewal.look()
    assert rig.requests.begun == []
    rig.state(is_wanted=True)  # unless told to
    await rig.renewal.look()
    assert rig.requests.kept


@pytest.mark.parametrize("step", ["order", "call", "look"])
async def test_a_failure_is_recorded_with_its_names(rig: Rig, step: str) -> None:
    rig.authority.trouble[step] = Trouble("unauthorized", ["h.test", "a.test"])
    rig.state(failures=1)
    await rig.renewal.look()
    assert rig.requests.failures == [("unauthorized", ("h.test", "a.test"), DELAYS[1], [], LEFT_OUT_SECONDS)]
    assert rig.authority.steps[-1] == "close"
    assert rig.requests.kept == []


async def test_names_beside_the_host_are_left_out(rig: Rig) -> None:
    rig.authority.trouble["look"] = Trouble("connection", ["www.a.test"])
    rig.state(failures=3)
    await rig.renewal.look()
    assert rig.requests.failures == [("connection", ("www.a.test",), DELAYS[0], ["www.a.test"], LEFT_OUT_SECONDS)]
    rig.authority.trouble.clear()
    rig.state(left_out=frozenset({"www.a.test"}))
    await rig.renewal.look()
    assert rig.authority.names == NAMES[:-1]


async def test_names_nobody_asked_for_leave_nothing_out_and_hasten_nothing(rig: Rig) -> None:
    rig.authority.trouble["look"] = Trouble("connection", ["WWW.a.test", "\x1b[2Jelsewhere.test"])
    rig.state(failures=3)
    await rig.renewal.look()
    assert rig.requests.failures == [("connection", (), DELAYS[3], [], LEFT_OUT_SECONDS)]


async def test_an_authority_that_does_not_say_which_is_asked_for_the_host_alone(rig: Rig) -> None:
    rig.authority.trouble["order"] = Trouble("rejectedIdentifier")
    await rig.renewal.look()
    assert rig.requests.failures[0][2:4] == (DELAYS[0], NAMES[1:])
    rig.state(left_out=frozenset(NAMES[1:]))
    await rig.renewal.look()
    assert rig.requests.failures[1][2:4] == (DELAYS[-1], [])


async def test_the_authority_says_when(rig: Rig) -> None:
    rig.authority.trouble["order"] = Trouble("rateLimited", retry=7200.0)
    await rig.renewal.look()
    assert rig.requests.failures[0][2] == 7200.0


async def test_a_host_nobody_finds_troubles_no_authority(rig: Rig) -> None:
    rig.dns.knows = False
    await rig.renewal.look()
    assert rig.requests.failures == [("unresolved", ("h.test",), OWN_DELAYS[0], [], LEFT_OUT_SECONDS)]
    assert rig.authority.steps == []
    rig.requests.failures.clear()
    rig.state(held=in_force())  # nothing is due
    await rig.renewal.look()
    assert rig.requests.failures == []


async def test_an_order_that_never_ends_is_given_up(rig: Rig) -> None:
    times = iter(range(0, 10**6, 50))
    rig.renewal.clock = lambda: next(times)
    rig.authority.looks = -1
    await rig.renewal.look()
    assert rig.requests.failures[0][0] == "timeout"


async def test_an_answer_that_never_ends_is_given_up(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "TALK_SECONDS", 0.05)
    hung_up = threading.Event()
    monkeypatch.setattr(rig.authority, "look", lambda: hung_up.wait(30) and None)
    await rig.renewal.look()
    hung_up.set()
    assert rig.requests.failures[0][0] == "timeout"
    assert rig.authority.steps[-1] == "close"


async def test_what_was_issued_waits_for_the_database(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    sleep = asyncio.sleep
    monkeypatch.setattr(asyncio, "sleep", lambda _: sleep(0))
    rig.requests.away = 3
    await rig.renewal.look()
    assert len(rig.requests.kept) == 1
    assert rig.authority.steps.count("order") == 1


async def test_the_lease_is_kept_up_while_the_authority_takes_its_time(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "STAY_SECONDS", 0.0)
    rig.authority.looks = 5
    await rig.renewal.look()
    assert rig.requests.stays


async def test_an_error_nobody_foresaw_ends_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("START_SECONDS", "LOOK_SECONDS"):
        monkeypatch.setattr(renewal, name, 0.0)
    rig.authority.trouble["order"] = ValueError("what is this")
    running = asyncio.create_task(rig.renewal.run())
    while len(rig.requests.begun) < 2:
        await asyncio.sleep(0)
    rig.authority.trouble.clear()
    while not rig.requests.kept:
        await asyncio.sleep(0)
    running.cancel()
