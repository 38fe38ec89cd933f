"""One run against one server: everything that is measured, in the order in which it happens."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from bench.imap.world import Server
from bench.report import share_of

ROOT = Path(__file__).parent.parent.parent
OTHERS = 50  # who say NOOP beside the load
SLOW_USERS = 8  # whose one large message the slow readers read
STOP_SECONDS = 30.0
SPARE_FILES = 500
LOOK_SECONDS = 1.0
QUIET_SECONDS = 5.0
TRIM_SECONDS = 35.0  # after a storm: by then our service has given back what it freed
EARLY_SECONDS = 15.0  # by how much a keep-alive may come before its time: it is looked for every ten


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much of everything; seconds and octets."""

    clients: int = 10_000
    idle: float = 60.0
    keep_alive: float = 120.0  # since the last one connected: by then everybody was kept alive
    wakes: int = 200
    at_once: int = 200
    readers: int = 200
    size: int = 30_000_000
    slow: float = 20.0

    @property
    def users(self) -> int:
        """Clients, then those who say NOOP, then those with a large message."""
        return self.clients + OTHERS + SLOW_USERS


class Process:
    """A load process, asked one thing at a time."""

    def __init__(self, server: Server, files: int) -> None:
        order = json.dumps({**asdict(server.place), "files": files})
        command = [sys.executable, "-m", "bench.imap.client", order]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def ask(self, word: str, **details: Any) -> dict[str, Any]:
        """Give an order and await its answer."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps([word, details]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the load ended with {self._process.wait(STOP_SECONDS)}, see above"
        answer: dict[str, Any] = json.loads(line)
        return answer


class Peak:
    """The most memory a server took while this is a context."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.octets = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(LOOK_SECONDS):
            self.octets = max(self.octets, self._server.memory())


def measure(server: Server, wanted: Wanted) -> dict[str, Any]:
    """Run everything against one server and return the figures."""
    with Process(server, wanted.clients + SPARE_FILES) as load, Process(server, 1000) as others:
        found: dict[str, Any] = {"server": server.name, "imap": server.imap, "base": server.memory()}
        found["quiet"] = _noops(others, wanted, QUIET_SECONDS)
        found["first"] = _storm(server, load, "connect", wanted, first=0, count=wanted.clients)
        since = time.monotonic()
        found["memory"] = server.memory()
        found["idle"] = _idle(server, load, wanted.idle)
        early = found["first"]["seconds"] + EARLY_SECONDS
        time.sleep(max(0.0, wanted.keep_alive - early - (time.monotonic() - since)))
        found["kept"] = _idle(server, load, wanted.idle)
        if server.place.submissions:
            found["wake"] = _shares(load.ask("wake", number=wanted.wakes, by="submission")["waits"])
        found["wake_append"] = _shares(load.ask("wake", number=wanted.wakes, by="append")["waits"])
        for name, keeps_session in (("storm", False), ("resumed", True)):
            load.ask("cut", keeps_session=keeps_session)
            with _beside(others, wanted, found, f"{name}_noops"):
                found[name] = _storm(server, load, "come_back", wanted)
        time.sleep(TRIM_SECONDS)
        found["after"] = server.memory()
        load.ask("cut", keeps_session=False)
        found.update(_slow(server, load, others, wanted))
        return found


def _storm(server: Server, load: Process, word: str, wanted: Wanted, **details: int) -> dict[str, Any]:
    before = server.cpu()
    answer = load.ask(word, at_once=wanted.at_once, **details)
    used = {name: seconds - before[name] for name, seconds in server.cpu().items()}
    speaking = sum(used[name] for name in server.imap)
    return {
        "seconds": answer["seconds"],
        "a_second": wanted.clients / answer["seconds"],
        "a_core_second": wanted.clients / speaking,
        "a_core_second_all": wanted.clients / sum(used.values()),
        "cpu": {name: seconds / wanted.clients * 1e6 for name, seconds in used.items()},
        "client_cpu": answer["cpu"] / wanted.clients * 1e6,
        "took": _shares(answer["took"]),
        "resumed": answer["resumed"],
    }


def _idle(server: Server, load: Process, seconds: float) -> dict[str, Any]:
    load.ask("heard")
    before, since = server.cpu(), time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - since
    used = {name: (now - before[name]) / took for name, now in server.cpu().items()}
    return {"seconds": took, "cpu": used, **load.ask("heard")}


def _noops(others: Process, wanted: Wanted, seconds: float) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with _beside(others, wanted, found, "noops"):
        time.sleep(seconds)
    answer: dict[str, Any] = found["noops"]
    return answer


@contextmanager
def _beside(others: Process, wanted: Wanted, found: dict[str, Any], name: str) -> Iterator[None]:
    """Let others say NOOP meanwhile, and note how long their answers took."""
    others.ask("noops", first=wanted.clients, count=OTHERS)
    yield
    found[name] = {word: _shares(values) for word, values in others.ask("quiet").items()}


def _slow(server: Server, load: Process, others: Process, wanted: Wanted) -> dict[str, Any]:
    first = wanted.clients + OTHERS
    load.ask("store", first=first, count=SLOW_USERS, size=wanted.size)
    time.sleep(2.0)
    found: dict[str, Any] = {"slow_base": server.memory()}
    found["slow_quiet"] = _noops(others, wanted, QUIET_SECONDS)
    with Peak(server) as peak, _beside(others, wanted, found, "slow_noops"):
        details = {"first": first, "users": SLOW_USERS, "readers": wanted.readers, "seconds": wanted.slow}
        found["slow"] = load.ask("read_slowly", **details)
    found["slow_peak"] = peak.octets
    return found


def _shares(values: list[float]) -> dict[str, float]:
    """Return milliseconds."""
    if not values:
        return {}
    return {
        "number": len(values),
        "p50": share_of(values, 50) * 1e3,
        "p99": share_of(values, 99) * 1e3,
        "max": max(values) * 1e3,
    }
