"""The test suite of RFC 7208, fetched from where pyspf publishes it: the cases are others' text and no part of this."""

import hashlib
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from shared.dns.answer import Answer, LookupFailed, Mx

RELEASE = "pyspf==2.0.14"
SHA256 = "57a7ef01bda090173aafb6af0106251686ed73f03db4e911fcd34c57fc347186"
CASES = "pyspf-2.0.14/test/rfc7208-tests.yml"
CACHE = Path(__file__).parents[2] / ".pytest_cache" / "d" / "rfc7208"

Zone = dict[str, list[Any]]


@dataclass(frozen=True)
class Case:
    name: str
    host: str
    mailfrom: str
    helo: str
    results: list[str]
    zone: Zone


def cases() -> list[Case]:
    """Return every case, in the order of the file; leave the tests out where the world cannot be reached."""
    import yaml  # here, so that nothing but these tests needs it

    with tarfile.open(_archive()) as archive:
        member = archive.extractfile(CASES)
        assert member
        return [case for scenario in yaml.safe_load_all(member) for case in _cases(scenario)]


def _archive() -> Path:
    path = CACHE / f"{RELEASE.replace('==', '-')}.tar.gz"
    if not path.exists():
        _fetch()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == SHA256
    return path


def _fetch() -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-binary", ":all:", "--no-deps", RELEASE]
    done = subprocess.run([*command, "-d", str(CACHE)], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs: {RELEASE}, which pip cannot fetch: {done.stderr[-300:]}")


def _cases(scenario: dict[str, Any]) -> Iterator[Case]:
    zone = {name.lower(): list(_records(entries)) for name, entries in scenario["zonedata"].items()}
    for name, case in scenario["tests"].items():
        results = case["result"] if isinstance(case["result"], list) else [case["result"]]
        yield Case(name, case["host"], case["mailfrom"], case["helo"], results, zone)


def _records(entries: list[Any]) -> Iterator[Any]:
    """The suite writes a policy once, as type SPF: a name without TXT of its own has it as TXT, too."""
    has_txt = any(isinstance(entry, dict) and "TXT" in entry for entry in entries)
    for entry in entries:
        if entry == "TIMEOUT":
            yield entry
            continue
        ((kind, value),) = entry.items()
        if kind == "SPF" and not has_txt:
            yield "TXT", value
        elif kind != "SPF" and value != "NONE":
            yield kind, value


class Zones:
    """Answers as a Resolver would, out of one scenario's zone."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self.asked: list[tuple[str, str]] = []

    async def lookup(self, name: str, kind: str) -> Answer:
        self.asked.append((name, kind))
        records, final = self._follow(name.lower().rstrip("."), kind)
        return Answer(tuple(records), exists=bool(records), is_authentic=False, canonical=final, ttl=60)

    def _follow(self, name: str, kind: str) -> tuple[list[Any], str]:
        for _ in range(10):
            entries = self._zone.get(name, [])
            found = [_value(kind, value) for known, value in _pairs(entries) if known == kind]
            if any(value == "TIMEOUT" for value in found) or (not found and "TIMEOUT" in entries):
                raise LookupFailed("no answer in time")
            links = [value for known, value in _pairs(entries) if known == "CNAME"]
            if found or not links:
                return found, name
            name = links[0].lower().rstrip(".")
        return [], name


def _pairs(entries: list[Any]) -> list[tuple[str, Any]]:
    return [entry for entry in entries if entry != "TIMEOUT"]


def _value(kind: str, value: Any) -> Any:
    if value == "TIMEOUT":
        return value
    match kind:
        case "A" | "AAAA":
            return ip_address(value)
        case "MX":
            return Mx(value[0], value[1].lower().rstrip("."))
        case "TXT":
            return "".join([value] if isinstance(value, str) else value).encode()
    return value.lower().rstrip(".")
